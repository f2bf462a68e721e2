"""What an expert has to get to next, so that a condition comes to hold: places for its feet, and blocks to work at."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mcproxy import blocks as block_table
from mcproxy import items as item_table
from mcproxy.engine.simulation.entities import ITEM_HALF_WIDTH, ITEM_HEIGHT
from mcproxy.engine.simulation.physics import HALF_WIDTH, STANDING
from mcproxy.engine.state import ITEM_ENTITY
from mcproxy.errors import UserError
from mcproxy.items import BREAK_TICKS, DROP, HARVESTS
from mcproxy.mission import NOWHERE, TOUCH_MARGIN, Condition, Happened, Inside, Possess, Reach, Touch

NOBOX, NOCELL = np.zeros((0, 7)), np.zeros((0, 3), dtype=np.int64)
_MOST_CELLS = 256  # of blocks that are sought, the nearest ones
_PICK_SIDE, _PICK_DOWN = 1.0, 0.5  # blocks by which a player's box grows to pick up (EntityPlayer.onLivingUpdate)
_SURELY = 0.1  # blocks that the feet are meant to be within what just counts
_KEY, _LOCKED = item_table.ID["key"], block_table.ID["locked_chest"]
_CLOSED = (block_table.ID["chest"], _LOCKED)


@dataclass(frozen=True)
class Targets:
    """Where to get to next: any one will do.

    boxes   (K, 7) float64, where the feet have to be: low x, y, z, high x, y, z, and a radius (`ways.search`)
    cells   (C, 3) int64, blocks to look at within reach;  press  the key to hold there
    bodies  (K,) int64, the index of the loose item that a box is around; empty if they are around none
    """

    boxes: np.ndarray = field(default_factory=lambda: NOBOX)
    cells: np.ndarray = field(default_factory=lambda: NOCELL)
    press: str = ""
    bodies: tuple[int, ...] = ()


def controls_for(name: str, condition: Condition) -> set[str]:
    """The controls without which nobody can pursue a condition; one that experts cannot pursue is a `UserError`."""
    if isinstance(condition, Touch | Reach | Inside | Possess):
        return {"move", "turn"}
    keys = {"broke": {"attack"}, "swung": {"attack"}, "opened": {"use"}, "used": {"use"}, "collected": set()}
    if condition.event not in keys:
        raise UserError(f"expert:{name} cannot pursue {condition.words!r}: experts walk, dig, open and collect")
    return {"move", "turn", *keys[condition.event]}


def targets(condition: Condition, blocks: np.ndarray, state: Any, controls: Iterable[str]) -> Targets:
    """What to get to next in a world: (X, Y, Z) uint8 blocks, and its `WORLD` record."""
    if isinstance(condition, Touch):
        return Targets(around(np.argwhere(blocks == block_table.ID[condition.block])))
    if isinstance(condition, Reach):
        place, far = np.array(condition.position), condition.tolerance
        return Targets(np.array([[*(place - far), *(place + far), max(far - _SURELY, far / 2)]]))
    if condition == NOWHERE:
        return Targets()
    if isinstance(condition, Inside):
        return Targets(np.array([[*condition.low, *condition.high, 0.0]]))
    if isinstance(condition, Possess) or condition.event == "collected":
        item = condition.item if isinstance(condition, Possess) else condition.what
        return _item(item_table.ID[item] if item else -1, blocks, state, controls)
    what = block_table.ID[condition.what] if condition.what else -1
    if condition.event == "opened":
        return _chests(what, blocks, state, controls)
    sought = blocks == what if what >= 0 else block_table.SOLID[blocks]
    if condition.event == "broke":
        sought &= BREAK_TICKS[0, _held(state)][blocks] >= 0
    return Targets(cells=_nearest(sought, state), press="use" if condition.event == "used" else "attack")


def places(condition: Condition, blocks: np.ndarray, state: Any) -> np.ndarray:
    """The boxes (K, 6) float64 in which the feet fulfil a condition at once."""
    if isinstance(condition, Happened) and condition.event != "collected":
        return NOBOX[:, :6]
    return targets(condition, blocks, state, ()).boxes[:, :6]


def remaining(condition: Condition, entry: Any) -> int:
    """How many events an objective still pays for, by its `OBJECTIVE` record; 1 or 0 for what is paid once."""
    if isinstance(condition, Happened):
        return max(condition.parts - int(entry["count"]), 0)
    return int(entry["met"] < 0)


def carried(state: Any, item: int) -> int:
    """How many pieces of an item the player has."""
    slots = state["slots"]
    return int(slots["count"][slots["item"] == item].sum())


def item_boxes(at: np.ndarray) -> np.ndarray:
    """Boxes for the feet of who picks up what lies at points (K, 3): (K, 7)."""
    side = HALF_WIDTH + _PICK_SIDE + ITEM_HALF_WIDTH - _SURELY
    boxes = np.zeros((len(at), 7))
    boxes[:, [0, 2]], boxes[:, [3, 5]] = at[:, [0, 2]] - side, at[:, [0, 2]] + side
    boxes[:, 1] = at[:, 1] - STANDING - _PICK_DOWN + _SURELY
    boxes[:, 4] = at[:, 1] + ITEM_HEIGHT + _PICK_DOWN - _SURELY
    return boxes


def _item(item: int, blocks: np.ndarray, state: Any, controls: Iterable[str]) -> Targets:
    """Loose pieces of an item (-1: of any); where none lies about, the chests and the blocks that hold it."""
    entities = state["entities"]
    lies = entities["kind"] == ITEM_ENTITY
    if item >= 0:
        lies &= entities["what"] == item
    bodies = np.flatnonzero(lies)
    if len(bodies):
        return Targets(item_boxes(entities["pos"][bodies]), bodies=tuple(bodies.tolist()))
    if "use" in controls:
        full = [c["cell"] for c in state["contents"][: state["num_contents"]] if c["count"] and item in (-1, c["item"])]
        if full:
            chests = np.zeros(blocks.shape, dtype=bool)
            chests[tuple(np.array(full).T)] = True
            found = _closed(chests & np.isin(blocks, _CLOSED), blocks, state, controls)
            if len(found.boxes) or len(found.cells):
                return found
    if "attack" in controls:
        held, drops = _held(state), (item if item >= 0 else DROP) == DROP
        gives = HARVESTS[held] & (BREAK_TICKS[0, held] >= 0) & (DROP > 0) & drops
        return Targets(cells=_nearest(gives[blocks], state), press="attack")
    return Targets()


def _chests(what: int, blocks: np.ndarray, state: Any, controls: Iterable[str]) -> Targets:
    """The closed chests (or doors) of a kind."""
    return _closed(np.isin(blocks, what if what >= 0 else _CLOSED), blocks, state, controls)


def _closed(sought: np.ndarray, blocks: np.ndarray, state: Any, controls: Iterable[str]) -> Targets:
    """Chests to open, or a key first where all of them are locked and none is carried."""
    if not carried(state, _KEY):
        locked = sought & (blocks == _LOCKED)
        if locked.any() and not (sought & ~locked).any():
            return _item(_KEY, blocks, state, [c for c in controls if c != "use"])
        sought = sought & ~locked
    return Targets(cells=_nearest(sought, state), press="use")


def around(cells: np.ndarray) -> np.ndarray:
    """Boxes in which the feet are while the player touches one of the cells, (K, 3): (K, 7)."""
    boxes = np.zeros((len(cells), 7))
    side = HALF_WIDTH + TOUCH_MARGIN
    boxes[:, [0, 2]], boxes[:, [3, 5]] = cells[:, [0, 2]] - side, cells[:, [0, 2]] + 1 + side
    boxes[:, 1], boxes[:, 4] = cells[:, 1] - STANDING - TOUCH_MARGIN, cells[:, 1] + 1 + TOUCH_MARGIN
    return boxes


def _nearest(sought: np.ndarray, state: Any) -> np.ndarray:
    """The cells of a mask (X, Y, Z), (C, 3) int64, as far as they are among the nearest; the nearest one first."""
    cells = np.argwhere(sought)
    far = np.linalg.norm(cells + 0.5 - state["player"]["pos"], axis=1)
    return cells[np.argsort(far, kind="stable")[:_MOST_CELLS]]


def _held(state: Any) -> int:
    """The item in hand."""
    return int(state["slots"]["item"][state["held"]])
