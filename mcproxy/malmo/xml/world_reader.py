"""The `ServerSection` of a mission: the world, when it is, and how long it runs."""

from dataclasses import dataclass, field

import numpy as np

from mcproxy import blocks as block_table
from mcproxy.errors import UserError
from mcproxy.malmo.xml import vocabulary
from mcproxy.malmo.xml.description import CONTAINERS
from mcproxy.malmo.xml.strict_element import Element
from mcproxy.mission import Stack

MAX_SIZE = (256, 64, 256)  # blocks of a world
MARGIN, HEADROOM = 16, 8  # blocks of a flat world around, and above, what a mission mentions
FOREVER = 2**31 - 1  # ticks
_TOP = 256  # blocks: Minecraft's worlds end there
_DEFAULT_LAYERS = "minecraft:bedrock,2*minecraft:dirt,minecraft:grass"  # of an empty generator string
_TICK_MS = 50.0
_MOST_PAINTED = 100  # times that all blocks of a world may be painted
Cell = tuple[int, int, int]


@dataclass
class World:
    """What a ServerSection says, in Malmo's coordinates; `boxes` are painted in their order."""

    ours: bool
    layers: list[str] = field(default_factory=list)  # blocks from the bottom up
    boxes: list[tuple[Cell, Cell, str]] = field(default_factory=list)  # both corners inclusive
    contents: list[tuple[Cell, Stack]] = field(default_factory=list)
    drops: list[tuple[tuple[float, float, float], Stack]] = field(default_factory=list)
    mobs: list[str] = field(default_factory=list)
    time_of_day: int = 6000
    ticks: int = FOREVER
    time_up: str = ""

    def limit(self, element: Element) -> None:
        """Read a time limit; the shorter one holds."""
        limit_ms, description = element.number("timeLimitMs"), element.take("description", "")
        element.finish()
        ticks = max(1, int(np.ceil(min(limit_ms / _TICK_MS, FOREVER))))
        if ticks < self.ticks:
            self.ticks, self.time_up = ticks, description

    def region(self, points: list[tuple[float, float, float]]) -> tuple[Cell, Cell]:
        """The part of a flat world that is made: its origin and its size, around `points` and all that is drawn."""
        corners = [corner for low, high, _ in self.boxes for corner in (low, high)]
        mentioned = np.floor([*corners, *points, *(at for at, _ in self.drops)])
        low, high = mentioned.min(axis=0) - MARGIN, mentioned.max(axis=0) + MARGIN
        top = max(int(mentioned[:, 1].max()), len(self.layers)) + HEADROOM
        bottom = 0
        if top > MAX_SIZE[1]:  # a deep world: what lies far below is solid, as is what is outside ours
            bottom = int(mentioned[:, 1].min()) - HEADROOM
            if not (0 < bottom <= len(self.layers) and block_table.SOLID[block_table.ID[self.layers[bottom - 1]]]):
                raise UserError(f"a mission up to y={top - HEADROOM}: the engine has {MAX_SIZE[1]} blocks of height")
        origin = (int(low[0]), bottom, int(low[2]))
        size = (int(high[0]) + 1 - origin[0], top - bottom, int(high[2]) + 1 - origin[2])
        if any(s > most for s, most in zip(size, MAX_SIZE, strict=True)):
            raise UserError(f"a mission of {size} blocks, with what is around: the engine has {MAX_SIZE}")
        return origin, size

    def blocks(self, origin: Cell, size: Cell) -> np.ndarray:
        """The blocks of a region: (X, Y, Z) uint8."""
        if any(not 1 <= s <= most for s, most in zip(size, MAX_SIZE, strict=True)):
            raise UserError(f"a mission of {size} blocks: the engine has {MAX_SIZE}")
        blocks = np.zeros(size, dtype=np.uint8)
        painted = 0
        for y, name in enumerate(self.layers[origin[1] : origin[1] + size[1]]):
            blocks[:, y] = block_table.ID[name]
        for low, high, name in self.boxes:
            begin, end = np.subtract(low, origin), np.subtract(high, origin) + 1
            if (begin < 0).any() or (end > size).any():
                raise UserError(f"a {name} is drawn at {low} to {high}, outside the world of {size} blocks")
            painted += int(np.prod(end - begin))
            if painted > _MOST_PAINTED * blocks.size:
                raise UserError(f"a mission that paints its world more than {_MOST_PAINTED} times over")
            blocks[begin[0] : end[0], begin[1] : end[1], begin[2] : end[2]] = block_table.ID[name]
        return blocks


def read_world(section: Element, ours: bool) -> World:
    """Read a ServerSection to its end."""
    world = World(ours)
    conditions = section.child("ServerInitialConditions")
    if conditions is not None:
        _read_conditions(conditions, world)
    handlers = section.needed("ServerHandlers")
    world.layers = _read_layers(handlers.needed("FlatWorldGenerator"))
    for decorator in handlers.children("DrawingDecorator"):
        for element in decorator.children(*_DRAW):
            _DRAW[element.name](element, world)
            element.finish()
        decorator.finish()
    for element in handlers.children("ServerQuitFromTimeUp"):
        world.limit(element)
    for element in handlers.children("ServerQuitWhenAnyAgentFinishes"):  # there is one agent
        element.take("description", "")
        element.finish()
    handlers.finish()
    section.finish()
    return world


