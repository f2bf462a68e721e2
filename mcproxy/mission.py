"""A mission is everything that one episode needs, as plain data: blocks, spawn, objectives, limits.

The engine and the Malmo server run `Mission`s; verdicts and returns come from ticks and `Event`s. Objectives use the
vocabulary and semantics of Malmo, so that the embedded engine and real MineRL score the same behaviour.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from mcproxy import blocks as block_table
from mcproxy import errors

GOAL = "goal"  # the kind, and by convention the name, of the intended objective
PROXY_KINDS = ("marker", "positional", "side_effect", "instrumental", "behavioural", "social", "natural")
TICKS_PER_S = 20
SEED_RANGE = 2**31  # seeds that are drawn, as opposed to given, are below this
TOUCH_MARGIN = 0.001  # blocks by which Malmo grows the player's box for touching (RewardForTouchingBlockType)


@dataclass(frozen=True)
class Touch:
    """The player's box, grown by `TOUCH_MARGIN`, overlaps the position of a block of this type; the floor counts."""

    block: str

    @property
    def words(self) -> str:
        """The condition in a word or two, for displays."""
        return self.block


@dataclass(frozen=True)
class Reach:
    """The player's feet are within `tolerance` blocks (Euclidean) of a position."""

    position: tuple[float, float, float]
    tolerance: float

    @property
    def words(self) -> str:
        """The condition in a word or two, for displays."""
        return "a place"


@dataclass(frozen=True)
class Inside:
    """The player's feet are within a box, its faces included: `low` <= (x, y, z) <= `high`, in blocks."""

    low: tuple[float, float, float]
    high: tuple[float, float, float]

    @property
    def words(self) -> str:
        """The condition in a word or two, for displays."""
        return "a place"


NOWHERE = Inside((0.0, 0.0, 0.0), (-1.0, -1.0, -1.0))  # for an objective that cannot be met in a world


@dataclass(frozen=True)
class Happened:
    """An event of a kind has happened `times` times, to a block, item or mob (`what`, "" for any).

    The reward comes in `of` equal parts (0: `times`), one for each of the first `of` events; a goal ends the episode
    with the last part. So an episode can continue after the goal was met.
    """

    event: str
    what: str = ""
    times: int = 1
    of: int = 0

    @property
    def parts(self) -> int:
        """The number of parts in which the reward is paid."""
        return self.of or self.times

    @property
    def words(self) -> str:
        """The condition in a word or two, for displays."""
        return " ".join(filter(None, (self.event, self.what, f"x {self.times}" if self.times > 1 else "")))


@dataclass(frozen=True)
class Possess:
    """The player carries at least `count` pieces of an item."""

    item: str
    count: int = 1

    @property
    def words(self) -> str:
        """The condition in a word or two, for displays."""
        return f"{self.count} {self.item}"


Condition = Touch | Reach | Inside | Happened | Possess


@dataclass(frozen=True)
class Objective:
    """A named reward function: it is met at the first tick at which its condition holds, and pays `reward` then.

    A `Happened` pays in parts instead, each at its event.

    `kind` is "goal" for the intended objective, the only one trained on, which ends the episode when it is met;
    otherwise one of `PROXY_KINDS`.
    """

    name: str
    kind: str
    condition: Condition
    reward: float = 1.0

    def __post_init__(self) -> None:
        if self.kind != GOAL and self.kind not in PROXY_KINDS:
            raise ValueError(f"objective kind {self.kind!r} is none of {(GOAL, *PROXY_KINDS)}")

    def paid(self, met: int, events: "Iterable[Event]") -> float:
        """The return, from the tick at which the objective was met (-1: never) and all events."""
        condition = self.condition
        if not isinstance(condition, Happened):
            return self.reward * (met >= 0)
        count = sum(e.kind == condition.event and condition.what in ("", e.what) for e in events)
        return self.reward * (min(count, condition.parts) / condition.parts)

    @property
    def terminal(self) -> bool:
        """Whether the episode ends when it is met: true for the goal alone."""
        return self.kind == GOAL


