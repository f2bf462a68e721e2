"""Colours the rasterised pixels of a frame, 16 at a time.

    chunks -> sprites set aside -> texels, light at corners -> lit; sky -> colours -> sprites one by one -> out

What a pixel looks like is said in colour.py; here its functions run in loops that the compiler vectorises. Where all is
plain daylight, no light is looked up. Floats are read from and written to few records with fixed offsets, as the
compiler does not vectorise loops over memory that it cannot tell apart.
"""

import numpy as np
from numba import njit

from mcproxy.engine.rendering.colour import blend, corner_at, lit, pack, sky_at, sprite_colour, texel_at
from mcproxy.engine.rendering.mesh import LANES
from mcproxy.engine.rendering.sprites import SPRITE_FACE

PIXELS = np.dtype(  # scratch: 16 pixels
    [("ray", "f4", LANES), ("far", "f4", LANES), ("index", "i4", LANES), ("texel", "i4", LANES), ("light", "f4", LANES)]
    + [("corner", "i4", (4, LANES)), ("bright", "f4", (4, LANES)), ("first", "f4", LANES), ("second", "f4", LANES)]
    + [("sprite", "f4", LANES)]  # index * 8 + side, or below 0
)
COLOURS = np.dtype([("rgb", "i4", LANES)])  # scratch: 16 pixels, red | green << 8 | blue << 16
_F, _I = np.float32, np.int32
_ZERO, _ONE = _F(0), _F(1)


