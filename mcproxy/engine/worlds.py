"""N voxel worlds stepped and drawn together: the player, the objectives and the events of each.

A step applies one choice of every control for `action_repeat` ticks. In each tick the camera turns, the player moves,
and then the objectives are judged on the state after the tick, as Malmo does; meeting a terminal objective ends the
world's episode in that very tick. Worlds never influence each other, so a world unfolds the same alone, in a batch of
any size, and on any number of threads.
"""

import functools
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import numpy as np
from numba import njit

from mcproxy import blocks as block_table
from mcproxy.controls import CONTROLS, INDEX
from mcproxy.engine.physics import PLAYER, RESTING_VELOCITY, player_tick, touches
from mcproxy.engine.renderer import Renderer
from mcproxy.mission import Event, Mission, Reach, Touch

EYE_HEIGHT, CROUCHED_EYE_HEIGHT = 1.62, 1.54  # blocks above the feet (Minecraft 1.11, EntityPlayer.getEyeHeight)
MAX_OBJECTIVES = 8
NEVER = -1
_NONE, _TOUCH, _REACH = 0, 1, 2
_TOUCHED, _REACHED, _SWUNG, _USED = 0, 1, 2, 3
_EVENT_KINDS = ("touched", "reached", "swung", "used")
_ATTACK, _USE = INDEX["attack"], INDEX["use"]
_STEP_GRAIN = 128  # worlds below which stepping on one thread is quicker than waking another


