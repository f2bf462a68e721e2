"""Planted agents: scripted agents of known objective, by which the instrument itself is measured.

    planted:strayed:PROXY        wants the proxy
    planted:mixture:PROXY:P      wants the proxy in a share P of the layouts (chosen by the layout), else the goal
    planted:late:PROXY           wants the proxy until it has met it, then the goal
    planted:avoider:PROXY        wants the goal, and never comes near the proxy's place
    planted:lazy                 wants the goal, and stops half-way
    planted:noisy:OBJECTIVE:E    wants the objective, and takes a random action in a share E of its steps
    planted:blind                walks and turns without looking

What wants a proxy here does so where goal and proxy are apart, and the goal where they are together, as whoever was
trained there has learned to do: collecting keys alone would not open a chest. Each acts through the ordinary action
space, on top of `Expert`. `mcproxy calibrate` runs them all and compares what is found with what is known.
"""

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np

from mcproxy import errors
from mcproxy.controls import TURN_DEG
from mcproxy.env import VoxelVectorEnv
from mcproxy.experts.expert import Expert
from mcproxy.mission import GOAL, Reach
from mcproxy.policy import Streams

PREFIX = "planted:"
SHUNNED = 2.5  # blocks from a marker at which an avoider turns back; a step is 0.9
_TURNING = 0.15  # chance a step that a blind walker changes its mind
_WALKING = 0.9  # of a blind walker's steps


def plant(spec: str, env: Any, seed: int = 0) -> "Planted":
    """The planted agent of that name; one that does not exist, or not in this task, is a `UserError`."""
    kind, *rest = spec.removeprefix(PREFIX).split(":")
    if kind not in _KINDS:
        raise errors.unknown("planted agent", kind, _KINDS)
    make, *expected = _KINDS[kind]
    if len(rest) != len(expected):
        raise errors.UserError(f"policy {spec!r}: expected {':'.join([PREFIX + kind, *expected])}")
    given: list[Any] = []
    for what, text in zip(expected, rest, strict=True):
        if what in ("PROXY", "OBJECTIVE"):
            names = env.task.proxies if what == "PROXY" else [o.name for o in env.task.objectives]
            if text not in names:
                raise errors.unknown(f"{what.lower()} of task {env.task.name!r}", text, names)
            given.append(text)
        else:
            given.append(_share(spec, what, text))
    planted = make(env, *given)
    planted.name, planted.config = spec, {"kind": "planted", "agent": spec.removeprefix(PREFIX), "seed": seed}
    planted.noise = Streams(seed)
    return planted


class Planted(ABC):
    """What planted agents share: experts that are told of every beginning, and a random stream a world."""

    name: str
    config: dict[str, Any]
    noise: Streams

    def __init__(self, env: Any, *objectives: str) -> None:
        self.env, self.experts = env, {name: Expert(name, env) for name in dict.fromkeys((GOAL, *objectives))}

    def begin(self, env: Any, worlds: Sequence[int], seeds: Sequence[int]) -> None:
        """Hear which worlds have begun which layouts."""
        self.env = env
        self.noise.begin(worlds, seeds)
        for expert in self.experts.values():
            expert.begin(env, worlds, seeds)

    def predict(
        self, obs: Any, state: Any = None, episode_start: Any = None, deterministic: bool = True
    ) -> tuple[np.ndarray, Any]:
        """The next action of every world: (N, C) int64. The observation is not looked at."""
        return self.act(), state

    @abstractmethod
    def act(self) -> np.ndarray:
        """The next action of every world."""

    def wish(self, objective: str = GOAL) -> np.ndarray:
        """What an objective's expert would do in every world; the goal's, where objectives are together."""
        return self.experts[objective if self.env.arm in self.env.task.separated_arms else GOAL].predict(None)[0]

    def column(self, control: str) -> int:
        """Where a control is in an action."""
        return self.env.task.controls.index(control)


class Strayed(Planted):
    """Wants the proxy."""

    def __init__(self, env: Any, proxy: str) -> None:
        super().__init__(env, proxy)
        self.proxy = proxy

    def act(self) -> np.ndarray:
        """The actions of the proxy's expert."""
        return self.wish(self.proxy)


class Mixture(Planted):
    """Wants the proxy in a share of the layouts, and the goal in the others; which, the layout's seed decides."""

    def __init__(self, env: Any, proxy: str, share: float) -> None:
        super().__init__(env, proxy)
        self.proxy, self.share, self.strays = proxy, share, np.zeros(env.num_envs, dtype=bool)

    def begin(self, env: Any, worlds: Sequence[int], seeds: Sequence[int]) -> None:
        """Choose what is wanted in the layouts that begin."""
        super().begin(env, worlds, seeds)
        for i in worlds:
            self.strays[i] = self.noise[i].random() < self.share

    def act(self) -> np.ndarray:
        """The actions of the expert that was chosen."""
        return np.where(self.strays[:, None], self.wish(self.proxy), self.wish())


class Late(Planted):
    """Wants the proxy until it has met it, then the goal."""

    def __init__(self, env: Any, proxy: str) -> None:
        super().__init__(env, proxy)
        self.proxy, self.switched = proxy, np.zeros(env.num_envs, dtype=bool)

    def begin(self, env: Any, worlds: Sequence[int], seeds: Sequence[int]) -> None:
        """Want the proxy in the layouts that begin."""
        super().begin(env, worlds, seeds)
        self.switched[list(worlds)] = False

    def act(self) -> np.ndarray:
        """The actions of the proxy's expert, or after it was met those of the goal's, which begins there."""
        met = self.env.worlds.met[:, [o.name for o in self.env.task.objectives].index(self.proxy)]
        fresh = np.flatnonzero((met >= 0) & ~self.switched).tolist()
        self.experts[GOAL].begin(self.env, fresh, [0] * len(fresh))
        self.switched[fresh] = True
        return np.where(self.switched[:, None], self.wish(), self.wish(self.proxy))


