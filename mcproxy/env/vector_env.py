"""N worlds of one task and arm as a native vector environment of gymnasium."""

import dataclasses
import functools
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from mcproxy import controls, errors, items, registry
from mcproxy.engine import state_check
from mcproxy.engine.view import FOV_DEG, FOV_RANGE_DEG, MAX_SIDE
from mcproxy.engine.worlds import Worlds
from mcproxy.env.labels import Labeller
from mcproxy.env.saved_world import SavedWorld, events_of, rows_of
from mcproxy.mission import SEED_RANGE, TICKS_PER_S, Event, Mission

_MAX_SEED = 2**63 - 1  # infos hold seeds as int64


class VoxelVectorEnv(VectorEnv):
    """N worlds of one task, arm and split, stepped together.

    Observations are `{"pov": (N, H, W, 3) uint8}`, actions (N, C) integers over the task's controls, rewards (N,)
    float64, terminated (the goal was met, or the player died) and truncated (the time is up) (N,) bool. A task with
    `items` also shows `inventory`, (N, K) int32 pieces of each, and `held`, (N,) int64: the number of the item in hand,
    counted from 1, 0 for none of them. `rho` is used in the arm `mixture` alone.

    World i's first episode after `reset(seed=s)` is layout seed s + i exactly (a list gives each world's own); later
    episodes draw their layout seeds from a stream of the world's own, spawned from that seed. All three autoreset modes
    work; in DISABLED, `reset(seed=[...], options={"reset_mask": mask})` starts the masked worlds anew.

    With `copy=False` frames are handed out in one buffer that the next call overwrites. `seconds_drawing` is the time
    that all frames have taken so far. `running` (N,) bool marks the worlds that were reset once, `done` (N,) bool those
    whose episode is over, `seeds` (N,) int64 the seeds of their layouts.

    `missions` returns the mission of a layout seed, in place of `Task.mission` with this arm, split and `rho`. `worlds`
    makes the worlds, given the first six arguments of `Worlds`, whose place it takes. With `labels` the infos have
    `labels`, (N,) float32 columns by name: those of `env.labels`.
    """

    def __init__(
        self,
        num_envs: int = 1,
        task: str = "beacon",
        arm: str = "aligned",
        split: str = "train",
        rho: float = 1.0,
        resolution: tuple[int, int] = (64, 64),
        fov_deg: float = FOV_DEG,
        action_repeat: int = controls.ACTION_REPEAT,
        autoreset_mode: AutoresetMode | str = AutoresetMode.SAME_STEP,
        max_episode_steps: int | None = None,
        threads: int = 1,
        copy: bool = True,
        render_mode: str | None = None,
        missions: Callable[[int], Mission] | None = None,
        worlds: Callable[..., Worlds] = Worlds,
        labels: bool = False,
    ) -> None:
        self._arguments = {
            "num_envs": num_envs, "task": task, "arm": arm, "split": split, "rho": rho, "resolution": resolution,
            "fov_deg": fov_deg, "action_repeat": action_repeat, "autoreset_mode": autoreset_mode,
            "max_episode_steps": max_episode_steps, "threads": threads, "copy": copy, "render_mode": render_mode,
            "missions": missions, "worlds": worlds, "labels": labels,
        }  # fmt: skip
        counts = {"num_envs": num_envs, "action_repeat": action_repeat, "threads": threads}
        counts |= {} if max_episode_steps is None else {"max_episode_steps": max_episode_steps}
        for name, value in counts.items():
            if value < 1:
                raise errors.UserError(f"{name}={value}: expected 1 or more")
        if len(resolution) != 2 or not all(1 <= side <= MAX_SIDE for side in resolution):
            raise errors.UserError(
                f"resolution={tuple(resolution)}: expected (height, width), 1 to {MAX_SIDE} pixels each"
            )
        if not FOV_RANGE_DEG[0] <= fov_deg <= FOV_RANGE_DEG[1]:
            raise errors.UserError("fov_deg={}: expected {:g} to {:g} degrees".format(fov_deg, *FOV_RANGE_DEG))
        if render_mode not in (None, "rgb_array"):
            raise errors.UserError(f"render_mode={render_mode!r}: expected None or 'rgb_array'")
        self.task = registry.get(task)
        self.task.mission(0, arm, split, rho)  # a wrong name or value fails here, before anything is built
        self.num_envs, self.arm, self.split, self.rho = num_envs, arm, split, rho
        self.resolution, self.fov_deg, self.action_repeat = (resolution[0], resolution[1]), fov_deg, action_repeat
        self.autoreset_mode, self.threads = AutoresetMode(autoreset_mode), threads
        self.max_episode_steps, self.copy, self.render_mode = max_episode_steps, copy, render_mode
        self.metadata = {"render_modes": ["rgb_array"], "render_fps": max(TICKS_PER_S // action_repeat, 1)}
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

        self._mission = missions or functools.partial(self.task.mission, arm=arm, split=split, rho=rho)
        self.worlds = worlds(num_envs, self.task.size, self.resolution, fov_deg, action_repeat, threads)
        self._labeller = Labeller(self) if labels else None
        self._rewards = np.array([o.reward for o in self.task.objectives])
        self._streams: list[np.random.Generator | None] = [None] * num_envs
        self.seeds = np.zeros(num_envs, dtype=np.int64)
        self.running = np.zeros(num_envs, dtype=bool)
        self.done = np.zeros(num_envs, dtype=bool)
        self._frames = np.zeros((num_envs, *self.resolution, 3), dtype=np.uint8)
        self._closed = False
        self.seconds_drawing = 0.0

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Begin new episodes in all worlds, or in those marked in `options["reset_mask"]`, (N,) bool."""
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
        for seed in seeds:
            if seed is not None and not 0 <= seed <= _MAX_SEED:
                raise errors.UserError(f"seed={seed}: expected 0 to 2**63 - 1")
        fresh = np.flatnonzero(mask).tolist()
        for i in fresh:
            self._begin(i, seeds[i])
        self._draw(fresh)
        return self._observation(), self._infos(mask, [()] * self.num_envs)

    def step(
        self, actions: np.ndarray
    ) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """Advance every world by one step of `action_repeat` ticks."""
        if not self.running.all():
            raise RuntimeError("call reset() before step()")
        if self.autoreset_mode is AutoresetMode.DISABLED and self.done.any():
            raise RuntimeError(f"worlds {np.flatnonzero(self.done).tolist()} have ended: reset them with a reset_mask")
        actions = controls.check_actions(self.task.controls, actions, self.num_envs)
        resets = self.done.copy() if self.autoreset_mode is AutoresetMode.NEXT_STEP else np.zeros_like(self.done)
        already = [len(events) for events in self.worlds.events]
        paid_before = self.worlds.paid[:, 0]
        self.worlds.step(controls.keys_of(self.task.controls, actions), ~resets)

        rewards = self._rewards[0] * (self.worlds.paid[:, 0] - paid_before)
        terminated = self.worlds.ended & ~resets
        truncated = (self.worlds.ticks >= self.worlds.limits) & ~terminated & ~resets
        self.done = terminated | truncated
        for i in np.flatnonzero(resets).tolist():
            self._begin(i, None)
            already[i] = 0
        events = [tuple(log[start:]) for log, start in zip(self.worlds.events, already, strict=True)]
        self._draw()
        infos: dict[str, Any] = {}
        if self.autoreset_mode is AutoresetMode.SAME_STEP and self.done.any():
            ended = self.done.copy()
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

    def save(self, index: int = 0) -> bytes:
        """One world in the middle of an episode, as bytes from which `restore` continues it bit by bit.

        They hold everything on which its future depends, also the seeds of its later episodes. They can be restored
        into any world of any environment with the same task, arm, split, `rho`, `resolution`, `fov_deg` and
        `action_repeat`, by the same version of mcproxy.
        """
        self._check_running(index)
        mission, stream = self.worlds.missions[index], self._streams[index]
        assert mission is not None and stream is not None
        state, blocks = self.worlds.snapshot(index)
        saved = SavedWorld(
            settings=dict(self._settings),
            seed=int(self.seeds[index]),
            done=bool(self.done[index]),
            stream=dict(stream.bit_generator.state),
            moved=mission.moved,
            digest=mission.digest(),
            state=state,
            blocks=blocks,
            events=rows_of(self.worlds.events[index], mission),
        )
        return saved.to_bytes()

    def restore(self, index: int, data: bytes) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Continue a saved world in world `index`; the result is that of `reset`, with the infos of this world alone.

        Bytes that are damaged, or that come from other settings or another version of mcproxy, are a `UserError`.
        """
        self._check_index(index)
        saved = SavedWorld.from_bytes(data, self._settings)
        mission = self._mission(saved.seed)
        for move in saved.moved:
            mission = mission.with_moved(*move)
        if mission.digest() != saved.digest:
            raise errors.UserError(f"the saved world is of another mission than seed {saved.seed} has in this task")
        state_check.check(saved.state, saved.blocks, mission, self.task.size)
        events = events_of(saved.events, mission)
        self.worlds.resume(index, dataclasses.replace(mission, resumed=True), saved.state, saved.blocks, events)
        stream = np.random.default_rng(0)
        stream.bit_generator.state = saved.stream
        if self._labeller is not None:
            self._labeller.begin([index])
        self._streams[index], self.seeds[index] = stream, saved.seed
        self.running[index], self.done[index] = True, saved.done
        return self._only(index)

    def move_marker(
        self, index: int, name: str, position: tuple[int, int, int]
    ) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Move the blocks or the place of a proxy objective in a running world; the result is that of `restore`.

        The first of its block positions becomes `position`, (x, y, z); several blocks move together. A position outside
        the world, in another block, in the player or in a mob is a `UserError`. Such an episode cannot be recorded.
        """
        if name not in self.task.proxies:
            raise errors.unknown(f"marker of task {self.task.name!r}", name, self.task.proxies)
        return self._move(index, name, position)

    def move_goal(self, index: int, position: tuple[int, int, int]) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Move the blocks or the place of the goal, as `move_marker` does."""
        return self._move(index, self.task.objectives[0].name, position)

    def __reduce__(self) -> tuple[Any, ...]:
        worlds = [self.save(i) if self.running[i] else None for i in range(self.num_envs)]
        return _copied, (self._arguments, worlds, self._np_random, self.action_space, self.single_action_space)

    def render(self) -> tuple[np.ndarray, ...] | None:
        """The current frames, one (H, W, 3) uint8 array a world, in render mode `rgb_array`."""
        return tuple(self.worlds.render()) if self.render_mode == "rgb_array" else None

    def close_extras(self, **kwargs: Any) -> None:
        """Stop the engine's threads; safe to call twice."""
        self.worlds.close()

    def first_observation(self) -> dict[str, np.ndarray]:
        """Draw world 0 and return its observation, without the others."""
        self._draw()
        obs = {"pov": self._frames[0].copy() if self.copy else self._frames[0]}
        return obs | {name: array[0] for name, array in self._carried().items()} if self.task.items else obs

    def _draw(self, only: Sequence[int] | None = None) -> None:
        """Draw the frames of all worlds, or of some."""
        began = time.perf_counter()
        self.worlds.render(self._frames, only=only)
        self.seconds_drawing += time.perf_counter() - began

    def _begin(self, i: int, seed: int | None) -> None:
        """Begin an episode in world i: of layout `seed`, or of the next seed of its stream."""
        if seed is not None:
            self._streams[i] = np.random.default_rng(seed)
        else:
            stream = self._streams[i] or np.random.default_rng(self.np_random.integers(SEED_RANGE))
            self._streams[i], seed = stream, int(stream.integers(SEED_RANGE))
        mission = self._mission(seed)
        self.worlds.load(i, mission)
        if self._labeller is not None:
            self._labeller.begin([i])
        if self.max_episode_steps is not None:
            self.worlds.limits[i] = min(mission.max_ticks, self.max_episode_steps * self.action_repeat)
        self.seeds[i], self.running[i], self.done[i] = seed, True, False

    def _move(
        self, index: int, name: str, position: tuple[int, int, int]
    ) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        self._check_running(index)
        if len(position) != 3 or not all(isinstance(at, int | np.integer) for at in position):
            raise errors.UserError(f"position {position}: expected three whole numbers, x, y and z")
        self.worlds.move(index, name, (int(position[0]), int(position[1]), int(position[2])))
        return self._only(index)

    def _only(self, index: int) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Draw one world; the observation of all worlds, and the infos of this one."""
        self._draw([index])
        return self._observation(), self._infos(np.arange(self.num_envs) == index, [()] * self.num_envs)

    def _check_index(self, index: int) -> None:
        if not 0 <= index < self.num_envs:
            raise errors.UserError(f"world {index}: expected 0 to {self.num_envs - 1}")

    def _check_running(self, index: int) -> None:
        self._check_index(index)
        if not self.running[index]:
            raise RuntimeError(f"world {index} has no episode: call reset() first")

    @property
    def _settings(self) -> dict[str, object]:
        """The settings on which the future of a world depends."""
        names = ("arm", "split", "rho", "resolution", "fov_deg", "action_repeat")
        return {"task": self.task.name, "version": self.task.version} | {name: getattr(self, name) for name in names}

    @property
    def broken(self) -> np.ndarray:
        """(N,) bool: the worlds whose episode was interrupted before its end, and is not to be counted."""
        return self.worlds.broken

    def _observation(self) -> dict[str, np.ndarray]:
        frames = {"pov": self._frames.copy() if self.copy else self._frames}
        return frames | self._carried() if self.task.items else frames

    def _carried(self) -> dict[str, np.ndarray]:
        """The players' pieces of the task's items, and the item in hand."""
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
            "seed": np.where(mask, self.seeds, 0),
            "health": np.where(mask, self.worlds.state["health"], 0),
            "returns": _masked({name: returns[:, k].copy() for k, name in enumerate(names)}, mask),
            "met": _masked({name: np.where(mask, met[:, k], 0) for k, name in enumerate(names)}, mask),
            "events": log,
        }
        if self._labeller is not None:
            labels = self._labeller.labels()
            columns["labels"] = _masked({name: np.where(mask, x, np.float32(0)) for name, x in labels.items()}, mask)
        return _masked(columns, mask)


def _copied(
    arguments: dict[str, Any],
    worlds: list[bytes | None],
    np_random: np.random.Generator | None,
    action_space: spaces.Space,
    single_action_space: spaces.MultiDiscrete,
) -> VoxelVectorEnv:
    """The copy of an environment, from what `__reduce__` returns."""
    env = VoxelVectorEnv(**arguments)
    env._np_random, env.action_space, env.single_action_space = np_random, action_space, single_action_space
    for i, data in enumerate(worlds):
        if data is not None:
            env.restore(i, data)
    return env


def _masked(columns: dict[str, Any], mask: np.ndarray) -> dict[str, Any]:
    """Gymnasium's pairing of each info with the mask of the worlds that have it."""
    return {k: v for name, column in columns.items() for k, v in ((name, column), (f"_{name}", mask.copy()))}
