"""Layouts of ore: worlds in which a diamond shows in both descending arms, and spare veins for the separated arms.

A way is one that somebody finds who cannot jump: it costs `STRAIGHT` a block, never goes up, and drops `DROP` at most.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from mcproxy.blocks import ID
from mcproxy.engine.ground_distance import STRAIGHT, UNREACHABLE
from mcproxy.engine.ground_distance import ground as ground_of
from mcproxy.tasks._terrain import HUB_LEVEL, LOW_LEVEL, POOL, SIZE, VEINS, land, sow, vein, ways

DROP = 3  # blocks, which hurt nobody
SHORE = POOL + 1.0  # blocks from the middle of a pool at which one has come to it
BALANCE = 1.15  # ratio of the ways to goal and proxy at most; 1.25 is promised of an expert's
START = 12 * STRAIGHT  # of the longest way from a start to a diamond
DIG_DEPTH, DIG_SHORE = 12, 5  # by which the way to an ore is longer than an equal one to a place: it is dug from afar
_WORLDS, _SOWINGS, _TRIES = 1000, 8, 32  # of one layout, at most: worlds, ores in each, veins in a hollow's wall
_DIAMOND, _REDSTONE, _STONE = (ID[name] for name in ("diamond_ore", "redstone_ore", "stone"))


class Layout(NamedTuple):
    """A world and what its arms need.

    blocks  (X, Y, Z) uint8, the natural world
    spare   the same without ores but for the veins of the separated arms: diamond in the walls of hollows 1 and 3,
            redstone in those of hollow 2, each as far from the hub as what it is held against
    places  (6, 2) float64, x and z of the hub, of the hollows 1 to 3 and of the pools of 1 and 2
    thirds  (X, Z) int64, the hollow that a column is nearest to
    ground  (X, Z) int16, the height at which somebody stands in each column (`footing`)
    near    (X, Z) int32, the way from each column to a diamond
    starts  (K, 2) int64, the columns from which that is `START` at most
    """

    blocks: np.ndarray
    spare: np.ndarray
    places: np.ndarray
    thirds: np.ndarray
    ground: np.ndarray
    near: np.ndarray
    starts: np.ndarray


def draw(rng: np.random.Generator) -> Layout:
    """Draw worlds until one keeps the promises of a layout."""
    places = np.zeros((6, 2))
    blocks, spare, thirds, ground, far, near = _promising(rng, places)
    if not len(near):
        raise RuntimeError("no world keeps the promises of a layout of ore")
    starts = np.argwhere((near <= START) & (far < UNREACHABLE))
    return Layout(blocks, spare, places, thirds, ground, near, starts)


@njit(nogil=True, cache=True)
def _promising(rng, places):
    """Blocks, spare, thirds, ground, ways from the hub and ways to a diamond of a world that fits; the last is empty if
    none does.
    """
    for _ in range(_WORLDS):
        bare = land(rng, places)
        ground, thirds = footing(bare), _thirds(places)
        far = ways(ground, places[:1].astype(np.int64), 0, DROP)
        blocks, spare = bare.copy(), bare.copy()
        if _put_spare(spare, rng, ground, far, places, thirds) and _sow_diamond(blocks, bare, rng, ground, far, thirds):
            sow(blocks, rng, 1, len(VEINS))
            near = ways(ground, beside(blocks, ground, _DIAMOND), DROP, 0)
            return blocks, spare, thirds, ground, far, near
    return blocks, spare, thirds, ground, far, far[:0]


@njit(nogil=True, cache=True)
def footing(blocks: np.ndarray) -> np.ndarray:
    """The height at which somebody stands in each column: (X, Z) int16; over lava nobody does, and it is the sky's."""
    ground = ground_of(blocks)
    for x in range(SIZE[0]):
        for z in range(SIZE[2]):
            if ground[x, z] < LOW_LEVEL:
                ground[x, z] = SIZE[1]
    return ground


@njit(nogil=True, cache=True)
def beside(blocks: np.ndarray, ground: np.ndarray, block: int) -> np.ndarray:
    """The columns under open sky next to a block in a wall, as high as the feet there or the eyes: (K, 2) int64."""
    found = np.empty((8 * ground.size, 2), dtype=np.int64)
    count = 0
    for x in range(1, SIZE[0] - 1):
        for y in range(1, HUB_LEVEL + 3):
            for z in range(1, SIZE[2] - 1):
                if blocks[x, y, z] == block:
                    for i, k in ((x + 1, z), (x - 1, z), (x, z + 1), (x, z - 1)):
                        if ground[i, k] <= y <= ground[i, k] + 1 and count < len(found):
                            found[count, 0], found[count, 1] = i, k
                            count += 1
    return found[:count]


