"""What a single ray sees: the colour of a face of a block or of a sprite, or of the sky.

    face, depth -> where on the face -> texel of a mip level, light between the corners of its cell -> `lit`, with fog
    no face     -> gradient of the sky, sun

The rasteriser's pixels come through `texel_at`, `corner_at`, `blend`, `lit` and `sky_at` in loops of 16 that vectorise
(shade.py), the reference renderer's one by one. Pixels of sprites are few, and coloured one by one by both. Rays are d
with d . forward = 1, in float32.
"""

import functools
import math

import numpy as np
from numba import njit

from mcproxy import blocks as block_table
from mcproxy.engine.rendering.light import FULL
from mcproxy.engine.rendering.mesh import WATER
from mcproxy.engine.rendering.textures import GLOW, TEXELS
from mcproxy.engine.simulation.collision import block_at

LOOK = np.dtype(  # what the time of day decides
    [
        ("haze", "f4"),  # factor on the strength of the fog, 1 but for random looks
        ("light", "f4"),  # brightness of what does not glow, 0 to 1
        ("horizon", "f4", 3),  # red, green, blue from 0 to 255: the sky low down, and the fog
        ("zenith", "f4", 3),  # the sky overhead, less the horizon
        ("sun", "f4", 3),  # its colour
        ("sun_across", "f4"),  # its direction in the plane of east (x) and up (y)
        ("sun_up", "f4"),
    ]
)
AIR = np.dtype(  # what the place of the eye decides
    [
        ("haze", "f4"),  # fog at a distance of one block, as light that is lost over light that is left
        ("fog", "f4", 3),  # its colour
        ("blind", "u1"),  # whether there is nothing but this colour to see
    ]
)
DAY = 24000  # ticks; 0 is sunrise, 6000 noon, 18000 midnight (Minecraft Wiki, "Daylight cycle")
SUN_SIZE = np.float32(0.07)  # half a side of the square sun, tangent of the angle
FOG_DISTANCE, WATER_DISTANCE = 80.0, 10.0  # blocks at which half of the light is lost
BLUR = 0.7  # a mip level gives way to the next where a pixel covers 1 / BLUR of its texels
_F, _I = np.float32, np.int32
_ZERO, _ONE = _F(0), _F(1)
_FOG, _WATER_FOG = _F(1 / FOG_DISTANCE**2), _F(1 / WATER_DISTANCE**2)
_LAVA = block_table.ID["lava"]
_GLOW_CLEARS = _F(0.9)  # share of the fog that full glow pierces
_SHUT = block_table.SOLID | (np.arange(len(block_table.BLOCKS)) == _LAVA)  # (K,) bool: an eye within sees nothing else
SHUT = np.where(_SHUT[:, None], block_table.BOX, np.nan)  # (K, 6) float64: their boxes


@functools.lru_cache(maxsize=256)
def look_at(time_of_day: int) -> np.ndarray:
    """The `LOOK` record for a time of day in ticks."""
    angle = 2 * math.pi * ((time_of_day % DAY) - DAY / 4) / DAY  # 0 at noon
    height = math.cos(angle)
    day = min(max(2 * height + 0.5, 0.0), 1.0)  # Minecraft's sky brightness
    dusk = max(0.0, 1 - abs(height) / 0.35) ** 2
    look = np.zeros(1, dtype=LOOK)
    look["haze"] = 1
    look["light"] = (0.35 + 0.65 * min(max(0.35 + 0.65 * height, 0.0), 1.0)) * (1 - 0.45 * (1 - day))
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
    u, v = grid_at(face, x + ray * dx, y + ray * dy, z + ray * dz)
    return _address(face, u, v, ray * ray * blur, _cosine(face, dx, dy, dz))


@njit(nogil=True, cache=True, error_model="numpy")
def grid_at(face, x, y, z):
    """Column and row, before & 15, of the texel at a place of a face: int32. 16 texels are a unit of x, y and z."""
    axis = _I((face & _I(7)) >> _I(1))
    column = _I(np.floor((z if axis == _I(0) else x) * _F(16)))
    row = _I(np.floor((z if axis == _I(1) else y) * _F(16)))
    return column, (row if axis == _I(1) else _I(~row))


@njit(nogil=True, cache=True, error_model="numpy")
def _cosine(face, dx, dy, dz):
    axis = _I((face & _I(7)) >> _I(1))
    return abs(dx if axis == _I(0) else (dy if axis == _I(1) else dz))


@njit(nogil=True, cache=True, error_model="numpy")
def _address(face, u, v, size, cosine):
    """The index in the atlas of a texel, on the level that suits pixels of this size (squared, before the slant)."""
    half, quarter = _I(size > cosine), _I(size > cosine * _F(4))
    eighth, whole = _I(size > cosine * _F(16)), _I(size > cosine * _F(64))
    level = _I(_I(half + quarter) + _I(eighth + whole))
    above = _I(_I(half << _I(8)) + _I(quarter << _I(6))) + _I(_I(eighth << _I(4)) + _I(whole << _I(2)))
    column, row = _I(_I(u & _I(15)) >> level), _I(_I(v & _I(15)) >> level)
    return _I(_I(_I(face * _I(TEXELS)) + _I(above)) + _I(_I(row << _I(_I(4) - level)) + column))


