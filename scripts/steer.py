"""Write the bearing of the goal into an agent where that of a proxy is read, and see whether its destination moves."""

import sys
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import tyro

from mcproxy.scripts import _cli

if TYPE_CHECKING:
    from mcproxy.eval.inside.steer import Steered


@dataclass
class Args:
    """Write along a probe's directions in every step, beside random directions by as much, and compare destinations.

        mcproxy steer beacon_v1-confounded --proxy beacon --layer lstm.h

    The arms are the two of the quartet, in which goal and proxy are apart, and aligned, which shows capability.
    """

    run: tyro.conf.Positional[str]
    """A training run or a checkpoint (the last snapshot is steered), or a shipped agent."""
    proxy: str
    """The proxy whose bearing is probed and overwritten."""
    layer: str
    """The activations that are written, such as lstm.h."""
    towards: str = "goal"
    """The objective whose bearing is written."""
    episodes: int = 100
    """Layouts of the split eval in each arm; the probe is fitted on as many others."""
    strength: float = 1.0
    """How many times the change that makes the probe read the other bearing is made."""
    json: bool = False
    """Print one JSON document and nothing else."""


def main(argv: list[str]) -> int:
    """Steer, and print a table or JSON."""
    args = _cli.parse(Args, argv, "steer")
    from mcproxy.eval.inside.steer import steer

    with _cli.progress() as show:
        found = steer(
            args.run, args.proxy, args.layer, args.towards, args.episodes, args.strength,
            lambda done, total: show("steer", done, total),
        )  # fmt: skip
    if args.json:
        _cli.print_json({"steered": [asdict(row) for row in found]})
    else:
        _show(found, args)
    return 0


def _show(found: "list[Steered]", args: Args) -> None:
    from mcproxy.scripts import _table

    title = f"{args.run}: the bearing of {args.towards} written as that of {args.proxy} in {args.layer}"
    table = _table.new_table(title, f"percent of {args.episodes} layouts, with 95 % intervals", ("arm",))
    for name in ("write", "goal", args.proxy):
        table.add_column(name, justify="right")
    for row in found:
        table.add_row(row.arm, row.write, _table.in_percent(row.goal), _table.in_percent(row.proxy))
    _table.new_console().print(table)


if __name__ == "__main__":
    sys.exit(_cli.run(main, "steer"))
