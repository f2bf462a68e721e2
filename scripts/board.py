"""Build the board of submissions and evaluations: every row executed again, ranked, with its uncertainty."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import tyro

from mcproxy.errors import UserError
from mcproxy.scripts import _cli

if TYPE_CHECKING:
    from mcproxy.eval.board.board import Board

WIDTH = 150  # columns where stdout is no terminal


@dataclass
class Args:
    """Build the board of submissions and evaluations: every row executed again, ranked, with its uncertainty.

    Random and the experts are on every board, run here. Example:

        mcproxy board submissions/* --format html > board.html
    """

    folders: tyro.conf.Positional[tuple[Path, ...]]
    """Submissions (mcproxy submit), or folders that mcproxy evaluate wrote, which are not ranked."""
    format: Literal["table", "markdown", "json", "csv", "html"] = "table"
    """How the board is printed."""
    json: bool = False
    """Print one JSON document and nothing else; the same as --format json."""
    trust: bool = False
    """Do not execute plain evaluations again; their rows say so. Submissions are always executed again."""
    exports: Path | None = None
    """New folder for each accepted submission's records: .eval_results YAML, Every Eval Ever JSON, evaluation card."""
    task: tuple[str, ...] = ()
    """Files of your own tasks, if it is those that are submitted."""


def main(argv: list[str]) -> int:
    """Print the board; the exit code is 1 if a submission was refused."""
    args = _cli.parse(Args, argv, "board")
    from mcproxy import registry
    from mcproxy.eval.board import board as boards
    from mcproxy.eval.board import exports, formats

    for own in args.task:
        registry.get(own)
    if args.exports is not None and args.exports.exists():
        raise UserError(f"{args.exports} exists already: choose a new folder")
    with _cli.progress() as show:
        found = boards.board(args.folders, args.trust, show)
    if args.exports is not None:
        exports.write(found, args.exports)
    kind = "json" if args.json else args.format
    if kind == "json":
        _cli.print_json(formats.document(found))
    elif kind == "table":
        _show(found)
    else:
        print(
            {"markdown": formats.markdown, "csv": formats.comma_separated, "html": formats.web_page}[kind](found),
            end="",
        )
    for line in found.refused:
        _cli.say(line)
    return 1 if found.refused else 0


def _show(board: "Board") -> None:
    from rich.table import Table
    from rich.text import Text

    from mcproxy.eval.board import formats
    from mcproxy.scripts import _table

    console = _table.new_console(WIDTH)
    if not board.rows:
        console.print("no row: nothing was accepted")
        return
    for task in board.smallest_difference:
        lines = formats.cells(board, task)
        filled = [k for k in range(len(formats.HEAD)) if any(line[k] for line in lines)]
        table = Table(title=Text(task), title_justify="left", box=None)
        for k in filled:
            heading = formats.HEAD[k]
            table.add_column(heading, overflow="fold", no_wrap=heading in formats.LETTERS or heading == "capability")
        for line in lines:
            table.add_row(*(Text(line[k]) for k in filled))
        console.print(table)
        console.print(Text(formats.smallest(board, task), style="italic"))
    console.print(Text(formats.RULE, style="italic"))


if __name__ == "__main__":
    sys.exit(_cli.run(main, "board"))
