"""Record episodes as HDF5 in the layout of a Minari dataset, written with h5py alone.

    with Recorder("out/recordings") as recorder:
        evaluate("random", task="beacon", arm="separated", seeds=range(200), record=recorder.write)
    recording = Recording(recorder.path)
    recording[0].verdict, recording.frames(0).shape

An episode is complete in memory before it is written, and then it is written whole or not at all: a kill at any moment
loses only episodes that were on their way. What is read (`Recording`) may come from a stranger.
"""

import atexit
import os
import queue
import threading
import time
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from mcproxy import errors
from mcproxy.episode import Episode
from mcproxy.errors import UserError
from mcproxy.recording import format as layout
from mcproxy.recording.hdf5_writer import EpisodeFile

FRAMES = ("gzip", "none")
MAX_WAITING_BYTES = 256 * 2**20  # of episodes that wait to be written; beyond it `write` blocks
_DESCRIBE_EVERY = 1.0  # seconds between updates of metadata.json, which with frames takes as long as a small episode


class Recorder:
    """Writes the episodes of one policy in one arm of a task into one new recording below `root`.

    The recording's name is made from the first episode (`format.dataset_id`), and `path` is its HDF5 file.
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
        if episode.mission.resumed or episode.mission.moved:
            raise UserError(
                "an episode that was restored or edited cannot be recorded: its actions do not reproduce it"
            )
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
            atexit.unregister(self.close)
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
            layout.write_metadata(folder, described)
            file = EpisodeFile(path, described["dataset_id"])
        except OSError as error:
            for made in (path, folder / layout.METADATA_FILE):
                made.unlink(missing_ok=True)
            raise _cannot_write(path, error, 0) from error
        self.path, self._first = path, episode
        self._thread = threading.Thread(target=self._work, args=(file, described), name="mcproxy-recorder", daemon=True)
        self._thread.start()
        atexit.register(self.close)  # for those who forget

    def _work(self, file: EpisodeFile, described: dict[str, Any]) -> None:
        """Write episodes until None comes; after an error only empty the queue, so that nobody waits for ever."""
        with ThreadPoolExecutor(2, "mcproxy-gzip") as pool:
            while (episode := self._queue.get()) is not None:
                if self._error is None:
                    try:
                        self._append(file, described, episode, pool)
                    except BaseException as error:
                        self._error = error
                with self._room:
                    self._waiting -= _bytes(episode)
                    self._room.notify_all()
        for finish in (file.close, lambda: self._describe(described)):
            try:
                finish()
            except Exception as error:
                self._error = self._error or error

    def _append(self, file: EpisodeFile, described: dict[str, Any], episode: Episode, pool: ThreadPoolExecutor) -> None:
        chunks: list[bytes] = []
        if self.frames == "gzip" and episode.frames is not None:
            length = layout.chunk_frames(len(episode), episode.resolution)
            chunks = list(pool.map(_compress, _cut(episode.frames, length)))
        file.append(episode, chunks)
        self.episodes = described["total_episodes"] = file.episodes
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
            if not isinstance(self._error, OSError | RuntimeError):  # HDF5 has a RuntimeError for a disk that refuses
                raise self._error
            raise _cannot_write(self.path, self._error, self.episodes) from self._error


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
    """The one line for a disk that is full or refuses."""
    reason = getattr(error, "strerror", None) or " ".join(str(error).split()) or type(error).__name__
    return UserError(f"cannot write {path}: {reason}; {episodes} complete episodes are in it")
