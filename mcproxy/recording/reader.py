"""Read recordings, also those of strangers.

Nothing in a file is believed: see `checked_hdf5` for how it is read. Its sizes must be those which its mission allows,
and what it says of an episode although it follows from the rest (`Claims`) is there to be compared, never to be used.
A file that cannot be read is a `UserError`.
"""

import contextlib
import json
import os
import re
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any

import h5py
import numpy as np
from h5py import h5d, h5z

from mcproxy import controls, registry
from mcproxy.engine.state import LOG_ROWS, LOG_TICKS
from mcproxy.engine.view import FOV_RANGE_DEG, MAX_SIDE
from mcproxy.episode import MAX_OUTPUT_BYTES, Episode
from mcproxy.errors import UserError, nearest
from mcproxy.mission import Event, Mission, Origin
from mcproxy.recording import format as layout
from mcproxy.recording import table
from mcproxy.recording import untrusted_hdf5 as hdf5

MAX_METADATA_BYTES = 2**20
MAX_FRAMES_BYTES = 2 * 2**30  # in one episode
MAX_EVENTS = LOG_ROWS // LOG_TICKS  # in one tick, as the engine has room for no more
_LIMITS = {"fov_deg": FOV_RANGE_DEG, "action_repeat": (1, 1000), "max_ticks": (1, 2**31)}


@dataclass(frozen=True)
class Claims:
    """What a recording says of an episode although it follows from the rest: to be checked, not used."""

    layout: str
    mission: str  # digest
    returns: dict[str, float]
    digests: dict[str, str]
    mcproxy: str  # version that recorded it


def find(path: Path | str) -> list[Path]:
    """The recordings at a path: the file itself, or every `main_data.hdf5` below a folder, in order of their names."""
    path = Path(path)
    if not path.exists():
        beside = [file.name for file in path.parent.iterdir()] if path.parent.is_dir() else []
        near = nearest(path.name, beside)
        hint = f"did you mean {path.parent / near}?" if near else "expected a recording, or a folder with some"
        raise UserError(f"{path} does not exist: {hint}")
    if not path.is_dir():
        if not path.is_file():
            raise UserError(f"{path} is neither a file nor a folder: expected a recording, or a folder with some")
        return [path]
    inside = (Path(folder, name) for folder, _, names in os.walk(path) for name in names if name == layout.MAIN_FILE)
    found = sorted(file for file in inside if not file.is_symlink())
    if not found:
        raise UserError(f"{path} has no {layout.MAIN_FILE} below it: expected a folder with recordings")
    return found


