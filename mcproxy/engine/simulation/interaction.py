"""Interaction of the player with blocks and mobs: aim, dig and strike, place and use.

    eye, view -> the block aimed at, within reach -> attack: strike a mob, or dig; use: doors, chests, buttons, or put

The blow of a tick is dealt before the player moves, at what the view after this tick's turn points at. Timing follows
PlayerControllerMP (Minecraft 1.11): the first tick of holding the attack key works already; on a new target, or with
another item, work starts again; and between two blocks there is a pause.
"""

import math

import numpy as np
from numba import njit

from mcproxy import mobs
from mcproxy.blocks import BOX, FLUID, ID, SOLID, TURNS_INTO
from mcproxy.engine.simulation.block_updates import (
    holds,
    is_button,
    is_door,
    is_free,
    press,
    set_block,
    swing_door,
    take_away,
)
from mcproxy.engine.simulation.camera import eye, view
from mcproxy.engine.simulation.collision import block_at
from mcproxy.engine.simulation.entities import remove, spawn_item
from mcproxy.engine.simulation.inventory import in_hand, take, use_up
from mcproxy.engine.simulation.physics import HALF_WIDTH, SNEAKING, STANDING
from mcproxy.engine.state import BROKE, KILLED, MAX_ENTITIES, OPENED, PLACED, SWUNG, USED, WALKER, Record, log_event
from mcproxy.items import BREAK_TICKS, DAMAGE, DROP, DROPS, HARVESTS, KEY

REACH = 4.5  # blocks (PlayerControllerMP.getBlockReachDistance in survival)
_MOB_REACH = 3.0  # blocks (EntityRenderer.getMouseOver)
SWING_TICKS = 4  # between two swings at a block, of a held key (EntityLivingBase.swingArm)
_DIG_PAUSE = 5  # ticks between two blocks (PlayerControllerMP.blockHitDelay)
_USE_PAUSE = 4  # ticks between two uses while the key is held (Minecraft.rightClickDelayTimer)
_DONE = 1 - 1e-9  # of the work: n times 1 / n may round to a little less than 1
_MOB_SPARED_TICKS, _KNOCK = 10, 0.4  # after a blow (attackEntityFrom), blocks/tick (EntityLivingBase.knockBack)
_NUM_BLOCKS = len(BOX)
_WATER = ID["water"]


@njit(nogil=True, cache=True)
def aim(blocks: np.ndarray, world: Record, reach: float, out: np.ndarray) -> float:
    """Find the block that the player looks at: the distance to its box in blocks, infinite if none is within reach.

    `out` (4,) int64 receives the block's cell and the side (0 to 5: -x, +x, -y, +y, -z, +z) that is looked at. Fluids
    are looked through. The ray walks from cell to cell (Amanatides and Woo 1987).
    """
    start, ray = eye(world.player), view(world.player)
    i, j, k = math.floor(start[0]), math.floor(start[1]), math.floor(start[2])
    while True:
        inside = 0 <= i < world.shape[0] and 0 <= j < world.shape[1] and 0 <= k < world.shape[2]
        block = blocks[i, j, k] if inside else 0
        if block != 0 and not FLUID[block]:
            box = BOX[block]
            far, side = _enter(start, ray, (i + box[0], j + box[1], k + box[2]), (i + box[3], j + box[4], k + box[5]))
            if far <= reach:
                out[0], out[1], out[2], out[3] = i, j, k, side
                return far
        leave, axis = np.inf, 0
        for a in range(3):
            cell = i if a == 0 else (j if a == 1 else k)
            if ray[a] != 0.0:
                far = (cell + (1 if ray[a] > 0 else 0) - start[a]) / ray[a]
                if far < leave:
                    leave, axis = far, a
        if leave > reach:
            return np.inf
        step = 1 if ray[axis] > 0 else -1
        i, j, k = i + step * (axis == 0), j + step * (axis == 1), k + step * (axis == 2)


