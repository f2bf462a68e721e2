"""A mission as Malmo mission XML (Mission.xsd of MineRL 0.4.4), from which `read_mission` makes an equal one.

Blocks are cuboids, then single blocks, then chests, items and mobs, all disjoint: a MineRL client puts elements of one
name together, and nothing depends on the order between names. A flat world of nothing is around them, so that a block
has the same position in Malmo as in the mission.

What Malmo has no word for (objectives other than the goal, names and kinds, the layout's hash, what mobs do) goes into
`About/Description` (`wordless`).
"""

import dataclasses
from collections.abc import Iterable

import numpy as np
from lxml import etree

from mcproxy import blocks as block_table
from mcproxy.malmo.xml import vocabulary
from mcproxy.malmo.xml.client_mission import Handlers, Reward, handlers_of
from mcproxy.malmo.xml.cuboids import cuboids
from mcproxy.malmo.xml.description import filled_chests, wordless
from mcproxy.malmo.xml.strict_element import NAMESPACE
from mcproxy.mission import Mission, Possess, Reach, Stack, Touch

NOTHING = "3;minecraft:air;1"  # the generator of a flat world of nothing, in plains
SPARE_TICKS = 1200  # between our time limit, which is kept by who counts steps, and the one that Malmo keeps
_DOOR_IDS = {i for i, block in enumerate(block_table.BLOCKS) if vocabulary.BLOCKS[block.name].type in vocabulary.DOORS}


@dataclasses.dataclass(frozen=True)
class Sections:
    """The parts of a mission's XML that say something about the world, by the element that they belong into."""

    description: str
    conditions: list[etree._Element]  # ServerInitialConditions
    server: list[etree._Element]  # ServerHandlers
    start: list[etree._Element]  # AgentStart
    agent: list[etree._Element]  # AgentHandlers


def sections(mission: Mission) -> Sections:
    """The parts of a mission's XML."""
    handlers = handlers_of(mission)
    time = _element("Time", _text("StartTime", int(mission.time_of_day) % 24000), _text("AllowPassageOfTime", "false"))
    limit = str(50 * (mission.max_ticks + SPARE_TICKS))
    drawing = _drawing(mission)
    return Sections(
        description=wordless(mission),
        conditions=[time, _text("Weather", "clear"), _text("AllowSpawning", "false")],
        server=[
            _element("FlatWorldGenerator", generatorString=NOTHING, forceReset="true"),
            *([_element("DrawingDecorator", *drawing)] if drawing else []),
            _element("ServerQuitFromTimeUp", timeLimitMs=limit, description=handlers.time_up),
        ],
        start=[_placement(mission), *_inventory(mission.inventory)],
        agent=[*_rewards(handlers), *_quits(handlers)],
    )


def mission_xml(mission: Mission, screen: tuple[int, int] = (64, 64), name: str = "mcproxy") -> str:
    """A whole document, for a client that looks at (width, height) pixels, its location and its inventory."""
    parts = sections(mission)
    video = _element("VideoProducer", _text("Width", screen[0]), _text("Height", screen[1]), want_depth="false")
    inventory = _element("ObservationFromFullInventory", flat="false")
    plain = ("ObservationFromDamage", "ObservationFromFullStats", "HumanLevelCommands", "CameraCommands")
    agent = _element(
        "AgentSection",
        _text("Name", "MineRLAgent0"),
        _element("AgentStart", *parts.start),
        _element("AgentHandlers", video, inventory, *map(_element, plain), *parts.agent),
        mode="Survival",
    )
    server = _element(
        "ServerSection",
        _element("ServerInitialConditions", *parts.conditions),
        _element("ServerHandlers", *parts.server),
    )
    about = _element("About", _text("Summary", name), _text("Description", parts.description))
    root = etree.Element(f"{{{NAMESPACE}}}Mission", nsmap={None: NAMESPACE})
    root.extend([about, server, agent])
    return etree.tostring(root, pretty_print=True, encoding="unicode")


def _element(tag: str, *children: etree._Element, **attributes: str) -> etree._Element:
    element = etree.Element(f"{{{NAMESPACE}}}{tag}", attrib=attributes, nsmap={None: NAMESPACE})
    element.extend(children)
    return element


def _text(tag: str, text: object) -> etree._Element:
    element = _element(tag)
    element.text = str(text)
    return element


def _decimal(value: float) -> str:
    """A number as xs:decimal, which has no exponent, to the last bit."""
    return np.format_float_positional(float(value), trim="0")


def _at(position: Iterable[float]) -> dict[str, str]:
    return dict(zip("xyz", map(_decimal, position), strict=True))


def _cell(position: Iterable[int]) -> dict[str, str]:
    return dict(zip("xyz", (str(int(p)) for p in position), strict=True))