class Recording:
    """The complete episodes of one recording: `recording[k]` is an `Episode` without its frames, `frames(k)` has those.

    They are in the order of their layout seeds, in which the file need not have them: worlds end at their own times.
    `path` is the HDF5 file, or a folder in which there is exactly one.
    """

    def __init__(self, path: Path | str) -> None:
        found = find(path)
        if len(found) > 1:
            raise UserError(f"{path} has {len(found)} recordings below it: name one of them, as {found[0]}")
        self.path = found[0]
        self._file = _open(self.path)
        try:
            with self._reading():
                self.mcproxy = _check_kind(self._file)
                self._groups = sorted(_complete(self._file), key=_seed)
        except UserError:
            self.close()
            raise

    def __len__(self) -> int:
        return len(self._groups)

    def __getitem__(self, index: int) -> Episode:
        """Episode `index`, its mission drawn again and `frames` None; a damaged one is a `UserError`."""
        group = self._groups[index]
        with self._reading(index):
            origin = _origin(group)
        try:
            mission = registry.mission_of(origin)
        except UserError as error:
            raise UserError(f"{self.path}: episode {index}: {error}") from error
        with self._reading(index):
            return _episode(group, mission)

    def __repr__(self) -> str:
        return f"Recording({str(self.path)!r}, {len(self)} episodes)"

    def __iter__(self) -> Iterator[Episode]:
        return (self[k] for k in range(len(self)))

    @cached_property
    def by_seed(self) -> dict[int, int]:
        """The index of the episode of each layout seed; nothing else of the episodes is read for it."""
        found = {}
        for index, group in enumerate(self._groups):
            with self._reading(index):
                found[_origin(group).seed] = index
        return found

    def table(self, library: str | None = None) -> Any:
        """The episodes as columns of one length, by name: those of `table.table_of`.

        The columns are a dict of numpy arrays; with `library` ("pandas" or "polars") they are its DataFrame.
        """
        columns = table.table_of(self)
        return columns if library is None else table.framed(columns, library)

    def claims(self, index: int) -> Claims:
        """What is stored of an episode and can be made again from the rest of it."""
        with self._reading(index):
            return _claims(self._groups[index])

    @cached_property
    def dataset_id(self) -> str:
        """The Minari name that the file has given itself."""
        with self._reading():
            return hdf5.text(self._file, "dataset_id")

    def steps(self, index: int) -> int:
        """The number of steps of an episode; nothing else of it is read."""
        with self._reading(index):
            return _steps(self._groups[index])

    def origin(self, index: int) -> Origin:
        """The origin of an episode's mission, by the name that its task had when it was recorded."""
        with self._reading(index):
            return _origin(self._groups[index])

    def size(self, index: int) -> int:
        """The number of steps and events of an episode, as stored; nothing else of it is read."""
        with self._reading(index):
            group = self._groups[index]
            events = hdf5.member(hdf5.member(group, "mcproxy", h5py.Group), "events", h5py.Dataset)
            return _steps(group) + int(np.prod(events.shape))

    def unlike_minari(self, index: int) -> str:
        """Which of the parts that Minari reads is not what the rest of an episode says; "" if all are."""
        group = self._groups[index]
        with self._reading(index):
            steps = _steps(group)
            inner, infos, seen = (hdf5.member(group, name, h5py.Group) for name in ("mcproxy", "infos", "observations"))
            number = int(str(group.name).rpartition("_")[2])  # in the order in which the episodes were written
            if hdf5.number(group, "id", np.int64) != number or hdf5.number(group, "total_steps", np.int64) != steps:
                return f"id and total_steps are not {number} and {steps}"
            if not _same(infos, "tick", inner, "ticks", (steps + 1,), np.int64):
                return "infos/tick differs from mcproxy/ticks"
            if "pose" in seen and not _same(seen, "pose", inner, "poses", (steps + 1, 5), np.float64):
                return "observations/pose differs from mcproxy/poses"
        return ""

    @cached_property
    def described(self) -> dict[str, Any]:
        """What `metadata.json` beside the file says; one that is missing or no JSON object is a `UserError`."""
        path = self.path.parent / layout.METADATA_FILE
        try:
            if not path.is_file() or path.is_symlink() or path.stat().st_size > MAX_METADATA_BYTES:
                raise ValueError("it is missing, or too large")
            found = json.loads(path.read_bytes())
            if not isinstance(found, dict):
                raise ValueError("it is no object")
        except (OSError, ValueError, RecursionError) as error:
            raise UserError(f"{path} is not the description of a recording: {error}") from None
        return found

    def has_frames(self, index: int) -> bool:
        """Whether the frames of an episode are stored."""
        with self._reading(index):
            return "pov" in hdf5.member(self._groups[index], "observations", h5py.Group)

    def frames(self, index: int, size: tuple[int, int] | None = None) -> np.ndarray:
        """The frames of an episode: (T + 1, H, W, 3) uint8, drawn again if they are not stored or not in this size."""
        episode = self[index]
        size = size or episode.resolution
        if (len(episode) + 1) * size[0] * size[1] * 3 > MAX_FRAMES_BYTES:
            raise UserError(f"{self.path}: the frames of episode {index} take more than {MAX_FRAMES_BYTES} bytes")
        if size == episode.resolution and self.has_frames(index):
            return np.concatenate(list(self.frame_chunks(index)))
        from mcproxy.recording.reexecute import rerender

        return np.stack(list(rerender(episode, size)))

    def frame_chunks(self, index: int) -> Iterator[np.ndarray]:
        """The stored frames of an episode in their order, some (K, H, W, 3) uint8 at a time."""
        with self._reading(index):
            pov, length = _pov(self._groups[index])
            steps, *frame = pov.shape
            for k in range(0, steps, length):
                raw = hdf5.unpack(hdf5.chunk(pov, k), length * int(np.prod(frame)))
                yield np.frombuffer(raw, np.uint8).reshape(length, *frame)[: steps - k]

    def frames_digest(self, index: int) -> str | None:
        """The digest of the stored frames as they are now; None if none are stored."""
        if not self.has_frames(index):
            return None
        with self._reading(index):
            pov, length = _pov(self._groups[index])
            return layout.frames_digest(hdf5.chunk(pov, k) for k in range(0, len(pov), length))

    def close(self) -> None:
        """Close the file; safe to call twice."""
        self._file.close()

    def __enter__(self) -> "Recording":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @contextlib.contextmanager
    def _reading(self, index: int | None = None) -> Iterator[None]:
        """Whatever goes wrong in reading is a `UserError` that names the file and the episode."""
        where = f"{self.path} " if index is None else f"{self.path}: episode {index}: "
        try:
            yield
        except UserError as error:
            raise UserError(f"{where}{error}") from error
        except _UNREADABLE as error:
            reason = " ".join(str(error).split())
            raise UserError(f"{where}{reason}: the recording is damaged or was edited, record it again") from error


