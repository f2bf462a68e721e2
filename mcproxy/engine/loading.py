"""From a mission to the state of a world at its first tick; what cannot be run is refused here, before any kernel."""

import numpy as np

from mcproxy import blocks as block_table
from mcproxy import items as item_table
from mcproxy import mobs as mob_table
from mcproxy.engine import state as codes
from mcproxy.engine.physics import HALF_WIDTH, RESTING_VELOCITY
from mcproxy.mission import BEHAVIOURS, Happened, Mission, Mob, Objective, Possess, Reach, Touch


def state_of(mission: Mission, shape: tuple[int, int, int]) -> np.ndarray:
    """The `WORLD` record, (), of a mission's first tick, in worlds of at most `shape` blocks, or a ValueError."""
    _check(mission, shape)
    world = np.zeros((), dtype=codes.WORLD)
    world["shape"], world["limit"], world["health"] = mission.blocks.shape, mission.max_ticks, codes.HEALTH
    player = world["player"]
    player["pos"], player["yaw_deg"], player["pitch_deg"] = mission.spawn, mission.yaw_deg, mission.pitch_deg
    player["on_ground"], player["vel"][1] = True, RESTING_VELOCITY
    for slot, stack in zip(world["slots"], mission.inventory, strict=False):
        slot["item"], slot["count"] = _id(stack.item, item_table.ID, "item"), stack.count
    world["num_contents"] = len(mission.contents)
    for content, (cell, stack) in zip(world["contents"], mission.contents, strict=False):
        content["cell"], content["item"] = cell, _id(stack.item, item_table.ID, "item")
        content["count"] = stack.count
    world["num_entities"] = len(mission.mobs)
    for body, mob in zip(world["entities"], mission.mobs, strict=False):
        _fill_mob(body, mob)
    world["num_objectives"], world["objectives"]["met"] = len(mission.objectives), codes.NEVER
    for entry, objective in zip(world["objectives"], mission.objectives, strict=False):
        _fill_objective(entry, objective)
    return world


def _check(mission: Mission, shape: tuple[int, int, int]) -> None:
    size = mission.blocks.shape
    if len(size) != 3 or any(s > limit for s, limit in zip(size, shape, strict=True)):
        raise ValueError(f"a mission of {size} blocks does not fit into worlds of {shape}")
    limits = {
        "objectives": (mission.objectives, codes.MAX_OBJECTIVES),
        "mobs": (mission.mobs, codes.MAX_ENTITIES),
        "stacks in the inventory": (mission.inventory, item_table.SLOTS),
        "stacks in chests": (mission.contents, codes.MAX_CONTENTS),
    }
    for name, (things, most) in limits.items():
        if len(things) > most:
            raise ValueError(f"a mission has {len(things)} {name}, at most {most} are possible")
    bodies = [("the spawn", mission.spawn, HALF_WIDTH)]
    bodies += [
        (f"a {m.kind}", m.position, mob_table.HALF_WIDTH[_id(m.kind, mob_table.ID, "mob")]) for m in mission.mobs
    ]
    for name, (x, y, z), side in bodies:
        if not (side <= x <= size[0] - side and side <= z <= size[2] - side and 0 <= y < np.inf):
            raise ValueError(f"{name} at {(x, y, z)} is outside the world of {size} blocks")
    if not np.isfinite([mission.yaw_deg, mission.pitch_deg]).all():
        raise ValueError(f"a view of yaw {mission.yaw_deg} and pitch {mission.pitch_deg} degrees, expected numbers")
    for stack in (*mission.inventory, *(stack for _, stack in mission.contents)):
        if not 1 <= stack.count <= item_table.STACKS[_id(stack.item, item_table.ID, "item")]:
            raise ValueError(f"a stack of {stack.count} {stack.item}: expected 1 to the size of its stack")


def _fill_mob(body: np.ndarray, mob: Mob) -> None:
    if mob.behaviour not in BEHAVIOURS:
        raise ValueError(f"behaviour {mob.behaviour!r} of a {mob.kind} is none of {BEHAVIOURS}")
    if len(mob.route) > codes.MAX_ROUTE:
        raise ValueError(f"a {mob.kind} has {len(mob.route)} waypoints, at most {codes.MAX_ROUTE} are possible")
    if not np.isfinite([mob.speed, mob.sight, *np.ravel(mob.route)]).all() or mob.speed < 0:
        raise ValueError(f"speed, sight and route of a {mob.kind}: expected numbers, and a speed of 0 or more")
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
    if isinstance(condition, Touch):
        entry["condition"], entry["what"] = codes.TOUCH, _id(condition.block, block_table.ID, "block")
    elif isinstance(condition, Reach):
        entry["condition"], entry["place"] = codes.REACH, (*condition.position, condition.tolerance)
    elif isinstance(condition, Happened):
        if condition.event not in codes.WHAT:
            raise ValueError(f"objective {objective.name!r} waits for {condition.event!r}, none of {[*codes.WHAT]}")
        names = {name: k for k, name in enumerate(codes.WHAT[condition.event])}
        what = _id(condition.what, names, condition.event) if condition.what else -1
        entry["condition"], entry["event"] = codes.HAPPENED, codes.EVENTS.index(condition.event)
        entry["what"], entry["times"] = what, condition.times
    elif isinstance(condition, Possess):
        entry["condition"], entry["what"] = codes.POSSESS, _id(condition.item, item_table.ID, "item")
        entry["times"] = condition.count


def _id(name: str, ids: dict[str, int], kind: str) -> int:
    if name not in ids:
        raise ValueError(f"unknown {kind} {name!r}")
    return ids[name]
