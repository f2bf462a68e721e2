"""How bright every place of a world is: levels of light flooded through the cells, and what is seen of them.

    blocks -> sky and block levels of every cell -> brightness of the open cells -> mean brightness at every corner

Light spreads as in Minecraft (Minecraft Wiki, "Light"): a cell passes its level on to its six neighbours, less the
opacity of the cell that it enters, 1 at least. Sky light comes straight down at level 15 without loss until it meets
any opacity; block light starts from what emits it. Above a world is open sky; below it and beside it all is dark. What
a cell gets depends on its own opacity and on its brightest neighbour, so cells that are visited in the order of falling
levels, from one list for each level, get their final level at once.

Faces are lit by their corners: the mean over the open ones of the eight cells that meet there. Cells that a full cube
fills, or that let no light through, are not open. Where every open cell has sky level 15 and no other light exceeds
daylight, nothing but plain daylight can be seen; in such worlds nothing is flooded, and they have no corners.

A change of some blocks changes levels within 15 blocks of it alone, and below: there all levels are flooded anew, from
the emitters within and from the levels that border on it.
"""

import functools
import math
from collections.abc import Sequence

import numpy as np
from numba import njit

from mcproxy import blocks as block_table

Place = Sequence[int] | np.ndarray  # x, y, z of a block
FULL = 15  # the highest level
FLOOR = 0.05  # brightness of level 0, so that caves are dark but something can be seen
_DARKNESS = 1 - np.arange(FULL + 1) / FULL
_CURVE = (1 - _DARKNESS) / (3 * _DARKNESS + 1)  # WorldProvider.generateLightBrightnessTable
CURVE = _CURVE * (1 - FLOOR) + FLOOR  # (16,) float64, brightness by level of sky light, 1 for 15
_LAMP = 1.5  # factor on block light (EntityRenderer.updateLightmap), up to what daylight outshines
BLOCK_CURVE = np.minimum(_LAMP * _CURVE, _CURVE[FULL - 1]) * (1 - FLOOR) + FLOOR  # (16,) the same for block light
LIGHTING = np.dtype(  # of one world
    [
        ("shape", "i8", 3),  # blocks
        ("plain", "u1"),  # whether nothing but plain daylight can be seen, so that there are no corners
        ("bright", "f4"),  # brightness that a corner of 255 stands for
    ]
)
_CLOSED = np.where((block_table.BOX == block_table.CUBE).all(axis=1), 16, 0)  # (K,) what fills its cell, with nothing
_CLOSED[block_table.ID["air"]] = 0  # to be seen in it
MEDIUM = (block_table.OPACITY + _CLOSED).astype(np.uint8)  # (K,) opacity in the low 4 bits; below 15: open
_SKY, _BLOCK = range(2)


def cells_of(shape: tuple[int, int, int]) -> int:
    """The cells of a world with one more on every side, as levels are kept."""
    return math.prod(size + 2 for size in shape)


def corners_of(shape: tuple[int, int, int]) -> int:
    """The corners of the cells of a world."""
    return math.prod(size + 1 for size in shape)


class Lighter:
    """Lights worlds of up to a given shape, one at a time, in buffers of its own."""

    def __init__(self, shape: tuple[int, int, int]) -> None:
        cells = cells_of(shape)
        self._medium, self._values = np.zeros(cells, dtype=np.uint8), np.zeros(cells, dtype=np.int32)
        self._heads, self._lists = np.zeros(FULL + 1, dtype=np.int32), np.zeros((2 * cells, 2), dtype=np.int32)

    def light(
        self,
        blocks: np.ndarray,
        low: Place,
        high: Place,
        daylight: float,
        lighting: np.ndarray,
        levels: np.ndarray,
        corners: np.ndarray,
    ) -> None:
        """Light a world, (X, Y, Z) uint8, anew after any blocks within [low, high) have changed; the first time, all.

        `lighting` is a `LIGHTING` record; where its `plain` is set, `levels` and `corners` mean nothing. `levels` is
        (2, cells) uint8, sky and block, index ((x + 1) (Y + 2) + y + 1) (Z + 2) + z + 1; `corners` is (corners,) uint8,
        index (x (Y + 1) + y) (Z + 1) + z.
        """
        bright, table = _brightness(daylight)
        whole = tuple(low) == (0, 0, 0) and tuple(high) == blocks.shape
        lighting["shape"], lighting["bright"] = blocks.shape, bright
        bounds = np.array([low, high], dtype=np.int64)
        dim = daylight >= BLOCK_CURVE[-1]
        _light(
            blocks, bounds, whole, dim, MEDIUM, block_table.LIGHT, table, lighting, levels, corners,
            self._medium, self._values, self._heads, self._lists,
        )  # fmt: skip


