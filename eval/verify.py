"""Verify recordings: execute the recorded actions again, compare what comes of them, and name every difference.

Two things are asked of each part of an episode. Is it what was recorded? Every part has a digest of its own. Does it
follow from the actions? They are executed again from the mission on, and as the engine is deterministic, poses, ticks,
events, flags and verdict must come out equal to the last bit. Where mission, controls or actions themselves are in
doubt, nothing can be expected to follow from them, and other parts are named only if their own digest tells on them.

A recording holds episodes of one policy in one arm, as its folder and `dataset_id` say, each layout once.
"""

import itertools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from mcproxy.episode import Episode
from mcproxy.errors import UserError
from mcproxy.mission import Event
from mcproxy.recording import Recording, reexecute
from mcproxy.recording import format as layout
from mcproxy.recording.reader import Claims
from mcproxy.recording.reexecute import Execution
from mcproxy.verdict import verdict_of

BATCH = 64  # episodes executed side by side
MAX_HELD = 500_000  # steps and events of a batch, unless a single episode has more
BATCH_ELSEWHERE = 2  # the same where another engine executes them, each in a process of its own
FRAME_TOLERANCE = 0.005  # share of a frame's pixels that may differ: processors round differently when drawing
PREMISES = ("layout", "mission", "view", "actions")  # the parts from which all others follow
_CHANGED = "not what was recorded"


@dataclass(frozen=True)
class Mismatch:
    """One part of one episode that is not as it should be; `detail` says where it first differs, and how."""

    episode: int
    what: str
    detail: str


@dataclass(frozen=True)
class Verification:
    """What came of one recording: the number of episodes, of those without any mismatch, and every mismatch."""

    file: str
    episodes: int
    verified: int
    mismatches: list[Mismatch]
    mcproxy: str  # version that recorded it


Take = Callable[[Episode, Execution], None]  # gets an episode as it was recorded, and as its actions lead to it


def verify(
    path: Path | str,
    frames: bool = False,
    progress: Callable[[int, int], None] | None = None,
    take: Take | None = None,
) -> Verification:
    """Verify every episode of a recording; with `frames` the stored frames are drawn again too, and compared.

    Without, frames are compared with their digest alone. `progress` is called with the number of episodes done and of
    all, `take` with every episode and its execution. A file that cannot be read is a `UserError`.
    """
    with Recording(path) as recording:
        found: list[Mismatch] = []
        kinds: list[_Kind] = []
        for batch in _batches(recording):
            found += _verify_batch(recording, batch, frames, kinds, take)
            if progress is not None:
                progress(batch.stop, len(recording))
        found += _of_the_file(recording, kinds, {mismatch.episode for mismatch in found})
        failed = {mismatch.episode for mismatch in found}
        return Verification(str(path), len(recording), len(recording) - len(failed), found, recording.mcproxy)


def _batches(recording: Recording) -> Iterator[range]:
    """The episodes in groups that are executed side by side, and held in memory together."""
    start = held = 0
    for k in range(len(recording)):
        size = recording.size(k)
        if k > start and (k - start == BATCH or held + size > MAX_HELD):
            yield range(start, k)
            start, held = k, 0
        held += size
    if len(recording):
        yield range(start, len(recording))


@dataclass
class _Kind:
    """What an episode must have in common with the others of its recording, and what it must not."""

    dataset_id: str
    common: dict[str, Any]
    seed: int

    @classmethod
    def of(cls, episode: Episode) -> "_Kind":
        """The kind of an episode."""
        common = {"policy": episode.policy, **vars(episode.origin), "controls": episode.controls}
        common |= {name: getattr(episode, name) for name in ("resolution", "fov_deg", "action_repeat", "backend")}
        return cls(layout.dataset_id(episode), common, common.pop("seed"))


def _of_the_file(recording: Recording, kinds: Sequence[_Kind], known: set[int]) -> list[Mismatch]:
    """Episodes of another kind than most, layouts that are there twice, and names and a description that do not fit.

    Episodes of which another mismatch is `known` are not named as of another kind once more.
    """
    if not kinds:
        return []
    ids = [kind.dataset_id for kind in kinds]
    most = kinds[ids.index(max(ids, key=ids.count))]
    found = []
    seeds: dict[int, int] = {}
    for k, kind in enumerate(kinds):
        other = [
            f"{name} {value}, not {most.common[name]}"
            for name, value in kind.common.items()
            if value != most.common[name]
        ]
        if other and k not in known:
            found.append(Mismatch(k, "recording", f"it is of another kind than the others: {other[0]}"))
        if (before := seeds.setdefault(kind.seed, k)) != k and k not in known:
            found.append(Mismatch(k, "seed", f"layout seed {kind.seed} is in episode {before} already"))
    folder = recording.path.resolve().parent
    named = {"dataset_id": recording.dataset_id}
    if folder.name == "data":  # as the recorder wrote it
        named["folder"] = f"{most.dataset_id.rpartition('/')[0]}/{folder.parent.name}"
    for what, name in named.items():
        if name != most.dataset_id:
            found.append(Mismatch(0, "recording", f"its {what} is {name}, its episodes are of {most.dataset_id}"))
    if folder.name == "data":
        found += [Mismatch(0, "metadata", line) for line in _of_metadata(recording, recording[kinds.index(most)])]
    return found


