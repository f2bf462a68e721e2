"""The gymnasium environments: N worlds of one task and arm as a native `VectorEnv`, and the single `Env` over it.

    envs = gymnasium.make_vec("mcproxy/Beacon-v1", num_envs=64, arm="separated", split="eval")

The reward is the goal objective's alone; every objective's return, and what happened, is in the infos:
`tick`, `seed` (of the layout), `health` (half hearts), `returns` and `met` (by objective name; `met` is the first tick,
-1 for never) and `events` (those of this step).
"""

import time
from collections.abc import Sequence
from typing import Any, SupportsFloat

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from mcproxy import controls, errors, items, registry
from mcproxy.engine.worlds import Worlds
from mcproxy.episode import MAX_SIDE
from mcproxy.mission import Event, Mission

_SEED_RANGE = 2**31  # layout seeds are drawn below this


class VoxelVectorEnv(VectorEnv):
    """N worlds of one task, arm and split, stepped together.

    Observations are `{"pov": (N, H, W, 3) uint8}`, actions (N, C) integers over the task's controls, rewards (N,)
    float64, terminated (the goal was met, or the player died) and truncated (the time is up) (N,) bool. A task with
    `items` also shows `inventory`, (N, K) int32 pieces of each, and `held`, (N,) int64: which is in hand, counted from
    1, 0 for nothing or another one. `rho` matters to the arm `mixture` alone.

    World i's first episode after `reset(seed=s)` is layout seed s + i exactly (a list gives each world's own); later
    episodes draw their layout seeds from a stream of the world's own, spawned from that seed. All three autoreset modes
    work; in DISABLED, `reset(seed=[...], options={"reset_mask": mask})` starts the masked worlds anew.

    With `copy=False` frames are handed out in one buffer that the next call overwrites. `seconds_drawing` is the time
    that all frames have taken so far.
    """

    def __init__(
        self,
        num_envs: int = 1,
        task: str = "beacon",
        arm: str = "aligned",
        split: str = "train",
        rho: float = 1.0,
        resolution: tuple[int, int] = (64, 64),
        fov_deg: float = 70.0,
        action_repeat: int = controls.ACTION_REPEAT,
        autoreset_mode: AutoresetMode | str = AutoresetMode.SAME_STEP,
        max_episode_steps: int | None = None,
        threads: int = 1,
        copy: bool = True,
        render_mode: str | None = None,
    ) -> None:
        counts = {"num_envs": num_envs, "action_repeat": action_repeat, "threads": threads}
        counts |= {} if max_episode_steps is None else {"max_episode_steps": max_episode_steps}
        for name, value in counts.items():
            if value < 1:
                raise errors.UserError(f"{name}={value}: expected 1 or more")
        if len(resolution) != 2 or not all(1 <= side <= MAX_SIDE for side in resolution):
            raise errors.UserError(
                f"resolution={tuple(resolution)}: expected (height, width), 1 to {MAX_SIDE} pixels each"
            )
        if not 1.0 <= fov_deg <= 150.0:
            raise errors.UserError(f"fov_deg={fov_deg}: expected 1 to 150 degrees")
        if render_mode not in (None, "rgb_array"):
            raise errors.UserError(f"render_mode={render_mode!r}: expected None or 'rgb_array'")
        self.task = registry.get(task)
        self.task.mission(0, arm, split, rho)  # a wrong name or value fails here, before anything is built
        self.num_envs, self.arm, self.split, self.rho = num_envs, arm, split, rho
        self.resolution, self.fov_deg, self.action_repeat = (resolution[0], resolution[1]), fov_deg, action_repeat
        self.autoreset_mode, self.threads = AutoresetMode(autoreset_mode), threads
        self.max_episode_steps, self.copy, self.render_mode = max_episode_steps, copy, render_mode
        self.metadata = {"render_modes": ["rgb_array"], "render_fps": 20 // action_repeat or 1}
        self.metadata["autoreset_mode"] = self.autoreset_mode

        observations: dict[str, spaces.Space] = {"pov": spaces.Box(0, 255, (*self.resolution, 3), np.uint8)}
        self._items = np.array([items.ID[name] for name in self.task.items], dtype=np.int64)
        if self.task.items:
            observations["inventory"] = spaces.Box(0, items.SLOTS * items.STACK, (len(self._items),), np.int32)
            observations["held"] = spaces.Discrete(len(self._items) + 1)
        self.single_observation_space = spaces.Dict(observations)
        self.single_action_space: spaces.MultiDiscrete = spaces.MultiDiscrete(controls.sizes(self.task.controls))
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)

        self.worlds = self._make_worlds(threads)
        self._rewards = np.array([o.reward for o in self.task.objectives])
        self._streams: list[np.random.Generator | None] = [None] * num_envs
        self._seeds = np.zeros(num_envs, dtype=np.int64)
        self._running = np.zeros(num_envs, dtype=bool)
        self._done = np.zeros(num_envs, dtype=bool)
        self._frames = np.zeros((num_envs, *self.resolution, 3), dtype=np.uint8)
        self._closed = False
        self.seconds_drawing = 0.0

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Begin new episodes in all worlds, or in those of `options["reset_mask"]` ((N,) bool)."""
        mask = np.ones(self.num_envs, dtype=bool)
        if options and "reset_mask" in options:
            mask = np.asarray(options["reset_mask"])
            if mask.shape != (self.num_envs,) or mask.dtype != bool or not mask.any():
                raise ValueError(f"reset_mask must be ({self.num_envs},) bool with one True at least, got {mask}")
        if seed is None or isinstance(seed, int | np.integer):
            seeds = [None if seed is None else int(seed) + i for i in range(self.num_envs)]
            self._np_random = np.random.default_rng(seed)
        else:
            seeds = list(seed)
        if len(seeds) != self.num_envs:
            raise ValueError(f"{len(seeds)} seeds for {self.num_envs} worlds")
        fresh = np.flatnonzero(mask).tolist()
        for i in fresh:
            self._begin(i, seeds[i])
        self._draw(fresh)
        return self._observation(), self._infos(mask, [()] * self.num_envs)

    def step(
        self, actions: np.ndarray
    ) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """Advance every world by one step of `action_repeat` ticks."""
        if not self._running.all():
            raise RuntimeError("call reset() before step()")
        if self.autoreset_mode is AutoresetMode.DISABLED and self._done.any():
            raise RuntimeError(f"worlds {np.flatnonzero(self._done).tolist()} have ended: reset them with a reset_mask")
        actions = controls.check_actions(self.task.controls, actions, self.num_envs)
        resets = self._done.copy() if self.autoreset_mode is AutoresetMode.NEXT_STEP else np.zeros_like(self._done)
        already = [len(events) for events in self.worlds.events]
        paid_before = self.worlds.paid[:, 0]
        self.worlds.step(controls.keys_of(self.task.controls, actions), ~resets)

        rewards = self._rewards[0] * (self.worlds.paid[:, 0] - paid_before)
        terminated = self.worlds.ended & ~resets
        truncated = (self.worlds.ticks >= self.worlds.limits) & ~terminated & ~resets
        self._done = terminated | truncated
        for i in np.flatnonzero(resets).tolist():
            self._begin(i, None)
            already[i] = 0
        events = [tuple(log[start:]) for log, start in zip(self.worlds.events, already, strict=True)]
        self._draw()
        infos: dict[str, Any] = {}
        if self.autoreset_mode is AutoresetMode.SAME_STEP and self._done.any():
            ended = self._done.copy()
            finished = np.flatnonzero(ended).tolist()
            final_obs = np.full(self.num_envs, None, dtype=object)
            last = self._observation()
            for i in finished:
                final_obs[i] = {name: array[i].copy() for name, array in last.items()}
            infos = {"final_obs": final_obs, "_final_obs": ended}
            infos |= {"final_info": self._infos(ended, events), "_final_info": ended}
            for i in finished:
                self._begin(i, None)
                events[i] = ()
            self._draw(finished)
        infos |= self._infos(np.ones(self.num_envs, dtype=bool), events)
        return self._observation(), rewards, terminated, truncated, infos

    def render(self) -> tuple[np.ndarray, ...] | None:
        """The current frames, one (H, W, 3) uint8 array a world, in render mode `rgb_array`."""
        return tuple(self.worlds.render()) if self.render_mode == "rgb_array" else None

    def close_extras(self, **kwargs: Any) -> None:
        """Let the engine's threads go; safe to call twice."""
        self.worlds.close()

    def _draw(self, only: Sequence[int] | None = None) -> None:
        """Draw the frames of all worlds, or of some."""
        began = time.perf_counter()
        self.worlds.render(self._frames, only=only)
        self.seconds_drawing += time.perf_counter() - began

    def _begin(self, i: int, seed: int | None) -> None:
        """Begin an episode in world i: of layout `seed`, or of the next seed of its stream."""
        if seed is not None:
            if seed < 0:
                raise errors.UserError(f"seed={seed}: expected 0 or more")
            self._streams[i] = np.random.default_rng(seed)
        else:
            stream = self._streams[i] or np.random.default_rng(self.np_random.integers(_SEED_RANGE))
            self._streams[i], seed = stream, int(stream.integers(_SEED_RANGE))
        mission = self._mission(seed)
        self.worlds.load(i, mission)
        if self.max_episode_steps is not None:
            self.worlds.limits[i] = min(mission.max_ticks, self.max_episode_steps * self.action_repeat)
        self._seeds[i], self._running[i], self._done[i] = seed, True, False

    @property
    def broken(self) -> np.ndarray:
        """(N,) bool: worlds whose episode was cut off by something other than its end, and counts for nothing."""
        return np.zeros(self.num_envs, dtype=bool)

    def _make_worlds(self, threads: int) -> Worlds:
        return Worlds(self.num_envs, self.task.size, self.resolution, self.fov_deg, self.action_repeat, threads)

    def _mission(self, seed: int) -> Mission:
        return self.task.mission(seed, self.arm, self.split, self.rho)

    def _observation(self) -> dict[str, np.ndarray]:
        frames = {"pov": self._frames.copy() if self.copy else self._frames}
        return frames | self._carried() if self.task.items else frames

    def _carried(self) -> dict[str, np.ndarray]:
        """What the players have of the task's items, and which of them is in hand."""
        state, rows = self.worlds.state, np.arange(self.num_envs)
        slots, held = state["slots"], state["slots"]["item"][rows, state["held"]]
        pieces = np.where(slots["item"][:, None] == self._items[:, None], slots["count"][:, None], 0)
        index = np.where(held[:, None] == self._items, np.arange(1, len(self._items) + 1), 0)
        return {"inventory": pieces.sum(axis=-1, dtype=np.int32), "held": index.max(axis=-1)}

    def _infos(self, mask: np.ndarray, events: Sequence[tuple[Event, ...]]) -> dict[str, Any]:
        """The masked worlds' infos in gymnasium's layout: each array beside a `_name` mask, zero where it is False."""
        met = self.worlds.met[:, : len(self._rewards)]
        returns = self._rewards * self.worlds.paid[:, : len(self._rewards)] * mask[:, None]
        log = np.full(self.num_envs, None, dtype=object)
        for i in np.flatnonzero(mask).tolist():
            log[i] = events[i]
        names = [o.name for o in self.task.objectives]
        columns = {
            "tick": np.where(mask, self.worlds.ticks, 0),
            "seed": np.where(mask, self._seeds, 0),
            "health": np.where(mask, self.worlds.state["health"], 0),
            "returns": _masked({name: returns[:, k].copy() for k, name in enumerate(names)}, mask),
            "met": _masked({name: np.where(mask, met[:, k], 0) for k, name in enumerate(names)}, mask),
            "events": log,
        }
        return _masked(columns, mask)