@functools.lru_cache(maxsize=256)
def _brightness(daylight: float) -> tuple[float, np.ndarray]:
    """The brightness that a corner of 255 stands for, and that of cells by sky and block level, (16, 16) int32."""
    bright = daylight if daylight >= BLOCK_CURVE[-1] else 1.0
    brightness = np.maximum(CURVE[:, None] * daylight, BLOCK_CURVE) / bright
    return bright, np.rint(255 * np.minimum(brightness, 1)).astype(np.int32)


@njit(nogil=True, cache=True)
def _light(
    blocks, bounds, whole, dim, media, emitted, table, lighting, levels, corners, medium, values, heads, lists
):  # fmt: skip
    size_x, size_y, size_z = blocks.shape
    step_y, step_x = size_z + 2, (size_y + 2) * (size_z + 2)
    emitters = False
    medium[: (size_x + 2) * step_x] = FULL
    for x in range(size_x):
        for y in range(size_y):
            cell = (x + 1) * step_x + (y + 1) * step_y + 1
            for z in range(size_z):
                kind = blocks[x, y, z]
                medium[cell + z] = media[kind]
                emitters |= emitted[kind] > 0
    if whole:
        levels[:, : (size_x + 2) * step_x] = 0
        for x in range(size_x):
            sky = (x + 1) * step_x + (size_y + 1) * step_y + 1
            levels[_SKY, sky : sky + size_z] = FULL
    region = np.empty((2, 3), dtype=np.int64)
    everything = whole or lighting.plain != 0  # of plain worlds there are no levels yet
    for k in range(3):
        size = blocks.shape[k]
        region[0, k] = 0 if everything or k == 1 else max(bounds[0, k] - FULL, 0)  # daylight falls all the way down
        region[1, k] = size if everything else min(bounds[1, k] + FULL, size)
    _fall(region, step_x, step_y, medium, levels[_SKY])
    lighting.plain = (dim or not emitters) and _all_lit(size_x, size_y, size_z, medium, levels[_SKY])
    if lighting.plain:
        return
    _spread_sky(blocks.shape, region, step_x, step_y, medium, levels[_SKY], heads, lists)
    _clear(region, step_x, step_y, levels[_BLOCK])
    for k in range(FULL + 1):
        heads[k] = -1
    count = _add_border(blocks.shape, region, step_x, step_y, levels[_BLOCK], heads, lists, 0)
    if emitters:
        for x in range(region[0, 0], region[1, 0]):
            for y in range(region[0, 1], region[1, 1]):
                cell = (x + 1) * step_x + (y + 1) * step_y + 1
                for z in range(region[0, 2], region[1, 2]):
                    level = int(emitted[blocks[x, y, z]])
                    if level > 0:
                        levels[_BLOCK, cell + z] = level
                        count = _add(level, cell + z, heads, lists, count)
    _flood(step_x, step_y, medium, levels[_BLOCK], heads, lists, count)
    _corners(blocks.shape, region, step_x, step_y, table, medium, levels, values, corners)


@njit(nogil=True, cache=True)
def _fall(region, step_x, step_y, medium, levels):
    """Let daylight fall into the region, in which all is dark where it does not come straight down."""
    for x in range(region[0, 0], region[1, 0]):
        for y in range(region[1, 1] - 1, -1, -1):
            low = (x + 1) * step_x + (y + 1) * step_y + 1 + region[0, 2]
            high = low + region[1, 2] - region[0, 2]
            here, over, through = levels[low:high], levels[low + step_y : high + step_y], medium[low:high]
            for z in range(here.size):
                here[z] = FULL if (over[z] == FULL) & (through[z] & 15 == 0) else 0


@njit(nogil=True, cache=True)
def _spread_sky(shape, region, step_x, step_y, medium, levels, heads, lists):
    """Flood the region with sky light from where daylight falls, and from the border."""
    for k in range(FULL + 1):
        heads[k] = -1
    count = _add_border(shape, region, step_x, step_y, levels, heads, lists, 0)
    for x in range(region[0, 0], region[1, 0]):
        for y in range(region[1, 1]):
            start = (x + 1) * step_x + (y + 1) * step_y + 1
            for cell in range(start + region[0, 2], start + region[1, 2]):
                if levels[cell] == FULL:
                    if (
                        _dark(medium, levels, cell - step_x) or _dark(medium, levels, cell + step_x)
                        or _dark(medium, levels, cell - 1) or _dark(medium, levels, cell + 1)
                        or _dark(medium, levels, cell - step_y)
                    ):  # fmt: skip
                        count = _add(FULL, cell, heads, lists, count)
                elif y == shape[1] - 1 and 0 < medium[cell] & 15 < FULL:
                    levels[cell] = FULL - (medium[cell] & 15)
                    count = _add(int(levels[cell]), cell, heads, lists, count)
    _flood(step_x, step_y, medium, levels, heads, lists, count)