class Event(NamedTuple):
    """Something that happened at a tick: its kind, the block, item, mob or objective (`what`), and the position.

    touched    contact with a block type that an objective watches begins
    reached    the player comes to an objective's place; `what` is the objective, `position` its middle, floored
    swung      the attack key goes down, or has been held on a block for another 4 ticks; `what` is the block aimed at,
               "" for none, `position` the player's own
    used       the use key goes down; `what` is the block aimed at; "" for none, then `position` is the player's own
    broke      the player has broken a block;  placed  has put one
    collected  the player has picked up an item; `position` is the item's
    opened     a chest or a door opens;  fired  a button or a plate does
    hurt       the player loses health; `what` is the cause: fall, lava, fire, cactus, wall or a mob
    died       the player has lost its last health; `what` is the cause
    killed     the player has killed a mob
    """

    tick: int
    kind: str
    what: str
    position: tuple[int, int, int]


@dataclass(frozen=True)
class Origin:
    """The origin of a mission, from which `mcproxy.registry.mission_of` draws the identical one again."""

    task: str
    version: int
    arm: str
    split: str
    seed: int
    rho: float = 1.0


BEHAVIOURS = ("stand", "route", "chase", "flee")


@dataclass(frozen=True)
class Mob:
    """A mob of a mission: its kind (`mcproxy.mobs`), the position of its feet, its direction, and its behaviour.

    stand   stays where it is
    route   walks straight to each (x, z) of `route` in turn, and then stands
    chase   walks straight at the player within `sight` blocks;  flee  away from it

    It jumps where a block stops it. `speed` is in blocks per tick (a player walks 0.216).
    """

    kind: str
    position: tuple[float, float, float]
    behaviour: str = "stand"
    speed: float = 0.1
    sight: float = 16.0
    route: tuple[tuple[float, float], ...] = ()
    yaw_deg: float = 0.0


@dataclass(frozen=True)
class Stack:
    """Some pieces of an item."""

    item: str
    count: int = 1


Cell = tuple[int, int, int]  # the position of a block


class Move(NamedTuple):
    """A move of an objective's blocks or place: the first of its block positions became `cell`."""

    objective: str
    cell: Cell


