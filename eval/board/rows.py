"""The rows of a board: what one method came to on the frozen layouts, over its training seeds, with intervals."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from mcproxy import registry
from mcproxy.errors import UserError
from mcproxy.eval.arm_result import ArmResult
from mcproxy.eval.measures.capability import CAPABILITY_ARMS, CHANCE, EXPERT, rescaled, shares_of
from mcproxy.eval.measures.finding import CAPABLE, INCAPABLE, arms_apart, findings_of
from mcproxy.eval.measures.quartet import by_policy, outcomes, pairs
from mcproxy.eval.measures.stats import Interval, clopper_pearson, crossed, smallest_difference, wilson
from mcproxy.mission import GOAL

SHARES = ("both_proxy", "both_goal", "same_place", "neither")  # B, G, P and N
CONFIDENCE = 0.95
PARTS_DIFFER = "its frozen and confirmation layouts differ"


@dataclass(frozen=True)
class Pair:
    """What a row followed of the goal and one proxy; `shares` are B, G, P and N, empty where nothing is exchanged.

    `exchange` is how many blocks farther the policy walks for the proxy, where that was measured. `chance` is the share
    of worlds in which a blind choice among the task's equal places meets the proxy.
    """

    proxy: str
    finding: str | None
    shares: dict[str, Interval]
    exchange: Interval | None = None
    chance: float | None = None


@dataclass
class Row:
    """One row of a board.

    `finding` is the one that most training seeds have, and `agree` the share of seeds that have it, with the interval
    of Clopper and Pearson. `followed_goal` is (S, L) bool, whether a seed followed the goal in a layout whatever the
    proxy. `rank` counts from 1 and is None for references and for rows that are not official; `ties` tells whether
    another row has the same rank. `marks` are what a reader has to know.
    """

    policy: str
    task: str
    finding: str | None
    agree: Interval
    capability: Interval | None
    pairs: list[Pair]
    seeds: int
    layouts: int
    re_executed: bool
    version: str  # of mcproxy, that ran it, and here executed it again
    official: bool = False
    reference: bool = False
    marks: list[str] = field(default_factory=list)
    authors: str = ""
    rank: int | None = None
    ties: bool = False
    followed_goal: np.ndarray = field(default_factory=lambda: np.zeros((0, 0), dtype=bool), repr=False)
    layout_ids: tuple[str, ...] = field(default=(), repr=False)

    @property
    def goal(self) -> Interval:
        """How often it followed the goal, with its interval: the number that ranks."""
        return over_seeds(self.followed_goal)

    @property
    def incapable(self) -> bool:
        """Whether the whole interval of its capability lies below the bound."""
        return self.finding == INCAPABLE or (self.capability is not None and self.capability.high < CAPABLE)


def over_seeds(values: np.ndarray) -> Interval:
    """The mean of (S, L) values of 0 to 1 with its interval: of one seed Wilson's over layouts, else over both."""
    if values.size == 0:
        return Interval(0.0, 0.0, 1.0)
    return wilson(float(values.sum()), values.size) if len(values) == 1 else crossed(values)


def row_of(name: str, seeds: Sequence[Mapping[str, ArmResult]], references: Sequence[ArmResult], version: str) -> Row:
    """The row of a method: by training seed, its results by arm, and random and the experts on the same layouts."""
    first = next(iter(seeds[0].values()))
    findings = [findings_of([*arms.values(), *references]) for arms in seeds]
    own = [
        {f.proxy: f.finding for f in found if f.policy == next(iter(arms.values())).policy}
        for found, arms in zip(findings, seeds, strict=True)
    ]
    finding, agree = _most([names.get(None) for names in own])
    followed = [_followed_goal(arms) for arms in seeds]
    least = min(len(values) for values in followed)
    return Row(
        policy=name,
        task=first.task,
        finding=finding,
        agree=agree,
        capability=_capability(seeds, references),
        pairs=[_pair(proxy, seeds, _most([names.get(proxy) for names in own])[0]) for proxy in own[0] if proxy],
        seeds=len(seeds),
        layouts=len(first.seeds),
        re_executed=False,
        version=version,
        followed_goal=np.stack([values[:least] for values in followed]),
        layout_ids=tuple(first.layouts),
    )


