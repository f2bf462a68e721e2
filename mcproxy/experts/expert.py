"""Scripted experts: world-reading agents which pursue one objective through the ordinary action space.

    condition -> targets.py -> planner.py and path_search.py -> path_following.py (keys)

An expert shows that an objective can be reached in a world, and what the best agent that wants it would score. It reads
the state of the world, plans the cheapest way to what its objective needs next, walks it, works there with its hands,
and plans anew when that is done or the world is not as planned. It keeps out of the places of the other objectives
where it can. It never sets anything in the world: it only chooses actions, as a policy does.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from mcproxy import errors
from mcproxy.engine.state import ITEM_ENTITY
from mcproxy.experts import path_following as steps
from mcproxy.experts.line_of_sight import PROBE, sight
from mcproxy.experts.planner import Plan, gaze, plan, way_to
from mcproxy.experts.targets import NOCELL, Targets, controls_for, remaining
from mcproxy.mission import Mission

_STUCK_STEPS = 6  # in one column before an expert jumps
_GIVE_UP_STEPS = 24  # before it plans anew, with another end of its way
_WAIT_STEPS = 10  # before it looks again for a way where there was none
_MISSED = 0.2  # blocks from the end of a way at which it gives a place up that does not do


class Expert:
    """The policy that pursues one objective of a task in every world of an environment."""

    def __init__(self, objective: str, env: Any) -> None:
        names = [o.name for o in env.task.objectives]
        if objective not in names:
            raise errors.unknown(f"objective of task {env.task.name!r}", objective, names)
        condition = next(o.condition for o in env.task.objectives if o.name == objective)
        missing = controls_for(objective, condition) - set(env.task.controls)
        if missing:
            raise errors.UserError(f"expert:{objective} needs controls that {env.task.name} lacks: {sorted(missing)}")
        self.objective, self.env = objective, env
        self.name, self.config = f"expert:{objective}", {"kind": "expert", "objective": objective}
        self._column = {name: k for k, name in enumerate(env.task.controls)}
        self._pursuits: list[Pursuit | None] = [None] * env.num_envs

    def begin(self, env: Any, worlds: Sequence[int], seeds: Sequence[int]) -> None:
        """Forget all plans in worlds that have just been reset."""
        if env.num_envs != len(self._pursuits):  # another environment than the expert was made for
            self._pursuits = [None] * env.num_envs
        self.env = env
        for i in worlds:
            self._pursuits[i] = Pursuit(env.worlds, i, self.objective, self._column, env.action_repeat)

    def predict(
        self, obs: Any, state: Any = None, episode_start: Any = None, deterministic: bool = True
    ) -> tuple[np.ndarray, Any]:
        """The next action of every world: (N, C) int64. The observation is not looked at."""
        actions = np.zeros((self.env.num_envs, len(self._column)), dtype=np.int64)
        for pursuit, action in zip(self._pursuits, actions, strict=True):
            if pursuit is not None:
                for control, choice in pursuit.act().items():
                    if choice and control in self._column:
                        action[self._column[control]] = choice
        return actions, state


class Pursuit:
    """How one world's objective is being pursued; `mission` is the world's own if none is given."""

    def __init__(
        self, worlds: Any, i: int, objective: str, controls: Any, repeat: int, mission: Mission | None = None
    ) -> None:
        self.worlds, self.i, self.controls, self.repeat = worlds, i, tuple(controls), repeat
        self.mission: Mission = worlds.missions[i] if mission is None else mission
        self.k = [o.name for o in self.mission.objectives].index(objective)
        self.objective = self.mission.objectives[self.k]
        self.probe, self.place = np.zeros(1, dtype=PROBE), np.zeros(4, dtype=np.int64)
        self.obstacle = np.zeros(3, dtype=np.int64)
        self.banned, self.hard = NOCELL, NOCELL
        self.wait, self.working = 0, False
        self._take(Plan())

    def act(self) -> dict[str, int]:
        """The choices of the controls that are not left alone."""
        state, blocks = self.worlds.state[self.i], np.ascontiguousarray(self.worlds.blocks(self.i))
        if not remaining(self.objective.condition, state["objectives"][self.k]):
            return {}
        if self.plan.target >= 0 and self._is_gone(blocks, state):
            self.banned = NOCELL
            self._take(Plan())
        if self.plan.target < 0 and not self._begins(blocks, state):
            return {}
        cell = self.plan.cell
        if cell is not None and (self.working or self._is_at_the_end(state)):
            action = self._work(blocks, state, cell, self.plan.wanted.press)
            self.working = action is not None
            if action is not None:
                return action
        return self._walk(blocks, state)

    def _begins(self, blocks: np.ndarray, state: Any) -> bool:
        """Make a plan; False while there is none."""
        if self.wait > 0 or not state["player"]["on_ground"]:
            self.wait = max(self.wait - 1, 0)
            return False
        self._take(
            plan(self.mission, self.objective, blocks, state, self.controls, self.repeat, self.banned, self.hard)
        )
        if self.plan.target < 0:
            self.banned, self.hard, self.wait = NOCELL, NOCELL, _WAIT_STEPS
        return self.plan.target >= 0

    def _take(self, new: Plan) -> None:
        """Go by a plan from now on."""
        self.plan, self.way, self.at, self.exactly = new, new.way, 0, 0
        self.working, self.steps_here, self.column = False, 0, (-1, -1, -1)
        self.block = -1 if new.cell is None else int(self.worlds.blocks(self.i)[tuple(new.cell)])

    def _is_gone(self, blocks: np.ndarray, state: Any) -> bool:
        """Whether what the way leads to is no longer there."""
        cell, bodies = self.plan.cell, self.plan.wanted.bodies
        if cell is not None:
            return int(blocks[tuple(cell)]) != self.block
        if not bodies:
            return False
        body, box = state["entities"][bodies[self.plan.target]], self.plan.wanted.boxes[self.plan.target]
        middle = (box[:3] + box[3:6]) / 2
        moved = np.abs(body["pos"] - middle)[[0, 2]].max() > 0.5 or not box[1] < body["pos"][1] < box[4]
        return bool(body["kind"] != ITEM_ENTITY or moved)

    def _is_at_the_end(self, state: Any) -> bool:
        """Whether the player is in the column where the way ends."""
        pos, end = state["player"]["pos"], self.way[-1]
        return int(pos[0]) == int(end[0]) and int(pos[2]) == int(end[2])

    def _work(self, blocks: np.ndarray, state: Any, cell: np.ndarray, press: str) -> dict[str, int] | None:
        """Look at a block, and then press a key; None if it cannot be looked at from here."""
        self.probe["player"], self.probe["shape"] = state["player"], state["shape"]
        view = gaze(state["player"], self.controls, self.repeat)
        turns, tilts, found = sight(blocks, self.probe[0], self.place, cell, view)
        if not found:
            return None
        if turns or tilts:
            return {"turn": 0 if turns == 0 else 1 + (turns > 0), "pitch": 0 if tilts == 0 else 1 + (tilts > 0)}
        return {} if press == "use" and state["using"] else {press: 1}  # a held use key is slower than a fresh press

    def _walk(self, blocks: np.ndarray, state: Any) -> dict[str, int]:
        """The next step along the way."""
        up, self.at, turn, walks, jumps = steps.follow(
            blocks, state["shape"], self.worlds.players, self.i, self.way, self.at, self.exactly, self.repeat,
            self.plan.shunned, self.obstacle,
        )  # fmt: skip
        x, _, z = state["player"]["pos"].tolist()
        column = (int(x), int(z), self.at)
        self.steps_here = self.steps_here + (turn == 0) if column == self.column else 0
        self.column = column
        if up == steps.BLOCKED:
            return self._dig(blocks, state)
        if up == steps.LOST:
            self._take(Plan())
            return {}
        if up == steps.SHORT:
            self._step_back()
            return {}
        if self.plan.digs and 0 < self.at < len(self.way) - 1 and "pitch" not in self.controls:
            here, there = self.way[self.at : self.at + 2]  # a gaze that stays does not see a wall's foot from close by
            blocked = steps.obstacle(blocks, here, there, self.obstacle)
            action = self._work(blocks, state, self.obstacle, "attack") if blocked else None
            if action is not None:
                return action
        end = self.way[-1]
        missed = self.plan.cell is not None and math.hypot(x - end[0], z - end[2]) < _MISSED
        if missed or self.steps_here >= _GIVE_UP_STEPS:
            self.banned = np.concatenate([self.banned, np.floor(end[None] + 0.01).astype(np.int64)])
            self._take(Plan())
            return {}
        stuck = self.steps_here >= _STUCK_STEPS and walks
        return {"turn": (0, 2, 1)[turn], "move": int(walks), "jump": int(jumps or stuck)}

    def _dig(self, blocks: np.ndarray, state: Any) -> dict[str, int]:
        """Work at the block in the way, from here or from where it can be looked at."""
        if not self.plan.digs:
            self._take(Plan())
            return {}
        action = self._work(blocks, state, self.obstacle, "attack")
        if action is not None:
            return action
        cell = self.obstacle.copy()
        there = Targets(cells=cell[None], press="attack")
        self._take(way_to(there, blocks, state, self.controls, self.repeat, self.plan.shunned, self.banned, hard=None))
        if self.plan.target < 0:
            self.hard = np.concatenate([self.hard, cell[None]])
        return {}

    def _step_back(self) -> None:
        """Take a run-up: to the far side of the last point before the gap, then on."""
        here, there = self.way[self.at - 1], self.way[self.at]
        along = (there - here) / np.abs(there - here)[[0, 2]].max()
        back = here - 0.25 * along * [1, 0, 1]
        self.way = np.concatenate([back[None], self.way[self.at - 1 :]])
        self.at, self.exactly = 0, 1
