"""What the experts do in the eval layouts of an arm: the yardstick of what can be reached in it, and how far it is."""

import contextlib
import functools
from collections.abc import Callable

import numpy as np
from gymnasium.vector import AutoresetMode

from mcproxy.blocks import ID
from mcproxy.env import VoxelVectorEnv
from mcproxy.episode import Episode
from mcproxy.eval.harness import NUM_WORLDS, RHO, evaluate
from mcproxy.mission import NOWHERE, Happened, Mission, Possess, Touch
from mcproxy.recording.episode_builder import EpisodeBuilder
from mcproxy.task import Task

Walks = dict[str, list[Episode]]  # the episodes of the expert of every objective, by objective
Show = Callable[[str, int, int], None]  # what, how much of it is done, of how much
_NEEDS_BLOCK = ("broke", "opened", "fired", "swung", "used")  # events that happen to a block of the world


def walks_of(task: Task, arm: str, levels: int, show: Show | None = None) -> Walks:
    """Let the expert of every objective walk in those of the first `levels` eval layouts that have the objective."""
    drawn = [task.mission(seed, arm, "eval", RHO) for seed in range(levels)]
    walks: Walks = {}
    worlds = min(NUM_WORLDS, levels)
    env = VoxelVectorEnv(worlds, task.name, arm, "eval", RHO, (16, 16), autoreset_mode=AutoresetMode.DISABLED)
    with contextlib.closing(env):
        for name in (o.name for o in task.objectives):
            seeds = [seed for seed, mission in enumerate(drawn) if has(mission, name)]
            if seeds:
                walks[name] = []
                told = None if show is None else functools.partial(_tell, show, f"{arm}: expert:{name}", len(seeds))
                record = EpisodeBuilder(env, walks[name].append, keep_frames=False)
                evaluate(f"expert:{name}", seeds=seeds, env=env, record=record, progress=told)
    return walks


def has(mission: Mission, name: str) -> bool:
    """Whether a world has what an objective waits for, as far as its blocks and places tell."""
    condition = next((o.condition for o in mission.objectives if o.name == name), NOWHERE)
    block = None
    if isinstance(condition, Touch):
        block = condition.block
    elif isinstance(condition, Happened) and condition.event in _NEEDS_BLOCK:
        block = condition.what
    return condition != NOWHERE and (not block or bool((mission.blocks == ID[block]).any()))


def way(walk: Episode, name: str) -> tuple[float, int, int]:
    """How far an expert had walked when it met an objective, in blocks over ground; the tick of it, and of its start.

    An objective that takes several events, or several pieces of an item, starts with the first.
    """
    condition = next(o.condition for o in walk.mission.objectives if o.name == name)
    first = walk.met[name]
    if isinstance(condition, Happened | Possess):
        kind, what = (
            ("collected", condition.item) if isinstance(condition, Possess) else (condition.event, condition.what)
        )
        first = min((e.tick for e in walk.events if e.kind == kind and what in ("", e.what)), default=first)
    path = walk.poses[: 1 + int(np.searchsorted(walk.ticks, walk.met[name])), :3:2]
    return float(np.linalg.norm(np.diff(path, axis=0), axis=1).sum()), walk.met[name], first


def _tell(show: Show, label: str, total: int, done: int) -> None:
    show(label, done, total)
