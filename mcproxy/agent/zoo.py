"""The zoo: an archive of trained agents outside the repository, packed small, with checksums that are verified.

    ZOO/zoo.json        for each agent its card, and the SHA-256 of each of its files
    ZOO/NAME/           a checkpoint: config.json and model.safetensors with float16 weights

`zoo:NAME` is a policy wherever one is named; `$MCPROXY_ZOO` is the folder ZOO.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from mcproxy import errors
from mcproxy.agent import checkpoint
from mcproxy.errors import UserError
from mcproxy.files import whole

PREFIX, FILE, VARIABLE = "zoo:", "zoo.json", "MCPROXY_ZOO"
_FILES = (checkpoint.CONFIG, checkpoint.MODEL)
_MAX_INDEX = 2**24  # bytes of zoo.json


def pack(agents: Mapping[str, Path], cards: Mapping[str, Mapping[str, Any]], out: Path) -> Path:
    """Pack the agents of checkpoint folders under their names, with a card for each; returns the path of the index.

    Agents that the folder holds already are kept, those of the same names are replaced.
    """
    index = _index(out) if (out / FILE).exists() else {}
    for name, source in agents.items():
        agent, config = checkpoint.load(source)
        checkpoint.save(out / name, agent, config, torch.float16)
        index[name] = {"card": dict(cards[name]), "sha256": {file: _digest(out / name / file) for file in _FILES}}
    with whole(out / FILE) as part:
        part.write_text(json.dumps(dict(sorted(index.items())), indent=1) + "\n")
    return out / FILE


def folder_of(spec: str) -> Path:
    """The checkpoint folder of `zoo:NAME`, its checksums verified; a `UserError` if there is none or it was changed."""
    place = os.environ.get(VARIABLE)
    if not place:
        raise UserError(f"policy {spec!r}: set {VARIABLE} to the folder of an unpacked zoo")
    zoo, name = Path(place), spec.removeprefix(PREFIX)
    index = _index(zoo)
    if name not in index:
        raise errors.unknown(f"agent in {zoo}", name, index)
    for file in _FILES:
        try:
            found = _digest(zoo / name / file)
        except OSError as error:
            raise UserError(f"policy {spec!r}: {zoo / name / file} cannot be read ({error.strerror})") from None
        if found != index[name]["sha256"].get(file):
            raise UserError(f"policy {spec!r}: {zoo / name / file} is not the file that was packed: get the zoo again")
    return zoo / name


def _index(zoo: Path) -> dict[str, Any]:
    """The content of `zoo.json`."""
    path = zoo / FILE
    try:
        if path.stat().st_size > _MAX_INDEX:
            raise ValueError(f"larger than {_MAX_INDEX} bytes")
        found = json.loads(path.read_text())
        if not isinstance(found, dict) or not all(isinstance(entry["sha256"], dict) for entry in found.values()):
            raise ValueError("no list of agents with checksums")
    except FileNotFoundError:
        raise UserError(f"{zoo} has no {FILE}: expected the folder of a zoo") from None
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise UserError(f"{path}: is not the index of a zoo ({error})") from None
    if not all(name not in (".", "..") and Path(name).name == name for name in found):
        raise UserError(f"{path}: an agent's name is not that of a folder")
    return found


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
