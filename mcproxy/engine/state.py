"""Everything that changes in a world except its blocks, as one record that ticks read and write.

    WORLD = player + health + inventory + digging + entities + timers + objectives + log of this step's events

One flat record a world means that a world's state can be compared, stored and restored as bytes. Kernels
take `(blocks, world)`: the (X, Y, Z) uint8 array of blocks and the world's record.
"""

from typing import Any

import numpy as np
from numba import njit

from mcproxy import blocks as block_table
from mcproxy import items, mobs
from mcproxy.engine.rendering.sprites import MAX_SPRITES
from mcproxy.engine.simulation.physics import PLAYER

MAX_OBJECTIVES = 8
MAX_ENTITIES = MAX_SPRITES - 1  # of one world; one sprite is for cracks
MAX_MOBS, MAX_FALLING = 16, 14  # of each; together fewer than MAX_ENTITIES, so that an item always finds a place
MAX_TIMERS = 64
MAX_CONTENTS = 16  # stacks in all chests of one world
MAX_ROUTE = 16  # waypoints of a mob
LOG_TICKS, LOG_ROWS = 4, 256  # the log has room for the events of LOG_TICKS ticks
NEVER = -1
HEALTH = 20  # half hearts of a player (SharedMonsterAttributes.MAX_HEALTH)


def _codes(count: int) -> tuple[Any, ...]:
    """Numbers from 0 on, typed, since numba compiles a function again for every literal argument."""
    return tuple(np.int64(code) for code in range(count))


EVENTS = (
    "touched", "reached", "swung", "used", "broke", "placed", "collected", "opened", "fired", "hurt", "died", "killed",
)  # fmt: skip
TOUCHED, REACHED, SWUNG, USED, BROKE, PLACED, COLLECTED, OPENED, FIRED, HURT, DIED, KILLED = _codes(len(EVENTS))
CAUSES = ("fall", "lava", "fire", "cactus", "wall", *mobs.NAME)  # of damage to the player
FALL, LAVA, FIRE, CACTUS, WALL, MOB = _codes(6)  # MOB is the first mob; the others follow
WHAT = {  # for each kind of event, the names that its `what` counts; for "reached" they are the objectives'
    **dict.fromkeys(("touched", "swung", "used", "broke", "placed", "opened", "fired"), ("", *block_table.NAME[1:])),
    "collected": items.NAME,
    "hurt": CAUSES,
    "died": CAUSES,
    "killed": mobs.NAME,
}

Record = Any  # of one of the dtypes below, in a kernel, whose fields type checkers cannot know
ITEM_ENTITY, FALLING, WALKER = 1, 2, 3  # kinds of entity, 0 for a free place
ENTITY = np.dtype(
    [
        ("pos", "f8", 3),  # centre of the feet, blocks
        ("vel", "f8", 3),  # blocks per tick
        ("kind", "i8"),
        ("what", "i8"),  # an item, a block or a kind of mob
        ("count", "i8"),  # pieces of an item
        ("age", "i8"),  # ticks
        ("health", "i8"),  # half hearts of a mob
        ("hurt_ticks", "i8"),  # until it can be hurt again
        ("behaviour", "i8"),  # an index of `mission.BEHAVIOURS`
        ("front", "i8"),  # the side that it faces
        ("next", "i8"),  # index of the waypoint that it walks to
        ("legs", "i8"),  # number of waypoints
        ("speed", "f8"),  # blocks per tick
        ("sight", "f8"),  # blocks within which it reacts to the player
        ("route", "f8", (MAX_ROUTE, 2)),  # x and z of the waypoints
        ("on_ground", "i8"),
        ("collided", "i8"),
    ],
    align=True,
)
SLOT = np.dtype([("item", "i8"), ("count", "i8")])
TIMER = np.dtype([("due", "i8"), ("cell", "i8", 3), ("what", "i8")], align=True)  # due 0: a free place
CONTENT = np.dtype([("cell", "i8", 3), ("item", "i8"), ("count", "i8")], align=True)
OBJECTIVE = np.dtype(
    [
        ("condition", "i8"),  # NONE, TOUCH, REACH, HAPPENED, POSSESS or INSIDE
        ("event", "i8"),  # HAPPENED: the kind of event
        ("what", "i8"),  # TOUCH: a block. HAPPENED: the block, item or mob, -1 for any. POSSESS: an item
        ("times", "i8"),  # HAPPENED: how often. POSSESS: how many pieces
        ("parts", "i8"),  # HAPPENED: the number of events that pay; the last of them ends the episode of a goal
        ("place", "f8", 6),  # REACH: position and tolerance. INSIDE: the low and the high corner
        ("terminal", "i8"),
        ("holds", "i8"),  # the condition held at the last tick
        ("count", "i8"),  # HAPPENED: how often it has happened
        ("met", "i8"),  # the first tick at which it was met, or NEVER
    ],
    align=True,
)
NONE, TOUCH, REACH, HAPPENED, POSSESS, INSIDE = _codes(6)
ROW = np.dtype([("tick", "i8"), ("kind", "i8"), ("what", "i8"), ("cell", "i8", 3)], align=True)
WORLD = np.dtype(  # fields that every tick reads come first, so that they share a page of memory
    [
        ("shape", "i8", 3),  # of the blocks that belong to this world
        ("tick", "i8"),
        ("limit", "i8"),
        ("ended", "i8"),  # a terminal objective was met, or the player died
        ("player", PLAYER),
        ("health", "i8"),  # half hearts
        ("hurt_ticks", "i8"),  # until the player can be hurt again
        ("last_blow", "i8"),  # half hearts of the last damage
        ("burning", "i8"),  # ticks
        ("held", "i8"),  # slot in hand
        ("attacking", "i8"),  # ticks for which the attack key has been down
        ("using", "i8"),  # the use key was down at the last tick
        ("use_wait", "i8"),  # ticks until a held use key acts again
        ("dig_wait", "i8"),  # ticks until a held attack key starts on the next block
        ("digging", "i8"),
        ("dig_cell", "i8", 3),
        ("dig_item", "i8"),
        ("dug", "f8"),  # share of that block's digging that is done
        ("changed", "i8"),  # blocks have changed since they were last drawn, within these bounds
        ("changed_low", "i8", 3),
        ("changed_high", "i8", 3),
        ("num_entities", "i8"),
        ("num_timers", "i8"),
        ("crowded", "i8"),  # a timer was needed when none was free
        ("num_contents", "i8"),
        ("num_objectives", "i8"),
        ("log_length", "i8"),
        ("objectives", OBJECTIVE, MAX_OBJECTIVES),
        ("slots", SLOT, items.SLOTS),
        ("entities", ENTITY, MAX_ENTITIES),
        ("timers", TIMER, MAX_TIMERS),
        ("contents", CONTENT, MAX_CONTENTS),
        ("log", ROW, LOG_ROWS),
    ],
    align=True,
)


@njit(nogil=True, cache=True)
def log_event(world: Record, kind: int, what: int, x: int, y: int, z: int) -> None:
    """Log an event of this tick, and count it for the objectives with that event."""
    if world.log_length < LOG_ROWS:
        row = world.log[world.log_length]
        row.tick, row.kind, row.what = world.tick, kind, what
        row.cell[0], row.cell[1], row.cell[2] = x, y, z
    world.log_length += 1
    for k in range(world.num_objectives):
        objective = world.objectives[k]
        if (
            objective.condition == HAPPENED
            and objective.event == kind
            and (objective.what == what or objective.what < 0)
        ):
            objective.count += 1
