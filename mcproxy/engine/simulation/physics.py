"""Minecraft 1.11 movement of a player, one tick at a time, in float64.

After the camera has turned (camera.py) a player jumps, accelerates, moves (collision.py) and slows down, in the order
of the game's `EntityLivingBase`. Water and lava slow down, carry and can be swum in.

What is simpler than in the game: the sprint key has to be held, and its speed applies in the tick in which it is
pressed (the game keeps sprinting after a release, and is one tick late); water and lava stand still wherever they are,
so they have no current; numbers are doubles where Java has a mixture of doubles and floats, and sines are exact where
the game reads a table of 65,536. Every platform computes the same bits: only +, -, *, / and square roots are used, in a
fixed order.
"""

import math

import numpy as np
from numba import njit

from mcproxy.blocks import ID, SLIPPERINESS
from mcproxy.controls import INDEX
from mcproxy.engine.simulation.camera import sine_cosine
from mcproxy.engine.simulation.collision import EPSILON, block_at, find_block, move, overlaps
from mcproxy.mission import TOUCH_MARGIN

PLAYER = np.dtype(
    [
        ("pos", "f8", 3),  # centre of the feet, blocks
        ("vel", "f8", 3),  # blocks per tick
        ("yaw_deg", "f8"),  # in [-180, 180), 0 looks along +z, 90 along -x
        ("pitch_deg", "f8"),  # in [-90, 90], positive downwards
        ("on_ground", "i8"),  # the last tick ended on a block
        ("collided", "i8"),  # the last tick was stopped along x or z
        ("crouched", "i8"),  # the box is as low as it is while sneaking
        ("in_water", "i8"),  # the last tick began in water, and was swum
        ("in_lava", "i8"),  # the last tick began in lava
        ("jump_ticks", "i8"),  # until a held jump key jumps again
        ("fallen", "f8"),  # blocks that the fall has taken so far (Entity.fallDistance); 0 on the ground and in water
        ("landed", "f8"),  # what `fallen` was when the last tick ended the fall on a block, otherwise 0
    ],
    align=True,
)

# The numbers of Minecraft 1.11.2; class names are those of the Mod Coder Pack.
GRAVITY = 0.08  # blocks/tick^2 (EntityLivingBase.moveEntityWithHeading)
FALL_DRAG = 0.9800000190734863  # per tick, (float) 0.98 (same)
RESTING_VELOCITY = -GRAVITY * FALL_DRAG  # of y after a tick on the ground
HALF_WIDTH, STANDING, SNEAKING = 0.3, 1.8, 1.65  # blocks (EntityPlayer.updateSize)
STEP = 0.6  # blocks that players and mobs climb without a jump (EntityLivingBase.stepHeight)
_JUMP = 0.41999998688697815  # blocks/tick, (float) 0.42 (EntityLivingBase.getJumpUpwardsMotion)
_JUMP_TICKS = 10  # between two jumps while the key is held (EntityLivingBase.onLivingUpdate)
_SPRINT_JUMP = 0.2  # blocks/tick forward (EntityLivingBase.jump)
_NEGLIGIBLE = 0.003  # blocks/tick below which a velocity is 0 (EntityLivingBase.onLivingUpdate, since 1.9)
_INPUT = 0.98  # share of a held key (EntityLivingBase.onLivingUpdate)
_SNEAK_INPUT = 0.3  # factor while sneaking (MovementInputFromOptions)
_WALK = 0.1  # blocks/tick (EntityPlayer.applyEntityAttributes)
_AIR_WALK = 0.02  # blocks/tick^2 while airborne (EntityPlayer.speedInAir)
_SPRINT = 1.3  # factor on both (EntityLivingBase.SPRINTING_SPEED_BOOST, EntityPlayer.onLivingUpdate)
_INERTIA = 0.91  # per tick, times the slipperiness of the ground (EntityLivingBase.moveEntityWithHeading)
_TRACTION = 0.1627714  # 0.546^3 as the game rounds it, walking speed is quoted for slipperiness 0.6 (same)
_SWIM = 0.02  # blocks/tick^2 in water and lava, sprinting or not (same)
_WATER_DRAG, _LAVA_DRAG = 0.8, 0.5  # per tick, of all three components (same)
_SINK = 0.02  # blocks/tick^2, the gravity in both (same)
_SWIM_UP = 0.04  # blocks/tick^2 while the jump key is held (EntityLivingBase.handleJumpWater)
_HOP, _HOP_RISE = 0.3, 0.6  # blocks/tick out of a fluid where there is room so far up (moveEntityWithHeading)
_WATER_INSET = (0.001, 0.401)  # blocks, sideways and at both ends of the box, to be in water (Entity)
_LAVA_INSET = (0.1, 0.4)  # the same for lava (Entity.isInLava)
_LAVA_FALL = 0.5  # factor on the fall so far, per tick in lava (Entity.onEntityUpdate)

_MOVE, _BACK, _STRAFE = INDEX["move"], INDEX["back"], INDEX["strafe"]
_JUMP_KEY, _SNEAK_KEY, _SPRINT_KEY = INDEX["jump"], INDEX["sneak"], INDEX["sprint"]
_WATER, _LAVA = np.int64(ID["water"]), np.int64(ID["lava"])


