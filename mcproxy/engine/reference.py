"""The plain renderer: every pixel's ray walks from cell to cell of the world until it meets a block.

Slow and simple (Amanatides and Woo 1987, "A Fast Voxel Traversal Algorithm for Ray Tracing"), it knows no mesh, no
projection and no lanes. A test holds the rasteriser against it. Both colour what they find with the same functions.
"""

import math

import numpy as np
from numba import njit

from mcproxy import blocks as block_table
from mcproxy.engine.mesh import HEIGHT_16, MAX_BEAMS, open_above
from mcproxy.engine.raster import AXIS, BEAM, BEAM_HEIGHT, aim, beam_reach
from mcproxy.engine.shade import blur_of, lit, look_at, sky_at, texel_at
from mcproxy.engine.textures import atlas

_F = np.float32
_BEACON = block_table.ID["beacon"]


def reference(
    blocks: np.ndarray,
    eye: np.ndarray,
    yaw_deg: float,
    pitch_deg: float,
    resolution: tuple[int, int] = (64, 64),
    fov_deg: float = 70.0,
    time_of_day: int = 6000,
) -> np.ndarray:
    """One frame, (H, W, 3) uint8, of a world (X, Y, Z) uint8 seen from `eye`, (3,) float64."""
    height, width = resolution
    frame = np.zeros((height, width, 3), dtype=np.uint8)
    camera = np.zeros(3, dtype=AXIS)
    scale = 2 * math.tan(math.radians(fov_deg) / 2) / height
    aim(camera, eye, yaw_deg, pitch_deg, width, height, scale)
    beacons = [b for b in np.argwhere(blocks == _BEACON) if open_above(blocks, *b)][:MAX_BEAMS]
    feet = np.array(beacons, dtype=np.float32).reshape(-1, 3) + np.array([0.5, 1, 0.5], dtype=np.float32)
    look, blur = look_at(time_of_day), blur_of(scale)
    _walk(blocks, HEIGHT_16 / 16, feet, eye, camera, look, atlas(), blur, _F(scale), frame)
    return frame


@njit(nogil=True, cache=True, error_model="numpy")
def _walk(blocks, heights, beams, eye, camera, look, texels, blur, scale, frame):
    red, green, blue = look.horizon[0], look.horizon[1], look.horizon[2]
    x, y, z = camera[0].part, camera[1].part, camera[2].part
    ray = np.zeros(3)
    for i in range(frame.shape[0]):
        for j in range(frame.shape[1]):
            for k in range(3):
                ray[k] = camera[k].start + camera[k].across * _F(j) + camera[k].down * _F(i)
            dx, dy, dz = _F(ray[0]), _F(ray[1]), _F(ray[2])
            square = dx * dx + dy * dy + dz * dz
            face, far = _first_block(blocks, heights, eye, ray)
            for b in range(beams.shape[0]):
                beam_face, beam_far = _beam(beams[b], beam_reach(beams[b, 0], beams[b, 2], camera, scale), eye, ray)
                if beam_face >= 0 and (face < 0 or beam_far < far):
                    face, far = beam_face, beam_far
            if face >= 0:
                index = texel_at(np.int32(face), _F(far), dx, dy, dz, x, y, z, blur)
                colour = lit(texels[index], _F(far), square, look.light, red, green, blue)
                for c in range(3):
                    frame[i, j, c] = int(colour[c])
            else:
                up, sunny = sky_at(dx, dy, dz, square, look.sun_across, look.sun_up)
                for c in range(3):
                    frame[i, j, c] = int(look.sun[c] if sunny else look.horizon[c] + look.zenith[c] * up)


@njit(nogil=True, cache=True, error_model="numpy")
def _first_block(blocks, heights, eye, ray):
    """The face that a ray meets first (block id * 8 + side, -1 for none) and the ray's length there."""
    cell, step = np.zeros(3, dtype=np.int64), np.zeros(3, dtype=np.int64)
    border, stride = np.zeros(3), np.zeros(3)  # lengths of the ray at the next border of each axis, and between borders
    for k in range(3):
        cell[k] = math.floor(eye[k])
        step[k] = 1 if ray[k] > 0 else -1
        stride[k] = 1 / max(abs(ray[k]), 1e-12)
        border[k] = abs(cell[k] + (1 if ray[k] > 0 else 0) - eye[k]) * stride[k]
    axis, enter = -1, 0.0
    while True:
        inside = True
        for k in range(3):
            inside &= 0 <= cell[k] < blocks.shape[k]
        leave = min(border[0], border[1], border[2])
        if inside and blocks[cell[0], cell[1], cell[2]] != 0:
            kind = blocks[cell[0], cell[1], cell[2]]
            top = cell[1] + heights[kind]
            through = heights[kind] == 1 or (step[1] > 0 if axis == 1 else eye[1] + enter * ray[1] < top)
            if axis >= 0 and through:  # the side that the ray came into the cell by
                return kind * 8 + 2 * axis + (0 if step[axis] > 0 else 1), enter
            down = (top - eye[1]) / ray[1] if ray[1] != 0 else -1.0
            if ray[1] < 0 and enter <= down < leave:  # the top of a low block
                return kind * 8 + 3, down
        for k in range(3):  # outside and going away
            if (cell[k] < 0 and step[k] < 0) or (cell[k] >= blocks.shape[k] and step[k] > 0):
                return -1, 0.0
        axis = 0 if border[0] == leave else (1 if border[1] == leave else 2)
        enter = leave
        cell[axis] += step[axis]
        border[axis] += stride[axis]


@njit(nogil=True, cache=True, error_model="numpy")
def _beam(foot, reach, eye, ray):
    """The same for one beam: a box of which only the four upright sides are drawn."""
    face, enter, leave = -1, 0.0, np.inf
    for k in range(3):
        low, high = (foot[k], foot[k] + BEAM_HEIGHT) if k == 1 else (foot[k] - reach, foot[k] + reach)
        one, other = (low - eye[k]) / ray[k], (high - eye[k]) / ray[k]
        if min(one, other) > enter:
            face, enter = BEAM * 8 + 2 * k + (0 if ray[k] > 0 else 1), min(one, other)
        leave = min(leave, max(one, other))
    return (face if enter < leave and (face & 7) >> 1 != 1 else -1), enter
