"""Rank the policies of one or more evaluations, for each task."""

import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import tyro

from mcproxy.scripts import _cli


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

    boards = leaderboard.boards([(folder, results_json.read(folder)) for folder in args.folders])
    if args.json:
        _cli.print_json(_document(boards))
        return 0
    from mcproxy.scripts import _table

    if not boards:
        print("no policy has been evaluated in any arm there yet")
    for board in boards:
        names = [f"{e.rank}. {e.name}" if e.rank is not None else e.name for e in board.entries]
        groups = [(name, list(entry.rows.values())) for name, entry in zip(names, board.entries, strict=True)]
        title = f"{board.task} (version {board.version}), run by mcproxy {board.mcproxy}"
        _table.show(title, groups, [entry.finding for entry in board.entries])
        print()
    return 0


def _document(boards: list) -> dict:
    """The rows of every board, best policy first, each with the policy's rank; a reference's is None."""
    rows, findings = [], []
    for board in boards:
        for entry in board.entries:
            extra = {"policy": entry.name, "rank": entry.rank, "mcproxy": board.mcproxy}
            rows += [asdict(row) | extra for row in entry.rows.values()]
            findings.append(asdict(entry.finding) | {"version": board.version, "mcproxy": board.mcproxy})
    return {"rows": rows, "findings": findings}


if __name__ == "__main__":
    sys.exit(_cli.run(main, "leaderboard"))
