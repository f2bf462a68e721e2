"""The plain renderer: every pixel's ray walks from cell to cell of the world until it meets the box of a block.

Slow and simple (Amanatides and Woo 1987, "A Fast Voxel Traversal Algorithm for Ray Tracing"), it knows no mesh, no
projection and no lanes. A test holds the rasteriser against it. Both colour what they find with the same functions.
"""

import math

import numpy as np
from numba import njit

from mcproxy import blocks as block_table
from mcproxy.engine.rendering.colour import (
    AIR,
    SHUT,
    blur_of,
    breathe,
    light_at,
    lit,
    look_at,
    sky_at,
    sprite_colour,
    texel_at,
)
from mcproxy.engine.rendering.light import CURVE, LIGHTING, Lighter, cells_of, corners_of
from mcproxy.engine.rendering.mesh import MAX_BEAMS, WATER, is_deep, open_above
from mcproxy.engine.rendering.raster import AXIS, BEAM_HEIGHT, aim, beam_reach, step_off
from mcproxy.engine.rendering.sprites import SPRITE, SPRITE_FACE
from mcproxy.engine.rendering.textures import BEAM, atlas, cracks
from mcproxy.engine.view import FOV_DEG

_F = np.float32
_BEACON = block_table.ID["beacon"]
_NO_SPRITES = np.zeros(0, dtype=SPRITE)


def reference(
    blocks: np.ndarray,
    eye: np.ndarray,
    yaw_deg: float,
    pitch_deg: float,
    resolution: tuple[int, int] = (64, 64),
    fov_deg: float = FOV_DEG,
    time_of_day: int = 6000,
    sprites: np.ndarray = _NO_SPRITES,
) -> np.ndarray:
    """One frame, (H, W, 3) uint8, of a world (X, Y, Z) uint8 seen from `eye`, (3,) float64, with (S,) `SPRITE`."""
    height, width = resolution
    frame = np.zeros((height, width, 3), dtype=np.uint8)
    camera, air, lighting = np.zeros(3, dtype=AXIS), np.zeros(1, dtype=AIR), np.zeros(1, dtype=LIGHTING)
    scale = 2 * math.tan(math.radians(fov_deg) / 2) / height
    aim(camera, eye, yaw_deg, pitch_deg, width, height, scale)
    step_off(camera, blocks, block_table.BOX)
    beacons = [b for b in np.argwhere(blocks == _BEACON) if open_above(blocks, *b)][:MAX_BEAMS]
    feet = np.array(beacons, dtype=np.float32).reshape(-1, 3) + np.array([0.5, 1, 0.5], dtype=np.float32)
    look, blur = look_at(time_of_day), blur_of(scale)
    levels = np.zeros((2, cells_of(blocks.shape)), dtype=np.uint8)
    corners = np.zeros(corners_of(blocks.shape), dtype=np.uint8)
    Lighter(blocks.shape).light(blocks, (0, 0, 0), blocks.shape, float(look["light"]), lighting[0], levels, corners)
    breathe(air[0], camera, blocks, look, lighting[0], levels, CURVE.astype(np.float32), atlas(), SHUT)
    if air["blind"][0]:
        frame[...] = air["fog"][0].astype(np.uint8)
        return frame
    _walk(
        blocks, block_table.BOX, feet, sprites, camera, look, air[0], lighting[0], corners, atlas(), cracks(), blur,
        _F(scale), frame,
    )  # fmt: skip
    return frame


