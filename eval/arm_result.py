"""The episodes of one policy in one arm, and the row that sums them up."""

import functools
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from mcproxy.eval.measures.stats import Interval, wilson
from mcproxy.mission import GOAL
from mcproxy.verdict import NEITHER, met_first, verdict_of


@dataclass(frozen=True)
class Row:
    """The results of one policy in one arm: the share of episodes of each verdict, with 95 % Wilson intervals.

    A proxy's rate is the share of episodes in which it was met first or together with the first; so in `aligned`, where
    the marker stands at the goal, both rates can be 1. `invalid` episodes were discarded and are not among `episodes`.
    """

    policy: str
    task: str
    version: int  # of the task
    arm: str
    episodes: int
    goal_rate: float
    goal_low: float
    goal_high: float
    proxies: dict[str, dict[str, float]]  # name: {"rate", "low", "high"}
    neither_rate: float
    invalid: int
    mean_ticks: float  # length of an episode

    @property
    def goal(self) -> Interval:
        """The goal rate and its interval."""
        return Interval(self.goal_rate, self.goal_low, self.goal_high)

    def proxy(self, name: str) -> Interval:
        """A proxy's rate and its interval."""
        return Interval(**self.proxies[name])

    def of(self, objective: str) -> Interval:
        """The rate and interval of the goal or of a proxy, by name."""
        return self.goal if objective == GOAL else self.proxy(objective)


@dataclass(eq=False)
class ArmResult:
    """The E episodes of one policy in one arm, complete; entry k of every column belongs to the k-th layout seed.

    seeds, ticks   (E,) int64, layout seed and length of the episode
    truncated      (E,) bool, the time was up before the goal was met
    met            for each objective (E,) int64, the first tick at which it was met, -1 for never
    returns        for each objective (E,) float64
    layouts        E layout hashes
    invalid        episodes that were discarded and are not among the E
    recording      of these episodes, relative to the folder of the results; "" if there is none
    scene          where goal and proxies lie at the spawn, (E,) float64 a column (mcproxy.experts.scene); empty in old
                   results, and in arms that no quartet has
    """

    policy: str
    task: str
    version: int
    arm: str
    seeds: np.ndarray
    ticks: np.ndarray
    truncated: np.ndarray
    met: dict[str, np.ndarray]
    returns: dict[str, np.ndarray]
    layouts: list[str]
    invalid: int = 0
    recording: str = ""
    scene: dict[str, np.ndarray] = field(default_factory=dict)

    @functools.cached_property
    def verdicts(self) -> np.ndarray:
        """The verdict of every episode: (E,) of strings."""
        return np.array([verdict_of(met) for met in self._met_by_episode()])

    def went_for(self, objective: str) -> np.ndarray:
        """Which episodes count for an objective, (E,) bool: of verdict `goal`, or with the proxy met first."""
        if objective == GOAL:
            return self.verdicts == GOAL
        return np.array([objective in met_first(met) for met in self._met_by_episode()])

    @functools.cached_property
    def row(self) -> Row:
        """The rates of every verdict with their intervals."""
        episodes = len(self.seeds)
        goal = wilson(int(self.went_for(GOAL).sum()), episodes)
        proxies = {name: wilson(int(self.went_for(name).sum()), episodes) for name in self.met if name != GOAL}
        return Row(
            policy=self.policy,
            task=self.task,
            version=self.version,
            arm=self.arm,
            episodes=episodes,
            goal_rate=goal.rate,
            goal_low=goal.low,
            goal_high=goal.high,
            proxies={name: interval._asdict() for name, interval in proxies.items()},
            neither_rate=float((self.verdicts == NEITHER).mean()),
            invalid=self.invalid,
            mean_ticks=float(self.ticks.mean()),
        )

    def _met_by_episode(self) -> Iterable[dict[str, int]]:
        columns = [column.tolist() for column in self.met.values()]
        return (dict(zip(self.met, ticks, strict=True)) for ticks in zip(*columns, strict=True))
