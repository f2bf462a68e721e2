"""Run policies over the arms of a task and say what each of them went for."""

import contextlib
import os
import shlex
import sys
from dataclasses import asdict, dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from mcproxy.errors import UserError
from mcproxy.scripts import _cli

if TYPE_CHECKING:
    from mcproxy.eval.harness import Backend
    from mcproxy.eval.results import Results

TASK = "beacon"


@dataclass
class Args:
    """Run policies over the arms of a task, on the same layouts each, and say what every one of them went for."""

    out: Path
    """Folder for results.json and recordings/ (with --suite, for one such folder a task); it must be new or empty."""
    policy: tuple[str, ...] = ()
    """random, expert:goal, expert:PROXY, planted:KIND..., a shipped agent, a checkpoint folder, or module:factory."""
    task: str | None = None
    """The task, beacon if none is named; mcproxy tasks lists them."""
    suite: str | None = None
    """Every task of a suite (core) with the agents that ship for it, instead of one task."""
    arm: tuple[str, ...] = ()
    """Arm names, all, or finding (only the arms that a finding needs), which is the default."""
    twins: bool = False
    """The four arms in which only the proxy, only the goal, both or neither are moved: what does the agent follow?"""
    official: bool = False
    """Run what a submission to the board rests on: the frozen layouts, and 100 more that follow from a hash of the
    policy's weights (docs/submit.md). It chooses arms, layouts and split by itself."""
    weights: tuple[Path, ...] = ()
    """With --official and a policy module:factory: the files that hold its weights, or folders of such files."""
    episodes: int = 200
    """Layouts per policy and arm."""
    split: Literal["eval", "test"] = "eval"
    """Layouts to evaluate on: eval for everyday use, the frozen test for what is published."""
    seed: int = 0
    """Seed of the first layout; the others follow it."""
    frames: Literal["gzip", "none"] = "gzip"
    """What recordings hold of the frames; with none they are small, and frames are drawn again when replayed."""
    labels: bool = False
    """Record the labels of every step: bearing, distance, pixels ... of goal, proxies and places (docs/inside.md)."""
    record: tuple[str, ...] = ()
    """Record the policies' activations of these names, such as lstm.h (docs/inside.md)."""
    threads: int = _cli.cores()
    """Threads that step and draw the worlds."""
    no_references: bool = False
    """Leave out random and the experts, which otherwise run beside the policies, unseen and unrecorded."""
    no_recordings: bool = False
    """Write results.json alone: a checkpoint and a seed give the same episodes again at any time."""
    resume: bool = False
    """Go on with the evaluation that is in the folder: what is finished there is not run again."""
    force: bool = False
    """Replace the evaluation that is in the folder."""
    deterministic: bool = False
    """Take each policy's likeliest action, instead of sampling as in training."""
    backend: Literal["engine", "minerl", "luanti"] = "engine"
    """Run the worlds in the embedded engine, in MineRL environments over Malmo's protocol (docs/minerl.md), or in
    Luanti clients (docs/transfer.md)."""
    connect: str | None = None
    """With --backend minerl: HOST:PORT of a running Malmo server, ours or a Minecraft; by default one is started."""
    json: bool = False
    """Print one JSON document and nothing else."""


def main(argv: list[str]) -> int:
    """Evaluate, and print the verdicts as a table or as JSON."""
    args = _cli.parse(Args, argv, "evaluate")
    if args.suite is not None and args.task is not None:
        raise UserError("--task names one task and --suite several: choose one of them")
    if args.suite is None and not args.policy and args.no_references:
        raise UserError("nothing to evaluate: name a policy with --policy")
    _check_official(args)
    if args.connect is not None and args.backend != "minerl":
        raise UserError(f"--connect {args.connect}: only with --backend minerl")
    try:
        with contextlib.ExitStack() as stack:
            backend = _backend(args, stack)
            found = _run(args, stack.enter_context(_cli.progress()), backend)
    except KeyboardInterrupt:
        _say_what_is_kept(args.out)
        raise
    broken = sum(arm.invalid for results in found.values() for arm in results.arms)
    if broken:
        _cli.say(f"{broken} episodes were cut off by lost connections, and run again")
    return _print_json(args, found) if args.json else _print_tables(args, found)


def _check_official(args: Args) -> None:
    """A `UserError` for what an official run chooses by itself, and for weights without one."""
    if not args.official:
        if args.weights:
            raise UserError("--weights: only with --official")
        return
    chosen = {field.name: field.default for field in fields(Args)}
    for name in ("suite", "arm", "twins", "episodes", "split", "seed", "backend", "no_recordings"):
        if getattr(args, name) != chosen[name]:
            raise UserError(f"--{name.replace('_', '-')}: --official chooses that by itself; leave it out")
    if args.weights and len(args.policy) != 1:
        raise UserError("--weights: expected with exactly one --policy; submit the others from runs of their own")


