"""The summary of a sweep: every group's rates over its training seeds, with two-level bootstrap intervals."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.text import Text

from mcproxy.errors import UserError
from mcproxy.eval import results_json
from mcproxy.eval.arm_result import ArmResult
from mcproxy.eval.finding import is_separated
from mcproxy.eval.results import Results
from mcproxy.eval.stats import Interval, bootstrap
from mcproxy.files import whole
from mcproxy.mission import GOAL
from mcproxy.scripts import _table
from mcproxy.scripts.sweeps.plan import Plan

FILE = "summary.json"
FEW = 5  # seeds under which each is told, as an interval over so few says little


def summarize(plan: Plan, out: Path) -> dict[str, Any]:
    """What the finished evaluations of a plan come to, as plain data.

    `rates` has an entry for each group, arm and objective: `rate`, `low` and `high` over training seeds and layouts;
    `seeds` has the rate of each training seed. `snapshot` is null, or the steps of those snapshots. Random and the
    experts are groups too: their `seeds` is empty, and their intervals are of layouts alone (Wilson).
    `findings` has the finding of each seed, of how many steps its agent is, whether it computed in bfloat16, and with
    which mcproxy it was trained; null where that says nothing.
    """
    groups: dict[str, dict[int, Results]] = {}
    snapshots: dict[str, dict[int, Results]] = {}
    for run in plan.runs:
        with contextlib.suppress(UserError):  # it is not done, which has been told
            found = _only(results_json.read(out / "evaluate" / run.name), run.name)
            if found.arms:
                groups.setdefault(run.group, {})[run.seed] = found
        with contextlib.suppress(UserError):
            results = results_json.read(out / "evaluate" / f"{run.name}-snapshots")
            snapshots.setdefault(run.group, {})[run.seed] = results
    rates = [row for group, seeds in groups.items() for row in _rates(group, seeds)]
    rates += [row for group, seeds in snapshots.items() for row in _snapshots(group, seeds)]
    findings = [
        _finding(group, seed, results) for group, seeds in groups.items() for seed, results in sorted(seeds.items())
    ]
    tasks = dict.fromkeys(finding["task"] for finding in findings)
    for task in tasks:
        with contextlib.suppress(UserError):
            references = results_json.read(out / "evaluate" / f"{task}-references")
            for policy in references.policies:
                group, found = policy if len(tasks) == 1 else f"{policy} in {task}", _only(references, policy)
                if found.arms:
                    rates += _reference_rates(group, found)
                    findings.append(_finding(group, None, found))
    return {"kind": "mcproxy sweep", "rates": rates, "findings": findings}


def write(summary: dict[str, Any], out: Path) -> None:
    """Write the summary into the sweep's folder, whole or not at all."""
    with whole(out / FILE) as part:
        part.write_text(json.dumps(summary, indent=1) + "\n")


def mixed(summary: dict[str, Any]) -> list[str]:
    """A line for each group whose agents differ in more than their seed, which its interval then is not about alone."""
    lines = []
    for group in dict.fromkeys(f["group"] for f in summary["findings"]):
        agents = [f for f in summary["findings"] if f["group"] == group]
        for name in ("bf16", "mcproxy"):
            values = {str(f[name]) for f in agents}
            if len(values) > 1:
                lines.append(f"{group}: its agents differ in {name} ({', '.join(sorted(values))})")
    return lines


def show(summary: dict[str, Any], title: str) -> None:
    """Print a line for each group: rates in every arm, and how many of its seeds come to which finding."""
    (_, *arms, _), *lines = cells(summary)
    table = _table.new_table(
        f"{title}: what did they go for?",
        f"percent of layouts, 95 % intervals over training seeds and layouts; of fewer than {FEW}, each one's rate",
        ("group",),
    )
    for heading in arms:
        table.add_column(Text(heading), justify="right")
    table.add_column("finding (seeds)", overflow="fold")
    for line in lines:
        table.add_row(*map(Text, line))
    _table.new_console().print(table)


