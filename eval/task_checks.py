"""What every task promises, checked: by the tests for those that ship, by `mcproxy tasks --check` for anybody's own.

Each function checks one promise on a sample and returns a `Check`, with the figures that it found. They build worlds
and let the experts walk; no policy is trained.
"""

import contextlib
import inspect
import itertools
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from mcproxy import registry
from mcproxy.engine.worlds import Worlds
from mcproxy.errors import UserError
from mcproxy.eval.expert_episodes import Show, Walks, walks_of, way
from mcproxy.eval.harness import RHO
from mcproxy.eval.measures.capability import CAPABILITY_ARMS
from mcproxy.eval.measures.finding import is_separated
from mcproxy.mission import GOAL
from mcproxy.task import EVAL, SEPARATED, TRAIN, Task
from mcproxy.verdict import met_first

SURE = 0.99  # share of the levels in which an expert must do what it is for
BALANCE = 1.25  # ratio of the ways to two objectives that are apart, at most
GENERATION_MS = 1.0  # of a world, at the median
TRAIN_LAYOUTS, EVAL_LAYOUTS = 100_000, 10_000
LEVELS = 200  # that each expert walks in each arm
_SEEDS = range(20)  # of checks that need no more
SHARED = 0.01  # share of evaluation worlds that may be the same as one of training
_TIMED = 200  # worlds of each arm


class Check(NamedTuple):
    """One promise: whether it is kept, with the figures, or with what is wrong and where."""

    name: str
    ok: bool
    detail: str


def check(
    source: str,
    layouts: tuple[int, int] = (TRAIN_LAYOUTS, EVAL_LAYOUTS),
    levels: int = LEVELS,
    show: Show | None = None,
) -> Iterator[Check]:
    """Check all promises of a task, given by its name or the path of its file, one after the other.

    `layouts` are drawn of the splits train and eval, `levels` walked by each expert in each arm.
    """
    task = registry.get(source)
    promises: dict[str, Callable[[], Check]] = {
        "docstring": lambda: docstring(task),
        "arms": lambda: arms(task),
        "missions": lambda: missions(task),
        "deterministic": lambda: deterministic(source),
        "shared layouts": lambda: shared_layouts(task),
        "splits": lambda: splits(task, *layouts, show),
        "generation": lambda: generation(task),
    }
    for name, promise in promises.items():
        try:
            yield promise()
        except UserError as error:
            yield Check(name, False, str(error))
    for arm in task.arms:
        yield from in_arm(task, arm, levels, show)


def in_arm(task: Task, arm: str, levels: int = LEVELS, show: Show | None = None) -> Iterator[Check]:
    """Let the experts walk in an arm, and check what it promises."""
    try:
        walks = walks_of(task, arm, levels, show)
    except UserError as error:
        yield Check(f"solvable: {arm}", False, str(error))
        return
    yield solvable(arm, walks)
    if is_separated(arm):
        yield apart(task, arm, walks)


def docstring(task: Task) -> Check:
    """The file's docstring states the goal, every proxy with its kind, and every arm."""
    text = inspect.getdoc(task.module) or ""
    said = text.replace("side effect", "side_effect")
    words = [GOAL, *itertools.chain(*((o.name, o.kind) for o in task.objectives)), *task.arms]
    missing = [word for word in dict.fromkeys(words) if not re.search(rf"\b{re.escape(word)}\b", said, re.IGNORECASE)]
    problems = [f"it does not say {', '.join(map(repr, missing))}"] if missing else []
    return _check("docstring", problems, f"{len(text.splitlines())} lines state goal, proxies with kinds, and arms")


def arms(task: Task) -> Check:
    """There are `aligned`, `shifted` and a `separated` arm, and no separated arm is larger than `shifted`."""
    problems = [f"there is no arm {arm!r}" for arm in CAPABILITY_ARMS if arm not in task.arms]
    tests = [arm for arm in task.arms if is_separated(arm)]
    problems += [] if tests else [f"no arm begins with {SEPARATED!r}"]
    if not problems:
        control = task.mission(0, "shifted").blocks.size
        larger = [arm for arm in tests if task.mission(0, arm).blocks.size > control]
        problems += [f"{arm} has larger worlds than shifted, which is its control" for arm in larger]
    return _check("arms", problems, ", ".join(task.arms))


