"""The one table of blocks: Minecraft names and what the engine, the renderer and the tasks need to know of each."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Block:
    """One kind of block.

    height        of the collision box in blocks: 0 is passable, 1 a full cube
    slipperiness  ground friction factor (Minecraft: 0.6, ice 0.98)
    drag          factor on horizontal velocity of who stands inside its top (Minecraft: soul sand 0.4)
    light         emitted light level, 0 to 15
    """

    name: str
    height: float = 1.0
    slipperiness: float = 0.6
    drag: float = 1.0
    light: int = 0


BLOCKS: tuple[Block, ...] = (
    Block("air", height=0.0),
    Block("stone"),
    Block("grass"),
    Block("dirt"),
    Block("cobblestone"),
    Block("planks"),
    Block("log"),
    Block("leaves"),
    Block("sand"),
    Block("gravel"),
    Block("stonebrick"),
    Block("brick_block"),
    Block("sandstone"),
    Block("gold_block"),
    Block("iron_block"),
    Block("diamond_block"),
    Block("emerald_block"),
    Block("beacon", light=15),
    Block("glass"),
    Block("ice", slipperiness=0.98),
    Block("soul_sand", height=0.875, drag=0.4),
    Block("stone_slab", height=0.5),
    Block("bedrock"),
    Block("obsidian"),
    Block("glowstone", light=15),
)
ID: dict[str, int] = {b.name: i for i, b in enumerate(BLOCKS)}
NAME: tuple[str, ...] = tuple(b.name for b in BLOCKS)

HEIGHT = np.array([b.height for b in BLOCKS])  # (K,) float64, blocks
SLIPPERINESS = np.array([b.slipperiness for b in BLOCKS])  # (K,) float64
DRAG = np.array([b.drag for b in BLOCKS])  # (K,) float64
