"""Run a policy over the layouts of one arm and say, for each, what it went for.

Worlds run in a batch. A world whose episode ends takes the next layout at once, so that the k-th layout is the same for
every policy, arm and batch size; worlds that find no layout left repeat the last one, uncounted, until all are done.
"""

import contextlib
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode

from mcproxy import controls, errors, registry
from mcproxy.env import VoxelVectorEnv
from mcproxy.episode import Episode
from mcproxy.errors import UserError
from mcproxy.eval.arm_result import ArmResult
from mcproxy.experts import scene
from mcproxy.mission import Mission
from mcproxy.policy import Policy
from mcproxy.recording.episode_builder import EpisodeBuilder
from mcproxy.task import EVAL, Task

MAX_BROKEN = 10  # episodes that may be cut off by lost connections, in one evaluation, and a tenth of all
NUM_WORLDS = 64  # worlds run together; more gain little, as stepping and drawing already fill the vector units
MAX_REMEMBERED_BYTES = 256 * 2**20  # of the worlds that an environment keeps for the next policy
RESOLUTION = (64, 64)  # pixels of what policies see
RHO = 0.5  # in the arm `mixture` the marker stands at the goal in half of the layouts: with 1 it would be `aligned`


@dataclass(frozen=True)
class Backend:
    """What runs the worlds of an evaluation in place of the embedded engine.

    `name` stands in the results, `worlds` is the largest number of worlds that it runs at a time, and `make_env` makes
    an environment of so many of them, with the arguments of `VoxelVectorEnv`.
    """

    name: str
    worlds: int
    make_env: Callable[..., VoxelVectorEnv]


def evaluate(
    policy: Policy | str,
    task: str = "beacon",
    arm: str = "aligned",
    seeds: Sequence[int] = range(200),
    *,
    deterministic: bool = False,
    env: VoxelVectorEnv | None = None,
    record: EpisodeBuilder | Callable[[Episode], None] | None = None,
    progress: Callable[[int], None] | None = None,
) -> ArmResult:
    """Run a policy over the eval layouts `seeds` of an arm, one episode each; the result's columns are in their order.

    `policy` is anything with `predict(obs, state, episode_start, deterministic) -> (actions, state)`, or a name for
    `load_policy`. Actions are sampled as in training unless `deterministic`. `env` gives environments of one's own
    (autoreset DISABLED) in place of those that `make_env` makes of task and arm. `record` gets every complete episode
    with its frames; an `EpisodeBuilder` may leave those out. `progress` gets the number of episodes done. A policy that
    raises, or returns a wrong shape or range, is a `UserError` that names it.
    """
    if len(seeds) == 0:
        raise UserError("no seeds to evaluate on: expected one or more")
    if env is None:
        with contextlib.closing(make_env(task, arm, min(NUM_WORLDS, len(seeds)))) as own:
            return evaluate(policy, seeds=seeds, deterministic=deterministic, env=own, record=record, progress=progress)
    if env.autoreset_mode is not AutoresetMode.DISABLED:
        raise ValueError("evaluation chooses every layout itself: it needs an environment with autoreset DISABLED")
    if isinstance(policy, str):
        from mcproxy.load_policy import load_policy

        policy = load_policy(policy, env)
    if record is not None and not isinstance(record, EpisodeBuilder):
        record = EpisodeBuilder(env, record, keep_frames=True)
    layers = () if record is None else record.layers
    return _run(env, _Agent(policy, env, deterministic, layers), _Schedule(seeds, env.num_envs), record, progress)


class _Remembered:
    """The missions of one task and arm, each drawn once, as all policies of an evaluation meet the same ones."""

    def __init__(self, task: str, arm: str, split: str, drawn: dict[int, Mission]) -> None:
        self._task, self._arm, self._split, self._drawn = registry.get(task), arm, split, drawn

    def __call__(self, seed: int) -> Mission:
        if seed in self._drawn:
            return self._drawn[seed]
        mission = self._task.mission(seed, self._arm, self._split, RHO)
        if len(self._drawn) * mission.blocks.nbytes < MAX_REMEMBERED_BYTES:
            self._drawn[seed] = mission
        return mission


