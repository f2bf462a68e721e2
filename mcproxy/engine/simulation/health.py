"""Health: what hurts the player, how often, and death.

A subset of Minecraft's: falls, lava and the fire it sets, cactus, blocks over the eyes, and mobs. There is no hunger,
no healing, no armour and no drowning.
"""

import math

import numpy as np
from numba import njit

from mcproxy.blocks import BOX, CUBE, HURTS, ID, OPACITY, SOLID
from mcproxy.engine.simulation.camera import eye
from mcproxy.engine.simulation.collision import INSET, block_at
from mcproxy.engine.simulation.physics import HALF_WIDTH, SNEAKING, STANDING
from mcproxy.engine.state import CACTUS, DIED, FALL, FIRE, HURT, LAVA, WALL, Record, log_event

SAFE_FALL = 3.0  # blocks (EntityLivingBase.fall)
_SPARED_TICKS = 10  # after damage (EntityLivingBase.attackEntityFrom: half of maxHurtResistantTime)
_BURN_TICKS = 300  # after lava (Entity.setOnFireFromLava)
_BURN_EVERY, _BURN_DAMAGE = 20, np.int64(1)  # ticks, half hearts (Entity.onEntityUpdate)
_BURIED_DAMAGE = np.int64(1)  # half hearts (EntityLivingBase.onEntityUpdate)
_LAVA_BLOCK = ID["lava"]
_BURIES = SOLID & (BOX == CUBE).all(axis=1) & (OPACITY > 1)  # (K,) bool, neither glass nor leaves (causesSuffocation)


@njit(nogil=True, cache=True)
def hurt(world: Record, damage: int, cause: int) -> None:
    """Take half hearts from the player; within half a second of other damage, only the excess over it."""
    taken = damage - (world.last_blow if world.hurt_ticks > 0 else 0)
    if taken <= 0 or world.health <= 0:
        return
    pos = world.player.pos
    x, y, z = math.floor(pos[0]), math.floor(pos[1]), math.floor(pos[2])
    world.health = max(world.health - taken, 0)
    world.last_blow = damage
    if world.hurt_ticks == 0:
        world.hurt_ticks = _SPARED_TICKS
    log_event(world, HURT, cause, x, y, z)
    if world.health == 0:
        world.ended = 1
        log_event(world, DIED, cause, x, y, z)


@njit(nogil=True, cache=True)
def feel(blocks: np.ndarray, world: Record) -> None:
    """Hurt the player by a landing, by the blocks around and by fire, after the move of this tick."""
    world.hurt_ticks = max(world.hurt_ticks - 1, 0)
    player, shape = world.player, world.shape
    if player.landed > SAFE_FALL:
        hurt(world, math.ceil(player.landed - SAFE_FALL), FALL)
    pos, side = player.pos, HALF_WIDTH - INSET
    top = pos[1] + (SNEAKING if player.crouched != 0 else STANDING) - INSET
    for i in range(math.floor(pos[0] - side), math.floor(pos[0] + side) + 1):
        for j in range(math.floor(pos[1] + INSET), math.floor(top) + 1):
            for k in range(math.floor(pos[2] - side), math.floor(pos[2] + side) + 1):
                block = block_at(blocks, shape, i, j, k)
                if HURTS[block] > 0 and block != _LAVA_BLOCK:
                    hurt(world, HURTS[block], CACTUS)
    if player.in_lava != 0:
        hurt(world, HURTS[_LAVA_BLOCK], LAVA)
        world.burning = _BURN_TICKS
    elif player.in_water != 0:
        world.burning = 0
    if world.burning > 0:
        if world.burning % _BURN_EVERY == 0 and player.in_lava == 0:
            hurt(world, _BURN_DAMAGE, FIRE)
        world.burning -= 1
    x, y, z = eye(player)
    if _BURIES[block_at(blocks, shape, math.floor(x), math.floor(y), math.floor(z))]:
        hurt(world, _BURIED_DAMAGE, WALL)