def columns(rates: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """The arms and objectives that say something: goals, and proxies where they are apart from them."""
    pairs = dict.fromkeys((r["arm"], r["objective"]) for r in rates)
    return [(arm, o) for arm, o in pairs if o == GOAL or is_separated(arm)]


def cells(summary: dict[str, Any], arms: tuple[str, ...] = ("",)) -> list[list[str]]:
    """A table of headings and a line for each group, in percent; its arms are those that begin with one of `arms`."""
    last = [row for row in summary["rates"] if row["snapshot"] is None]
    pairs = [(arm, objective) for arm, objective in columns(last) if arm.startswith(arms)]
    lines = [["group", *(f"{arm}: {objective}" for arm, objective in pairs), "finding (seeds)"]]
    for group in dict.fromkeys(row["group"] for row in last):
        rows = {(r["arm"], r["objective"]): r for r in last if r["group"] == group}
        told = [f["finding"] or "none" for f in summary["findings"] if f["group"] == group]
        of_seeds = any(row["seeds"] for row in rows.values())
        found = [f"{f} ({told.count(f)} of {len(told)})" if of_seeds else f for f in dict.fromkeys(told)]
        lines.append([group, *(_cell(rows[c]) if c in rows else "" for c in pairs), ", ".join(found)])
    return lines


def _cell(row: dict[str, Any]) -> str:
    """A rate with its interval in percent, or the rate of each seed where they are too few for an interval."""
    if 0 < len(row["seeds"]) < FEW:
        return ", ".join(f"{100 * rate:.0f}" for rate in row["seeds"].values())
    return _table.in_percent(Interval(row["rate"], row["low"], row["high"]))


def _finding(group: str, seed: int | None, results: Results) -> dict[str, Any]:
    """What the one policy in some results wanted, and what it is."""
    [(policy, told)] = results.policies.items()
    [finding] = results.findings
    agent = told.get("checkpoint", {})
    return {
        "group": group,
        "task": results.config["task"],
        "seed": seed,
        "policy": policy,
        "finding": finding.finding,
        "steps": agent.get("steps"),
        "bf16": agent["run"]["ppo"]["bf16"] if agent else None,
        "mcproxy": agent.get("mcproxy"),
    }


def _reference_rates(group: str, results: Results) -> Iterator[dict[str, Any]]:
    """The rates of a policy that was not trained."""
    for arm in results.arms:
        for objective in arm.met:
            interval = arm.row.goal if objective == GOAL else arm.row.proxy(objective)
            yield _rate(group, arm, objective, None, arm.row.episodes, interval, {})


def _rates(group: str, seeds: dict[int, Results], snapshot: int | None = None) -> Iterator[dict[str, Any]]:
    """The rates of one group in every arm, of agents that were trained for the same number of steps."""
    by_arm: dict[str, dict[int, ArmResult]] = {}
    for seed, results in sorted(seeds.items()):
        for arm in results.arms:
            by_arm.setdefault(arm.arm, {})[seed] = arm
    for of_seed in by_arm.values():
        for objective in next(iter(of_seed.values())).met:
            outcomes = {seed: found.went_for(objective) for seed, found in of_seed.items()}
            interval, layouts = bootstrap(list(outcomes.values())), min(map(len, outcomes.values()))
            means = {str(seed): float(outcome.mean()) for seed, outcome in outcomes.items()}
            yield _rate(group, next(iter(of_seed.values())), objective, snapshot, layouts, interval, means)


def _rate(
    group: str,
    of: ArmResult,
    objective: str,
    snapshot: int | None,
    layouts: int,
    interval: Interval,
    seeds: dict[str, float],
) -> dict[str, Any]:
    return {
        "group": group,
        "task": of.task,
        "arm": of.arm,
        "objective": objective,
        "snapshot": snapshot,
        "layouts": layouts,
        **interval._asdict(),
        "seeds": seeds,
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