@njit(nogil=True, cache=True)
def _dark(medium, levels, cell):
    return levels[cell] < FULL and medium[cell] & 15 < FULL


@njit(nogil=True, cache=True)
def _all_lit(size_x, size_y, size_z, medium, levels):
    """Whether every open cell has full sky light."""
    shadows = 0
    for x in range(size_x):
        start = ((x + 1) * (size_y + 2) + 1) * (size_z + 2)
        through, here = medium[start : start + size_y * (size_z + 2)], levels[start : start + size_y * (size_z + 2)]
        for k in range(here.size):
            shadows |= (through[k] < FULL) & (here[k] < FULL)
    return shadows == 0


@njit(nogil=True, cache=True)
def _clear(region, step_x, step_y, levels):
    for x in range(region[0, 0], region[1, 0]):
        for y in range(region[0, 1], region[1, 1]):
            start = (x + 1) * step_x + (y + 1) * step_y + 1
            for cell in range(start + region[0, 2], start + region[1, 2]):
                levels[cell] = 0


@njit(nogil=True, cache=True)
def _add_border(shape, region, step_x, step_y, levels, heads, lists, count):
    """List the cells that border on the region: their levels are final."""
    for axis in range(3):
        first, second = (1, 2) if axis == 0 else ((0, 2) if axis == 1 else (0, 1))
        steps = (step_x, step_y, 1)
        for side in range(2):
            at = region[side, axis] - 1 + side
            if not 0 <= at < shape[axis]:
                continue
            for one in range(region[0, first], region[1, first]):
                for other in range(region[0, second], region[1, second]):
                    cell = step_x + step_y + 1 + at * steps[axis] + one * steps[first] + other * steps[second]
                    count = _add(int(levels[cell]), cell, heads, lists, count)
    return count


@njit(nogil=True, cache=True)
def _add(level, cell, heads, lists, count):
    """Enter a cell into the list of its level: `lists` holds cell and next entry, `heads` the first of each level."""
    lists[count, 0], lists[count, 1] = cell, heads[level]
    heads[level] = count
    return count + 1


@njit(nogil=True, cache=True)
def _flood(step_x, step_y, medium, levels, heads, lists, count):
    """Spread the light of all listed cells, from the brightest level down."""
    steps = (-step_x, step_x, -step_y, step_y, -1, 1)
    for level in range(FULL, 1, -1):
        entry = heads[level]
        while entry >= 0:
            cell = lists[entry, 0]
            entry = lists[entry, 1]
            if levels[cell] != level:  # an emitter that something brighter has lit
                continue
            for step in steps:
                there = cell + step
                reached = level - max(medium[there] & 15, 1)
                if reached > levels[there]:
                    levels[there] = reached
                    count = _add(reached, there, heads, lists, count)


@njit(nogil=True, cache=True)
def _corners(shape, region, step_x, step_y, table, medium, levels, values, corners):
    """Average the brightness of the open cells around each corner of the region."""
    one = 1 << 16  # a cell's value: its brightness, and this if it is open
    size_x, size_y, size_z = shape
    sky, block = levels[_SKY], levels[_BLOCK]
    low_z, high_z = region[0, 2], region[1, 2]
    daylight = one + table[FULL, 0]
    for x in range(region[0, 0] - 1, region[1, 0] + 1):
        for y in range(region[0, 1] - 1, region[1, 1] + 1):
            start = (x + 1) * step_x + (y + 1) * step_y + 1
            if y == size_y and 0 <= x < size_x:  # above the world
                for z in range(low_z - 1, high_z + 1):
                    values[start + z] = daylight if 0 <= z < size_z else 0
            else:
                for cell in range(start + low_z - 1, start + high_z + 1):
                    values[cell] = one + table[sky[cell], block[cell]] if medium[cell] < FULL else 0
    for x in range(region[0, 0], region[1, 0] + 1):
        for y in range(region[0, 1], region[1, 1] + 1):
            start = x * step_x + y * step_y
            row = (x * (size_y + 1) + y) * (size_z + 1)
            a, b = values[start : start + size_z + 2], values[start + step_y : start + step_y + size_z + 2]
            start += step_x
            c, d = values[start : start + size_z + 2], values[start + step_y : start + step_y + size_z + 2]
            for z in range(low_z, high_z + 1):
                total = (a[z] + b[z] + c[z] + d[z]) + (a[z + 1] + b[z + 1] + c[z + 1] + d[z + 1])
                count = max(total >> 16, 1)
                mean = np.float32(total & 65535) / np.float32(count) + np.float32(0.5)
                corners[row + z] = np.uint8(np.int32(mean))
