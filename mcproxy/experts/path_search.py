"""Ways through a world in three dimensions: where somebody can stand, and how to get from there to there.

A place to stand is a cell with something solid under the feet and room for the body; what hangs overhead is no matter.
From one to the next somebody walks (straight or diagonally, cutting no corner), jumps up one block, drops up to
`DROP` blocks, jumps over a gap of one or two columns, or digs through what is in the way. Costs count tenths of a
block of walking; a tick of digging is as long as 0.2 blocks of walking.
"""

import heapq
import math

import numpy as np
from numba import njit

from mcproxy.blocks import BOX, FALLS, FLUID, HEIGHT, HURTS, SOLID
from mcproxy.engine import ground_distance
from mcproxy.engine.simulation.interaction import REACH
from mcproxy.engine.simulation.physics import HALF_WIDTH, STANDING, STEP
from mcproxy.experts.line_of_sight import PROBE, looks
from mcproxy.items import BREAK_TICKS

STRAIGHT, DIAGONAL = 2 * ground_distance.STRAIGHT, 2 * ground_distance.DIAGONAL  # so that half a block is whole, too
DROP = 3  # blocks, which hurt nobody (life.SAFE_FALL)
JUMP_RISE = 1.2  # blocks of the 1.25 that a jump rises
GAP = 2  # columns that a walking player jumps over: 1.4 blocks from edge to edge of the 2.6 that a jump takes him
NOBODY = -1.0  # the height of the feet where there is no standing
HARD = np.int64(2**28)  # the cost of what nobody gets through
_GAP_COST = 5  # for a jump over a gap, so that equally long ways on foot are taken
_DIG_TICK, _DIG_BLOCK = 2, 12  # for a tick of digging, and for aiming at one more block
_FLOOD, _SLIDE = 200, 60  # for laying a fluid bare, and for letting sand down
_SHUN = 300  # for a step at a place that is to be avoided
_PASS = BOX[:, 3] - BOX[:, 0] < 0.5  # (K,) bool: doors and other panels carry nobody
_ROUNDING = 0.01  # blocks


@njit(nogil=True, cache=True)
def standing(blocks: np.ndarray) -> np.ndarray:
    """The height of the feet of who stands with them in a cell, `NOBODY` where there is nothing to stand on.

    (X, Y, Z) float64, of blocks (X, Y, Z) uint8. Whether there is room for the body is for `barriers` to say.
    """
    size_x, size_y, size_z = blocks.shape
    feet = np.full((size_x, size_y, size_z), NOBODY)
    for x in range(size_x):
        for y in range(size_y):
            for z in range(size_z):
                here = blocks[x, y, z]
                if SOLID[here]:
                    if HEIGHT[here] < 1.0 and HURTS[here] == 0 and not _PASS[here]:
                        feet[x, y, z] = y + HEIGHT[here]
                elif not FLUID[here] and _carries(blocks, x, y - 1, z):
                    feet[x, y, z] = y
    return feet


@njit(nogil=True, cache=True)
def barriers(blocks: np.ndarray, item: int) -> np.ndarray:
    """What it costs a body to get through each cell: (X, Y, Z) int64, 0 where it is free and `HARD` where it cannot.

    With an `item` (0 is the bare hand) solid blocks can be dug with it; with -1 they cannot.
    """
    size_x, size_y, size_z = blocks.shape
    costs = np.zeros((size_x, size_y, size_z), dtype=np.int64)
    for x in range(size_x):
        for y in range(size_y):
            for z in range(size_z):
                here = blocks[x, y, z]
                if FLUID[here] or (SOLID[here] and (item < 0 or HURTS[here] > 0 or BREAK_TICKS[0, item, here] < 0)):
                    costs[x, y, z] = HARD
                elif SOLID[here]:
                    cost = _DIG_BLOCK + _DIG_TICK * BREAK_TICKS[0, item, here]
                    for axis in range(-1, 5):  # above, and the four sides
                        i, j, k = x + (axis == 1) - (axis == 2), y + (axis < 0), z + (axis == 3) - (axis == 4)
                        if 0 <= i < size_x and j < size_y and 0 <= k < size_z:
                            cost += _FLOOD if FLUID[blocks[i, j, k]] else 0
                            cost += _SLIDE if axis < 0 and FALLS[blocks[i, j, k]] else 0
                    costs[x, y, z] = cost
    return costs


