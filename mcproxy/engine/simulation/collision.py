"""Bodies against blocks: upright boxes that are swept along y, then x, then z, up to the first block that stops them.

A solid block is as large as `blocks.BOX` says. Outside the world everything is solid, except above it, where there is
air. Every platform computes the same bits: only +, - and * are used, in a fixed order.
"""

import math

import numpy as np
from numba import njit

from mcproxy.blocks import BOX, DRAG, ID, SOLID

INSET = 0.001  # blocks by which a box is shrunk to find the blocks that it is in (Entity.doBlockCollisions)
EPSILON = 1e-7  # blocks of overlap that do not count, as in 1.14's VoxelShapes; far above a double's rounding here
_LEDGE = 0.05  # blocks by which a sneaking step is shortened at a time (Entity.moveEntity)
_AIR, _STONE = ID["air"], ID["stone"]
_BOX = BOX.copy()  # (K, 6) float64, blocks
_BOX[ID["cactus"], 4] = 0.9375  # lower than it looks: a body that stands on it is in its cell (CACTUS_COLLISION_AABB)


@njit(nogil=True, cache=True)
def move(
    blocks: np.ndarray,
    shape: np.ndarray,
    body: np.record,
    half_width: float,
    height: float,
    step: float,
    vx: float,
    vy: float,
    vz: float,
    sneak: bool,
) -> tuple[float, float, float]:
    """Move a body by a velocity until blocks are in the way (Entity.moveEntity); returns the velocity that remains.

    `body` is a record with the fields `pos` (3,) float64, the centre of its feet, `on_ground` and `collided`, both
    int64, as in `PLAYER`; all three are changed. `half_width` and `height` are its size and `step` the height that it
    climbs without a jump, in blocks (0 for items); `sneak` keeps it from leaving a ledge. The velocity, in blocks per
    tick, is 0 along an axis on which the body was stopped, and smaller in soul sand. Gravity is the caller's.
    """
    pos = body.pos
    x, y, z = pos[0], pos[1], pos[2]
    to_x, to_y, to_z = x + vx, y + vy, z + vz
    if sneak and body.on_ground != 0:
        to_x, to_z = _keep_on_ledge(blocks, shape, x, y, z, half_width, height, step, vx, vz)

    new_y = _sweep_y(blocks, shape, x, x, y, z, z, half_width, height, to_y)
    new_x = _sweep_side(blocks, shape, 0, x, new_y, z, half_width, height, to_x)
    new_z = _sweep_side(blocks, shape, 2, z, new_y, new_x, half_width, height, to_z)
    stepped = False
    if step > 0.0 and (body.on_ground != 0 or (new_y != to_y and vy < 0.0)) and (new_x != to_x or new_z != to_z):
        # Twice from the start: up as far as the whole way allows, and up as far as the place where we stand allows.
        x_low, x_high, z_low, z_high = min(x, to_x), max(x, to_x), min(z, to_z), max(z, to_z)
        far_y = _sweep_y(blocks, shape, x_low, x_high, y, z_low, z_high, half_width, height, y + step)
        far_x = _sweep_side(blocks, shape, 0, x, far_y, z, half_width, height, to_x)
        far_z = _sweep_side(blocks, shape, 2, z, far_y, far_x, half_width, height, to_z)
        step_y = _sweep_y(blocks, shape, x, x, y, z, z, half_width, height, y + step)
        step_x = _sweep_side(blocks, shape, 0, x, step_y, z, half_width, height, to_x)
        step_z = _sweep_side(blocks, shape, 2, z, step_y, step_x, half_width, height, to_z)
        if _square(far_x - x, far_z - z) > _square(step_x - x, step_z - z):
            step_x, step_y, step_z = far_x, far_y, far_z
        if _square(step_x - x, step_z - z) > _square(new_x - x, new_z - z):
            stepped = True
            new_x, new_z = step_x, step_z
            new_y = _sweep_y(blocks, shape, step_x, step_x, step_y, step_z, step_z, half_width, height, y)

    pos[0], pos[1], pos[2] = new_x, new_y, new_z
    stopped = stepped or new_y != to_y
    body.collided = new_x != to_x or new_z != to_z
    body.on_ground = stopped and vy < 0.0
    drag = _drag_at_feet(blocks, shape, new_x, new_y, new_z, half_width)
    return drag * vx if new_x == to_x else 0.0, 0.0 if stopped else vy, drag * vz if new_z == to_z else 0.0


