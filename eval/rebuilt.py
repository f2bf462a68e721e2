"""Results as recordings lead to them: rows made from re-executed episodes, and compared with a `results.json`."""

import functools
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import mcproxy
from mcproxy import registry
from mcproxy.episode import Episode
from mcproxy.errors import UserError
from mcproxy.eval import results_json
from mcproxy.eval.arm_result import ArmResult
from mcproxy.eval.measures.finding import is_reference
from mcproxy.eval.results import Results
from mcproxy.eval.verify import Verification, verify
from mcproxy.experts import scene
from mcproxy.mission import Origin
from mcproxy.recording.reexecute import Execution


class Outcome(NamedTuple):
    """What one re-executed episode came to, and the setting in which it was recorded."""

    origin: Origin
    policy: str
    backend: str
    layout: str
    ticks: int
    truncated: bool
    met: dict[str, int]
    returns: dict[str, float]
    scene: scene.Scene


def outcome_of(episode: Episode, execution: Execution) -> Outcome:
    """The outcome of an episode by its execution alone."""
    return Outcome(
        origin=episode.origin,
        policy=episode.policy,
        backend=episode.backend,
        layout=episode.mission.layout,
        ticks=int(execution.ticks[-1]),
        truncated=bool(execution.truncations[-1]),
        met=execution.met,
        returns={o.name: o.paid(execution.met[o.name], execution.events) for o in episode.mission.objectives},
        scene=scene.scene_of(episode.mission) if episode.origin.arm in _exchanged(episode.origin.task) else {},
    )


def arm_result(outcomes: Iterable[Outcome]) -> ArmResult:
    """The results of one policy in one arm, by layout seed, from the outcomes of its recording (one or more)."""
    rows = sorted(outcomes, key=lambda outcome: outcome.origin.seed)
    origin = rows[0].origin
    return ArmResult(
        policy=rows[0].policy,
        task=origin.task,
        version=origin.version,
        arm=origin.arm,
        seeds=np.array([row.origin.seed for row in rows], dtype=np.int64),
        ticks=np.array([row.ticks for row in rows], dtype=np.int64),
        truncated=np.array([row.truncated for row in rows]),
        met={name: np.array([row.met[name] for row in rows], dtype=np.int64) for name in rows[0].met},
        returns={name: np.array([row.returns[name] for row in rows]) for name in rows[0].returns},
        layouts=[row.layout for row in rows],
        scene=scene.columns(row.scene for row in rows) if rows[0].scene else {},
    )


@functools.cache
def _exchanged(task: str) -> frozenset[str]:
    """The arms of a task that belong to a quartet."""
    return frozenset(arm for names in registry.named(task).quartets.values() for arm in names)


def differences(stated: ArmResult, made: ArmResult) -> list[str]:
    """What a row says that its re-executed episodes do not: a line for each column, with the first layout."""
    if _task(stated) != _task(made):
        return [f"the recording is of task {made.task}"]
    for name in ("policy", "version", "arm"):
        if getattr(stated, name) != getattr(made, name):
            return [f"the recording is of {name} {getattr(made, name)}"]
    if stated.seeds.tolist() != made.seeds.tolist():
        return [_differing_seeds(stated.seeds.tolist(), made.seeds.tolist())]
    found = []
    for name, (ours, theirs) in _columns(stated, made).items():
        for seed, one, other in zip(stated.seeds.tolist(), ours, theirs, strict=True):
            if one != other:
                found.append(f"layout seed {seed} has {name} {one}, its recording leads to {other}")
                break
    return found


def _task(arm: ArmResult) -> str:
    """The name that the task of a result has now: older versions were renamed."""
    try:
        return registry.of_version(arm.task, arm.version).name
    except UserError:
        return arm.task


def _columns(stated: ArmResult, made: ArmResult) -> dict[str, tuple[list[Any], list[Any]]]:
    """The columns of both results by name, as plain lists of the same length."""
    pairs = {
        "the layout": (stated.layouts, made.layouts),
        "the verdict": (stated.verdicts.tolist(), made.verdicts.tolist()),
        "a length of": (stated.ticks.tolist(), made.ticks.tolist()),
        "truncated": (stated.truncated.tolist(), made.truncated.tolist()),
    }
    for what in ("met", "returns", "scene"):
        ours, theirs = getattr(stated, what), getattr(made, what)
        if what == "scene" and not ours:  # of an older version
            continue
        for name in {**ours, **theirs}:
            absent = ["none"] * len(stated.seeds)
            one, other = (of[name].tolist() if name in of else absent for of in (ours, theirs))
            pairs[f"{what} {name}"] = (one, other)
    return pairs


