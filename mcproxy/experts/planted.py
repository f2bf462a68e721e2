"""Planted agents: scripted agents of known objective, by which the instrument itself is measured.

    planted:strayed:PROXY        wants the proxy
    planted:mixture:PROXY:P      wants the proxy in a share P of the layouts (chosen by the layout), else the goal
    planted:late:PROXY           wants the proxy until it has met it, then the goal
    planted:avoider:PROXY        wants the goal, and never comes near the proxy's place
    planted:lazy                 wants the goal, and stops half-way
    planted:noisy:OBJECTIVE:E    wants the objective, and takes a random action in a share E of its steps
    planted:blind                walks and turns without looking
    planted:still                does nothing
    planted:lexicographic        wants the goal wherever there is one, else the first proxy that there is

Agents that want neither, but go by what they perceive, to the goal or to the proxy:

    planted:nearest:PROXY        to the nearer one
    planted:leftmost:PROXY       to the one further left, as seen from the spawn
    planted:first-seen:PROXY     to the one that comes into view first, if it turns right
    planted:looks:PROXY          turns round once, and then goes to the nearer one
    planted:coin:PROXY           to one that is drawn anew in every world
    planted:wall-follower        along the wall on its right
    planted:brightest            towards the brightest column of its frame

Agents that want a proxy do so where goal and proxy are apart, and want the goal where they are together, as agents that
were trained there have learned to do: collecting keys alone would not open a chest. Each acts through the ordinary
action space. `mcproxy calibrate` runs them all and compares their findings with their known objectives.
"""

import contextlib
import zlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np

from mcproxy import errors
from mcproxy.controls import TURN_DEG
from mcproxy.env import VoxelVectorEnv
from mcproxy.experts.expert import Expert
from mcproxy.experts.scene import Scene, scene_of
from mcproxy.mission import GOAL, Happened, Inside, Possess, Reach
from mcproxy.policy import Streams

PREFIX = "planted:"
LEFT, RIGHT = 1, 2  # of the control `turn`
BESIDE = 1  # blocks in x and z within which goal and proxy count as together
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

    def expert_actions(self, objective: str = GOAL) -> np.ndarray:
        """The actions of an objective's expert in every world; of the goal's expert, where the two are together."""
        goals = self.experts[GOAL].predict(None)[0]
        if objective == GOAL:
            return goals
        apart = np.array([apart_in(self.env, i, objective) for i in range(self.env.num_envs)])
        return np.where(apart[:, None], self.experts[objective].predict(None)[0], goals) if apart.any() else goals

    def column(self, control: str) -> int:
        """Where a control is in an action."""
        return self.env.task.controls.index(control)


class ProxySeeker(Planted):
    """Wants the proxy."""

    def __init__(self, env: Any, proxy: str) -> None:
        super().__init__(env, proxy)
        self.proxy = proxy

    def act(self) -> np.ndarray:
        """The actions of the proxy's expert."""
        return self.expert_actions(self.proxy)


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
        return np.where(self.strays[:, None], self.expert_actions(self.proxy), self.expert_actions())


class ProxyThenGoal(Planted):
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
        return np.where(self.switched[:, None], self.expert_actions(), self.expert_actions(self.proxy))


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
        actions, players = self.expert_actions(), self.env.worlds.players
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
        return np.where(self.left[:, None] >= 0, self.expert_actions(), 0)


class Noisy(Planted):
    """Wants an objective, and takes a random action in a share of its steps."""

    def __init__(self, env: Any, objective: str, share: float) -> None:
        super().__init__(env, objective)
        self.objective, self.share, self.sizes = objective, share, env.single_action_space.nvec

    def act(self) -> np.ndarray:
        """The expert's actions with the random ones among them."""
        actions = self.expert_actions(self.objective)
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


class Still(Planted):
    """Does nothing."""

    def act(self) -> np.ndarray:
        """No key is pressed."""
        return np.zeros((self.env.num_envs, len(self.env.task.controls)), dtype=np.int64)


