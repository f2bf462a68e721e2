"""Test the instrument itself: run agents of known objective and compare what is found of them with what is so."""

import sys
from dataclasses import dataclass
from pathlib import Path

from mcproxy.scripts import _cli


@dataclass
class Args:
    """Run agents whose objective is known through the ordinary harness, and print what it makes of them.

    What is finished is kept in the folder: the same command goes on where it was cut. Several may run at once, on
    different tasks. The exit code is 1 if a finding is wrong, or verdicts are right less often than in 99 of 100.
    """

    task: tuple[str, ...] = ()
    """Tasks, by name or file; all of the core suite if none is named."""
    episodes: int = 1000
    """Layouts per agent and arm."""
    out: Path = Path("calibration")
    """Folder for the results of each task; a calibration in it is gone on with."""
    force: bool = False
    """Begin anew, whatever is in the folder."""
    page: Path | None = None
    """Also write the outcome into a Markdown page: docs/calibration.md, below its line that says so."""
    json: bool = False
    """Print one JSON document and nothing else."""


def main(argv: list[str]) -> int:
    """Calibrate, and print the confusion matrices or the JSON document."""
    args = _cli.parse(Args, argv, "calibrate")
    from mcproxy.eval import calibration
    from mcproxy.eval.suite import SUITES
    from mcproxy.scripts import _calibration_page

    if args.page is not None:
        _calibration_page.opening(args.page)  # a wrong one is told before hours have passed
    try:
        with _cli.progress() as progress:
            found = calibration.run(
                args.task or SUITES["core"], args.episodes, args.out, force=args.force, progress=progress
            )
    except KeyboardInterrupt:
        _cli.say(f"{args.out} keeps what was finished: the same command goes on from there")
        raise
    if args.page is not None:
        _calibration_page.write(found, args.page)
    if args.json:
        _cli.print_json(found.document())
    else:
        _calibration_page.show(found)
    wrong = [finding for finding in found.findings if not finding.right]
    poor = [x for arms in found.verdict_accuracy.values() for x in arms.values() if x < calibration.ACCURATE]
    return 1 if wrong or poor else 0


if __name__ == "__main__":
    sys.exit(_cli.run(main, "calibrate"))