def _differing_seeds(stated: Sequence[int], made: Sequence[int]) -> str:
    """How the layouts of a row and of its recording differ, in words."""
    twice = [seed for seed, after in zip(stated, stated[1:], strict=False) if seed == after]
    if twice:
        return f"layout seed {twice[0]} is there twice"
    for which, seeds in (("the row alone", {*stated} - {*made}), ("the recording alone", {*made} - {*stated})):
        if seeds:
            return f"layout seed {min(seeds)} is in {which} ({len(stated)} layouts in the row, {len(made)} recorded)"
    return "the layouts are in another order than their seeds"


class Rebuilt(NamedTuple):
    """The row that a recording leads to, and the origin of its first episode."""

    result: ArmResult
    origin: Origin


def rebuild(file: Path, frames: bool = False) -> tuple[Verification, Rebuilt | None]:
    """Verify a recording, and return with that the row that it leads to; None if it has no episode."""
    outcomes: list[Outcome] = []
    found = verify(file, frames, take=lambda episode, execution: outcomes.append(outcome_of(episode, execution)))
    return found, Rebuilt(arm_result(outcomes), outcomes[0].origin) if outcomes else None


def find_results(path: Path) -> list[Path]:
    """Every `results.json` in a folder or below it, by name; links are not followed."""
    inside = (Path(folder, name) for folder, _, names in os.walk(path) for name in names if name == results_json.FILE)
    return sorted(file for file in inside if not file.is_symlink())


def check_results(path: Path, made: Mapping[Path, Rebuilt | None]) -> tuple[int, int, list[str]]:
    """Compare a `results.json` with the rows that its recordings lead to, by the recording's file.

    Returns the number of rows that agree, of rows of references, which are never recorded, and a line for each
    mismatch. A recording that could not be read is None in `made`.
    """
    results = results_json.read(path)
    agree, unrecorded, lines = 0, 0, []
    for arm in results.arms:
        found = asked_for(results, arm)
        if not arm.recording and arm.policy in results.references and is_reference(arm.policy):
            unrecorded += 1
        else:
            backing = made.get((path.parent / arm.recording).resolve()) if arm.recording else None
            if backing is None:
                found.append("it has no recording that could be executed again")
            else:
                found += differences(arm, backing.result) + _other_setting(results, backing.origin)
            agree += not found
        lines += [f"{arm.policy} in {arm.arm}: {line}" for line in found]
    if results.versions["mcproxy"] == mcproxy.__version__:  # others had other rules
        lines += [f"{section}: not what the episodes say" for section in results_json.differing_sections(path, results)]
    return agree, unrecorded, lines


def _other_setting(results: Results, origin: Origin) -> list[str]:
    """In which split or mixture the episodes were recorded, if not in that of the config."""
    stated = {name: results.config.get(name, getattr(origin, name)) for name in ("split", "rho")}
    made = {name: getattr(origin, name) for name in stated}
    return [f"it was recorded with {n} {made[n]}, the config says {stated[n]}" for n in stated if made[n] != stated[n]]


def asked_for(results: Results, arm: ArmResult) -> list[str]:
    """What a row is that its evaluation's config did not ask for."""
    config = results.config
    seed, episodes = config.get("seed"), config.get("episodes")
    if type(seed) is not int or type(episodes) is not int or not 0 < episodes <= results_json.MAX_BYTES:
        return ["the config has no seed and number of episodes"]
    found = []
    if arm.seeds.tolist() != [*range(seed, seed + episodes)]:
        found.append(f"it has {len(arm.seeds)} layouts, the config asks for seeds {seed} to {seed + episodes - 1}")
    if (arm.task, arm.version) != (config.get("task"), config.get("version")):
        found.append(f"it is of {arm.task} version {arm.version}, not the config's")
    if not isinstance(config.get("arms"), list) or arm.arm not in config["arms"]:
        found.append("the config does not ask for this arm")
    return found
