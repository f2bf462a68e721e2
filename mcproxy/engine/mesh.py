"""Turns the blocks of a world into the rectangles that can be seen of it.

    blocks -> padded ids and heights -> for each of six sides: exposed faces -> greedily merged rectangles (quads)

A face is exposed if what stands before it is lower than its block (or, above and below, does not touch it). Faces of
equal blocks in one plane merge into rectangles, first along one axis, then along the other. Rectangles have float
bounds, so that slabs and soul sand are rectangles like any other. Faces on the border of the array that look outwards
are never exposed: the border is padded with full blocks, but the sky is air.

The sides are numbered 0 to 5: -x, +x, -y, +y, -z, +z; `side >> 1` is the axis that a side is perpendicular to. The
other two axes, in ascending order, are the quad's first and second axis.
"""

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
HEIGHT_16 = np.round(block_table.HEIGHT * 16).astype(np.uint8)  # (K,) heights in sixteenths, 16 a full cube
_BEACON = block_table.ID["beacon"]
_NAN = np.float32(np.nan)


class Mesher:
    """Meshes worlds of up to a given shape, one at a time, in buffers of its own."""

    def __init__(self, shape: tuple[int, int, int]) -> None:
        cells = (shape[0] + 2) * (shape[1] + 2) * ((shape[2] + 2 + 7) // 8 * 8)
        self._ids, self._heights = np.zeros(cells, dtype=np.uint8), np.zeros(cells, dtype=np.uint8)
        self._words = np.zeros(cells // 8, dtype=np.uint64)
        self._mask = self._words.view(np.uint8)  # the same memory, a byte a cell

    def mesh(self, blocks: np.ndarray, quads: np.ndarray, starts: np.ndarray, beams: np.ndarray) -> int:
        """Fill `quads`, (G,) `QUADS`, and `starts`, (7,) int64: side s has the groups starts[s] to starts[s + 1] - 1.

        `beams`, (MAX_BEAMS, 3) float32, gets the middle of the foot of each beam, in blocks, and NaN after the last: a
        beacon has one if nothing but air is above it. Returns the number of groups needed; if that exceeds G the mesh
        is incomplete, so call again with more room.
        """
        return _mesh(blocks, HEIGHT_16, self._ids, self._heights, self._mask, self._words, quads, starts, beams)


@njit(nogil=True, cache=True)
def _mesh(blocks, height_16, ids, heights, mask, words, quads, starts, beams):
    size_x, size_y, size_z = blocks.shape
    step_y = (size_z + 2 + 7) // 8 * 8
    step_x = (size_y + 2) * step_y
    cells = (size_x + 2) * step_x
    for cell in range(cells):
        ids[cell], heights[cell] = 0, 16
    num_beams = 0
    for x in range(size_x):
        for y in range(size_y):
            cell = (x + 1) * step_x + (y + 1) * step_y + 1
            for z in range(size_z):
                kind = blocks[x, y, z]
                ids[cell + z], heights[cell + z] = kind, height_16[kind]
                if kind == _BEACON and num_beams < MAX_BEAMS and open_above(blocks, x, y, z):
                    beams[num_beams, 0], beams[num_beams, 1], beams[num_beams, 2] = x + 0.5, y + 1, z + 0.5
                    num_beams += 1
        sky = (x + 1) * step_x + (size_y + 1) * step_y
        for cell in range(sky, sky + step_y):
            heights[cell] = 0

    count = 0
    for side in range(6):
        starts[side] = count // LANES
        axis = side >> 1
        step = step_x if axis == 0 else (step_y if axis == 1 else 1)
        _expose(side, step if side & 1 else -step, cells, step_x, ids, heights, mask)
        count = _merge(side, step_x, step_y, cells, height_16, mask, words, quads, count)
        while count % LANES != 0:
            if count // LANES < quads.size:
                quads[count // LANES].plane[count % LANES] = _NAN
            count += 1
    starts[6] = count // LANES
    for k in range(num_beams, MAX_BEAMS):
        beams[k] = _NAN
    return count // LANES


@njit(nogil=True, cache=True)
def _expose(side, step, cells, margin, ids, heights, mask):
    """Write the block ids of the cells whose face on this side is exposed to the mask, zero elsewhere."""
    for k in range(margin):
        mask[k], mask[cells - margin + k] = 0, 0
    here, there = heights[margin : cells - margin], heights[margin + step : cells - margin + step]
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
            group, lane = count // LANES, count % LANES
            count += 1
            if group >= quads.size:
                continue
            quad = quads[group]
            x, y, z = cell // step_x - 1, cell % step_x // step_y - 1, cell % step_y - 1
            plane = (x if axis == 0 else (y if axis == 1 else z)) + (side & 1)
            first_low, second_low = y if axis == 0 else x, y if axis == 2 else z
            lower = np.float32(16 - height) / np.float32(16)  # blocks missing at the top
            quad.plane[lane] = np.float32(plane) - (lower if side == 3 else np.float32(0))
            quad.first_low[lane], quad.second_low[lane] = first_low, second_low
            quad.first_high[lane] = np.float32(first_low + long) - (lower if axis == 0 else np.float32(0))
            quad.second_high[lane] = np.float32(second_low + wide) - (lower if axis == 2 else np.float32(0))
            quad.face[lane] = np.int64(kind) * 8 + side
    return count


@njit(nogil=True, cache=True)
def open_above(blocks, x, y, z):
    """Whether nothing but air is above a block."""
    above = y + 1
    while above < blocks.shape[1] and blocks[x, above, z] == 0:
        above += 1
    return above == blocks.shape[1]
