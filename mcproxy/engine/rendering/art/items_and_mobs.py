"""The art of items that are not blocks, and of mobs: pictures made of letters, coloured by a palette each.

An item is a small cube that shows its icon on every side. A mob is one box with the art of a side stretched over it: a
texel of a villager or a zombie is over three times as high as it is wide. Recipes are as in natural.py; mobs
have a front.
"""

from functools import partial

import numpy as np

from mcproxy.engine.rendering.art.drawing import Colour, Recipe, lay, noise, rings, shining, speckle, tint

_TOOLS = """
................ ................ ................ .......o........
....oooooooo.... .....ooooooo.... ......oooo...... ......oMo.......
..ollllllllllo.. ...ooMMMoHho.... .....olMMmo..... .....olMmo......
.olMMMMMMMMMMmo. ..olMMMMMHho.... ....olMMMMmo.... .....olMmo......
.oMMoooHhoooMMo. .olMMMMMMHho.... ....olMMMMmo.... .....olMmo......
oMMo..oHho..oMMo .olMMMMMMHho.... ....olMMMMmo.... .....olMmo......
oMo...oHho...oMo .olMMMMMMHho.... ....olMMMMmo.... .....olMmo......
oo....oHho....oo .olMMmmmmHho.... .....oMMMmo..... .....olMmo......
......oHho...... ..olMmoooHho.... ......oHho...... .....olMmo......
......oHho...... ...ooo..oHho.... ......oHho...... .....olMmo......
......oHho...... ........oHho.... ......oHho...... ..ooooooooooo...
......oHho...... ........oHho.... ......oHho...... ..olMMMMMMMmo...
......oHho...... ........oHho.... ......oHho...... ..ooooHHhoooo...
......oHho...... ........oHho.... ......oHho...... .....oHHho......
......oooo...... ........oooo.... ......oooo...... .....oHHho......
................ ................ ................ .....ooooo......
"""
_PIECES = """
................ ................ ................ ................ ................
................ ................ ................ ................ ................
................ ......oooo...... ................ ................ ................
....oooooooo.... ....oolMMmoo.... ......oooo...... ................ .......oo....o..
...olllMMMmmo... ...olllMMMmmo... ....oolllMoo.... ................ ......oWlo..oMo.
..ollWlMMMmmmo.. ...olWMMMMMmo... ...olllMMMMmo... ....oooooooo.... ..o..olMMo...o..
.olllMMMMMMmmmo. ...olWMMMMMmo... ..ollMMMMmMMmo.. ...ollllllllo... .oMo.olMWMo.....
.oMMMMMMMmmmmmo. ...olWMMMMMmo... ..olMMmMMMMMmo.. ..ollllllllllo.. ..o.olMMMMmo....
..oMlMMMMMmmmo.. ...olMMMMMMmo... .olMMMMMMmMMMmo. ..oWMMMMMMMMmo.. ...olMWMMMMo....
...oMlMMMmmmo... ...olMMMMMMmo... .olMmMMMMMMMmmo. .olMMMMMMMMMMmo. ...oMMMMMWMmo.o.
....oMlMmmmo.... ...olMMMMMMmo... .oMMMMMmMMMmmmo. .olMMMMMMMMMMmo. ..olMMMMMMMMooMo
.....oMlmmo..... ...oMMMMMmmmo... ..oMMmMMMmmmmo.. olMMMMMMMMMMMMmo .olMMWMMMMMMmo..
......oMmo...... ....oomMmmoo.... ...oommmmmmoo... ommmmmmmmmmmmmmo .oMMMMMWMMWMmmo.
.......oo....... ......oooo...... .....oooooo..... oooooooooooooooo ommMMMMMMMMmmmmo
................ ................ ................ ................ .oooooooooooooo.
................ ................ ................ ................ ................
"""
_OTHERS = """
................ ................ ................ ................
................ ................ ................ ..oo........oo..
................ .....oooooo..... ................ ..olo......olo..
................ ...oollllMMoo... ................ ..olMo....oMmo..
.oooooooooooooo. ...ollllMMMMo... ..ooooo......... ...olMo..oMmo...
.orMMMMMMMMMMro. ..olllMMMMMMmo.. .olllllo........ ...olMo..oMmo...
.orMMsMMMMsMMro. ..ollMMMMMMMmo.. olMoooMmo....... ....olMooMmo....
.orMMMMMMMMMMro. ..ollMMMMMMMmo.. olo...omoooooooo .....olMMmo.....
..orMMMsMMMMro.. ..ollMMMMMMMmo.. olo...oMlllllllo ......oWMo......
..orrMMMMMMrro.. ..olMMMMMMMmmo.. olo...oMMMMMMMMo .....oHooho.....
...orrMMMMrro... ..oMMMMMMMmmmo.. olMoooMmoooMoMoo ...ooHo..oho....
....orrrrrro.... ...oMMMMmmmmo... .ommmmmo..oMoMo. ..oHHo....ohho..
.....oooooo..... ...oommmmmmoo... ..ooooo...oMoMo. .oHooHo..ohooho.
................ .....oooooo..... ..........ooooo. .oHooHo..ohooho.
................ ................ ................ ..oHHo....ohho..
................ ................ ................ ...oo......oo...
"""
_VILLAGER = """
ssssssssssssssss ssssssssssssssss
sSssssssssssssSs sSssssssssssssSs
ssbbbbbbbbbbbbss ssssssssssssssss
sswwgsnnnnsgwwss sssssssSSsssssss
ssssssnNNnssssss sssssssSSsssssss
sssmmmnNNnmmmsss ssssssssssssssss
rRRRRRrnnrRRRRRr rRRRRRRRRRRRRRRr
RRRRRRRrrRRRRRRR RRRRrAAAAAArRRRR
rAAAAAAAAAAAAAAr RRRRrAAAAAArRRRR
rAAAAAssssAAAAAr RRRRrAAAAAArRRRR
rrrrrrrrrrrrrrrr RRRRrrrrrrrrRRRR
rRRRRRRrrRRRRRRr rRRRRRRRRRRRRRRr
rRRRRRRrrRRRRRRr rRRRRRRRRRRRRRRr
rRRRRRRrrRRRRRRr rRRRRRRRRRRRRRRr
rrrrrrrrrrrrrrrr rrrrrrrrrrrrrrrr
kkkkkkkrrkkkkkkk kkkkkkkkkkkkkkkk
"""
_ZOMBIE = """
GgGggGgggGggGgGg GgGggGgggGggGgGg
gggggggggggggggg gggggggggggggggg
ggeeeeggggeeeegg gggggggGGggggggg
gggggggGGggggggg gggggggGGggggggg
gggGGGGGGGGGGggg GggggggggggggggG
TTTTTTggggTTTTTT TTTTTTTTTTTTTTTT
TTtTTTTTTTTTTtTT TTTTTtTTTTtTTTTT
TTtTTTTTTTTTTtTT TTTTTtTTTTtTTTTT
ggtTTTTTTTTTTtgg TTTTTtggggtTTTTT
ggtTTTTTTTTTTtgg TTTTTtggggtTTTTT
ggtTTTTTTTTTTtgg TTTTTtggggtTTTTT
pppppppPPppppppp pppppppppppppppp
pppppppPPppppppp pppppppppppppppp
pppppppPPppppppp pppppppppppppppp
pppppppPPppppppp pppppppppppppppp
kkkkkkkPPkkkkkkk kkkkkkkkkkkkkkkk
"""
_PIG = """
qqqppppppppppqqq llllllllllllllll
qqqppppppppppqqq pppppppppppppppp
qqppppppppppppqq pppppppppppppppp
pppppppppppppppp pppppppppppppppp
ppwkkppppppkkwpp pppppppppppppppp
ppwkkppppppkkwpp pppppppppppppppp
pppppppppppppppp pppppppppppppppp
ppppSSSSSSSSpppp pppppppppppppppp
ppppSNSSSSNSpppp pppppppppppppppp
ppppSNSSSSNSpppp pppppppppppppppp
ppppSSSSSSSSpppp qqqqqqqqqqqqqqqq
pppppqqqqqqppppp qqqqqqqqqqqqqqqq
qqqqqqqqqqqqqqqq DppppDDDDDDppppD
DppppDDDDDDppppD DppppDDDDDDppppD
DppppDDDDDDppppD DppppDDDDDDppppD
DhhhhDDDDDDhhhhD DhhhhDDDDDDhhhhD
"""
_METALS: dict[str, Colour] = {
    "wooden": (156, 116, 66),
    "stone": (142, 142, 142),
    "iron": (214, 214, 218),
    "golden": (246, 208, 62),
    "diamond": (84, 222, 212),
}
_HANDLE: dict[str, Colour] = {"H": (128, 90, 48), "h": (92, 62, 32)}


