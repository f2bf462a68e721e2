"""Paints the faces of every block: own 16 x 16 art, drawn by formulas from hashed noise, the same on every machine.

    recipe of a block -> top, side, bottom (16, 16, 4) -> shaded by side -> mip pyramid 16, 8, 4, 2, 1 -> packed atlas

The fourth channel is glow: how far a texel keeps its own colour in darkness and fog. Rows go down, row 0 is the top.
"""

import functools
import zlib

import numpy as np

from mcproxy import blocks as block_table

SIZE = 16  # texels a side
TEXELS = 341  # of a whole pyramid: 256 + 64 + 16 + 4 + 1
SHADE = (0.6, 0.6, 0.5, 1.0, 0.8, 0.8)  # brightness of the sides -x, +x, -y, +y, -z, +z (Minecraft Wiki, "Light")
GLOW = 127  # of a texel that shines fully: the packed value stays positive
_y, _x = np.mgrid[:SIZE, :SIZE]  # row and column of every texel


@functools.cache
def atlas() -> np.ndarray:
    """All faces, ((K + 1) * 8 * TEXELS,) int32: texel = red | green << 8 | blue << 16 | glow << 24.

    Face `block id * 8 + side` has the texels face * TEXELS onwards, its larger levels first, each row by row. Id K, one
    beyond the last block, is the beam of a beacon. Sides 6 and 7 stay empty.
    """
    names = (*block_table.NAME, "beam")
    packed = np.zeros((len(names), 8, TEXELS), dtype=np.int32)
    for k, name in enumerate(names[1:], start=1):
        top, side, bottom = paint(name)
        for s, art in enumerate((side, side, bottom, top, side, side)):
            glow = art[..., 3:] / GLOW
            shaded = art.copy()
            shaded[..., :3] *= SHADE[s] + (1 - SHADE[s]) * glow
            packed[k, s] = np.concatenate([_pack(level) for level in pyramid(shaded)])
    packed.setflags(write=False)
    return packed.reshape(-1)


