"""Episodes as groups of an HDF5 file: the arrays and attributes that docs/file-formats.md lists.

HDF5 is called by h5py's low-level interface: the usual one takes three times as long for small arrays and attributes,
in which no other Python runs.
"""

import functools
import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from h5py import h5a, h5d, h5g, h5p, h5s, h5t

import mcproxy
from mcproxy.episode import Episode
from mcproxy.recording.format import EVENT, KIND, SCHEMA, chunk_frames, frames_digest
from mcproxy.recording.transactional_file import TransactionalFile

GROUPS_AHEAD = 256  # made before the first episode; later as many again as there are
_TEXT = h5py.string_dtype()


class EpisodeFile:
    """A new HDF5 file to which episodes are appended, each of them whole or not at all (see `TransactionalFile`)."""

    def __init__(self, path: Path, dataset_id: str) -> None:
        self.episodes = 0
        self._storage = TransactionalFile(path)
        self._file = h5py.File(self._storage, "w")
        self._file.attrs.update({"kind": KIND, "schema": SCHEMA, "mcproxy": mcproxy.__version__})
        self._file.attrs["dataset_id"] = dataset_id
        try:
            self._commit()
        except OSError:
            self._file.close()
            raise

    def append(self, episode: Episode, chunks: list[bytes]) -> None:
        """Add an episode; `chunks` are its compressed frames, none to leave them out.

        It fills a group that was made ahead, so that the table of contents stays as it is: each commit changes that
        group alone, and being killed in the midst of one spoils no other. The mark `complete` has a commit of its own.
        """
        if self.episodes == len(self._file):
            for k in range(self.episodes, 2 * self.episodes or GROUPS_AHEAD):
                h5g.create(self._file.id, f"episode_{k}".encode())
            self._commit()
        group = h5g.open(self._file.id, f"episode_{self.episodes}".encode())
        _put_episode(group, self.episodes, episode, chunks)
        self._commit()
        _put_attribute(group, "complete", True)
        self._commit()
        self.episodes += 1

    def close(self) -> None:
        """Remove the groups that were not needed, and close the file, whatever fails: left open it ends the process."""
        try:
            for k in range(self.episodes, len(self._file)):
                del self._file[f"episode_{k}"]
        finally:
            self._file.close()
            self._storage.close()
        self._storage.check()

    def _commit(self) -> None:
        self._file.flush()
        self._storage.check()


def _put_episode(group: h5g.GroupID, index: int, episode: Episode, chunks: list[bytes]) -> None:
    inner, observations, infos = (h5g.create(group, name) for name in (b"mcproxy", b"observations", b"infos"))
    for name in ("actions", "rewards", "terminations", "truncations"):
        _put_array(group, name, getattr(episode, name))
    _put_array(inner, "poses", episode.poses)
    _put_array(inner, "ticks", episode.ticks)
    _put_array(inner, "events", np.array([tuple(event) for event in episode.events], dtype=EVENT))
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


@functools.lru_cache
def _space(shape: tuple[int, ...]) -> h5s.SpaceID:
    return h5s.create_simple(shape) if shape else h5s.create(h5s.SCALAR)


def _put_array(group: h5g.GroupID, name: str, values: np.ndarray) -> None:
    """Store an array as it is, in one piece."""
    data = h5d.create(group, name.encode(), _type(values.dtype), _space(values.shape))
    data.write(h5s.ALL, h5s.ALL, np.ascontiguousarray(values))


def _put_frames(group: h5g.GroupID, episode: Episode, chunks: list[bytes]) -> None:
    """Store compressed chunks as they are in a dataset that any HDF5 reads."""
    shape = (len(episode) + 1, *episode.resolution, 3)
    length = chunk_frames(len(episode), episode.resolution)
    plan = h5p.create(h5p.DATASET_CREATE)
    plan.set_chunk((length, *shape[1:]))
    plan.set_deflate(1)
    pov = h5d.create(group, b"pov", _type(np.dtype(np.uint8)), h5s.create_simple(shape), plan)
    for k, chunk in enumerate(chunks):
        pov.write_direct_chunk((k * length, 0, 0, 0), chunk)


def _put_attribute(group: h5g.GroupID, name: str, value: Any) -> None:
    values = np.asarray(value, dtype=_TEXT if isinstance(value, str) else None)
    h5a.create(group, name.encode(), _type(values.dtype), _space(values.shape)).write(values)


def _attributes(index: int, episode: Episode, chunks: list[bytes]) -> dict[str, Any]:
    origin, digests = episode.origin, episode.digests()
    if chunks:
        digests["frames"] = frames_digest(chunks)
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
        "mission": episode.mission_digest,
        "policy": episode.policy,
        "verdict": episode.verdict,
        **{f"met/{name}": tick for name, tick in episode.met.items()},
        **{f"returns/{name}": value for name, value in episode.returns.items()},
        "resolution": np.array(episode.resolution, dtype=np.int64),
        "fov_deg": episode.fov_deg,
        "action_repeat": episode.action_repeat,
        "controls": json.dumps(episode.controls),
        "max_ticks": episode.limit,
        **({"backend": episode.backend} if episode.backend else {}),
        "mcproxy": mcproxy.__version__,
        "digests": json.dumps(digests),
    }