class VoxelEnv(gymnasium.Env):
    """One world of a task and arm as a plain gymnasium `Env`; the arguments are those of `VoxelVectorEnv`.

    The observation is `{"pov": (H, W, 3) uint8}`, with `inventory` and `held` where the task shows them; the action is
    one choice of each of the task's controls.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": 5}

    def __init__(self, task: str = "beacon", render_mode: str | None = None, **kwargs: Any) -> None:
        self.vector = VoxelVectorEnv(1, task, autoreset_mode=AutoresetMode.DISABLED, render_mode=render_mode, **kwargs)
        self.render_mode = render_mode
        self.observation_space = self.vector.single_observation_space
        self.action_space = self.vector.single_action_space

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Begin an episode: of layout `seed`, or of the next seed of the environment's stream."""
        super().reset(seed=seed)
        obs, infos = self.vector.reset(seed=[seed])
        return {name: array[0] for name, array in obs.items()}, _first(infos)

    def step(self, action: np.ndarray) -> tuple[dict[str, np.ndarray], SupportsFloat, bool, bool, dict[str, Any]]:
        """Advance by one step of `action_repeat` ticks."""
        obs, rewards, terminated, truncated, infos = self.vector.step(np.asarray(action)[None])
        first = {name: array[0] for name, array in obs.items()}
        return first, float(rewards[0]), bool(terminated[0]), bool(truncated[0]), _first(infos)

    def render(self) -> np.ndarray | None:
        """The current frame, (H, W, 3) uint8, in render mode `rgb_array`."""
        return self.vector.worlds.render()[0] if self.render_mode == "rgb_array" else None

    def close(self) -> None:
        """Let the engine go; safe to call twice."""
        self.vector.close()

    def get_keys_to_action(self) -> dict[tuple[str, ...], np.ndarray]:
        """Key chords for `gymnasium.utils.play`: w and s walk, a and d turn, the space bar jumps."""
        bindings = {"w": ("move", 1), "s": ("back", 1), "a": ("turn", 1), "d": ("turn", 2), " ": ("jump", 1)}
        names = self.vector.task.controls
        chords: dict[tuple[str, ...], np.ndarray] = {(): np.zeros(len(names), dtype=np.int64)}
        for key, (control, choice) in bindings.items():
            if control in names:
                for chord, action in list(chords.items()):
                    if not action[names.index(control)]:
                        pressed = action.copy()
                        pressed[names.index(control)] = choice
                        chords[tuple(sorted((*chord, key)))] = pressed
        return chords


def _masked(columns: dict[str, Any], mask: np.ndarray) -> dict[str, Any]:
    """Gymnasium's pairing of each info with the mask of the worlds that have it."""
    return {k: v for name, column in columns.items() for k, v in ((name, column), (f"_{name}", mask.copy()))}


def _first(infos: dict[str, Any]) -> dict[str, Any]:
    """World 0's infos as plain Python values."""
    plain: dict[str, Any] = {}
    for name, value in infos.items():
        if not name.startswith("_"):
            plain[name] = _first(value) if isinstance(value, dict) else value[0]
            if isinstance(plain[name], np.generic):
                plain[name] = plain[name].item()
    return plain
