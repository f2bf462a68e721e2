"""The art of materials: ground, rock and ore, metal and gem, plants, cloth, fluids and light.

A recipe draws either one art for all six sides, or the top, the sides and the bottom.
"""

from functools import partial

import numpy as np

from mcproxy.blocks import COLOURS
from mcproxy.engine.rendering.art.drawing import (
    GLOW,
    SIZE,
    Colour,
    Recipe,
    bevel,
    bricks,
    clouds,
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

DYES: tuple[Colour, ...] = (  # in the order of `COLOURS`
    (236, 238, 240), (240, 124, 24), (190, 66, 180), (72, 174, 222), (248, 202, 46), (118, 194, 34), (240, 144, 174),
    (70, 74, 80), (150, 150, 144), (22, 138, 148), (122, 44, 176), (52, 62, 166), (118, 74, 42), (80, 112, 32),
    (172, 40, 38), (28, 29, 34),
)  # fmt: skip
_GEM = (".hm.", "hmmd", "mmmd", ".dd.")  # what lies in ore: letters for bright, middling and dark
_NUGGET = ("hhm.", "mmmd", ".mdd", "....")
_LUMP = (".hm.", "hmmm", "mdmd", ".mdd")
_CUT = (".h..", "hmd.", "hmd.", ".d..")
_SHADES = (("h", 1.15, 40), ("m", 1.0, 0), ("d", 0.68, 0))  # letter, part of the colour, white in it
_CLUSTERS = ((0, 0), (5, 15), (10, 1), (2, 5), (8, 5), (13, 8), (0, 10), (6, 10))  # columns and rows at the least


def _stone() -> np.ndarray:
    return speckle("stone", (127, 127, 127), 0.10, 0.28)


def _dirt() -> np.ndarray:
    return speckle("dirt", (134, 96, 67), 0.34, 0.2)


def _grass() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    top = speckle("grass", (104, 159, 66), 0.26, 0.16)
    depth = 2 + np.floor(noise("fringe", 1, SIZE) * 3)
    return top, mix(_dirt(), top * 0.95, ys < depth), _dirt()


def _cobblestone() -> np.ndarray:
    inside, value = pebbles("cobblestone", 4)
    return tint((128, 128, 128), np.where(inside < 1.0, 0.62, 0.88 + 0.35 * value) + 0.12 * (noise("cobble") - 0.5))


def _log() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    stripes = noise("bark", 1, SIZE) * 0.5 + 0.18 * noise("bark grain") + 0.68
    side = tint((104, 80, 48), np.broadcast_to(stripes, (SIZE, SIZE)))
    ring = np.maximum(np.abs(xs - 7.5), np.abs(ys - 7.5))
    wood = tint((186, 150, 94), np.where((ring + 0.5) % 2 < 1, 0.8, 1.04) + 0.08 * (noise("rings") - 0.5))
    top = mix(wood, side, ring > 7)
    return top, side, top


def _leaves() -> np.ndarray:
    art = speckle("leaves", (62, 116, 38), 0.5, 0.3)
    return art * np.where(noise("gaps") < 0.16, 0.5, 1.0)[..., None]


def _gravel() -> np.ndarray:
    inside, value = pebbles("gravel", 6)
    art = mix(tint((136, 128, 126), 0.78 + 0.45 * value), tint((150, 120, 108), 0.95), value > 0.75)
    return art * np.where(inside < 0.6, 0.72, 1.0)[..., None]


def _stonebrick() -> np.ndarray:
    return bricks(speckle("stonebrick", (124, 124, 124), 0.14, 0.12), (78, 78, 78), 8, 16)


def _brick_block() -> np.ndarray:
    return bricks(speckle("brick", (156, 84, 66), 0.2, 0.16), (178, 166, 156), 4, 8)


def _sandstone() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    top = speckle("sandstone", (220, 208, 160), 0.06, 0.06)
    bands = np.array([1.03, 1, 1, 0.86, 1, 1.02, 0.97, 1.02, 0.97, 0.88, 1, 1, 1.02, 0.9, 0.84, 0.9])
    return top, top * bands[:, None, None], top * 0.95


def _gold() -> np.ndarray:
    """Polished gold: bands of light across a bevelled plate, and a gleam in the shade."""
    bands = np.sin((xs + ys) * np.pi / 8) * 0.6 + np.sin((xs + ys) * np.pi / 4 + 1) * 0.4
    art = bevel(bevel(tint((248, 208, 58), 1 + 0.12 * bands), 1.12, 0.72), 1.08, 0.88, inset=1)
    return np.concatenate([art, np.full((SIZE, SIZE, 1), 0.3 * GLOW)], axis=-1)


def _iron() -> np.ndarray:
    lines = np.where(ys % 4 == 3, 0.88, np.where(ys % 4 == 0, 1.04, 1.0))
    return bevel(tint((218, 218, 218), lines), 1.08, 0.78)


def _gem(colour: tuple[int, int, int]) -> np.ndarray:
    """A cut gem: bevels within bevels, and a glint."""
    art = bevel(bevel(bevel(tint(colour, 1.0), 1.2, 0.62), 0.8, 1.12, inset=3), 1.25, 0.75, inset=5)
    return mix(art, tint((255, 255, 255), 1.0), 0.6 * ((xs + ys == 9) & (np.abs(xs - ys) < 3)))


def _pane(colour: tuple[int, int, int], frame: tuple[int, int, int]) -> np.ndarray:
    """Glass: a framed pane with two slanting reflections."""
    streak = ((xs + ys) % 16 == 9) | ((xs + ys) % 16 == 10) | ((xs + ys) % 16 == 13)
    edge = (xs == 0) | (ys == 0) | (xs == SIZE - 1) | (ys == SIZE - 1)
    return mix(mix(tint(colour, 1.0), tint((255, 255, 255), 1.0), 0.45 * streak), tint(frame, 1.0), edge)


def _beacon() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A pale cyan glass cube with a shining core, on a foot of obsidian."""
    glass = _pane((126, 214, 222), (196, 240, 244))
    ring = np.maximum(np.abs(xs - 7.5), np.abs(ys - 7.5))
    core = mix(mix(glass, tint((88, 230, 236), 1.0), ring < 5), tint((240, 255, 255), 1.0), ring < 3.6)
    glow = np.where(ring < 5, GLOW, 0.55 * GLOW)[..., None]
    top = np.concatenate([core, glow], axis=-1)
    foot = np.concatenate([_obsidian(), np.zeros((SIZE, SIZE, 1))], axis=-1)
    return top, mix(top, foot, (ys >= 14) & (xs > 0) & (xs < SIZE - 1)), foot


def _ice() -> np.ndarray:
    art = speckle("ice", (152, 190, 252), 0.06, 0.14)
    crack = np.abs((xs + 2 * ys) % 16 - 7.5) < 1
    return mix(art, tint((205, 226, 255), 1.0), 0.5 * (crack & (noise("crack") < 0.75)))


def _soul_sand() -> np.ndarray:
    art = speckle("soul_sand", (84, 64, 51), 0.22, 0.2)
    holes = np.zeros((SIZE, SIZE), dtype=bool)
    for y, x in ((3, 3), (9, 10), (11, 2)):  # three faces: two eyes and a mouth
        holes[y : y + 2, x], holes[y : y + 2, x + 3], holes[(y + 3) % SIZE, x + 1 : x + 3] = True, True, True
    return art * np.where(holes, 0.55, 1.0)[..., None]


def _stone_slab() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    art = speckle("stone_slab", (164, 164, 164), 0.06, 0.06)
    top = bevel(art, 1.08, 0.82)
    edge = np.where(ys % 8 == 0, 1.08, np.where(ys % 8 == 7, 0.78, 1.0))  # halves, for a slab is half a block high
    return top, art * edge[..., None], top


def _bedrock() -> np.ndarray:
    return tint((86, 86, 86), np.floor((clouds("bedrock", 8) * 0.7 + noise("bedrock") * 0.3) * 5) / 5 * 1.9 + 0.1)


def _obsidian() -> np.ndarray:
    art = speckle("obsidian", (22, 18, 34), 0.6, 0.4)
    return mix(art, tint((72, 52, 104), 1.0), 0.7 * (clouds("sheen", 8) > 0.72))


def _glowstone() -> np.ndarray:
    inside, value = pebbles("glowstone", 3)
    art = mix(tint((176, 128, 70), 0.8 + 0.3 * value), tint((255, 226, 150), 1.0), np.clip(inside / 3, 0, 1))
    return np.concatenate([art, np.full((SIZE, SIZE, 1), GLOW * 0.9)], axis=-1)


def _beam() -> np.ndarray:
    """The beam of a beacon: all light, a little brighter along its middle."""
    art = mix(tint((196, 246, 255), 1.0), tint((240, 255, 255), 1.0), np.clip(1 - np.abs(xs - 7.5) / 4, 0, 1))
    return np.concatenate([art, np.full((SIZE, SIZE, 1), GLOW)], axis=-1)


def _ore(name: str, colour: Colour, stamp: tuple[str, ...], glow: float = 0.0) -> np.ndarray:
    """Stone with eight clusters of something in it, upright or lying, each in a dark bed."""
    art, chance = _stone(), noise(name, 3, len(_CLUSTERS))
    shades = {letter: tuple(np.clip(np.array(colour) * b + w, 0, 255)) for letter, b, w in _SHADES}
    for k, (left, top) in enumerate(_CLUSTERS):
        rows = stamp if chance[0, k] < 0.5 else tuple("".join(column) for column in zip(*stamp, strict=True))
        art = lay(art, rows, shades, left + int(chance[1, k] * 3), top + int(chance[2, k] * 3))
    found = (art != _stone()).any(axis=-1)
    bed = ~found & (np.roll(found, 1, 0) | np.roll(found, 1, 1))
    art = art * np.where(bed, 0.72, 1.0)[..., None]
    return shining(art, glow * found) if glow else art


def _coal() -> np.ndarray:
    inside, value = pebbles("coal", 4)
    art = tint((30, 30, 34), np.where(inside < 0.8, 0.5, 0.75 + 0.75 * value) + 0.3 * (noise("coal") - 0.5))
    return mix(art, tint((104, 104, 112)), (inside > 2.4) & (noise("coal gleam") < 0.5))


def _redstone() -> np.ndarray:
    """Pressed red dust, which shines a little along its veins."""
    inside, value = pebbles("redstone", 3)
    art = tint((176, 24, 14), 0.8 + 0.3 * value + 0.2 * (noise("redstone") - 0.5))
    vein = np.clip(1 - inside / 1.2, 0, 1)
    return shining(bevel(mix(art, tint((255, 84, 56)), vein), 1.2, 0.6), 0.12 + 0.4 * vein)


def _lapis() -> np.ndarray:
    art = speckle("lapis", (36, 70, 172), 0.24, 0.4)
    fleck = noise("pyrite") < 0.06
    return bevel(mix(art, tint((206, 186, 110)), 0.8 * fleck), 1.25, 0.68)


def _snow() -> np.ndarray:
    art = speckle("snow", (238, 245, 250), 0.03, 0.09)
    return mix(art, tint((255, 255, 255)), noise("sparkle") < 0.08)


def _hay() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Straw in a bale, tied with two strings; its ends on the top and the bottom."""
    straw = 0.72 + 0.22 * noise("straw", 1, SIZE) + 0.22 * noise("hay") + 0.1 * clouds("hay")
    side = tint((216, 178, 52), np.broadcast_to(straw, (SIZE, SIZE)))
    string = (ys == 3) | (ys == 12)
    side = mix(side, tint((146, 58, 30), 0.9 + 0.3 * noise("string")), string)
    side = side * np.where((ys == 4) | (ys == 13), 0.72, 1.0)[..., None]
    inside, value = pebbles("straw ends", 6)
    top = tint((222, 188, 70), np.where(inside < 0.7, 0.62, 0.85 + 0.3 * value))
    top = mix(top, tint((146, 58, 30), 0.9 + 0.3 * noise("string")), (xs == 3) | (xs == 12))
    return top, side, top


def _melon() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Dark green with paler stripes that waver."""
    waver = np.round(1.6 * (clouds("melon", 4) - 0.5))
    stripe = np.abs((xs + waver) % 8 - 3.5)
    green = np.where(stripe[..., None] < 2, tint((148, 170, 44)), tint((74, 118, 26)))
    side = green * (0.88 + 0.24 * noise("melon"))[..., None] * np.where(ys == 15, 0.85, 1.0)[..., None]
    spokes = np.abs(np.abs(xs - 7.5) - np.abs(ys - 7.5)) < 1.6
    top = np.where(spokes[..., None], tint((74, 118, 26)), tint((148, 170, 44)))
    top = mix(top * (0.88 + 0.24 * noise("melon"))[..., None], tint((120, 96, 46)), rings < 1)
    return top, side, top


def _cactus() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ribs with pale spines along them; a star of ribs on its top. The outermost texels are never seen."""
    rib = np.array([1, 0, 2, 1, 0, 2, 1, 0, 2, 1, 0, 2, 1, 0, 2, 1])[xs]
    side = tint((72, 130, 46), np.choose(rib, (0.62, 0.95, 1.15)) + 0.1 * (noise("cactus") - 0.5))
    side = mix(side, tint((232, 232, 190)), (rib == 2) & ((ys + xs) % 4 == 1))
    star = (xs == 7) | (xs == 8) | (ys == 7) | (ys == 8) | (np.abs(xs - ys) < 1) | (xs + ys == 15)
    top = tint((92, 152, 60), np.where(rings > 6, 0.72, np.where(star, 1.16, 0.94)) + 0.06 * (noise("cactus") - 0.5))
    return mix(top, tint((232, 232, 190)), star & (rings == 4.5)), side, top * 0.75


def _wool(dye: Colour) -> np.ndarray:
    """A soft weave: threads over and under one another, two texels wide."""
    over = (xs // 2 + ys // 2) % 2 == 0
    thread = np.where(over, np.where(ys % 2 == 0, 1.05, 0.97), np.where(xs % 2 == 0, 0.98, 0.88))
    return tint(dye, thread + 0.06 * (noise("wool") - 0.5)) + 3 * over[..., None]


def _concrete(dye: Colour) -> np.ndarray:
    """Flat and saturated, a little deeper than the dye, with the faintest grain."""
    deep = np.array(dye) * 0.94 - 0.12 * (max(dye) - np.array(dye)) - 4
    return np.clip(deep, 4, 255) + 4 * (np.floor(noise("concrete") * 3) / 2 - 0.5)[..., None]


def _water() -> np.ndarray:
    """Blue, with bright crests of waves that come and go along their length."""
    swell = clouds("water", 4)
    art = tint((44, 92, 196), 0.84 + 0.28 * swell)
    crest = (ys + np.round(3 * clouds("crests", 4))) % 4 == 0
    return mix(art, tint((132, 178, 242)), 0.7 * (crest & (clouds("foam", 4) > 0.5)))


def _lava() -> np.ndarray:
    """Orange, with blobs that are hotter towards their middles, and all alight."""
    heat = 0.7 * clouds("lava", 4) + 0.3 * clouds("blobs", 8)
    heat = np.clip((heat - heat.min()) / (heat.max() - heat.min()), 0, 1)
    art = mix(tint((196, 52, 8)), tint((246, 128, 16)), np.clip(heat * 2.2, 0, 1))
    art = mix(art, tint((255, 226, 96)), np.clip(heat * 2.6 - 1.4, 0, 1))
    return shining(art, 1.0)


MATERIALS: dict[str, Recipe] = {
    "stone": _stone,
    "grass": _grass,
    "dirt": _dirt,
    "cobblestone": _cobblestone,
    "planks": planks,
    "log": _log,
    "leaves": _leaves,
    "sand": lambda: speckle("sand", (219, 207, 163), 0.1, 0.06),
    "gravel": _gravel,
    "stonebrick": _stonebrick,
    "brick_block": _brick_block,
    "sandstone": _sandstone,
    "gold_block": _gold,
    "iron_block": _iron,
    "diamond_block": lambda: _gem((96, 226, 216)),
    "emerald_block": lambda: _gem((48, 198, 92)),
    "beacon": _beacon,
    "glass": lambda: _pane((190, 222, 230), (232, 244, 246)),
    "ice": _ice,
    "soul_sand": _soul_sand,
    "stone_slab": _stone_slab,
    "bedrock": _bedrock,
    "command_block": lambda: bevel(speckle("command_block", (150, 92, 56), 0.3, 0.2), 1.2, 0.8),
    "obsidian": _obsidian,
    "glowstone": _glowstone,
    "beam": _beam,
    "coal_ore": lambda: _ore("coal_ore", (44, 44, 48), _LUMP),
    "iron_ore": lambda: _ore("iron_ore", (216, 172, 140), _NUGGET),
    "gold_ore": lambda: _ore("gold_ore", (250, 212, 60), _NUGGET),
    "diamond_ore": lambda: _ore("diamond_ore", (88, 226, 226), _GEM),
    "redstone_ore": lambda: _ore("redstone_ore", (212, 20, 12), _LUMP, glow=0.45),
    "lapis_ore": lambda: _ore("lapis_ore", (34, 74, 190), _LUMP),
    "emerald_ore": lambda: _ore("emerald_ore", (30, 204, 88), _CUT),
    "coal_block": _coal,
    "redstone_block": _redstone,
    "lapis_block": _lapis,
    "snow": _snow,
    "hay_block": _hay,
    "melon_block": _melon,
    "cactus": _cactus,
    "water": _water,
    "lava": _lava,
    **{f"{colour}_wool": partial(_wool, dye) for colour, dye in zip(COLOURS, DYES, strict=True)},
    **{f"{colour}_concrete": partial(_concrete, dye) for colour, dye in zip(COLOURS, DYES, strict=True)},
}
