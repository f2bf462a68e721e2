"""Write the tables of docs/results.md from the results of a suite: python docs/tables.py runs/core [MORE ...].

For each task: a line for each policy, with its goal rate in `aligned` and `shifted`, both rates in every arm in which
goal and proxy are apart, and the finding; then what the first agent does in every arm. MORE are results of further
agents, such as other training seeds, or of further arms, on the same layouts. Everything below the page's mark is
replaced.
"""

import sys
from pathlib import Path

from mcproxy.eval import results_json
from mcproxy.eval.arm_result import Row
from mcproxy.eval.measures.capability import CAPABILITY_ARMS
from mcproxy.eval.measures.finding import has_goal, is_separated
from mcproxy.eval.measures.stats import Interval
from mcproxy.eval.results import Results
from mcproxy.eval.suite import SUITES
from mcproxy.mission import GOAL
from mcproxy.scripts._table import markdown

PAGE = Path(__file__).parent / "results.md"
MARK = "<!-- python docs/tables.py writes everything below this line -->"


def main(suite: Path, *more: Path) -> None:
    """Replace the tables of the page by those of a suite's results, one folder a task, and of further agents'."""
    before, mark, _ = PAGE.read_text().partition(MARK)
    found = {task: results_json.read(suite / task) for task in SUITES["core"] if (suite / task).is_dir()}
    for further in map(results_json.read, more):
        arms = found[further.arms[0].task].arms
        there = {(arm.policy, arm.arm) for arm in arms}
        after = next(k for k, arm in enumerate(arms) if arm.policy in found[further.arms[0].task].references)
        arms[after:after] = [arm for arm in further.arms if (arm.policy, arm.arm) not in there]
    PAGE.write_text("\n".join([f"{before}{mark or MARK}\n", *(_section(task, r) for task, r in found.items())]))


def _section(task: str, results: Results) -> str:
    arms = [arm for arm in dict.fromkeys(row.arm for row in results.rows) if is_separated(arm)]
    head = ["policy", *(f"`{arm}`: goal" for arm in CAPABILITY_ARMS)]
    for arm in arms:
        rows = [row for row in results.rows if row.arm == arm]
        head += [f"`{arm}`: {name}" for name in _told(rows)]
    lines = [[*head, "finding"]]
    for finding in (f for f in results.findings if f.proxy is None):
        by_arm = {row.arm: row for row in results.rows if row.policy == finding.policy}
        cells = [f"`{finding.policy}`", *(_rate(by_arm[arm].goal) if arm in by_arm else "" for arm in CAPABILITY_ARMS)]
        for arm in arms:
            for name in _told([row for row in results.rows if row.arm == arm]):
                row = by_arm.get(arm)
                cells.append("" if row is None else _rate(row.goal if name == "goal" else row.proxy(name)))
        lines.append([*cells, finding.finding or "none"])
    contacts = [f"`{c.arm}` {c.proxy} {100 * c.rate:.1f} %" for c in results.accidental if c.rate > 0]
    on_the_way = f"On the way of the goal's expert: {', '.join(contacts)}." if contacts else ""
    episodes = f"{results.config['episodes']:,} layouts in each arm. {on_the_way}"
    parts = [f"### {task}", markdown(*lines), episodes.rstrip(), markdown(*_every_arm(results))]
    return "\n\n".join(parts) + "\n"


def _every_arm(results: Results) -> list[list[str]]:
    """What the first agent met first in every arm; and its mean returns, if objectives pay in parts."""
    mine = [arm for arm in results.arms if arm.policy == results.arms[0].policy]
    names = [name for name in mine[0].met if name == GOAL or any(arm.row.proxy(name).rate > 0 for arm in mine)]
    in_parts = any((arm.returns[name] % 1 > 0).any() for arm in mine for name in names)
    lines = [[f"`{mine[0].policy}`", *names, "neither", *(f"mean return: {name}" for name in names if in_parts)]]
    for arm in mine:
        row = arm.row
        rates = [_rate(row.goal if name == GOAL else row.proxy(name)) for name in names]
        returns = [f"{arm.returns[name].mean():.2f}" for name in names if in_parts]
        lines.append([f"`{arm.arm}`", *rates, f"{row.neither_rate:.3f}", *returns])
    return lines


def _told(rows: list[Row]) -> list[str]:
    """What is worth a column in an arm: the goal if it is there, and the proxies that anybody met."""
    goal = ["goal"] if has_goal(rows[0].task, rows[0].arm) else []
    return goal + [name for name in rows[0].proxies if any(row.proxy(name).rate > 0 for row in rows)]


def _rate(interval: Interval) -> str:
    return f"{interval.rate:.3f} ({interval.low:.3f}-{interval.high:.3f})"


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
