"""Minecraft 1.11 player movement, one tick of one world at a time, in float64.

A tick turns the camera, then jumps, accelerates, moves and slows down, in the order of the game's `EntityLivingBase`.
The player is a box of 0.6 x 1.8 x 0.6 blocks that is swept along y, then x, then z and stops at the first block in its
way. Blocks are as wide and deep as their cell and as high as `blocks.HEIGHT` says. Outside the world everything is
solid, except above it, where there is air.

What is simpler than in the game: the sprint key has to be held, and its speed applies in the tick in which it is
pressed (the game keeps sprinting after a release, and is one tick late); there is no hunger, no water and no damage;
numbers are doubles where Java has a mixture of doubles and floats, and sines are exact where the game reads a table of
65,536. Every platform computes the same bits: only +, -, *, / and square roots are used, in a fixed order.
"""

import math

import numpy as np
from numba import njit

from mcproxy.blocks import DRAG, HEIGHT, ID, SLIPPERINESS
from mcproxy.controls import INDEX, TURN_DEG
from mcproxy.mission import TOUCH_MARGIN

PLAYER = np.dtype(
    [
        ("pos", "f8", 3),  # centre of the feet, blocks
        ("vel", "f8", 3),  # blocks per tick
        ("yaw_deg", "f8"),  # in [-180, 180), 0 looks along +z, 90 along -x
        ("pitch_deg", "f8"),  # in [-90, 90], positive downwards
        ("on_ground", "u1"),  # the last tick ended on a block
        ("collided", "u1"),  # the last tick was stopped along x or z
        ("crouched", "u1"),  # the box is as low as it is while sneaking
        ("jump_ticks", "i4"),  # until a held jump key jumps again
    ],
    align=True,
)

# The numbers of Minecraft 1.11.2; class names are those of the Mod Coder Pack.
GRAVITY = 0.08  # blocks/tick^2 (EntityLivingBase.moveEntityWithHeading)
FALL_DRAG = 0.9800000190734863  # per tick, (float) 0.98 (same)
RESTING_VELOCITY = -GRAVITY * FALL_DRAG  # of y after a tick on the ground
HALF_WIDTH, STANDING, SNEAKING = 0.3, 1.8, 1.65  # blocks (EntityPlayer.updateSize)
_STEP = 0.6  # blocks that are climbed without a jump (EntityLivingBase.stepHeight)
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
_LEDGE = 0.05  # blocks by which a sneaking step is shortened at a time (Entity.moveEntity)
_INSET = 0.001  # blocks by which the box is shrunk to find the blocks that it is in (Entity.doBlockCollisions)
_EPSILON = 1e-7  # blocks of overlap that do not count, as in 1.14's VoxelShapes; far above a double's rounding here

_MOVE, _BACK, _STRAFE = INDEX["move"], INDEX["back"], INDEX["strafe"]
_TURN, _PITCH = INDEX["turn"], INDEX["pitch"]
_JUMP_KEY, _SNEAK_KEY, _SPRINT_KEY = INDEX["jump"], INDEX["sneak"], INDEX["sprint"]
_AIR, _STONE = ID["air"], ID["stone"]