@njit(nogil=True, cache=True, error_model="numpy", forceinline=True)
def corner_at(face, ray, dx, dy, dz, x, y, z, cell_x, cell_y, cell_z, size_x, size_y, size_z):
    """Between which corners of the world's cells a ray of this length finds its light.

    The ray starts in this cell, at the fractions x, y, z; sizes are the world's. All are float32, as integers are
    slow to bound. Returns the index of the lowest corner, the steps to the next one along the face's first and second
    axis, and the fractions along these. A face within its cell takes the corners on the side that it looks to.
    """
    axis = _I((face & _I(7)) >> _I(1))
    out = _F(0.99) if _I(face & _I(1)) == _I(1) else _F(0.01)  # whole planes may come out a little lower or higher
    x, y, z = x + ray * dx, y + ray * dy, z + ray * dz
    low_x = np.floor(x + (out if axis == _I(0) else _ZERO)) + cell_x
    low_y = np.floor(y + (out if axis == _I(1) else _ZERO)) + cell_y
    low_z = np.floor(z + (out if axis == _I(2) else _ZERO)) + cell_z
    low_x = min(max(low_x, _ZERO), size_x if axis == _I(0) else size_x - _ONE)
    low_y = min(max(low_y, _ZERO), size_y if axis == _I(1) else size_y - _ONE)
    low_z = min(max(low_z, _ZERO), size_z if axis == _I(2) else size_z - _ONE)
    x = min(max(x - (low_x - cell_x), _ZERO), _ONE)
    y = min(max(y - (low_y - cell_y), _ZERO), _ONE)
    z = min(max(z - (low_z - cell_z), _ZERO), _ONE)
    step_y = size_z + _ONE
    step_x = (size_y + _ONE) * step_y
    corner = _I(low_x * step_x + (low_y * step_y + low_z))  # whole numbers below 2^24
    first_step, second_step = (step_y if axis == _I(0) else step_x), (step_y if axis == _I(2) else _ONE)
    return corner, _I(first_step), _I(second_step), (y if axis == _I(0) else x), (y if axis == _I(2) else z)


@njit(nogil=True, cache=True, error_model="numpy", forceinline=True)
def blend(low_low, low_high, high_low, high_high, first, second, unit):
    """The light between four corners (first axis, second axis), 255 being `unit`."""
    low, high = low_low + (low_high - low_low) * second, high_low + (high_high - high_low) * second
    return (low + (high - low) * first) * _F(1 / 255) * unit


@njit(nogil=True, cache=True, error_model="numpy")
def light_at(face, ray, dx, dy, dz, camera, look, lighting, corners):
    """The light on a place of a face, 0 to 1: what the loops of `shade` do for 16 rays."""
    if lighting.plain != 0:
        return look.light
    corner, first_step, second_step, first, second = corner_at(
        _I(face), ray, dx, dy, dz, camera[0].part, camera[1].part, camera[2].part,
        camera[0].cell, camera[1].cell, camera[2].cell,
        _F(lighting.shape[0]), _F(lighting.shape[1]), _F(lighting.shape[2]),
    )  # fmt: skip
    low, high = corner, corner + first_step
    return blend(
        _F(corners[low]), _F(corners[low + second_step]), _F(corners[high]), _F(corners[high + second_step]),
        first, second, lighting.bright,
    )  # fmt: skip


@njit(nogil=True, cache=True, error_model="numpy")
def sprite_colour(sprite, side, ray, dx, dy, dz, camera, look, air, lighting, corners, atlas, cracks, blur):
    """What a ray of this length sees on a side of a sprite: three float32, 0 to 255."""
    x, y, z = camera[0].part + ray * dx, camera[1].part + ray * dy, camera[2].part + ray * dz
    if sprite.crack > 0:
        face = _I(sprite.art * 8 + side)
        u, v = grid_at(face, x, y, z)
        texel = atlas[_address(face, u, v, ray * ray * blur, _cosine(face, dx, dy, dz))]
        left = cracks[sprite.crack, v & 15, u & 15]
        light = light_at(face, ray, dx, dy, dz, camera, look, lighting, corners)
    else:
        face = _I(sprite.art * 8 + (6 if side == sprite.front else side))
        long_x = max(sprite.high[0] - sprite.low[0], _F(1e-3))
        long_y = max(sprite.high[1] - sprite.low[1], _F(1e-3))
        long_z = max(sprite.high[2] - sprite.low[2], _F(1e-3))
        share_x = (x + (camera[0].cell - sprite.low[0])) / long_x
        share_y = (y + (camera[1].cell - sprite.low[1])) / long_y
        share_z = (z + (camera[2].cell - sprite.low[2])) / long_z
        least, most = _ZERO, _F(0.999)
        u, v = grid_at(
            _I(side), min(max(share_x, least), most), min(max(share_y, least), most), min(max(share_z, least), most)
        )
        area = long_y * long_z if side < 2 else (long_x * long_z if side < 4 else long_x * long_y)
        texel = atlas[_address(face, u, v, ray * ray * blur / area, _cosine(_I(side), dx, dy, dz))]
        left = _ONE
        light = look.light if lighting.plain != 0 else _light_of(sprite, lighting, corners)
    square = dx * dx + dy * dy + dz * dz
    if left < _ONE:
        red, green, blue = _F(texel & 255) * left, _F(texel >> 8 & 255) * left, _F(texel >> 16 & 255) * left
        texel = _I(red) | _I(green) << 8 | _I(blue) << 16 | texel >> 24 << 24
    return lit(_I(texel), ray * ray * square, light, air.haze, air.fog[0], air.fog[1], air.fog[2])


