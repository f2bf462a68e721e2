"""The one table of items: everything that can be dropped, carried, held and placed.

Item ids go on where block ids end: a block as an item has the block's id, and id 0 is the empty hand.
"""

from dataclasses import dataclass

import numpy as np

from mcproxy import blocks as block_table
from mcproxy.blocks import BLOCKS

SLOTS, HOTBAR = 36, 9  # of an inventory; the first nine can be held
STACK = 64  # pieces of most items in one slot
_MATERIALS = (("wooden", 1, 2.0), ("stone", 2, 4.0), ("iron", 3, 6.0), ("golden", 1, 12.0), ("diamond", 4, 8.0))
_CLASSES = ("pickaxe", "axe", "shovel")


@dataclass(frozen=True)
class Item:
    """One kind of item.

    stack   pieces that share a slot
    tool    the class of blocks that it works on; `tier` limits the harvest (`Block.tier`), `speed` is its factor
    damage  half hearts that a blow with it takes (a bare hand 1)
    """

    name: str
    stack: int = STACK
    tool: str = ""
    tier: int = 0
    speed: float = 1.0
    damage: int = 1


def _tools() -> list[Item]:
    """Speeds are those of Item.ToolMaterial, damages the attribute modifiers of the tools plus the hand's 1."""
    tools = []
    for material, tier, speed in _MATERIALS:
        bonus = {"wooden": 0, "golden": 0, "stone": 1, "iron": 2, "diamond": 3}[material]
        for kind, damage in zip(_CLASSES, (2, 7, 2), strict=True):
            tools.append(Item(f"{material}_{kind}", 1, kind, tier, speed, damage + bonus))
        tools.append(Item(f"{material}_sword", 1, "sword", tier, 1.5, 4 + bonus))
    return [*tools, Item("shears", 1, "shears", 1, 5.0)]


ITEMS: tuple[Item, ...] = (
    *(Item(block.name) for block in BLOCKS),
    *(Item(name) for name in ("coal", "diamond", "redstone", "lapis", "emerald", "iron_ingot", "gold_ingot")),
    *(Item(name) for name in ("glowstone_dust", "melon")),
    Item("snowball", 16),
    Item("key"),
    *_tools(),
)
ID: dict[str, int] = {item.name: i for i, item in enumerate(ITEMS)}
NAME: tuple[str, ...] = tuple(item.name for item in ITEMS)

STACKS = np.array([item.stack for item in ITEMS], dtype=np.int64)  # (I,)
DAMAGE = np.array([item.damage for item in ITEMS], dtype=np.int64)  # (I,) half hearts
DROP = np.array([ID.get(b.name if b.drop is None else b.drop, 0) for b in BLOCKS], dtype=np.int64)  # (K,) item ids
DROPS = np.array([b.drops for b in BLOCKS], dtype=np.int64)  # (K,) pieces
KEY = np.array([ID.get(b.key, 0) for b in BLOCKS], dtype=np.int64)  # (K,) item ids, 0 for none
_SWORD_CUTS = ("leaves", "pumpkin", "melon_block")  # ItemSword.getStrVsBlock: plants and gourds


def _works_on(item: Item, block: block_table.Block) -> bool:
    return bool(item.tool) and (item.tool == block.tool or (item.tool == "sword" and block.name in _SWORD_CUTS))


def harvests(item: Item, block: block_table.Block) -> bool:
    """Whether breaking the block with the item in hand makes it drop (EntityPlayer.canHarvestBlock)."""
    return block.tier == 0 or (item.tool == block.tool and item.tier >= block.tier)


def break_ticks(item: Item, block: block_table.Block, slowed: float = 1.0) -> int:
    """Ticks of holding the attack key that break a block with an item in hand; -1 for never, 0 for at once.

    `slowed` is 5 under water, and 5 more without ground (EntityPlayer.getDigSpeed). The damage of
    a tick is speed / hardness / 30, or / 100 where the tool does not harvest (Block.getPlayerRelativeBlockHardness).
    """
    if block.hardness is None:
        return -1
    if block.hardness == 0:
        return 0
    damage = (item.speed if _works_on(item, block) else 1.0) / slowed / block.hardness
    damage /= 30.0 if harvests(item, block) else 100.0
    return 0 if damage >= 1 else int(np.ceil(1 / damage))


BREAK_TICKS = np.array([[[break_ticks(i, b, s) for b in BLOCKS] for i in ITEMS] for s in (1.0, 5.0, 25.0)])  # (3, I, K)
HARVESTS = np.array([[harvests(i, b) for b in BLOCKS] for i in ITEMS])  # (I, K) bool