def make_env(
    task: str,
    arm: str,
    num_worlds: int = NUM_WORLDS,
    threads: int = 1,
    pictures: bool = True,
    missions: dict[int, Mission] | None = None,
    backend: Backend | None = None,
    split: str = EVAL,
) -> VoxelVectorEnv:
    """The environment of an evaluation: layouts of one split, none of which begins unless the harness says so.

    Without `pictures` frames are a single pixel: for policies that do not look, whose evaluation is then faster.
    `missions` are those of this task and arm that were drawn already, by seed, to be shared with other environments.
    With `backend` its worlds run there instead.
    """
    if backend is not None:
        disabled = AutoresetMode.DISABLED
        return backend.make_env(num_worlds, task, arm=arm, split=split, rho=RHO, autoreset_mode=disabled)
    return VoxelVectorEnv(
        num_worlds,
        task,
        arm,
        split=split,
        rho=RHO,
        resolution=RESOLUTION if pictures else (1, 1),
        threads=threads,
        autoreset_mode=AutoresetMode.DISABLED,
        missions=_Remembered(task, arm, split, {} if missions is None else missions),
    )


def name_of(policy: Any) -> str:
    """The name under which a policy's results stand: its own, or its class's."""
    return str(getattr(policy, "name", None) or type(policy).__name__)


def check_layers(policy: Any, layers: Sequence[str]) -> None:
    """A `UserError` unless a policy has activations of these names (see `AgentPolicy.names`)."""
    if not callable(getattr(policy, "names", None)):
        raise UserError(f"policy {name_of(policy)!r} has no layers to record: only agents that mcproxy trained have")
    for layer in layers:
        if layer not in policy.names():
            raise errors.unknown(f"layer of {name_of(policy)}", layer, policy.names())


class _Schedule:
    """Which of the episodes each world runs: a world that has ended takes the next one."""

    def __init__(self, seeds: Sequence[int], num_worlds: int) -> None:
        self.seeds = seeds
        self.episode = np.full(num_worlds, -1)  # -1: the last one again, uncounted
        self._started, self._again = 0, list[int]()  # how many were started; those that were cut off, to be run anew

    @property
    def chosen(self) -> list[int]:
        """The layout seed of every world."""
        return [int(self.seeds[k]) for k in self.episode]

    @property
    def counts(self) -> np.ndarray:
        """The worlds whose episode counts: (N,) bool."""
        return self.episode >= 0

    def next(self, worlds: np.ndarray) -> None:
        """Give worlds their next episodes."""
        for i in worlds:
            if self._again:
                self.episode[i] = self._again.pop()
            elif self._started < len(self.seeds):
                self.episode[i], self._started = self._started, self._started + 1
            else:
                self.episode[i] = -1

    def repeat(self, broken: np.ndarray) -> int:
        """Put the episodes of broken worlds (N,) bool back, and return how many those are."""
        lost = self.episode[broken & self.counts].tolist()
        self._again += lost
        return len(lost)


def _run(
    env: VoxelVectorEnv,
    agent: "_Agent",
    schedule: _Schedule,
    tape: EpisodeBuilder | None,
    progress: Callable[[int], None] | None,
) -> ArmResult:
    """Step all worlds until every episode of the schedule is complete."""
    result, total, done = _empty(env, agent.name, schedule.seeds), len(schedule.seeds), 0
    scenes: list[scene.Scene] | None = [{}] * total if env.arm in _exchanged(env.task) else None
    ended = np.ones(env.num_envs, dtype=bool)
    while done < total:
        if ended.any():
            obs = _begin(env, agent, schedule, ended)
            if tape is not None:
                tape.begin(obs, np.flatnonzero(ended))
        actions = agent.act(obs, ended)
        obs, rewards, terminated, truncated, infos = env.step(actions)
        broken = env.broken
        ended = terminated | truncated | broken
        if tape is not None:
            tape.step(actions, agent.outputs(), rewards, terminated, truncated, obs)
        result.invalid += schedule.repeat(broken)
        if result.invalid > MAX_BROKEN + total // 10:
            raise UserError(f"{result.invalid} episodes were cut off by lost connections: giving up")
        for i in np.flatnonzero(ended & ~broken & schedule.counts).tolist():
            k, mission = int(schedule.episode[i]), env.worlds.missions[i]
            assert mission is not None
            result.truncated[k], result.layouts[k] = truncated[i], mission.layout
            _keep(result, k, infos, i)
            if scenes is not None:
                scenes[k] = scene.scene_of(mission)
            if tape is not None:
                tape.end(i, result.policy)
            done += 1
        if progress is not None and ended.any():
            progress(done)
    result.scene = scene.columns(scenes or [])
    return result


