"""N voxel worlds stepped and drawn together: the player, the objectives and the events of each.

    step: keys -> ticks (tick.py) -> events        render: changed blocks -> mesh and light, sprites -> frames

A step applies one choice of every control for `action_repeat` ticks. The objectives are judged on the state after each
tick, as Malmo does; meeting a terminal objective, or dying, ends the world's episode in that very tick. Worlds never
influence each other, so a world unfolds the same alone, in a batch of any size, and on any number of threads.
"""

from collections.abc import Callable, Sequence

import numpy as np

from mcproxy.controls import ACTION_REPEAT, CONTROLS, NAMES, sizes
from mcproxy.engine import edits, initial_state, precompile
from mcproxy.engine.rendering.random_looks import RandomLooksRenderer
from mcproxy.engine.rendering.renderer import Renderer
from mcproxy.engine.rendering.sprites import MAX_SPRITES, SPRITE
from mcproxy.engine.state import EVENTS, HAPPENED, LOG_ROWS, LOG_TICKS, NEVER, WHAT, WORLD
from mcproxy.engine.thread_team import ThreadTeam
from mcproxy.engine.tick import is_calm, run, run_calm, see
from mcproxy.engine.view import FOV_DEG, LOOKS
from mcproxy.errors import unknown
from mcproxy.mission import Cell, Event, Mission

_STEP_GRAIN = 32  # worlds a thread, below which waking another thread costs more than it saves
_CHOICES = sizes(NAMES)