@njit(nogil=True, cache=True, error_model="numpy")
def _light_of(sprite, lighting, corners):
    """The light on a sprite: the mean of the corners of the cell that its middle is in."""
    step_y = lighting.shape[2] + 1
    step_x, corner = step_y * (lighting.shape[1] + 1), 0
    for k in range(3):
        cell = np.int64(np.floor((sprite.low[k] + sprite.high[k]) / _F(2)))
        cell = min(max(cell, 0), lighting.shape[k] - 1)
        corner += cell * (step_x if k == 0 else (step_y if k == 1 else 1))
    total = 0
    for low in (corner, corner + step_y, corner + step_x, corner + step_x + step_y):
        total += np.int64(corners[low]) + np.int64(corners[low + 1])
    return _F(total) * _F(1 / 255 / 8) * lighting.bright


@njit(nogil=True, cache=True, error_model="numpy")
def breathe(air, camera, blocks, look, lighting, levels, curve, atlas, shut):
    """Fill the `AIR` record for the eye of a camera, (3,) `AXIS` after `raster.step_off`, in a world.

    The fog is as dark as the sky light there. An eye within the box of a solid block, or in lava, sees nothing but the
    mean colour of that block's top; solid ones are as dark inside as any place without light. As for bodies, there is
    stone beyond the sides of the world and below it, and air above. `levels` are those of `light.Lighter`, `curve` is
    `light.CURVE` in float32 and `shut` is `SHUT`.
    """
    air.haze, air.blind = _FOG * look.haze, 1
    sky, block = FULL, 0
    x, y, z = np.int64(camera[0].cell), np.int64(camera[1].cell), np.int64(camera[2].cell)
    size_x, size_y, size_z = blocks.shape
    kind = block_at(blocks, blocks.shape, x, y, z)
    if lighting.plain == 0 and 0 <= x < size_x and 0 <= y < size_y and 0 <= z < size_z:
        cell = ((x + 1) * (size_y + 2) + y + 1) * (size_z + 2) + z + 1
        sky, block = np.int64(levels[0, cell]), np.int64(levels[1, cell])
    for k in range(3):
        if not shut[kind, k] < camera[k].part < shut[kind, k + 3]:
            air.blind = 0
    if kind == WATER or air.blind != 0:
        texel = atlas[(kind * 8 + 4) * TEXELS - 1]  # the mean colour of its top
        light = max(curve[sky] * look.light, curve[block]) if kind in (_LAVA, WATER) else curve[0]
        air.haze = _WATER_FOG
        for k in range(3):
            air.fog[k] = _F(texel >> 8 * k & 255) * light
    else:
        for k in range(3):
            air.fog[k] = look.horizon[k] * curve[sky]


@njit(nogil=True, cache=True, error_model="numpy")
def lit(texel, far, light, haze, red, green, blue):
    """A texel in this light, behind fog of this strength and colour: three float32. `far` is the distance squared."""
    clear = _ONE / (_ONE + far * haze)
    glow = _F(_I(texel >> _I(24))) * _F(1 / GLOW)
    clear = clear + (_ONE - clear) * glow * _GLOW_CLEARS
    bright, fog = clear * (light + (_ONE - light) * glow), _ONE - clear
    return (
        _F(_I(texel & _I(255))) * bright + red * fog,
        _F(_I(_I(texel >> _I(8)) & _I(255))) * bright + green * fog,
        _F(_I(_I(texel >> _I(16)) & _I(255))) * bright + blue * fog,
    )


@njit(nogil=True, cache=True)
def pack(red, green, blue):
    """Three float32 from 0 to 255 as one int32: red | green << 8 | blue << 16."""
    return _I(_I(red) | _I(_I(green) << _I(8))) | _I(_I(blue) << _I(16))


@njit(nogil=True, cache=True, error_model="numpy")
def sky_at(dx, dy, dz, square, sun_across, sun_up):
    """How far up the gradient a ray of the sky is, 0 to 1, and whether it hits the sun."""
    height = min(max(dy / np.sqrt(square), _ZERO), _ONE)
    ahead, aside = dx * sun_across + dy * sun_up, dy * sun_across - dx * sun_up
    reach = SUN_SIZE * ahead
    return height * (_F(2) - height), (abs(aside) < reach) & (abs(dz) < reach)