@njit(nogil=True, cache=True)
def attack(blocks: np.ndarray, world: Record, pressed: bool, place: np.ndarray) -> None:
    """Let the attack key act for one tick; `place` (4,) int64 is to be overwritten."""
    first = pressed and world.attacking == 0
    world.attacking = world.attacking + 1 if pressed else 0
    if not pressed:
        release_attack(world)
        return
    far = aim(blocks, world, REACH, place)
    if first or (far <= REACH and world.attacking % SWING_TICKS == 1):
        aimed = int(blocks[place[0], place[1], place[2]]) if far <= REACH else 0
        x, y, z = _own_cell(world)
        log_event(world, SWUNG, aimed, x, y, z)
    if first and _strike(world, min(far, _MOB_REACH)):
        world.digging, world.dug = 0, 0.0
        return
    if far > REACH:
        world.digging, world.dug, world.dig_wait = 0, 0.0, max(world.dig_wait - 1, 0)
        return
    i, j, k, item = place[0], place[1], place[2], in_hand(world)
    cell = world.dig_cell
    same = world.digging != 0 and cell[0] == i and cell[1] == j and cell[2] == k and world.dig_item == item
    needed = BREAK_TICKS[_hindrance(blocks, world), item, blocks[i, j, k]]
    if world.dig_wait > 0 and (needed != 0 or not first):  # what breaks at a click needs no more
        world.dig_wait -= 1
        return
    if not same:
        world.digging, world.dug, world.dig_item = 1, 0.0, item
        cell[0], cell[1], cell[2] = i, j, k
    if needed > 0 and (same or first):
        world.dug += 1.0 / needed
    if needed == 0 or world.dug >= _DONE:
        world.digging, world.dug, world.dig_wait = 0, 0.0, _DIG_PAUSE if needed > 0 else 0
        _break(blocks, world, i, j, k, item)


@njit(nogil=True, cache=True)
def use(blocks: np.ndarray, world: Record, pressed: bool, sneak: bool, place: np.ndarray) -> None:
    """Let the use key act for one tick; `place` (4,) int64 is to be overwritten."""
    first = pressed and world.using == 0
    if not pressed:
        release_use(world)
        return
    world.using = 1
    world.use_wait = max(world.use_wait - 1, 0)
    if world.digging != 0 or (world.use_wait > 0 and not first):
        return
    world.use_wait = _USE_PAUSE
    far = aim(blocks, world, REACH, place)
    if far > REACH:
        place[0], place[1], place[2] = _own_cell(world)
    i, j, k, side = place[0], place[1], place[2], place[3]
    block = int(blocks[i, j, k]) if far <= REACH else 0
    if first:
        log_event(world, USED, block, i, j, k)
    if block == 0:
        return
    slot = world.slots[world.held]
    if (TURNS_INTO[block] != 0 or is_button(block)) and not (sneak and slot.count > 0):
        _work(blocks, world, i, j, k)
    elif slot.count > 0 and 0 < slot.item < _NUM_BLOCKS:
        step = 1 if side & 1 else -1
        axis = side >> 1
        i, j, k = i + step * (axis == 0), j + step * (axis == 1), k + step * (axis == 2)
        if _put(blocks, world, i, j, k, slot.item):
            use_up(slot)


@njit(nogil=True, cache=True)
def release_attack(world: Record) -> None:
    """Let a tick pass without the attack key: work on a block ends."""
    world.attacking, world.digging, world.dug = 0, 0, 0.0


@njit(nogil=True, cache=True)
def release_use(world: Record) -> None:
    """Let a tick pass without the use key."""
    world.using, world.use_wait = 0, max(world.use_wait - 1, 0)


@njit(nogil=True, cache=True)
def _own_cell(world):
    pos = world.player.pos
    return math.floor(pos[0]), math.floor(pos[1]), math.floor(pos[2])


@njit(nogil=True, cache=True)
def _enter(start, ray, low, high):
    """Where a ray enters a box, from 0 on, and by which side; infinitely far if it misses."""
    enter, leave, side = 0.0, np.inf, -1
    for a in range(3):
        if ray[a] == 0.0:
            if not low[a] <= start[a] <= high[a]:
                return np.inf, 0
            continue
        to_low, to_high = (low[a] - start[a]) / ray[a], (high[a] - start[a]) / ray[a]
        near = min(to_low, to_high)
        if near >= enter:
            enter, side = near, 2 * a + (0 if ray[a] > 0 else 1)
        leave = min(leave, max(to_low, to_high))
    if enter > leave or side < 0:  # also from within: one's own cell is not looked at
        return np.inf, 0
    return enter, side


@njit(nogil=True, cache=True)
def _strike(world, reach):
    """Hit the nearest mob in the line of view; returns whether there is one."""
    if world.num_entities == 0:
        return False
    start, ray, nearest = eye(world.player), view(world.player), -1
    for n in range(MAX_ENTITIES):
        body = world.entities[n]
        if body.kind == WALKER:
            x, y, z, side = body.pos[0], body.pos[1], body.pos[2], mobs.HALF_WIDTH[body.what]
            low, high = (x - side, y, z - side), (x + side, y + mobs.HEIGHT[body.what], z + side)
            far, _ = _enter(start, ray, low, high)
            if far <= reach:
                reach, nearest = far, n
    if nearest < 0:
        return False
    body = world.entities[nearest]
    if body.hurt_ticks == 0:
        body.health -= DAMAGE[in_hand(world)]
        body.hurt_ticks = _MOB_SPARED_TICKS
        across = max(math.sqrt(ray[0] * ray[0] + ray[2] * ray[2]), 1e-6)
        body.vel[0], body.vel[1], body.vel[2] = _KNOCK * ray[0] / across, _KNOCK, _KNOCK * ray[2] / across
        if body.health <= 0:
            x, y, z = math.floor(body.pos[0]), math.floor(body.pos[1]), math.floor(body.pos[2])
            log_event(world, KILLED, body.what, x, y, z)
            remove(world, body)
    return True


