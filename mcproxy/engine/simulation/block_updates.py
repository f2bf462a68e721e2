"""Block updates: sand falls, torches pop off, doors open, buttons and plates fire and are released.

    set_block -> neighbours react -> timers -> sand falls, torches pop off, buttons and plates are released

A button or a plate that fires opens every door in the 26 cells around it, until none around the door is pressed.
"""

import math

import numpy as np
from numba import njit

from mcproxy.blocks import BLOCKS, FALLS, FLUID, ID, SOLID, TURNS_INTO
from mcproxy.engine.simulation.collision import block_at
from mcproxy.engine.simulation.entities import remove, spawn_falling, spawn_item, stands_on
from mcproxy.engine.state import FALLING, FIRED, MAX_ENTITIES, MAX_TIMERS, OPENED, Record, log_event
from mcproxy.items import DROP

_FALL_DELAY = np.int64(2)  # ticks (BlockFalling.tickRate)
_POP_OFF_DELAY = np.int64(1)
_PRESSED_TICKS = np.int64(20)  # of stone buttons and plates (BlockButton.tickRate, BlockBasePressurePlate.tickRate)
_PLATE_SIDE, _PLATE_TOP = 0.125, 0.25  # blocks, where feet press a plate (BlockBasePressurePlate.PRESSURE_AABB)
_FALL, _POP_OFF, _LET_GO = np.arange(3)  # what a timer does
_KINDS = np.arange(len(BLOCKS))
_PLATE, _BUTTON = ID["stone_pressure_plate"], ID["stone_button"]
_IS_DOOR = (TURNS_INTO > 0) & (TURNS_INTO[TURNS_INTO] == _KINDS)  # (K,) bool
_IS_OPEN = _IS_DOOR & np.array([b.name.endswith("_open") for b in BLOCKS])  # (K,) bool
_NEEDS_FLOOR = (~SOLID & ~FLUID & (_KINDS > 0)) | _IS_DOOR  # (K,) bool: torches, buttons, plates, doors
_PRESSED = np.array([ID.get(f"pressed_{b.name}", 0) for b in BLOCKS])  # (K,) block ids, 0 for none
_RELEASED = np.array([ID[b.name[8:]] if b.name.startswith("pressed_") else 0 for b in BLOCKS])  # (K,) block ids


@njit(nogil=True, cache=True)
def set_block(blocks: np.ndarray, world: Record, i: int, j: int, k: int, block: int) -> None:
    """Make a block of the world another, and let its neighbours react."""
    blocks[i, j, k] = block
    low, high = world.changed_low, world.changed_high
    for axis in range(3):
        at = i if axis == 0 else (j if axis == 1 else k)
        low[axis] = min(low[axis], at) if world.changed else at
        high[axis] = max(high[axis], at + 1) if world.changed else at + 1
    world.changed = 1
    _react(blocks, world, i, j, k)
    for axis in range(3):
        for step in (-1, 1):
            x, y, z = i + step * (axis == 0), j + step * (axis == 1), k + step * (axis == 2)
            _react(blocks, world, x, y, z)


@njit(nogil=True, cache=True)
def is_free(blocks: np.ndarray, world: Record, i: int, j: int, k: int) -> bool:
    """Whether a cell is air or fluid: sand falls into it, and blocks can be put there (BlockFalling.canFallThrough)."""
    block = block_at(blocks, world.shape, i, j, k)
    return block == 0 or FLUID[block]


@njit(nogil=True, cache=True)
def holds(blocks: np.ndarray, world: Record, i: int, j: int, k: int, block: int) -> bool:
    """Whether a block may be at a cell: doors, and what is neither solid nor fluid, need a solid block below."""
    return not _NEEDS_FLOOR[block] or SOLID[block_at(blocks, world.shape, i, j - 1, k)]


@njit(nogil=True, cache=True)
def run_timers(blocks: np.ndarray, world: Record) -> None:
    """Run the timers that are due at this tick."""
    if world.num_timers == 0:
        return
    for n in range(MAX_TIMERS):
        timer = world.timers[n]
        if timer.due == 0 or timer.due > world.tick:
            continue
        i, j, k, what = timer.cell[0], timer.cell[1], timer.cell[2], timer.what
        timer.due = 0
        world.num_timers -= 1
        block = block_at(blocks, world.shape, i, j, k)
        if what == _FALL and FALLS[block] and is_free(blocks, world, i, j - 1, k):
            if spawn_falling(world, block, i, j, k):
                set_block(blocks, world, i, j, k, 0)
            else:
                _schedule(world, _FALL, i, j, k, _FALL_DELAY)  # all places of bodies are taken
        elif what == _POP_OFF and not holds(blocks, world, i, j, k, block):
            take_away(blocks, world, i, j, k)
            spawn_item(world, DROP[block], 1, i + 0.5, j + 0.5, k + 0.5)
        elif what == _LET_GO and _RELEASED[block] == _PLATE and stands_on(world, i, j, k, _PLATE_SIDE, _PLATE_TOP):
            _schedule(world, _LET_GO, i, j, k, _PRESSED_TICKS)
        elif what == _LET_GO:  # of a button or a plate that may be gone by now
            if _RELEASED[block] != 0:
                set_block(blocks, world, i, j, k, _RELEASED[block])
            _power(blocks, world, i, j, k)
    if world.crowded != 0 and world.num_timers < MAX_TIMERS // 2:
        world.crowded = 0
        for i in range(world.shape[0]):
            for j in range(world.shape[1]):
                for k in range(world.shape[2]):
                    _react(blocks, world, i, j, k)


