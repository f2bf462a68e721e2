"""The state of a world at the first tick of a mission; a mission that cannot be run is refused here."""

import numpy as np

from mcproxy import blocks as block_table
from mcproxy import errors
from mcproxy import items as item_table
from mcproxy import mobs as mob_table
from mcproxy.engine import state as codes
from mcproxy.engine.simulation.entities import ITEM_HALF_WIDTH, PICKUP_DELAY
from mcproxy.engine.simulation.physics import HALF_WIDTH, RESTING_VELOCITY
from mcproxy.mission import BEHAVIOURS, Happened, Inside, Mission, Mob, Objective, Possess, Reach, Stack, Touch

_MOST = 2**31  # ticks, and degrees
SKY = 256.0  # blocks above a world in which bodies may begin
_FASTEST = 1.0  # blocks/tick of a mob: a player sprints at 0.28
_CHESTS = ("chest", "open_chest", "locked_chest")
_UNPLACEABLE = [b.fluid or b.name.startswith("pressed") or b.name.endswith("_open") for b in block_table.BLOCKS]


def state_of(mission: Mission, shape: tuple[int, int, int]) -> np.ndarray:
    """The `WORLD` record, (), of a mission's first tick, in worlds of at most `shape` blocks, or a `UserError`."""
    _check(mission, shape)
    world = np.zeros((), dtype=codes.WORLD)
    world["shape"], world["limit"], world["health"] = mission.blocks.shape, mission.max_ticks, codes.HEALTH
    player = world["player"]
    player["pos"], player["yaw_deg"], player["pitch_deg"] = mission.spawn, mission.yaw_deg, mission.pitch_deg
    if _stands(mission.blocks, mission.spawn):
        player["on_ground"], player["vel"][1] = True, RESTING_VELOCITY
    for slot, stack in zip(world["slots"], mission.inventory, strict=False):
        slot["item"], slot["count"] = item_table.ID[stack.item], stack.count
    world["num_contents"] = len(mission.contents)
    for content, (cell, stack) in zip(world["contents"], mission.contents, strict=False):
        content["cell"], content["item"], content["count"] = cell, item_table.ID[stack.item], stack.count
    world["num_entities"] = len(mission.mobs) + len(mission.drops)
    for body, mob in zip(world["entities"], mission.mobs, strict=False):
        _fill_mob(body, mob)
    for body, (position, stack) in zip(world["entities"][len(mission.mobs) :], mission.drops, strict=False):
        body["kind"], body["what"], body["count"] = codes.ITEM_ENTITY, item_table.ID[stack.item], stack.count
        body["pos"], body["age"] = position, PICKUP_DELAY
    world["num_objectives"], world["objectives"]["met"] = len(mission.objectives), codes.NEVER
    for entry, objective in zip(world["objectives"], mission.objectives, strict=False):
        _fill_objective(entry, objective)
    return world


