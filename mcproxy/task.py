"""A task is one experiment (a family of worlds, one intended objective, proxies, arms); and the registry of tasks."""

import dataclasses
import re
import sys
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

import mcproxy
from mcproxy import errors, task_file
from mcproxy.controls import NAMES as CONTROLS
from mcproxy.items import NAME as ITEMS
from mcproxy.mission import GOAL, Mission, Objective, Origin

TRAIN, EVAL, TEST = SPLITS = ("train", "eval", "test")
SHARES = {EVAL: (0.0, 0.25), TEST: (0.25, 0.5)}  # of all layouts, by hash; the rest is for training
SEPARATED = "separated"  # so begin the names of the arms in which the goal and a proxy are apart
_MAX_DRAWS = 1000
Setting = int | float | str


class Twins(NamedTuple):
    """Four arms that are one world but for where the goal and a proxy are: at the same two places, in all four ways."""

    proxy: str
    base: str  # both at the first place
    proxy_moved: str  # the goal at the first, the proxy at the second
    goal_moved: str  # the proxy at the first, the goal at the second
    both_moved: str  # both at the second


@dataclass(frozen=True)
class Task:
    """One experiment.

    build      draws one world: `build(rng, arm, rho) -> Mission`. All draws come before `arm` is read, so that seed k
               differs between arms only in what the arm is about.
    objectives the goal first, then the proxies; every mission carries all of them
    controls   those that the agent may press, by name (`mcproxy.controls`)
    size       (X, Y, Z) of the largest world of any arm, in blocks
    items      those of which the agent is told how many it carries and which it holds; with none it sees frames alone
    twins      for each proxy that can be moved on its own, the four arms in which it and the goal are
    places     the number K of equal places among which a choice is made, neutral ones included; 0 if there are none
    margin     the temptation margin of the first proxy: how much more of the discounted return the best follower of
               the proxy gets in `aligned` than the best agent that does not know it (`mcproxy.eval.measures.margin`)
    has_test_split  False for tasks that are older than the split `test`
    settings   for each setting, the values that it can have, the default first; a task with settings is built by
               `build(rng, arm, rho, chosen)`, and `stalls` with a height of its own is the task `stalls[height=16]`
    chosen     the value of each setting
    """

    name: str
    version: int
    build: Callable[..., Mission]
    arms: tuple[str, ...]
    objectives: tuple[Objective, ...]
    controls: tuple[str, ...]
    size: tuple[int, int, int]
    description: str = ""
    items: tuple[str, ...] = ()
    twins: tuple[Twins, ...] = ()
    places: int = 0
    margin: float | None = None
    has_test_split: bool = True
    settings: Mapping[str, tuple[Setting, ...]] = dataclasses.field(default_factory=dict)
    chosen: Mapping[str, Setting] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        if not re.fullmatch("[A-Za-z][A-Za-z0-9_-]*", self.base):
            raise errors.UserError(f"the task name {self.base!r}: expected letters, digits, _ and -")
        if not self.chosen:
            object.__setattr__(self, "chosen", {name: values[0] for name, values in self.settings.items()})
        for kind, names, known in (("control", self.controls, CONTROLS), ("item", self.items, ITEMS)):
            for name in names:
                if name not in known:
                    raise errors.unknown(f"{kind} of task {self.name!r}", name, known)
            if len(set(names)) < len(names) or (kind == "control" and not names):
                raise ValueError(f"{kind}s of task {self.name!r}: {names}, expected one at least, each once")
        kinds = [o.kind for o in self.objectives]
        if kinds[:1] != [GOAL] or kinds.count(GOAL) > 1 or len({o.name for o in self.objectives}) < len(kinds):
            raise ValueError(f"objectives of task {self.name!r}: expected one goal, first, and different names")
        for twins in self.twins:
            if twins.proxy not in self.proxies or not {*twins[1:]} <= {*self.arms} or len({*twins}) < len(twins):
                raise ValueError(f"twins of task {self.name!r}: {twins}, expected one of its proxies and four arms")

    @property
    def base(self) -> str:
        """The name without settings."""
        return self.name.partition("[")[0]

    @property
    def family(self) -> str:
        """The name that all versions of the task share: `beacon` of `beacon_v1`."""
        return re.sub(r"_v\d+$", "", self.base)

    def with_settings(self, chosen: Mapping[str, str]) -> "Task":
        """The task with some of its settings chosen, given as text; an unknown setting or value is a `UserError`.

        Its name lists the settings that differ from their defaults, in alphabetical order.
        """
        values = dict(self.chosen)
        for name, text in chosen.items():
            if name not in self.settings:
                raise errors.unknown(f"setting of task {self.base!r}", name, self.settings)
            known = {str(value): value for value in self.settings[name]}
            if text not in known:
                raise errors.UserError(f"{name}={text} of task {self.base!r}: expected one of {', '.join(known)}")
            values[name] = known[text]
        changed = [f"{name}={values[name]}" for name in sorted(values) if values[name] != self.settings[name][0]]
        name = self.base + (f"[{','.join(changed)}]" if changed else "")
        return dataclasses.replace(self, name=name, chosen=values)

    @property
    def splits(self) -> tuple[str, ...]:
        """Those of `SPLITS` that the task has."""
        return SPLITS if self.has_test_split else (TRAIN, EVAL)

    @property
    def proxies(self) -> tuple[str, ...]:
        """The names of the objectives other than the goal."""
        return tuple(o.name for o in self.objectives if o.kind != GOAL)

    @property
    def separated_arms(self) -> tuple[str, ...]:
        """The arms in which the goal and a proxy are apart: the question itself."""
        return tuple(arm for arm in self.arms if arm.startswith(SEPARATED))

    @property
    def quartets(self) -> Mapping[str, tuple[str, str]]:
        """For each proxy that can exchange places with the goal, the two arms before and after the exchange."""
        return {twins.proxy: (twins.proxy_moved, twins.goal_moved) for twins in self.twins}

    @property
    def module(self) -> Any:
        """The module that `build` is in: the task's file."""
        return sys.modules[self.build.__module__]

    def mission(self, seed: int, arm: str = "aligned", split: str = "train", rho: float = 1.0) -> Mission:
        """World `seed` of a split, in an arm; `rho` is the probability that arm `mixture` has the marker at the goal.

        A layout belongs to the split that its hash names, so the splits are disjoint by construction; worlds are
        drawn from the seed until one falls into the split asked for.
        """
        if arm not in self.arms:
            raise errors.unknown(f"arm of task {self.name!r}", arm, self.arms)
        if split not in self.splits:
            raise errors.unknown(f"split of task {self.name!r}", split, self.splits)
        if not 0.0 <= rho <= 1.0:
            raise errors.UserError(f"rho={rho}: expected a probability between 0 and 1")
        if seed < 0:
            raise errors.UserError(f"seed={seed}: expected 0 or more")
        stream = [zlib.crc32(self.family.encode()), self.version, SPLITS.index(split), seed]
        for draw in range(_MAX_DRAWS):
            mission = self._built(np.random.default_rng([*stream, draw]), arm, rho, f"{split} seed {seed}")
            if split_of(mission.layout, self.splits) == split:
                origin = Origin(self.name, self.version, arm, split, seed, rho)
                return dataclasses.replace(mission, origin=origin)
        raise errors.UserError(
            f"no layout of split {split!r} in {_MAX_DRAWS} draws (task {self.name!r}, arm {arm!r}, seed {seed}): "
            f"the layout's hash has to cover all that is drawn"
        )

    def _built(self, rng: np.random.Generator, arm: str, rho: float, which: str) -> Mission:
        """One world of `build`; what that raises or returns in place of a mission is a `UserError`."""
        try:
            mission = self.build(rng, arm, rho, *([self.chosen] if self.settings else []))
        except Exception as error:
            raise task_file.mistake(error, f"task {self.name}, arm {arm}, {which}") from error
        if not isinstance(mission, Mission):
            raise errors.UserError(f"build of task {self.name!r} returned {mission!r:.80}, expected a Mission")
        return mission


def split_of(layout: str, splits: tuple[str, ...] = SPLITS) -> str:
    """The split that a layout hash belongs to: that in whose share of `SHARES` its first 32 bits lie, else `train`."""
    share = int(layout[:8], 16) / 2**32
    return next((split for split in splits[1:] if SHARES[split][0] <= share < SHARES[split][1]), TRAIN)


REGISTERED: dict[str, Task] = {}


def register(task: Task) -> Task:
    """Add a task to the registry, under its name, and return it; a name that another task has is a `UserError`.

    The names of the tasks that come with mcproxy are theirs, whether or not those have been loaded.
    """
    ours = task.name in mcproxy.task_names() and f"mcproxy.tasks.{task.name}" not in sys.modules
    if ours or REGISTERED.get(task.name, task) is not task:
        whose = "mcproxy" if task.name in mcproxy.task_names() else REGISTERED[task.name].module.__file__
        raise errors.UserError(f"there is a task {task.name!r} already, of {whose}: give this one another name")
    REGISTERED[task.name] = task
    return task
