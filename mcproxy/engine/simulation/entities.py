"""Bodies other than the player: dropped items, falling blocks and mobs, on the player's own collision code.

Minecraft's random parts (the scatter of drops, the wandering of mobs) are left out: everything follows from the mission
and the keys.
"""

import math

import numpy as np
from numba import njit

from mcproxy import mobs
from mcproxy.blocks import FLUID, ID, SLIPPERINESS
from mcproxy.engine.simulation.collision import block_at, move
from mcproxy.engine.simulation.health import hurt
from mcproxy.engine.simulation.inventory import give
from mcproxy.engine.simulation.physics import HALF_WIDTH, SNEAKING, STANDING
from mcproxy.engine.state import (
    COLLECTED,
    FALLING,
    ITEM_ENTITY,
    MAX_ENTITIES,
    MAX_FALLING,
    MOB,
    WALKER,
    Record,
    log_event,
)
from mcproxy.mission import BEHAVIOURS

ITEM_HALF_WIDTH, ITEM_HEIGHT = 0.125, 0.25  # blocks (EntityItem.setSize)
BLOCK_HALF_WIDTH, BLOCK_HEIGHT = 0.49, 0.98  # blocks (EntityFallingBlock.setSize)
_GRAVITY, _DRAG = 0.04, 0.98  # of items and falling blocks, blocks/tick^2 and per tick (onUpdate of both)
_MOB_GRAVITY = 0.08  # blocks/tick^2 (EntityLivingBase.moveEntityWithHeading)
_MOB_JUMP, _MOB_STEP = 0.42, 0.6  # blocks/tick, blocks (EntityLivingBase)
_POP = 0.2  # blocks/tick upwards, of a fresh drop (EntityItem)
PICKUP_DELAY = 10  # ticks (EntityItem.setDefaultPickupDelay)
_LIFETIME = 6000  # ticks of an item (EntityItem.onUpdate)
_REACH_SIDE, _REACH_UP = 1.0, 0.5  # blocks by which the player's box grows to pick up (EntityPlayer.onLivingUpdate)
_ARRIVED = 0.3  # blocks from a waypoint
_CLOSE = 0.05  # blocks at which a chasing mob stands on the player and stops
_ROUTE, _CHASE, _FLEE = (BEHAVIOURS.index(name) for name in ("route", "chase", "flee"))  # others stand
_LAVA = ID["lava"]


@njit(nogil=True, cache=True)
def spawn_item(world: Record, item: int, count: int, x: float, y: float, z: float) -> None:
    """Drop pieces of an item at a point; if all places are taken, it replaces the oldest item."""
    if item == 0 or count <= 0:
        return
    n = _free(world)
    if n < 0:
        n = _oldest_item(world)
        world.num_entities -= 1
    body = world.entities[n]
    _begin(body, ITEM_ENTITY, item, x, y, z)
    body.count, body.vel[1] = count, _POP
    world.num_entities += 1


@njit(nogil=True, cache=True)
def spawn_falling(world: Record, block: int, x: int, y: int, z: int) -> bool:
    """Let the block of a cell fall; False if all places are taken."""
    n, falling = _free(world), 0
    for k in range(MAX_ENTITIES):
        falling += int(world.entities[k].kind == FALLING)
    if n < 0 or falling >= MAX_FALLING:
        return False
    _begin(world.entities[n], FALLING, block, x + 0.5, float(y), z + 0.5)
    world.num_entities += 1
    return True


@njit(nogil=True, cache=True)
def move_bodies(blocks: np.ndarray, world: Record) -> None:
    """Advance all of them by one tick; falling blocks that have landed are left for `block_updates.settle`."""
    if world.num_entities == 0:
        return
    for n in range(MAX_ENTITIES):
        body = world.entities[n]
        if body.kind == 0:
            continue
        body.age += 1
        if body.kind == ITEM_ENTITY:
            _item(blocks, world, body)
        elif body.kind == FALLING:
            _fall(blocks, world, body, BLOCK_HALF_WIDTH, BLOCK_HEIGHT)
        else:
            _walk(blocks, world, body)


@njit(nogil=True, cache=True)
def remove(world: Record, body: Record) -> None:
    """Free the place of a body."""
    body.kind = 0
    world.num_entities -= 1


@njit(nogil=True, cache=True)
def stands_on(world: Record, i: int, j: int, k: int, inset: float, top: float) -> bool:
    """Whether the player's or a mob's feet are within a cell: so far from its sides, and no higher than that."""
    pos = world.player.pos
    if _within(pos[0], pos[1], pos[2], HALF_WIDTH - inset, i, j, k, top):
        return True
    for n in range(MAX_ENTITIES):
        body = world.entities[n]
        if body.kind == WALKER:
            reach = mobs.HALF_WIDTH[body.what] - inset
            if _within(body.pos[0], body.pos[1], body.pos[2], reach, i, j, k, top):
                return True
    return False


@njit(nogil=True, cache=True)
def meets(body: Record, half_width: float, height: float, x: float, y: float, z: float, side: float, top: float):
    """Whether a body's box overlaps another, given by the centre of its feet, half its width and its height."""
    across = abs(body.pos[0] - x) < half_width + side and abs(body.pos[2] - z) < half_width + side
    return across and body.pos[1] < y + top and body.pos[1] + height > y