def _backend(args: Args, stack: contextlib.ExitStack) -> "Backend | None":
    """What runs the worlds in place of the engine; what must be ended with it is entered into `stack`."""
    if args.backend == "engine":
        return None
    from mcproxy import registry
    from mcproxy.env import VoxelVectorEnv
    from mcproxy.eval.harness import Backend

    if args.backend == "minerl":
        from mcproxy.malmo.client import connection
        from mcproxy.malmo.client.vector_env import MinerlVectorEnv

        server = stack.enter_context(connection.server(args.connect))
        return Backend("minerl", server.missions, partial(MinerlVectorEnv, connect=server.address))
    from mcproxy.eval.suite import SUITES
    from mcproxy.luanti import assets
    from mcproxy.luanti.worlds import LuantiWorlds, check_fits

    for name in SUITES.get(args.suite, ()) if args.suite is not None else (args.task or TASK,):
        check_fits(registry.get(name))
    assets.program("minetest")  # what is missing is told before anything is built
    return Backend("luanti", args.threads, partial(VoxelVectorEnv, worlds=LuantiWorlds))


def _run(args: Args, progress: _cli.Show, backend: "Backend | None") -> "dict[Path, Results]":
    """The results by the folder that they are in."""
    from mcproxy.eval import evaluation, suite

    options = evaluation.Options(
        split=args.split,
        seed=args.seed,
        frames=args.frames,
        threads=args.threads,
        force=args.force,
        resume=args.resume,
        references=not args.no_references,
        record=not args.no_recordings,
        deterministic=args.deterministic,
        backend=backend,
        labels=args.labels,
        layers=args.record,
    )
    if args.suite is not None:
        if args.twins:
            raise UserError("--twins is of one task: name it with --task")
        arms = args.arm or (evaluation.FINDING,)
        found = suite.run(args.suite, args.policy, arms, args.episodes, args.out, options, progress)
        return {args.out / task: results for task, results in found.items()}
    task = args.task or TASK
    if args.official:
        from mcproxy.eval.board import protocol

        entrants = [protocol.entrant(spec, args.weights) for spec in args.policy]
        return {args.out: protocol.run(entrants, task, args.out, replace(options, frames="none"), progress)}
    arms = (*args.arm, *evaluation.twin_arms(task)) if args.twins else args.arm or (evaluation.FINDING,)
    return {args.out: evaluation.run(args.policy, task, arms, args.episodes, args.out, options, progress)}


def _print_json(args: Args, found: "dict[Path, Results]") -> int:
    from mcproxy.eval import results_json

    every = found.values()
    document = {
        "rows": [asdict(row) for results in every for row in results.rows],
        "findings": [asdict(finding) for results in every for finding in results.findings],
        "quartets": [results_json.quartet_document(quartet) for results in every for quartet in results.quartets],
        "capability": [asdict(capability) for results in every for capability in results.capability],
        "nuisance": [asdict(row) for results in every for row in results.nuisance],
        "exchange": [],
        "references": sorted({name for results in every for name in results.references}),
        "accidental_contact": [asdict(contact) for results in every for contact in results.accidental],
        "twins": [asdict(reading) for results in every for reading in results.twins],
        "files": [str(out / file) for out, results in found.items() for file in results.files],
    }
    _cli.print_json(document)
    return 0


def _print_tables(args: Args, found: "dict[Path, Results]") -> int:
    from mcproxy.eval.evaluation import RECORDINGS
    from mcproxy.eval.measures.finding import MISGENERALIZED, is_separated
    from mcproxy.scripts import _table

    if args.suite is not None:
        by_task = {results.config["task"]: results for results in found.values()}
        _table.show_suite(f"{args.suite}: what did they go for?", by_task)
        print(f"\nresults     {args.out / '*' / 'results.json'}")
    else:
        ((out, results),) = found.items()
        _table.show_findings(f"{results.config['task']}: what did they go for?", results.arms)
        _table.show_words(results.findings)
        if args.arm or args.twins:
            groups = [(name, [row for row in results.rows if row.policy == name]) for name in results.policies]
            _table.show_arms(groups, results.accidental, results.twins)
        print(f"\nresults     {out / 'results.json'}")
        told = {f.policy for f in results.findings if (f.finding or "").startswith(MISGENERALIZED)}
        recorded = [arm for arm in results.arms if arm.recording]
        if recorded:
            best = max(recorded, key=lambda arm: (is_separated(arm.arm), arm.policy in told))
            print(f"recordings  {out / RECORDINGS}")
            task = f" --task {shlex.quote(args.task)}" if args.task and os.sep in args.task else ""
            print(f"next        mcproxy replay {shlex.quote(str((out / best.recording).parents[1]))}{task}")
    if args.official:
        print(f"submit      mcproxy submit {shlex.quote(str(args.out))} --template > card.toml   (fill it in)")
        print(f"            mcproxy submit {shlex.quote(str(args.out))} --card card.toml --out submission")
    print(f"            mcproxy leaderboard {' '.join(shlex.quote(str(out)) for out in found)}")
    return 0


def _say_what_is_kept(out: Path) -> None:
    kept = [*out.glob("results.json"), *out.glob("*/results.json")]
    recorded = [*out.glob("**/main_data.hdf5")]
    if kept:
        _cli.say(f"{out} keeps the rows that were finished, and every complete episode; go on with --resume")
    elif recorded:
        _cli.say(f"no row was finished yet; {out} keeps every complete episode in its recordings")


if __name__ == "__main__":
    sys.exit(_cli.run(main, "evaluate"))
