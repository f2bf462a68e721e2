"""Record episodes as HDF5 in the layout of a Minari dataset, written with h5py alone.

    with Recorder("out/recordings") as recorder:
        evaluate("random", task="beacon", arm="separated", seeds=range(200), record=recorder.write)
    recording = Recording(recorder.path)
    recording[0].verdict, recording.frames(0).shape

An episode is complete in memory before it is written, is marked complete last, and the file is flushed after each: a
kill at any moment loses at most the episodes on their way. What is read (`Recording`) may come from a stranger.
"""

import functools
import json
import os
import queue
import re
import threading
import time
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any

import h5py
import numpy as np
from h5py import h5a, h5d, h5g, h5p, h5s, h5t

import mcproxy
from mcproxy import errors
from mcproxy import recording_format as layout
from mcproxy.atomic_file import AtomicFile
from mcproxy.episode import Episode
from mcproxy.errors import UserError
from mcproxy.recording import Recording, find
from mcproxy.reexecute import reexecute, rerender

__all__ = ["FRAMES", "Episode", "Recorder", "Recording", "find", "reexecute", "rerender"]

FRAMES = ("gzip", "none")
_FIRST_GROUPS = 256  # made ahead; later as many again as there are
MAX_WAITING_BYTES = 256 * 2**20  # of episodes that wait to be written; beyond it `write` blocks
_SCALAR = h5s.create(h5s.SCALAR)
_TEXT = h5py.string_dtype()
_DESCRIBE_EVERY = 1.0  # seconds between updates of metadata.json, which with frames takes as long as a small episode


class Recorder:
    """Writes the episodes of one policy in one arm of a task into one new recording below `root`.

    The recording's name is made from the first episode (`recording_format.dataset_id`), and `path` is its HDF5 file.
    Frames are compressed (gzip level 1, exact) and written on threads of the recorder; what goes wrong there is raised
    by the next `write` or by `close`. With `frames="none"` they are left out: actions and mission make them again.
    """

    def __init__(self, root: Path | str, frames: str = "gzip") -> None:
        if frames not in FRAMES:
            raise errors.unknown("frames", frames, FRAMES)
        self.root, self.frames = Path(root), frames
        self.path: Path | None = None
        self.episodes = 0  # that are complete on disk
        self._first: Episode | None = None
        self._queue: queue.SimpleQueue[Episode | None] = queue.SimpleQueue()
        self._waiting = 0  # bytes
        self._room = threading.Condition()
        self._described_at = 0.0
        self._error: BaseException | None = None
        self._thread: threading.Thread | None = None
        self._closed = False

    def write(self, episode: Episode) -> None:
        """Take over an episode, whose arrays must not change any more.

        An episode of another policy, task or arm than the first one's is a ValueError.
        """
        if self._closed:
            raise ValueError("the recorder is closed")
        self._raise()
        episode.check()
        if self.frames == "gzip" and episode.frames is None:
            raise ValueError("an episode without frames: record it with frames='none'")
        if self._first is None:
            self._open(episode)
        assert self._first is not None
        if _kind(episode) != _kind(self._first):
            raise ValueError(f"a recording of {_kind(self._first)} cannot take an episode of {_kind(episode)}")
        size = _bytes(episode)
        with self._room:
            self._room.wait_for(lambda: self._waiting == 0 or self._waiting + size <= MAX_WAITING_BYTES)
            self._waiting += size
        self._queue.put(episode)

    def close(self) -> None:
        """Write what still waits, and close the file; safe to call twice."""
        self._closed = True
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join()
            self._thread = None
            self._raise()

    def __enter__(self) -> "Recorder":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            self.close()
        except UserError:
            if error is None:  # else the first thing that went wrong is the one to tell
                raise

    def _open(self, episode: Episode) -> None:
        """Create the recording: its folder, `metadata.json` and the HDF5 file without an episode."""
        folder = self.root / layout.dataset_id(episode) / "data"
        path = folder / layout.MAIN_FILE
        if path.exists():
            raise UserError(f"{path} exists already: choose another folder")
        folder.mkdir(parents=True, exist_ok=True)
        described = layout.metadata(episode, self.frames == "gzip")
        try:
            storage = AtomicFile(path)
            file = h5py.File(storage, "w")
            file.attrs.update({"kind": layout.KIND, "schema": layout.SCHEMA, "mcproxy": mcproxy.__version__})
            file.attrs["dataset_id"] = described["dataset_id"]
            file.flush()
            storage.check()
            layout.write_metadata(folder, described)
        except OSError as error:
            raise _cannot_write(path, error, 0) from error
        self.path, self._first = path, episode
        self._thread = threading.Thread(target=self._work, args=(storage, file, described), name="mcproxy-recorder")
        self._thread.start()

    def _work(self, storage: AtomicFile, file: h5py.File, described: dict[str, Any]) -> None:
        """Write episodes until None comes; after an error only empty the queue, so that nobody waits for ever."""
        with ThreadPoolExecutor(2, "mcproxy-gzip") as pool:
            while (episode := self._queue.get()) is not None:
                if self._error is None:
                    try:
                        self._append(storage, file, described, episode, pool)
                    except BaseException as error:
                        self._error = error
                with self._room:
                    self._waiting -= _bytes(episode)
                    self._room.notify_all()
        try:
            _remove_groups(file, self.episodes)
            file.close()
            storage.close()
            storage.check()
            self._describe(described)
        except (OSError, RuntimeError) as error:
            self._error = self._error or error

    def _append(
        self,
        storage: AtomicFile,
        file: h5py.File,
        described: dict[str, Any],
        episode: Episode,
        pool: ThreadPoolExecutor,
    ) -> None:
        assert self.path is not None
        chunks: list[bytes] = []
        if self.frames == "gzip" and episode.frames is not None:
            length = layout.chunk_frames(len(episode), episode.resolution)
            chunks = list(pool.map(_compress, _cut(episode.frames, length)))
        if self.episodes == len(file):
            _add_groups(file, max(_FIRST_GROUPS, self.episodes))
        group = h5g.open(file.id, f"episode_{self.episodes}".encode())
        write_episode(group, self.episodes, episode, chunks)
        file.flush()
        _put_attribute(group, "complete", True)
        file.flush()
        storage.check()
        self.episodes += 1
        described["total_episodes"] += 1
        described["total_steps"] += len(episode)
        if time.monotonic() >= self._described_at + _DESCRIBE_EVERY:
            self._describe(described)

    def _describe(self, described: dict[str, Any]) -> None:
        """Bring `metadata.json` up to date."""
        assert self.path is not None
        described["dataset_size"] = round(os.path.getsize(self.path) / 1e6, 1)  # MB
        layout.write_metadata(self.path.parent, described)
        self._described_at = time.monotonic()

    def _raise(self) -> None:
        if self._error is not None:
            assert self.path is not None
            raise _cannot_write(self.path, self._error, self.episodes) from self._error