def _pictures(sheet: str) -> list[tuple[str, ...]]:
    """The pictures that stand side by side on a sheet, each as its rows."""
    return [tuple(rows) for rows in zip(*(line.split() for line in sheet.split("\n") if line), strict=True)]


def _shades(colour: Colour) -> dict[str, Colour]:
    """The letters of one material: a glint, light, middling and dark, and its outline."""
    letters = {}
    for letter, part, white in (("W", 0.4, 153), ("l", 0.85, 60), ("M", 1.0, 0), ("m", 0.72, 0), ("o", 0.26, 8)):
        red, green, blue = (int(min(part * channel + white, 255)) for channel in colour)
        letters[letter] = (red, green, blue)
    return letters


def _icon(picture: tuple[str, ...], palette: dict[str, Colour], ground: Colour = (196, 190, 176)) -> np.ndarray:
    """A picture on a plain ground that is softly darker towards its edges."""
    return lay(tint(ground, 1.04 - 0.014 * rings), picture, palette)


def _tool(picture: tuple[str, ...], metal: Colour) -> np.ndarray:
    """A tool, on a ground with something of its metal: that is what tells it from far away."""
    red, green, blue = (int(0.65 * ground + 0.35 * part) for ground, part in zip((206, 200, 186), metal, strict=True))
    return _icon(picture, {**_shades(metal), **_HANDLE}, (red, green, blue))


