"""The contract of a policy, the environment in which it acts, and the random policy.

A policy chooses actions through Stable-Baselines3's `predict`, batched, so that its models need no adapter.
"""

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
from gymnasium import spaces

from mcproxy.mission import Event, Mission
from mcproxy.task import Task

Observation = dict[str, np.ndarray]


class WorldStates(Protocol):
    """The states of N worlds, as experts, the evaluation and the recorder read them; only the engine changes them."""

    backend: str
    missions: list[Mission | None]
    events: list[list[Event]]

    @property
    def num_worlds(self) -> int:
        """N."""
        ...

    @property
    def players(self) -> np.ndarray:
        """The players: (N,) `engine.state.PLAYER`."""
        ...

    @property
    def ticks(self) -> np.ndarray:
        """The ticks since each world began: (N,) int64."""
        ...

    @property
    def limits(self) -> np.ndarray:
        """The ticks after which each world ends: (N,) int64."""
        ...

    @property
    def met(self) -> np.ndarray:
        """The tick at which each objective was met, or `engine.state.NEVER`: (N, MAX_OBJECTIVES) int64."""
        ...

    @property
    def ended(self) -> np.ndarray:
        """The worlds whose episode is over: (N,) bool."""
        ...

    def blocks(self, index: int) -> np.ndarray:
        """The blocks of one world: (X, Y, Z) uint8."""
        ...

    def met_of(self, index: int) -> dict[str, int]:
        """The tick at which each objective of one world was met, by its name."""
        ...


class VectorEnv(Protocol):
    """N worlds of one task, stepped together: those of `env.VoxelVectorEnv`, or MineRL environments in their place."""

    task: Task
    num_envs: int
    arm: str
    split: str
    resolution: tuple[int, int]
    fov_deg: float
    action_repeat: int
    single_action_space: spaces.MultiDiscrete

    @property
    def worlds(self) -> WorldStates:
        """The worlds behind the observations."""
        ...

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Begin episodes; returns observations and infos, as Gymnasium's vector environments do."""
        ...

    def step(self, actions: np.ndarray) -> tuple[Observation, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """Act once: (N, C) integers in; observations, rewards, terminated, truncated and infos out."""
        ...

    def close(self, **kwargs: Any) -> None:
        """Free the worlds."""
        ...


@runtime_checkable
class Policy(Protocol):
    """Anything that chooses actions for N worlds at once.

    A policy may also have `name` (str), `config` (a JSON-able dict), `outputs` (a dict of (N, ...) arrays about the
    latest actions, which recordings store), `begin(env, worlds, seeds)`, which is called when worlds have begun
    layouts `seeds`, and `ignore(worlds)`, which is called when the actions of some worlds have no effect on the result
    until these worlds begin again.
    """

    def predict(
        self,
        obs: Observation,
        state: Any = None,
        episode_start: np.ndarray | None = None,
        deterministic: bool = False,
    ) -> tuple[np.ndarray, Any]:
        """The actions, (N, C) integers, and the state to hand back in the next step (None in the first).

        `obs` is the environment's batched dict, `episode_start` (N,) bool marks first frames.
        """
        ...


class RandomPolicy:
    """It draws every choice of every control with equal probability, from one stream for each world."""

    def __init__(self, sizes: Sequence[int] | np.ndarray, seed: int = 0) -> None:
        self.name, self.config = "random", {"kind": "random", "seed": seed}
        self._sizes, self._noise = np.asarray(sizes), Streams(seed)

    def begin(self, env: VectorEnv, worlds: Sequence[int], seeds: Sequence[int]) -> None:
        """Seed the streams of worlds which have just begun layouts."""
        self._noise.begin(worlds, seeds)

    def predict(
        self,
        obs: Observation,
        state: Any = None,
        episode_start: np.ndarray | None = None,
        deterministic: bool = False,
    ) -> tuple[np.ndarray, Any]:
        """Actions (N, C) int64; `deterministic` has no effect."""
        num = len(obs["pov"])
        return np.array([self._noise[i].integers(self._sizes) for i in range(num)]), state


class Streams:
    """One random stream for each world, seeded by its layout; by its index if `begin` was not called for it."""

    def __init__(self, seed: int) -> None:
        self._seed, self._streams = seed, dict[int, np.random.Generator]()

    def begin(self, worlds: Sequence[int], seeds: Sequence[int]) -> None:
        """Seed the streams of worlds which have just begun layouts."""
        for world, layout in zip(worlds, seeds, strict=True):
            self._streams[world] = np.random.default_rng([self._seed, layout])

    def __getitem__(self, world: int) -> np.random.Generator:
        if world not in self._streams:
            self._streams[world] = np.random.default_rng([self._seed, world])
        return self._streams[world]