@njit(nogil=True, cache=True)
def footing(feet: np.ndarray, pos: np.ndarray) -> tuple[int, int, int]:
    """The cell in which somebody at `pos` (3,) stands, also with a foot beyond an edge; three times -1 if in none."""
    y = pos[1] + _ROUNDING
    best, found = 9.0, (-1, -1, -1)
    for x in range(math.floor(pos[0] - HALF_WIDTH), math.floor(pos[0] + HALF_WIDTH) + 1):
        for z in range(math.floor(pos[2] - HALF_WIDTH), math.floor(pos[2] + HALF_WIDTH) + 1):
            inside = 0 <= x < feet.shape[0] and 0 <= z < feet.shape[2] and 0 <= y < feet.shape[1]
            if inside and abs(feet[x, int(y), z] - pos[1]) < 0.1:
                far = (x + 0.5 - pos[0]) ** 2 + (z + 0.5 - pos[2]) ** 2
                if far < best:
                    best, found = far, (x, int(y), z)
    return found


@njit(nogil=True, cache=True)
def lowest(height: float) -> int:
    """The lowest cell that a body with its feet at a height is in, and that must be free."""
    return math.ceil(height - _ROUNDING)


@njit(nogil=True, cache=True)
def highest(height: float) -> int:
    """The highest cell that a body with its feet at a height is in."""
    return math.floor(height + STANDING - _ROUNDING)


@njit(nogil=True, cache=True)
def search(
    blocks: np.ndarray,
    feet: np.ndarray,
    costs: np.ndarray,
    start: tuple[int, int, int],
    boxes: np.ndarray,
    cells: np.ndarray,
    shunned: np.ndarray,
    banned: np.ndarray,
    jumps: bool,
    level: bool,
    lift: float,
    view: tuple[float, float, float, float],
) -> tuple[np.ndarray, int]:
    """The cheapest way from a cell to where the feet are in a box, or a cell is in view within reach.

    `boxes` (K, 7) float64 are low x, y, z, high x, y, z, and a radius within which of the box's centre the feet must
    be besides (0 for no such); `lift` is how far below a box's bottom somebody may stand who will jump into it.
    `cells` (C, 3) int64 are looked at along `view`: a yaw and a pitch in degrees, and by how many the two can be
    changed at a time (0: not at all). `shunned` (S, 6) float64 are boxes to be kept out of where possible, `banned`
    (B, 3) int64 cells that are no good as an end. `jumps` tells whether there is jumping, `level` whether there is no
    digging up or down. Returns the way as (L, 3) float64 points of the feet, from the start on, and which target it
    leads to: boxes count first, then cells; no way and -1 if there is none.
    """
    size_x, size_y, size_z = feet.shape
    best = np.full((size_x, size_y, size_z), HARD, dtype=np.int64)
    origin = np.full((size_x, size_y, size_z), -1, dtype=np.int64)
    done = np.zeros((size_x, size_y, size_z), dtype=np.bool_)
    no_end = np.zeros((size_x, size_y, size_z), dtype=np.bool_)
    for n in range(banned.shape[0]):
        no_end[banned[n, 0], banned[n, 1], banned[n, 2]] = True
    low, high = _bounds(boxes, cells)
    scratch, probe, place = blocks.copy(), np.zeros(1, dtype=PROBE), np.zeros(4, dtype=np.int64)
    x, y, z = start
    best[x, y, z] = 0
    heap = [(_remaining(low, high, x, z), (x * size_y + y) * size_z + z)]
    while len(heap) > 0:
        _, node = heapq.heappop(heap)
        x, y, z = node // (size_y * size_z), node // size_z % size_y, node % size_z
        if done[x, y, z]:
            continue
        done[x, y, z] = True
        foot = feet[x, y, z] if feet[x, y, z] >= 0 else float(y)
        if not no_end[x, y, z]:
            target = _arrives(boxes, x, foot, z, lift)
            if target < 0 and cells.size > 0:
                target = looks(scratch, probe, place, cells, x, y, z, foot, view)
                target += boxes.shape[0] if target >= 0 else 0
            if target >= 0:
                return _trace(feet, origin, node), target
        spent = best[x, y, z]
        for dx in range(-1, 2):
            for dz in range(-1, 2):
                i, k = x + dx, z + dz
                if i < 0 or k < 0 or i >= size_x or k >= size_z:
                    continue
                for j in range(min(y + 1, size_y - 1), max(y - DROP, 0) - 1, -1):
                    if done[i, j, k]:
                        continue
                    cost = _step(blocks, feet, costs, x, z, foot, i, j, k, jumps, level)
                    if cost < HARD:
                        cost += spent + _SHUN * _shuns(shunned, i, feet[i, j, k] if feet[i, j, k] >= 0 else j, k)
                        if cost < best[i, j, k]:
                            best[i, j, k], origin[i, j, k] = cost, node
                            ahead = cost + _remaining(low, high, i, k)
                            heapq.heappush(heap, (ahead, (i * size_y + j) * size_z + k))
                if jumps and (dx == 0) != (dz == 0):
                    for far in range(2, GAP + 2):
                        i, k = x + far * dx, z + far * dz
                        if i < 0 or k < 0 or i >= size_x or k >= size_z:
                            break
                        for j in range(min(y + 1, size_y - 1), max(y - DROP, 0) - 1, -1):
                            if feet[i, j, k] < 0 or done[i, j, k]:
                                continue
                            if not _leaps(feet, costs, x, z, foot, dx, dz, far, feet[i, j, k]):
                                continue
                            cost = spent + STRAIGHT * far + _GAP_COST + _SHUN * _shuns(shunned, i, feet[i, j, k], k)
                            if cost < best[i, j, k]:
                                best[i, j, k], origin[i, j, k] = cost, node
                                ahead = cost + _remaining(low, high, i, k)
                                heapq.heappush(heap, (ahead, (i * size_y + j) * size_z + k))
    return np.zeros((0, 3)), -1


