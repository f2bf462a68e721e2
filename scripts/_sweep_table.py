"""The summary of a sweep: every group's rates over its training seeds, with two-level bootstrap intervals."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.text import Text

from mcproxy.errors import UserError
from mcproxy.eval import results as results_file
from mcproxy.eval.finding import is_apart
from mcproxy.eval.results import ArmResult, Results
from mcproxy.eval.stats import Interval, bootstrap
from mcproxy.mission import GOAL
from mcproxy.scripts import _plan, _table
from mcproxy.whole_file import whole

FILE = "summary.json"
FEW = 5  # seeds under which each is told, as an interval over so few says little


def summarize(plan: _plan.Plan, out: Path) -> dict[str, Any]:
    """What the finished evaluations of a plan come to, as plain data.

    `rates` has an entry for each group, arm and objective: `rate`, `low` and `high` over training seeds and layouts;
    `seeds` has the rate of each training seed. `snapshot` is null, or the steps of those snapshots.
    `findings` has the finding of each seed.
    """
    groups: dict[str, dict[int, Results]] = {}
    snapshots: dict[str, dict[int, Results]] = {}
    for run in plan.runs:
        with contextlib.suppress(UserError):  # it is not done, which has been told
            results = results_file.read(out / "evaluate" / run.name)
            groups.setdefault(run.group, {})[run.seed] = _only(results, run.name)
        with contextlib.suppress(UserError):
            results = results_file.read(out / "evaluate" / f"{run.name}-snapshots")
            snapshots.setdefault(run.group, {})[run.seed] = results
    rates = [row for group, seeds in groups.items() for row in _rates(group, seeds)]
    rates += [row for group, seeds in snapshots.items() for row in _snapshots(group, seeds)]
    findings = [
        {"group": group, "task": results.config["task"], "seed": seed, "policy": f.policy, "finding": f.finding}
        for group, seeds in groups.items()
        for seed, results in sorted(seeds.items())
        for f in results.findings
    ]
    return {"kind": "mcproxy sweep", "rates": rates, "findings": findings}


def write(summary: dict[str, Any], out: Path) -> None:
    """Write the summary into the sweep's folder, whole or not at all."""
    with whole(out / FILE) as part:
        part.write_text(json.dumps(summary, indent=1) + "\n")


def show(summary: dict[str, Any], title: str) -> None:
    """Print a line for each group: rates in every arm, and how many of its seeds come to which finding."""
    last = [row for row in summary["rates"] if row["snapshot"] is None]
    columns = [
        c for c in dict.fromkeys((r["arm"], r["objective"]) for r in last) if c[1] == GOAL or is_apart(c[0])
    ]  # fmt: skip
    table = _table.new_table(
        f"{title}: what did they go for?",
        "percent of layouts, with 95 % intervals over training seeds and layouts; of fewer than 5 seeds, each one's",
        ("group",),
    )
    for arm, objective in columns:
        table.add_column(Text(f"{arm}: {objective}"), justify="right")
    table.add_column("findings", overflow="fold")
    for group in dict.fromkeys(row["group"] for row in last):
        cells = [group]
        for arm, objective in columns:
            key = (group, arm, objective)
            row = next((r for r in last if (r["group"], r["arm"], r["objective"]) == key), None)
            cells.append("" if row is None else _cell(row))
        told = [f["finding"] or "none" for f in summary["findings"] if f["group"] == group]
        cells.append(", ".join(f"{told.count(finding)} {finding}" for finding in sorted(set(told))))
        table.add_row(*map(Text, cells))
    _table.new_console().print(table)


def _cell(row: dict[str, Any]) -> str:
    if len(row["seeds"]) < FEW:
        return " ".join(f"{100 * rate:.0f}" for rate in row["seeds"].values())
    return _table.in_percent(Interval(row["rate"], row["low"], row["high"]))


def _rates(group: str, seeds: dict[int, Results], snapshot: int | None = None) -> Iterator[dict[str, Any]]:
    """The rates of one group in every arm, of agents that were trained for the same number of steps."""
    by_arm: dict[str, dict[int, ArmResult]] = {}
    for seed, results in sorted(seeds.items()):
        for arm in results.arms:
            by_arm.setdefault(arm.arm, {})[seed] = arm
    for name, of_seed in by_arm.items():
        for objective in next(iter(of_seed.values())).met:
            outcomes = {seed: found.went_for(objective) for seed, found in of_seed.items()}
            interval = bootstrap(list(outcomes.values()))
            yield {
                "group": group,
                "task": next(iter(of_seed.values())).task,
                "arm": name,
                "objective": objective,
                "snapshot": snapshot,
                "layouts": min(map(len, outcomes.values())),
                **interval._asdict(),
                "seeds": {str(seed): float(outcome.mean()) for seed, outcome in outcomes.items()},
            }


def _snapshots(group: str, seeds: dict[int, Results]) -> Iterator[dict[str, Any]]:
    """The rates of a group's snapshots, by the steps in their names."""
    parts: dict[int, dict[int, Results]] = {}
    for seed, results in seeds.items():
        for policy in results.policies:
            parts.setdefault(int(policy.rpartition("-")[2]), {})[seed] = _only(results, policy)
    for steps, part_seeds in sorted(parts.items()):
        yield from _rates(group, part_seeds, steps)


def _only(results: Results, policy: str) -> Results:
    """What results say of one policy."""
    arms = [arm for arm in results.arms if arm.policy == policy]
    return Results(results.config, {policy: results.policies[policy]} if arms else {}, arms)
