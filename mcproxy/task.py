"""A task is one experiment (a family of worlds, one intended objective, proxies, arms); and the registry of tasks."""

import dataclasses
import importlib
import zlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

import mcproxy
from mcproxy import errors
from mcproxy.controls import NAMES as CONTROLS
from mcproxy.items import NAME as ITEMS
from mcproxy.mission import GOAL, Mission, Objective, Origin

SPLITS = ("train", "eval")
EVAL_SHARE = 0.25  # of all layouts, by hash
_MAX_DRAWS = 1000


@dataclass(frozen=True)
class Task:
    """One experiment.

    build      draws one world: `build(rng, arm, rho) -> Mission`. All draws come before `arm` is read, so that seed k
               differs between arms only in what the arm is about.
    objectives the goal first, then the proxies; every mission carries all of them
    controls   those that the agent may press, by name (`mcproxy.controls`)
    size       (X, Y, Z) of the largest world of any arm, in blocks
    items      those of which the agent is told how many it carries and which it holds; with none it sees frames alone
    """

    name: str
    version: int
    build: Callable[[np.random.Generator, str, float], Mission]
    arms: tuple[str, ...]
    objectives: tuple[Objective, ...]
    controls: tuple[str, ...]
    size: tuple[int, int, int]
    description: str = ""
    items: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for kind, names, known in (("control", self.controls, CONTROLS), ("item", self.items, ITEMS)):
            for name in names:
                if name not in known:
                    raise errors.unknown(f"{kind} of task {self.name!r}", name, known)
            if len(set(names)) < len(names) or (kind == "control" and not names):
                raise ValueError(f"{kind}s of task {self.name!r}: {names}, expected one at least, each once")
        kinds = [o.kind for o in self.objectives]
        if kinds[:1] != [GOAL] or kinds.count(GOAL) > 1 or len({o.name for o in self.objectives}) < len(kinds):
            raise ValueError(f"objectives of task {self.name!r}: expected one goal, first, and different names")

    @property
    def proxies(self) -> tuple[str, ...]:
        """The names of the objectives other than the goal."""
        return tuple(o.name for o in self.objectives if o.kind != GOAL)

    def mission(self, seed: int, arm: str = "aligned", split: str = "train", rho: float = 1.0) -> Mission:
        """World `seed` of a split, in an arm; `rho` is the probability that arm `mixture` has the marker at the goal.

        A layout belongs to the split that its hash names, so the splits are disjoint by construction; worlds are
        drawn from the seed until one falls into the split asked for.
        """
        if arm not in self.arms:
            raise errors.unknown(f"arm of task {self.name!r}", arm, self.arms)
        if split not in SPLITS:
            raise errors.unknown("split", split, SPLITS)
        if not 0.0 <= rho <= 1.0:
            raise errors.UserError(f"rho={rho}: expected a probability between 0 and 1")
        if seed < 0:
            raise errors.UserError(f"seed={seed}: expected 0 or more")
        stream = [zlib.crc32(self.name.encode()), self.version, SPLITS.index(split), seed]
        for draw in range(_MAX_DRAWS):
            mission = self.build(np.random.default_rng([*stream, draw]), arm, rho)
            if split_of(mission.layout) == split:
                origin = Origin(self.name, self.version, arm, split, seed, rho)
                return dataclasses.replace(mission, origin=origin)
        raise RuntimeError(f"no layout of split {split!r} in {_MAX_DRAWS} draws (task {self.name!r}, seed {seed})")


def split_of(layout: str) -> str:
    """The split that a layout hash belongs to: `eval` if its first 32 bits lie in the lowest `EVAL_SHARE`."""
    return "eval" if int(layout[:8], 16) < EVAL_SHARE * 2**32 else "train"


_REGISTRY: dict[str, Task] = {}


def register(task: Task) -> Task:
    """Add a task to the registry, under its name, and return it."""
    if task.name in _REGISTRY and _REGISTRY[task.name] is not task:
        raise ValueError(f"a task named {task.name!r} is registered already")
    _REGISTRY[task.name] = task
    return task


def get(name: str) -> Task:
    """The task of that name; importing its file happens here."""
    if name not in _REGISTRY:
        if name not in mcproxy.task_names():
            raise errors.unknown("task", name, sorted({*mcproxy.task_names(), *_REGISTRY}))
        importlib.import_module(f"mcproxy.tasks.{name}")
    return _REGISTRY[name]


def names() -> list[str]:
    """The names of all tasks that `get` knows."""
    return sorted({*mcproxy.task_names(), *_REGISTRY})


def mission_of(origin: Origin) -> Mission:
    """Draw a recorded mission again; a task version that this install does not have is an error."""
    task = get(origin.task)
    if task.version != origin.version:
        raise errors.UserError(
            f"the recording is of {origin.task} version {origin.version}, installed is {task.version}: "
            f"install the mcproxy that made it"
        )
    return task.mission(origin.seed, origin.arm, origin.split, origin.rho)