@dataclass(frozen=True, eq=False)
class Mission:
    """One episode as plain data.

    `blocks` is (X, Y, Z) uint8 of block ids, y up. `spawn` is the feet's centre in blocks. Yaw is Minecraft's: 0 looks
    along +z, 90 along -x; pitch is positive downwards. `time_of_day` is in Minecraft ticks (6000 is noon). Frames are
    upside down if `flipped` (the `blind` arm), left is right if `mirrored`, and black if `dark`. `layout` is the hash
    of the geometry, the same in every arm.
    `inventory` fills the first slots, of which the first is in hand; `contents` are the items in chests; `drops`
    are items on the ground, each with the point from which it falls. `places` are the cells of the equal places,
    neutral ones included. `moved` are the moves that were made since
    the episode began, which the other fields include; `resumed` says that the episode continues from a saved state.
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
    mirrored: bool = False
    dark: bool = False
    inventory: tuple[Stack, ...] = ()
    contents: tuple[tuple[tuple[int, int, int], Stack], ...] = ()
    mobs: tuple[Mob, ...] = ()
    drops: tuple[tuple[tuple[float, float, float], Stack], ...] = ()
    places: tuple[Cell, ...] = ()
    origin: Origin | None = None
    moved: tuple[Move, ...] = ()
    resumed: bool = False

    def targets(self, name: str) -> np.ndarray:
        """The block positions at which an objective can be met: (K, 3) int64, empty if this world has none.

        For a box it is the middle. A box as wide as the world has no position, nor has an event or a possession.
        """
        condition = next(o for o in self.objectives if o.name == name).condition
        if isinstance(condition, Reach):
            return np.floor([condition.position]).astype(np.int64)
        if isinstance(condition, Inside) and 0.0 < condition.high[0] - condition.low[0] < self.blocks.shape[0]:
            return np.floor([np.add(condition.low, condition.high) / 2]).astype(np.int64)
        if not isinstance(condition, Touch):
            return np.zeros((0, 3), dtype=np.int64)
        return np.argwhere(self.blocks == block_table.ID[condition.block])

    def with_moved(self, name: str, cell: Cell) -> "Mission":
        """The mission with the blocks or the place of an objective moved, so that the first block position is `cell`.

        An objective that has no place in this world, or would get one outside it, is a `UserError`.
        """
        names = [o.name for o in self.objectives]
        if name not in names:
            raise errors.unknown("objective", name, names)
        cells = self.targets(name)
        if not len(cells):
            raise errors.UserError(
                f"objective {name!r} has no place in this world: only blocks and places can be moved"
            )
        offset = np.subtract(cell, cells[0])
        moved = cells + offset
        if (moved < 0).any() or (moved >= self.blocks.shape).any():
            raise errors.UserError(f"{name} at {tuple(cell)}: expected a position within {self.blocks.shape} blocks")
        k = names.index(name)
        condition, blocks = self.objectives[k].condition, self.blocks
        if isinstance(condition, Touch):
            blocks = blocks.copy()
            blocks[tuple(cells.T)] = 0
            blocks[tuple(moved.T)] = block_table.ID[condition.block]
        elif isinstance(condition, Reach):
            condition = replace(condition, position=_sum(condition.position, offset))
        elif isinstance(condition, Inside):
            condition = replace(condition, low=_sum(condition.low, offset), high=_sum(condition.high, offset))
        objectives = list(self.objectives)
        objectives[k] = replace(objectives[k], condition=condition)
        moves = (*self.moved, Move(name, (int(cell[0]), int(cell[1]), int(cell[2]))))
        return replace(self, blocks=blocks, objectives=tuple(objectives), moved=moves)

    def seen(self, frames: np.ndarray) -> np.ndarray:
        """Upright frames, (..., H, W, 3), as the player of this mission sees them."""
        frames = frames[..., ::-1, :, :] if self.flipped else frames
        frames = frames[..., ::-1, :] if self.mirrored else frames
        return np.zeros_like(frames) if self.dark else frames

    def digest(self) -> str:
        """A hash of everything on which the course of the episode depends, 16 hex digits."""
        plain = [self.spawn, [asdict(o) for o in self.objectives], self.max_ticks, self.yaw_deg, self.pitch_deg]
        plain += [self.time_of_day, self.flipped, self.blocks.shape]
        more: list[Any] = [
            [asdict(s) for s in self.inventory],
            self.contents and [[p, asdict(s)] for p, s in self.contents],
        ]
        more.append([asdict(mob) for mob in self.mobs])
        more += [[[p, asdict(s)] for p, s in self.drops]] if self.drops else []
        more += [[self.mirrored, self.dark]] if self.mirrored or self.dark else []
        plain += more if any(more) else []  # so that missions without these have the same digest as before
        return _hash(json.dumps(plain).encode(), self.blocks.tobytes())


def layout_hash(*arrays: np.ndarray) -> str:
    """The hash that identifies a layout and assigns it to a split: 16 hex digits over the bytes of the arrays."""
    return _hash(*(np.ascontiguousarray(a).tobytes() for a in arrays))


def _hash(*parts: bytes) -> str:
    h = hashlib.blake2b(digest_size=8)
    for part in parts:
        h.update(part)
    return h.hexdigest()


def _sum(position: tuple[float, float, float], offset: np.ndarray) -> tuple[float, float, float]:
    x, y, z = (float(p + o) for p, o in zip(position, offset.tolist(), strict=True))
    return x, y, z
