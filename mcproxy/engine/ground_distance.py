"""Shortest paths over the ground of a world, for tasks that place objects and experts that walk to them.

The ground is the standing height of the feet in each column. Two neighbouring columns are joined if the step
between them is at most `climb` blocks; diagonal steps need both columns beside them free as well. A straight step
costs `STRAIGHT`, a diagonal one `DIAGONAL`; 7 / 5 is within 1 % of the square root of 2.
"""

import numpy as np
from numba import njit

from mcproxy.blocks import SOLID

STRAIGHT, DIAGONAL = 5, 7
UNREACHABLE = np.int64(2**30)
WALK, JUMP = np.arange(2)  # blocks that a step may rise: on foot, and with a jump


@njit(nogil=True, cache=True)
def ground(blocks: np.ndarray) -> np.ndarray:
    """The standing height of the feet in each column: (X, Z) int16 blocks, the top of the highest solid block.

    In a column without a solid block it is the world's height, which cannot be reached.
    """
    size_x, size_y, size_z = blocks.shape
    top = np.full((size_x, size_z), size_y, dtype=np.int16)
    for x in range(size_x):
        for z in range(size_z):
            for y in range(size_y - 1, -1, -1):
                if SOLID[blocks[x, y, z]]:
                    top[x, z] = y + 1
                    break
    return top


@njit(nogil=True, cache=True)
def distances(
    ground: np.ndarray, sources: np.ndarray, climb: int | np.integer, limit: int | np.integer = UNREACHABLE
) -> np.ndarray:
    """The cost of the shortest path from every column to the nearest source: (X, Z) int32.

    It is `UNREACHABLE` where no path exists that costs `limit` or less.
    `ground` is (X, Z) int16, `sources` (K, 2) int64 columns. A source may itself be too high to stand on (a pillar to
    be touched): paths enter it straight, never diagonally. Costs are small integers, so this is Dial's algorithm.
    """
    size_x, size_z = ground.shape
    best = np.full((size_x, size_z), UNREACHABLE, dtype=np.int32)
    queues = np.empty((DIAGONAL + 1, size_x * size_z), dtype=np.int32)  # a ring of buckets, by cost, of columns
    lengths = np.zeros(DIAGONAL + 1, dtype=np.int64)
    for k in range(sources.shape[0]):
        best[sources[k, 0], sources[k, 1]] = 0
        queues[0, k] = sources[k, 0] * size_z + sources[k, 1]
    lengths[0] = waiting = sources.shape[0]
    cost = 0
    while waiting > 0 and cost <= limit:
        bucket = cost % (DIAGONAL + 1)
        waiting -= lengths[bucket]
        for k in range(lengths[bucket]):
            x, z = queues[bucket, k] // size_z, queues[bucket, k] % size_z
            if best[x, z] != cost:
                continue
            for i in range(max(0, x - 1), min(size_x, x + 2)):
                for j in range(max(0, z - 1), min(size_z, z + 2)):
                    step = STRAIGHT if i == x or j == z else DIAGONAL
                    if cost + step > limit or cost + step >= best[i, j]:
                        continue
                    if not _enters(ground, i, j, x, z, climb, cost == 0):
                        continue
                    best[i, j] = cost + step
                    slot = (cost + step) % (DIAGONAL + 1)
                    if lengths[slot] < queues.shape[1]:
                        queues[slot, lengths[slot]] = i * size_z + j
                        lengths[slot] += 1
                        waiting += 1
        lengths[bucket] = 0
        cost += 1
    return best


@njit(nogil=True, cache=True)
def joined(ground: np.ndarray, x: int, z: int, i: int, j: int, climb: int | np.integer) -> bool:
    """Whether a player can step between two neighbouring columns, in either direction."""
    here, there = ground[x, z], ground[i, j]
    if abs(here - there) > climb:
        return False
    highest = max(here, there)
    return x == i or z == j or (ground[x, j] <= highest and ground[i, z] <= highest)


@njit(nogil=True, cache=True)
def next_column(ground: np.ndarray, field: np.ndarray, x: int, z: int, climb: int | np.integer) -> tuple[int, int]:
    """The next column of a shortest path, by a field of `distances`; the column itself if no neighbour is nearer."""
    at_x, at_z, least = x, z, field[x, z]
    for dx in range(-1, 2):
        for dz in range(-1, 2):
            i, j = x + dx, z + dz
            if i < 0 or j < 0 or i >= field.shape[0] or j >= field.shape[1] or field[i, j] == UNREACHABLE:
                continue
            if not _enters(ground, x, z, i, j, climb, field[i, j] == 0):
                continue
            cost = field[i, j] + (STRAIGHT if dx == 0 or dz == 0 else DIAGONAL)
            if cost <= least:
                at_x, at_z, least = i, j, cost
    return at_x, at_z


@njit(nogil=True, cache=True)
def _enters(ground: np.ndarray, x: int, z: int, i: int, j: int, climb: int | np.integer, source: bool) -> bool:
    """Whether (x, z) leads to its neighbour (i, j); a source on another level can only be touched, straight ahead."""
    if source and ground[x, z] != ground[i, j]:
        return x == i or z == j
    return joined(ground, x, z, i, j, climb)
