"""Finds which quad is seen through each pixel, and how far away: the rasteriser.

    camera -> per side: cull -> prepare (four edge lines, rows, inverse depth) -> per quad: spans of its rows -> chunks

The ray through pixel (row i, column j) is d = start + across j + down i, with d . forward = 1, so that the ray's
parameter is the depth. Where it meets the plane x = c it has inverse depth d_x / (c - eye_x), which is linear in i
and j. It meets a quad of that plane if it is on the inner side of four edges, and the edge where the planes x = c and
y = b meet is seen where d_x (b - eye_y) = d_y (c - eye_x), linear too: a straight line of the image, j = p + q i. It is
the same expression for both quads that share the edge, and for quads that share a part of it, so there are neither gaps
nor overlaps; and it holds behind the eye as well, so nothing is ever clipped. A row of a quad is the span between the
greatest of its lower and the least of its upper edges, and in it the nearest inverse depth wins.

The beams of beacons and the sides of sprites are quads made anew for each frame; beams are wide enough to be seen from
afar.

All inner loops run over 16 lanes of float32 (quads, rows or pixels) without branches, so that the compiler vectorises
them. Nothing is contracted or reordered (no fastmath): the same frame has the same bytes on any processor.
"""

import math

import numpy as np
from numba import njit

from mcproxy.engine.rendering.mesh import LANES, MAX_BEAMS
from mcproxy.engine.rendering.sprites import MAX_SPRITES, SPRITE_FACE
from mcproxy.engine.rendering.textures import BEAM
from mcproxy.engine.simulation.collision import block_at

AXIS = np.dtype(  # one of the three axes, as the camera sees it
    [
        ("cell", "f4"),  # the eye's coordinate: whole and fractional part, so that differences are exact
        ("part", "f4"),
        ("start", "f4"),  # the ray through row 0, column 0, and its change per column and row
        ("across", "f4"),
        ("down", "f4"),
        ("forward", "f4"),  # the camera's unit vectors
        ("right", "f4"),
        ("up", "f4"),
    ]
)
CHUNKS = np.dtype([("depth", "f4", LANES), ("face", "f4", LANES)])  # 16 pixels of a row: inverse depth (0 is sky), face
SCRATCH = np.dtype(
    [(name, "f4", LANES) for name in ("plane", "first_low", "first_high", "second_low", "second_high", "face")]
    + [(name, "f4", LANES) for name in ("top", "bottom", "inverse")]  # of 16 quads: rows, 1 / (plane - eye)
    + [(name, "f4", (4, LANES)) for name in ("low_at", "low_slope", "high_at", "high_slope")]  # edges: p, q
    + [("span_low", "f4", LANES), ("span_high", "f4", LANES), ("seen", "u1", LANES)]  # of 16 rows; of 16 quads
)
EXTRA_GROUPS = 1 + MAX_SPRITES // LANES  # of quads that are made for one side: sprites and beams
BEAM_WIDTH = 0.4  # blocks, but at least
BEAM_PIXELS = 1.2  # so many pixels, to be seen from anywhere
BEAM_HEIGHT = np.float32(256)  # blocks above the beacon
_F = np.float32
_OFF = _F(2**-16)  # blocks that an eye keeps away from the faces of its cell, and of the block in it
_ZERO, _ONE, _HALF = _F(0), _F(1), _F(0.5)
_FAR = _F(1e9)  # pixels, beyond any image
_TINY = _F(1e-12)  # in place of a zero slope: such a line is beyond the image in every row but its own
_NEAR = _F(1e-7)  # blocks, only to bound the rows of quads that reach behind the eye
_ROUND = _F(1.5 * 2**23)  # adding and subtracting it rounds a float32 to a whole number


@njit(nogil=True, cache=True)
def aim(camera, eye, yaw_deg, pitch_deg, width, height, scale):
    """Fill the three `AXIS` records; `scale` is the size of a pixel at depth 1."""
    yaw, pitch = math.radians(yaw_deg), math.radians(pitch_deg)
    sin_yaw, cos_yaw, sin_pitch, cos_pitch = math.sin(yaw), math.cos(yaw), math.sin(pitch), math.cos(pitch)
    forward = (-sin_yaw * cos_pitch, -sin_pitch, cos_yaw * cos_pitch)
    right = (-cos_yaw, 0.0, -sin_yaw)
    up = (-sin_yaw * sin_pitch, cos_pitch, cos_yaw * sin_pitch)
    for k in range(3):
        axis = camera[k]
        axis.cell = math.floor(eye[k])
        axis.part = eye[k] - math.floor(eye[k])
        axis.across, axis.down = right[k] * scale, -up[k] * scale
        axis.start = forward[k] + (right[k] * (1 - width) - up[k] * (1 - height)) * scale / 2
        axis.forward, axis.right, axis.up = forward[k], right[k], up[k]