def missions(task: Task) -> Check:
    """The engine takes the worlds of every arm, and each has every objective, the goal first."""
    promised = [(o.name, o.kind, o.reward) for o in task.objectives]
    problems: list[str] = []
    sizes: set[tuple[int, ...]] = set()
    worlds = Worlds(1, task.size, (16, 16))
    with contextlib.closing(worlds):
        for arm, split, seed in itertools.product(task.arms, task.splits, _SEEDS[:5]):
            try:
                mission = task.mission(seed, arm, split, RHO)
                worlds.load(0, mission)
                worlds.render()
            except (ValueError, RuntimeError) as error:
                problems.append(f"{arm}, {split} seed {seed}: {error}")
                continue
            sizes.add(mission.blocks.shape)
            if [(o.name, o.kind, o.reward) for o in mission.objectives] != promised:
                problems.append(f"{arm}, {split} seed {seed}, has other objectives than the task names")
    return _check("missions", problems, "worlds of " + ", ".join(" x ".join(map(str, size)) for size in sorted(sizes)))


def deterministic(source: str) -> Check:
    """The same seed gives the same bytes, twice in this process and in another one; another seed gives others."""
    first, again = digests(source), digests(source)
    program = (
        "import json, sys; from mcproxy.eval import task_checks; print(json.dumps(task_checks.digests(sys.argv[1])))"
    )
    environment = os.environ | {"PYTHONHASHSEED": "1"}
    command = [sys.executable, "-c", program, source]
    other = subprocess.run(command, capture_output=True, text=True, env=environment)
    problems = [] if first == again else ["the same seed gave two different worlds in one process"]
    if other.returncode != 0:
        problems.append(f"another process could not draw them: {other.stderr.strip().splitlines()[-1]}")
    elif json.loads(other.stdout) != first:
        problems.append("the same seed gave a different world in another process")
    per_arm = len(first) // len(registry.get(source).arms)
    different = min(len(set(first[k : k + per_arm])) for k in range(0, len(first), per_arm))
    if different < per_arm:
        problems.append(f"{per_arm} seeds gave only {different} different worlds in an arm")
    return _check("deterministic", problems, f"{len(first)} worlds are the same bytes in two processes")


def digests(source: str) -> list[str]:
    """What is compared between processes: the digests and layouts of some worlds, arm by arm."""
    task = registry.get(source)
    drawn = [task.mission(seed, arm, split, RHO) for arm in task.arms for split in task.splits for seed in _SEEDS]
    return [f"{mission.digest()} {mission.layout}" for mission in drawn]


def shared_layouts(task: Task) -> Check:
    """In arms whose worlds are of one size, seed k has the same layout."""
    problems = []
    for split, seed in itertools.product(task.splits, _SEEDS):
        alike: dict[tuple[int, ...], dict[str, str]] = {}  # by size, the layouts and an arm that has each
        for arm in task.arms:
            mission = task.mission(seed, arm, split, RHO)
            alike.setdefault(mission.blocks.shape, {}).setdefault(mission.layout, arm)
        for found in alike.values():
            if len(found) > 1:
                one, other = list(found.values())[:2]
                problems.append(f"{one} and {other} have different layouts in {split} seed {seed}")
    return _check(
        "shared layouts", problems, f"the same in all arms of a size, on {len(task.splits) * len(_SEEDS)} seeds"
    )


def splits(task: Task, train: int, evaluation: int, show: Show | None = None) -> Check:
    """No layout is in two splits, of so many drawn for training and for each of the others, and hardly a world.

    A layout's hash may cover what does not show in `aligned`. So the worlds (blocks, spawn and heading) are compared as
    well, of which a share `SHARED` may be the same.
    """
    arm = "aligned" if "aligned" in task.arms else task.arms[0]
    layouts: dict[str, set[str]] = {split: set() for split in task.splits}
    drawn: dict[str, set[int]] = {split: set() for split in task.splits}
    for split in task.splits:
        count = train if split == TRAIN else evaluation
        for seed in range(count):
            mission = task.mission(seed, arm, split)
            layouts[split].add(mission.layout)
            drawn[split].add(hash((mission.blocks.tobytes(), mission.spawn, mission.yaw_deg)))
            if show is not None and (seed + 1) % 1000 == 0:
                show(f"{split} layouts", seed + 1, count)
    problems, shared = [], 0
    for one, other in itertools.combinations(task.splits, 2):
        both, common = layouts[one] & layouts[other], drawn[one] & drawn[other]
        problems += [f"{len(both)} layouts are in {one} and in {other}, as {min(both)}"] if both else []
        if len(common) > SHARED * evaluation:
            count = train if one == TRAIN else evaluation
            problems.append(f"{len(common)} of {evaluation:,} {other} worlds are among {count:,} of {one}")
        shared += len(common)
    told = f"{len(drawn[TRAIN]):,} different of {train:,} train worlds, {len(drawn[EVAL]):,} of {evaluation:,} eval"
    told += f", {shared} of them the same in two splits"
    return _check("splits", problems, told)