@njit(nogil=True, cache=True)
def _carries(blocks, x, y, z):
    """Whether somebody can stand on top of a cell; the bottom of the world is stone."""
    if y < 0:
        return True
    block = blocks[x, y, z]
    return SOLID[block] and HEIGHT[block] == 1.0 and HURTS[block] == 0 and not _PASS[block]


@njit(nogil=True, cache=True)
def _through(costs, i, low, high, k):
    """The cost of a column's cells from `low` to `high`; above the world there is air."""
    total = 0
    for j in range(max(low, 0), min(high + 1, costs.shape[1])):
        total += costs[i, j, k]
        if total >= HARD:
            return HARD
    return total


@njit(nogil=True, cache=True)
def _step(blocks, feet, costs, x, z, foot, i, j, k, jumps, level):
    """The cost of the step from (x, foot, z) into the cell (i, j, k) beside it or below it; `HARD` if there is none."""
    there = feet[i, j, k]
    straight = i == x or k == z
    if there < 0:  # is there standing when it has been dug?
        if costs[i, j, k] == 0 or costs[i, j, k] >= HARD or not straight or not _carries(blocks, i, j - 1, k):
            return HARD
        there = float(j)
    rise, high = there - foot, max(there, foot)
    if rise > JUMP_RISE or rise < -DROP - _ROUNDING or (rise > STEP and not jumps):
        return HARD
    if i == x and k == z:
        cost = _through(costs, i, lowest(there), lowest(foot) - 1, k) if rise < 0 and not level else HARD
        return cost if cost >= HARD or cost == 0 else cost + int(-rise * STRAIGHT)
    cost = _through(costs, i, lowest(there), highest(high), k)
    if rise > 0 and cost < HARD:
        cost += _through(costs, x, highest(foot) + 1, highest(there), z)
    if level and cost > 0 and abs(rise) > STEP:
        return HARD
    if straight or cost >= HARD:
        return cost + STRAIGHT
    if cost > 0 or not (_open(feet, costs, i, high, z) and _open(feet, costs, x, high, k)):
        return HARD
    return DIAGONAL


@njit(nogil=True, cache=True)
def _open(feet, costs, i, foot, k):
    """Whether a body passes over a column at this height, and would come to no harm in it."""
    if _through(costs, i, lowest(foot), highest(foot), k) > 0:
        return False
    for j in range(min(lowest(foot), feet.shape[1] - 1), max(lowest(foot) - DROP, 0) - 1, -1):
        if feet[i, j, k] >= 0:
            return True
        if costs[i, j, k] > 0:
            return False
    return False