@njit(nogil=True, cache=True)
def step_off(camera, blocks, boxes):
    """Move an eye that is nearer than `_OFF` to a face of its cell, or of the block in it, to that distance.

    An eye in the plane of a face would not see it. It stays in its cell and on its side of the face; one that is
    exactly on it is taken to be on the upper side, or the east or south one. `boxes` is `blocks.BOX`.
    """
    kind = block_at(blocks, blocks.shape, np.int64(camera[0].cell), np.int64(camera[1].cell), np.int64(camera[2].cell))
    for k in range(3):
        axis = camera[k]
        axis.part = min(max(axis.part, _OFF), _ONE - _OFF)
        for face in (_F(boxes[kind, k]), _F(boxes[kind, k + 3])):
            if _ZERO < face < _ONE and abs(axis.part - face) < _OFF:
                axis.part = face - _OFF if axis.part < face else face + _OFF


@njit(nogil=True, cache=True, error_model="numpy")
def rasterise(quads, starts, beams, sprites, camera, width, height, scale, order, extra, scratch, chunks):
    """Fill the chunks, (height * chunks per row,) `CHUNKS`, with the nearest face of every pixel, or -1 for the sky.

    The face of side s of `sprites[k]`, (at most MAX_SPRITES,) `SPRITE`, is `SPRITE_FACE` + 8 k + s. To be overwritten:
    `order` is (16 (G + EXTRA_GROUPS) + 1,) int32, `extra` (EXTRA_GROUPS,) `QUADS`, `scratch` one `SCRATCH` record.
    """
    per_row = chunks.size // height
    for k in range(chunks.size):
        for lane in range(LANES):
            chunks[k].depth[lane] = _ZERO
            chunks[k].face[lane] = -_ONE
    half_width, half_height = _F(width * scale / 2), _F(height * scale / 2)
    for side in range(6):
        axis = side >> 1
        across, first, second = camera[axis], camera[1 if axis == 0 else 0], camera[1 if axis == 2 else 2]
        own = starts[side + 1]  # here the side's own groups end, and the extra ones follow
        last = own + _add_sprites(sprites, side, extra)
        if axis != 1:
            _raise(beams, side, camera, scale, extra[last - own])
            last += 1
        count = 0
        for group in range(starts[side], last):
            quad = quads[group] if group < own else extra[group - own]
            _cull(quad, side & 1, across, first, second, half_width, half_height, scratch)
            for lane in range(LANES):
                order[count] = group * LANES + lane
                count += scratch.seen[lane]
        for begin in range(0, count, LANES):
            end = min(begin + LANES, count)
            for k in range(begin, end):
                group, lane = order[k] // LANES, order[k] % LANES
                _copy(quads[group] if group < own else extra[group - own], lane, scratch, k - begin)
            _prepare(scratch, axis, across, first, second, height, scale)
            for k in range(end - begin):
                _fill(scratch, k, across, width, height, per_row, chunks)


@njit(nogil=True, cache=True)
def beam_reach(x, z, camera, scale):
    """Half the width of a beam: what keeps it visible from the eye's distance."""
    away_x, away_z = (x - camera[0].cell) - camera[0].part, (z - camera[2].cell) - camera[2].part
    pixels = _F(BEAM_PIXELS / 2) * scale * np.sqrt(away_x * away_x + away_z * away_z)
    return max(_F(BEAM_WIDTH / 2), pixels)


@njit(nogil=True, cache=True)
def _raise(beams, side, camera, scale, quad):
    """Make the quads of one side of every beam."""
    out = _ONE if side & 1 else -_ONE
    for k in range(MAX_BEAMS):
        x, foot, z = beams[k, 0], beams[k, 1], beams[k, 2]
        reach = beam_reach(x, z, camera, scale)
        along_x = side > 3  # then the first axis is x and the second y, else they are y and z
        quad.plane[k] = (z if along_x else x) + out * reach
        quad.first_low[k], quad.first_high[k] = (x - reach, x + reach) if along_x else (foot, foot + BEAM_HEIGHT)
        quad.second_low[k], quad.second_high[k] = (foot, foot + BEAM_HEIGHT) if along_x else (z - reach, z + reach)
        quad.face[k] = _F(BEAM * 8 + side)


