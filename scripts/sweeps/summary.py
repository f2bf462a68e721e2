"""The summary of a sweep: every group's rates over its training seeds, with intervals over seeds and layouts."""

import contextlib
import itertools
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.text import Text
from scipy import stats

from mcproxy.errors import UserError
from mcproxy.eval import results_json
from mcproxy.eval.arm_result import ArmResult
from mcproxy.eval.measures.capability import CHANCE, EXPERT, rescaled, shares_of
from mcproxy.eval.measures.finding import findings_of, is_separated
from mcproxy.eval.measures.quartet import BOTH_GOAL, BOTH_PROXY, NEITHER, SAME_PLACE, by_policy, outcomes, pairs
from mcproxy.eval.measures.stats import Interval, bootstrap, clopper_pearson, crossed
from mcproxy.eval.results import Results
from mcproxy.files import whole
from mcproxy.mission import GOAL
from mcproxy.scripts import _table
from mcproxy.scripts.sweeps import expect
from mcproxy.scripts.sweeps.plan import Plan

FILE = "summary.json"
_KINDS = {"both_proxy": BOTH_PROXY, "both_goal": BOTH_GOAL, "same_place": SAME_PLACE, "neither": NEITHER}
FEW = 5  # seeds under which each is told, as an interval over so few says little