def _of_metadata(recording: Recording, first: Episode) -> list[str]:
    """What Minari's description says that the episodes do not; a recorder that was killed describes fewer episodes."""
    try:
        described = recording.described
    except UserError as error:
        return [str(error)]
    count, steps = described.get("total_episodes"), described.get("total_steps")
    if type(count) is not int or type(steps) is not int or count > len(recording):
        return [f"it describes {count!r} episodes, {len(recording)} are complete"]
    lengths = sum(recording.steps(k) for k in range(count))
    found = [f"it describes {steps} steps, {lengths} were recorded"] * (steps != lengths)
    made = layout.metadata(first, recording.has_frames(0))
    given = ["observation_space", "action_space", "dataset_id", "algorithm_name", "data_format"]
    is_renamed = recording.origin(0).task != first.origin.task  # its task was renamed since
    given += [] if is_renamed else ["description"]
    found += [f"{name} is not that of the episodes" for name in given if described.get(name) != made[name]]
    if "env_spec" in described and not is_renamed and _environment(described) != _environment(made):
        found.append("env_spec is not that of the episodes")
    return found


def _environment(described: Mapping[str, Any]) -> Any:
    """The id and the arguments of the environment that Minari would make; None if there are none."""
    try:
        spec = json.loads(described["env_spec"])
        return spec["id"], spec["kwargs"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def _verify_batch(
    recording: Recording, batch: Sequence[int], frames: bool, kinds: list[_Kind], take: Take | None
) -> list[Mismatch]:
    episodes = {k: recording[k] for k in batch}
    kinds += [_Kind.of(episodes[k]) for k in batch]
    details: dict[int, dict[str, str]] = {}
    for _, group in itertools.groupby(sorted(batch, key=lambda k: _view(episodes[k])), lambda k: _view(episodes[k])):
        alike = list(group)
        backend = episodes[alike[0]].backend
        together = len(alike) if not backend else BATCH_ELSEWHERE
        executions = [
            execution
            for begin in range(0, len(alike), together)
            for execution in reexecute([episodes[k] for k in alike[begin : begin + together]])
        ]
        changed: list[int] = []  # episodes whose frames are not what was recorded
        for k, execution in zip(alike, executions, strict=True):
            claims = recording.claims(k)
            as_recorded = replace(episodes[k].mission, origin=recording.origin(k))
            digests = replace(episodes[k], mission=as_recorded).digests()
            details[k] = _compare(episodes[k], execution, claims, digests)
            if minari := recording.unlike_minari(k):
                details[k]["minari"] = minari
            if take is not None:
                take(episodes[k], execution)
            if recording.frames_digest(k) != claims.digests.get("frames"):
                details[k]["frames"] = _CHANGED
                changed += [k] * recording.has_frames(k)
        whole = [k for k in alike if frames and recording.has_frames(k) and not {*PREMISES} & {*details[k]}]
        for k, where in _differing_frames(recording, episodes, sorted({*changed, *whole}), changed).items():
            details[k]["frames"] = f"{_CHANGED}: {where}" if k in changed else where
    return [Mismatch(k, what, detail) for k in batch for what, detail in details[k].items()]


def _view(episode: Episode) -> tuple[Any, ...]:
    """What episodes must have in common to be executed side by side."""
    view = (episode.action_repeat, episode.controls, episode.resolution, episode.fov_deg)
    return (episode.origin.task, episode.backend, *view)


def _compare(episode: Episode, execution: Execution, claims: Claims, digests: dict[str, str]) -> dict[str, str]:
    """What is wrong with an episode but for its frames: a sentence for each part."""
    changed = {part for part, digest in digests.items() if claims.digests.get(part) != digest}
    differs = _differences(episode, execution, claims)
    if "layout" in differs:  # another mission follows
        changed.discard("mission")
        differs.pop("mission", None)
    step = _leaves_at(episode.poses, execution.poses)
    if step is not None and "actions" in changed:
        differs["actions"] = f"from step {step} on they lead elsewhere"
    elif step is not None and "poses" not in changed and not {*PREMISES} & {*differs}:
        differs["actions"] = f"step {step} does not lead where the recording goes: {differs['poses']}"
    doubtful = {*PREMISES} & (changed | {*differs})
    details = {}
    for part in dict.fromkeys((*PREMISES, *digests, "returns")):
        if part in changed:
            details[part] = f"{_CHANGED}: {differs[part]}" if part in differs else _CHANGED
        elif part in differs and (part in PREMISES or not doubtful):
            details[part] = differs[part]
    return details


def _differences(episode: Episode, execution: Execution, claims: Claims) -> dict[str, str]:
    """Where each part first differs from what follows from the mission and the actions."""
    origin = episode.origin
    drawn = f"drawn again from {origin.task} {origin.arm}, {origin.split} seed {origin.seed}"
    found = {
        "layout": _unequal(claims.layout, episode.mission.layout, drawn),
        "mission": _unequal(claims.mission, episode.mission_digest, drawn),
        "poses": _first_row("pose", episode.poses, execution.poses),
        "ticks": _first_row("state", episode.ticks, execution.ticks),
        "events": _first_event(episode.events, execution.events),
        "met": _unequal(episode.met, execution.met),
        "verdict": _unequal(episode.verdict, verdict_of(execution.met), "by the events"),
        "rewards": _first_row("step", episode.rewards, execution.rewards),
        "ends": _first_row("step", _ends(episode), _ends(execution)) or _not_over(execution),
        "returns": _unequal(claims.returns, episode.returns, "by the ticks at which objectives were met"),
    }
    return {part: difference for part, difference in found.items() if difference}


def _unequal(recorded: Any, made: Any, how: str = "re-executed") -> str:
    return "" if recorded == made else f"{recorded} recorded, {made} {how}"


def _first_row(what: str, recorded: np.ndarray, made: np.ndarray) -> str:
    """The first row in which two arrays of the same shape differ, in words."""
    rows = np.flatnonzero(_row_differs(recorded, made))
    if not len(rows):
        return ""
    k = int(rows[0])
    return f"{what} {k} is {recorded[k].tolist()} recorded, {made[k].tolist()} re-executed"


def _row_differs(recorded: np.ndarray, made: np.ndarray) -> np.ndarray:
    return (recorded != made).reshape(len(recorded), -1).any(axis=1)


def _first_event(recorded: Sequence[Event], made: Sequence[Event]) -> str:
    for k, (ours, theirs) in enumerate(itertools.zip_longest(recorded, made)):
        if ours != theirs:
            return f"event {k} is {_in_words(ours)} recorded, {_in_words(theirs)} re-executed"
    return ""


def _in_words(event: Event | None) -> str:
    if event is None:
        return "missing"
    return f"{event.kind} {event.what} at tick {event.tick}, {event.position}".replace("  ", " ")


def _ends(episode: Episode | Execution) -> np.ndarray:
    """Terminations and truncations side by side: (T, 2) bool."""
    return np.column_stack([episode.terminations, episode.truncations])


def _not_over(execution: Execution) -> str:
    """Whether the actions stop before the episode is over, or go on after it."""
    over = np.flatnonzero(_ends(execution).any(axis=1))
    if len(over) and over[0] < len(execution.terminations) - 1:
        return f"the episode is over at step {over[0]}, and goes on"
    return "" if len(over) else "the actions stop before the episode is over"


def _leaves_at(recorded: np.ndarray, made: np.ndarray) -> int | None:
    """The step from which on the poses go another way; None if they do not, be it that single ones differ."""
    differs = _row_differs(recorded, made)
    first = int(np.argmax(differs))
    return first - 1 if first > 0 and differs[first:].mean() > 0.5 else None


def _differing_frames(
    recording: Recording, episodes: dict[int, Episode], chosen: Sequence[int], changed: Sequence[int]
) -> dict[int, str]:
    """Where the stored frames of the chosen episodes first differ from frames drawn again, in words.

    Up to `FRAME_TOLERANCE` of a frame is let pass, but in the episodes that are known to be changed.
    """
    if not chosen:
        return {}
    stored: list[Iterator[np.ndarray]] = [itertools.chain.from_iterable(recording.frame_chunks(k)) for k in chosen]
    found: dict[int, str] = {}

    def look(t: int, frames: np.ndarray) -> None:
        for i, k in enumerate(chosen):
            if t > len(episodes[k]) or k in found:
                continue
            try:
                differs = (next(stored[i]) != frames[i]).any(axis=2)  # (H, W)
            except UserError:
                found[k] = f"they cannot be unpacked from frame {t} on"
                continue
            if differs.mean() > (0.0 if k in changed else FRAME_TOLERANCE):
                found[k] = f"frame {t} differs in {differs.sum()} of {differs.size} pixels from the one drawn again"

    reexecute([episodes[k] for k in chosen], look)
    return found