@njit(nogil=True, cache=True)
def overlaps(
    blocks: np.ndarray, shape: np.ndarray, x: float, y: float, z: float, half_width: float, height: float
) -> bool:
    """Tell whether a body whose feet's centre is at a point would overlap any solid block or the world's edges."""
    x_low, x_high = x - half_width + EPSILON, x + half_width - EPSILON
    y_low, y_high = y + EPSILON, y + height - EPSILON
    z_low, z_high = z - half_width + EPSILON, z + half_width - EPSILON
    for j in range(math.floor(y_low), math.ceil(y_high)):
        for i in range(math.floor(x_low), math.ceil(x_high)):
            for k in range(math.floor(z_low), math.ceil(z_high)):
                b = block_at(blocks, shape, i, j, k)
                if (
                    SOLID[b]
                    and i + _BOX[b, 0] < x_high
                    and i + _BOX[b, 3] > x_low
                    and j + _BOX[b, 1] < y_high
                    and j + _BOX[b, 4] > y_low
                    and k + _BOX[b, 2] < z_high
                    and k + _BOX[b, 5] > z_low
                ):
                    return True
    return False


@njit(nogil=True, cache=True)
def find_block(
    blocks: np.ndarray,
    shape: np.ndarray,
    pos: np.ndarray,
    half_width: float,
    height: float,
    side_margin: float,
    end_margin: float,
    block_id: int,
) -> tuple[int, int, int]:
    """Find a block of this id into whose cell a body's box reaches, whatever part of its cell the block fills.

    `pos` (3,) float64 is the centre of the body's feet, `half_width` and `height` its size in blocks. The margins grow
    the box sideways and at both ends; they are -`INSET` for the contact that hurts or slows (Entity.doBlockCollisions).
    Returns the block's position, the first in the order of x, y, z, or three times -1. The world's edges do not count.
    """
    side, top = half_width + side_margin, pos[1] + height + end_margin
    for i in range(max(math.floor(pos[0] - side), 0), min(math.floor(pos[0] + side) + 1, shape[0])):
        for j in range(max(math.floor(pos[1] - end_margin), 0), min(math.floor(top) + 1, shape[1])):
            for k in range(max(math.floor(pos[2] - side), 0), min(math.floor(pos[2] + side) + 1, shape[2])):
                if blocks[i, j, k] == block_id:
                    return i, j, k
    return -1, -1, -1


@njit(nogil=True, cache=True)
def block_at(blocks: np.ndarray, shape: np.ndarray, i: int, j: int, k: int) -> int:
    """Return the block id at a position anywhere: outside the world it is stone, above it air."""
    if i < 0 or k < 0 or j < 0 or i >= shape[0] or k >= shape[2]:
        return _STONE
    return int(blocks[i, j, k]) if j < shape[1] else _AIR


