"""Turns the blocks of a world into the rectangles that can be seen of it.

    blocks -> padded ids, heights, covers -> for each of six sides: exposed faces -> greedily merged rectangles (quads)
                                                                    faces of small boxes -> a quad each

Most blocks are layers: they fill their cell from below up to a height, a full cube up to 16 sixteenths. A face of one
is exposed if what stands before it covers less than its height (or, above and below, does not touch it). Faces of equal
blocks in one plane merge into rectangles, first along one axis, then along the other. Rectangles have float bounds, so
that slabs and soul sand are rectangles like any other. The other blocks (doors, chests, torches) are boxes within their
cell, and their faces are not merged. Faces on the border of the array that look outwards are never exposed: the border
is padded with full blocks, but the sky is air.

Water covers nothing, as eyes get into it, and has no faces towards water. It is 14 sixteenths high, but fills its cell
under more water; where that meets lower water, the strip between the two surfaces is closed by a quad of its own.

Faces that look the same way never lie on each other: in one column of cells their planes are as far apart as the boxes
are thick, and other columns do not overlap. Of two that look at each other, at most one faces the eye.

The sides are numbered 0 to 5: -x, +x, -y, +y, -z, +z; `side >> 1` is the axis that a side is perpendicular to. The
other two axes, in ascending order, are the quad's first and second axis.
"""

import math

import numpy as np
from numba import njit

from mcproxy import blocks as block_table

LANES = 16  # float32 in a 512-bit register; quads and pixels are kept in groups of so many
QUADS = np.dtype(  # 16 quads of one side, lanes first; unused lanes have plane NaN, so that no test holds for them
    [
        ("plane", "f4", LANES),  # coordinate on the axis that the side is perpendicular to
        ("first_low", "f4", LANES),  # bounds on the first and the second of the other axes
        ("first_high", "f4", LANES),
        ("second_low", "f4", LANES),
        ("second_high", "f4", LANES),
        ("face", "f4", LANES),  # block id * 8 + side; whole numbers, exact in float32
    ]
)
MAX_BEAMS = LANES  # of one world: further beacons have none
WATER = block_table.ID["water"]
_BEACON = block_table.ID["beacon"]
_DEEP = len(block_table.BLOCKS)  # in place of water that has water above
_NAN = np.float32(np.nan)
_PLAIN, _BEAMING, _WET, _BOXED = range(4)  # what else there is to do about a kind


def _forms() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """By kind, `_DEEP` included: what `_mesh` enters for it, (K + 1,) int64, its height in sixteenths, its box.

    An entry is id | height << 8 | cover << 16 | what else << 24; boxes that are no layers have no id there.
    """
    assert _DEEP < 256, "ids are kept in bytes"
    boxes = np.concatenate([block_table.BOX, [block_table.CUBE]])
    heights, entries = np.zeros(_DEEP + 1, dtype=np.uint8), np.zeros(_DEEP + 1, dtype=np.int64)
    for kind in range(1, _DEEP + 1):
        x_low, y_low, z_low, x_high, y_high, z_high = boxes[kind]
        if (x_low, y_low, z_low, x_high, z_high) != (0, 0, 0, 1, 1):
            entries[kind] = _BOXED << 24
            continue
        heights[kind] = round(y_high * 16)
        cover = 0 if kind in (WATER, _DEEP) else int(heights[kind])
        more = _BEAMING if kind == _BEACON else (_WET if cover == 0 else _PLAIN)
        entries[kind] = kind | int(heights[kind]) << 8 | cover << 16 | more << 24
    return entries, heights, boxes.astype(np.float32)


_ENTRIES, _HEIGHT_16, _BOXES = _forms()


