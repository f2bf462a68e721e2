"""Malmo mission XML as an `Assignment`, strictly: what the engine does not implement is refused with its name and line.

Nothing is guessed and nothing left out: every element, attribute and text is either understood or an error. Elements
that ask for nothing (a file of performance figures, a pause command that only people send) are understood as that.
"""

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

from mcproxy import items as item_table
from mcproxy.engine.view import MAX_SIDE
from mcproxy.malmo.xml import vocabulary
from mcproxy.malmo.xml.client_mission import (
    ALWAYS,
    ONCE,
    PER_BLOCK,
    PER_GAIN,
    PER_PIECE,
    Assignment,
    Handlers,
    Quit,
    Reward,
    Watched,
    handlers_of,
)
from mcproxy.malmo.xml.description import MARK, read_wordless
from mcproxy.malmo.xml.strict_element import Element, parse
from mcproxy.malmo.xml.world_reader import World, read_world, stack_of
from mcproxy.mission import Mission, Possess, Reach, Stack, Touch, layout_hash

OBSERVATIONS = (
    "ObservationFromDamage",
    "ObservationFromFullStats",
    "ObservationFromFullInventory",
    "ObservationFromEquippedItem",
)
FLAT_INVENTORY = "ObservationFromFullInventory flat"
_SILENT = ("FileBasedPerformanceProducer", "PauseCommand", "HumanLevelCommands", "CameraCommands")
_FAR = 30_000_000.0  # blocks: Minecraft's worlds end there
_USUAL_STARTS = {"BreakSpeedMultiplier": 1.0, "health": 20.0, "maxHealth": 20.0, "food": 20.0}
_PORTS = (
    *("ClientIPAddress", "ClientMissionControlPort", "ClientCommandsPort", "AgentIPAddress", "AgentMissionControlPort"),
    *(f"Agent{kind}Port" for kind in ("Video", "Depth", "Luminance", "Observations", "Rewards", "ColourMap")),
)
Point = tuple[float, float, float]


def read_mission(document: bytes | str) -> Assignment:
    """The assignment in a `Mission` or `MissionInit` document; what cannot be run is a `UserError` of one line."""
    root = parse(document)
    if root.name == "Mission":
        return _read(root)
    if root.name != "MissionInit":
        raise root.error("is no Mission and no MissionInit")
    mission = root.needed("Mission")
    for attribute in ("SchemaVersion", "PlatformVersion"):
        root.take(attribute, "")
    root.words("ExperimentUID")
    if root.words("ClientRole", "0") != "0":
        raise root.error("has a ClientRole other than 0: the engine runs one agent")
    connection = root.child("ClientAgentConnection")
    if connection is not None:  # ports that this protocol does not use
        for name in _PORTS:
            connection.words(name)
        connection.finish()
    root.finish()
    return _read(mission)


def _read(root: Element) -> Assignment:
    root.take("SchemaVersion", "")
    about = root.needed("About")
    about.words("Summary")
    description = about.words("Description", "") or ""
    about.finish()
    _read_settings(root.child("ModSettings"))
    said = read_wordless(description) if description.startswith(MARK) else None
    world = read_world(root.needed("ServerSection"), said is not None)
    agent = root.needed("AgentSection")
    root.finish()
    agent.take("mode", "Survival", known=("Survival",))
    agent.words("Name")
    spawn, yaw_deg, pitch_deg, inventory = _read_start(agent.needed("AgentStart"), world.ours)
    screen, observes, handlers = _read_handlers(agent.needed("AgentHandlers"), world)
    agent.finish()
    if said is None:
        origin, size = world.region([spawn, *_places(handlers)])
        blocks = world.blocks(origin, size)
        said = {"objectives": (), "max_ticks": world.ticks, "layout": layout_hash(blocks)}
        handlers, ours = _shifted(handlers, origin), False
    else:
        origin, ours = (0, 0, 0), True
        blocks = world.blocks(origin, said.pop("size"))
    seen: dict[str, Any] = {
        "spawn": _less(spawn, origin),
        "yaw_deg": yaw_deg,
        "pitch_deg": pitch_deg,
        "time_of_day": world.time_of_day,
        "inventory": inventory,
        "contents": tuple((tuple(int(c) for c in _less(cell, origin)), stack) for cell, stack in world.contents),
        "drops": tuple((_less(at, origin), stack) for at, stack in world.drops),
    }
    mission = Mission(blocks=blocks, **(seen | said))
    if ours:
        handlers = _agreed(root, mission, world, handlers)
    return Assignment(mission, handlers, origin, screen, observes, world.ticks, ours)