_EPISODE = re.compile("episode_([0-9]{1,9})")
_UNREADABLE = (hdf5.CorruptFile, OSError, KeyError, ValueError, RuntimeError, TypeError, OverflowError, zlib.error)


def _open(path: Path) -> h5py.File:
    with open(path, "rb") as file:
        is_hdf5 = file.read(8) == b"\x89HDF\r\n\x1a\n"
    if not is_hdf5:
        raise UserError(f"{path} is not a recording: expected an HDF5 file that mcproxy wrote")
    try:
        return h5py.File(path, "r", locking=False)  # unlocked: it may still be written
    except OSError as error:
        raise UserError(f"{path} is damaged or cut short: HDF5 cannot open it; record it again") from error


def _check_kind(file: h5py.File) -> str:
    """The version of mcproxy that made the file; another kind of file, or one of a later schema, is a `UserError`."""
    if "kind" not in file.attrs or hdf5.text(file, "kind") != layout.KIND:
        raise UserError("is an HDF5 file, but not a recording of mcproxy")
    schema = hdf5.number(file, "schema", np.int64)
    if schema != layout.SCHEMA:
        raise UserError(f"has schema {schema}, this mcproxy reads {layout.SCHEMA}: upgrade mcproxy")
    return hdf5.text(file, "mcproxy")


def _complete(file: h5py.File) -> list[h5py.Group]:
    """The groups of the complete episodes, in their order.

    A recorder that was killed leaves groups behind them that are empty, or half written and unreadable.
    """
    complete: dict[int, h5py.Group] = {}
    for number, name in sorted((int(m[1]), m[0]) for name in file if (m := _EPISODE.fullmatch(name))):
        with contextlib.suppress(hdf5.CorruptFile, KeyError, RuntimeError, OSError):
            group = hdf5.member(file, name, h5py.Group)
            if "complete" in group.attrs:
                complete[number] = group
    for k, number in enumerate(complete):
        if number != k:
            raise hdf5.CorruptFile(f"has no complete episode {k}, but a later one")
    return list(complete.values())