@njit(nogil=True, cache=True, error_model="numpy")
def shade(
    chunks, camera, look, air, lighting, corners, sprites, atlas, cracks, width, height, blur, flipped,
    pixels, colours, out, words,
):  # fmt: skip
    """Colour the rasterised chunks: `out` is (H, W, 3) uint8, and `words` (H, K) int32 the same memory, or K = 0.

    `camera` is (3,) `AXIS`; `look`, `air` and `lighting` are records of these types, `corners` the world's (light.py),
    `sprites` (S,) `SPRITE` as rasterised, `atlas` and `cracks` those of textures.py. To be overwritten: `chunks`, one
    `PIXELS` record, and `colours`, (chunks per row,) `COLOURS`.
    """
    per_row = colours.size
    x, y, z = camera[0].part, camera[1].part, camera[2].part
    step_x, step_y, step_z = camera[0].across, camera[1].across, camera[2].across
    plain = lighting.plain != 0
    haze, sun_across, sun_up = air.haze, look.sun_across, look.sun_up
    fog_red, fog_green, fog_blue = air.fog[0], air.fog[1], air.fog[2]
    red, green, blue = look.horizon[0], look.horizon[1], look.horizon[2]
    more_red, more_green, more_blue = look.zenith[0], look.zenith[1], look.zenith[2]
    sun_red, sun_green, sun_blue = look.sun[0], look.sun[1], look.sun[2]
    for lane in range(LANES):
        pixels.light[lane] = look.light
    for i in range(height):
        row_x = camera[0].start + camera[0].down * _F(i)
        row_y = camera[1].start + camera[1].down * _F(i)
        row_z = camera[2].start + camera[2].down * _F(i)
        for place in range(per_row):
            chunk, colour = chunks[i * per_row + place], colours[place]
            sprite_pixels = _set_sprites_aside(chunk, pixels) if sprites.size > 0 else _I(0)
            sky_pixels = _I(0)
            for lane in range(LANES):
                sky_pixels += _I(chunk.face[lane] < _ZERO)
            if sky_pixels < LANES:
                for lane in range(LANES):
                    j = _F(place * LANES) + _F(lane)
                    dx, dy, dz = row_x + step_x * j, row_y + step_y * j, row_z + step_z * j
                    face, ray = _I(max(chunk.face[lane], _ZERO)), _ONE / max(chunk.depth[lane], _F(1e-6))
                    pixels.ray[lane], pixels.far[lane] = ray, ray * ray * (dx * dx + dy * dy + dz * dz)
                    pixels.index[lane] = texel_at(face, ray, dx, dy, dz, x, y, z, blur)
                for lane in range(LANES):
                    pixels.texel[lane] = atlas[np.uint32(pixels.index[lane])]
                if not plain:
                    _light_pixels(chunk, pixels, camera, lighting, corners, place, row_x, row_y, row_z)
                for lane in range(LANES):
                    texel, light = pixels.texel[lane], pixels.light[lane]
                    r, g, b = lit(texel, pixels.far[lane], light, haze, fog_red, fog_green, fog_blue)
                    colour.rgb[lane] = pack(r, g, b)
            if sky_pixels > 0:
                for lane in range(LANES):
                    j = _F(place * LANES) + _F(lane)
                    dx, dy, dz = row_x + step_x * j, row_y + step_y * j, row_z + step_z * j
                    square = dx * dx + dy * dy + dz * dz
                    up, sunny = sky_at(dx, dy, dz, square, sun_across, sun_up)
                    r, g, b = red + more_red * up, green + more_green * up, blue + more_blue * up
                    r, g, b = (sun_red if sunny else r), (sun_green if sunny else g), (sun_blue if sunny else b)
                    held = colour.rgb[lane]
                    colour.rgb[lane] = pack(r, g, b) if chunk.face[lane] < _ZERO else held
            if sprite_pixels > 0:
                for lane in range(LANES):
                    if pixels.sprite[lane] < _ZERO:
                        continue
                    j = _F(place * LANES) + _F(lane)
                    dx, dy, dz = row_x + step_x * j, row_y + step_y * j, row_z + step_z * j
                    face, ray = _I(pixels.sprite[lane]), _ONE / chunk.depth[lane]
                    r, g, b = sprite_colour(
                        sprites[face >> 3], face & 7, ray, dx, dy, dz, camera, look, air, lighting, corners,
                        atlas, cracks, blur,
                    )  # fmt: skip
                    colour.rgb[lane] = pack(r, g, b)
        row = height - 1 - i if flipped else i
        if words.shape[1] > 0:
            _write_words(colours, words[row])
        else:
            for j in range(width):
                rgb = colours[j // LANES].rgb[j % LANES]
                out[row, j, 0], out[row, j, 1], out[row, j, 2] = rgb & 255, (rgb >> 8) & 255, rgb >> 16


@njit(nogil=True, cache=True, error_model="numpy")
def _light_pixels(chunk, pixels, camera, lighting, corners, place, row_x, row_y, row_z):
    """Look up the light of 16 pixels, of which the length of the ray is known."""
    x, y, z = camera[0].part, camera[1].part, camera[2].part
    cell_x, cell_y, cell_z = camera[0].cell, camera[1].cell, camera[2].cell
    size_x, size_y, size_z = _F(lighting.shape[0]), _F(lighting.shape[1]), _F(lighting.shape[2])
    step_x, step_y, step_z = camera[0].across, camera[1].across, camera[2].across
    unit = lighting.bright
    for lane in range(LANES):  # into the same record as what is written below: other memory would have to be told apart
        pixels.index[lane] = _I(max(chunk.face[lane], _ZERO))
    for lane in range(LANES):
        j = _F(place * LANES) + _F(lane)
        corner, first_step, second_step, first, second = corner_at(
            pixels.index[lane], pixels.ray[lane],
            row_x + step_x * j, row_y + step_y * j, row_z + step_z * j,
            x, y, z, cell_x, cell_y, cell_z, size_x, size_y, size_z,
        )  # fmt: skip
        pixels.corner[0, lane], pixels.corner[1, lane] = corner, _I(corner + second_step)
        corner = _I(corner + first_step)
        pixels.corner[2, lane], pixels.corner[3, lane] = corner, _I(corner + second_step)
        pixels.first[lane], pixels.second[lane] = first, second
    for k in range(4):
        for lane in range(LANES):
            pixels.bright[k, lane] = corners[np.uint32(pixels.corner[k, lane])]
    for lane in range(LANES):
        pixels.light[lane] = blend(
            pixels.bright[0, lane], pixels.bright[1, lane], pixels.bright[2, lane], pixels.bright[3, lane],
            pixels.first[lane], pixels.second[lane], unit,
        )  # fmt: skip


@njit(nogil=True, cache=True)
def _write_words(colours, row):
    """Write whole chunks, four pixels as three words: 48 single bytes would take as long as a third of the shading."""
    for place in range(colours.size):
        rgb = colours[place].rgb
        for k in range(LANES // 4):
            first, second, third, fourth = rgb[4 * k], rgb[4 * k + 1], rgb[4 * k + 2], rgb[4 * k + 3]
            at = (place * LANES // 4 + k) * 3
            row[at] = first | (second << 24)
            row[at + 1] = (second >> 8) | (third << 16)
            row[at + 2] = (third >> 16) | (fourth << 8)


@njit(nogil=True, cache=True)
def _set_sprites_aside(chunk, pixels):
    """Note the faces of sprites, and have the block's and the sky's loops take their pixels for sky."""
    count = _I(0)
    for lane in range(LANES):
        count += _I(chunk.face[lane] >= _F(SPRITE_FACE))
    if count > 0:
        for lane in range(LANES):
            pixels.sprite[lane] = chunk.face[lane] - _F(SPRITE_FACE)
            if pixels.sprite[lane] >= _ZERO:
                chunk.face[lane] = -_ONE
    return count
