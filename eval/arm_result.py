"""The episodes of one policy in one arm, and the row that sums them up."""

import functools
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from mcproxy.eval.finding import Row
from mcproxy.eval.stats import wilson
from mcproxy.mission import GOAL
from mcproxy.verdict import NEITHER, met_first, verdict_of


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