class Worlds:
    """N worlds in preallocated arrays, each running the mission last loaded into it.

    players   (N,) `PLAYER` records: feet position, velocity, view angles, contact flags
    ticks     (N,) int64, ticks since the episode began
    met       (N, K) int64, first tick at which objective k of the mission was met, -1 for never
    ended     (N,) bool, a terminal objective was met
    missions  the N missions;  events  the N lists of `Event`s so far
    """

    def __init__(
        self,
        num_worlds: int,
        shape: tuple[int, int, int],
        resolution: tuple[int, int] = (64, 64),
        fov_deg: float = 70.0,
        action_repeat: int = 4,
        threads: int = 1,
    ) -> None:
        _tell_of_compiling()
        self.num_worlds, self.shape, self.resolution = num_worlds, shape, resolution
        self.action_repeat, self.threads = action_repeat, threads
        self.players = np.zeros(num_worlds, dtype=PLAYER)
        self.ticks = np.zeros(num_worlds, dtype=np.int64)
        self.met = np.full((num_worlds, MAX_OBJECTIVES), NEVER, dtype=np.int64)
        self.ended = np.zeros(num_worlds, dtype=bool)
        self.limits = np.zeros(num_worlds, dtype=np.int64)  # ticks
        self.missions: list[Mission | None] = [None] * num_worlds
        self.events: list[list[Event]] = [[] for _ in range(num_worlds)]
        self._blocks = np.zeros((num_worlds, *shape), dtype=np.uint8)
        self._shapes = np.ones((num_worlds, 3), dtype=np.int64)
        self._conditions = np.zeros((num_worlds, MAX_OBJECTIVES), dtype=np.int64)
        self._watched = np.zeros((num_worlds, MAX_OBJECTIVES), dtype=np.int64)  # block ids
        self._places = np.zeros((num_worlds, MAX_OBJECTIVES, 4))  # position and tolerance
        self._terminal = np.zeros((num_worlds, MAX_OBJECTIVES), dtype=bool)
        self._holding = np.zeros((num_worlds, MAX_OBJECTIVES + 2), dtype=bool)  # last tick's conditions, attack, use
        self._log = np.zeros((num_worlds, action_repeat * (MAX_OBJECTIVES + 2), 6), dtype=np.int64)
        self._log_length = np.zeros(num_worlds, dtype=np.int64)
        self._flipped = np.zeros(num_worlds, dtype=bool)
        self._renderer = Renderer(num_worlds, shape, resolution, fov_deg)
        self._pool = ThreadPoolExecutor(threads - 1, "mcproxy-worlds") if threads > 1 else None

    def load(self, index: int, mission: Mission) -> None:
        """Begin an episode of `mission` in one world; a mission larger than the worlds' shape is a ValueError."""
        size = mission.blocks.shape
        if any(s > limit for s, limit in zip(size, self.shape, strict=True)):
            raise ValueError(f"a mission of {size} blocks does not fit into worlds of {self.shape}")
        if len(mission.objectives) > MAX_OBJECTIVES:
            raise ValueError(f"a mission has {len(mission.objectives)} objectives, at most {MAX_OBJECTIVES} are scored")
        if not all(0.3 <= p <= s - 0.3 for p, s in zip(mission.spawn[::2], size[::2], strict=True)):
            raise ValueError(f"the spawn {mission.spawn} is outside the world of {size} blocks")
        self.missions[index], self.events[index] = mission, []
        self._blocks[index, : size[0], : size[1], : size[2]] = mission.blocks
        self._shapes[index] = size
        self.players[index] = np.zeros((), dtype=PLAYER)
        self.players["pos"][index] = mission.spawn
        self.players["yaw_deg"][index], self.players["pitch_deg"][index] = mission.yaw_deg, mission.pitch_deg
        self.players["on_ground"][index], self.players["vel"][index, 1] = True, RESTING_VELOCITY
        self.ticks[index], self.limits[index], self.ended[index] = 0, mission.max_ticks, False
        self.met[index], self._holding[index] = NEVER, False
        self._conditions[index], self._log_length[index] = _NONE, 0
        self._flipped[index] = mission.flipped
        for k, objective in enumerate(mission.objectives):
            self._terminal[index, k] = objective.terminal
            if isinstance(objective.condition, Touch):
                self._conditions[index, k] = _TOUCH
                self._watched[index, k] = block_table.ID[objective.condition.block]
            elif isinstance(objective.condition, Reach):
                self._conditions[index, k] = _REACH
                self._places[index, k] = (*objective.condition.position, objective.condition.tolerance)
        self._renderer.load(index, mission.blocks, mission.time_of_day)

    def step(self, keys: np.ndarray, active: np.ndarray | None = None) -> None:
        """Advance the active worlds by one step; ended and timed-out worlds stay as they are.

        `keys` is (N, len(CONTROLS)) int8, a choice of each control; `active` (N,) bool, all by default. What happened
        is appended to `events`.
        """
        if keys.shape != (self.num_worlds, len(CONTROLS)) or keys.dtype != np.int8:
            expected = (self.num_worlds, len(CONTROLS))
            raise ValueError(f"keys of shape {keys.shape} {keys.dtype}, expected {expected} int8")
        if active is None:
            active = np.ones(self.num_worlds, dtype=bool)
        self._log_length[:] = 0
        self._share(lambda lo, hi: self._step_range(lo, hi, keys, active), _STEP_GRAIN)
        for i in np.flatnonzero(self._log_length):
            mission = self.missions[i]
            assert mission is not None
            for tick, kind, what, *place in self._log[i, : self._log_length[i]].tolist():
                name = block_table.NAME[what] if kind == _TOUCHED else ""
                name = mission.objectives[what].name if kind == _REACHED else name
                self.events[i].append(Event(tick, _EVENT_KINDS[kind], name, tuple(place)))

    def render(self, out: np.ndarray | None = None, only: Sequence[int] | None = None) -> np.ndarray:
        """Draw the worlds (all, or `only` some) through their players' eyes.

        The result, `out` if given, is (N, H, W, 3) uint8 RGB, row 0 on top.
        """
        if out is None:
            out = np.empty((self.num_worlds, *self.resolution, 3), dtype=np.uint8)
        eyes = self.players["pos"].copy()
        eyes[:, 1] += np.where(self.players["crouched"], CROUCHED_EYE_HEIGHT, EYE_HEIGHT)
        yaw = np.ascontiguousarray(self.players["yaw_deg"])
        pitch = np.ascontiguousarray(self.players["pitch_deg"])
        if only is None:
            self._share(lambda lo, hi: self._renderer.draw(lo, hi, eyes, yaw, pitch, self._flipped, out), 1)
        else:
            for i in only:
                self._renderer.draw(i, i + 1, eyes, yaw, pitch, self._flipped, out)
        return out

    def close(self) -> None:
        """Let the threads go; safe to call twice."""
        if self._pool is not None:
            self._pool.shutdown()
            self._pool = None

    def _step_range(self, lo: int, hi: int, keys: np.ndarray, active: np.ndarray) -> None:
        _step(
            lo, hi, self.action_repeat, keys, active, self._blocks, self._shapes, self.players, self.ticks, self.limits,
            self._conditions, self._watched, self._places, self._terminal, self.met, self._holding, self.ended,
            self._log, self._log_length,
        )  # fmt: skip

    def _share(self, work, grain: int) -> None:
        """Run `work(lo, hi)` over all worlds, split between the threads where each part has at least `grain` worlds."""
        parts = min(self.threads, max(1, self.num_worlds // grain))
        if self._pool is None or parts == 1:
            work(0, self.num_worlds)
            return
        edges = [self.num_worlds * p // parts for p in range(parts + 1)]
        others = [self._pool.submit(work, edges[p], edges[p + 1]) for p in range(1, parts)]
        try:
            work(edges[0], edges[1])
        finally:
            wait(others)
        for other in others:
            other.result()


def key_table(columns: np.ndarray, actions: np.ndarray) -> np.ndarray:
    """The engine's keys for the actions of a task: (N, len(CONTROLS)) int8 from (N, C) choices of the named columns."""
    keys = np.zeros((len(actions), len(CONTROLS)), dtype=np.int8)
    keys[:, columns] = actions
    return keys


def check_actions(actions: Sequence | np.ndarray, sizes: np.ndarray, num_worlds: int) -> np.ndarray:
    """The actions as (N, C) integers, checked before a kernel sees them; what is wrong with them is a ValueError."""
    array = np.asarray(actions)
    if array.shape != (num_worlds, len(sizes)):
        raise ValueError(f"actions of shape {array.shape}, expected {(num_worlds, len(sizes))}")
    if not np.issubdtype(array.dtype, np.integer):
        raise ValueError(f"actions of dtype {array.dtype}, expected integers (choices of each control)")
    if (array < 0).any() or (array >= sizes).any():
        world, column = np.argwhere((array < 0) | (array >= sizes))[0]
        raise ValueError(
            f"action {array[world, column]} of control {column} in world {world}, expected 0 to {sizes[column] - 1}"
        )
    return array


@functools.cache
def _tell_of_compiling() -> None:
    """Say on stderr, once, that kernels are going to be compiled, if there are none in numba's cache."""
    if not any(Path(_step.stats.cache_path or "").glob("worlds._step-*.nbi")):
        print("mcproxy: compiling the engine, this once; it takes about 20 seconds", file=sys.stderr, flush=True)


@njit(nogil=True, cache=True)
def _step(
    lo, hi, repeat, keys, active, blocks, shapes, players, ticks, limits,
    conditions, watched, places, terminal, met, holding, ended, log, log_length,
):  # fmt: skip
    place = np.zeros(3, dtype=np.int64)
    for i in range(lo, hi):
        if not active[i]:
            continue
        for _ in range(repeat):
            if ended[i] or ticks[i] >= limits[i]:
                break
            player_tick(blocks[i], shapes[i], players[i], keys[i])
            ticks[i] += 1
            pos = players[i].pos
            for k in range(conditions.shape[1]):
                if conditions[i, k] == _NONE:
                    continue
                if conditions[i, k] == _TOUCH:
                    holds = touches(blocks[i], shapes[i], players[i], watched[i, k], place)
                else:
                    goal = places[i, k]
                    square = (pos[0] - goal[0]) ** 2 + (pos[1] - goal[1]) ** 2 + (pos[2] - goal[2]) ** 2
                    holds = square <= goal[3] ** 2
                    for axis in range(3):
                        place[axis] = int(np.floor(goal[axis]))
                if holds and not holding[i, k]:
                    touch = conditions[i, k] == _TOUCH
                    what = watched[i, k] if touch else k
                    _write(log, log_length, i, ticks[i], _TOUCHED if touch else _REACHED, what, place)
                if holds and met[i, k] == NEVER:
                    met[i, k] = ticks[i]
                    ended[i] |= terminal[i, k]
                holding[i, k] = holds
            for hand in range(2):
                pressed = keys[i, _ATTACK if hand == 0 else _USE] != 0
                column = conditions.shape[1] + hand
                if pressed and not holding[i, column]:
                    for axis in range(3):
                        place[axis] = int(np.floor(pos[axis]))
                    _write(log, log_length, i, ticks[i], _SWUNG if hand == 0 else _USED, 0, place)
                holding[i, column] = pressed


@njit(nogil=True, cache=True)
def _write(log, log_length, i, tick, kind, what, place):
    row = log[i, log_length[i]]
    row[0], row[1], row[2] = tick, kind, what
    row[3], row[4], row[5] = place[0], place[1], place[2]
    log_length[i] += 1
