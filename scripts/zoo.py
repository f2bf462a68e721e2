"""Pack the agents of sweeps into an archive that others can evaluate by name."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import tyro

from mcproxy.errors import UserError
from mcproxy.scripts import _cli
from mcproxy.scripts.sweeps.plan import PlannedRun, read


@dataclass
class Args:
    """Pack one agent of each group of the plans, with its settings and checksums; `--policy zoo:NAME` loads it.

    Example: mcproxy zoo pack plans/demo.toml --out zoo, then MCPROXY_ZOO=zoo mcproxy evaluate --policy zoo:beacon-...
    """

    action: tyro.conf.Positional[Literal["pack"]]
    """pack: write the archive."""
    plans: tyro.conf.Positional[tuple[Path, ...]]
    """Plans of sweeps that have been run, in runs/PLAN or the folders named by --run."""
    out: Path
    """Folder of the archive; agents that are in it already are kept."""
    run: tuple[Path, ...] = ()
    """Folders of the sweeps, in the order of the plans; default: runs/PLAN."""
    seeds: int = 1
    """Training seeds to pack of each group, the first ones."""


def main(argv: list[str]) -> int:
    """Pack the agents, and print their names."""
    args = _cli.parse(Args, argv, "zoo")
    if args.run and len(args.run) != len(args.plans):
        raise UserError(f"{len(args.run)} folders with --run for {len(args.plans)} plans: expected one for each")
    if args.seeds < 1:
        raise UserError(f"--seeds {args.seeds}: expected 1 or more")
    from mcproxy.agent import checkpoint, zoo

    agents: dict[str, Path] = {}
    cards: dict[str, dict[str, Any]] = {}
    for k, path in enumerate(args.plans):
        plan, folder = read(path), args.run[k] if args.run else Path("runs") / path.stem
        taken: dict[str, list[PlannedRun]] = {}
        for run in plan.runs:
            if len(taken.setdefault(run.group, [])) < args.seeds:
                taken[run.group].append(run)
        for run in (run for runs in taken.values() for run in runs):
            source = folder / "train" / run.name
            if not (source / checkpoint.MODEL).exists():
                raise UserError(f"{source} has no agent yet: run mcproxy sweep {path} first")
            agents[run.name] = source
            cards[run.name] = {"plan": path.name, "group": run.group, "seed": run.seed, "settings": dict(run.settings)}
    index = zoo.pack(agents, cards, args.out)
    for name in agents:
        print(f"{zoo.PREFIX}{name}")
    print(f"\nindex       {index}")
    print(f"next        {zoo.VARIABLE}={args.out} mcproxy evaluate --policy zoo:{next(iter(agents))} --out OUT")
    return 0


if __name__ == "__main__":
    sys.exit(_cli.run(main, "zoo"))