@njit(nogil=True, cache=True)
def _add_sprites(sprites, side, extra):
    """Make the quads of one side of every sprite, and return the number of their groups."""
    axis = side >> 1
    first, second = 1 if axis == 0 else 0, 1 if axis == 2 else 2
    groups = (sprites.size + LANES - 1) // LANES
    for k in range(groups * LANES):
        quad, lane = extra[k // LANES], k % LANES
        if k >= sprites.size:
            quad.plane[lane] = _F(np.nan)
            continue
        sprite = sprites[k]
        quad.plane[lane] = sprite.high[axis] if side & 1 else sprite.low[axis]
        quad.first_low[lane], quad.first_high[lane] = sprite.low[first], sprite.high[first]
        quad.second_low[lane], quad.second_high[lane] = sprite.low[second], sprite.high[second]
        quad.face[lane] = _F(SPRITE_FACE + k * 8 + side)
    return groups


@njit(nogil=True, cache=True, error_model="numpy")
def _cull(quad, faces_up, across, first, second, half_width, half_height, scratch):
    """Mark which of 16 quads face the eye and reach into each of the four half-spaces that bound the view."""
    cell_a, cell_b, cell_c = across.cell, first.cell, second.cell
    part_a, part_b, part_c = across.part, first.part, second.part
    left_a = across.forward * half_width + across.right
    left_b = first.forward * half_width + first.right
    left_c = second.forward * half_width + second.right
    right_a = across.forward * half_width - across.right
    right_b = first.forward * half_width - first.right
    right_c = second.forward * half_width - second.right
    above_a = across.forward * half_height - across.up
    above_b = first.forward * half_height - first.up
    above_c = second.forward * half_height - second.up
    below_a = across.forward * half_height + across.up
    below_b = first.forward * half_height + first.up
    below_c = second.forward * half_height + second.up
    sign = _ONE if faces_up else -_ONE
    for lane in range(LANES):
        a = (quad.plane[lane] - cell_a) - part_a
        b0, b1 = (quad.first_low[lane] - cell_b) - part_b, (quad.first_high[lane] - cell_b) - part_b
        c0, c1 = (quad.second_low[lane] - cell_c) - part_c, (quad.second_high[lane] - cell_c) - part_c
        left = a * left_a + max(b0 * left_b, b1 * left_b) + max(c0 * left_c, c1 * left_c)
        right = a * right_a + max(b0 * right_b, b1 * right_b) + max(c0 * right_c, c1 * right_c)
        above = a * above_a + max(b0 * above_b, b1 * above_b) + max(c0 * above_c, c1 * above_c)
        below = a * below_a + max(b0 * below_b, b1 * below_b) + max(c0 * below_c, c1 * below_c)
        inside = (left > _ZERO) & (right > _ZERO) & (above > _ZERO) & (below > _ZERO)
        scratch.seen[lane] = (a * sign < _ZERO) & inside


@njit(nogil=True, cache=True)
def _copy(quad, lane, scratch, place):
    scratch.plane[place], scratch.face[place] = quad.plane[lane], quad.face[lane]
    scratch.first_low[place], scratch.first_high[place] = quad.first_low[lane], quad.first_high[lane]
    scratch.second_low[place], scratch.second_high[place] = quad.second_low[lane], quad.second_high[lane]


@njit(nogil=True, cache=True, error_model="numpy")
def _prepare(scratch, axis, across, first, second, height, scale):
    """Work out the rows, the inverse depth and the four edges of 16 quads."""
    cell_a, cell_b, cell_c = across.cell, first.cell, second.cell
    part_a, part_b, part_c = across.part, first.part, second.part
    start_a, across_a, down_a = across.start, across.across, across.down
    start_b, across_b, down_b = first.start, first.across, first.down
    start_c, across_c, down_c = second.start, second.across, second.down
    forward_a, forward_b, forward_c = across.forward, first.forward, second.forward
    up_a, up_b, up_c = across.up / scale, first.up / scale, second.up / scale
    rows, middle = _F(height), _F(height) * _HALF
    tiny_b = _TINY if axis == 0 else -_TINY
    tiny_c = -_TINY if axis == 2 else _TINY
    for lane in range(LANES):
        a = (scratch.plane[lane] - cell_a) - part_a
        b0, b1 = (scratch.first_low[lane] - cell_b) - part_b, (scratch.first_high[lane] - cell_b) - part_b
        c0, c1 = (scratch.second_low[lane] - cell_c) - part_c, (scratch.second_high[lane] - cell_c) - part_c
        scratch.inverse[lane] = _ONE / a

        depth_b0, depth_b1 = a * forward_a + b0 * forward_b, a * forward_a + b1 * forward_b
        above_b0, above_b1 = a * up_a + b0 * up_b, a * up_a + b1 * up_b
        depth_c0, depth_c1, above_c0, above_c1 = c0 * forward_c, c1 * forward_c, c0 * up_c, c1 * up_c
        z0, z1, z2, z3 = depth_b0 + depth_c0, depth_b0 + depth_c1, depth_b1 + depth_c1, depth_b1 + depth_c0
        y0, y1, y2, y3 = above_b0 + above_c0, above_b0 + above_c1, above_b1 + above_c1, above_b1 + above_c0
        low0, high0 = _extent(z0, y0, z1, y1)
        low1, high1 = _extent(z1, y1, z2, y2)
        low2, high2 = _extent(z2, y2, z3, y3)
        low3, high3 = _extent(z3, y3, z0, y0)
        top = middle - max(max(high0, high1), max(high2, high3)) - _HALF
        bottom = middle - min(min(low0, low1), min(low2, low3)) + _HALF + _ONE
        scratch.top[lane] = min(max(top - _F(0.01), _ZERO), rows)
        scratch.bottom[lane] = min(max(bottom + _F(0.01), _ZERO), rows)

        for edge in range(4):
            if edge < 2:
                start, step, down, other, tiny = start_b, across_b, down_b, b1 if edge & 1 else b0, tiny_b
            else:
                start, step, down, other, tiny = start_c, across_c, down_c, c1 if edge & 1 else c0, tiny_c
            slope = across_a * other - step * a
            slope = slope if abs(slope) > _TINY else tiny
            inverse = -_ONE / slope
            at = (start_a * other - start * a) * inverse + _HALF
            slant = (down_a * other - down * a) * inverse
            is_low = ((slope < _ZERO) != (a < _ZERO)) != (edge & 1 == 1)
            scratch.low_at[edge, lane] = at if is_low else -_FAR
            scratch.low_slope[edge, lane] = slant if is_low else _ZERO
            scratch.high_at[edge, lane] = _FAR if is_low else at
            scratch.high_slope[edge, lane] = _ZERO if is_low else slant


@njit(nogil=True, cache=True, error_model="numpy")
def _extent(z0, y0, z1, y1):
    """The lowest and highest image of the part of an edge that lies before the eye, from depths and heights."""
    y = y0 + (y1 - y0) * ((_NEAR - z0) / (z1 - z0))
    from_y, from_z = (y0 if z0 > _NEAR else y), max(z0, _NEAR)
    to_y, to_z = (y1 if z1 > _NEAR else y), max(z1, _NEAR)
    before = (z0 > _NEAR) | (z1 > _NEAR)
    start, end = from_y / from_z, to_y / to_z
    return (min(start, end) if before else _FAR), (max(start, end) if before else -_FAR)


@njit(nogil=True, cache=True, error_model="numpy")
def _fill(scratch, k, across, width, height, per_row, chunks):
    """Enter one prepared quad into the chunks, wherever it is nearer than what they hold."""
    low_at0, low_at1, low_at2, low_at3 = _four(scratch.low_at, k)
    low_slope0, low_slope1, low_slope2, low_slope3 = _four(scratch.low_slope, k)
    high_at0, high_at1, high_at2, high_at3 = _four(scratch.high_at, k)
    high_slope0, high_slope1, high_slope2, high_slope3 = _four(scratch.high_slope, k)
    face, inverse, columns = scratch.face[k], scratch.inverse[k], _F(width)
    start, step, down = across.start * inverse, across.across * inverse, across.down * inverse
    top, bottom = np.int64(scratch.top[k]), np.int64(scratch.bottom[k])
    for begin in range(top, bottom, LANES):
        for lane in range(LANES):
            i = _F(begin) + _F(lane)
            low = max(low_at0 + low_slope0 * i, low_at1 + low_slope1 * i)
            low = max(low, max(low_at2 + low_slope2 * i, low_at3 + low_slope3 * i))
            high = min(high_at0 + high_slope0 * i, high_at1 + high_slope1 * i)
            high = min(high, min(high_at2 + high_slope2 * i, high_at3 + high_slope3 * i))
            scratch.span_low[lane] = (min(max(low, _ZERO), columns) + _ROUND) - _ROUND
            scratch.span_high[lane] = (min(max(high, _ZERO), columns) + _ROUND) - _ROUND
        for i in range(begin, min(begin + LANES, bottom)):
            low, high = scratch.span_low[i - begin], scratch.span_high[i - begin]
            if low >= high:
                continue
            here = start + down * _F(i)
            for place in range(np.int64(low) // LANES, (np.int64(high) + LANES - 1) // LANES):
                chunk = chunks[i * per_row + place]
                for lane in range(LANES):
                    j = _F(place * LANES) + _F(lane)
                    depth = here + step * j if (j >= low) & (j < high) else _ZERO
                    held = chunk.depth[lane]
                    nearest = face if depth > held else chunk.face[lane]
                    chunk.depth[lane] = max(depth, held)  # written whole: masked stores are slow on some processors
                    chunk.face[lane] = nearest


@njit(nogil=True, cache=True)
def _four(edges, k):
    return edges[0, k], edges[1, k], edges[2, k], edges[3, k]
