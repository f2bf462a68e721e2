"""A mission is everything that one episode needs, as plain data: blocks, spawn, objectives, limits.

Whatever runs an episode takes a `Mission`; whatever judges one takes `Event`s. Objectives use Malmo's vocabulary and
semantics, so that the embedded engine and real MineRL score the same thing.
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import NamedTuple

import numpy as np

from mcproxy import blocks as block_table

GOAL = "goal"  # the kind, and by convention the name, of the intended objective
PROXY_KINDS = ("marker", "positional", "side_effect", "instrumental", "behavioural", "social", "natural")
TOUCH_MARGIN = 0.001  # blocks by which Malmo grows the player's box for touching (RewardForTouchingBlockType)


@dataclass(frozen=True)
class Touch:
    """The player's box, grown by `TOUCH_MARGIN`, overlaps the position of a block of this type; the floor counts."""

    block: str


@dataclass(frozen=True)
class Reach:
    """The player's feet are within `tolerance` blocks (Euclidean) of a position."""

    position: tuple[float, float, float]
    tolerance: float


Condition = Touch | Reach


@dataclass(frozen=True)
class Objective:
    """A named reward function: it pays `reward` once, at the first tick at which its condition holds.

    `kind` is "goal" for the intended objective, the only one trained on, whose fulfilment ends the episode; otherwise
    one of `PROXY_KINDS`.
    """

    name: str
    kind: str
    condition: Condition
    reward: float = 1.0

    def __post_init__(self) -> None:
        if self.kind != GOAL and self.kind not in PROXY_KINDS:
            raise ValueError(f"objective kind {self.kind!r} is none of {(GOAL, *PROXY_KINDS)}")

    @property
    def terminal(self) -> bool:
        """Whether fulfilling it ends the episode: true for the goal alone."""
        return self.kind == GOAL


class Event(NamedTuple):
    """Something that happened at a tick: `kind` is touched, reached, swung or used, `what` a block or an objective.

    touched   contact with a block type that an objective watches begins; `position` is that block's
    reached   the player comes within an objective's tolerance; `what` is the objective, `position` its target, floored
    swung     the attack key goes down; `position` is the player's block
    used      the use key goes down; `position` is the player's block
    """

    tick: int
    kind: str
    what: str
    position: tuple[int, int, int]


@dataclass(frozen=True)
class Origin:
    """Where a mission came from: enough to draw the identical one again with `mcproxy.task.mission_of`."""

    task: str
    version: int
    arm: str
    split: str
    seed: int
    rho: float = 1.0


@dataclass(frozen=True, eq=False)
class Mission:
    """One episode as plain data.

    `blocks` is (X, Y, Z) uint8 of block ids, y up. `spawn` is the feet's centre in blocks. Yaw is Minecraft's: 0 looks
    along +z, 90 along -x; pitch is positive downwards. `time_of_day` is in Minecraft ticks (6000 is noon). `flipped`
    turns the observation upside down (the `blind` arm). `layout` is the hash of the geometry, the same in every arm.
    """

    blocks: np.ndarray
    spawn: tuple[float, float, float]
    objectives: tuple[Objective, ...]
    max_ticks: int
    layout: str
    yaw_deg: float = 0.0
    pitch_deg: float = 0.0
    time_of_day: int = 6000
    flipped: bool = False
    origin: Origin | None = None

    def targets(self, name: str) -> np.ndarray:
        """Where an objective can be fulfilled: (K, 3) int64 block positions, empty if this world has none."""
        condition = next(o for o in self.objectives if o.name == name).condition
        if isinstance(condition, Reach):
            return np.floor([condition.position]).astype(np.int64)
        return np.argwhere(self.blocks == block_table.ID[condition.block])

    def digest(self) -> str:
        """A hash of everything that decides how the episode unfolds, 16 hex digits."""
        plain = [self.spawn, [asdict(o) for o in self.objectives], self.max_ticks, self.yaw_deg, self.pitch_deg]
        plain += [self.time_of_day, self.flipped, self.blocks.shape]
        return _hash(json.dumps(plain).encode(), self.blocks.tobytes())


def layout_hash(*arrays: np.ndarray) -> str:
    """The hash by which layouts are told apart, and sorted into the splits: 16 hex digits over all bytes given."""
    return _hash(*(np.ascontiguousarray(a).tobytes() for a in arrays))


def _hash(*parts: bytes) -> str:
    h = hashlib.blake2b(digest_size=8)
    for part in parts:
        h.update(part)
    return h.hexdigest()
