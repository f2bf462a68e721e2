"""The art of made things: chests, doors, furnaces and all else that has a face, a handle or a fuse.

A recipe draws one art for all six sides, or the top, the sides and the bottom, or those and a front. Of a block that
fills its cell only in part, the texels that lie in its box are seen: `mcproxy.blocks` has the boxes.
"""

import numpy as np

from mcproxy.engine.rendering.art.drawing import (
    Recipe,
    bevel,
    box,
    lay,
    mix,
    noise,
    pebbles,
    planks,
    rings,
    shining,
    speckle,
    tint,
    xs,
    ys,
)

_IRON = {"i": (206, 206, 210), "I": (238, 238, 240), "j": (140, 140, 148), "k": (40, 38, 42)}
_WOOD = (158, 112, 58)  # of chests and doors
_LATCH = ("jIij", "jIij", "jkkj", "jiij")
_PADLOCK = (
    "...jIIj...",
    "..jI..ij..",
    "..jI..ij..",
    "jjjjjjjjjj",
    "jIIIiiiiij",
    "jIiikkiiij",
    "jIiikkiiij",
    "jIiiikiiij",
    "jjjjjjjjjj",
)
_DANGER = (*("kk...kk...kk",) * 3, "............", "kk...kk...kk")
_GRIN = (
    "............",
    ".kk......kk.",
    ".kkk....kkk.",
    ".kkkk..kkkk.",
    "............",
    ".....kk.....",
    "............",
    "kk.kk..kk.kk",
    ".kkkkkkkkkk.",
    "..kkkkkkkk..",
)
_HAMMER_AND_SAW = (
    ".iiiij......",
    "jIiiiij.wwww",
    ".jjwwj..w..w",
    "...ww...wwww",
    "...ww...jIij",
    "...ww...jIi.",
    "...ww...jIij",
    "...ww...jIi.",
    "...ww...jij.",
    "...ww....jj.",
)


def _pumpkin() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Orange ribs, a stem, and at the front a carved grin."""
    rib = np.array([0.8, 1.04, 1.08, 0.98, 0.78, 1.0, 1.1, 1.04, 1.04, 1.1, 1.0, 0.78, 0.98, 1.08, 1.04, 0.8])
    grain = 0.1 * (noise("pumpkin") - 0.5)
    side = tint((226, 132, 28), rib[xs] + grain - np.where((ys == 0) | (ys == 15), 0.12, 0))
    top = tint((226, 132, 28), np.minimum(rib[xs], rib[ys]) + grain)
    stem = mix(top, tint((92, 120, 38), 0.8 + 0.4 * noise("stem")), (rings < 2) | (box(9, 7, 11, 8)))
    front = lay(side, _GRIN, {"k": (56, 26, 8)}, 2, 3)
    return stem, side, top * 0.85, front


def _tnt() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Red sticks under a white band that warns; their ends and a fuse on the top."""
    stick = np.array([0.72, 1.0, 1.16, 0.92])[xs % 4]
    side = tint((208, 48, 36), stick + 0.08 * (noise("tnt") - 0.5))
    side = mix(side, tint((236, 232, 226), 0.96 + 0.06 * noise("band")), box(0, 4, 15, 11))
    side = lay(side, _DANGER, {"k": (44, 36, 36)}, 2, 5)
    round_end = np.hypot(xs % 4 - 1.5, ys % 4 - 1.5)
    end = mix(tint((112, 24, 20)), tint((208, 56, 44), 1 + 0.08 * (noise("tnt") - 0.5)), round_end < 1.9)
    top = mix(end, tint((226, 220, 206)), rings < 3)
    top = mix(mix(top, tint((70, 66, 60)), rings < 2), tint((250, 210, 120)), rings < 1)
    return top, side, end


def _crafting_table() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A grid of three by three on its top, tools on its sides."""
    top = mix(planks((190, 140, 82)), tint((96, 62, 34)), (rings > 7) | (rings == 5.5))
    grid = (np.isin(xs, (5, 10)) | np.isin(ys, (5, 10))) & (rings < 5)
    top = mix(top, tint((110, 72, 40)), grid)
    side = mix(planks((196, 152, 96)), tint((98, 64, 36)), (ys == 0) | (ys == 2) | (ys == 15) | (xs == 0) | (xs == 15))
    return top, lay(side, _HAMMER_AND_SAW, {**_IRON, "j": (104, 104, 112), "w": (84, 50, 24)}, 2, 4), planks()


def _furnace() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Rough dark stone; at the front a mouth under a hood, with embers in it."""
    inside, value = pebbles("furnace", 4)
    side = tint((112, 112, 112), np.where(inside < 0.9, 0.66, 0.86 + 0.3 * value) + 0.1 * (noise("furnace") - 0.5))
    side = bevel(side, 1.15, 0.72)
    top = bevel(bevel(speckle("hood", (122, 122, 122), 0.1, 0.1), 1.12, 0.72), 0.85, 1.1, inset=3)
    front = mix(side, tint((148, 148, 148)), box(2, 3, 13, 4) | box(2, 7, 13, 14))
    vents, mouth = box(3, 3, 12, 4) & (xs % 2 == 1), box(3, 8, 12, 14)
    front = mix(front, tint((34, 30, 30), 0.8 + 0.4 * noise("soot")), vents | mouth)
    front = mix(front, tint((186, 74, 30), 0.6 + 0.6 * noise("embers")), box(4, 13, 11, 14) & (noise("ash") < 0.6))
    return top, side, top, front


