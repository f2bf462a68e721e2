"""A small protocol, and a submission of a planted policy under it, that tests of the board share."""

import functools
import shutil
import tempfile
from pathlib import Path
from typing import Any

from mcproxy.eval.board import protocol, submission
from mcproxy.eval.board.card import Card
from mcproxy.eval.evaluation import Options

SMALL = protocol.Protocol(frozen=5, confirmation=3)
TASK = "beacon_v1"
SPEC = "planted:strayed:beacon"
SAME, OTHER = "planted:noisy:beacon:0", "planted:lexicographic"  # one that does the same, and one that wants the goal


def card(**fields):
    """A valid card, with some fields changed."""
    filled: dict[str, Any] = {
        "name": "planted",
        "authors": ["A. Nobody"],
        "architecture": "planted",
        "training_data": "none",
    }
    filled |= {"steps": 0, "seeds": [0], "machine": "a laptop", "licence": "MIT"}
    return Card(**(filled | fields))


@functools.cache
def official() -> Path:
    """An official run of a planted policy that follows the beacon, and of two others."""
    out = Path(tempfile.mkdtemp()) / "run"
    protocol.run(
        [protocol.entrant(spec) for spec in (SPEC, SAME, OTHER)], TASK, out, Options(frames="none"), protocol=SMALL
    )
    return out


@functools.cache
def _submitted() -> Path:
    return submission.create(official(), official().parent / "submission", card(), [SPEC], protocol=SMALL)


def submitted(folder: Path) -> Path:
    """A copy of the submission in a folder."""
    return Path(shutil.copytree(_submitted(), folder / "submission"))