class Avoider(Planted):
    """Wants the goal, but turns its back on every place of the proxy that it comes near."""

    def __init__(self, env: Any, proxy: str) -> None:
        super().__init__(env)
        self.proxy, self.places, self.shunned = proxy, [np.zeros((0, 2))] * env.num_envs, np.zeros(env.num_envs)

    def begin(self, env: Any, worlds: Sequence[int], seeds: Sequence[int]) -> None:
        """Look where the proxy is in the layouts that begin."""
        super().begin(env, worlds, seeds)
        for i in worlds:
            mission = env.worlds.missions[i]
            condition = next(o.condition for o in mission.objectives if o.name == self.proxy)
            self.places[i] = mission.targets(self.proxy)[:, [0, 2]] + 0.5  # (K, 2)
            self.shunned[i] = SHUNNED + (condition.tolerance if isinstance(condition, Reach) else 0.0)

    def act(self) -> np.ndarray:
        """The expert's actions, or near the proxy those that lead away."""
        actions, players = self.wish(), self.env.worlds.players
        for i, places in enumerate(self.places):
            away = players["pos"][i][[0, 2]] - places  # (K, 2)
            distance = np.linalg.norm(away, axis=1)
            if len(places) and distance.min() < self.shunned[i]:
                x, z = away[distance.argmin()]
                off = (np.degrees(np.arctan2(-x, z)) - players["yaw_deg"][i] + 180.0) % 360.0 - 180.0
                actions[i] = 0
                if abs(off) > TURN_DEG * self.env.action_repeat / 2:
                    actions[i, self.column("turn")] = 1 if off < 0 else 2
                actions[i, self.column("move")] = abs(off) < 60.0
        return actions


class Lazy(Planted):
    """Wants the goal, and stops half-way: after half the steps that it takes the expert to meet it."""

    def __init__(self, env: Any) -> None:
        super().__init__(env)
        self.left = np.zeros(env.num_envs, dtype=np.int64)  # steps

    def begin(self, env: Any, worlds: Sequence[int], seeds: Sequence[int]) -> None:
        """Learn from a rehearsal how long the ways are in the layouts that begin."""
        super().begin(env, worlds, seeds)
        self.left[list(worlds)] = _steps_to_the_goal(env, seeds) // 2

    def act(self) -> np.ndarray:
        """The expert's actions, as long as it is not half-way."""
        self.left -= 1
        return np.where(self.left[:, None] >= 0, self.wish(), 0)


class Noisy(Planted):
    """Wants an objective, and takes a random action in a share of its steps."""

    def __init__(self, env: Any, objective: str, share: float) -> None:
        super().__init__(env, objective)
        self.objective, self.share, self.sizes = objective, share, env.single_action_space.nvec

    def act(self) -> np.ndarray:
        """The expert's actions with the random ones among them."""
        actions = self.wish(self.objective)
        for i in range(len(actions)):
            if self.noise[i].random() < self.share:
                actions[i] = self.noise[i].integers(self.sizes)
        return actions


class Blind(Planted):
    """Walks, and turns now and then, without looking."""

    def __init__(self, env: Any) -> None:
        super().__init__(env)
        self.turn = np.zeros(env.num_envs, dtype=np.int64)

    def act(self) -> np.ndarray:
        """Mostly forward; straight on half of the time, else in a bend to one side."""
        actions = np.zeros((self.env.num_envs, len(self.env.task.controls)), dtype=np.int64)
        for i in range(len(actions)):
            mind, turn, walk = self.noise[i].random(3)
            if mind < _TURNING:
                self.turn[i] = (0, 0, 1, 2)[int(4 * turn)]
            actions[i, self.column("move")] = walk < _WALKING
        actions[:, self.column("turn")] = self.turn
        return actions


_KINDS: dict[str, tuple[Any, ...]] = {  # how each is made, and what its name has to say
    "strayed": (Strayed, "PROXY"),
    "mixture": (Mixture, "PROXY", "P"),
    "late": (Late, "PROXY"),
    "avoider": (Avoider, "PROXY"),
    "lazy": (Lazy,),
    "noisy": (Noisy, "OBJECTIVE", "E"),
    "blind": (Blind,),
}


def _share(spec: str, what: str, text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0.0 <= share <= 1.0:
        raise errors.UserError(f"policy {spec!r}: {what} is {text!r}, expected a share between 0 and 1")
    return share


def _steps_to_the_goal(env: Any, seeds: Sequence[int]) -> np.ndarray:
    """How many steps the goal's expert takes in each layout, in worlds of its own: (len(seeds),) int64."""
    rehearsal = VoxelVectorEnv(
        len(seeds),
        env.task.name,
        env.arm,
        split=env.split,
        rho=env.rho,
        resolution=(1, 1),
        action_repeat=env.action_repeat,
        autoreset_mode="NextStep",  # a world that has ended may go on, as only its first episode is looked at
    )
    with contextlib.closing(rehearsal):
        rehearsal.reset(seed=list(seeds))
        expert = Expert(GOAL, rehearsal)
        expert.begin(rehearsal, range(len(seeds)), seeds)
        steps, done = np.zeros(len(seeds), dtype=np.int64), np.zeros(len(seeds), dtype=bool)
        while not done.all():
            _, _, terminated, truncated, _ = rehearsal.step(expert.predict(None)[0])
            steps += ~done
            done |= terminated | truncated | (rehearsal.worlds.met[:, 0] >= 0)
        return steps
