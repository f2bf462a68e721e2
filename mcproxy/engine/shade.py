"""Colours: what a ray sees on a face of a block, and what it sees of the sky.

    face, depth -> where on the face -> texel of a mip level -> light and fog     no face -> gradient of the sky, sun

The functions `texel_at`, `lit` and `sky_at` are for one ray: the rasteriser's pixels come through them in loops of 16
that vectorise (`shade`), the reference renderer's one by one. Rays are d with d . forward = 1, in float32.
"""

import functools
import math

import numpy as np
from numba import njit

from mcproxy.engine.mesh import LANES
from mcproxy.engine.textures import GLOW, TEXELS

LOOK = np.dtype(  # what the time of day decides
    [
        ("light", "f4"),  # brightness of what does not glow, 0 to 1
        ("horizon", "f4", 3),  # red, green, blue from 0 to 255: the sky low down, and the fog
        ("zenith", "f4", 3),  # the sky overhead, less the horizon
        ("sun", "f4", 3),  # its colour
        ("sun_across", "f4"),  # its direction in the plane of east (x) and up (y)
        ("sun_up", "f4"),
    ]
)
PIXELS = np.dtype([("ray", "f4", LANES), ("index", "i4", LANES), ("texel", "i4", LANES)])  # scratch: 16 pixels
COLOURS = np.dtype([("red", "u1", LANES), ("green", "u1", LANES), ("blue", "u1", LANES)])  # scratch: 16 pixels
DAY = 24000  # ticks; 0 is sunrise, 6000 noon, 18000 midnight (Minecraft Wiki, "Daylight cycle")
SUN_SIZE = np.float32(0.07)  # half a side of the square sun, tangent of the angle
FOG_DISTANCE = 80.0  # blocks at which half of the light is lost
BLUR = 0.7  # a mip level gives way to the next where a pixel covers 1 / BLUR of its texels
_F, _I = np.float32, np.int32
_ZERO, _ONE = _F(0), _F(1)
_FOG = _F(1 / FOG_DISTANCE**2)
_GLOW_CLEARS = _F(0.9)  # share of the fog that full glow pierces


@functools.lru_cache(maxsize=256)
def look_at(time_of_day: int) -> np.ndarray:
    """The `LOOK` record for a time of day in ticks."""
    angle = 2 * math.pi * ((time_of_day % DAY) - DAY / 4) / DAY  # 0 at noon
    height = math.cos(angle)
    day = min(max(2 * height + 0.5, 0.0), 1.0)  # Minecraft's sky brightness
    dusk = max(0.0, 1 - abs(height) / 0.35) ** 2
    look = np.zeros(1, dtype=LOOK)
    look["light"] = 0.35 + 0.65 * min(max(0.35 + 0.65 * height, 0.0), 1.0)
    horizon = _blend(np.array([14, 18, 34]), np.array([190, 214, 240]), day)
    zenith = _blend(np.array([4, 6, 14]), np.array([92, 146, 232]), day)
    look["horizon"] = _blend(horizon, np.array([222, 140, 86]), 0.75 * dusk)
    look["zenith"] = _blend(zenith, np.array([70, 70, 120]), 0.5 * dusk) - look["horizon"]
    look["sun"] = _blend(np.array([255, 252, 224]), np.array([255, 196, 120]), dusk)
    look["sun_across"], look["sun_up"] = -math.sin(angle), height
    return look[0]


def blur_of(scale: float) -> np.float32:
    """The `blur` of `texel_at` for pixels of this size at depth 1."""
    return _F((BLUR * 16 * scale) ** 2)


def _blend(a: np.ndarray, b: np.ndarray, share: float) -> np.ndarray:
    return a * (1 - share) + b * share


@njit(nogil=True, cache=True, error_model="numpy")
def texel_at(face, ray, dx, dy, dz, x, y, z, blur):
    """Where in the atlas a ray of this length finds its texel: int32.

    The ray starts at x, y, z, fractions of a block. A pixel covers depth * scale across the ray's slant and 1 / cosine
    as much along it: the square of their (geometric) mean picks the level, `blur` being (BLUR * 16 texels * scale)^2.
    """
    axis = _I((face & _I(7)) >> _I(1))
    at_x = _I(np.floor((x + ray * dx) * _F(16)))
    at_y = _I(np.floor((y + ray * dy) * _F(16)))
    at_z = _I(np.floor((z + ray * dz) * _F(16)))
    u = at_z if axis == _I(0) else at_x
    v = at_z if axis == _I(1) else _I(~at_y)
    cosine = abs(dx if axis == _I(0) else (dy if axis == _I(1) else dz))
    size = ray * ray * blur
    half, quarter = _I(size > cosine), _I(size > cosine * _F(4))
    eighth, whole = _I(size > cosine * _F(16)), _I(size > cosine * _F(64))
    level = _I(_I(half + quarter) + _I(eighth + whole))
    above = _I(_I(half << _I(8)) + _I(quarter << _I(6))) + _I(_I(eighth << _I(4)) + _I(whole << _I(2)))
    column, row = _I(_I(u & _I(15)) >> level), _I(_I(v & _I(15)) >> level)
    return _I(_I(_I(face * _I(TEXELS)) + _I(above)) + _I(_I(row << _I(_I(4) - level)) + column))