def stack_of(element: Element, ours: bool, metadata: int = 0, quantity: int = 1) -> Stack:
    """The items that an element names."""
    kind, colour, variant = element.take("type"), element.take("colour", ""), element.take("variant", "")
    name = vocabulary.item_named(kind, metadata, colour, ours)
    if name is None or (variant and variant != "oak"):
        what = " ".join(filter(None, (colour, variant, kind, f"#{metadata}" if metadata else "")))
        raise element.error(f"is a {what}, which the engine does not have")
    return Stack(name, quantity)


def _read_conditions(conditions: Element, world: World) -> None:
    time = conditions.child("Time")
    if time is not None:
        world.time_of_day = time.count("StartTime", world.time_of_day)
        if not 0 <= world.time_of_day < 24000:
            raise time.error(f"has StartTime {world.time_of_day}: expected 0 to 23999")
        if time.words("AllowPassageOfTime", "true") not in ("false", "0"):
            raise time.error("lets time pass: in the engine it stands still (AllowPassageOfTime false)")
        time.finish()
    weather = conditions.words("Weather", "normal")
    if weather not in ("normal", "clear"):
        raise conditions.error(f"has Weather {weather!r}: in the engine it is clear")
    if conditions.words("AllowSpawning", "false") not in ("false", "0"):
        raise conditions.error("has AllowSpawning: in the engine nothing spawns by itself")
    conditions.finish()


def _read_layers(generator: Element) -> list[str]:
    """The blocks of a flat world, from the bottom up (FlatGeneratorInfo.createFlatGeneratorFromString)."""
    text = generator.take("generatorString", "3;7,2*3,2;1;village")
    generator.boolean("forceReset", False)  # every mission gets a new world
    generator.boolean("destroyAfterUse", True)
    generator.take("seed", "")  # nothing in a flat world is drawn from it
    generator.finish()
    parts = text.strip().split(";")
    version, layers = (parts[0], parts[1]) if len(parts) > 1 else ("3", parts[0])
    features = parts[3] if len(parts) > 3 else ""
    if version not in ("0", "1", "2", "3") or len(parts) > 4 or features not in ("", "village"):
        raise generator.error(f"has generatorString {text[:60]!r}: expected 3;LAYERS;BIOME")
    names: list[str] = []  # villages stay away: Malmo makes flat worlds without structures
    for layer in (layers or _DEFAULT_LAYERS).split(","):
        count, times, name = layer.strip().replace("x", "*", 1 if version in "012" else 0).rpartition("*")
        name = name.removeprefix("minecraft:")
        name = vocabulary.NUMBERED_BLOCKS.get(name, name)
        number = int(count) if count.isascii() and count.isdigit() and len(count) < 4 else 0
        if name not in block_table.ID or name in vocabulary.STAND_IN_BLOCKS or (times and not number):
            raise generator.error(f"has the layer {layer[:40]!r}, which the engine does not have")
        names += [name] * (number if times else 1)
        if len(names) > _TOP:
            raise generator.error(f"has more than {_TOP} layers")
    return names if set(names) != {"air"} else []


def _block(element: Element, ours: bool) -> str:
    attributes = (element.take(a, "") for a in ("colour", "variant", "face"))
    word = vocabulary.BlockWord(element.take("type"), *attributes)
    if word.type == "wool" and not word.colour:
        word = word._replace(colour="WHITE")
    name = vocabulary.block_named(word, ours)
    if name is None:
        raise element.error(f"is a {' '.join(filter(None, reversed(word)))}, which the engine does not have")
    return name


def _cell(element: Element, suffix: str = "") -> Cell:
    x, y, z = (element.whole(f"{axis}{suffix}") for axis in "xyz")
    if not 0 <= y < _TOP:
        raise element.error(f"is at y={y}: expected 0 to {_TOP - 1}")
    return x, y, z


def _draw_block(element: Element, world: World) -> None:
    cell = _cell(element)
    world.boxes.append((cell, cell, _block(element, world.ours)))


def _draw_cuboid(element: Element, world: World) -> None:
    ends = _cell(element, "1"), _cell(element, "2")
    low, high = (tuple(pick(a, b) for a, b in zip(*ends, strict=True)) for pick in (min, max))
    world.boxes.append((low, high, _block(element, world.ours)))  # type: ignore[arg-type]


def _draw_container(element: Element, world: World) -> None:
    cell, kind = _cell(element), element.take("type", known=CONTAINERS if world.ours else CONTAINERS[:1])
    name = vocabulary.block_named(vocabulary.BlockWord(kind), world.ours)
    assert name is not None
    world.boxes.append((cell, cell, name))
    for child in element.children("Object"):
        quantity = child.whole("quantity", 1)
        world.contents.append((cell, stack_of(child, world.ours, quantity=quantity)))
        child.finish()


def _draw_item(element: Element, world: World) -> None:
    x, y, z = _cell(element)
    world.drops.append(((x + 0.5, y + 0.5, z + 0.5), stack_of(element, world.ours)))


def _draw_entity(element: Element, world: World) -> None:
    if not world.ours:
        raise element.error("is not implemented by the engine, whose mobs do what a mission of mcproxy says")
    for attribute in ("x", "y", "z", "yaw"):
        element.number(attribute)
    world.mobs.append(vocabulary.MOB_NAMES[element.take("type", known=tuple(vocabulary.MOB_NAMES))])


_DRAW = {
    "DrawCuboid": _draw_cuboid,
    "DrawBlock": _draw_block,
    "DrawContainer": _draw_container,
    "DrawItem": _draw_item,
    "DrawEntity": _draw_entity,
}