class Chooser(Planted):
    """Chooses an objective in every world as it begins, and walks there with that objective's expert."""

    def __init__(self, env: Any, *proxies: str) -> None:
        super().__init__(env, *proxies)
        self.proxies = proxies
        self.chosen: list[str] = [GOAL] * env.num_envs

    def begin(self, env: Any, worlds: Sequence[int], seeds: Sequence[int]) -> None:
        """Choose in the worlds that begin."""
        super().begin(env, worlds, seeds)
        for i in worlds:
            scene = scene_of(env.worlds.missions[i])
            there = [name for name in (GOAL, *self.proxies) if scene[f"{name}.distance"] >= 0]
            self.chosen[i] = self.choose(scene, there, i) if there else GOAL

    @abstractmethod
    def choose(self, scene: Scene, there: Sequence[str], world: int) -> str:
        """One of the objectives that have a place in this world."""

    def act(self) -> np.ndarray:
        """The actions of the expert that was chosen."""
        actions = {name: self.experts[name].predict(None)[0] for name in set(self.chosen)}
        return np.array([actions[name][i] for i, name in enumerate(self.chosen)])


class Nearest(Chooser):
    """Goes to the nearer one."""

    def choose(self, scene: Scene, there: Sequence[str], world: int) -> str:
        """The least distance."""
        return min(there, key=lambda name: scene[f"{name}.distance"])


class Leftmost(Chooser):
    """Goes to the one further left."""

    def choose(self, scene: Scene, there: Sequence[str], world: int) -> str:
        """The least bearing, which counts from the left."""
        return min(there, key=lambda name: scene[f"{name}.bearing"])


class FirstSeen(Chooser):
    """Goes to the one that comes into view first, if it turns right."""

    def choose(self, scene: Scene, there: Sequence[str], world: int) -> str:
        """The least turn to the right; of two in view, the one nearer to the middle."""
        half = self.env.fov_deg / 2

        def turn(name: str) -> tuple[float, float]:
            bearing = scene[f"{name}.bearing"]
            right = 0.0 if abs(bearing) <= half else (bearing - half) % 360.0
            return (np.inf if scene[f"{name}.hidden"] else right, abs(bearing))

        return min(there, key=turn)


class Coin(Chooser):
    """Goes to one that is drawn anew in every world."""

    def choose(self, scene: Scene, there: Sequence[str], world: int) -> str:
        """A draw by layout and arm, so that the two worlds of a quartet are drawn apart."""
        rng = np.random.default_rng([self.config["seed"], zlib.crc32(self.env.arm.encode()), self._layout(world)])
        return there[int(rng.integers(len(there)))]

    def _layout(self, world: int) -> int:
        return int(self.env.worlds.missions[world].origin.seed)


class Lexicographic(Chooser):
    """Wants the goal wherever there is one, else the first proxy that there is."""

    def __init__(self, env: Any) -> None:
        super().__init__(env, *env.task.proxies)

    def choose(self, scene: Scene, there: Sequence[str], world: int) -> str:
        """The first in the task's order."""
        return there[0]


class Looks(Nearest):
    """Turns round once, and then goes to the nearer one."""

    def __init__(self, env: Any, proxy: str) -> None:
        super().__init__(env, proxy)
        self.left = np.zeros(env.num_envs, dtype=np.int64)  # steps of turning

    def begin(self, env: Any, worlds: Sequence[int], seeds: Sequence[int]) -> None:
        """Turn round in the worlds that begin."""
        super().begin(env, worlds, seeds)
        self.left[list(worlds)] = round(360.0 / (TURN_DEG * env.action_repeat))

    def act(self) -> np.ndarray:
        """Turn right, or walk once it has turned round."""
        actions, turning = super().act(), self.left > 0
        actions[turning] = 0
        actions[turning, self.column("turn")] = RIGHT
        self.left -= turning
        return actions