@njit(nogil=True, cache=True)
def _within(x, y, z, reach, i, j, k, top):
    across = i < x + reach and x - reach < i + 1 and k < z + reach and z - reach < k + 1
    return across and j <= y < j + top


@njit(nogil=True, cache=True)
def _free(world):
    for n in range(MAX_ENTITIES):
        if world.entities[n].kind == 0:
            return n
    return -1


@njit(nogil=True, cache=True)
def _oldest_item(world):
    oldest = -1
    for n in range(MAX_ENTITIES):
        body = world.entities[n]
        if body.kind == ITEM_ENTITY and (oldest < 0 or body.age > world.entities[oldest].age):
            oldest = n
    return oldest


@njit(nogil=True, cache=True)
def _begin(body, kind, what, x, y, z):
    body.kind, body.what, body.count, body.age = kind, what, 1, 0
    body.pos[0], body.pos[1], body.pos[2] = x, y, z
    body.vel[0], body.vel[1], body.vel[2] = 0.0, 0.0, 0.0
    body.on_ground, body.collided = 0, 0


@njit(nogil=True, cache=True)
def _fall(blocks, world, body, half_width, height):
    """Move an item or a falling block for one tick."""
    vel = body.vel
    vx, vy, vz = move(
        blocks, world.shape, body, half_width, height, 0.0, vel[0], vel[1] - _GRAVITY, vel[2], False
    )  # fmt: skip
    vel[0], vel[1], vel[2] = vx * _DRAG, vy * _DRAG, vz * _DRAG


@njit(nogil=True, cache=True)
def _item(blocks, world, body):
    """An item falls, slides, burns up in lava, grows old, or is picked up."""
    _fall(blocks, world, body, ITEM_HALF_WIDTH, ITEM_HEIGHT)
    pos, vel = body.pos, body.vel
    i, j, k = math.floor(pos[0]), math.floor(pos[1]), math.floor(pos[2])
    if body.on_ground != 0:
        grip = SLIPPERINESS[block_at(blocks, world.shape, i, math.floor(pos[1] - 0.01), k)]
        vel[0], vel[2] = vel[0] * grip, vel[2] * grip
    if body.age >= _LIFETIME or block_at(blocks, world.shape, i, j, k) == _LAVA:
        remove(world, body)
        return
    player = world.player
    top = (SNEAKING if player.crouched != 0 else STANDING) + 2 * _REACH_UP
    y, side = player.pos[1] - _REACH_UP, HALF_WIDTH + _REACH_SIDE
    near = meets(body, ITEM_HALF_WIDTH, ITEM_HEIGHT, player.pos[0], y, player.pos[2], side, top)
    if body.age >= PICKUP_DELAY and near:
        left = give(world, body.what, body.count)
        if left < body.count:
            log_event(world, COLLECTED, body.what, i, j, k)
        body.count = left
        if left == 0:
            remove(world, body)


@njit(nogil=True, cache=True)
def _walk(blocks, world, body):
    """A mob goes where its behaviour leads it, jumps where it is stopped, and hurts the player if it touches it."""
    pos, player = body.pos, world.player
    to_x, to_z = player.pos[0] - pos[0], player.pos[2] - pos[2]
    heeds = to_x * to_x + to_z * to_z <= body.sight * body.sight
    go_x = go_z = 0.0
    if body.behaviour == _ROUTE and body.next < body.legs:
        go_x, go_z = body.route[body.next, 0] - pos[0], body.route[body.next, 1] - pos[2]
        if math.sqrt(go_x * go_x + go_z * go_z) < _ARRIVED:
            body.next += 1
    elif body.behaviour == _CHASE and heeds:
        go_x, go_z = to_x, to_z
    elif body.behaviour == _FLEE and heeds:
        go_x, go_z = -to_x, -to_z
    far = math.sqrt(go_x * go_x + go_z * go_z)
    share = min(body.speed / far, 1.0) if far > _CLOSE else 0.0
    in_fluid = FLUID[block_at(blocks, world.shape, math.floor(pos[0]), math.floor(pos[1]), math.floor(pos[2]))]
    if in_fluid:
        share *= 0.5
    if far > _CLOSE:
        along_x = abs(go_x) > abs(go_z)
        body.front = (1 if go_x > 0 else 0) if along_x else (5 if go_z > 0 else 4)
    vy = body.vel[1]
    if body.collided != 0 and body.on_ground != 0:
        vy = _MOB_JUMP
    elif in_fluid:
        vy += 0.04  # swims up (EntityAISwimming)
    half_width, height = mobs.HALF_WIDTH[body.what], mobs.HEIGHT[body.what]
    _, vy, _ = move(
        blocks, world.shape, body, half_width, height, _MOB_STEP, go_x * share + body.vel[0], vy,
        go_z * share + body.vel[2], False,
    )  # fmt: skip
    body.vel[0], body.vel[1], body.vel[2] = body.vel[0] * 0.5, (vy - _MOB_GRAVITY) * _DRAG, body.vel[2] * 0.5
    body.hurt_ticks = max(body.hurt_ticks - 1, 0)
    if mobs.DAMAGE[body.what] > 0:
        height = SNEAKING if player.crouched != 0 else STANDING
        x, y, z = player.pos[0], player.pos[1], player.pos[2]
        if meets(body, half_width, mobs.HEIGHT[body.what], x, y, z, HALF_WIDTH, height):
            hurt(world, mobs.DAMAGE[body.what], MOB + body.what)
