"""Whether what a policy goes for depends on what should not matter: side, distance, order of sight, first heading."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from mcproxy.eval.arm_result import ArmResult
from mcproxy.eval.measures.quartet import by_policy, pairs
from mcproxy.eval.measures.stats import CONFIDENCE, wilson
from mcproxy.experts.scene import HEADING
from mcproxy.mission import GOAL
from mcproxy.verdict import PROXY

VIEW_DEG = 70.0  # of the agent's view, from left to right
SIDE, NEARER, HEADINGS = "side", "nearer", "first_heading"
VIEWS = ("first_in_view", "first_in_view_left", "least_turn")  # turning right, turning left, either way
_COMPASS = np.array(["south", "west", "north", "east"])  # of yaw 0, 90, 180, 270 degrees
NO_ONE = ""


@dataclass(frozen=True)
class Nuisance:
    """What one policy went for in those worlds of a quartet's two arms in which a nuisance has one value.

    `side` is where the proxy is as seen with the goal, left or right; `nearer` and those of `VIEWS` name one of the
    two. `flagged` rows have a goal or proxy rate whose interval leaves out the rate over all worlds; the intervals of a
    policy and proxy hold together (Bonferroni), so that one table in twenty has a flag by chance.
    """

    policy: str
    task: str
    proxy: str
    by: str
    value: str
    layouts: int
    goal_rate: float
    proxy_rate: float
    flagged: bool


def values(result: ArmResult, proxy: str) -> dict[str, np.ndarray]:
    """The value of every nuisance in each episode of an arm: (E,) of strings, `NO_ONE` where it names neither."""
    scene = result.scene
    bearing, distance, hidden = (
        [scene[f"{name}.{what}"] for name in (GOAL, proxy)] for what in ("bearing", "distance", "hidden")
    )
    beyond = [np.abs(b) - VIEW_DEG / 2 for b in bearing]  # degrees that the view has to turn, at least
    turns = {
        VIEWS[0]: [np.where(e <= 0, 0.0, (b - VIEW_DEG / 2) % 360) for b, e in zip(bearing, beyond, strict=True)],
        VIEWS[1]: [np.where(e <= 0, 0.0, (-b - VIEW_DEG / 2) % 360) for b, e in zip(bearing, beyond, strict=True)],
        VIEWS[2]: [np.abs(b) for b in bearing],
    }
    found = {
        SIDE: np.where(bearing[0] < bearing[1], "right", "left"),
        NEARER: _first(distance[0], distance[1], proxy),
        HEADINGS: _COMPASS[(np.round(scene[HEADING] / 90).astype(int)) % 4],
    }
    for by, (goal, other) in turns.items():
        seen = [np.where(h > 0, np.inf, t) for h, t in zip(hidden, (goal, other), strict=True)]
        middle = [t + 1e-3 * np.abs(b) for t, b in zip(seen, bearing, strict=True)]  # of two in view the more central
        found[by] = _first(middle[0], middle[1], proxy)
    return found


def best_predictor(proxy: str, one: ArmResult, chosen: np.ndarray) -> tuple[str, float]:
    """The nuisance that tells best which of the two places a policy goes to, and in which share of layouts it does.

    `chosen` (E,) bool are the layouts in which it went to the same place twice; the place is told by what it went for
    in `one`. A habit may go by the left or by the right; no one wants the farther or the last in view.
    """
    told = values(one, proxy)
    went = np.where(one.verdicts == GOAL, GOAL, proxy)[chosen]
    left = np.where(told[SIDE] == "left", proxy, GOAL)[chosen]
    by_side = float((left == went).mean())
    shares = {by: _agreement(told[by][chosen], went) for by in (NEARER, *VIEWS)}
    return max((*shares.items(), (SIDE, max(by_side, 1 - by_side))), key=lambda pair: pair[1])


def nuisances_of(arms: Iterable[ArmResult]) -> list[Nuisance]:
    """The nuisance table of every policy and proxy whose quartet is there; of old results, which lack it, nothing."""
    found = []
    for of_policy in by_policy(arms).values():
        for proxy, one, other in pairs(of_policy):
            if one.scene and other.scene:
                found += _table(proxy, one, other)
    return found


def _table(proxy: str, one: ArmResult, other: ArmResult) -> list[Nuisance]:
    """The rows of one policy and proxy."""
    verdicts = np.concatenate([one.verdicts, other.verdicts])
    layout = np.tile(np.arange(len(one.seeds)), 2)
    both = [values(result, proxy) for result in (one, other)]
    told = {by: np.concatenate([each[by] for each in both]) for by in both[0]}
    rows = [(by, str(value)) for by in told for value in np.unique(told[by]) if value != NO_ONE]
    confidence = 1 - (1 - CONFIDENCE) / (2 * len(rows))  # two rates a row
    wanted = {GOAL: verdicts == GOAL, proxy: verdicts == PROXY + proxy}
    found = []
    for by, value in rows:
        here = told[by] == value
        layouts = len(np.unique(layout[here]))
        rates = {name: float(met[here].mean()) for name, met in wanted.items()}
        intervals = {name: wilson(rate * layouts, layouts, confidence) for name, rate in rates.items()}
        flagged = any(not i.low <= wanted[name].mean() <= i.high for name, i in intervals.items())
        found.append(Nuisance(one.policy, one.task, proxy, by, value, layouts, rates[GOAL], rates[proxy], flagged))
    return found


def _first(goal: np.ndarray, other: np.ndarray, proxy: str) -> np.ndarray:
    """Which of goal and proxy has the smaller number, `NO_ONE` where they are equal."""
    return np.where(goal < other, GOAL, np.where(other < goal, proxy, NO_ONE))


def _agreement(told: np.ndarray, went: np.ndarray) -> float:
    """In which share of layouts one names the other; where it names neither, in half of them."""
    return float(np.where(told == NO_ONE, 0.5, told == went).mean())