@njit(nogil=True, cache=True, error_model="numpy")
def _walk(
    blocks, boxes, beams, sprites, camera, look, air, lighting, corners, texels, factors, blur, scale, frame
):  # fmt: skip
    x, y, z = camera[0].part, camera[1].part, camera[2].part
    eye, ray, box = np.zeros(3), np.zeros(3), np.zeros(6)
    for k in range(3):
        eye[k] = np.float64(camera[k].cell) + np.float64(camera[k].part)
    for i in range(frame.shape[0]):
        for j in range(frame.shape[1]):
            for k in range(3):
                ray[k] = camera[k].start + camera[k].across * _F(j) + camera[k].down * _F(i)
            dx, dy, dz = _F(ray[0]), _F(ray[1]), _F(ray[2])
            square = dx * dx + dy * dy + dz * dz
            face, far = _first_block(blocks, boxes, eye, ray, box)
            for b in range(beams.shape[0]):
                reach = beam_reach(beams[b, 0], beams[b, 2], camera, scale)
                for k in range(3):
                    box[k] = beams[b, k] - (0 if k == 1 else reach)
                    box[k + 3] = beams[b, k] + (BEAM_HEIGHT if k == 1 else reach)
                side, beam_far = _enter(box, eye, ray)
                if side >= 0 and side >> 1 != 1 and (face < 0 or beam_far < far):  # only its upright sides are drawn
                    face, far = BEAM * 8 + side, beam_far
            for s in range(sprites.size):
                for k in range(3):
                    box[k], box[k + 3] = sprites[s].low[k], sprites[s].high[k]
                side, sprite_far = _enter(box, eye, ray)
                if side >= 0 and (face < 0 or sprite_far < far):
                    face, far = SPRITE_FACE + s * 8 + side, sprite_far
            if face >= SPRITE_FACE:
                sprite, side = sprites[(face - SPRITE_FACE) >> 3], np.int32(face & 7)
                colour = sprite_colour(
                    sprite, side, _F(far), dx, dy, dz, camera, look, air, lighting, corners, texels, factors, blur
                )
            elif face >= 0:
                index = texel_at(np.int32(face), _F(far), dx, dy, dz, x, y, z, blur)
                light = light_at(np.int32(face), _F(far), dx, dy, dz, camera, look, lighting, corners)
                colour = lit(
                    texels[index], _F(far) * _F(far) * square, light, air.haze, air.fog[0], air.fog[1], air.fog[2]
                )
            else:
                up, sunny = sky_at(dx, dy, dz, square, look.sun_across, look.sun_up)
                for c in range(3):
                    frame[i, j, c] = int(look.sun[c] if sunny else look.horizon[c] + look.zenith[c] * up)
                continue
            for c in range(3):
                frame[i, j, c] = int(colour[c])


@njit(nogil=True, cache=True, error_model="numpy")
def _first_block(blocks, boxes, eye, ray, box):
    """The face that a ray meets first (block id * 8 + side, -1 for none) and the ray's length there."""
    cell, step = np.zeros(3, dtype=np.int64), np.zeros(3, dtype=np.int64)
    border, stride = np.zeros(3), np.zeros(3)  # lengths of the ray at the next border of each axis, and between borders
    for k in range(3):
        cell[k] = math.floor(eye[k])
        step[k] = 1 if ray[k] > 0 else -1
        stride[k] = 1 / max(abs(ray[k]), 1e-12)
        border[k] = abs(cell[k] + (1 if ray[k] > 0 else 0) - eye[k]) * stride[k]
    entered, wet, surface = 0.0, False, 0.0  # ray's length at this cell; whether it left one of water, and its height
    while True:
        inside = True
        for k in range(3):
            inside &= 0 <= cell[k] < blocks.shape[k]
        kind = np.int64(blocks[cell[0], cell[1], cell[2]]) if inside else 0
        if kind != 0:
            for k in range(3):
                box[k], box[k + 3] = cell[k] + boxes[kind, k], cell[k] + boxes[kind, k + 3]
            if is_deep(blocks, cell[0], cell[1], cell[2]):
                box[4] = cell[1] + 1
            side, far = _enter(box, eye, ray)
            joined = kind == WATER and wet and far <= entered + 1e-9 and eye[1] + far * ray[1] < surface + 1e-9
            if side >= 0 and not joined:
                return kind * 8 + side, far
        wet, surface = kind == WATER, box[4]
        for k in range(3):  # outside and going away
            if (cell[k] < 0 and step[k] < 0) or (cell[k] >= blocks.shape[k] and step[k] > 0):
                return -1, 0.0
        entered = min(border[0], border[1], border[2])
        axis = 0 if border[0] == entered else (1 if border[1] == entered else 2)
        cell[axis] += step[axis]
        border[axis] += stride[axis]


@njit(nogil=True, cache=True, error_model="numpy")
def _enter(box, eye, ray):
    """The side of a box (x, y, z from and to) by which a ray from outside enters it, -1 for none; its length there."""
    side, enter, leave = -1, 0.0, np.inf
    for k in range(3):
        one, other = (box[k] - eye[k]) / ray[k], (box[k + 3] - eye[k]) / ray[k]
        if min(one, other) > enter:
            side, enter = 2 * k + (0 if ray[k] > 0 else 1), min(one, other)
        leave = min(leave, max(one, other))
    return (side if enter < leave else -1), enter
