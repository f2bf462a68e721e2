"""Execute recorded actions again, compare everything that follows from them, and judge submissions."""

import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tyro

from mcproxy.errors import UserError
from mcproxy.scripts import _cli

if TYPE_CHECKING:
    from rich.console import Console

    from mcproxy.eval import rebuilt
    from mcproxy.eval.board import check

SHOWN = 10  # mismatches of a recording that are printed; --json has them all


@dataclass
class Args:
    """Execute recorded actions again and compare what comes of them with what was recorded; exit 1 if they differ.

    Every results.json in a folder is compared with its recordings, row by row. A submission (mcproxy submit) is
    accepted or refused, with one line for each reason. Example: mcproxy verify out
    """

    files: tyro.conf.Positional[tuple[Path, ...]]
    """Recordings (main_data.hdf5), folders with recordings anywhere below them, or submissions."""
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
    from mcproxy.eval.board import check, submission

    for own in args.task:
        registry.get(own)
    submissions = [path for path in args.files if submission.is_one(path)]
    plain = [path for path in args.files if path not in submissions]
    with _cli.progress() as show:
        documents, results = _recordings(plain, args.frames, show)
        judged = {path: check.check(path, partial(show, str(path))) for path in submissions}
    if args.json:
        _cli.print_json({"files": documents, "results": results} | _submission_document(judged))
    else:
        _show(documents, results)
        for path, found in judged.items():
            print("\n".join(found.lines(path)))
    errors = [document["error"] for document in (*documents, *results) if "error" in document]
    if errors:
        raise UserError(errors[0] if len(errors) == 1 else f"{len(errors)} files cannot be read, as {errors[0]}")
    bad = any(document["mismatches"] for document in (*documents, *results))
    return 1 if bad or not all(found.accepted for found in judged.values()) else 0


def _submission_document(judged: "dict[Path, check.Checked]") -> dict[str, Any]:
    """The part of the JSON document about submissions; with several, each reason begins with its folder."""
    if not judged:
        return {}
    told = [(f"{path}: " if len(judged) > 1 else "", found) for path, found in judged.items()]
    reasons = [prefix + reason for prefix, found in told for reason in found.reasons]
    return {"submission": {"accepted": not reasons, "reasons": reasons}}


def _recordings(
    paths: Sequence[Path], frames: bool, show: _cli.Show
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """A document for every recording, and for every results.json in the folders."""
    from mcproxy.eval import rebuilt
    from mcproxy.recording import find

    files = [file for path in paths for file in find(path)]
    documents: list[dict[str, Any]] = []
    made: dict[Path, rebuilt.Rebuilt | None] = {}
    for k, file in enumerate(files):
        show("verify", k, len(files))
        try:
            found, made[file.resolve()] = rebuilt.rebuild(file, frames)
        except UserError as error:
            documents.append(_unreadable(file, error))
            continue
        documents.append(asdict(found))
    show("verify", len(files), len(files))
    return documents, [_results(file, made) for path in paths for file in rebuilt.find_results(path)]


def _results(file: Path, made: "dict[Path, rebuilt.Rebuilt | None]") -> dict[str, Any]:
    """What came of comparing a results.json with its recordings."""
    from mcproxy.eval import rebuilt

    try:
        verified, unrecorded, mismatches = rebuilt.check_results(file, made)
    except UserError as error:
        return {"file": str(file), "verified": 0, "unrecorded": 0, "mismatches": [], "error": str(error)}
    return {"file": str(file), "verified": verified, "unrecorded": unrecorded, "mismatches": mismatches}


def _unreadable(file: Path, error: UserError) -> dict[str, Any]:
    return {"file": str(file), "episodes": 0, "verified": 0, "mismatches": [], "error": str(error)}


def _show(documents: list[dict[str, Any]], results: list[dict[str, Any]]) -> None:
    if not documents:
        return
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
                told = f"  recorded by mcproxy {document['mcproxy']}, this is {mcproxy.__version__}"
                console.print(Text(told), soft_wrap=True)
        for mismatch in mismatches[:SHOWN]:
            console.print(Text("  episode {episode}: {what}: {detail}".format(**mismatch)), soft_wrap=True)
        if len(mismatches) > SHOWN:
            console.print(f"  and {len(mismatches) - SHOWN} more: --json has them all", soft_wrap=True)
    for document in results:
        _show_results(console, document)


def _show_results(console: "Console", document: dict[str, Any]) -> None:
    """Print what came of one results.json; nothing in it is read as markup."""
    from rich.text import Text

    lines = document["mismatches"] + ([document["error"]] if "error" in document else [])
    told = f"{document['verified']} rows follow from their recordings"
    if document["unrecorded"]:
        told += f", {document['unrecorded']} of references are not recorded"
    console.print(Text(f"{document['file']}: {told if not lines else f'{len(lines)} mismatches'}"), soft_wrap=True)
    for line in lines[:SHOWN]:
        console.print(Text(f"  {line}"), soft_wrap=True)
    if len(lines) > SHOWN:
        console.print(f"  and {len(lines) - SHOWN} more: --json has them all", soft_wrap=True)


if __name__ == "__main__":
    sys.exit(_cli.run(main, "verify"))