@njit(nogil=True, cache=True)
def walk(blocks: np.ndarray, shape: np.ndarray, player: np.record, keys: np.ndarray) -> None:
    """Move one player for one tick, along a view that has turned already (`camera.turn`).

    `blocks` is (X, Y, Z) uint8, of which the world is the first `shape` (3,) int64 blocks; `player` a record of dtype
    `PLAYER`, changed in place; `keys` (len(CONTROLS),) int8, a choice of each control in the order of `controls.NAMES`.
    """
    sine, cosine = sine_cosine(player.yaw_deg)

    pos, vel = player.pos, player.vel
    height = SNEAKING if player.crouched != 0 else STANDING
    player.in_water = _sunk(blocks, shape, pos, height, _WATER_INSET, _WATER)
    player.in_lava = _sunk(blocks, shape, pos, height, _LAVA_INSET, _LAVA)
    swimming = player.in_water != 0 or player.in_lava != 0

    vx, vy, vz = _settle(vel[0]), _settle(vel[1]), _settle(vel[2])
    grounded, sneak = player.on_ground != 0, keys[_SNEAK_KEY] != 0
    sprint = keys[_SPRINT_KEY] != 0 and keys[_MOVE] != 0 and keys[_BACK] == 0 and not sneak and player.collided == 0
    if keys[_JUMP_KEY] != 0:
        player.jump_ticks = max(player.jump_ticks - 1, 0)
        if swimming:
            vy += _SWIM_UP
        elif grounded and player.jump_ticks == 0:
            player.jump_ticks = _JUMP_TICKS
            vy = _JUMP
            if sprint:
                vx -= _SPRINT_JUMP * sine
                vz += _SPRINT_JUMP * cosine
    else:
        player.jump_ticks = 0

    inertia, thrust = _INERTIA, _AIR_WALK
    if swimming:
        inertia, thrust = _WATER_DRAG if player.in_water != 0 else _LAVA_DRAG, _SWIM
    elif grounded:
        below = block_at(blocks, shape, math.floor(pos[0]), math.floor(pos[1] - 1.0), math.floor(pos[2]))
        inertia *= SLIPPERINESS[below]
        thrust = _WALK * (_TRACTION / (inertia * inertia * inertia))
    if sprint and not swimming:
        thrust *= _SPRINT
    share = _INPUT * _SNEAK_INPUT if sneak else _INPUT
    forward = share * (int(keys[_MOVE] != 0) - int(keys[_BACK] != 0))
    right = share * (int(keys[_STRAFE] == 2) - int(keys[_STRAFE] == 1))
    thrust /= max(math.sqrt(forward * forward + right * right), 1.0)  # diagonally no faster than straight on
    vx -= thrust * (right * cosine + forward * sine)
    vz += thrust * (forward * cosine - right * sine)

    y = pos[1]
    vx, vy, vz = move(blocks, shape, player, HALF_WIDTH, height, STEP, vx, vy, vz, sneak)

    vx, vz = vx * inertia, vz * inertia
    if swimming:
        vy = vy * inertia - _SINK
        if player.collided != 0 and _is_open(blocks, shape, pos[0] + vx, y + vy + _HOP_RISE, pos[2] + vz, height):
            vy = _HOP
    else:
        vy = (vy - GRAVITY) * FALL_DRAG
    vel[0], vel[1], vel[2] = vx, vy, vz

    _count_fall(blocks, shape, player, height, y - pos[1])
    if sneak:
        player.crouched = 1
    elif player.crouched != 0 and not overlaps(blocks, shape, pos[0], pos[1], pos[2], HALF_WIDTH, STANDING):
        player.crouched = 0


@njit(nogil=True, cache=True)
def touches(blocks: np.ndarray, shape: np.ndarray, player: np.record, block_id: int, out: np.ndarray) -> bool:
    """Tell whether the player touches a block of this id, as Malmo's RewardForTouchingBlockType does.

    The player's box, grown by `TOUCH_MARGIN`, must overlap the cell of such a block; the floor counts. `out` (3,) int64
    receives the block's position, the first in the order of x, y, z; it is left alone if there is none.
    """
    height = SNEAKING if player.crouched != 0 else STANDING
    i, j, k = find_block(blocks, shape, player.pos, HALF_WIDTH, height, TOUCH_MARGIN, TOUCH_MARGIN, block_id)
    if i < 0:
        return False
    out[0], out[1], out[2] = i, j, k
    return True


@njit(nogil=True, cache=True)
def _sunk(blocks, shape, pos, height, inset, fluid):
    """Whether a player's box, shrunk sideways and at both ends, reaches into a fluid (Entity.handleWaterMovement)."""
    return find_block(blocks, shape, pos, HALF_WIDTH, height, -inset[0], -inset[1], fluid)[0] >= 0


@njit(nogil=True, cache=True)
def _is_open(blocks, shape, x, y, z, height):
    """Whether a player would have neither blocks nor fluids around at a point (Entity.isOffsetPositionInLiquid)."""
    if overlaps(blocks, shape, x, y, z, HALF_WIDTH, height):
        return False
    at, inset = (x, y, z), (EPSILON, EPSILON)
    return not _sunk(blocks, shape, at, height, inset, _WATER) and not _sunk(blocks, shape, at, height, inset, _LAVA)


@njit(nogil=True, cache=True)
def _count_fall(blocks, shape, player, height, drop):
    """Add the tick's drop to the fall, or end the fall (Entity.updateFallState: a landing's own tick is not added)."""
    player.landed = 0.0
    if player.in_lava != 0:
        player.fallen *= _LAVA_FALL
    if player.in_water != 0 or (player.fallen > 0.0 and _sunk(blocks, shape, player.pos, height, _WATER_INSET, _WATER)):
        player.fallen = 0.0
    elif player.on_ground != 0:
        player.landed = player.fallen
        player.fallen = 0.0
    elif drop > 0.0:
        player.fallen += drop


@njit(nogil=True, cache=True)
def _settle(v):
    return 0.0 if abs(v) < _NEGLIGIBLE else v