@njit(nogil=True, cache=True, error_model="numpy")
def lit(texel, ray, square, light, red, green, blue):
    """A texel in this light, behind fog of this colour: three float32. `square` is d . d."""
    clear = _ONE / (_ONE + ray * ray * square * _FOG)
    glow = _F(_I(texel >> _I(24))) * _F(1 / GLOW)
    clear = clear + (_ONE - clear) * glow * _GLOW_CLEARS
    bright, fog = clear * (light + (_ONE - light) * glow), _ONE - clear
    return (
        _F(_I(texel & _I(255))) * bright + red * fog,
        _F(_I(_I(texel >> _I(8)) & _I(255))) * bright + green * fog,
        _F(_I(_I(texel >> _I(16)) & _I(255))) * bright + blue * fog,
    )


@njit(nogil=True, cache=True, error_model="numpy")
def sky_at(dx, dy, dz, square, sun_across, sun_up):
    """How far up the gradient a ray of the sky is, 0 to 1, and whether it hits the sun."""
    height = min(max(dy / np.sqrt(square), _ZERO), _ONE)
    ahead, aside = dx * sun_across + dy * sun_up, dy * sun_across - dx * sun_up
    reach = SUN_SIZE * ahead
    return height * (_F(2) - height), (abs(aside) < reach) & (abs(dz) < reach)


@njit(nogil=True, cache=True, error_model="numpy")
def shade(chunks, camera, look, atlas, width, height, blur, flipped, pixels, colours, out):
    """Colour the rasterised chunks: `out` is (H, W, 3) uint8.

    `pixels` is one `PIXELS` record, `colours` (chunks per row,) `COLOURS`, both to be overwritten.
    """
    per_row = colours.size
    x, y, z = camera[0].part, camera[1].part, camera[2].part
    step_x, step_y, step_z = camera[0].across, camera[1].across, camera[2].across
    light, sun_across, sun_up = look.light, look.sun_across, look.sun_up
    red, green, blue = look.horizon[0], look.horizon[1], look.horizon[2]
    more_red, more_green, more_blue = look.zenith[0], look.zenith[1], look.zenith[2]
    sun_red, sun_green, sun_blue = look.sun[0], look.sun[1], look.sun[2]
    for i in range(height):
        row_x = camera[0].start + camera[0].down * _F(i)
        row_y = camera[1].start + camera[1].down * _F(i)
        row_z = camera[2].start + camera[2].down * _F(i)
        for place in range(per_row):
            chunk, colour = chunks[i * per_row + place], colours[place]
            sky_pixels = _I(0)
            for lane in range(LANES):
                sky_pixels += _I(chunk.face[lane] < _ZERO)
            if sky_pixels < LANES:
                for lane in range(LANES):
                    j = _F(place * LANES) + _F(lane)
                    dx, dy, dz = row_x + step_x * j, row_y + step_y * j, row_z + step_z * j
                    face, ray = _I(max(chunk.face[lane], _ZERO)), _ONE / max(chunk.depth[lane], _F(1e-6))
                    pixels.ray[lane] = ray
                    pixels.index[lane] = texel_at(face, ray, dx, dy, dz, x, y, z, blur)
                for lane in range(LANES):
                    pixels.texel[lane] = atlas[np.uint32(pixels.index[lane])]
                for lane in range(LANES):
                    j = _F(place * LANES) + _F(lane)
                    dx, dy, dz = row_x + step_x * j, row_y + step_y * j, row_z + step_z * j
                    square = dx * dx + dy * dy + dz * dz
                    r, g, b = lit(pixels.texel[lane], pixels.ray[lane], square, light, red, green, blue)
                    colour.red[lane], colour.green[lane], colour.blue[lane] = _I(r), _I(g), _I(b)
            if sky_pixels > 0:
                for lane in range(LANES):
                    j = _F(place * LANES) + _F(lane)
                    dx, dy, dz = row_x + step_x * j, row_y + step_y * j, row_z + step_z * j
                    square = dx * dx + dy * dy + dz * dz
                    up, sunny = sky_at(dx, dy, dz, square, sun_across, sun_up)
                    r, g, b = red + more_red * up, green + more_green * up, blue + more_blue * up
                    r, g, b = (sun_red if sunny else r), (sun_green if sunny else g), (sun_blue if sunny else b)
                    sky = chunk.face[lane] < _ZERO
                    r_byte = np.uint8(_I(r)) if sky else colour.red[lane]
                    g_byte = np.uint8(_I(g)) if sky else colour.green[lane]
                    b_byte = np.uint8(_I(b)) if sky else colour.blue[lane]
                    colour.red[lane], colour.green[lane], colour.blue[lane] = r_byte, g_byte, b_byte
        row = height - 1 - i if flipped else i
        for place in range(per_row):
            colour = colours[place]
            for lane in range(min(LANES, width - place * LANES)):
                j = place * LANES + lane
                out[row, j, 0] = colour.red[lane]
                out[row, j, 1] = colour.green[lane]
                out[row, j, 2] = colour.blue[lane]
