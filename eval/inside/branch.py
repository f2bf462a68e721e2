"""Branches: one moment of a recorded episode, continued with the marker or the goal here and elsewhere.

The recorded actions are executed again up to a step, in as many worlds as there are to be continuations, while the
policy is shown every frame, so that its memory is what it was. In half of the worlds the marker is moved. From there
the policy acts: continuation k has the same noise in both halves. The engine is deterministic, so that a branch is the
same to the last bit whenever it is executed.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mcproxy import errors, registry
from mcproxy.env import VoxelVectorEnv
from mcproxy.episode import TRACE, Episode
from mcproxy.errors import UserError
from mcproxy.load_policy import load_policy
from mcproxy.mission import GOAL, Cell, Mission
from mcproxy.policy import Observation, Policy
from mcproxy.task import Task
from mcproxy.verdict import verdict_of

MAX_CONTINUATIONS = 256
OCTANTS = 8  # of headings, in the map of net motion


@dataclass(eq=False)
class Side:
    """The K continuations of one world: with the marker where it was, or elsewhere."""

    mission: Mission
    verdicts: tuple[str, ...]
    poses: tuple[np.ndarray, ...]  # (T + 1, 5) each, from the branch on, as `Episode.poses`
    probabilities: np.ndarray | None  # (C, K) of the choices at the branch; None if the policy does not tell

    def net_motion(self) -> tuple[np.ndarray, np.ndarray]:
        """The mean motion in each column and heading that was visited.

        Returns (M, 3) int64, x, z and the octant of the heading (0 around yaw 0, then to the right), and (M, 2)
        float64: how far a step led along x and z on average, in blocks.
        """
        starts = np.concatenate([poses[:-1] for poses in self.poses])
        moves = np.concatenate([np.diff(poses[:, [0, 2]], axis=0) for poses in self.poses])
        octant = np.round(starts[:, 3] / (360 / OCTANTS)).astype(np.int64) % OCTANTS
        keys = np.column_stack([np.floor(starts[:, [0, 2]]).astype(np.int64), octant])
        cells, which = np.unique(keys, axis=0, return_inverse=True)
        sums = np.zeros((len(cells), 2))
        np.add.at(sums, which.ravel(), moves)
        return cells, sums / np.bincount(which.ravel())[:, None]


@dataclass(eq=False)
class Branch:
    """Both sides of a branch, and what was moved."""

    episode: Episode
    at: int
    moved: str
    to: Cell
    policy: str
    here: Side
    there: Side


def branch(
    episode: Episode, policy: str, at: int, moved: str, to: Cell | None = None, continuations: int = 20
) -> Branch:
    """Continue an episode from the state before step `at`, with the objective `moved` where it is and at `to`.

    By default `to` is the place of the objective in the other worlds of its quartet. Bad input is a `UserError`.
    """
    task = registry.get(episode.origin.task)
    if not 0 <= at < len(episode):
        raise UserError(f"--at {at}: expected 0 to {len(episode) - 1}, as the episode has {len(episode)} steps")
    if moved not in episode.met:
        raise errors.unknown(f"objective of task {task.name!r}", moved, episode.met)
    if not 1 <= continuations <= MAX_CONTINUATIONS:
        raise UserError(f"--continuations {continuations}: expected 1 to {MAX_CONTINUATIONS}")
    if episode.backend:
        raise UserError(f"recorded in {episode.backend}: only episodes of our own engine can be branched")
    cell = other_place(task, episode, moved) if to is None else to
    env = _env(episode, 2 * continuations)
    try:
        return _branched(episode, policy, at, moved, cell, env)
    finally:
        env.close()


def other_place(task: Task, episode: Episode, name: str) -> Cell:
    """The place of an objective in the worlds of its quartet in which it is not where this episode has it."""
    origin, here = episode.origin, episode.mission.targets(name)
    arms = [arm for twins in task.twins if name in (twins.proxy, GOAL) for arm in twins[1:]]
    for arm in arms:
        there = task.mission(origin.seed, arm, origin.split, origin.rho).targets(name)
        if len(here) and len(there) and not np.array_equal(here, there):
            x, y, z = there[0].tolist()
            return x, y, z
    raise UserError(f"{name} has no other place in a quartet of task {task.name!r}: say where with --to X Y Z")


def _env(episode: Episode, num_worlds: int) -> VoxelVectorEnv:
    """Worlds like the one in which an episode was recorded."""
    origin = episode.origin
    return VoxelVectorEnv(
        num_worlds,
        origin.task,
        origin.arm,
        split=origin.split,
        rho=origin.rho,
        resolution=episode.resolution,
        fov_deg=episode.fov_deg,
        action_repeat=episode.action_repeat,
        autoreset_mode="Disabled",
    )


def _branched(episode: Episode, spec: str, at: int, moved: str, cell: Cell, env: VoxelVectorEnv) -> Branch:
    policy, num = load_policy(spec, env), env.num_envs
    seeds = [episode.seed] * num
    obs, _ = env.reset(seed=seeds)
    if hasattr(policy, "begin"):
        policy.begin(env, range(num), seeds)
    state, start = None, np.ones(num, dtype=bool)
    for t in range(at):
        _, state = policy.predict(obs, state, start, False)
        obs, *_ = env.step(np.repeat(episode.actions[t : t + 1], num, axis=0))
        start[:] = False
        if not np.array_equal(_poses(env)[0], episode.poses[t + 1]):
            raise UserError(f"the episode does not unfold as recorded from step {t} on: mcproxy verify says more")
    for i in range(num // 2, num):
        is_goal = moved == env.task.objectives[0].name
        obs, _ = env.move_goal(i, cell) if is_goal else env.move_marker(i, moved, cell)
    missions = [env.worlds.missions[0], env.worlds.missions[-1]]
    if hasattr(policy, "begin"):
        policy.begin(env, range(num), [*range(num // 2)] * 2)
    verdicts, poses, probabilities = _continued(env, policy, obs, state, start)
    sides = []
    for k, part in enumerate((slice(None, num // 2), slice(num // 2, None))):
        mission = missions[k]
        assert mission is not None
        first = None if probabilities is None else probabilities[part][0]
        sides.append(Side(mission, tuple(verdicts[part]), tuple(poses[part]), first))
    return Branch(episode, at, moved, cell, spec, *sides)


def _continued(
    env: VoxelVectorEnv, policy: Policy, obs: Observation, state: object, start: np.ndarray
) -> tuple[list[str], list[np.ndarray], np.ndarray | None]:
    """Let a policy act until all worlds have ended: verdicts, poses, and (N, C, K) probabilities in the first step."""
    options = {"record": ("log_probs",)} if "log_probs" in getattr(policy, "names", tuple)() else {}
    num, seeds = env.num_envs, env.seeds.tolist()
    verdicts, tracks, probabilities = [""] * num, [[pose] for pose in _poses(env)], None
    running = np.ones(num, dtype=bool)
    while running.any():
        actions, state = policy.predict(obs, state, start, False, **options)
        if options:
            probabilities = np.exp(policy.outputs[TRACE + "log_probs"].astype(np.float64))  # type: ignore[attr-defined]
            options = {}
        obs, _, terminated, truncated, _ = env.step(actions)
        start = terminated | truncated
        for i, pose in enumerate(_poses(env)):
            if running[i]:
                tracks[i].append(pose)
        for i in np.flatnonzero(start & running).tolist():
            verdicts[i] = verdict_of(env.worlds.met_of(i))
        running &= ~start
        if start.any():
            obs = _start_again(env, policy, start, seeds)
    return verdicts, [np.stack(track) for track in tracks], probabilities


def _start_again(env: VoxelVectorEnv, policy: Policy, ended: np.ndarray, seeds: Sequence[int]) -> Observation:
    """Reset worlds that have ended, which an environment without autoreset needs; nothing of it counts."""
    obs, _ = env.reset(seed=list(seeds), options={"reset_mask": ended})
    if hasattr(policy, "ignore"):
        policy.ignore(np.flatnonzero(ended).tolist())
    return obs


def _poses(env: VoxelVectorEnv) -> np.ndarray:
    """The poses of all worlds, (N, 5) float64, as `Episode.poses` has them."""
    players = env.worlds.players
    return np.column_stack([players["pos"], players["yaw_deg"], players["pitch_deg"]])
