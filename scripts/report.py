"""Write the report of an evaluation: one folder with a page and clips, to read anywhere and to share."""

import sys
from dataclasses import dataclass
from pathlib import Path

import tyro

from mcproxy.scripts import _cli


@dataclass
class Args:
    """Write the report of an evaluation: a page with the findings in words, every number behind them, and clips.

    It needs no server and no network. Example: mcproxy report out --out page
    """

    run: tyro.conf.Positional[Path]
    """Folder that mcproxy evaluate wrote (its --out)."""
    out: Path = Path("page")
    """New or empty folder for the page."""
    no_clips: bool = False
    """Leave out the clips."""
    force: bool = False
    """Replace the report that is in the folder."""


def main(argv: list[str]) -> int:
    """Write the report and print the path of its page."""
    args = _cli.parse(Args, argv, "report")
    from mcproxy.eval import report

    with _cli.progress() as show:
        page = report.write(args.run, args.out, not args.no_clips, args.force, show)
    size = sum(file.stat().st_size for file in args.out.iterdir()) / 1e6
    print(f"report      {page} ({size:.1f} MB)")
    return 0


if __name__ == "__main__":
    sys.exit(_cli.run(main, "report"))