@njit(nogil=True, cache=True)
def _hindrance(blocks, world):
    """The table of `BREAK_TICKS` that applies: plain, one hindrance (eyes under water, or no ground), both."""
    x, y, z = eye(world.player)
    under = block_at(blocks, world.shape, math.floor(x), math.floor(y), math.floor(z)) == _WATER
    return int(under) + int(world.player.on_ground == 0)


@njit(nogil=True, cache=True)
def _break(blocks, world, i, j, k, item):
    """Break a block: it leaves its drop, a chest its contents too; a door breaks as a whole."""
    block = int(blocks[i, j, k])
    log_event(world, BROKE, block, i, j, k)
    take_away(blocks, world, i, j, k)
    if HARVESTS[item, block]:
        spawn_item(world, DROP[block], DROPS[block], i + 0.5, j + 0.5, k + 0.5)
    _spill(world, i, j, k)


@njit(nogil=True, cache=True)
def _work(blocks, world, i, j, k):
    """Use a door, a button (which may be pressed already), or a chest (which may need a key)."""
    block = int(blocks[i, j, k])
    if is_door(block):
        swing_door(blocks, world, i, j, k)
    elif is_button(block):
        if TURNS_INTO[block] != 0:
            press(blocks, world, i, j, k)
    elif KEY[block] == 0 or take(world, KEY[block]):
        set_block(blocks, world, i, j, k, TURNS_INTO[block])
        log_event(world, OPENED, block, i, j, k)
        _spill(world, i, j, k)


@njit(nogil=True, cache=True)
def _spill(world, i, j, k):
    """Drop the contents of the chest at a cell."""
    for n in range(world.num_contents):
        content = world.contents[n]
        if content.count > 0 and content.cell[0] == i and content.cell[1] == j and content.cell[2] == k:
            spawn_item(world, content.item, content.count, i + 0.5, j + 1.0, k + 0.5)
            content.count = 0


@njit(nogil=True, cache=True)
def _put(blocks, world, i, j, k, block):
    """Put a block into a free cell, a door into two; returns whether there was room for it."""
    cells = 2 if is_door(block) else 1
    for y in range(j, j + cells):
        inside = 0 <= i < world.shape[0] and 0 <= y < world.shape[1] and 0 <= k < world.shape[2]
        if not inside or not is_free(blocks, world, i, y, k) or _in_the_way(world, block, i, y, k):
            return False
    if not holds(blocks, world, i, j, k, block) or (cells == 2 and _meets_door(blocks, world, i, j, k)):
        return False
    for y in range(j, j + cells):
        set_block(blocks, world, i, y, k, block)
    log_event(world, PLACED, block, i, j, k)
    return True


@njit(nogil=True, cache=True)
def _meets_door(blocks, world, i, j, k):
    """Whether a door at this cell and the one above would stand on another door, or under one."""
    return is_door(block_at(blocks, world.shape, i, j - 1, k)) or is_door(block_at(blocks, world.shape, i, j + 2, k))


@njit(nogil=True, cache=True)
def _in_the_way(world, block, i, j, k):
    """Whether the player or a mob stands where the box of a solid block would be."""
    if not SOLID[block]:
        return False
    box, pos = BOX[block], world.player.pos
    height = SNEAKING if world.player.crouched != 0 else STANDING
    if _overlap(box, i, j, k, pos[0], pos[1], pos[2], HALF_WIDTH, height):
        return True
    for n in range(MAX_ENTITIES):
        body = world.entities[n]
        if body.kind == WALKER:
            side, height = mobs.HALF_WIDTH[body.what], mobs.HEIGHT[body.what]
            if _overlap(box, i, j, k, body.pos[0], body.pos[1], body.pos[2], side, height):
                return True
    return False


@njit(nogil=True, cache=True)
def _overlap(box, i, j, k, x, y, z, side, height):
    in_x = i + box[0] < x + side and i + box[3] > x - side
    in_z = k + box[2] < z + side and k + box[5] > z - side
    return in_x and in_z and j + box[1] < y + height and j + box[4] > y