@njit(nogil=True, cache=True)
def player_tick(blocks: np.ndarray, shape: np.ndarray, player: np.record, keys: np.ndarray) -> None:
    """Advance one player by one tick.

    `blocks` is (X, Y, Z) uint8, of which the world is the first `shape` (3,) int64 blocks; `player` a record of dtype
    `PLAYER`, changed in place; `keys` (len(CONTROLS),) int8, a choice of each control in the order of `controls.NAMES`.
    """
    yaw_deg = player.yaw_deg + TURN_DEG * (int(keys[_TURN] == 2) - int(keys[_TURN] == 1))
    player.yaw_deg = yaw_deg - 360.0 * math.floor((yaw_deg + 180.0) / 360.0)
    pitch_deg = player.pitch_deg + TURN_DEG * (int(keys[_PITCH] == 2) - int(keys[_PITCH] == 1))
    player.pitch_deg = min(max(pitch_deg, -90.0), 90.0)
    sine, cosine = _sine_cosine(player.yaw_deg)

    pos, vel = player.pos, player.vel
    vx, vy, vz = _settle(vel[0]), _settle(vel[1]), _settle(vel[2])
    grounded, sneak = player.on_ground != 0, keys[_SNEAK_KEY] != 0
    sprint = keys[_SPRINT_KEY] != 0 and keys[_MOVE] != 0 and keys[_BACK] == 0 and not sneak and player.collided == 0
    if keys[_JUMP_KEY] != 0:
        player.jump_ticks = max(player.jump_ticks - 1, 0)
        if grounded and player.jump_ticks == 0:
            player.jump_ticks = _JUMP_TICKS
            vy = _JUMP
            if sprint:
                vx -= _SPRINT_JUMP * sine
                vz += _SPRINT_JUMP * cosine
    else:
        player.jump_ticks = 0

    inertia, thrust = _INERTIA, _AIR_WALK
    if grounded:
        below = _block(blocks, shape, math.floor(pos[0]), math.floor(pos[1] - 1.0), math.floor(pos[2]))
        inertia *= SLIPPERINESS[below]
        thrust = _WALK * (_TRACTION / (inertia * inertia * inertia))
    if sprint:
        thrust *= _SPRINT
    share = _INPUT * _SNEAK_INPUT if sneak else _INPUT
    forward = share * (int(keys[_MOVE] != 0) - int(keys[_BACK] != 0))
    right = share * (int(keys[_STRAFE] == 2) - int(keys[_STRAFE] == 1))
    thrust /= max(math.sqrt(forward * forward + right * right), 1.0)  # diagonally no faster than straight on
    vx -= thrust * (right * cosine + forward * sine)
    vz += thrust * (forward * cosine - right * sine)

    vx, vy, vz = _move(blocks, shape, player, vx, vy, vz, sneak)

    slow = inertia * _drag_at_feet(blocks, shape, pos[0], pos[1], pos[2])
    vel[0], vel[1], vel[2] = vx * slow, (vy - GRAVITY) * FALL_DRAG, vz * slow
    if sneak:
        player.crouched = 1
    elif player.crouched != 0 and not _blocked(blocks, shape, pos[0], pos[1], pos[2], STANDING):
        player.crouched = 0


@njit(nogil=True, cache=True)
def touches(blocks: np.ndarray, shape: np.ndarray, player: np.record, block_id: int, out: np.ndarray) -> bool:
    """Tell whether the player touches a block of this id, as Malmo's RewardForTouchingBlockType does.

    The player's box, grown by `TOUCH_MARGIN`, must overlap the cell of such a block; the floor counts. `out` (3,) int64
    receives the block's position, the first in the order of x, y, z; it is left alone if there is none.
    """
    pos = player.pos
    side = HALF_WIDTH + TOUCH_MARGIN
    top = pos[1] + (SNEAKING if player.crouched != 0 else STANDING) + TOUCH_MARGIN
    for i in range(max(math.floor(pos[0] - side), 0), min(math.floor(pos[0] + side) + 1, shape[0])):
        for j in range(max(math.floor(pos[1] - TOUCH_MARGIN), 0), min(math.floor(top) + 1, shape[1])):
            for k in range(max(math.floor(pos[2] - side), 0), min(math.floor(pos[2] + side) + 1, shape[2])):
                if blocks[i, j, k] == block_id:
                    out[0], out[1], out[2] = i, j, k
                    return True
    return False


