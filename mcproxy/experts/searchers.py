"""Walkers that do not know the proxy: they visit the equal places of a task one after the other.

`indifferent` cares for none of the places: it is the reference for what is met by accident. It walks as well as the
experts, knows where the places are, and shuns nothing on its way; the order of the places is drawn for each layout.

`searcher:ORDER` wants the goal. It leaves out the places that it has seen to be without it, at any distance and as soon
as nothing hides them, and walks to the goal once it has seen it. `ORDER` is that of the places not yet seen:

    drawn     as the indifferent walker's
    nearest   the nearest to where it stands
    turn      the next to its right, as one follows a wall

The best of the three bounds what an agent can get without the proxy (`mcproxy.eval.measures.margin`).
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from mcproxy import errors
from mcproxy.engine.simulation.camera import EYE_HEIGHT
from mcproxy.experts.expert import Expert, Pursuit
from mcproxy.experts.scene import bearing_deg, is_hidden
from mcproxy.experts.targets import around
from mcproxy.mission import GOAL, Inside, Objective
from mcproxy.policy import Streams

NAME, SEARCHER = "indifferent", "searcher:"
ORDERS = ("drawn", "nearest", "turn")
NEAR = 1  # block between a place's cell and the goal's, at most, where the place has the goal


class Indifferent(Expert):
    """The policy that visits the places of `Mission.places` in a random order; a task without them is a `UserError`."""

    def __init__(self, env: Any, seed: int = 0) -> None:
        if not env.task.places:
            raise errors.UserError(f"policy {NAME!r}: task {env.task.name!r} has no equal places to go to")
        super().__init__(GOAL, env)
        self.name = NAME
        self.config: dict[str, Any] = {"kind": NAME, "seed": seed}
        self._noise = Streams(seed)
        self._left: list[list[int]] = [[] for _ in range(env.num_envs)]  # the places that it has not been to
        self._place = np.zeros(env.num_envs, dtype=np.int64)  # to which it walks

    def begin(self, env: Any, worlds: Sequence[int], seeds: Sequence[int]) -> None:
        """Draw the order of the places in worlds that have just been reset."""
        if env.num_envs != len(self._left):
            self._left, self._place = [[] for _ in range(env.num_envs)], np.zeros(env.num_envs, dtype=np.int64)
        super().begin(env, [], [])
        self._noise.begin(worlds, seeds)
        for i in worlds:
            self._left[i] = self._noise[i].permutation(len(env.worlds.missions[i].places)).tolist()
            self._pursuits[i] = self._next(i)

    def predict(
        self, obs: Any, state: Any = None, episode_start: Any = None, deterministic: bool = True
    ) -> tuple[np.ndarray, Any]:
        """The next action of every world: (N, C) int64. The observation is not looked at."""
        for i, pursuit in enumerate(self._pursuits):
            if pursuit is not None and self._is_done(i, pursuit):
                self._pursuits[i] = self._next(i)
        return super().predict(obs, state, episode_start, deterministic)

    def _next(self, world: int) -> Pursuit | None:
        """How to get to the next place of a world; None after the last one, when it stands still."""
        return self._towards(world, self._left[world].pop(0)) if self._left[world] else None

    def _towards(self, world: int, place: int) -> Pursuit:
        """How to get to a place, as if touching it were all that is wanted in the world."""
        worlds, self._place[world] = self.env.worlds, place
        (box,) = around(np.array([worlds.missions[world].places[place]]))
        low, high = (tuple(box[k : k + 3].tolist()) for k in (0, 3))
        mission = dataclasses.replace(worlds.missions[world], objectives=(Objective(GOAL, GOAL, Inside(low, high)),))
        return Pursuit(worlds, world, GOAL, self._column, self.env.action_repeat, mission)

    def _is_done(self, world: int, pursuit: Pursuit) -> bool:
        """Whether the player touches the place that it walks to."""
        place, feet = pursuit.objective.condition, self.env.worlds.players["pos"][world]
        return isinstance(place, Inside) and bool((feet >= place.low).all() and (feet <= place.high).all())


class Searcher(Indifferent):
    """The policy that wants the goal, and looks for it in one of the `ORDERS` of the places."""

    def __init__(self, env: Any, order: str, seed: int = 0) -> None:
        if order not in ORDERS:
            raise errors.unknown("order of a searcher", order, ORDERS)
        super().__init__(env, seed)
        self.name, self.config, self.order = f"{SEARCHER}{order}", {"kind": "searcher", "order": order}, order
        self._found = np.zeros(env.num_envs, dtype=bool)

    def begin(self, env: Any, worlds: Sequence[int], seeds: Sequence[int]) -> None:
        """Forget what was seen in worlds that have just been reset."""
        if env.num_envs != len(self._found):
            self._found = np.zeros(env.num_envs, dtype=bool)
        self._found[list(worlds)] = False
        super().begin(env, worlds, seeds)

    def _next(self, world: int) -> Pursuit | None:
        left = self._left[world]
        if left and self.order != "drawn":
            player = self.env.worlds.players[world]
            across = np.array([self.env.worlds.missions[world].places[p] for p in left])[:, [0, 2]] + 0.5
            across = across - player["pos"][[0, 2]]
            turns = bearing_deg(across, player["yaw_deg"]) % 360.0
            score = np.hypot(*across.T) if self.order == "nearest" else turns
            left.insert(0, left.pop(int(score.argmin())))
        return super()._next(world)

    def _is_done(self, world: int, pursuit: Pursuit) -> bool:
        """Whether the place has been reached, or seen to be without the goal; the goal itself is never given up."""
        if self._found[world]:
            return False
        mission, player = self.env.worlds.missions[world], self.env.worlds.players[world]
        blocks, eye = self.env.worlds.blocks(world), player["pos"] + [0.0, EYE_HEIGHT, 0.0]
        goals = mission.targets(GOAL)
        for place, cell in enumerate(mission.places):
            at = np.array(cell)
            off = bearing_deg((at + 0.5 - eye)[[0, 2]], player["yaw_deg"])
            if abs(off) > self.env.fov_deg / 2 or is_hidden(blocks, eye, at):
                continue
            if (np.abs(goals - at).max(axis=1) <= NEAR).any():
                self._found[world], self._pursuits[world] = True, self._towards(world, place)
                self._left[world] = []
                return False
            if place in self._left[world]:
                self._left[world].remove(place)
            elif self._place[world] == place:
                return True
        return super()._is_done(world, pursuit)