def _crate() -> np.ndarray:
    """The wood of a chest, framed, with the seam of its lid."""
    art = planks(_WOOD)
    frame = (xs <= 1) | (xs >= 14) | (ys <= 2) | (ys == 15)
    art = art * np.where(frame, 0.62, 1.0)[..., None]
    return mix(art, tint((52, 32, 16)), ys == 6)


def _lid() -> np.ndarray:
    return planks((172, 124, 66)) * np.where(rings >= 6.5, 0.62, 1.0)[..., None]


def _chest() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    return _lid(), _crate(), _lid() * 0.8, lay(_crate(), _LATCH, _IRON, 6, 5)


def _open_chest() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Its lid is gone: from above one looks into the dark."""
    depth = np.clip((rings - 1) / 6, 0, 1)
    top = mix(_lid(), tint((44, 28, 16), 0.4 + 0.8 * depth), rings < 6)
    side = mix(_crate(), tint((34, 20, 12)), box(0, 2, 15, 5) & (rings < 6))
    return top, side, _lid() * 0.8


def _locked_chest() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Bands of iron around it, and a padlock on each side, so that it is told from any."""
    iron = tint((150, 150, 156), 0.9 + 0.2 * noise("bands"))
    band = np.isin(xs, (2, 3, 12, 13))
    top = mix(_lid(), iron, band)
    side = lay(mix(_crate(), iron, band), _PADLOCK, _IRON, 3, 5)
    return lay(top, ("jIij", "jiij"), _IRON, 6, 13), side, top * 0.8


def _torch() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A stick with a flame, in rows: only two columns of it are seen, and their small versions must look the same."""
    light = np.where(xs % 2 == 1, 1.0, 0.8) + 0.06 * (noise("torch") - 0.5)
    stick, burning = tint((136, 98, 54), light), tint((255, 244, 184), 0.96 + 0.08 * noise("flame"))
    side = stick * np.clip(1.1 - 0.03 * (ys - 9), 0.9, 1.1)[..., None]
    for row, colour in ((8, (250, 150, 40)), (7, (255, 214, 96))):  # what is further up is laid over what is below
        side = mix(side, tint(colour, 0.96 + 0.08 * noise("flame")), ys <= row)
    side = mix(side, burning, ys <= 6)
    glow = np.select([ys <= 7, ys == 8, ys == 9], [1.0, 0.9, 0.3])
    return shining(burning, 1.0), shining(side, glow), stick


def _door() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Two sunken panels in a frame, iron hinges on its left, a handle on its right."""
    art = planks((172, 122, 64)).swapaxes(0, 1)  # upright boards
    art = mix(art, tint((134, 92, 46), 0.94 + 0.12 * noise("frame")), (rings > 5.5) | (ys == 7) | (ys == 8))
    for top, bottom in ((2, 6), (9, 13)):
        shadow = box(2, top, 13, top) | box(2, top, 2, bottom)
        art = art * np.where(shadow, 0.55, 1.0)[..., None]
    art = bevel(art, 1.12, 0.7)
    art = lay(art, ("ji", "ji"), _IRON, 0, 3)
    art = lay(art, ("ji", "ji"), _IRON, 0, 11)
    edge = planks((150, 104, 54))
    return edge, lay(art, ("Ij", "ij", "jk"), _IRON, 13, 7), edge


def _button(pressed: bool) -> np.ndarray:
    """A small raised square; a pressed one is darker, and sunken."""
    light, dark, middle = (0.7, 0.92, 0.8) if pressed else (1.2, 0.72, 1.0)
    stone = speckle("button", (136, 136, 136), 0.08, 0.1) * np.where(rings < 3, middle, 0.78)[..., None]
    return bevel(stone, light, dark, inset=5)


def _plate(pressed: bool) -> np.ndarray:
    light, dark, middle = (0.62, 0.86, 0.82) if pressed else (1.2, 0.7, 1.0)
    stone = speckle("plate", (146, 146, 146), 0.08, 0.14) * middle
    return bevel(bevel(stone, light / middle, dark / middle, inset=1), 0.9, 1.08, inset=4)


CRAFTS: dict[str, Recipe] = {
    "pumpkin": _pumpkin,
    "tnt": _tnt,
    "crafting_table": _crafting_table,
    "furnace": _furnace,
    "chest": _chest,
    "open_chest": _open_chest,
    "locked_chest": _locked_chest,
    "torch": _torch,
    "door_west": _door,
    "door_west_open": _door,
    "door_north": _door,
    "door_north_open": _door,
    "stone_button": lambda: _button(pressed=False),
    "pressed_stone_button": lambda: _button(pressed=True),
    "stone_pressure_plate": lambda: _plate(pressed=False),
    "pressed_stone_pressure_plate": lambda: _plate(pressed=True),
}
