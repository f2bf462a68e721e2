"""Packs the art of every block, item and mob into the atlas that the renderers read, the same on every machine.

    recipe of a name -> top, side, bottom, front (16, 16, 4) -> shaded by side -> mip pyramid 16, 8, 4, 2, 1 -> packed

The recipes are in the folder art/: natural.py (materials), crafted.py (made things) and items_and_mobs.py.
The fourth channel is glow: how far a texel keeps its own colour in darkness and fog.
"""

import functools

import numpy as np

from mcproxy import blocks as block_table
from mcproxy import items, mobs
from mcproxy.engine.rendering.art import drawing
from mcproxy.engine.rendering.art.crafted import CRAFTS
from mcproxy.engine.rendering.art.items_and_mobs import FIGURES, ICONS
from mcproxy.engine.rendering.art.natural import MATERIALS

ART = (*items.NAME, "beam", *mobs.NAME)  # by art id: that of an item (and so of a block) is the item's id
BEAM = ART.index("beam")
SIZE, GLOW = drawing.SIZE, drawing.GLOW  # texels a side; the glow of a texel that shines fully
TEXELS = 341  # of a whole pyramid: 256 + 64 + 16 + 4 + 1
SHADE = (0.6, 0.6, 0.5, 1.0, 0.8, 0.8)  # brightness of the sides -x, +x, -y, +y, -z, +z (Minecraft Wiki, "Light")
EAST, NORTH, FRONT = 1, 4, 6  # sides +x and -z, and the one that only sprites show
CRACKS = 11  # stages of a block that is being broken, from 0 untouched to 10 nearly gone
_RECIPES: dict[str, drawing.Recipe] = {**MATERIALS, **CRAFTS, **ICONS, **FIGURES}


@functools.cache
def atlas() -> np.ndarray:
    """All faces, (len(ART) * 8 * TEXELS,) int32: texel = red | green << 8 | blue << 16 | glow << 24.

    Face `art id * 8 + side` has the texels face * TEXELS onwards, its larger levels first, each row by row. Side 6 is
    the front, as bright as the sides -z and +z, of what has one, and the side +x of all else; side 7 stays empty. A
    block with a front (a pumpkin, a furnace, a chest) shows it on its side -z only, and is plain on the other three.
    """
    packed = np.zeros((len(ART), 8, TEXELS), dtype=np.int32)
    for k, name in enumerate(ART[1:], start=1):
        top, side, bottom, face = _faces(name)
        shown, shades = [side, side, bottom, top, side, side, face], [*SHADE, SHADE[EAST]]
        if face is not side:
            shades[FRONT] = SHADE[NORTH]
            if name in block_table.ID:
                shown[NORTH] = face
        shaded = np.stack(shown)
        shade = np.array(shades)[:, None, None, None]
        shaded[..., :3] *= shade + (1 - shade) * (shaded[..., 3:] / GLOW)
        packed[k, :7] = np.concatenate([_pack(level) for level in pyramid(shaded)], axis=1)
    packed.setflags(write=False)
    return packed.reshape(-1)


def paint(name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The top, the side and the bottom of a name of `ART`: (16, 16, 4) float64 each, before any shading."""
    return _faces(name)[:3]


def front(name: str) -> np.ndarray:
    """The front of a name of `ART`, which is its side if it has none: (16, 16, 4) float64, before any shading."""
    return _faces(name)[3]


def pyramid(art: np.ndarray) -> list[np.ndarray]:
    """Art (..., 16, 16, channels) at 16, 8, 4, 2 and 1 texels a side, each the 2 x 2 means of the one before."""
    levels = [art]
    while levels[-1].shape[-2] > 1:
        a = levels[-1]
        upper, lower = a[..., ::2, :, :], a[..., 1::2, :, :]
        levels.append((upper[..., ::2, :] + lower[..., ::2, :] + upper[..., 1::2, :] + lower[..., 1::2, :]) / 4)
    return levels


@functools.cache
def cracks() -> np.ndarray:
    """How cracks darken a face at each stage of breaking: factors, (11, 16, 16) float32, all 1 at stage 0.

    They spread from near the middle in jagged lines that fork. A stage darkens all that the one before did, and old
    cracks are deeper than new ones.
    """
    chance = iter(drawing.noise("cracks", 1, 1024)[0] - 0.5)
    stage = np.full((SIZE, SIZE), float(CRACKS))  # at which a texel cracks
    tips = [(8.0, 8.0, 2 * np.pi * (arm + 0.5 * next(chance)) / 4 + 0.5, 1.0) for arm in range(4)]
    while tips:
        y, x, heading, time = tips.pop()
        since_fork = 0
        while 0 <= y < SIZE and 0 <= x < SIZE and time < CRACKS:
            stage[int(y), int(x)] = min(stage[int(y), int(x)], time)
            turned = heading + 2 * next(chance)
            y, x, time, since_fork = y + np.sin(turned), x + np.cos(turned), time + 0.5, since_fork + 1
            if since_fork == 4:
                since_fork = 0
                tips.append((y, x, heading + (1.1 if next(chance) > 0 else -1.1), time + 1.5))
    deep = np.clip(np.arange(CRACKS)[:, None, None] - np.floor(stage).astype(int) + 1, 0, 3)
    factors = 1 - np.array([0, 0.35, 0.5, 0.6], dtype=np.float32)[deep]
    factors.setflags(write=False)
    return factors


def _faces(name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The top, the side, the bottom and the front; the last is the very side where there is none."""
    drawn = _RECIPES[name]()
    arts = [_finish(art) for art in (drawn if isinstance(drawn, tuple) else (drawn,))]
    top, side, bottom = arts[:3] if len(arts) > 1 else arts * 3
    return top, side, bottom, arts[3] if len(arts) > 3 else side


def _pack(art: np.ndarray) -> np.ndarray:
    """Texels (faces, rows, columns, 4) as (faces, rows * columns) int32."""
    whole = np.rint(art).astype(np.int32).reshape(len(art), -1, 4)
    return whole[..., 0] | whole[..., 1] << 8 | whole[..., 2] << 16 | whole[..., 3] << 24


def _finish(art: np.ndarray) -> np.ndarray:
    """Clip to colours, and add the channel of glow where the recipe has none."""
    return np.clip(art if art.shape[-1] == 4 else drawing.shining(art, 0.0), 0, [255, 255, 255, GLOW])
