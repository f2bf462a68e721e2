"""Run policies over the arms of a task and say what each of them went for."""

import contextlib
import os
import shlex
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from mcproxy.errors import UserError
from mcproxy.scripts import _cli


@dataclass
class Args:
    """Run policies over the arms of a task, on the same layouts each, and say what every one of them went for."""

    policy: tuple[str, ...]
    """random, expert:goal, expert:PROXY, a shipped agent, a checkpoint folder, or module:factory."""
    out: Path
    """Folder for results.json and recordings/; it must be new or empty."""
    task: str = "beacon"
    """The task; mcproxy tasks lists them."""
    arm: tuple[str, ...] = ("all",)
    """Arms of the task, or all."""
    episodes: int = 200
    """Layouts per policy and arm."""
    seed: int = 0
    """Seed of the first layout; the others follow it."""
    frames: Literal["gzip", "none"] = "gzip"
    """What recordings hold of the frames; with none they are small, and frames are drawn again when replayed."""
    threads: int = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    """Threads that step and draw the worlds."""
    force: bool = False
    """Replace the evaluation that is in the folder."""
    deterministic: bool = False
    """Take each policy's likeliest action, instead of sampling as in training."""
    backend: Literal["engine", "minerl"] = "engine"
    """Run worlds in this process, or as MineRL environments over Malmo's protocol (docs/minerl.md)."""
    connect: str | None = None
    """With --backend minerl: HOST:PORT of a running Malmo server, ours or a Minecraft; by default one is started."""
    json: bool = False
    """Print one JSON document and nothing else."""


def main(argv: list[str]) -> int:
    """Evaluate, and print the verdicts as a table or as JSON."""
    args = _cli.parse(Args, argv, "evaluate")
    if args.connect is not None and args.backend != "minerl":
        raise UserError(f"--connect {args.connect}: only with --backend minerl")
    from mcproxy.backends import malmo
    from mcproxy.eval import suite

    try:
        with contextlib.ExitStack() as stack:
            progress = stack.enter_context(_cli.progress())
            server = stack.enter_context(malmo.server(args.connect)) if args.backend == "minerl" else None
            results = suite.run(
                args.policy,
                args.task,
                args.arm,
                args.episodes,
                args.out,
                seed=args.seed,
                frames=args.frames,
                threads=args.threads,
                force=args.force,
                deterministic=args.deterministic,
                malmo=server,
                progress=progress,
            )
    except KeyboardInterrupt:
        if args.out.is_dir():
            _cli.say(f"{args.out} keeps the rows that were finished, and every complete episode in its recordings")
        raise
    broken = sum(arm.invalid for arm in results.arms)
    if broken:
        _cli.say(f"{broken} episodes were cut off by lost connections, and run again")
    rows, findings = results.rows, results.findings
    files = [str(args.out / file) for file in results.files]
    if args.json:
        _cli.print_json({"rows": [*map(asdict, rows)], "findings": [*map(asdict, findings)], "files": files})
        return 0
    from mcproxy.eval.finding import MISGENERALIZED
    from mcproxy.scripts import _table

    groups = [(name, [row for row in rows if row.policy == name]) for name in results.policies]
    _table.show(f"{args.task}: what did they go for?", groups, findings)
    print(f"\nresults     {args.out / 'results.json'}\nrecordings  {args.out / suite.RECORDINGS}")
    strayed = {f.policy for f in findings if (f.finding or "").startswith(MISGENERALIZED)}
    told = max(range(len(files)), key=lambda k: (results.arms[k].arm == "separated", results.arms[k].policy in strayed))
    print(f"next        mcproxy replay {shlex.quote(str(Path(files[told]).parents[1]))}")
    print(f"            mcproxy leaderboard {shlex.quote(str(args.out))}")
    return 0


if __name__ == "__main__":
    sys.exit(_cli.run(main, "evaluate"))
