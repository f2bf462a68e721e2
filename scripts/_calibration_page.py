"""A calibration as tables: on the terminal, and as the page docs/calibration.md."""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from rich.table import Table
from rich.text import Text

from mcproxy.errors import UserError
from mcproxy.eval.calibration import ACCURATE, Calibration, CalibrationResult
from mcproxy.eval.measures.finding import (
    INCAPABLE,
    INDIFFERENT,
    INERT,
    INTENDED,
    MISGENERALIZED,
    PLACE,
    SIDE,
    UNDECIDED,
)
from mcproxy.mission import GOAL
from mcproxy.scripts._table import markdown, new_console
from mcproxy.verdict import NEITHER, PROXY

Cells = list[list[str]]  # rows of a table, the first of them its headings

_CLASSES = (INTENDED, MISGENERALIZED, INDIFFERENT, SIDE, PLACE, INERT, INCAPABLE, UNDECIDED)
MARK = "<!-- mcproxy calibrate --page writes everything below this line -->"


def show(found: Calibration) -> None:
    """Print the confusion matrices, and every finding that is wrong."""
    console = new_console()
    for title, cells in _tables(found):
        table = Table(title=Text(title), title_justify="left")
        for k, heading in enumerate(cells[0]):
            table.add_column(Text(heading), justify="left" if k == 0 else "right", overflow="fold")
        for row in cells[1:]:
            table.add_row(*map(Text, row))
        console.print(table)
    wrong = [f for f in found.findings if not f.right]
    print(f"{len(found.findings) - len(wrong)} of {len(found.findings)} findings are right")
    for finding in wrong:
        print(f"  {finding.task} {finding.agent}: {finding.declared} declared, {finding.found} found")


def opening(page: Path) -> str:
    """What stands in a page above the line `MARK`; a page that has other text and no such line is a `UserError`."""
    if not page.exists():
        return ""
    before, mark, _ = page.read_text(encoding="utf-8").partition(MARK)
    if not mark:
        raise UserError(f"{page} is no page of a calibration: expected a new file, or one with the line {MARK}")
    return before


def write(found: Calibration, page: Path) -> None:
    """Write the outcome into a page, below what it opens with."""
    page.write_text(f"{opening(page)}{MARK}\n\n{_markdown(found)}", encoding="utf-8")


def _markdown(found: Calibration) -> str:
    parts = []
    for title, table in _tables(found):
        parts.append(f"## {title}\n\n{markdown(*table)}\n")
    right = sum(f.right for f in found.findings)
    every = [
        [f.task, f"`{f.agent}`", f.declared, f"{f.found}" if f.right else f"**{f.found}**"] for f in found.findings
    ]
    rows = markdown(["task", "agent", "declared", "found"], *every)
    parts.append(f"## Every finding: {right} of {len(found.findings)} are right\n\n{rows}\n")
    results = next(iter(found.results.values()))
    versions = ", ".join(f"{name} {version}" for name, version in sorted(results.versions.items()))
    layouts: dict[int, list[str]] = {}
    for task, each in found.results.items():
        layouts.setdefault(each.config["episodes"], []).append(task)
    told = ", ".join(
        f"{count:,} ({', '.join(of)})" if len(layouts) > 1 else f"{count:,}" for count, of in layouts.items()
    )
    parts.append(f"{told} layouts of the split `eval` in each arm. {results.platform}; {versions}.\n")
    return "\n".join(parts)


def _tables(found: Calibration) -> Iterable[tuple[str, Cells]]:
    accuracy = found.verdict_accuracy
    cells = [["task", "verdicts right, by arm"]]
    for task, arms in accuracy.items():
        cells.append([task, ", ".join(f"{arm} {_percent(x)}" for arm, x in arms.items())])
    least = min((x for arms in accuracy.values() for x in arms.values()), default=1.0)
    yield f"Verdicts on experts: {_percent(least)} right in the worst arm, {_percent(ACCURATE)} promised", cells
    yield "Confusion of verdicts, in episodes of experts", _verdicts(found)
    yield "Confusion of findings, in agents", _findings(found.findings)
    if found.undeclared:
        by_agent: dict[str, list[str]] = {}
        for task, agent, finding in found.undeclared:
            by_agent.setdefault(agent, []).append(f"{task} {finding}")
        yield "Found where nothing is declared", [["agent", "found"], *([a, ", ".join(f)] for a, f in by_agent.items())]


def _verdicts(found: Calibration) -> Cells:
    kinds = ("goal", "the proxy", "another proxy", "neither")
    counts: Counter[tuple[str, str]] = Counter()
    for (_, declared, verdict), count in found.verdicts().items():
        counts[_kind(declared, declared), _kind(verdict, declared)] += count
    shown = [kind for kind in kinds if any(of == kind for of, _ in counts)]
    rows = [[kind, *(f"{counts[kind, verdict]:,}" for verdict in kinds)] for kind in shown]
    return [["declared", *kinds], *rows]


def _kind(verdict: str, declared: str) -> str:
    if not verdict.startswith(PROXY):
        return {GOAL: "goal", NEITHER: "neither"}[verdict]
    return "another proxy" if declared.startswith(PROXY) and verdict != declared else "the proxy"


def _findings(findings: Sequence[CalibrationResult]) -> Cells:
    counts = Counter((_declared_class(f), _found_class(f)) for f in findings)
    declared = [kind for kind in _CLASSES if any(of == kind for of, _ in counts)]
    columns = [kind for kind in (*_CLASSES, "another proxy") if any(found == kind for _, found in counts)]
    rows = [[of.rstrip(":"), *(str(counts[of, column]) for column in columns)] for of in declared]
    return [["declared", *(column.rstrip(":") for column in columns)], *rows]


def _declared_class(finding: CalibrationResult) -> str:
    """The class that was declared; of several, the one that was found, if it is among them."""
    names = [_class(name) for name in finding.declared.split(" or ")]
    return _class(finding.found) if finding.right else names[0]


def _found_class(finding: CalibrationResult) -> str:
    wrong_proxy = not finding.right and _declared_class(finding) == _class(finding.found)
    return "another proxy" if wrong_proxy else _class(finding.found)


def _class(finding: str | None) -> str:
    """A finding without the name of its proxy."""
    return next((kind for kind in _CLASSES if finding is not None and finding.startswith(kind)), str(finding))


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
