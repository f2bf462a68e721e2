"""The one table of blocks: Minecraft names and the properties that the engine, the renderer and the tasks need."""

from dataclasses import dataclass
from typing import Any

import numpy as np

CUBE = (0.0, 0.0, 0.0, 1.0, 1.0, 1.0)
COLOURS = (
    "white", "orange", "magenta", "light_blue", "yellow", "lime", "pink", "gray",
    "silver", "cyan", "purple", "blue", "brown", "green", "red", "black",
)  # fmt: skip
_INSET = (0.0625, 0.0, 0.0625, 0.9375, 1.0, 0.9375)  # a sixteenth free on every side (BlockCactus, BlockChest)
_CHEST = (0.0625, 0.0, 0.0625, 0.9375, 0.875, 0.9375)
_WEST, _NORTH = (
    (0.0, 0.0, 0.0, 0.1875, 1.0, 1.0),
    (0.0, 0.0, 0.0, 1.0, 1.0, 0.1875),
)  # panels at -x, -z (BlockDoor)


@dataclass(frozen=True)
class Block:
    """One kind of block. Numbers are Minecraft 1.11.2's.

    box           its drawn shape, which is also an obstacle if it is `solid`: x, y, z from and to, in blocks
    slipperiness  ground friction factor (Minecraft: 0.6, ice 0.98)
    drag          factor on the horizontal velocity of an entity inside its top (soul sand 0.4)
    light         emitted light level, 0 to 15
    opacity       light levels that are lost in passing through it, 0 to 15
    hardness      seconds of work in the unit of the game; None can never be broken
    tool          the class of tool (`mcproxy.items`) that works faster on it
    tier          of that tool without which nothing drops: 0 none needed, 1 wood or gold, 2 stone, 3 iron, 4 diamond
    drop, drops   the item it leaves ("" none) and how many; itself by default
    hurts         half hearts of damage on contact, at most twice a second
    falls         it falls where nothing is below it
    turns_into    the block that using it makes of it;  key  the item which that takes from the user
    fluid         it fills its cell, and bodies sink into it
    """

    name: str
    box: tuple[float, float, float, float, float, float] = CUBE
    solid: bool = True
    slipperiness: float = 0.6
    drag: float = 1.0
    light: int = 0
    opacity: int = 15
    hardness: float | None = 1.0
    tool: str = ""
    tier: int = 0
    drop: str | None = None
    drops: int = 1
    hurts: int = 0
    falls: bool = False
    turns_into: str = ""
    key: str = ""
    fluid: bool = False

    @property
    def height(self) -> float:
        """Of the collision box in blocks: 0 is passable, 1 a full cube."""
        return self.box[4] if self.solid else 0.0


def _rock(name: str, hardness: float, tier: int = 1, drop: str | None = None, drops: int = 1, **more: Any) -> Block:
    return Block(name, hardness=hardness, tool="pickaxe", tier=tier, drop=drop, drops=drops, **more)


def _wood(name: str, hardness: float | None, **more: Any) -> Block:
    return Block(name, hardness=hardness, tool="axe", **more)


def _soil(name: str, hardness: float, **more: Any) -> Block:
    return Block(name, hardness=hardness, tool="shovel", **more)


def _door(name: str, box: tuple[float, float, float, float, float, float], other: str, drop: str) -> Block:
    return _wood(name, 3.0, box=box, opacity=0, turns_into=other, drop=drop)


def _flat(name: str, height: float, inset: float, hardness: float, **more: Any) -> Block:
    box = (inset, 0.0, inset, 1.0 - inset, height, 1.0 - inset)
    return Block(name, box=box, solid=False, opacity=0, hardness=hardness, **more)


