"""Train and evaluate a whole plan of runs, here or on a cluster; it can be cut and gone on with anywhere."""

import contextlib
import csv
import math
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from mcproxy.errors import UserError
from mcproxy.scripts import _cli
from mcproxy.scripts.sweeps import jobs, stages
from mcproxy.scripts.sweeps.plan import Plan, read

if TYPE_CHECKING:
    from mcproxy.agent.config import RunConfig

_START = 8.0  # seconds that a job takes before its first step, for the same


@dataclass
class Args:
    """Train every run of a plan, evaluate it, and sum up; what is complete in the folder is not done again."""

    plan: Annotated[Path, tyro.conf.Positional]
    """A TOML file; plans/demo.toml is one, and docs/sweeps.md says what it may hold."""
    out: Path | None = None
    """Folder of the sweep; runs/PLAN if not given."""
    jobs: int | None = None
    """Processes at a time; as many as there are cores if not given."""
    threads: int = 1
    """Threads of each process."""
    ray: str | None = None
    """Have a Ray cluster do it: its address, auto, or local to start one here. All of it must see the folder."""
    dry_run: bool = False
    """Say what is left to do, and about how long it takes on this machine."""
    json: bool = False
    """Print the summary as one JSON document and nothing else."""


def main(argv: list[str]) -> int:
    """Do what is left of a plan, and print its summary; 1 if something could not be done."""
    args = _cli.parse(Args, argv, "sweep")
    for name, value in (("--jobs", args.jobs), ("--threads", args.threads)):
        if value is not None and value < 1:
            raise UserError(f"{name} {value}: expected 1 or more")
    if args.dry_run and (args.json or args.ray is not None):
        raise UserError("--dry-run tells what is left in words, and for this machine: leave out --json and --ray")
    plan, out = read(args.plan), args.out or Path("runs") / args.plan.stem
    if args.ray is not None:
        out = out.resolve()  # the same on every node
    configs = stages.configs_of(plan, out)
    chains = stages.chains_of(plan, configs, out, args.threads)
    at_once = max(1, _cli.cores() // args.threads)
    width = args.jobs or at_once
    if args.dry_run:
        return _tell_what_is_left(plan, configs, chains, out, min(width, at_once), args.threads)
    from mcproxy.scripts.sweeps import summary

    with contextlib.ExitStack() as stack:
        attempts: jobs.Attempt = jobs.attempt
        if args.ray is not None:
            attempts, most = stack.enter_context(jobs.ray(args.ray, args.threads))
            width = min(args.jobs or most, most)
        tick = stack.enter_context(_progress(plan, chains, out))
        try:
            left = jobs.work(chains, attempts, width, _cli.say, tick)
        except KeyboardInterrupt:
            _cli.say(f"{out} keeps every checkpoint and finished row; go on by the same command")
            raise
    summed = summary.summarize(plan, out)
    summary.write(summed, out)
    for told in summary.mixed(summed):
        _cli.say(told)
    if args.json:
        _cli.print_json(summed)
    else:
        summary.show(summed, args.plan.stem)
        with_snapshots = any(row["snapshot"] is not None for row in summed["rates"])
        print(f"\nsummary     {out / summary.FILE}{', with the rates of snapshots' if with_snapshots else ''}")
    if left:
        _cli.say(f"not done: {', '.join(left)}; the same command tries again")
    return 1 if left else 0


@contextlib.contextmanager
def _progress(plan: Plan, chains: list[list[jobs.Job]], out: Path) -> Any:
    """Show training steps and jobs done, on a terminal as bars; yields what is to be called now and then."""
    total = sum(chain[0].steps for chain in chains[: len(plan.runs)])
    jobs = [job for chain in chains for job in chain]
    with _cli.progress() as show:

        def tick() -> None:
            show("training steps", sum(_steps(out / "train" / run_folder.name) for run_folder in plan.runs), total)
            show("jobs", sum(job.is_complete() for job in jobs), len(jobs))

        yield tick


def _steps(folder: Path) -> int:
    """The steps that a run has made."""
    with contextlib.suppress(OSError, ValueError, KeyError, IndexError), (folder / "progress.csv").open() as file:
        return int(list(csv.DictReader(file))[-1]["global_step"])
    return 0


def _tell_what_is_left(
    plan: Plan,
    configs: "dict[str, RunConfig]",
    chains: list[list[jobs.Job]],
    out: Path,
    width: int,
    threads: int,
) -> int:
    """Print a line for each run, and an estimate from a roll-out and an update of each kind, measured now."""
    from mcproxy.agent import run_folder

    seconds = 0.0
    speeds: dict[Any, tuple[float, float]] = {}

    def measured(config: "RunConfig") -> tuple[float, float]:
        config = run_folder.with_precision(config)
        kind = config.task, config.arch, config.device, config.resolution, config.ppo
        if kind not in speeds:
            _cli.say(f"measuring how fast {config.arch} learns {config.task}")
            speeds[kind] = _speeds(config, threads)
        return speeds[kind]

    for planned, chain in zip(plan.runs, chains, strict=False):
        config, done = configs[planned.name], run_folder.saved_steps(out / "train" / planned.name)
        training, *evaluations = chain
        left = [job for job in evaluations if not job.is_complete()]
        if not training.is_complete():
            state = f"{done:,} of {training.steps:,} steps"
            seconds += _START + (training.steps - done) / measured(config)[0]
        else:
            state = f"trained, {len(left)} of {len(evaluations)} evaluations left" if left else "complete"
        print(f"{planned.name:32} {' '.join(planned.flags)}  [{state}]")
        seconds += sum(_START + job.steps / measured(config)[1] for job in left)
    of_tasks = {planned.task or configs[planned.name].task: configs[planned.name] for planned in plan.runs}
    for config, [references] in zip(of_tasks.values(), chains[len(plan.runs) :], strict=True):
        if not references.is_complete():
            seconds += _START + references.steps / measured(config)[1]
    print(
        f"{len(plan.runs)} runs, {sum(chain[0].steps for chain in chains[: len(plan.runs)]):,} steps in all, in {out}"
    )
    if not seconds:
        print("nothing is left to do")
        return 0
    hours, minutes = divmod(math.ceil(seconds / width / 60), 60)
    rates = ", ".join(f"{kind[1]} {speed:,.0f}" for kind, (speed, _) in speeds.items())
    print(f"left: about {hours} h {minutes} min with {width} at a time, as fast as one alone is now ({rates} steps/s)")
    return 0


def _speeds(config: "RunConfig", threads: int) -> tuple[float, float]:
    """Steps/s of training and of acting alone, of one process on so many threads."""
    from mcproxy.agent import run_folder
    from mcproxy.agent.ppo import Trainer
    from mcproxy.agent.rollout import ROLLING_OUT
    from mcproxy.scripts import train

    trainer = Trainer(run_folder.with_precision(config), train.maker(config), threads)
    trainer.update()
    before = dict(trainer.seconds)
    trainer.update()
    trainer.close()
    spent = {part: trainer.seconds[part] - before[part] for part in before}
    steps = config.ppo.batch_size
    return steps / sum(spent.values()), steps / sum(spent[part] for part in ROLLING_OUT)


if __name__ == "__main__":
    sys.exit(_cli.run(main, "sweep"))