@njit(nogil=True, cache=True)
def _sweep_y(blocks, shape, x_low, x_high, y, z_low, z_high, half_width, height, target):
    """Where the feet get from `y` towards `target`, with the box's axis anywhere in the given ranges of x and z."""
    x_low, x_high = x_low - half_width + EPSILON, x_high + half_width - EPSILON
    z_low, z_high = z_low - half_width + EPSILON, z_high + half_width - EPSILON
    up, head = target > y, y + height
    j_low = math.floor(head + EPSILON) if up else math.floor(target)
    j_high = math.ceil(target + height) if up else math.ceil(y - EPSILON)
    for i in range(math.floor(x_low), math.ceil(x_high)):
        for k in range(math.floor(z_low), math.ceil(z_high)):
            for j in range(j_low, j_high):
                b = block_at(blocks, shape, i, j, k)
                if (
                    SOLID[b]
                    and i + _BOX[b, 0] < x_high
                    and i + _BOX[b, 3] > x_low
                    and k + _BOX[b, 2] < z_high
                    and k + _BOX[b, 5] > z_low
                ):
                    if up and j + _BOX[b, 1] >= head - EPSILON:
                        target = min(j + _BOX[b, 1] - height, target)
                    elif not up and j + _BOX[b, 4] <= y + EPSILON:
                        target = max(j + _BOX[b, 4], target)
    return target


@njit(nogil=True, cache=True)
def _sweep_side(blocks, shape, axis, a, y, c, half_width, height, target):
    """Where the box's axis gets from `a` towards `target` along x (0) or z (2), at `c` along the other of the two."""
    if target == a:
        return target
    other = 2 - axis
    low, high = c - half_width + EPSILON, c + half_width - EPSILON
    foot, head = y + EPSILON, y + height - EPSILON
    onwards = target > a
    face = a + half_width if onwards else a - half_width
    first = math.floor(face + EPSILON) if onwards else math.floor(target - half_width)
    last = math.ceil(target + half_width) if onwards else math.ceil(face - EPSILON)
    for p in range(first, last):
        for j in range(math.floor(foot), math.ceil(head)):
            for q in range(math.floor(low), math.ceil(high)):
                b = block_at(blocks, shape, p, j, q) if axis == 0 else block_at(blocks, shape, q, j, p)
                if (
                    SOLID[b]
                    and j + _BOX[b, 1] < head
                    and j + _BOX[b, 4] > foot
                    and q + _BOX[b, other] < high
                    and q + _BOX[b, other + 3] > low
                ):
                    if onwards and p + _BOX[b, axis] >= face - EPSILON:
                        target = min(p + _BOX[b, axis] - half_width, target)
                    elif not onwards and p + _BOX[b, axis + 3] <= face + EPSILON:
                        target = max(p + _BOX[b, axis + 3] + half_width, target)
    return target


@njit(nogil=True, cache=True)
def _keep_on_ledge(blocks, shape, x, y, z, half_width, height, step, vx, vz):
    """Where a sneaking body may go: its way is shortened until there is a block within a step's height below."""
    while vx != 0.0 and not overlaps(blocks, shape, x + vx, y - step, z, half_width, height):
        vx = _shorten(vx)
    while vz != 0.0 and not overlaps(blocks, shape, x, y - step, z + vz, half_width, height):
        vz = _shorten(vz)
    while vx != 0.0 and vz != 0.0 and not overlaps(blocks, shape, x + vx, y - step, z + vz, half_width, height):
        vx, vz = _shorten(vx), _shorten(vz)
    return x + vx, z + vz


@njit(nogil=True, cache=True)
def _drag_at_feet(blocks, shape, x, y, z, half_width):
    """The product of the drags of the blocks that the feet have sunk into (BlockSoulSand.onEntityCollidedWithBlock)."""
    drag, side = 1.0, half_width - INSET
    j = math.floor(y + INSET)  # soul sand further up cannot be entered: only its top is open
    for i in range(math.floor(x - side), math.floor(x + side) + 1):
        for k in range(math.floor(z - side), math.floor(z + side) + 1):
            drag *= DRAG[block_at(blocks, shape, i, j, k)]
    return drag


@njit(nogil=True, cache=True)
def _shorten(v):
    if -_LEDGE <= v < _LEDGE:
        return 0.0
    return v - _LEDGE if v > 0.0 else v + _LEDGE


@njit(nogil=True, cache=True)
def _square(a, b):
    return a * a + b * b