def _add_groups(file: h5py.File, number: int) -> None:
    """Add empty groups for the episodes to come.

    Their table of contents then stays as it is while episodes are written: each commit changes one group alone, and
    being killed in the midst of it spoils no other.
    """
    first = len(file)
    for k in range(first, first + number):
        h5g.create(file.id, f"episode_{k}".encode())
    file.flush()


def _remove_groups(file: h5py.File, first: int) -> None:
    """Remove the empty groups, from a file that was not discarded."""
    for k in range(first, len(file)):
        del file[f"episode_{k}"]


def write_episode(group: h5g.GroupID, index: int, episode: Episode, chunks: list[bytes]) -> None:
    """Fill an episode's group; `chunks` are its compressed frames, none to leave them out.

    It calls HDF5 by h5py's low-level interface, as the usual one takes three times as long for small arrays, in which
    time no other Python runs.
    """
    inner, observations, infos = (h5g.create(group, name) for name in (b"mcproxy", b"observations", b"infos"))
    for name in ("actions", "rewards", "terminations", "truncations"):
        _put_array(group, name, getattr(episode, name))
    _put_array(inner, "poses", episode.poses)
    _put_array(inner, "ticks", episode.ticks)
    _put_array(inner, "events", np.array([tuple(event) for event in episode.events], dtype=layout.EVENT))
    infos.links.create_hard(b"tick", inner, b"ticks")
    if episode.outputs:
        outputs = h5g.create(inner, b"outputs")
        for name, values in episode.outputs.items():
            _put_array(outputs, name, values)
    if chunks:
        _put_frames(observations, episode, chunks)
    else:
        observations.links.create_hard(b"pose", inner, b"poses")
    for name, value in _attributes(index, episode, chunks).items():
        _put_attribute(group, name, value)