@njit(nogil=True, cache=True)
def _move(blocks, shape, player, vx, vy, vz, sneak):
    """Move by a velocity until blocks are in the way (Entity.moveEntity); returns the velocity that remains."""
    pos = player.pos
    x, y, z = pos[0], pos[1], pos[2]
    height = SNEAKING if player.crouched != 0 else STANDING
    to_x, to_y, to_z = x + vx, y + vy, z + vz
    if sneak and player.on_ground != 0:
        to_x, to_z = _keep_on_ledge(blocks, shape, x, y, z, height, vx, vz)

    new_y = _sweep_y(blocks, shape, x, x, y, z, z, height, to_y)
    new_x = _sweep_side(blocks, shape, True, x, new_y, z, height, to_x)
    new_z = _sweep_side(blocks, shape, False, z, new_y, new_x, height, to_z)
    stepped = False
    if (player.on_ground != 0 or (new_y != to_y and vy < 0.0)) and (new_x != to_x or new_z != to_z):
        # Twice from the start: up as far as the whole way allows, and up as far as the place where we stand allows.
        far_y = _sweep_y(blocks, shape, min(x, to_x), max(x, to_x), y, min(z, to_z), max(z, to_z), height, y + _STEP)
        far_x = _sweep_side(blocks, shape, True, x, far_y, z, height, to_x)
        far_z = _sweep_side(blocks, shape, False, z, far_y, far_x, height, to_z)
        step_y = _sweep_y(blocks, shape, x, x, y, z, z, height, y + _STEP)
        step_x = _sweep_side(blocks, shape, True, x, step_y, z, height, to_x)
        step_z = _sweep_side(blocks, shape, False, z, step_y, step_x, height, to_z)
        if _square(far_x - x, far_z - z) > _square(step_x - x, step_z - z):
            step_x, step_y, step_z = far_x, far_y, far_z
        if _square(step_x - x, step_z - z) > _square(new_x - x, new_z - z):
            stepped = True
            new_x, new_z = step_x, step_z
            new_y = _sweep_y(blocks, shape, step_x, step_x, step_y, step_z, step_z, height, y)

    pos[0], pos[1], pos[2] = new_x, new_y, new_z
    landed = stepped or new_y != to_y
    player.collided = new_x != to_x or new_z != to_z
    player.on_ground = landed and vy < 0.0
    return vx if new_x == to_x else 0.0, 0.0 if landed else vy, vz if new_z == to_z else 0.0


@njit(nogil=True, cache=True)
def _sweep_y(blocks, shape, x_low, x_high, y, z_low, z_high, height, target):
    """Where the feet get from `y` towards `target`, with the box's axis anywhere in the given ranges of x and z."""
    i_low, i_high = _first(x_low - HALF_WIDTH), _last(x_high + HALF_WIDTH)
    k_low, k_high = _first(z_low - HALF_WIDTH), _last(z_high + HALF_WIDTH)
    if target > y:
        for j in range(_last(y + height) + 1, math.ceil(target + height)):
            for i in range(i_low, i_high + 1):
                for k in range(k_low, k_high + 1):
                    if HEIGHT[_block(blocks, shape, i, j, k)] > 0.0:
                        return min(j - height, target)
        return target
    for j in range(_first(y), math.floor(target) - 1, -1):
        floor = target
        for i in range(i_low, i_high + 1):
            for k in range(k_low, k_high + 1):
                rise = HEIGHT[_block(blocks, shape, i, j, k)]
                if rise > 0.0 and j + rise <= y + _EPSILON:
                    floor = max(floor, j + rise)
        if floor > target:
            return floor
    return target


@njit(nogil=True, cache=True)
def _sweep_side(blocks, shape, along_x, a, y, c, height, target):
    """Where the box's axis gets from `a` towards `target` along x (or else z), at `c` along the other."""
    if target == a:
        return target
    if target > a:
        low, high, step = _last(a + HALF_WIDTH) + 1, math.ceil(target + HALF_WIDTH), 1
    else:
        low, high, step = _first(a - HALF_WIDTH) - 1, math.floor(target - HALF_WIDTH) - 1, -1
    for b in range(low, high, step):
        for j in range(_first(y), _last(y + height) + 1):
            for d in range(_first(c - HALF_WIDTH), _last(c + HALF_WIDTH) + 1):
                rise = HEIGHT[_block(blocks, shape, b, j, d) if along_x else _block(blocks, shape, d, j, b)]
                if rise > 0.0 and j + rise > y + _EPSILON:
                    return min(b - HALF_WIDTH, target) if step > 0 else max(b + 1 + HALF_WIDTH, target)
    return target