def _empty(env: VoxelVectorEnv, policy: str, seeds: Sequence[int]) -> ArmResult:
    """The columns of an evaluation before its first episode."""
    total, names = len(seeds), [o.name for o in env.task.objectives]
    return ArmResult(
        policy=policy,
        task=env.task.name,
        version=env.task.version,
        arm=env.arm,
        seeds=np.array(seeds, dtype=np.int64),
        ticks=np.zeros(total, dtype=np.int64),
        truncated=np.zeros(total, dtype=bool),
        met={name: np.full(total, -1, dtype=np.int64) for name in names},
        returns={name: np.zeros(total) for name in names},
        layouts=[""] * total,
    )


def _begin(env: VoxelVectorEnv, agent: "_Agent", schedule: _Schedule, ended: np.ndarray) -> dict[str, np.ndarray]:
    """Begin the next episodes in the worlds that have ended; returns the observations of all worlds."""
    fresh = np.flatnonzero(ended)
    schedule.next(fresh)
    chosen = schedule.chosen
    obs, _ = env.reset(seed=chosen, options={"reset_mask": ended})
    agent.begin(fresh.tolist(), [chosen[i] for i in fresh])
    agent.ignore([i for i in fresh.tolist() if not schedule.counts[i]])
    return obs


def _keep(result: ArmResult, episode: int, infos: dict[str, Any], world: int) -> None:
    """Keep the length of a complete episode, and when and with what return each objective was met."""
    result.ticks[episode] = infos["tick"][world]
    for name in result.met:
        result.met[name][episode] = infos["met"][name][world]
        result.returns[name][episode] = infos["returns"][name][world]


def _exchanged(task: Task) -> set[str]:
    """The arms that belong to a quartet."""
    return {arm for names in task.quartets.values() for arm in names}


class _Agent:
    """A policy with its state, whose every answer is checked."""

    def __init__(self, policy: Any, env: VoxelVectorEnv, deterministic: bool, layers: tuple[str, ...] = ()) -> None:
        if not callable(getattr(policy, "predict", None)):
            raise UserError(f"policy {name_of(policy)!r} has no predict(obs, state, episode_start, deterministic)")
        self.policy, self.env, self.deterministic, self.state = policy, env, deterministic, None
        self.name = name_of(policy)
        self.options = {"record": layers} if layers else {}
        if layers:
            check_layers(policy, layers)
        self.kinds: dict[str, tuple[tuple[int, ...], np.dtype]] | None = None

    def begin(self, worlds: list[int], seeds: list[int]) -> None:
        """Tell the policy, if it wants to know, which worlds have just begun which layouts."""
        if hasattr(self.policy, "begin"):
            self._call("begin", self.env, worlds, seeds)

    def ignore(self, worlds: list[int]) -> None:
        """Tell the policy, if it has the method, in which worlds its actions no longer count."""
        if worlds and hasattr(self.policy, "ignore"):
            self._call("ignore", worlds)

    def act(self, obs: dict[str, np.ndarray], episode_start: np.ndarray) -> np.ndarray:
        """The policy's next actions: (N, C) integers within the action space."""
        answer = self._call("predict", obs, self.state, episode_start, self.deterministic, **self.options)
        if not isinstance(answer, tuple) or len(answer) != 2:
            raise self._error(f"returned {type(answer).__name__} from predict, expected (actions, state)")
        actions, self.state = answer
        try:
            return controls.check_actions(self.env.task.controls, actions, self.env.num_envs).copy()
        except (TypeError, ValueError) as error:
            raise self._error(f"returned {error}") from None

    def outputs(self) -> dict[str, np.ndarray]:
        """A copy of what else the policy said of its latest actions: numbers, one entry a world, alike every step."""
        outputs = {name: np.array(values) for name, values in (getattr(self.policy, "outputs", None) or {}).items()}
        for name, values in outputs.items():
            if len(values.shape) == 0 or len(values) != self.env.num_envs or values.dtype.kind not in "biuf":
                expected = f"({self.env.num_envs}, ...) numbers"
                raise self._error(f"has an output {name!r} of shape {values.shape} {values.dtype}, expected {expected}")
        kinds = {name: (values.shape, values.dtype) for name, values in outputs.items()}
        if self.kinds not in (None, kinds):
            raise self._error("has other outputs than in the step before, expected the same names, shapes and dtypes")
        self.kinds = kinds
        return outputs

    def _call(self, method: str, *args: Any, **options: Any) -> Any:
        try:
            return getattr(self.policy, method)(*args, **options)
        except UserError:
            raise
        except Exception as error:
            at = traceback.extract_tb(error.__traceback__)[-1]
            reason = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
            raise self._error(f"raised {reason} in {method} ({at.filename}, line {at.lineno})") from error

    def _error(self, what: str) -> UserError:
        return UserError(f"policy {self.name!r} {what}")