def _seed(group: h5py.Group) -> int:
    """The layout seed of an episode by which it is sorted; an episode whose seed cannot be read is the last."""
    with contextlib.suppress(*_UNREADABLE):
        return int(hdf5.number(group, "seed", np.int64))
    return 2**63


def _episode(group: h5py.Group, mission: Mission) -> Episode:
    names = json.loads(hdf5.text(group, "controls"))
    if not isinstance(names, list) or not 0 < len({*map(str, names)} & {*controls.NAMES}) == len(names):
        raise hdf5.CorruptFile(f"has the controls {names}")
    steps = _steps(group)
    if steps > mission.max_ticks:
        raise hdf5.CorruptFile(f"has {steps} steps, but its mission ends after {mission.max_ticks} ticks")
    inner = hdf5.member(group, "mcproxy", h5py.Group)
    episode = Episode(
        mission=mission,
        policy=hdf5.text(group, "policy"),
        frames=None,
        actions=hdf5.array(group, "actions", (steps, len(names)), np.int64),
        rewards=hdf5.array(group, "rewards", (steps,), np.float64),
        terminations=hdf5.array(group, "terminations", (steps,), np.bool_),
        truncations=hdf5.array(group, "truncations", (steps,), np.bool_),
        poses=hdf5.array(inner, "poses", (steps + 1, 5), np.float64, links=2),
        ticks=hdf5.array(inner, "ticks", (steps + 1,), np.int64, links=2),
        met=_by_objective(group, "met", np.int64, [o.name for o in mission.objectives]),
        events=_events(inner, mission.max_ticks),
        verdict=hdf5.text(group, "verdict"),
        resolution=_resolution(group),
        fov_deg=hdf5.number(group, "fov_deg", np.float64),
        action_repeat=hdf5.number(group, "action_repeat", np.int64),
        controls=tuple(names),
        outputs=_outputs(inner, steps),
        max_ticks=hdf5.number(group, "max_ticks", np.int64),
        backend=hdf5.text(group, "backend") if "backend" in group.attrs else "",
    )
    episode.check()
    for name, (low, high) in _LIMITS.items():
        if not low <= getattr(episode, name) <= high:
            raise hdf5.CorruptFile(f"has {name} {getattr(episode, name)}, expected {low} to {high}")
    if (steps - 1) * episode.action_repeat >= mission.max_ticks:
        raise hdf5.CorruptFile(f"has {steps} steps of {episode.action_repeat} ticks, in {mission.max_ticks} ticks")
    unknown = ((episode.actions < 0) | (episode.actions >= controls.sizes(tuple(names)))).any(axis=1)
    if unknown.any():
        step = int(np.argmax(unknown))
        raise hdf5.CorruptFile(
            f"has the action {episode.actions[step].tolist()} in step {step}, which no control offers"
        )
    return episode


def _steps(group: h5py.Group) -> int:
    actions = hdf5.member(group, "actions", h5py.Dataset)
    if actions.ndim != 2 or actions.shape[0] == 0:
        raise hdf5.CorruptFile(f"has actions of shape {actions.shape}, expected some for each step")
    return int(actions.shape[0])


def _resolution(group: h5py.Group) -> tuple[int, int]:
    height, width = hdf5.number(group, "resolution", np.int64, (2,))
    if not (0 < height <= MAX_SIDE and 0 < width <= MAX_SIDE):
        raise hdf5.CorruptFile(f"has frames of {height} x {width} pixels, expected 1 to {MAX_SIDE} a side")
    return height, width


def _origin(group: h5py.Group) -> Origin:
    return Origin(
        task=hdf5.text(group, "task"),
        version=hdf5.number(group, "version", np.int64),
        arm=hdf5.text(group, "arm"),
        split=hdf5.text(group, "split"),
        seed=hdf5.number(group, "seed", np.int64),
        rho=hdf5.number(group, "rho", np.float64),
    )


