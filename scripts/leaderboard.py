"""Rank the policies of one or more evaluations, for each task, as their results say."""

import shlex
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tyro

from mcproxy.scripts import _cli

if TYPE_CHECKING:
    from mcproxy.eval import leaderboard


@dataclass
class Args:
    """Rank the policies of one or more evaluations: the capable first, by how often they go for the goal."""

    folders: tyro.conf.Positional[tuple[Path, ...]]
    """Folders that mcproxy evaluate wrote (its --out)."""
    json: bool = False
    """Print one JSON document and nothing else."""


def main(argv: list[str]) -> int:
    """Print a board for each task, as tables or as JSON."""
    args = _cli.parse(Args, argv, "leaderboard")
    from mcproxy.eval import leaderboard, results_json

    found = [(folder, results_json.read(folder)) for folder in args.folders]
    for folder, results in found:
        for line in results.lacks:
            _cli.say(f"{folder}: {line}")
    boards = leaderboard.boards(found)
    if args.json:
        _cli.print_json(_document(boards))
        return 0
    from mcproxy.scripts import _table

    if not boards:
        print("no policy has been evaluated in any arm there yet")
    for board in boards:
        names = {e.name: f"{e.rank}. {e.name}" for e in board.entries if e.rank is not None}
        title = f"{board.task} (version {board.version}), run by mcproxy {board.mcproxy}"
        _table.show_findings(title, board.arms, names)
        print()
    if boards:
        folders = " ".join(shlex.quote(str(folder)) for folder in args.folders)
        print(f"as the files say; mcproxy board {folders} executes every episode again")
    return 0


def _document(boards: "list[leaderboard.Board]") -> dict[str, list[dict[str, Any]]]:
    """The rows of every board, best policy first, each with the policy's rank; a reference's is None."""
    from mcproxy.eval import results_json
    from mcproxy.eval.measures.quartet import quartets_of

    rows, findings, quartets = [], [], []
    for board in boards:
        for entry in board.entries:
            extra = {"policy": entry.name, "rank": entry.rank, "mcproxy": board.mcproxy}
            rows += [asdict(row) | extra for row in entry.rows.values()]
        of_board = {"version": board.version, "mcproxy": board.mcproxy}
        findings += [asdict(finding) | of_board for finding in board.findings]
        quartets += [results_json.quartet_document(quartet) | of_board for quartet in quartets_of(board.arms)]
    return {"rows": rows, "findings": findings, "quartets": quartets}


if __name__ == "__main__":
    sys.exit(_cli.run(main, "leaderboard"))