def _block(name: str, **more: str) -> dict[str, str]:
    return {k: v for k, v in (vocabulary.BLOCKS[name]._asdict() | more).items() if v}


def _drawing(mission: Mission) -> list[etree._Element]:
    filled, blocks = filled_chests(mission), mission.blocks.copy()
    for cell in filled:
        blocks[cell] = 0  # drawn as containers
    cubes, singles = [], []
    for block, *box in cuboids(blocks):
        corner, opposite, name = box[:3], box[3:], block_table.NAME[block]
        if block in _DOOR_IDS:
            x, _, z = corner
            for y in range(corner[1], opposite[1] + 1):
                half = "lower" if (y - corner[1]) % 2 == 0 else "upper"
                singles.append(_element("DrawBlock", **_cell((x, y, z)), **_block(name, variant=half)))
        elif corner == opposite:
            singles.append(_element("DrawBlock", **_cell(corner), **_block(name)))
        else:
            corners = {
                f"{axis}{k}": str(v)
                for k, at in ((1, corner), (2, opposite))
                for axis, v in zip("xyz", at, strict=True)
            }
            cubes.append(_element("DrawCuboid", **corners, **_block(name)))
    chests = [
        _element(
            "DrawContainer",
            *(_element("Object", **_item(stack), quantity=str(stack.count)) for stack in stacks),
            **_cell(cell),
            **_block(block_table.NAME[mission.blocks[cell]]),
        )
        for cell, stacks in filled.items()
    ]
    items = [_element("DrawItem", **_cell(np.floor(at)), **_item(stack)) for at, stack in mission.drops]
    mobs = [
        _element("DrawEntity", **_at(mob.position), yaw=_decimal(mob.yaw_deg), type=vocabulary.MOBS[mob.kind])
        for mob in mission.mobs
    ]
    return [*cubes, *singles, *chests, *items, *mobs]


def _item(stack: Stack) -> dict[str, str]:
    word = vocabulary.ITEMS[stack.item]
    return {"type": word.type} | ({"colour": word.colour} if word.colour else {})


def _placement(mission: Mission) -> etree._Element:
    yaw, pitch = mission.yaw_deg, mission.pitch_deg
    yaw = yaw if abs(yaw) <= 360 else yaw % 360
    return _element("Placement", **_at(mission.spawn), yaw=_decimal(yaw), pitch=_decimal(pitch))


def _inventory(stacks: tuple[Stack, ...]) -> list[etree._Element]:
    objects = []
    for slot, stack in enumerate(stacks):
        word = vocabulary.ITEMS[stack.item]
        what = {"type": word.type, "metadata": str(word.metadata), "quantity": str(stack.count)}
        objects.append(_element("InventoryObject", slot=str(slot), **what))
    return [_element("Inventory", *objects)] if objects else []


def _condition(condition: Touch | Reach | Possess) -> dict[str, str]:
    if isinstance(condition, Touch):
        word = vocabulary.BLOCKS[condition.block]
        return {"type": word.type} | ({"colour": word.colour} if word.colour else {})
    if isinstance(condition, Reach):
        return _at(condition.position) | {"tolerance": _decimal(condition.tolerance)}
    return _item(Stack(condition.item)) | {"amount": str(condition.count)}


_REWARD_TAGS: dict[type, tuple[str, str, dict[str, str]]] = {
    Touch: ("RewardForTouchingBlockType", "Block", {}),
    Reach: ("RewardForReachingPosition", "Marker", {}),
    Possess: ("RewardForPossessingItem", "Item", {"sparse": "true", "excludeLoops": "true"}),
}
_QUIT_TAGS: dict[type, tuple[str, str]] = {
    Touch: ("AgentQuitFromTouchingBlockType", "Block"),
    Reach: ("AgentQuitFromReachingPosition", "Marker"),
    Possess: ("AgentQuitFromPossessingItem", "Item"),
}


def _rewards(handlers: Handlers) -> list[etree._Element]:
    elements = []
    for reward in handlers.rewards:
        (condition,) = reward.conditions
        tag, child, more = _REWARD_TAGS[type(condition)]
        elements.append(_element(tag, _element(child, **_condition(condition), **_pay(reward)), **more))
    return elements


def _pay(reward: Reward) -> dict[str, str]:
    how = {Touch: {"behaviour": reward.behaviour}, Reach: {"oneshot": "true"}}
    return {"reward": _decimal(reward.reward)} | how.get(type(reward.conditions[0]), {})


def _quits(handlers: Handlers) -> list[etree._Element]:
    elements = []
    for end in handlers.quits:
        (condition,) = end.conditions
        tag, child = _QUIT_TAGS[type(condition)]
        elements.append(_element(tag, _element(child, **_condition(condition), description=end.description)))
    return elements