def _agreed(root: Element, mission: Mission, world: World, handlers: Handlers) -> Handlers:
    """The handlers of a mission of ours, which must be those that its objectives and its mobs ask for."""
    expected = handlers_of(mission)
    same = [r.reward for r in handlers.rewards] == [r.reward for r in expected.rewards]
    same &= len(handlers.quits) == len(expected.quits) and not handlers.end_rewards
    same &= set(expected.conditions) <= set(handlers.conditions)
    if not same or world.ticks < mission.max_ticks:
        raise root.error("has other rewards, ends or limits than the objectives in its Description")
    if [mob.kind for mob in mission.mobs] != world.mobs:
        raise root.error("draws other entities than its Description has mobs")
    return expected


def _read_settings(settings: Element | None) -> None:
    """The settings of the Minecraft that runs a mission: one tick a step, at any speed."""
    if settings is None:
        return
    settings.count("MsPerTick", 50)
    settings.words("PrioritiseOffscreenRendering")
    if settings.count("FrameSkip", 1) != 1:
        raise settings.error("has a FrameSkip: the engine runs one tick a step")
    settings.finish()


def _read_start(start: Element, ours: bool) -> tuple[Point, float, float, tuple[Stack, ...]]:
    """Where the player begins, how it looks, and what it carries."""
    placement = start.child("Placement")
    if placement is None:
        raise start.error("lacks <Placement>: the engine chooses no place by itself")
    spawn = _point(placement)
    yaw_deg, pitch_deg = placement.number("yaw", 0.0), placement.number("pitch", 0.0)
    placement.finish()
    stacks = []
    inventory = start.child("Inventory")
    if inventory is not None:
        for slot, element in enumerate(inventory.children("InventoryObject", "InventoryItem", "InventoryBlock")):
            if element.whole("slot") != slot or slot >= item_table.SLOTS:
                raise element.error(f"is not in slot {slot}: the engine fills slots in their order, up to 35")
            metadata, quantity = element.whole("metadata", 0), element.whole("quantity", 1)
            stacks.append(stack_of(element, ours, metadata, quantity))
            element.finish()
        inventory.finish()
    for name in ("StartingHealth", "StartingFood"):
        state = start.child(name)
        if state is not None:
            for attribute in ("health", "maxHealth", "food"):
                _usual(state, attribute, state.number(attribute, _USUAL_STARTS[attribute]))
            state.take("foodSaturation", "")  # there is no hunger
            state.finish()
    _usual(start, "BreakSpeedMultiplier", float(start.words("BreakSpeedMultiplier", "1") or "nan"))
    start.finish()
    return spawn, yaw_deg, pitch_deg, tuple(stacks)


def _usual(element: Element, name: str, value: float) -> None:
    if value != _USUAL_STARTS[name]:
        raise element.error(f"has {name} {value:g}: in the engine it is {_USUAL_STARTS[name]:g}")


def _read_handlers(agent: Element, world: World) -> tuple[tuple[int, int], frozenset[str], Handlers]:
    for name in _SILENT:
        silent = agent.child(name)
        if silent is not None:
            silent.finish()
    video = agent.needed("VideoProducer")
    screen = (video.count("Width"), video.count("Height"))
    if not all(1 <= side <= MAX_SIDE for side in screen):
        raise video.error(f"is {screen[0]} x {screen[1]} pixels: expected 1 to {MAX_SIDE} each")
    if video.boolean("want_depth", False) or video.whole("viewpoint", 0) != 0:
        raise video.error("wants depth or another viewpoint: the engine draws colours, through the player's eyes")
    video.finish()
    observes = set()
    for name in OBSERVATIONS:
        element = agent.child(name)
        if element is not None:
            flat = name == "ObservationFromFullInventory" and element.boolean("flat", True)
            observes.add(FLAT_INVENTORY if flat else name)
            element.finish()
    element = agent.child("AgentQuitFromTimeUp")
    if element is not None:
        world.limit(element)
    rewards = _read_rewards(agent, world.ours)
    quits = _read_quits(agent, world.ours)
    end_rewards = _read_end_rewards(agent.child("RewardForMissionEnd"))
    agent.finish()
    return screen, frozenset(observes), Handlers(rewards, quits, end_rewards, world.time_up)


def _read_rewards(agent: Element, ours: bool) -> tuple[Reward, ...]:
    rewards = []
    for _, child in _parts(agent, "RewardForTouchingBlockType", "Block"):
        behaviour = child.take("behaviour", PER_BLOCK, known=(ONCE, PER_BLOCK, ALWAYS))
        child.take("cooldownInMs", "")  # of the behaviour that is not among these
        rewards.append(Reward(_touches(child, ours), child.number("reward"), behaviour))
    for _, child in _parts(agent, "RewardForReachingPosition", "Marker"):
        behaviour = ONCE if child.boolean("oneshot", True) else ALWAYS
        rewards.append(Reward((_reach(child),), child.number("reward"), behaviour))
    for (sparse, exclude_loops), child in _parts(agent, "RewardForPossessingItem", "Item"):
        behaviour = ONCE if sparse else (PER_PIECE if exclude_loops else PER_GAIN)
        rewards.append(Reward(_possessions(child, ours), child.number("reward"), behaviour))
    return tuple(rewards)


