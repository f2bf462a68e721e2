"""How a recording lies on disk: names, limits, and the `metadata.json` by which the minari package opens it.

    <root>/mcproxy/<Task>/<policy>-<arm>-v0/data/
        metadata.json     Minari's: spaces, environment, number of episodes and steps
        main_data.hdf5    one group `episode_<i>` an episode, complete if it has the attribute `complete`

docs/file-formats.md describes every array and attribute.
"""

import copy
import hashlib
import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np

import mcproxy
from mcproxy import controls
from mcproxy.episode import Episode
from mcproxy.files import whole

KIND = "mcproxy recording"
SCHEMA = 1
MAIN_FILE, METADATA_FILE = "main_data.hdf5", "metadata.json"
MINARI_VERSION = "0.5.4"
CHUNK_FRAMES = 32  # in one compressed chunk: about 1 ms to seek
CHUNK_BYTES = 4 * 2**20  # large frames share a chunk with fewer others
NAME_BYTES = 48  # of an event's block or objective
EVENT = np.dtype([("tick", "<i8"), ("kind", "S16"), ("what", f"S{NAME_BYTES}"), ("position", "<i8", (3,))])


def dataset_id(episode: Episode) -> str:
    """The Minari name of the recording to which an episode belongs: `mcproxy/Beacon/random-separated-v0`."""
    return dataset_name(episode.origin.task, episode.policy, episode.origin.arm)


def dataset_name(task: str, policy: str, arm: str) -> str:
    """The Minari name of the recording of a policy in an arm of a task."""
    name = mcproxy.env_id(task).removesuffix("-v1")
    return f"{re.sub('[^A-Za-z0-9_/-]+', '-', name)}/{slug(policy)}-{slug(arm)}-v0"


def slug(name: str) -> str:
    """A name as a part of a path: letters, digits and hyphens."""
    return re.sub("[^A-Za-z0-9_]+", "-", name).strip("-")[:100] or "unnamed"


def chunk_frames(steps: int, resolution: tuple[int, int]) -> int:
    """The number of frames in one chunk of an episode of T steps."""
    fitting = CHUNK_BYTES // (3 * resolution[0] * resolution[1])
    return max(1, min(CHUNK_FRAMES, fitting, steps + 1))


def frames_digest(chunks: Iterable[bytes]) -> str:
    """A hash of an episode's frames as they are stored, compressed: 16 hex digits."""
    h = hashlib.blake2b(digest_size=8)
    for chunk in chunks:
        h.update(chunk)
    return h.hexdigest()


def metadata(episode: Episode, frames: bool) -> dict[str, Any]:
    """Minari's description of the recording to which an episode belongs, without any episode in it yet.

    Without frames the observations are the poses, so that every recording opens.
    """
    observations: dict[str, Any] = {"pose": _box((5,), -1e6, 1e6, "float64")}
    if frames:
        observations = {"pov": _box((*episode.resolution, 3), 0, 255, "uint8")}
    sizes = controls.sizes(episode.controls)
    actions = {"type": "MultiDiscrete", "dtype": "int64", "nvec": sizes.tolist(), "start": [0] * len(sizes)}
    described = {
        "total_episodes": 0,
        "total_steps": 0,
        "data_format": "hdf5",
        "jpeg_encoding": False,
        "observation_space": json.dumps({"type": "Dict", "subspaces": observations}),
        "action_space": json.dumps(actions),
        "dataset_id": dataset_id(episode),
        "minari_version": MINARI_VERSION,
        "author": [],
        "author_email": [],
        "algorithm_name": episode.policy,
        "code_permalink": "",
        "description": f"{episode.policy} on {episode.origin.task}, arm {episode.origin.arm}",
        "requirements": [f"mcproxy=={mcproxy.__version__}"],
        "dataset_size": 0.0,
    }
    spec = _env_spec(episode)
    return described if spec is None else described | {"env_spec": spec}


def write_metadata(folder: Path, described: dict[str, Any]) -> None:
    """Write `metadata.json`, whole or not at all."""
    with whole(folder / METADATA_FILE) as part:
        part.write_text(json.dumps(described), encoding="utf-8")


def _box(shape: tuple[int, ...], low: float, high: float, dtype: str) -> dict[str, Any]:
    bounds = {"low": np.full(shape, low).tolist(), "high": np.full(shape, high).tolist()}
    return {"type": "Box", "dtype": dtype, "shape": list(shape), **bounds}


def _env_spec(episode: Episode) -> str | None:
    """The environment as JSON from which gymnasium makes it again; None for a task that is not registered there."""
    origin = episode.origin
    registered = gymnasium.registry.get(mcproxy.env_id(origin.task))
    if registered is None:
        return None
    spec = copy.deepcopy(registered)
    spec.kwargs |= {"arm": origin.arm, "split": origin.split, "rho": origin.rho}
    spec.kwargs |= {"resolution": list(episode.resolution), "fov_deg": episode.fov_deg}
    spec.kwargs |= {"action_repeat": episode.action_repeat}
    return spec.to_json()