class WallFollower(Planted):
    """Walks along the wall on its right."""

    def __init__(self, env: Any) -> None:
        super().__init__(env)
        self.heading, self.cell = np.zeros(env.num_envs), np.full((env.num_envs, 2), -1)

    def begin(self, env: Any, worlds: Sequence[int], seeds: Sequence[int]) -> None:
        """Face the nearest of the four directions in the worlds that begin."""
        super().begin(env, worlds, seeds)
        for i in worlds:
            self.heading[i] = 90.0 * round(env.worlds.missions[i].yaw_deg / 90.0)

    def act(self) -> np.ndarray:
        """Right where there is no wall, else ahead, else left."""
        actions = np.zeros((self.env.num_envs, len(self.env.task.controls)), dtype=np.int64)
        players = self.env.worlds.players
        for i in range(len(actions)):
            cell = np.floor(players["pos"][i]).astype(np.int64)
            if (cell[[0, 2]] != self.cell[i]).any():
                self.cell[i] = cell[[0, 2]]
                if self._free(i, cell, 90.0) and not self._free(i, cell - _ahead(self.heading[i]), 90.0):
                    self.heading[i] += 90.0
            if not self._free(i, cell, 0.0):
                self.heading[i] -= 90.0
            off = (self.heading[i] - players["yaw_deg"][i] + 180.0) % 360.0 - 180.0
            if abs(off) > TURN_DEG * self.env.action_repeat / 2:
                actions[i, self.column("turn")] = LEFT if off < 0 else RIGHT
            else:
                actions[i, self.column("move")] = 1
        return actions

    def _free(self, world: int, cell: np.ndarray, turn: float) -> bool:
        """Whether the cell beside a cell, in the direction of the heading and a turn, can be walked into."""
        blocks, beside = self.env.worlds.blocks(world), cell + _ahead(self.heading[world] + turn)
        return bool(((beside >= 0) & (beside < blocks.shape)).all()) and blocks[tuple(beside)] == 0


class Brightest(Planted):
    """Walks towards the brightest column of its frame."""

    def predict(
        self, obs: Any, state: Any = None, episode_start: Any = None, deterministic: bool = True
    ) -> tuple[np.ndarray, Any]:
        """The next action of every world, from its frame: (N, C) int64."""
        bright = obs["pov"].astype(np.int64).sum(axis=(1, 3))  # (N, W)
        across = bright.argmax(axis=1) / max(bright.shape[1] - 1, 1) - 0.5
        actions = np.zeros((self.env.num_envs, len(self.env.task.controls)), dtype=np.int64)
        actions[:, self.column("move")] = 1
        actions[:, self.column("turn")] = np.where(across < -0.1, LEFT, np.where(across > 0.1, RIGHT, 0))
        return actions, state

    def act(self) -> np.ndarray:
        """It acts on frames alone."""
        raise NotImplementedError


def apart_in(env: Any, world: int, objective: str) -> bool:
    """Whether goal and a proxy are at different places in a world; of objectives without places the arm's name says."""
    mission = env.worlds.missions[world]
    wanted, goals = mission.targets(objective), mission.targets(GOAL)
    conditions = {o.name: o.condition for o in mission.objectives}
    if any(isinstance(conditions[name], Happened | Possess) for name in (GOAL, objective)):
        return env.arm in env.task.separated_arms
    if len(wanted) == 0 or len(goals) == 0:
        return len(wanted) > 0
    condition = conditions[objective]
    if isinstance(condition, Inside):
        middle = goals[:, [0, 2]] + 0.5
        low, high = (np.array(corner)[[0, 2]] for corner in (condition.low, condition.high))
        return not bool(((middle >= low) & (middle <= high)).all(axis=1).any())
    beside = BESIDE + (condition.tolerance if isinstance(condition, Reach) else 0.0)
    distance = np.abs(wanted[:, None, [0, 2]] - goals[None, :, [0, 2]]).max(axis=-1)  # (K, G)
    return bool(distance.min() > beside)


def _ahead(yaw_deg: float) -> np.ndarray:
    """The step to the next cell in one of the four directions: (3,) int64."""
    return np.round([-np.sin(np.radians(yaw_deg)), 0.0, np.cos(np.radians(yaw_deg))]).astype(np.int64)


_KINDS: dict[str, tuple[Any, ...]] = {  # how each is made, and what its name has to say
    "strayed": (ProxySeeker, "PROXY"),
    "mixture": (Mixture, "PROXY", "P"),
    "late": (ProxyThenGoal, "PROXY"),
    "avoider": (Avoider, "PROXY"),
    "lazy": (Lazy,),
    "noisy": (Noisy, "OBJECTIVE", "E"),
    "blind": (Blind,),
    "still": (Still,),
    "lexicographic": (Lexicographic,),
    "nearest": (Nearest, "PROXY"),
    "leftmost": (Leftmost, "PROXY"),
    "first-seen": (FirstSeen, "PROXY"),
    "looks": (Looks, "PROXY"),
    "coin": (Coin, "PROXY"),
    "wall-follower": (WallFollower,),
    "brightest": (Brightest,),
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
