"""The inventory of the player: 36 slots of stacks, of which the first nine can be held."""

from numba import njit

from mcproxy.engine.state import Record
from mcproxy.items import SLOTS, STACKS


@njit(nogil=True, cache=True)
def give(world: Record, item: int, count: int) -> int:
    """Add pieces of an item to equal ones, then to empty slots (InventoryPlayer.addItemStackToInventory).

    Returns the number of pieces that found no room.
    """
    for empty in range(2):
        for n in range(SLOTS):
            slot = world.slots[n]
            fits = slot.count == 0 if empty == 1 else slot.count > 0 and slot.item == item
            if fits and count > 0:
                room = min(STACKS[item] - slot.count, count)
                slot.item = item
                slot.count += room
                count -= room
    return count


@njit(nogil=True, cache=True)
def take(world: Record, item: int) -> bool:
    """Take one piece of an item away; False if there is none."""
    for n in range(SLOTS):
        slot = world.slots[n]
        if slot.count > 0 and slot.item == item:
            use_up(slot)
            return True
    return False


@njit(nogil=True, cache=True)
def use_up(slot: Record) -> None:
    """Take one piece from a slot, which is empty after the last one."""
    slot.count -= 1
    if slot.count == 0:
        slot.item = 0


@njit(nogil=True, cache=True)
def carried(world: Record, item: int) -> int:
    """The number of pieces of an item that the player has."""
    total = 0
    for n in range(SLOTS):
        if world.slots[n].item == item:
            total += world.slots[n].count
    return total


@njit(nogil=True, cache=True)
def in_hand(world: Record) -> int:
    """The item that is held, 0 for none."""
    return world.slots[world.held].item