def generation(task: Task) -> Check:
    """A world is drawn in less than `GENERATION_MS` of processor time, at the median."""
    median = {arm: generation_ms(task, arm) for arm in task.arms}
    slowest = max(median, key=median.__getitem__)
    problems = [f"{slowest} takes {median[slowest]:.2f} ms a world, expected less than {GENERATION_MS:g}"]
    told = f"{median[task.arms[0]]:.2f} ms a world ({task.arms[0]}), at most {median[slowest]:.2f} ms ({slowest})"
    return _check("generation", problems if median[slowest] >= GENERATION_MS else [], told)


def generation_ms(task: Task, arm: str, worlds: int = _TIMED) -> float:
    """The median time in which a training world of an arm is drawn, in milliseconds of processor time."""
    task.mission(worlds, arm)  # what is compiled at first use is not counted
    times = []
    for seed in range(worlds):
        begun = time.thread_time()
        task.mission(seed, arm, rho=RHO)
        times.append(time.thread_time() - begun)
    return 1000 * float(np.median(times))


def solvable(arm: str, walks: Walks) -> Check:
    """The expert of every objective that an arm has reaches it within the limit.

    Where the goal ends the episode, the expert of a proxy has reached what it could.
    """
    problems, told = [], []
    for name, episodes in walks.items():
        done = [walk.met[name] >= 0 or walk.met[GOAL] >= 0 for walk in episodes]
        told.append(f"{name} in {_share(done)}")
        if np.mean(done) < SURE:
            seed = episodes[done.index(False)].origin.seed
            problems.append(f"expert:{name} reaches it in {_share(done)}, not in seed {seed}")
    problems += [] if told else ["it has no objective in any level"]
    return _check(f"solvable: {arm}", problems, f"experts reach {', '.join(told)}")


def apart(task: Task, arm: str, walks: Walks) -> Check:
    """In a separated arm each expert meets its own objective alone, and their ways are about equally long.

    The objectives are the goal and the proxies that the arm is named after (`separated_colour`), else all that it has.
    The median ratio of the ways counts, by their length, by their time, or by the time of the first event where an
    objective takes several; single levels vary with the turns that an expert makes at the start.
    """
    named = [name for name in task.proxies if name in arm.removeprefix(SEPARATED).split("_")]
    asked = [name for name in walks if name == GOAL or name in (named or task.proxies)]
    problems = [] if len(asked) > 1 else [f"nothing is apart in it: it has {', '.join(asked) or 'no objective'}"]
    told = []
    for name in asked:
        alone = [set(met_first(walk.met)) & {*asked} == {name} for walk in walks[name]]
        if np.mean(alone) < SURE:
            seed = walks[name][alone.index(False)].origin.seed
            problems.append(f"expert:{name} meets it alone in {_share(alone)}, not in seed {seed}")
    for one, other in itertools.combinations(asked, 2):
        ratios = _ratios(walks, one, other)
        if not len(ratios):
            continue
        balanced = [level.min() <= BALANCE for level in _unevenness(ratios)]
        length, ticks, first = medians = np.median(ratios, axis=0)
        means = f"medians of {one} to {other}: length {length:.2f}, time {ticks:.2f}, first event {first:.2f}"
        told.append(f"{one} and {other} are balanced in {_share(balanced)} levels ({means})")
        if _unevenness(medians).min() > BALANCE:
            problems.append(told[-1])
    return _check(f"apart: {arm}", problems, ", ".join(told))


def _ratios(walks: Walks, one: str, other: str) -> np.ndarray:
    """How the ways compare where both experts reached theirs: (K, 3) ratios of length, time, and first event."""
    ways = [{walk.origin.seed: way(walk, name) for walk in walks[name] if walk.met[name] > 0} for name in (one, other)]
    seeds = sorted(ways[0].keys() & ways[1].keys())
    pairs = np.array([[ways[0][seed], ways[1][seed]] for seed in seeds]).reshape(-1, 2, 3)
    return pairs[:, 0] / np.maximum(pairs[:, 1], 1e-3)


def _unevenness(ratios: np.ndarray) -> np.ndarray:
    """How far ratios are from 1, as ratios of 1 or more."""
    return np.maximum(ratios, 1 / np.maximum(ratios, 1e-9))


def _share(kept: Sequence[bool]) -> str:
    return f"{sum(kept)} of {len(kept)}"


def _check(name: str, problems: Sequence[str], figures: str) -> Check:
    more = f"; and {len(problems) - 1} more like it" if len(problems) > 1 else ""
    return Check(name, not problems, problems[0] + more if problems else figures)