@njit(nogil=True, cache=True)
def settle(blocks: np.ndarray, world: Record) -> None:
    """Turn falling blocks that have landed into blocks again, or into items where something else is in their place."""
    if world.num_entities == 0:
        return
    for n in range(MAX_ENTITIES):
        body = world.entities[n]
        if body.kind == FALLING and body.on_ground != 0:
            block, x, y, z = body.what, body.pos[0], body.pos[1], body.pos[2]
            i, j, k = math.floor(x), math.floor(y), math.floor(z)
            remove(world, body)
            if 0 <= j < world.shape[1] and is_free(blocks, world, i, j, k):
                set_block(blocks, world, i, j, k, block)
            else:
                spawn_item(world, DROP[block], 1, x, y, z)


@njit(nogil=True, cache=True)
def press(blocks: np.ndarray, world: Record, i: int, j: int, k: int) -> None:
    """Press the button or plate at a cell: it fires, and is released later."""
    block = int(blocks[i, j, k])
    set_block(blocks, world, i, j, k, _PRESSED[block])
    _schedule(world, _LET_GO, i, j, k, _PRESSED_TICKS)
    log_event(world, FIRED, block, i, j, k)
    _power(blocks, world, i, j, k)


@njit(nogil=True, cache=True)
def press_plates(blocks: np.ndarray, world: Record, x: float, y: float, z: float, half_width: float) -> None:
    """Press the plates that a body stands on; its feet's centre and half its width are in blocks."""
    j = math.floor(y)
    if y - j >= _PLATE_TOP:
        return
    reach = half_width - _PLATE_SIDE
    for i in range(math.floor(x - reach), math.floor(x + reach) + 1):
        for k in range(math.floor(z - reach), math.floor(z + reach) + 1):
            if block_at(blocks, world.shape, i, j, k) == _PLATE:
                press(blocks, world, i, j, k)


@njit(nogil=True, cache=True)
def swing_door(blocks: np.ndarray, world: Record, i: int, j: int, k: int) -> None:
    """Open or close the door at a cell, all of its height."""
    block = int(blocks[i, j, k])
    while j > 0 and blocks[i, j - 1, k] == block:
        j -= 1
    if not _IS_OPEN[block]:
        log_event(world, OPENED, block, i, j, k)
    while j < world.shape[1] and blocks[i, j, k] == block:
        set_block(blocks, world, i, j, k, TURNS_INTO[block])
        j += 1


@njit(nogil=True, cache=True)
def take_away(blocks: np.ndarray, world: Record, i: int, j: int, k: int) -> None:
    """Leave air where a block is; a door goes whole."""
    block = int(blocks[i, j, k])
    if _IS_DOOR[block]:
        while j > 0 and blocks[i, j - 1, k] == block:
            j -= 1
        above = j + 1
        while above < world.shape[1] and blocks[i, above, k] == block:
            set_block(blocks, world, i, above, k, 0)
            above += 1
    set_block(blocks, world, i, j, k, 0)


@njit(nogil=True, cache=True)
def is_door(block: int) -> bool:
    """Whether a block is a door, open or closed."""
    return _IS_DOOR[block]


@njit(nogil=True, cache=True)
def is_button(block: int) -> bool:
    """Whether a block is a button, pressed or not."""
    return block in (_BUTTON, _PRESSED[_BUTTON])


@njit(nogil=True, cache=True)
def _react(blocks, world, i, j, k):
    """Let a block react to a change of itself or of a neighbour."""
    block = block_at(blocks, world.shape, i, j, k)
    if FALLS[block] and is_free(blocks, world, i, j - 1, k):
        _schedule(world, _FALL, i, j, k, _FALL_DELAY)
    elif not holds(blocks, world, i, j, k, block):
        _schedule(world, _POP_OFF, i, j, k, _POP_OFF_DELAY)
    elif _RELEASED[block] != 0:
        _schedule(world, _LET_GO, i, j, k, _PRESSED_TICKS)


@njit(nogil=True, cache=True)
def _schedule(world, what, i, j, k, delay):
    """Set a timer, unless the same one runs; if all are in use, all blocks react again once some are free."""
    free = -1
    for n in range(MAX_TIMERS):
        timer = world.timers[n]
        if timer.due == 0:
            free = n if free < 0 else free
        elif timer.what == what and timer.cell[0] == i and timer.cell[1] == j and timer.cell[2] == k:
            return
    if free < 0:
        world.crowded = 1
        return
    timer = world.timers[free]
    timer.due, timer.what = world.tick + delay, what
    timer.cell[0], timer.cell[1], timer.cell[2] = i, j, k
    world.num_timers += 1


@njit(nogil=True, cache=True)
def _power(blocks, world, i, j, k):
    """Open every door around a cell that something pressed is around, and close the others."""
    for x in range(max(i - 1, 0), min(i + 2, world.shape[0])):
        for y in range(max(j - 1, 0), min(j + 2, world.shape[1])):
            for z in range(max(k - 1, 0), min(k + 2, world.shape[2])):
                if _IS_DOOR[blocks[x, y, z]] and _IS_OPEN[blocks[x, y, z]] != _is_powered(blocks, world, x, y, z):
                    swing_door(blocks, world, x, y, z)


@njit(nogil=True, cache=True)
def _is_powered(blocks, world, i, j, k):
    """Whether something pressed is around any cell of the door at a cell."""
    block, low, high = blocks[i, j, k], j, j
    while low > 0 and blocks[i, low - 1, k] == block:
        low -= 1
    while high + 1 < world.shape[1] and blocks[i, high + 1, k] == block:
        high += 1
    for x in range(max(i - 1, 0), min(i + 2, world.shape[0])):
        for y in range(max(low - 1, 0), min(high + 2, world.shape[1])):
            for z in range(max(k - 1, 0), min(k + 2, world.shape[2])):
                if _RELEASED[blocks[x, y, z]] != 0:
                    return True
    return False