def paint(name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The top, the side and the bottom of a block, or of the "beam": (16, 16, 4) float64 each, before any shading."""
    faces = _RECIPES[name]
    top, side, bottom = faces if isinstance(faces, tuple) else (faces, faces, faces)
    return _finish(top), _finish(side), _finish(bottom)


def pyramid(art: np.ndarray) -> list[np.ndarray]:
    """The art at 16, 8, 4, 2 and 1 texels a side, each the 2 x 2 means of the one before."""
    levels = [art]
    while len(levels[-1]) > 1:
        a = levels[-1]
        levels.append((a[::2, ::2] + a[1::2, ::2] + a[::2, 1::2] + a[1::2, 1::2]) / 4)
    return levels


def _pack(art: np.ndarray) -> np.ndarray:
    whole = np.rint(art).astype(np.int32).reshape(-1, 4)
    return whole[:, 0] | whole[:, 1] << 8 | whole[:, 2] << 16 | whole[:, 3] << 24


def _finish(art: np.ndarray) -> np.ndarray:
    """Clip to colours, and add the channel of glow where the recipe has none."""
    if art.shape[-1] == 3:
        art = np.concatenate([art, np.zeros((SIZE, SIZE, 1))], axis=-1)
    return np.clip(art, 0, [255, 255, 255, GLOW])


def _noise(name: str, rows: int = SIZE, columns: int = SIZE) -> np.ndarray:
    """White noise from 0 to 1, (rows, columns), of a hash that no library version changes."""
    y, x = np.mgrid[:rows, :columns].astype(np.uint64)
    h = (x * np.uint64(374761393) + y * np.uint64(668265263) + np.uint64(zlib.crc32(name.encode()))) & _LOW
    for factor in (2246822519, 3266489917):
        h = ((h ^ (h >> np.uint64(15))) * np.uint64(factor)) & _LOW
    return (h ^ (h >> np.uint64(16))) / 2**32


_LOW = np.uint64(2**32 - 1)


def _clouds(name: str, cells: int = 4) -> np.ndarray:
    """Smooth noise from 0 to 1 that tiles: a coarse grid, interpolated."""
    grid, at = _noise(name, cells, cells), np.arange(SIZE) * cells / SIZE
    low, part = at.astype(int), (at % 1)
    part = part * part * (3 - 2 * part)
    rows = grid[low] * (1 - part)[:, None] + grid[(low + 1) % cells] * part[:, None]
    return rows[:, low] * (1 - part) + rows[:, (low + 1) % cells] * part


def _tint(colour: tuple[int, int, int], brightness: np.ndarray | float) -> np.ndarray:
    """One colour times a brightness per texel: (16, 16, 3)."""
    return np.asarray(colour, dtype=float) * np.broadcast_to(brightness, (SIZE, SIZE))[..., None]


def _mix(a: np.ndarray, b: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Art `a` with `b` laid over it, share 0 to 1 of `b` per texel."""
    weight = np.asarray(share, dtype=float)[..., None]
    return a * (1 - weight) + b * weight


def _speckle(name: str, colour: tuple[int, int, int], spread: float, cloud: float = 0.0) -> np.ndarray:
    """A colour with grain of this spread, in four steps as drawn by hand, and smoother patches."""
    steps = np.floor(_noise(name) * 4) / 3 - 0.5
    return _tint(colour, 1 + spread * steps + cloud * (_clouds(name + "+") - 0.5))


def _bevel(art: np.ndarray, light: float, dark: float, inset: int = 0) -> np.ndarray:
    """A raised square: bright along its top and left, dark along its bottom and right."""
    low, high = inset, SIZE - 1 - inset
    within = (_x >= low) & (_x <= high) & (_y >= low) & (_y <= high)
    lit = within & ((_x == low) | (_y == low))
    dim = within & ((_x == high) | (_y == high)) & ~lit
    return art * np.where(lit, light, np.where(dim, dark, 1.0))[..., None]


def _bricks(art: np.ndarray, mortar: tuple[int, int, int], height: int, width: int) -> np.ndarray:
    """Courses of bricks laid over the art, every other one shifted by half a brick."""
    x = (_x + (_y // height % 2) * width // 2) % width
    joint = (_y % height == height - 1) | (x == width - 1)
    rim = ((_y % height == 0) | (x == 0)) & ~joint
    return _mix(art * np.where(rim, 1.1, 1.0)[..., None], _tint(mortar, 1 + 0.1 * (_noise("mortar") - 0.5)), joint)


def _pebbles(name: str, across: int) -> tuple[np.ndarray, np.ndarray]:
    """Stones that tile, across x across of them: how far a texel is inside its stone, and a random value of each."""
    place = np.arange(across) + 0.5
    jitter = 0.75 * (np.stack([_noise(name + axis, across, across) for axis in "yx"]) - 0.5)
    spots = ((np.stack(np.meshgrid(place, place, indexing="ij")) + jitter) * SIZE / across).reshape(2, -1)
    away = np.abs(np.stack([_y, _x])[:, :, :, None] + 0.5 - spots[:, None, None, :])
    away = np.hypot(*np.minimum(away, SIZE - away))
    nearest = np.sort(away, axis=-1)
    return nearest[..., 1] - nearest[..., 0], _noise(name + "v", 1, spots.shape[1])[0][away.argmin(axis=-1)]


def _stone() -> np.ndarray:
    return _speckle("stone", (127, 127, 127), 0.10, 0.28)


def _dirt() -> np.ndarray:
    return _speckle("dirt", (134, 96, 67), 0.34, 0.2)


def _grass() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    top = _speckle("grass", (104, 159, 66), 0.26, 0.16)
    depth = 2 + np.floor(_noise("fringe", 1, SIZE) * 3)
    return top, _mix(_dirt(), top * 0.95, _y < depth), _dirt()


def _cobblestone() -> np.ndarray:
    inside, value = _pebbles("cobblestone", 4)
    return _tint((128, 128, 128), np.where(inside < 1.0, 0.62, 0.88 + 0.35 * value) + 0.12 * (_noise("cobble") - 0.5))


def _planks() -> np.ndarray:
    board = _y // 4
    grain = 0.16 * (_noise("grain", SIZE, 4)[:, _x[0] // 4] - 0.5) + 0.08 * (_noise("planks") - 0.5)
    seam = (_y % 4 == 3) | (_x == np.array([5, 13, 2, 10])[board])
    return _tint((178, 142, 88), (1 + grain + 0.1 * (_noise("board", 1, 4)[0][board] - 0.5)) * np.where(seam, 0.68, 1))


def _log() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    stripes = _noise("bark", 1, SIZE) * 0.5 + 0.18 * _noise("bark grain") + 0.68
    side = _tint((104, 80, 48), np.broadcast_to(stripes, (SIZE, SIZE)))
    ring = np.maximum(np.abs(_x - 7.5), np.abs(_y - 7.5))
    wood = _tint((186, 150, 94), np.where((ring + 0.5) % 2 < 1, 0.8, 1.04) + 0.08 * (_noise("rings") - 0.5))
    top = _mix(wood, side, ring > 7)
    return top, side, top


def _leaves() -> np.ndarray:
    art = _speckle("leaves", (62, 116, 38), 0.5, 0.3)
    return art * np.where(_noise("gaps") < 0.16, 0.5, 1.0)[..., None]


def _gravel() -> np.ndarray:
    inside, value = _pebbles("gravel", 6)
    art = _mix(_tint((136, 128, 126), 0.78 + 0.45 * value), _tint((150, 120, 108), 0.95), value > 0.75)
    return art * np.where(inside < 0.6, 0.72, 1.0)[..., None]


def _stonebrick() -> np.ndarray:
    return _bricks(_speckle("stonebrick", (124, 124, 124), 0.14, 0.12), (78, 78, 78), 8, 16)


def _brick_block() -> np.ndarray:
    return _bricks(_speckle("brick", (156, 84, 66), 0.2, 0.16), (178, 166, 156), 4, 8)


def _sandstone() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    top = _speckle("sandstone", (220, 208, 160), 0.06, 0.06)
    bands = np.array([1.03, 1, 1, 0.86, 1, 1.02, 0.97, 1.02, 0.97, 0.88, 1, 1, 1.02, 0.9, 0.84, 0.9])
    return top, top * bands[:, None, None], top * 0.95


def _gold() -> np.ndarray:
    """Polished gold: bands of light across a bevelled plate, and a gleam in the shade."""
    bands = np.sin((_x + _y) * np.pi / 8) * 0.6 + np.sin((_x + _y) * np.pi / 4 + 1) * 0.4
    art = _bevel(_bevel(_tint((248, 208, 58), 1 + 0.12 * bands), 1.12, 0.72), 1.08, 0.88, inset=1)
    return np.concatenate([art, np.full((SIZE, SIZE, 1), 0.3 * GLOW)], axis=-1)


def _iron() -> np.ndarray:
    lines = np.where(_y % 4 == 3, 0.88, np.where(_y % 4 == 0, 1.04, 1.0))
    return _bevel(_tint((218, 218, 218), lines), 1.08, 0.78)


def _gem(colour: tuple[int, int, int]) -> np.ndarray:
    """A cut gem: bevels within bevels, and a glint."""
    art = _bevel(_bevel(_bevel(_tint(colour, 1.0), 1.2, 0.62), 0.8, 1.12, inset=3), 1.25, 0.75, inset=5)
    return _mix(art, _tint((255, 255, 255), 1.0), 0.6 * ((_x + _y == 9) & (np.abs(_x - _y) < 3)))


def _pane(colour: tuple[int, int, int], frame: tuple[int, int, int]) -> np.ndarray:
    """Glass: a framed pane with two slanting reflections."""
    streak = ((_x + _y) % 16 == 9) | ((_x + _y) % 16 == 10) | ((_x + _y) % 16 == 13)
    edge = (_x == 0) | (_y == 0) | (_x == SIZE - 1) | (_y == SIZE - 1)
    return _mix(_mix(_tint(colour, 1.0), _tint((255, 255, 255), 1.0), 0.45 * streak), _tint(frame, 1.0), edge)


def _beacon() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A pale cyan glass cube with a shining core, on a foot of obsidian."""
    glass = _pane((126, 214, 222), (196, 240, 244))
    ring = np.maximum(np.abs(_x - 7.5), np.abs(_y - 7.5))
    core = _mix(_mix(glass, _tint((88, 230, 236), 1.0), ring < 5), _tint((240, 255, 255), 1.0), ring < 3.6)
    glow = np.where(ring < 5, GLOW, 0.55 * GLOW)[..., None]
    top = np.concatenate([core, glow], axis=-1)
    foot = np.concatenate([_obsidian(), np.zeros((SIZE, SIZE, 1))], axis=-1)
    return top, _mix(top, foot, (_y >= 14) & (_x > 0) & (_x < SIZE - 1)), foot


def _ice() -> np.ndarray:
    art = _speckle("ice", (152, 190, 252), 0.06, 0.14)
    crack = np.abs((_x + 2 * _y) % 16 - 7.5) < 1
    return _mix(art, _tint((205, 226, 255), 1.0), 0.5 * (crack & (_noise("crack") < 0.75)))


def _soul_sand() -> np.ndarray:
    art = _speckle("soul_sand", (84, 64, 51), 0.22, 0.2)
    holes = np.zeros((SIZE, SIZE), dtype=bool)
    for y, x in ((3, 3), (9, 10), (11, 2)):  # three faces: two eyes and a mouth
        holes[y : y + 2, x], holes[y : y + 2, x + 3], holes[(y + 3) % SIZE, x + 1 : x + 3] = True, True, True
    return art * np.where(holes, 0.55, 1.0)[..., None]


def _stone_slab() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    art = _speckle("stone_slab", (164, 164, 164), 0.06, 0.06)
    top = _bevel(art, 1.08, 0.82)
    edge = np.where(_y % 8 == 0, 1.08, np.where(_y % 8 == 7, 0.78, 1.0))  # halves, for a slab is half a block high
    return top, art * edge[..., None], top


def _bedrock() -> np.ndarray:
    return _tint((86, 86, 86), np.floor((_clouds("bedrock", 8) * 0.7 + _noise("bedrock") * 0.3) * 5) / 5 * 1.9 + 0.1)


def _obsidian() -> np.ndarray:
    art = _speckle("obsidian", (22, 18, 34), 0.6, 0.4)
    return _mix(art, _tint((72, 52, 104), 1.0), 0.7 * (_clouds("sheen", 8) > 0.72))


def _glowstone() -> np.ndarray:
    inside, value = _pebbles("glowstone", 3)
    art = _mix(_tint((176, 128, 70), 0.8 + 0.3 * value), _tint((255, 226, 150), 1.0), np.clip(inside / 3, 0, 1))
    return np.concatenate([art, np.full((SIZE, SIZE, 1), GLOW * 0.9)], axis=-1)


def _beam() -> np.ndarray:
    """The beam of a beacon: all light, a little brighter along its middle."""
    art = _mix(_tint((196, 246, 255), 1.0), _tint((240, 255, 255), 1.0), np.clip(1 - np.abs(_x - 7.5) / 4, 0, 1))
    return np.concatenate([art, np.full((SIZE, SIZE, 1), GLOW)], axis=-1)


_RECIPES = {
    "stone": _stone(),
    "grass": _grass(),
    "dirt": _dirt(),
    "cobblestone": _cobblestone(),
    "planks": _planks(),
    "log": _log(),
    "leaves": _leaves(),
    "sand": _speckle("sand", (219, 207, 163), 0.1, 0.06),
    "gravel": _gravel(),
    "stonebrick": _stonebrick(),
    "brick_block": _brick_block(),
    "sandstone": _sandstone(),
    "gold_block": _gold(),
    "iron_block": _iron(),
    "diamond_block": _gem((96, 226, 216)),
    "emerald_block": _gem((48, 198, 92)),
    "beacon": _beacon(),
    "glass": _pane((190, 222, 230), (232, 244, 246)),
    "ice": _ice(),
    "soul_sand": _soul_sand(),
    "stone_slab": _stone_slab(),
    "bedrock": _bedrock(),
    "obsidian": _obsidian(),
    "glowstone": _glowstone(),
    "beam": _beam(),
}