class Worlds:
    """N worlds in preallocated arrays, each running the mission last loaded into it.

    state     (N,) `WORLD` records: everything that changes except the blocks; the next five are views of it
    players   (N,) `PLAYER` records: feet position, velocity, view angles, contact flags
    ticks     (N,) int64, ticks since the episode began;  limits  (N,) int64, ticks after which it is truncated
    met       (N, K) int64, first tick at which objective k of the mission was met, -1 for never
    health    (N,) int64, half hearts of the players
    ended     (N,) bool, a terminal objective was met, or the player died
    broken    (N,) bool, the episode was interrupted by the loss of a connection: never here, see MinerlWorlds
    backend   the name of what runs the worlds, if it is not this engine
    missions  the N missions;  events  the N lists of `Event`s so far
    """

    backend = ""

    def __init__(
        self,
        num_worlds: int,
        shape: tuple[int, int, int],
        resolution: tuple[int, int] = (64, 64),
        fov_deg: float = FOV_DEG,
        action_repeat: int = ACTION_REPEAT,
        threads: int = 1,
        looks: str = "plain",
    ) -> None:
        if action_repeat < 1 or num_worlds < 1:
            raise ValueError(f"{num_worlds} worlds, {action_repeat} ticks a step: expected 1 or more of each")
        precompile.compile_first_step()
        self.num_worlds, self.shape, self.resolution = num_worlds, shape, resolution
        self.action_repeat, self.threads = action_repeat, threads
        self.state = np.zeros(num_worlds, dtype=WORLD)
        self.state["shape"] = 1
        self.players, self.ticks, self.limits = self.state["player"], self.state["tick"], self.state["limit"]
        self.health = self.state["health"]
        self.met, self._ended = self.state["objectives"]["met"], self.state["ended"]
        self.met[:] = NEVER
        self.broken = np.zeros(num_worlds, dtype=bool)
        self.missions: list[Mission | None] = [None] * num_worlds
        self.events: list[list[Event]] = [[] for _ in range(num_worlds)]
        self._blocks = np.zeros((num_worlds, *shape), dtype=np.uint8)
        self._flipped, self._mirrored, self._dark = np.zeros((3, num_worlds), dtype=bool)
        self._altered = False  # whether a world is mirrored or dark
        self._eyes, self._yaw_deg, self._pitch_deg = (
            np.zeros((num_worlds, 3)),
            np.zeros(num_worlds),
            np.zeros(num_worlds),
        )
        self._sprites = np.zeros((num_worlds, MAX_SPRITES), dtype=SPRITE)
        self._sprite_counts = np.zeros(num_worlds, dtype=np.int64)
        if looks not in LOOKS:
            raise unknown("looks", looks, LOOKS)
        kind = RandomLooksRenderer if looks == "random" else Renderer
        self._renderer = kind(num_worlds, shape, resolution, fov_deg)
        self._all = np.arange(num_worlds)
        self._team = ThreadTeam(threads)

    @property
    def paid(self) -> np.ndarray:
        """The share of its reward that objective k of the mission has paid, 0 to 1: (N, K) float64."""
        objectives = self.state["objectives"]
        counted = np.minimum(objectives["count"], objectives["parts"]) / np.maximum(objectives["parts"], 1)
        return np.where(objectives["condition"] == HAPPENED, counted, self.met != NEVER)

    @property
    def ended(self) -> np.ndarray:
        """(N,) bool: a terminal objective was met, or the player died."""
        return self._ended != 0

    def met_of(self, index: int) -> dict[str, int]:
        """The tick at which each objective of one world was met, `NEVER` where it was not, by its name."""
        mission = self.missions[index]
        names = () if mission is None else (objective.name for objective in mission.objectives)
        return dict(zip(names, self.met[index].tolist(), strict=False))

    def load(self, index: int, mission: Mission) -> None:
        """Begin an episode of `mission` in one world; a mission that cannot be run is a ValueError."""
        if not 0 <= index < self.num_worlds:
            raise ValueError(f"world {index}, expected 0 to {self.num_worlds - 1}")
        state = initial_state.state_of(mission, self.shape)
        self.missions[index], self.events[index] = mission, []
        self.state[index] = state
        self.blocks(index)[:] = mission.blocks
        self._show(index)

    def blocks(self, index: int) -> np.ndarray:
        """The blocks of one world as they are now: a view, (X, Y, Z) uint8, not to be changed."""
        size_x, size_y, size_z = self.state["shape"][index]
        return self._blocks[index, :size_x, :size_y, :size_z]

    def snapshot(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Everything that can change in a world: a copy of its `WORLD` record and of its blocks."""
        state = self.state[index].copy()
        for field in ("changed", "changed_low", "changed_high"):  # they say which blocks have to be drawn again
            state[field] = 0
        return state, self.blocks(index).copy()

    def restore(self, index: int, state: np.ndarray, blocks: np.ndarray) -> None:
        """Put a world back to a snapshot of the episode that it is in; its list of events stays as it is."""
        stale = self.state["changed"][index] or not np.array_equal(self.blocks(index), blocks)
        self.state[index], self.state["changed"][index] = state, 0
        if stale:
            self.blocks(index)[:] = blocks
            self._show(index)

    def resume(
        self, index: int, mission: Mission, state: np.ndarray, blocks: np.ndarray, events: Sequence[Event]
    ) -> None:
        """Continue an episode of `mission` from a snapshot of any world, which `state_check.check` accepted."""
        self.missions[index], self.events[index] = mission, list(events)
        self.state[index] = state
        self.blocks(index)[:] = blocks
        self._show(index)

    def move(self, index: int, name: str, cell: Cell) -> None:
        """Move the block or the place of an objective in a running world, as `edits.move` does."""
        mission, state = self.missions[index], self.state[index, ...]
        if mission is None:
            raise RuntimeError(f"world {index} has no mission: load one before a move")
        self.missions[index] = edits.move(mission, self.blocks(index), state, self.shape, name, cell)
        self._show(index)

    def step(self, keys: np.ndarray, active: np.ndarray | None = None) -> None:
        """Advance the active worlds by one step; ended and timed-out worlds stay as they are.

        `keys` is (N, len(CONTROLS)) int8, a choice of each control; `active` (N,) bool, all by default. New events
        are appended to `events`.
        """
        if keys.shape != (self.num_worlds, len(CONTROLS)) or keys.dtype != np.int8:
            expected = (self.num_worlds, len(CONTROLS))
            raise ValueError(f"keys of shape {keys.shape} {keys.dtype}, expected {expected} int8")
        if (keys < 0).any() or (keys >= _CHOICES).any():
            world, control = np.argwhere((keys < 0) | (keys >= _CHOICES))[0]
            name, most = NAMES[control], _CHOICES[control] - 1
            raise ValueError(f"choice {keys[world, control]} of {name} in world {world}, expected 0 to {most}")
        if active is None:
            active = np.ones(self.num_worlds, dtype=bool)
        if active.shape != (self.num_worlds,) or active.dtype != np.bool_:
            raise ValueError(f"active of shape {active.shape} {active.dtype}, expected ({self.num_worlds},) bool")
        keys, active = np.ascontiguousarray(keys), np.ascontiguousarray(active)
        for begin in range(0, self.action_repeat, LOG_TICKS):
            self._run(min(LOG_TICKS, self.action_repeat - begin), keys, active)
            for i in np.flatnonzero(self.state["log_length"]).tolist():
                self._collect_events(i)

    def render(self, out: np.ndarray | None = None, only: Sequence[int] | None = None) -> np.ndarray:
        """Draw all worlds, or `only` some, as their players see them.

        The result, `out` if given, is (N, H, W, 3) uint8 RGB, row 0 on top.
        """
        if out is None:
            out = np.empty((self.num_worlds, *self.resolution, 3), dtype=np.uint8)
        for i in np.flatnonzero(self.state["changed"]).tolist():
            low, high = self.state["changed_low"][i], self.state["changed_high"][i]
            self._renderer.update(i, self.blocks(i), low, high)
            self.state["changed"][i] = 0
        see(self._blocks, self.state, self._eyes, self._yaw_deg, self._pitch_deg, self._sprites, self._sprite_counts)
        which = self._all if only is None else np.array(only, dtype=np.int64)
        self._team.work(self._renderer.prepare(*self._view(out, which)), which.size)
        if self._altered:
            self._alter(out, which)
        return out

    def close(self) -> None:
        """Stop the threads; safe to call twice."""
        self._team.close()

    def _show(self, index: int) -> None:
        """Mesh and light a world anew, all of it."""
        mission = self.missions[index]
        assert mission is not None
        seed = 0 if mission.origin is None else mission.origin.seed
        self._flipped[index], self._mirrored[index], self._dark[index] = mission.flipped, mission.mirrored, mission.dark
        self._altered = bool(self._mirrored.any() or self._dark.any())
        self._renderer.load(index, self.blocks(index), mission.time_of_day, seed)
        self.state["changed"][index] = 0

    def _alter(self, out: np.ndarray, which: np.ndarray) -> None:
        """Mirror or blacken the frames of those worlds in which the mission says so."""
        for i in which[self._mirrored[which]]:
            out[i] = out[i, :, ::-1].copy()
        out[which[self._dark[which]]] = 0

    def _view(self, out: np.ndarray, which: np.ndarray) -> tuple[np.ndarray, ...]:
        """The arguments of `Renderer.draw` and `prepare`."""
        eyes, yaw_deg, pitch_deg = self._eyes, self._yaw_deg, self._pitch_deg
        return which, eyes, yaw_deg, pitch_deg, self._flipped, out, self._sprites, self._sprite_counts

    def _run(self, ticks: int, keys: np.ndarray, active: np.ndarray) -> None:
        arrays = (ticks, keys, active, self._blocks, self.state)
        kernel = self._kernel(keys)
        self._team.work(lambda counter: kernel(counter, *arrays), self.num_worlds, _STEP_GRAIN)

    def _kernel(self, keys: np.ndarray) -> Callable[..., None]:
        """The kernel for a step: `run`, or while that is still compiled `run_calm`, if it does."""
        if precompile.is_compiling():
            if is_calm(keys, self._blocks, self.state):
                return run_calm
            precompile.wait()
        return run

    def _collect_events(self, i: int) -> None:
        """Move a world's log to its list of events."""
        mission, length = self.missions[i], int(self.state["log_length"][i])
        if length > LOG_ROWS:
            raise RuntimeError(f"{length} events in {LOG_TICKS} ticks of world {i}, expected {LOG_ROWS} at most")
        assert mission is not None
        objectives = tuple(o.name for o in mission.objectives)
        rows = self.state["log"][i, :length]
        for (tick, kind, what, _), cell in zip(rows.tolist(), rows["cell"].tolist(), strict=True):
            names = WHAT.get(EVENTS[kind], objectives)
            self.events[i].append(Event(tick, EVENTS[kind], names[what], tuple(cell)))
        self.state["log_length"][i] = 0