@functools.lru_cache
def _type(dtype: np.dtype) -> h5t.TypeID:
    """The HDF5 type of an array's dtype, as h5py chooses it."""
    return h5t.py_create(dtype, logical=True)


def _put_array(group: h5g.GroupID, name: str, values: np.ndarray) -> h5d.DatasetID:
    """Store an array as it is, in one piece."""
    data = h5d.create(group, name.encode(), _type(values.dtype), h5s.create_simple(values.shape))
    data.write(h5s.ALL, h5s.ALL, np.ascontiguousarray(values))
    return data


def _put_frames(group: h5g.GroupID, episode: Episode, chunks: list[bytes]) -> None:
    """Store compressed chunks as they are in a dataset that any HDF5 reads."""
    shape = (len(episode) + 1, *episode.resolution, 3)
    length = layout.chunk_frames(len(episode), episode.resolution)
    plan = h5p.create(h5p.DATASET_CREATE)
    plan.set_chunk((length, *shape[1:]))
    plan.set_deflate(1)
    pov = h5d.create(group, b"pov", _type(np.dtype(np.uint8)), h5s.create_simple(shape), plan)
    for k, chunk in enumerate(chunks):
        pov.write_direct_chunk((k * length, 0, 0, 0), chunk)


def _put_attribute(group: h5g.GroupID, name: str, value: Any) -> None:
    values = np.asarray(value, dtype=_TEXT if isinstance(value, str) else None)
    space = h5s.create_simple(values.shape) if values.shape else _SCALAR
    h5a.create(group, name.encode(), _type(values.dtype), space).write(values)


def _attributes(index: int, episode: Episode, chunks: list[bytes]) -> dict[str, Any]:
    origin, digests = episode.origin, episode.digests()
    if chunks:
        digests["frames"] = layout.frames_digest(chunks)
    return {
        "id": index,
        "seed": origin.seed,
        "total_steps": len(episode),
        "task": origin.task,
        "version": origin.version,
        "arm": origin.arm,
        "split": origin.split,
        "rho": origin.rho,
        "layout": episode.mission.layout,
        "mission": episode.mission.digest(),
        "policy": episode.policy,
        "verdict": episode.verdict,
        **{f"met/{name}": tick for name, tick in episode.met.items()},
        **{f"returns/{name}": value for name, value in episode.returns.items()},
        "resolution": np.array(episode.resolution, dtype=np.int64),
        "fov_deg": episode.fov_deg,
        "action_repeat": episode.action_repeat,
        "controls": json.dumps(episode.controls),
        "max_ticks": episode.limit,
        "mcproxy": mcproxy.__version__,
        "digests": json.dumps(digests),
    }


def _cut(frames: np.ndarray, length: int) -> Iterator[np.ndarray]:
    """The frames in pieces of `length`, the last one filled up with zeros."""
    for k in range(0, len(frames), length):
        piece = frames[k : k + length]
        if len(piece) < length:
            piece = np.concatenate([piece, np.zeros((length - len(piece), *piece.shape[1:]), dtype=np.uint8)])
        yield np.ascontiguousarray(piece)


def _compress(piece: np.ndarray) -> bytes:
    return zlib.compress(piece.data, 1)


def _bytes(episode: Episode) -> int:
    """The memory that an episode takes."""
    arrays = [episode.actions, episode.rewards, episode.poses, episode.ticks, *episode.outputs.values()]
    if episode.frames is not None:
        arrays.append(episode.frames)
    return sum(array.nbytes for array in arrays) + layout.EVENT.itemsize * len(episode.events)


def _kind(episode: Episode) -> tuple[Any, ...]:
    """What all episodes of one recording have in common."""
    origin = episode.origin
    view = (episode.resolution, episode.fov_deg, episode.action_repeat, episode.controls)
    return (episode.policy, origin.task, origin.version, origin.arm, origin.split, origin.rho, *view)


def _cannot_write(path: Path, error: BaseException, episodes: int) -> UserError:
    """The one line for a disk that is full or refuses, from whatever HDF5 said about it."""
    number = getattr(error, "errno", None) or next(iter(re.findall(r"errno = (\d+)", str(error))), None)
    reason = os.strerror(int(number)) if number else " ".join(str(error).split()) or type(error).__name__
    return UserError(f"cannot write {path}: {reason}; {episodes} complete episodes are in it")