def _check(mission: Mission, shape: tuple[int, int, int]) -> None:
    blocks = mission.blocks
    if not isinstance(blocks, np.ndarray) or blocks.dtype != np.uint8 or blocks.ndim != 3 or blocks.size == 0:
        raise errors.UserError("blocks of a mission: expected an array (X, Y, Z) uint8")
    size = blocks.shape
    if any(s > limit for s, limit in zip(size, shape, strict=True)):
        raise errors.UserError(f"a mission of {size} blocks does not fit into worlds of {shape}")
    if blocks.max() >= len(block_table.BLOCKS):
        raise errors.UserError(f"block id {blocks.max()}, expected 0 to {len(block_table.BLOCKS) - 1}")
    limits = {
        "objectives": (mission.objectives, codes.MAX_OBJECTIVES),
        "mobs": (mission.mobs, codes.MAX_MOBS),
        "mobs and dropped items": (mission.mobs + mission.drops, codes.MAX_ENTITIES),
        "stacks in the inventory": (mission.inventory, item_table.SLOTS),
        "stacks in chests": (mission.contents, codes.MAX_CONTENTS),
    }
    for name, (things, most) in limits.items():
        if len(things) > most:
            raise errors.UserError(f"a mission has {len(things)} {name}, at most {most} are possible")
    _place("the spawn", mission.spawn, HALF_WIDTH, size)
    for mob in mission.mobs:
        _place(f"a {mob.kind}", mob.position, mob_table.HALF_WIDTH[_id(mob.kind, mob_table.ID, "mob")], size)
    if not (_numbers(mission.yaw_deg) and abs(mission.yaw_deg) <= _MOST and _numbers(mission.pitch_deg)):
        angles = f"yaw {mission.yaw_deg} and pitch {mission.pitch_deg}"
        raise errors.UserError(f"a view of {angles} degrees, expected numbers")
    if abs(mission.pitch_deg) > 90:
        raise errors.UserError(f"a pitch of {mission.pitch_deg} degrees, expected -90 to 90")
    if not _whole(mission.time_of_day) or not _whole(mission.max_ticks) or not 1 <= mission.max_ticks <= _MOST:
        raise errors.UserError(
            f"time_of_day={mission.time_of_day} and max_ticks={mission.max_ticks}: expected whole numbers, "
            f"the second from 1 to {_MOST}"
        )
    for stack in mission.inventory:
        _check_stack(stack)
    for position, stack in mission.drops:
        _check_stack(stack)
        _place(f"a dropped {stack}", position, ITEM_HALF_WIDTH, size)
    for cell, stack in mission.contents:
        _check_stack(stack)
        inside = len(cell) == 3 and all(_whole(c) and 0 <= c < s for c, s in zip(cell, size, strict=True))
        if not inside or block_table.NAME[blocks[tuple(cell)]] not in _CHESTS:
            raise errors.UserError(f"contents {stack} for {cell}, where no chest stands")


def _place(name: str, position: tuple[float, float, float], side: float, size: tuple[int, ...]) -> None:
    """Raise a `UserError` unless a body with half this width fits between the world's walls, or above the world."""
    if len(position) != 3 or not _numbers(*position):
        raise errors.UserError(f"{name} at {position}: expected three numbers")
    x, y, z = position
    if not (side <= x <= size[0] - side and side <= z <= size[2] - side and 0 <= y <= size[1] + SKY):
        raise errors.UserError(f"{name} at {(x, y, z)} is outside the world of {size} blocks")


def _stands(blocks: np.ndarray, spawn: tuple[float, float, float]) -> bool:
    """Whether a block ends right under the feet."""
    x, y, z = spawn
    j = int(np.ceil(y)) - 1
    columns = {(int(x + dx), int(z + dz)) for dx in (-HALF_WIDTH, HALF_WIDTH) for dz in (-HALF_WIDTH, HALF_WIDTH)}
    if j < 0:
        return True  # on the bottom of the world
    if j >= blocks.shape[1]:
        return False
    last_x, last_z = blocks.shape[0] - 1, blocks.shape[2] - 1
    return any(j + block_table.HEIGHT[blocks[min(i, last_x), j, min(k, last_z)]] == y for i, k in columns)


def _check_stack(stack: Stack) -> None:
    if not isinstance(stack, Stack):
        raise errors.UserError(f"{stack!r} among stacks: expected Stack(item, count)")
    item = _id(stack.item, item_table.ID, "item")
    if item == 0 or (item < len(_UNPLACEABLE) and _UNPLACEABLE[item]):
        raise errors.UserError(f"{stack.item} cannot be carried")
    most = int(item_table.STACKS[item])
    if not _whole(stack.count) or not 1 <= stack.count <= most:
        raise errors.UserError(f"a stack of {stack.count} {stack.item}: expected 1 to {most}")


def _numbers(*values: object) -> bool:
    return all(isinstance(v, int | float | np.number) and np.isfinite(v) for v in values)