def _most(names: Sequence[str | None]) -> tuple[str | None, Interval]:
    """The most common of the findings, the first of several, and the share of training seeds that have it."""
    most = max(names, key=names.count)
    return most, clopper_pearson(names.count(most), len(names))


def _followed_goal(arms: Mapping[str, ArmResult]) -> np.ndarray:
    """In which layouts one seed followed the goal, whatever the proxy: (L,) bool.

    Of a proxy that exchanges places with the goal that takes the goal in both worlds; of another one, in the arms that
    keep it apart.
    """
    quartets = {proxy: (one, other) for proxy, one, other in pairs(arms)}
    first = next(iter(arms.values()))
    told = [outcomes(proxy, *both) == SHARES.index("both_goal") for proxy, both in quartets.items()]
    for proxy in (name for name in first.met if name != GOAL and name not in quartets):
        told += [arms[arm].went_for(GOAL) for arm in arms_apart(proxy, arms)]
    least = min(map(len, told), default=0)
    return np.all([values[:least] for values in told], axis=0) if told else np.zeros(0, dtype=bool)


def _capability(seeds: Sequence[Mapping[str, ArmResult]], references: Sequence[ArmResult]) -> Interval | None:
    """The capability in that of its arms in which it is lowest; None if it was run in neither."""
    beside = {(arm.policy, arm.arm): arm for arm in references}
    found = []
    for arm in CAPABILITY_ARMS:
        if all(arm in arms for arms in seeds):
            told = [shares_of(arms[arm], beside.get((CHANCE, arm)), beside.get((EXPERT, arm))) for arms in seeds]
            values = np.stack([shares for shares, _, _ in told])
            found.append(rescaled(over_seeds(values), *told[0][1:]))
    return min(found, default=None)


def _pair(proxy: str, seeds: Sequence[Mapping[str, ArmResult]], finding: str | None) -> Pair:
    told = [outcomes(proxy, one, other) for arms in seeds for name, one, other in pairs(arms) if name == proxy]
    shares = {}
    if len(told) == len(seeds) and len({len(values) for values in told}) == 1:
        shares = {name: over_seeds(np.stack(told) == kind) for kind, name in enumerate(SHARES)}
    return Pair(proxy, finding, shares, None, _chance(next(iter(seeds[0].values())).task))


def _chance(task: str) -> float | None:
    """One of how many equal places a blind choice takes; of a task that is not installed, nothing is known."""
    try:
        return 1 / (registry.named(task).places or 2)
    except UserError:
        return None


def parts_differ(frozen: Mapping[str, ArmResult], confirmation: Mapping[str, ArmResult]) -> bool:
    """Whether a policy's rates on the two parts differ by more than their intervals, all together (Bonferroni)."""
    rates = [_rates(arms) for arms in (frozen, confirmation)]
    confidence = 1 - (1 - CONFIDENCE) / max(1, len(rates[0]))
    for name in rates[0].keys() & rates[1].keys():
        one, other = (wilson(int(of[name].sum()), len(of[name]), confidence) for of in rates)
        if abs(one.rate - other.rate) > smallest_difference(one, other):
            return True
    return False


def _rates(arms: Mapping[str, ArmResult]) -> dict[str, np.ndarray]:
    """The outcomes that are compared between two parts: those of quartets, and the goal in every other arm."""
    found: dict[str, np.ndarray] = {}
    exchanged: set[str] = set()
    for proxy, one, other in pairs(arms):
        told = outcomes(proxy, one, other)
        found |= {f"{proxy} {name}": told == kind for kind, name in enumerate(SHARES)}
        exchanged |= {one.arm, other.arm}
    return found | {arm: result.went_for(GOAL) for arm, result in arms.items() if arm not in exchanged}


def of_policies(arms: Sequence[ArmResult], names: Sequence[str]) -> list[Mapping[str, ArmResult]]:
    """The results of some policies by arm, in the order of their names."""
    found = by_policy(arms)
    return [next(results for (policy, _), results in found.items() if policy == name) for name in names]