@njit(nogil=True, cache=True)
def _keep_on_ledge(blocks, shape, x, y, z, height, vx, vz):
    """Where a sneaking player may go: the step is shortened until there is a block within a step's height below."""
    while vx != 0.0 and not _blocked(blocks, shape, x + vx, y - _STEP, z, height):
        vx = _shorten(vx)
    while vz != 0.0 and not _blocked(blocks, shape, x, y - _STEP, z + vz, height):
        vz = _shorten(vz)
    while vx != 0.0 and vz != 0.0 and not _blocked(blocks, shape, x + vx, y - _STEP, z + vz, height):
        vx, vz = _shorten(vx), _shorten(vz)
    return x + vx, z + vz


@njit(nogil=True, cache=True)
def _blocked(blocks, shape, x, y, z, height):
    """Whether a box standing at a point overlaps any block."""
    for j in range(_first(y), _last(y + height) + 1):
        for i in range(_first(x - HALF_WIDTH), _last(x + HALF_WIDTH) + 1):
            for k in range(_first(z - HALF_WIDTH), _last(z + HALF_WIDTH) + 1):
                rise = HEIGHT[_block(blocks, shape, i, j, k)]
                if rise > 0.0 and j + rise > y + _EPSILON:
                    return True
    return False


@njit(nogil=True, cache=True)
def _drag_at_feet(blocks, shape, x, y, z):
    """The product of the drags of the blocks that the feet have sunk into (BlockSoulSand.onEntityCollidedWithBlock)."""
    drag, side = 1.0, HALF_WIDTH - _INSET
    j = math.floor(y + _INSET)  # blocks further up cannot be entered: only their tops are open
    for i in range(math.floor(x - side), math.floor(x + side) + 1):
        for k in range(math.floor(z - side), math.floor(z + side) + 1):
            drag *= DRAG[_block(blocks, shape, i, j, k)]
    return drag


@njit(nogil=True, cache=True)
def _block(blocks, shape, i, j, k):
    """The block id at a position anywhere: outside the world it is stone, above it air."""
    if i < 0 or k < 0 or j < 0 or i >= shape[0] or k >= shape[2]:
        return _STONE
    return int(blocks[i, j, k]) if j < shape[1] else _AIR


@njit(nogil=True, cache=True)
def _first(low):
    """The first cell that an interval beginning at `low` reaches into."""
    return math.floor(low + _EPSILON)


@njit(nogil=True, cache=True)
def _last(high):
    """The last cell that an interval ending at `high` reaches into."""
    return math.ceil(high - _EPSILON) - 1


@njit(nogil=True, cache=True)
def _settle(v):
    return 0.0 if abs(v) < _NEGLIGIBLE else v


@njit(nogil=True, cache=True)
def _shorten(v):
    if -_LEDGE <= v < _LEDGE:
        return 0.0
    return v - _LEDGE if v > 0.0 else v + _LEDGE


@njit(nogil=True, cache=True)
def _square(a, b):
    return a * a + b * b


@njit(nogil=True, cache=True)
def _sine_cosine(deg):
    """Sine and cosine, exact at right angles and elsewhere within 1e-15, by Taylor's series around the nearest one."""
    quarter = math.floor(deg / 90.0 + 0.5)
    x = (deg - 90.0 * quarter) * (math.pi / 180.0)  # in [-pi/4, pi/4]
    square, sine, cosine = x * x, 1.0, 1.0
    for n in range(16, 1, -2):  # Horner: 1 - x^2 / (n (n + 1)) (...) and 1 - x^2 / (n (n - 1)) (...)
        sine = 1.0 - square / (n * (n + 1)) * sine
        cosine = 1.0 - square / (n * (n - 1)) * cosine
    sine *= x
    turn = quarter % 4
    if turn == 0:
        return sine, cosine
    if turn == 1:
        return cosine, -sine
    if turn == 2:
        return -sine, -cosine
    return -cosine, sine