class Mesher:
    """Meshes worlds of up to a given shape, one at a time, in buffers of its own."""

    def __init__(self, shape: tuple[int, int, int]) -> None:
        cells = (shape[0] + 2) * (shape[1] + 2) * ((shape[2] + 2 + 7) // 8 * 8)
        self._ids, self._heights, self._covers = np.zeros((3, cells), dtype=np.uint8)
        self._words = np.zeros(cells // 8, dtype=np.uint64)
        self._mask = self._words.view(np.uint8)  # the same memory, a byte a cell
        self._boxed = np.zeros((math.prod(shape), 4), dtype=np.int32)

    def mesh(self, blocks: np.ndarray, quads: np.ndarray, starts: np.ndarray, beams: np.ndarray) -> int:
        """Fill `quads`, (G,) `QUADS`, and `starts`, (7,) int64: side s has the groups starts[s] to starts[s + 1] - 1.

        `beams`, (MAX_BEAMS, 3) float32, gets the middle of the foot of each beam, in blocks, and NaN after the last: a
        beacon has one if nothing but air is above it. Returns the number of groups needed; if that exceeds G the mesh
        is incomplete, so call again with more room.
        """
        return _mesh(
            blocks, _ENTRIES, _HEIGHT_16, _BOXES, self._ids, self._heights, self._covers, self._mask, self._words,
            self._boxed, quads, starts, beams,
        )  # fmt: skip


@njit(nogil=True, cache=True)
def _mesh(blocks, entries, height_16, boxes, ids, heights, covers, mask, words, boxed, quads, starts, beams):
    size_x, size_y, size_z = blocks.shape
    step_y = (size_z + 2 + 7) // 8 * 8
    step_x = (size_y + 2) * step_y
    cells = (size_x + 2) * step_x
    for cell in range(cells):
        ids[cell], heights[cell], covers[cell] = 0, 16, 16
    num_beams, num_boxed, wet = 0, 0, False
    for x in range(size_x):
        for y in range(size_y):
            cell = (x + 1) * step_x + (y + 1) * step_y + 1
            for z in range(size_z):
                kind = np.int64(blocks[x, y, z])
                entry = entries[kind]
                if entry >> 24 != _PLAIN:
                    if kind == _BEACON and num_beams < MAX_BEAMS and open_above(blocks, x, y, z):
                        beams[num_beams, 0], beams[num_beams, 1], beams[num_beams, 2] = x + 0.5, y + 1, z + 0.5
                        num_beams += 1
                    elif kind == WATER:
                        wet = True
                        if is_deep(blocks, x, y, z):
                            kind, entry = _DEEP, entries[_DEEP]
                    if kind == _DEEP or entry >> 24 == _BOXED:
                        boxed[num_boxed, 0], boxed[num_boxed, 1], boxed[num_boxed, 2] = x, y, z
                        boxed[num_boxed, 3] = kind
                        num_boxed += 1
                ids[cell + z], heights[cell + z], covers[cell + z] = entry & 255, entry >> 8 & 255, entry >> 16 & 255
        sky = (x + 1) * step_x + (size_y + 1) * step_y
        for cell in range(sky, sky + step_y):
            heights[cell], covers[cell] = 0, 0

    count = 0
    for side in range(6):
        starts[side] = count // LANES
        axis = side >> 1
        step = step_x if axis == 0 else (step_y if axis == 1 else 1)
        step = step if side & 1 else -step
        _expose(side, step, cells, step_x, ids, heights, covers, mask)
        if wet:
            _join_water(step, cells, step_x, ids, mask)
        count = _merge(side, step_x, step_y, cells, height_16, mask, words, quads, count)
        count = _add_boxes(side, step, step_x, step_y, boxed[:num_boxed], boxes, ids, covers, blocks, quads, count)
        while count % LANES != 0:
            if count // LANES < quads.size:
                quads[count // LANES].plane[count % LANES] = _NAN
            count += 1
    starts[6] = count // LANES
    for k in range(num_beams, MAX_BEAMS):
        beams[k] = _NAN
    return count // LANES


@njit(nogil=True, cache=True)
def _expose(side, step, cells, margin, ids, heights, covers, mask):
    """Write the ids of the layers whose face on this side is exposed to the mask, zero elsewhere."""
    for k in range(margin):
        mask[k], mask[cells - margin + k] = 0, 0
    here, there = heights[margin : cells - margin], covers[margin + step : cells - margin + step]
    kinds, faces = ids[margin : cells - margin], mask[margin : cells - margin]
    if side == 2:  # below: what stands there must reach up to it
        for k in range(faces.size):
            faces[k] = kinds[k] if there[k] < 16 else 0
    elif side == 3:  # above: hidden only if this is a full block and something rests on it
        for k in range(faces.size):
            faces[k] = kinds[k] if (here[k] < 16) | (there[k] == 0) else 0
    else:
        for k in range(faces.size):
            faces[k] = kinds[k] if there[k] < here[k] else 0


@njit(nogil=True, cache=True)
def _join_water(step, cells, margin, ids, mask):
    """Clear the faces of water towards water."""
    for k in range(margin, cells - margin):
        here, there = ids[k], ids[k + step]
        if ((here == WATER) | (here == _DEEP)) & ((there == WATER) | (there == _DEEP)):
            mask[k] = 0


@njit(nogil=True, cache=True)
def _merge(side, step_x, step_y, cells, height_16, mask, words, quads, count):
    """Append the exposed faces as rectangles, clearing the mask; the zeros around the world stop every run."""
    axis = side >> 1
    first = step_y if axis == 0 else step_x
    second = step_y if axis == 2 else 1
    for word in range(cells // 8):
        while words[word] != 0:
            cell = word * 8
            while mask[cell] == 0:
                cell += 1
            kind = mask[cell]
            height = height_16[kind]
            wide = 1
            if height == 16 or axis != 2:  # parts of a block never merge upwards
                while mask[cell + wide * second] == kind:
                    wide += 1
            long = 0
            run = wide
            while run == wide:
                row = cell + long * first
                for k in range(wide):
                    mask[row + k * second] = 0
                long += 1
                row += first
                run = 0
                if height == 16 or axis != 0:
                    while run < wide and mask[row + run * second] == kind:
                        run += 1
            x, y, z = cell // step_x - 1, cell % step_x // step_y - 1, cell % step_y - 1
            plane = (x if axis == 0 else (y if axis == 1 else z)) + (side & 1)
            first_low, second_low = y if axis == 0 else x, y if axis == 2 else z
            lower = np.float32(16 - height) / np.float32(16)  # blocks missing at the top
            first_high = np.float32(first_low + long) - (lower if axis == 0 else np.float32(0))
            second_high = np.float32(second_low + wide) - (lower if axis == 2 else np.float32(0))
            at = np.float32(plane) - (lower if side == 3 else np.float32(0))
            shown = WATER if kind == _DEEP else np.int64(kind)
            count = _append(quads, count, at, first_low, first_high, second_low, second_high, shown * 8 + side)
    return count


@njit(nogil=True, cache=True)
def _add_boxes(side, step, step_x, step_y, boxed, boxes, ids, covers, blocks, quads, count):
    """Append this side of every box that is no layer, and of deep water the strip above lower water."""
    axis, out = side >> 1, side & 1
    for k in range(boxed.shape[0]):
        x, y, z, kind = boxed[k, 0], boxed[k, 1], boxed[k, 2], boxed[k, 3]
        there = (x + 1) * step_x + (y + 1) * step_y + z + 1 + step
        box = boxes[kind]
        low_y = box[1]
        if kind == _DEEP:
            if axis == 1 or ids[there] != WATER:
                continue
            low_y = boxes[WATER][4]
        elif box[axis + 3 * out] == out:  # on the border of its cell
            if covers[there] == 16 or (side == 3 and covers[there] > 0):
                continue
            ahead = 2 * out - 1
            tall = axis == 1 and box[1] == 0 and box[4] == 1
            if tall and 0 <= y + ahead < blocks.shape[1] and blocks[x, y + ahead, z] == kind:
                continue  # the other half of a door, more of a cactus
        at = np.float32((x if axis == 0 else (y if axis == 1 else z)) + box[axis + 3 * out])
        low_x, high_x, low_z, high_z = x + box[0], x + box[3], z + box[2], z + box[5]
        low_y, high_y = y + low_y, y + box[4]
        first_low, first_high = (low_y, high_y) if axis == 0 else (low_x, high_x)
        second_low, second_high = (low_y, high_y) if axis == 2 else (low_z, high_z)
        shown = WATER if kind == _DEEP else np.int64(kind)
        count = _append(quads, count, at, first_low, first_high, second_low, second_high, shown * 8 + side)
    return count


@njit(nogil=True, cache=True)
def _append(quads, count, plane, first_low, first_high, second_low, second_high, face):
    """Enter one quad, if there is room for it, and return the new number of quads."""
    group, lane = count // LANES, count % LANES
    if group < quads.size:
        quad = quads[group]
        quad.plane[lane], quad.face[lane] = plane, face
        quad.first_low[lane], quad.first_high[lane] = first_low, first_high
        quad.second_low[lane], quad.second_high[lane] = second_low, second_high
    return count + 1


@njit(nogil=True, cache=True)
def is_deep(blocks, x, y, z):
    """Whether this is water that has water above, and so fills its cell."""
    return blocks[x, y, z] == WATER and y + 1 < blocks.shape[1] and blocks[x, y + 1, z] == WATER


@njit(nogil=True, cache=True)
def open_above(blocks, x, y, z):
    """Whether nothing but air is above a block."""
    above = y + 1
    while above < blocks.shape[1] and blocks[x, above, z] == 0:
        above += 1
    return above == blocks.shape[1]