@njit(nogil=True, cache=True)
def _leaps(feet, costs, x, z, foot, dx, dz, far, there):
    """Whether a jump leads over the columns between to a place `far` columns away."""
    rise = there - foot
    if rise > (JUMP_RISE if far == 2 else 0.2) or rise < -DROP - _ROUNDING:
        return False
    head = highest(foot + 1.0)
    for n in range(far + 1):
        i, k = x + n * dx, z + n * dz
        low = highest(foot) + 1 if n == 0 else (lowest(min(there, foot)) if n == far else lowest(foot))
        if n == far and rise > 0:
            low = lowest(there)
        if _through(costs, i, low, head, k) > 0:
            return False
        if 0 < n < far:
            for j in range(lowest(foot) - 1, min(lowest(foot) + 1, feet.shape[1])):
                if j >= 0 and feet[i, j, k] >= 0 and abs(feet[i, j, k] - foot) <= STEP:
                    return False  # one walks there
    return True


@njit(nogil=True, cache=True)
def _arrives(boxes, x, foot, z, lift):
    """The first box in which the feet of who stands in a cell can be, or -1."""
    for n in range(boxes.shape[0]):
        box = boxes[n]
        if box[0] > x + 1 - HALF_WIDTH or box[3] < x + HALF_WIDTH:
            continue
        if box[2] > z + 1 - HALF_WIDTH or box[5] < z + HALF_WIDTH:
            continue
        if foot > box[4] or foot + lift < box[1]:
            continue
        if box[6] > 0:
            far_x = max(abs((box[0] + box[3]) / 2 - x - 0.5) + HALF_WIDTH - 0.5, 0.0)
            far_z = max(abs((box[2] + box[5]) / 2 - z - 0.5) + HALF_WIDTH - 0.5, 0.0)
            far_y = max((box[1] + box[4]) / 2 - foot - lift, foot - (box[1] + box[4]) / 2, 0.0)
            if far_x * far_x + far_y * far_y + far_z * far_z > box[6] * box[6]:
                continue
        return n
    return -1


@njit(nogil=True, cache=True)
def _bounds(boxes, cells):
    """Low and high (x, z) of all targets, from where a cell may be in reach."""
    low, high = np.full(2, 1e9), np.full(2, -1e9)
    for axis in range(2):
        for n in range(boxes.shape[0]):
            low[axis] = min(low[axis], boxes[n, 2 * axis])
            high[axis] = max(high[axis], boxes[n, 3 + 2 * axis])
        for n in range(cells.shape[0]):
            low[axis] = min(low[axis], cells[n, 2 * axis] - REACH)
            high[axis] = max(high[axis], cells[n, 2 * axis] + 1 + REACH)
    return low, high


@njit(nogil=True, cache=True)
def _remaining(low, high, x, z):
    """No more than what the way from a column to all targets' bounds costs."""
    a = max(low[0] - x - 1.0, x - high[0], 0.0)
    b = max(low[1] - z - 1.0, z - high[1], 0.0)
    return int(STRAIGHT * max(a, b) + (DIAGONAL - STRAIGHT) * min(a, b))


@njit(nogil=True, cache=True)
def _shuns(shunned, x, foot, z):
    for n in range(shunned.shape[0]):
        box = shunned[n]
        in_x = box[0] <= x + 1 - HALF_WIDTH and box[3] >= x + HALF_WIDTH
        if in_x and box[2] <= z + 1 - HALF_WIDTH and box[5] >= z + HALF_WIDTH and box[1] <= foot <= box[4]:
            return 1
    return 0


@njit(nogil=True, cache=True)
def _trace(feet, origin, node):
    """The way to a node, from its start on."""
    size_y, size_z = feet.shape[1], feet.shape[2]
    length, at = 0, node
    while at >= 0:
        length += 1
        at = origin[at // (size_y * size_z), at // size_z % size_y, at % size_z]
    way = np.zeros((length, 3))
    at = node
    for n in range(length - 1, -1, -1):
        x, y, z = at // (size_y * size_z), at // size_z % size_y, at % size_z
        way[n, 0], way[n, 2] = x + 0.5, z + 0.5
        way[n, 1] = feet[x, y, z] if feet[x, y, z] >= 0 else y
        at = origin[x, y, z]
    return way