BLOCKS: tuple[Block, ...] = (
    Block("air", solid=False, opacity=0, hardness=None),
    _rock("stone", 1.5, drop="cobblestone"),
    _soil("grass", 0.6, drop="dirt"),
    _soil("dirt", 0.5),
    _rock("cobblestone", 2.0),
    _wood("planks", 2.0),
    _wood("log", 2.0),
    _wood("leaves", 0.2, opacity=1, drop=""),
    _soil("sand", 0.5, falls=True),
    _soil("gravel", 0.6, falls=True),
    _rock("stonebrick", 1.5),
    _rock("brick_block", 2.0),
    _rock("sandstone", 0.8),
    _rock("gold_block", 3.0, tier=3),
    _rock("iron_block", 5.0, tier=2),
    _rock("diamond_block", 5.0, tier=3),
    _rock("emerald_block", 5.0, tier=3),
    Block("beacon", light=15, opacity=0, hardness=3.0),
    Block("glass", opacity=0, hardness=0.3, drop=""),
    _rock("ice", 0.5, tier=0, drop="", slipperiness=0.98, opacity=3),
    _soil("soul_sand", 0.5, box=(0.0, 0.0, 0.0, 1.0, 0.875, 1.0), drag=0.4),
    _rock("stone_slab", 2.0, box=(0.0, 0.0, 0.0, 1.0, 0.5, 1.0), opacity=0),
    Block("bedrock", hardness=None, drop=""),
    _rock("obsidian", 50.0, tier=4),
    Block("glowstone", light=15, hardness=0.3, drop="glowstone_dust", drops=3),
    _rock("coal_ore", 3.0, drop="coal"),
    _rock("iron_ore", 3.0, tier=2),
    _rock("gold_ore", 3.0, tier=3),
    _rock("diamond_ore", 3.0, tier=3, drop="diamond"),
    _rock("redstone_ore", 3.0, tier=3, drop="redstone", drops=4),
    _rock("lapis_ore", 3.0, tier=2, drop="lapis", drops=6),
    _rock("emerald_ore", 3.0, tier=3, drop="emerald"),
    _rock("coal_block", 5.0),
    _rock("redstone_block", 5.0),
    _rock("lapis_block", 3.0, tier=2),
    _soil("snow", 0.2, tier=1, drop="snowball", drops=4),
    Block("hay_block", hardness=0.5),
    _wood("pumpkin", 1.0),
    _wood("melon_block", 1.0, drop="melon", drops=5),
    Block("tnt", hardness=0.0),
    _wood("crafting_table", 2.5),
    _rock("furnace", 3.5),
    _wood("chest", 2.5, box=_CHEST, opacity=0, turns_into="open_chest"),
    _wood("open_chest", 2.5, box=_CHEST, opacity=0, drop="chest"),
    _wood("locked_chest", None, box=_CHEST, opacity=0, turns_into="open_chest", key="key"),
    Block("cactus", box=_INSET, opacity=0, hardness=0.4, hurts=1),
    _flat("torch", 0.625, 0.4375, 0.0, light=14),
    Block("water", (0.0, 0.0, 0.0, 1.0, 0.875, 1.0), solid=False, opacity=3, hardness=None, drop="", fluid=True),
    Block("lava", CUBE, False, light=15, opacity=0, hardness=None, drop="", hurts=4, fluid=True),
    _door("door_west", _WEST, "door_west_open", "door_west"),
    _door("door_west_open", _NORTH, "door_west", "door_west"),
    _door("door_north", _NORTH, "door_north_open", "door_north"),
    _door("door_north_open", _WEST, "door_north", "door_north"),
    _flat("stone_button", 0.125, 0.3125, 0.5, turns_into="pressed_stone_button"),
    _flat("pressed_stone_button", 0.0625, 0.3125, 0.5, drop="stone_button"),
    _flat("stone_pressure_plate", 0.0625, 0.0625, 0.5, tool="pickaxe", tier=1),
    _flat("pressed_stone_pressure_plate", 0.03125, 0.0625, 0.5, tool="pickaxe", tier=1, drop="stone_pressure_plate"),
    *(Block(f"{colour}_wool", hardness=0.8, tool="shears") for colour in COLOURS),
    *(_rock(f"{colour}_concrete", 1.8) for colour in COLOURS),
    Block("command_block", hardness=None, drop=""),
)
ID: dict[str, int] = {b.name: i for i, b in enumerate(BLOCKS)}
NAME: tuple[str, ...] = tuple(b.name for b in BLOCKS)

HEIGHT = np.array([b.height for b in BLOCKS])  # (K,) float64, blocks
BOX = np.array([b.box for b in BLOCKS])  # (K, 6) float64, blocks: x, y, z from, x, y, z to
SOLID = np.array([b.solid for b in BLOCKS])  # (K,) bool
SLIPPERINESS = np.array([b.slipperiness for b in BLOCKS])  # (K,) float64
DRAG = np.array([b.drag for b in BLOCKS])  # (K,) float64
LIGHT = np.array([b.light for b in BLOCKS], dtype=np.uint8)  # (K,) levels, 0 to 15
OPACITY = np.array([b.opacity for b in BLOCKS], dtype=np.uint8)  # (K,) levels, 0 to 15
HURTS = np.array([b.hurts for b in BLOCKS], dtype=np.int64)  # (K,) half hearts
FALLS = np.array([b.falls for b in BLOCKS])  # (K,) bool
FLUID = np.array([b.fluid for b in BLOCKS])  # (K,) bool
TURNS_INTO = np.array([ID.get(b.turns_into, 0) for b in BLOCKS], dtype=np.int64)  # (K,) block ids, 0 for nothing
