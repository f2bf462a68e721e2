"""What the art is drawn with: noise from a hash, colours, patterns that tile, and small pictures made of letters.

Art is (16, 16, 3) float64, red, green, blue from 0 to 255, or (16, 16, 4) with a channel of glow from 0 to GLOW: how
far a texel keeps its own colour in darkness and fog. Rows go down, row 0 is the top.
"""

import zlib
from collections.abc import Callable, Mapping, Sequence

import numpy as np

Colour = tuple[int, int, int]  # red, green, blue from 0 to 255
Recipe = Callable[[], np.ndarray | tuple[np.ndarray, ...]]  # draws one art, or top, side, bottom, or those and a front
SIZE = 16  # texels a side
GLOW = 127  # of a texel that shines fully: the packed value stays positive
ys, xs = np.mgrid[:SIZE, :SIZE]  # the row and the column of every texel
rings = np.maximum(np.abs(xs - 7.5), np.abs(ys - 7.5))  # squares around the middle, 0.5 to 7.5
_LOW = np.uint64(2**32 - 1)


def noise(name: str, rows: int = SIZE, columns: int = SIZE) -> np.ndarray:
    """White noise from 0 to 1, (rows, columns), of a hash that no library version changes."""
    y, x = np.mgrid[:rows, :columns].astype(np.uint64)
    h = (x * np.uint64(374761393) + y * np.uint64(668265263) + np.uint64(zlib.crc32(name.encode()))) & _LOW
    for factor in (2246822519, 3266489917):
        h = ((h ^ (h >> np.uint64(15))) * np.uint64(factor)) & _LOW
    return (h ^ (h >> np.uint64(16))) / 2**32


def clouds(name: str, cells: int = 4) -> np.ndarray:
    """Smooth noise from 0 to 1 that tiles: a coarse grid, interpolated."""
    grid, at = noise(name, cells, cells), np.arange(SIZE) * cells / SIZE
    low, part = at.astype(int), (at % 1)
    part = part * part * (3 - 2 * part)
    rows = grid[low] * (1 - part)[:, None] + grid[(low + 1) % cells] * part[:, None]
    return rows[:, low] * (1 - part) + rows[:, (low + 1) % cells] * part


def tint(colour: Colour, brightness: np.ndarray | float = 1.0) -> np.ndarray:
    """One colour times a brightness per texel: (16, 16, 3)."""
    return np.asarray(colour, dtype=float) * np.broadcast_to(brightness, (SIZE, SIZE))[..., None]


def mix(a: np.ndarray, b: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Art `a` with `b` laid over it, share 0 to 1 of `b` per texel."""
    weight = np.asarray(share, dtype=float)[..., None]
    return a * (1 - weight) + b * weight


def shining(art: np.ndarray, share: np.ndarray | float) -> np.ndarray:
    """Art with a channel of glow: a share of GLOW per texel."""
    return np.concatenate([art, np.broadcast_to(share * GLOW, (SIZE, SIZE))[..., None]], axis=-1)


def speckle(name: str, colour: Colour, spread: float, cloud: float = 0.0) -> np.ndarray:
    """A colour with grain of this spread, in four steps as drawn by hand, and smoother patches."""
    steps = np.floor(noise(name) * 4) / 3 - 0.5
    return tint(colour, 1 + spread * steps + cloud * (clouds(name + "+") - 0.5))


def bevel(art: np.ndarray, light: float, dark: float, inset: int = 0) -> np.ndarray:
    """A raised square: bright along its top and left, dark along its bottom and right."""
    low, high = inset, SIZE - 1 - inset
    within = (xs >= low) & (xs <= high) & (ys >= low) & (ys <= high)
    lit = within & ((xs == low) | (ys == low))
    dim = within & ((xs == high) | (ys == high)) & ~lit
    return art * np.where(lit, light, np.where(dim, dark, 1.0))[..., None]


def bricks(art: np.ndarray, mortar: Colour, height: int, width: int) -> np.ndarray:
    """Courses of bricks laid over the art, every other one shifted by half a brick."""
    x = (xs + (ys // height % 2) * width // 2) % width
    joint = (ys % height == height - 1) | (x == width - 1)
    rim = ((ys % height == 0) | (x == 0)) & ~joint
    return mix(art * np.where(rim, 1.1, 1.0)[..., None], tint(mortar, 1 + 0.1 * (noise("mortar") - 0.5)), joint)


def pebbles(name: str, across: int) -> tuple[np.ndarray, np.ndarray]:
    """Stones that tile, across x across of them: how far a texel is inside its stone, and a random value of each."""
    place = np.arange(across) + 0.5
    jitter = 0.75 * (np.stack([noise(name + axis, across, across) for axis in "yx"]) - 0.5)
    spots = ((np.stack(np.meshgrid(place, place, indexing="ij")) + jitter) * SIZE / across).reshape(2, -1)
    away = np.abs(np.stack([ys, xs])[:, :, :, None] + 0.5 - spots[:, None, None, :])
    away = np.hypot(*np.minimum(away, SIZE - away))
    nearest = np.sort(away, axis=-1)
    return nearest[..., 1] - nearest[..., 0], noise(name + "v", 1, spots.shape[1])[0][away.argmin(axis=-1)]


def planks(colour: Colour = (178, 142, 88)) -> np.ndarray:
    """Four boards of wood, one above the other."""
    board = ys // 4
    grain = 0.16 * (noise("grain", SIZE, 4)[:, xs[0] // 4] - 0.5) + 0.08 * (noise("planks") - 0.5)
    seam = (ys % 4 == 3) | (xs == np.array([5, 13, 2, 10])[board])
    return tint(colour, (1 + grain + 0.1 * (noise("board", 1, 4)[0][board] - 0.5)) * np.where(seam, 0.68, 1))


def box(left: int, top: int, right: int, bottom: int) -> np.ndarray:
    """The mask of a rectangle of texels, its last column and row included: (16, 16) bool."""
    return (xs >= left) & (xs <= right) & (ys >= top) & (ys <= bottom)


def lay(art: np.ndarray, picture: Sequence[str], palette: Mapping[str, Colour], left: int = 0, top: int = 0):
    """The art with a picture laid over it: rows of letters, each a colour of the palette; all others cover nothing."""
    art = art.copy()
    for y, row in enumerate(picture, start=top):
        for x, letter in enumerate(row, start=left):
            if letter in palette:
                art[y % SIZE, x % SIZE, :3] = palette[letter]
    return art