def _read_quits(agent: Element, ours: bool) -> tuple[Quit, ...]:
    quits = []
    for name, part in (("TouchingBlockType", "Block"), ("ReachingPosition", "Marker"), ("PossessingItem", "Item")):
        for _, child in _parts(agent, f"AgentQuitFrom{name}", part):
            if part == "Block":
                conditions = _touches(child, ours)
            else:
                conditions = (_reach(child),) if part == "Marker" else _possessions(child, ours)
            quits.append(Quit(conditions, child.take("description", "")))
    return tuple(quits)


def _read_end_rewards(element: Element | None) -> tuple[tuple[str, float], ...]:
    if element is None:
        return ()
    rewards = [("", element.number("rewardForDeath", 0.0))]
    for child in element.children("Reward"):
        rewards.append((child.take("description"), child.number("reward")))
        _finish_reward(child)
    element.take("rewardForDeathDistribution", "", known=("",))
    _finish_handler(element)
    return tuple(rewards)


def _parts(agent: Element, name: str, part: str) -> Iterator[tuple[tuple[bool, bool], Element]]:
    """The parts of a handler, each finished when the next one is asked for; and how possession pays."""
    element = agent.child(name)
    if element is None:
        return
    pays = (True, True)
    if name == "RewardForPossessingItem":
        pays = element.boolean("sparse", True), element.boolean("excludeLoops", True)
    for child in element.children(part):
        yield pays, child
        _finish_reward(child)
    _finish_handler(element)


def _finish_reward(child: Element) -> None:
    child.take("distribution", "", known=("",))
    child.finish()


def _finish_handler(element: Element) -> None:
    if element.whole("dimension", 0) != 0:
        raise element.error("has another dimension than 0: there is one reward")
    element.finish()


def _touches(child: Element, ours: bool) -> tuple[Watched, ...]:
    """Contact with any of the block types that an element lists, in any of the colours, if it lists some."""
    kinds, colours = child.take("type").split(), child.take("colour", "").split()
    variants = child.take("variant", "").split()
    child.whole("amount", 1)  # Malmo does not look at it
    meant = vocabulary.meant(vocabulary.BLOCKS, kinds, colours, () if ours else vocabulary.STAND_IN_BLOCKS)
    found = [Touch(name) for name in meant]
    unknown = set(kinds) - {vocabulary.BLOCKS[touch.block].type for touch in found}
    if unknown or variants:
        raise child.error(f"waits for {min(unknown, default=' '.join(variants))}, which the engine does not have")
    return tuple(found)


def _possessions(child: Element, ours: bool) -> tuple[Watched, ...]:
    kinds, colours, amount = child.take("type").split(), child.take("colour", "").split(), child.whole("amount", 1)
    if amount < 1 or child.take("variant", ""):
        raise child.error("has a variant, or an amount below 1, which the engine does not have")
    meant = vocabulary.meant(vocabulary.ITEMS, kinds, colours, () if ours else vocabulary.STAND_IN_ITEMS)
    found = [Possess(name, amount) for name in meant]
    unknown = set(kinds) - {vocabulary.ITEMS[possess.item].type for possess in found}
    if unknown:
        raise child.error(f"waits for {min(unknown)}, which the engine does not have")
    return tuple(found)


def _reach(child: Element) -> Reach:
    return Reach(_point(child), child.number("tolerance", 0.5))


def _point(element: Element) -> Point:
    x, y, z = (element.number(axis) for axis in "xyz")
    if not (abs(x) < _FAR and abs(z) < _FAR and -_FAR < y < _FAR):
        raise element.error(f"is at {(x, y, z)}, outside every world")
    return x, y, z


def _less(position: Sequence[float], origin: Sequence[int]) -> Point:
    x, y, z = (p - o for p, o in zip(position, origin, strict=True))
    return x, y, z


def _places(handlers: Handlers) -> list[Point]:
    return [c.position for c in handlers.conditions if isinstance(c, Reach)]


def _shifted(handlers: Handlers, origin: Sequence[int]) -> Handlers:
    """The handlers with their places in the engine's coordinates."""

    def shift(condition: Watched) -> Watched:
        if not isinstance(condition, Reach):
            return condition
        return Reach(_less(condition.position, origin), condition.tolerance)

    return dataclasses.replace(
        handlers,
        rewards=tuple(dataclasses.replace(r, conditions=tuple(map(shift, r.conditions))) for r in handlers.rewards),
        quits=tuple(dataclasses.replace(q, conditions=tuple(map(shift, q.conditions))) for q in handlers.quits),
    )