def _claims(group: h5py.Group) -> Claims:
    digests = json.loads(hdf5.text(group, "digests"))
    if not isinstance(digests, dict):
        raise hdf5.CorruptFile("has no digests of its parts")
    rewarded = [hdf5.printable(name)[len("returns/") :] for name in group.attrs if name.startswith("returns/")]
    returns = _by_objective(group, "returns", np.float64, rewarded)
    return Claims(
        hdf5.text(group, "layout"), hdf5.text(group, "mission"), returns, digests, hdf5.text(group, "mcproxy")
    )


def _events(group: h5py.Group, max_ticks: int) -> tuple[Event, ...]:
    events = hdf5.member(group, "events", h5py.Dataset)
    if events.ndim != 1 or len(events) > MAX_EVENTS * (max_ticks + 1):
        raise hdf5.CorruptFile(f"has events of shape {events.shape}, in {max_ticks} ticks")
    table = hdf5.array(group, "events", events.shape[:1], layout.EVENT)
    columns = (table[name].tolist() for name in ("tick", "kind", "what", "position"))
    return tuple(
        Event(tick, hdf5.printable(kind.decode()), hdf5.printable(what.decode()), tuple(position))
        for tick, kind, what, position in zip(*columns, strict=True)
    )


def _same(one: h5py.Group, name: str, other: h5py.Group, also: str, shape: tuple[int, ...], dtype: type) -> bool:
    """Whether an array is the one that lies in another group as well, by a second link or by its values."""
    if hdf5.member(one, name, h5py.Dataset) == hdf5.member(other, also, h5py.Dataset):
        return True
    arrays = (hdf5.array(group, key, shape, dtype, links=2) for group, key in ((one, name), (other, also)))
    return np.array_equal(next(arrays), next(arrays))


def _outputs(group: h5py.Group, steps: int) -> dict[str, np.ndarray]:
    if "outputs" not in group:
        return {}
    inner = hdf5.member(group, "outputs", h5py.Group)
    outputs: dict[str, np.ndarray] = {}
    for name in inner:
        values = hdf5.member(inner, name, h5py.Dataset)
        size = values.nbytes + sum(output.nbytes for output in outputs.values())
        if values.dtype.kind not in "biuf" or size > MAX_OUTPUT_BYTES * steps:
            raise hdf5.CorruptFile(
                f"has outputs of type {values.dtype}, {size} bytes: more than {MAX_OUTPUT_BYTES} a step"
            )
        outputs[hdf5.printable(name)] = hdf5.array(inner, name, (steps, *values.shape[1:]), values.dtype)
    return outputs


def _pov(group: h5py.Group) -> tuple[h5py.Dataset, int]:
    """The frames of an episode, which nothing has been read of yet, and how many of them are in a chunk."""
    pov = hdf5.member(hdf5.member(group, "observations", h5py.Group), "pov", h5py.Dataset)
    steps, resolution = _steps(group), _resolution(group)
    shape, length = (steps + 1, *resolution, 3), layout.chunk_frames(steps, resolution)
    if pov.shape != shape or pov.dtype != np.uint8:
        raise hdf5.CorruptFile(f"has frames of shape {pov.shape} {pov.dtype}, expected {shape} uint8")
    plan = pov.id.get_create_plist()
    if plan.get_layout() != h5d.CHUNKED or plan.get_chunk() != (length, *shape[1:]):
        raise hdf5.CorruptFile("has frames in chunks of another size than mcproxy writes")
    if plan.get_nfilters() != 1 or plan.get_filter(0)[0] != h5z.FILTER_DEFLATE:
        raise hdf5.CorruptFile("has frames that are not compressed as mcproxy does (gzip)")
    return pov, length


def _by_objective(group: h5py.Group, prefix: str, dtype: type, objectives: Iterable[str]) -> dict[str, Any]:
    """The attributes `prefix/<objective>`, by objective and in the order of the mission's."""
    return {name: hdf5.number(group, f"{prefix}/{name}", dtype) for name in objectives}