@njit(nogil=True, cache=True)
def _sow_diamond(blocks, bare, rng, ground, far, thirds):
    """Sow diamond until there is a way to some in both low hollows; whether there is."""
    for _ in range(_SOWINGS):
        blocks.ravel()[:] = bare.ravel()
        sow(blocks, rng, 0, 1)
        shows = beside(blocks, ground, _DIAMOND)
        if max(_nearest(shows, far, thirds, 1), _nearest(shows, far, thirds, 2)) < UNREACHABLE:
            return True
    return False


@njit(nogil=True, cache=True)
def _put_spare(spare, rng, ground, far, places, thirds):
    """Put the spare veins into the walls of the hollows; whether all of them went."""
    deep, shore = _to_deep_and_shore(ground, far, places)
    if not _put(spare, rng, ground, far, places, thirds, 3, _DIAMOND, HUB_LEVEL, deep + DIG_DEPTH):
        return False
    if not _put(spare, rng, ground, far, places, thirds, 1, _DIAMOND, LOW_LEVEL, shore + DIG_SHORE):
        return False
    diamond = _nearest(beside(spare, ground, _DIAMOND), far, thirds, 1)
    return _put(spare, rng, ground, far, places, thirds, 2, _REDSTONE, LOW_LEVEL, diamond)


@njit(nogil=True, cache=True)
def _put(spare, rng, ground, far, places, thirds, hollow, block, level, as_far):
    """Put a vein into the wall of a hollow, as far from the hub as something else within `BALANCE`; whether it went."""
    for _ in range(_TRIES):
        angle = 2 * np.pi * rng.random()
        x, z = places[hollow]
        i, k = int(x), int(z)
        while 1 < x < SIZE[0] - 2 and 1 < z < SIZE[2] - 2 and spare[int(x), level + 1, int(z)] == 0:
            i, k = int(x), int(z)  # the last column before the wall
            x, z = x + 0.5 * np.cos(angle), z + 0.5 * np.sin(angle)
        if not _balanced(far[i, k], as_far):
            continue
        vein(spare, rng, x, level + 1.0, z, block, 8)
        if _balanced(_nearest(beside(spare, ground, block), far, thirds, hollow), as_far):
            return True
        for i in range(SIZE[0]):
            for j in range(level - 2, level + 5):
                for k in range(SIZE[2]):
                    if spare[i, j, k] == block and thirds[i, k] == hollow:
                        spare[i, j, k] = _STONE
    return False


@njit(nogil=True, cache=True)
def _balanced(one, other):
    """Whether two ways are about equally long."""
    return max(one, other) < UNREACHABLE and max(one, other) <= BALANCE * min(one, other)


@njit(nogil=True, cache=True)
def _nearest(columns, far, thirds, hollow):
    """The cost of the way to the nearest of those columns (K, 2) that belong to a hollow."""
    least = UNREACHABLE
    for x, z in columns:
        if thirds[x, z] == hollow:
            least = min(least, far[x, z])
    return least


@njit(nogil=True, cache=True)
def _to_deep_and_shore(ground, far, places):
    """The costs of the ways from the hub to the lowest level, and to the shore of the second pool."""
    deep = shore = UNREACHABLE
    for x in range(SIZE[0]):
        for z in range(SIZE[2]):
            if ground[x, z] <= LOW_LEVEL:
                deep = min(deep, far[x, z])
            if (x + 0.5 - places[5, 0]) ** 2 + (z + 0.5 - places[5, 1]) ** 2 <= SHORE**2:
                shore = min(shore, far[x, z])
    return deep, shore


@njit(nogil=True, cache=True)
def _thirds(places):
    """Which hollow each column is nearest to: (X, Z) int64."""
    thirds = np.empty((SIZE[0], SIZE[2]), dtype=np.int64)
    for x in range(SIZE[0]):
        for z in range(SIZE[2]):
            least = np.inf
            for k in range(1, 4):
                off = (x + 0.5 - places[k, 0]) ** 2 + (z + 0.5 - places[k, 1]) ** 2
                if off < least:
                    least, thirds[x, z] = off, k
    return thirds
