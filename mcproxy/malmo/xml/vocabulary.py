"""Malmo's words for our blocks, items and mobs: Minecraft 1.11.2 as MineRL 0.4.4 speaks it (Types.xsd), both ways.

A few of our blocks and items have no counterpart there, or none that can be drawn. A stand-in takes their place in XML:
it is understood in missions that mcproxy has written, and refused in others, where it would mean something else.
"""

from collections.abc import Container, Mapping, Sequence
from typing import NamedTuple

from mcproxy import blocks as block_table
from mcproxy import items as item_table


class BlockWord(NamedTuple):
    """How a block is drawn; empty for attributes that are left out."""

    type: str
    colour: str = ""
    variant: str = ""
    face: str = ""


class ItemWord(NamedTuple):
    """An item's type and metadata, and the colour that tells it apart where Malmo takes no metadata."""

    type: str
    metadata: int = 0
    colour: str = ""


def _coloured(suffix: str, kind: str) -> dict[str, BlockWord]:
    return {f"{colour}_{suffix}": BlockWord(kind, colour.upper()) for colour in block_table.COLOURS}


# A door's face is the side that it looks to, opposite the panel (BlockDoor.getBoundingBox); a button's is up.
_EAST, _SOUTH = BlockWord("wooden_door", face="EAST"), BlockWord("wooden_door", face="SOUTH")
STAND_IN_BLOCKS: dict[str, BlockWord] = {
    **_coloured("concrete", "stained_hardened_clay"),  # concrete came with Minecraft 1.12
    "locked_chest": BlockWord("trapped_chest"),
    "open_chest": BlockWord("ender_chest"),
    "door_west_open": _SOUTH._replace(type="birch_door"),  # of another wood, so that they can be told from shut ones
    "door_north_open": _EAST._replace(type="birch_door"),
    "pressed_stone_button": BlockWord("wooden_button", face="UP"),
    "pressed_stone_pressure_plate": BlockWord("wooden_pressure_plate"),
}
BLOCKS: dict[str, BlockWord] = {
    **{block.name: BlockWord(block.name) for block in block_table.BLOCKS},
    **_coloured("wool", "wool"),
    "door_west": _EAST,
    "door_north": _SOUTH,
    "stone_button": BlockWord("stone_button", face="UP"),
    **STAND_IN_BLOCKS,
}
_BLOCK_NAMES = {word: name for name, word in BLOCKS.items()}
DOORS = ("wooden_door", "birch_door")
_USUAL = {  # variants that our blocks have anyway
    **dict.fromkeys(("planks", "log", "leaves"), ("oak",)),
    "stone": ("stone",),
    **dict.fromkeys(DOORS, ("lower", "upper")),
}

_DYES = tuple(reversed(block_table.COLOURS))  # dye metadata counts the other way round
STAND_IN_ITEMS: dict[str, ItemWord] = {
    **{f"{c}_concrete": ItemWord("stained_hardened_clay", k, c.upper()) for k, c in enumerate(block_table.COLOURS)},
    "key": ItemWord("tripwire_hook"),
    "locked_chest": ItemWord("trapped_chest"),
    "open_chest": ItemWord("ender_chest"),
    "door_north": ItemWord("spruce_door"),
}
ITEMS: dict[str, ItemWord] = {
    **{item.name: ItemWord(item.name) for item in item_table.ITEMS},
    **{f"{c}_wool": ItemWord("wool", k, c.upper()) for k, c in enumerate(block_table.COLOURS)},
    "lapis": ItemWord("dye", _DYES.index("blue"), "BLUE"),
    "door_west": ItemWord("wooden_door"),
    **STAND_IN_ITEMS,
}
ITEM_NAMES: dict[tuple[str, int], str] = {(word.type, word.metadata): name for name, word in ITEMS.items()}
_ITEMS_BY_COLOUR = {(word.type, word.colour): name for name, word in ITEMS.items()}

MOBS: dict[str, str] = {"villager": "Villager", "zombie": "Zombie", "pig": "Pig"}  # DrawEntity's types
MOB_NAMES: dict[str, str] = {word: name for name, word in MOBS.items()}

NUMBERED_BLOCKS: dict[str, str] = dict(  # in the generator strings of flat worlds
    zip(
        ("0", "1", "2", "3", "4", "5", "7", "9", "12", "13", "17", "20", "24", "42", "41", "49"),
        ("air", "stone", "grass", "dirt", "cobblestone", "planks", "bedrock", "water", "sand", "gravel")
        + ("log", "glass", "sandstone", "iron_block", "gold_block", "obsidian"),
        strict=True,
    )
)


def block_named(word: BlockWord, ours: bool) -> str | None:
    """Our block of that word, None if there is none; stand-ins count in missions of `ours` alone."""
    if word.variant and word.variant in _USUAL.get(word.type, ()):
        word = word._replace(variant="")
    name = _BLOCK_NAMES.get(word)
    return None if name in STAND_IN_BLOCKS and not ours else name


def item_named(kind: str, metadata: int, colour: str, ours: bool) -> str | None:
    """Our item of that type and metadata, or colour if given; stand-ins count in missions of `ours` alone."""
    name = _ITEMS_BY_COLOUR.get((kind, colour)) if colour else ITEM_NAMES.get((kind, metadata))
    return None if name in STAND_IN_ITEMS and not ours else name


def meant(
    table: Mapping[str, BlockWord | ItemWord], kinds: Sequence[str], colours: Sequence[str], but: Container[str]
) -> list[str]:
    """The names, of blocks or items, that lists of types and of colours mean; no colour means any."""
    return [
        name
        for name, word in table.items()
        if word.type in kinds and (not colours or word.colour in colours) and name not in but
    ]


EVENTS_KEY = (
    "mcproxy_events"  # what happened in this tick, always there in missions of ours: tick, kind, what, position
)
STATISTICS = {"broke": "mine_block", "collected": "pickup", "placed": "use_item", "killed": "kill_entity"}
CHESTS = {"chest": "chest_opened", "locked_chest": "trapped_chest_triggered"}  # statistics of opening them