def _dust(picture: tuple[str, ...], colour: Colour) -> np.ndarray:
    """Glowing powder: what is not ground shines a little."""
    drawn = np.array([[letter not in ".o" for letter in row] for row in picture])
    return shining(_icon(picture, _shades(colour)), 0.4 * drawn)


def _mob(sheet: str, palette: dict[str, Colour], crown: Colour, sole: Colour) -> tuple[np.ndarray, ...]:
    """The top, the sides, the bottom and the front of a mob, with the grain of skin and cloth."""
    grain = (0.95 + 0.1 * noise("skin"))[..., None]
    front, side = (lay(tint(crown), picture, palette) * grain for picture in _pictures(sheet))
    return speckle("crown", crown, 0.1, 0.1), side, speckle("sole", sole, 0.1), front


_PICKAXE, _AXE, _SHOVEL, _SWORD = _pictures(_TOOLS)
_GEM, _CRYSTAL, _LUMP, _INGOT, _HEAP = _pictures(_PIECES)
_MELON, _BALL, _KEY, _SHEARS = _pictures(_OTHERS)
_KINDS = {"pickaxe": _PICKAXE, "axe": _AXE, "shovel": _SHOVEL, "sword": _SWORD}

ICONS: dict[str, Recipe] = {
    "coal": lambda: _icon(_LUMP, _shades((52, 52, 58))),
    "diamond": lambda: _icon(_GEM, _shades((84, 222, 212))),
    "redstone": lambda: _dust(_HEAP, (206, 24, 16)),
    "lapis": lambda: _icon(_LUMP, _shades((44, 82, 196))),
    "emerald": lambda: _icon(_CRYSTAL, _shades((36, 196, 88))),
    "iron_ingot": lambda: _icon(_INGOT, _shades((206, 206, 210))),
    "gold_ingot": lambda: _icon(_INGOT, _shades((246, 204, 56))),
    "glowstone_dust": lambda: _dust(_HEAP, (244, 206, 110)),
    "melon": lambda: _icon(_MELON, {"M": (216, 56, 46), "s": (48, 24, 18), "r": (120, 168, 56), "o": (40, 72, 20)}),
    "snowball": lambda: _icon(_BALL, _shades((226, 238, 246)), ground=(132, 150, 172)),
    "key": lambda: _icon(_KEY, _shades((240, 190, 60)), ground=(122, 108, 140)),
    "shears": lambda: _icon(_SHEARS, {**_shades((206, 206, 212)), "H": (176, 52, 44), "h": (128, 34, 30)}),
    **{
        f"{metal}_{kind}": partial(_tool, picture, colour)
        for metal, colour in _METALS.items()
        for kind, picture in _KINDS.items()
    },
}
FIGURES: dict[str, Recipe] = {
    "villager": lambda: _mob(
        _VILLAGER,
        {"s": (202, 152, 118), "S": (178, 128, 98), "b": (72, 48, 32), "w": (240, 240, 240), "g": (44, 118, 56),
         "n": (178, 120, 92), "N": (156, 100, 76), "m": (150, 84, 72), "R": (112, 74, 46), "r": (78, 50, 32),
         "A": (134, 92, 60), "k": (52, 40, 34)},
        crown=(198, 148, 114), sole=(52, 40, 34),
    ),
    "zombie": lambda: _mob(
        _ZOMBIE,
        {"g": (92, 148, 78), "G": (62, 108, 54), "e": (14, 16, 12), "T": (38, 138, 146), "t": (24, 98, 108),
         "p": (62, 58, 140), "P": (42, 40, 100), "k": (62, 62, 66)},
        crown=(74, 124, 62), sole=(62, 62, 66),
    ),
    "pig": lambda: _mob(
        _PIG,
        {"p": (240, 166, 162), "q": (220, 138, 138), "l": (248, 182, 178), "S": (226, 122, 126), "N": (132, 60, 66),
         "w": (250, 250, 250), "k": (30, 24, 28), "D": (92, 58, 58), "h": (122, 88, 78)},
        crown=(240, 168, 164), sole=(122, 80, 78),
    ),
}  # fmt: skip
