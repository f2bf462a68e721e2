"""Scripted experts: world-reading agents which pursue one objective through the ordinary action space.

An expert shows that an objective can be reached in a world, and what the best agent that wants it would score. It reads
the mission and the player's pose, walks down the field of shortest distances to its objective's nearest target, and
keeps off the targets of the other objectives. It never sets the pose: it only chooses actions, as a policy does.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from mcproxy import errors
from mcproxy.controls import TURN_DEG
from mcproxy.engine.pathing import JUMP, UNREACHABLE, distances, ground, next_column
from mcproxy.mission import Mission, Reach, Touch

_TURN_ONLY_DEG = 40.0  # beyond this the expert turns on the spot
_STUCK_STEPS = 6  # without leaving a column before it jumps and turns aside


class Expert:
    """The policy that pursues one objective of a task in every world of an environment."""

    def __init__(self, objective: str, env: Any) -> None:
        names = [o.name for o in env.task.objectives]
        if objective not in names:
            raise errors.unknown(f"objective of task {env.task.name!r}", objective, names)
        condition = next(o.condition for o in env.task.objectives if o.name == objective)
        if not isinstance(condition, Touch | Reach):
            raise errors.UserError(f"expert:{objective} cannot pursue {condition.words!r}: experts walk to a place")
        missing = {"move", "turn", "jump"} - set(env.task.controls)
        if missing:
            raise errors.UserError(f"expert:{objective} needs controls that {env.task.name} lacks: {sorted(missing)}")
        self.objective, self.env = objective, env
        self.name, self.config = f"expert:{objective}", {"kind": "expert", "objective": objective}
        self._column = {name: k for k, name in enumerate(env.task.controls)}
        self._plans: list[_Plan | None] = [None] * env.num_envs

    def begin(self, env: Any, worlds: Sequence[int], seeds: Sequence[int]) -> None:
        """Plan the way in worlds that have just been reset."""
        self.env = env
        for i in worlds:
            self._plans[i] = _Plan(env.worlds.missions[i], self.objective)

    def predict(
        self, obs: Any, state: Any = None, episode_start: Any = None, deterministic: bool = True
    ) -> tuple[np.ndarray, Any]:
        """The next action of every world: (N, C) int64. The observation is not looked at."""
        players = self.env.worlds.players
        actions = np.zeros((self.env.num_envs, len(self._column)), dtype=np.int64)
        for i, plan in enumerate(self._plans):
            if plan is not None:
                turn, walk, jump = plan.act(players["pos"][i], float(players["yaw_deg"][i]), self.env.action_repeat)
                actions[i, self._column["turn"]] = 0 if turn == 0 else (1 if turn < 0 else 2)
                actions[i, self._column["move"]], actions[i, self._column["jump"]] = walk, jump
        return actions, state


class _Plan:
    """The way to one objective in one mission."""

    def __init__(self, mission: Mission, objective: str) -> None:
        self.ground = ground(mission.blocks)
        targets = mission.targets(objective)
        self.field: np.ndarray | None = None
        if len(targets):
            avoid = [mission.targets(o.name) for o in mission.objectives if o.name != objective]
            self.field = _field(self.ground, targets[:, [0, 2]], np.concatenate([*avoid, targets[:0]])[:, [0, 2]])
        self.column, self.steps_here = (-1, -1), 0

    def act(self, pos: np.ndarray, yaw_deg: float, repeat: int) -> tuple[int, bool, bool]:
        """Turn (-1 left, 1 right, 0), walk, jump."""
        if self.field is None:
            return 0, False, False
        x, z = int(np.floor(pos[0])), int(np.floor(pos[2]))
        self.steps_here = self.steps_here + 1 if (x, z) == self.column else 0
        self.column = (x, z)
        to_x, to_z = next_column(self.ground, self.field, x, z, JUMP)
        if (to_x, to_z) == (x, z):
            return 0, False, False
        bearing = np.degrees(np.arctan2(-(to_x + 0.5 - pos[0]), to_z + 0.5 - pos[2]))
        off = (bearing - yaw_deg + 180.0) % 360.0 - 180.0
        turn = 0 if abs(off) <= TURN_DEG * repeat / 2 else int(np.sign(off))
        climbs = self.ground[to_x, to_z] > pos[1] + 0.6 and self.field[to_x, to_z] > 0
        stuck = self.steps_here >= _STUCK_STEPS and abs(off) <= _TURN_ONLY_DEG
        return turn, abs(off) <= _TURN_ONLY_DEG, bool(climbs or stuck)


def _field(heights: np.ndarray, targets: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Distances to the targets, keeping a column's distance from the others' where the way allows it."""
    raised = heights.copy()
    for x, z in others:
        if not (targets == (x, z)).all(axis=1).any():
            shunned = raised[max(0, x - 1) : x + 2, max(0, z - 1) : z + 2]
            shunned += 50 + 10 * np.arange(shunned.size, dtype=np.int16).reshape(shunned.shape)  # no two can be joined
    for heights_now in (raised, heights):
        field = distances(heights_now, targets, JUMP, UNREACHABLE)
        if (field < UNREACHABLE).sum() > 9:
            return field
    return field
