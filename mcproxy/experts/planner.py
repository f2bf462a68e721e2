"""From what an objective needs next to the way there, through the world as it is."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mcproxy.controls import TURN_DEG
from mcproxy.experts import path_search
from mcproxy.experts.targets import NOCELL, Targets, places, targets
from mcproxy.mission import Mission, Objective

NOWAY = np.zeros((0, 3))
_SHUNNED = 1.0  # blocks to the sides of another objective's place that are kept clear
_INSIDE = 0.15  # blocks into a box that its nearest point is meant to be
_FLAT_DEG = 12.0  # of a gaze that stays, below which it never comes down to the foot of a wall 3 blocks ahead


@dataclass(frozen=True)
class Plan:
    """The cheapest way to one of some targets.

    way      (L, 3) float64 points of the feet, empty if there is none;  target  which one it leads to, -1 for none
    shunned  (S, 6) float64, boxes that it keeps out of where it can;  digs  whether blocks are in its way
    """

    wanted: Targets = field(default_factory=Targets)
    way: np.ndarray = field(default_factory=lambda: NOWAY)
    target: int = -1
    shunned: np.ndarray = field(default_factory=lambda: np.zeros((0, 6)))
    digs: bool = False

    @property
    def cell(self) -> np.ndarray | None:
        """The block to work at from the end of the way, if there is one."""
        index = self.target - len(self.wanted.boxes)
        return self.wanted.cells[index] if index >= 0 else None

    @property
    def length(self) -> float:
        """Of the way over the ground, in blocks."""
        return float(np.hypot(*np.diff(self.way[:, [0, 2]], axis=0).T).sum()) if len(self.way) else 0.0


def plan(
    mission: Mission,
    objective: Objective,
    blocks: np.ndarray,
    state: Any,
    controls: Sequence[str],
    repeat: int,
    banned: np.ndarray = NOCELL,
    hard: np.ndarray = NOCELL,
) -> Plan:
    """The plan for an objective in a world: (X, Y, Z) uint8 blocks and its `WORLD` record.

    `controls` are those that there are, `repeat` the ticks of a step. `banned` (B, 3) int64 are cells that are no good
    as an end of the way, `hard` (H, 3) int64 blocks that turned out not to be diggable.
    """
    wanted = targets(objective.condition, blocks, state, controls)
    others = [places(o.condition, blocks, state) for o in mission.objectives if o.name != objective.name]
    shunned = _elsewhere(np.concatenate([np.zeros((0, 6)), *others]), wanted.boxes)
    return way_to(wanted, blocks, state, controls, repeat, shunned, banned, hard)


def way_to(
    wanted: Targets,
    blocks: np.ndarray,
    state: Any,
    controls: Sequence[str],
    repeat: int,
    shunned: np.ndarray,
    banned: np.ndarray = NOCELL,
    hard: np.ndarray | None = NOCELL,
) -> Plan:
    """The plan for given targets; without digging if `hard` is None."""
    boxes, cells = wanted.boxes, wanted.cells
    feet = path_search.standing(blocks)
    start = path_search.footing(feet, state["player"]["pos"])
    if start[0] < 0 or not (len(boxes) or len(cells)):
        return Plan(wanted, shunned=shunned)
    jumps, view = "jump" in controls, gaze(state["player"], controls, repeat)
    level = "pitch" not in controls
    held = int(state["slots"]["item"][state["held"]])
    tries = [(-1, 0.0)]
    tries += [(-1, path_search.JUMP_RISE)] if jumps and len(boxes) else []
    if hard is not None and "attack" in controls and not (level and state["player"]["pitch_deg"] < _FLAT_DEG):
        tries.append((held, 0.0))
    for item, lift in tries:
        costs = path_search.barriers(blocks, item)
        if hard is not None and len(hard):
            costs[tuple(hard.T)] = np.where(blocks[tuple(hard.T)] > 0, path_search.HARD, 0)
        way, target = path_search.search(
            blocks, feet, costs, start, boxes, cells, shunned, banned, jumps, level, lift, view
        )  # fmt: skip
        if target >= 0:
            if target < len(boxes):
                inside = _into(boxes[target], way[-1])
                same = np.array_equal(np.floor(inside[[0, 2]]), np.floor(way[-1, [0, 2]]))
                way = np.concatenate([way[: len(way) - same], inside[None]])
            return Plan(wanted, way, target, shunned, item >= 0)
    return Plan(wanted, shunned=shunned)


def gaze(player: Any, controls: Sequence[str], repeat: int) -> tuple[float, float, float, float]:
    """Yaw and pitch of a player, and by how much a step of so many ticks changes each."""
    turn = repeat * TURN_DEG
    by_yaw, by_pitch = (turn if control in controls else 0.0 for control in ("turn", "pitch"))
    return float(player["yaw_deg"]), float(player["pitch_deg"]), by_yaw, by_pitch


def _elsewhere(shunned: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Those boxes (S, 6) that meet none of the others (K, 7), grown to the sides by what is to be kept clear."""
    apart = (shunned[:, None, :3] > boxes[None, :, 3:6]) | (shunned[:, None, 3:] < boxes[None, :, :3])  # (S, K, 3)
    kept = shunned[np.all(np.any(apart, axis=2), axis=1)].copy()
    kept[:, [0, 2]] -= _SHUNNED
    kept[:, [3, 5]] += _SHUNNED
    return kept


def _into(box: np.ndarray, foot: np.ndarray) -> np.ndarray:
    """The point of a box that is nearest to a point of the feet, a little way inside."""
    low, high = box[:3], box[3:6]
    if box[6] > 0:
        middle = (low + high) / 2
        low, high = middle - box[6] / 2, middle + box[6] / 2
    inset = np.minimum(_INSIDE, (high - low) / 2)
    point = np.clip(foot, low + inset, high - inset)
    point[1] = max(foot[1], box[1])
    return point
