"""The last steps of all worlds of a batch, from which each episode is cut when it is complete."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from mcproxy.env import VoxelVectorEnv
from mcproxy.env.labels import Labeller
from mcproxy.episode import LABEL, Episode
from mcproxy.verdict import verdict_of

_SPARE = 64  # steps that no running episode needs are let go in batches of this many


@dataclass
class _Seen:
    """All worlds between two steps: frames (N, H, W, 3) uint8 if kept, poses (N, 5) float64, ticks (N,) int64."""

    frames: np.ndarray | None
    poses: np.ndarray
    ticks: np.ndarray


@dataclass
class _Done:
    """What one step did: the actions (N, C), what the policy said of them, rewards, terminations, truncations (N,)."""

    actions: np.ndarray
    outputs: dict[str, np.ndarray]
    rewards: np.ndarray
    terminations: np.ndarray
    truncations: np.ndarray


@dataclass
class EpisodeBuilder:
    """States and steps of the batch since the oldest running episode began: state t, step t, state t + 1.

    With `labels` the outputs of every step have those of `env.labels`, and for every name in `layers` the policy's
    activations, if it has a method `names`.
    """

    env: VoxelVectorEnv
    record: Callable[[Episode], None]  # gets every complete episode
    keep_frames: bool
    labels: bool = False
    layers: tuple[str, ...] = ()
    _states: list[_Seen] = field(default_factory=list)
    _steps: list[_Done] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._begun = np.zeros(self.env.num_envs, dtype=np.int64)  # index of each world's first state
        self._labeller = Labeller(self.env) if self.labels else None
        self._labels: dict[str, np.ndarray] = {}

    def begin(self, obs: dict[str, np.ndarray], worlds: np.ndarray) -> None:
        """Some worlds begin an episode: `obs` is of all worlds, those that go on unchanged."""
        self._begun[worlds] = len(self._steps)
        del self._states[len(self._steps) :]
        self._states.append(self._seen(obs))
        if self._labeller is not None:
            self._labeller.begin(worlds.tolist())
        self._label(worlds.tolist())
        spare = self._begun.min()
        if spare >= _SPARE:
            del self._states[:spare], self._steps[:spare]
            self._begun -= spare

    def step(
        self,
        actions: np.ndarray,
        outputs: dict[str, np.ndarray],
        rewards: np.ndarray,
        terminations: np.ndarray,
        truncations: np.ndarray,
        obs: dict[str, np.ndarray],
    ) -> None:
        """All worlds took a step and are now as `obs` shows."""
        self._steps.append(_Done(actions, outputs | self._labels, rewards, terminations, truncations))
        self._states.append(self._seen(obs))
        self._label()

    def end(self, world: int, policy: str) -> None:
        """The episode in a world has just ended: hand it over, as arrays of its own."""
        self.record(self._cut(world, policy))

    def _cut(self, world: int, policy: str) -> Episode:
        states, steps = self._states[self._begun[world] :], self._steps[self._begun[world] :]
        mission = self.env.worlds.missions[world]
        assert mission is not None
        height, width = self.env.resolution
        met = self.env.worlds.met[world].tolist()
        met_ticks = {o.name: tick for o, tick in zip(mission.objectives, met, strict=False)}
        return Episode(
            mission=mission,
            policy=policy,
            frames=np.stack([s.frames[world] for s in states if s.frames is not None]) if self.keep_frames else None,
            actions=np.stack([s.actions[world] for s in steps]).astype(np.int64),
            rewards=np.array([s.rewards[world] for s in steps]),
            terminations=np.array([s.terminations[world] for s in steps]),
            truncations=np.array([s.truncations[world] for s in steps]),
            poses=np.stack([s.poses[world] for s in states]),
            ticks=np.array([s.ticks[world] for s in states]),
            met=met_ticks,
            events=tuple(self.env.worlds.events[world]),
            verdict=verdict_of(met_ticks),
            outputs={name: np.stack([s.outputs[name][world] for s in steps]) for name in steps[0].outputs},
            resolution=(height, width),
            fov_deg=self.env.fov_deg,
            action_repeat=self.env.action_repeat,
            controls=self.env.task.controls,
            backend=self.env.worlds.backend,
            max_ticks=None if self.env.max_episode_steps is None else int(self.env.worlds.limits[world]),
        )

    def _label(self, only: list[int] | None = None) -> None:
        """Take the labels of all worlds, or of those that have just begun, for the next step."""
        if self._labeller is not None:
            self._labels = {LABEL + name: values for name, values in self._labeller.labels(only).items()}

    def _seen(self, obs: dict[str, np.ndarray]) -> _Seen:
        players = self.env.worlds.players
        poses = np.column_stack([players["pos"], players["yaw_deg"], players["pitch_deg"]])  # (N, 5)
        frames = obs["pov"].copy() if self.keep_frames else None  # the policy may work in place on what it is given
        return _Seen(frames, poses, self.env.worlds.ticks.copy())
