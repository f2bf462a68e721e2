"""Execute recorded actions again and compare events and verdicts."""

import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import tyro

from mcproxy.errors import UserError
from mcproxy.scripts import _cli

SHOWN = 10  # mismatches of a recording that are printed; --json has them all


@dataclass
class Args:
    """Execute recorded actions again and compare what comes of them with what was recorded; exit 1 if they differ."""

    files: tyro.conf.Positional[tuple[Path, ...]]
    """Recordings (main_data.hdf5), or folders with recordings anywhere below them."""
    task: tuple[str, ...] = ()
    """Files of your own tasks, if it is those that are recorded there; other tasks are found by their names."""
    frames: bool = False
    """Draw every stored frame again too; without it, frames are compared with their digest."""
    json: bool = False
    """Print one JSON document and nothing else."""


def main(argv: list[str]) -> int:
    """Verify every recording and print a table, or JSON; the exit code is 2 if one of them cannot be read."""
    args = _cli.parse(Args, argv, "verify")
    from mcproxy import registry
    from mcproxy.eval.verify import verify
    from mcproxy.recording import find

    for own in args.task:
        registry.get(own)
    files = [file for path in args.files for file in find(path)]
    documents: list[dict[str, Any]] = []
    with _cli.progress() as show:
        for k, file in enumerate(files):
            show("verify", k, len(files))
            try:
                documents.append(asdict(verify(file, args.frames)))
            except UserError as error:
                documents.append(
                    {"file": str(file), "episodes": 0, "verified": 0, "mismatches": [], "error": str(error)}
                )
        show("verify", len(files), len(files))
    if args.json:
        _cli.print_json({"files": documents})
    else:
        _show(documents)
    errors = [document["error"] for document in documents if "error" in document]
    if errors:
        raise UserError(errors[0] if len(errors) == 1 else f"{len(errors)} recordings cannot be read, as {errors[0]}")
    return 1 if any(document["mismatches"] for document in documents) else 0


def _show(documents: list[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Column, Table
    from rich.text import Text

    import mcproxy

    console = Console(highlight=False)
    table = Table(Column("recording", overflow="fold"), "episodes", "verified", "mismatches")
    for document in documents:
        bad = "error" in document
        row = [document["file"], *("-" if bad else str(document[key]) for key in ("episodes", "verified"))]
        count = len(document["mismatches"])
        table.add_row(
            *map(Text, row), Text("unreadable" if bad else str(count), style="red" if bad or count else "green")
        )
    console.print(table)
    for document in documents:
        mismatches = document["mismatches"]
        if mismatches:
            console.print(Text(f"\n{document['file']}", style="bold"), soft_wrap=True)
            if document["mcproxy"] != mcproxy.__version__:
                console.print(
                    f"  recorded by mcproxy {document['mcproxy']}, this is {mcproxy.__version__}", soft_wrap=True
                )
        for mismatch in mismatches[:SHOWN]:
            console.print(Text("  episode {episode}: {what}: {detail}".format(**mismatch)), soft_wrap=True)
        if len(mismatches) > SHOWN:
            console.print(f"  and {len(mismatches) - SHOWN} more: --json has them all", soft_wrap=True)


if __name__ == "__main__":
    sys.exit(_cli.run(main, "verify"))