def summarize(plan: Plan, out: Path) -> dict[str, Any]:
    """What the finished evaluations of a plan come to, as plain data.

    `rates` has an entry for each group, arm and objective: `rate`, `low` and `high` over training seeds and layouts;
    `seeds` has the rate of each training seed. `snapshot` is null, or the steps of those snapshots. Random and the
    experts are groups too: their `seeds` is empty, and their intervals are of layouts alone (Wilson).
    `quartets` has B, G, P and N of each group and proxy, `counts` how many seeds of a group have each finding.
    Of a plan with `[expect]`, `expect` says what was promised and when, and `outcome`, `value`, `low` and `high` what
    came of it. `findings` has the finding of each seed, of how many steps its agent is, whether it computed in
    bfloat16, and with which mcproxy it was trained; null where that says nothing.
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
    tasks = dict.fromkeys(results.config["task"] for seeds in groups.values() for results in seeds.values())
    references = {task: _references(out, task) for task in tasks}
    findings = [
        _finding(group, seed, results, references[results.config["task"]])
        for group, seeds in groups.items()
        for seed, results in sorted(seeds.items())
    ]
    for task, beside in references.items():
        if beside is None:
            continue
        for policy in beside.policies:
            group, found = policy if len(tasks) == 1 else f"{policy} in {task}", _only(beside, policy)
            if found.arms:
                rates += _reference_rates(group, found)
                findings.append(_finding(group, None, found, beside))
    evidence = Evidence(groups, snapshots, references)
    return {
        "kind": "mcproxy sweep",
        "rates": rates,
        "quartets": [row for group, seeds in groups.items() for row in _quartets(group, seeds)],
        "findings": findings,
        "counts": _counts(findings),
        **_outcome(plan, out, evidence),
    }


@dataclass(frozen=True)
class Evidence:
    """What the rules of `[expect]` are computed from: of each group its seeds, of each task its references."""

    groups: dict[str, dict[int, Results]]
    snapshots: dict[str, dict[int, Results]]
    references: dict[str, Results | None]

    def term(self, name: str, arguments: Sequence[str]) -> Interval:
        """The interval of a term of `expect.TERMS` over the seeds of a group; a `UserError` while it has no results."""
        group = arguments[0]
        if name in (expect.RATE, expect.CAPABILITY):
            return self._of_arm(name, group, *arguments[1:])
        if name == expect.SLOPE:
            return self._slope(group, arguments[1], arguments[2])
        found = []
        for results in self.groups.get(group, {}).values():
            [arms] = by_policy(results.arms).values()
            found += [outcomes(*pair) for pair in itertools.islice(pairs(arms), 1)]
        if not found:
            raise UserError(f"{group} has no quartets yet")
        if name == expect.RELIANCE:
            return _over_seeds([(o == BOTH_PROXY).astype(float) - (o == BOTH_GOAL) for o in found])
        return _over_seeds([o == _KINDS[expect.SHARES[name]] for o in found])

    def _of_arm(self, name: str, group: str, arm: str, objective: str = GOAL) -> Interval:
        results = self.groups.get(group, {})
        rows = [row for found in results.values() for row in found.arms if row.arm == arm]
        if not rows:
            raise UserError(f"{group} has no results in {arm} yet")
        if name == expect.RATE:
            return _over_seeds([row.went_for(objective) for row in rows])
        beside = self.references[rows[0].task]
        at = {a.policy: a for a in beside.arms if a.arm == arm} if beside is not None else {}
        shares = [shares_of(row, at.get(CHANCE), at.get(EXPERT)) for row in rows]
        return rescaled(_over_seeds([share for share, _, _ in shares]), *shares[0][1:])

    def _slope(self, group: str, arm: str, objective: str) -> Interval:
        """By how much a rate rises for each doubling of the steps, over the seeds (Student's t)."""
        slopes = []
        for results in self.snapshots.get(group, {}).values():
            rows = [(int(row.policy.rpartition("-")[2]), row) for row in results.arms if row.arm == arm]
            points = [(math.log2(steps), row.went_for(objective).mean()) for steps, row in rows if steps > 0]
            if len(points) > 1:
                doublings, reached = np.array(points).T
                slopes.append(float(np.polyfit(doublings, reached, 1)[0]))
        if len(slopes) < 2:
            raise UserError(f"{group} has no snapshots in {arm} yet")
        half = stats.t.ppf(0.975, len(slopes) - 1) * np.std(slopes, ddof=1) / math.sqrt(len(slopes))
        mean = float(np.mean(slopes))
        return Interval(mean, mean - float(half), mean + float(half))


def _outcome(plan: Plan, out: Path, evidence: Evidence) -> dict[str, Any]:
    """What a plan promised and what came of it; nothing of a plan without `[expect]`."""
    if plan.expect is None:
        return {}
    done = {group: len(seeds) for group, seeds in evidence.groups.items()}
    is_complete = sum(done.values()) == len(plan.runs)
    if plan.snapshots:
        is_complete &= sum(map(len, evidence.snapshots.values())) == sum(run.snapshots for run in plan.runs)
    return expect.judge(plan.expect, plan.groups, evidence.term, is_complete, expect.registered(out))


def told(summary: dict[str, Any]) -> str:
    """What was promised and what came of it, in a few lines."""
    promised, value = summary["expect"], summary["value"]
    found = "no value yet" if value is None else f"{value:.3f} ({summary['low']:.3f} to {summary['high']:.3f})"
    made = f"commit {promised['commit'][:12]}" if promised["commit"] else "in no commit"
    return (
        f"\nexpected    {promised['prediction']} (registered {promised['registered']}, {made})\n"
        f"outcome     {summary['outcome']}: {promised['value']} = {found}"
    )


def _references(out: Path, task: str) -> Results | None:
    """The results of random and the experts on a task, if they are there."""
    with contextlib.suppress(UserError):
        return results_json.read(out / "evaluate" / f"{task}-references")
    return None


def _quartets(group: str, seeds: dict[int, Results]) -> Iterator[dict[str, Any]]:
    """B, G, P and N of one group for each proxy, over training seeds and layouts."""
    found: dict[tuple[str, str], dict[int, np.ndarray]] = {}
    for seed, results in sorted(seeds.items()):
        for (_, task), arms in by_policy(results.arms).items():
            for proxy, one, other in pairs(arms):
                found.setdefault((task, proxy), {})[seed] = outcomes(proxy, one, other)
    for (task, proxy), of_seed in found.items():
        shares = {name: _over_seeds([o == kind for o in of_seed.values()])._asdict() for name, kind in _KINDS.items()}
        layouts = min(map(len, of_seed.values()))
        yield {"group": group, "task": task, "proxy": proxy, "layouts": layouts, "seeds": len(of_seed), **shares}


def _counts(findings: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """How many seeds of each group have a finding, with the interval of Clopper and Pearson."""
    rows = []
    for group in dict.fromkeys(f["group"] for f in findings if f["seed"] is not None):
        names = [f["finding"] for f in findings if f["group"] == group]
        for name in dict.fromkeys(names):
            share = clopper_pearson(names.count(name), len(names))._asdict()
            rows.append({"group": group, "finding": name, "count": names.count(name), "seeds": len(names), **share})
    return rows


def _over_seeds(outcomes: list[np.ndarray]) -> Interval:
    """The mean over seeds: crossed, as all seeds of a plan meet the same layouts; else each with its own."""
    alike = len({len(o) for o in outcomes}) == 1
    return crossed(np.stack(outcomes)) if alike else bootstrap(outcomes)


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


def _finding(group: str, seed: int | None, results: Results, references: Results | None) -> dict[str, Any]:
    """The finding of the one policy in some results, measured by the references, and what it is."""
    [(policy, told)] = results.policies.items()
    beside = [] if references is None else [arm for arm in references.arms if arm.policy != policy]
    finding = next(f for f in findings_of([*results.arms, *beside]) if f.policy == policy and f.proxy is None)
    agent = told.get("checkpoint", {})
    return {
        "group": group,
        "task": results.config["task"],
        "seed": seed,
        "policy": policy,
        "finding": finding.finding,
        "more_layouts": finding.more_layouts,
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
            reached = {seed: found.went_for(objective) for seed, found in of_seed.items()}
            interval, layouts = _over_seeds(list(reached.values())), min(map(len, reached.values()))
            means = {str(seed): float(outcome.mean()) for seed, outcome in reached.items()}
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