def _whole(value: object) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def _fill_mob(body: np.ndarray, mob: Mob) -> None:
    if mob.behaviour not in BEHAVIOURS:
        raise errors.UserError(f"behaviour {mob.behaviour!r} of a {mob.kind} is none of {BEHAVIOURS}")
    if len(mob.route) > codes.MAX_ROUTE:
        raise errors.UserError(f"a {mob.kind} has {len(mob.route)} waypoints, at most {codes.MAX_ROUTE} are possible")
    if not _numbers(mob.speed, mob.sight, mob.yaw_deg) or not 0 <= mob.speed <= _FASTEST:
        expected = f"expected numbers, and a speed of 0 to {_FASTEST:g}"
        raise errors.UserError(f"speed, sight and yaw of a {mob.kind}: {expected}")
    if not all(len(waypoint) == 2 and _numbers(*waypoint) for waypoint in mob.route):
        raise errors.UserError(f"the route of a {mob.kind} is {mob.route}: expected pairs of numbers, x and z")
    kind = mob_table.ID[mob.kind]
    body["kind"], body["what"], body["pos"], body["health"] = codes.WALKER, kind, mob.position, mob_table.HEALTH[kind]
    body["behaviour"], body["speed"], body["sight"] = BEHAVIOURS.index(mob.behaviour), mob.speed, mob.sight
    body["legs"], body["on_ground"] = len(mob.route), True
    for waypoint, (x, z) in zip(body["route"], mob.route, strict=False):
        waypoint[:] = x, z
    body["front"] = (5, 0, 4, 1)[round(mob.yaw_deg / 90) % 4]  # yaw 0 looks along +z, 90 along -x


def _fill_objective(entry: np.ndarray, objective: Objective) -> None:
    condition = objective.condition
    entry["terminal"] = objective.terminal
    times = {Happened: "times", Possess: "count"}.get(type(condition))
    if times and not (_whole(getattr(condition, times)) and getattr(condition, times) >= 1):
        raise errors.UserError(f"objective {objective.name!r}: {times}={getattr(condition, times)}, expected 1 or more")
    if isinstance(condition, Touch):
        entry["condition"], entry["what"] = codes.TOUCH, _id(condition.block, block_table.ID, "block")
    elif isinstance(condition, Reach):
        if len(condition.position) != 3 or not _numbers(*condition.position, condition.tolerance):
            raise errors.UserError(f"objective {objective.name!r} is {condition}: expected numbers")
        entry["condition"], entry["place"][:4] = codes.REACH, (*condition.position, condition.tolerance)
    elif isinstance(condition, Inside):
        corners = (*condition.low, *condition.high)
        if len(condition.low) != 3 or len(condition.high) != 3 or not _numbers(*corners):
            raise errors.UserError(f"objective {objective.name!r} is {condition}: expected three numbers, twice")
        entry["condition"], entry["place"] = codes.INSIDE, corners
    elif isinstance(condition, Happened):
        if not _whole(condition.of) or (condition.of and condition.of < condition.times):
            expected = f"expected 0, or times={condition.times} at least"
            raise errors.UserError(f"objective {objective.name!r}: of={condition.of}, {expected}")
        if condition.event not in codes.WHAT:
            known = ", ".join(codes.WHAT)
            raise errors.UserError(
                f"objective {objective.name!r} has the event {condition.event!r}, expected one of: {known}"
            )
        names = {name: k for k, name in enumerate(codes.WHAT[condition.event])}
        what = _id(condition.what, names, f"thing that is {condition.event}:") if condition.what else -1
        entry["condition"], entry["event"] = codes.HAPPENED, codes.EVENTS.index(condition.event)
        entry["what"], entry["times"], entry["parts"] = what, condition.times, condition.parts
    elif isinstance(condition, Possess):
        entry["condition"], entry["what"] = codes.POSSESS, _id(condition.item, item_table.ID, "item")
        entry["times"] = condition.count


def _id(name: str, ids: dict[str, int], kind: str) -> int:
    if name not in ids:
        near = errors.nearest(str(name), ids)
        raise errors.UserError(f"unknown {kind} {name!r}" + ("" if near is None else f"; did you mean {near!r}?"))
    return ids[name]
