import dataclasses
import re

import numpy as np
import pytest
from lxml import etree

from mcproxy import blocks as block_table
from mcproxy import items as item_table
from mcproxy import registry
from mcproxy.blocks import ID
from mcproxy.errors import UserError
from mcproxy.malmo.xml import vocabulary
from mcproxy.malmo.xml.client_mission import PER_PIECE, Quit, Reward
from mcproxy.malmo.xml.cuboids import cuboids
from mcproxy.malmo.xml.reader import read_mission
from mcproxy.malmo.xml.strict_element import MAX_BYTES
from mcproxy.malmo.xml.writer import mission_xml
from mcproxy.mission import (
    GOAL,
    NOWHERE,
    Happened,
    Inside,
    Mission,
    Mob,
    Objective,
    Origin,
    Possess,
    Reach,
    Stack,
    Touch,
)
from tests.helpers.malmo_client import FLAT, init_of

ARMS = [(name, arm) for name in registry.names() for arm in registry.get(name).arms]
FIELDS = [field.name for field in dataclasses.fields(Mission) if field.name != "blocks"]


def assert_equal(mission, expected):
    assert np.array_equal(mission.blocks, expected.blocks) and mission.blocks.dtype == np.uint8
    for field in FIELDS:
        assert getattr(mission, field) == getattr(expected, field), field


def small(**more):
    """A mission with something of everything; `more` replaces parts of it."""
    blocks = np.zeros((8, 5, 9), dtype=np.uint8)
    blocks[:, 0] = ID["grass"]
    blocks[2, 1, 2], blocks[3, 1, 2], blocks[4, 1, 2] = ID["chest"], ID["locked_chest"], ID["open_chest"]
    parts = {
        "blocks": blocks,
        "spawn": (1.3, 1.0, 7.7),
        "objectives": (Objective("goal", GOAL, Touch("chest"), reward=2.5),),
        "max_ticks": 321,
        "layout": "0123456789abcdef",
    }
    return Mission(**(parts | more))


@pytest.mark.parametrize("name, arm", ARMS)
def test_every_mission_comes_back_equal(name, arm):
    for seed in range(2):
        expected = registry.get(name).mission(seed, arm, "eval")
        assignment = read_mission(mission_xml(expected))
        assert_equal(assignment.mission, expected)
        assert assignment.ours and assignment.origin == (0, 0, 0)


VARIATIONS = {
    "pose": {"yaw_deg": -1234.5678901234567, "pitch_deg": 1e-7, "spawn": (1.1, 1.0000000000000002, 3.3)},
    "time": {"time_of_day": 99999},
    "flipped": {"flipped": True},
    "origin": {"origin": Origin("keys", 2, "shifted", "eval", 7, 0.25)},
    "inventory": {"inventory": (Stack("iron_pickaxe"), Stack("lapis", 3), Stack("red_concrete", 2), Stack("key"))},
    "contents": {"contents": (((2, 1, 2), Stack("diamond")), ((3, 1, 2), Stack("blue_wool", 5)))},
    "contents in turn": {
        "contents": (((2, 1, 2), Stack("coal")), ((3, 1, 2), Stack("coal")), ((2, 1, 2), Stack("key")))
    },
    "contents of an open chest": {"contents": (((4, 1, 2), Stack("coal")),)},
    "drops": {"drops": (((3.5, 1.5, 4.5), Stack("key")), ((4.5, 1.5, 4.5), Stack("diamond")))},
    "drops anywhere": {"drops": (((3.25, 1.125, 4.75), Stack("dirt", 7)),)},
    "mobs": {
        "mobs": (
            Mob("zombie", (3.5, 1.0, 4.5), "route", 0.15, 9.5, ((1.5, 1.5), (4.25, 6.0)), 90.0),
            Mob("pig", (5.5, 1.0, 5.5)),
        )
    },
    "conditions": {
        "objectives": (
            Objective("goal", GOAL, Inside((1.0, 0.5, 2.0), (3, 2, 4))),
            Objective("a", "marker", NOWHERE),
            Objective("b", "natural", Happened("swung", "command_block", times=3, of=9), reward=0.1),
            Objective("c", "side_effect", Happened("broke")),
            Objective("d", "positional", Reach((1.1, 2.2, 3.3), 0.7)),
            Objective("e", "instrumental", Possess("dirt", 5)),
        )
    },
}


@pytest.mark.parametrize("what", VARIATIONS)
def test_everything_that_a_mission_can_say_comes_back(what):
    expected = small(**VARIATIONS[what])
    assert_equal(read_mission(mission_xml(expected)).mission, expected)


@pytest.mark.parametrize("condition", [Touch("red_concrete"), Reach((1.5, 1.0, 2.25), 1.2), Possess("black_wool", 3)])
def test_a_goal_that_malmo_knows_is_paid_and_ends_there_too(condition):
    expected = small(objectives=(Objective("goal", GOAL, condition, 2.5),))
    handlers = read_mission(mission_xml(expected)).handlers
    assert handlers.rewards == (Reward((condition,), 2.5),)
    assert handlers.quits == (Quit((condition,), "goal"),)


def test_every_block_and_item_has_a_word_of_its_own():
    assert set(vocabulary.BLOCKS) == set(block_table.NAME) and len(set(vocabulary.BLOCKS.values())) == len(
        block_table.NAME
    )
    assert set(vocabulary.ITEMS) == set(item_table.NAME) and len(vocabulary.ITEM_NAMES) == len(item_table.NAME)


def test_every_block_can_be_drawn():
    blocks = np.zeros((len(block_table.NAME), 2, 2), dtype=np.uint8)
    blocks[:, 0, 1] = np.arange(len(block_table.NAME))
    expected = small(blocks=blocks, spawn=(1.5, 1.0, 0.5))
    assert_equal(read_mission(mission_xml(expected)).mission, expected)


def test_doors_are_drawn_as_two_halves():
    blocks = np.zeros((4, 4, 4), dtype=np.uint8)
    blocks[:, 0], blocks[1, 1:3, 1] = ID["stone"], ID["door_west"]
    document = mission_xml(small(blocks=blocks, spawn=(2.5, 1.0, 2.5)))
    assert re.findall(r'<DrawBlock x="1" y="(\d)".*variant="(\w+)"', document) == [("1", "lower"), ("2", "upper")]


def test_drawing_is_compact():
    for seed in range(5):
        document = mission_xml(registry.get("beacon").mission(seed, "separated", "eval"))
        assert document.count("<Draw") < 400


@pytest.mark.parametrize("seed", range(5))
def test_cuboids_cover_every_block_once(seed):
    rng = np.random.default_rng(seed)
    blocks = rng.choice(np.array([0, 1, 1, 1, 2], dtype=np.uint8), size=(6, 5, 7))
    covered = np.zeros(blocks.shape, dtype=int)
    for block, x1, y1, z1, x2, y2, z2 in cuboids(blocks):
        assert (blocks[x1 : x2 + 1, y1 : y2 + 1, z1 : z2 + 1] == block).all()
        covered[x1 : x2 + 1, y1 : y2 + 1, z1 : z2 + 1] += 1
    assert np.array_equal(covered, blocks != 0)


def test_elements_can_be_put_together_by_name():
    """As a MineRL client does, on whose way elements of one name come to stand behind the first of them."""
    expected = registry.get("keys").mission(1, "separated", "eval")
    root = etree.fromstring(mission_xml(expected))
    drawing = root.find(".//{*}DrawingDecorator")
    drawing[:] = sorted(drawing, key=lambda element: element.tag)
    assert_equal(read_mission(etree.tostring(root)).mission, expected)


# Missions of others


def test_a_flat_world_has_layers_and_room_around():
    assignment = read_mission(init_of(FLAT))
    blocks, (x, y, z) = assignment.mission.blocks, assignment.origin
    assert not assignment.ours and assignment.mission.objectives == ()
    names = [block_table.NAME[b] for b in blocks[0, :5, 0]]
    assert names == ["bedrock", "dirt", "dirt", "grass", "air"] and y == 0
    assert block_table.NAME[blocks[0 - x, 4, 3 - z]] == "gold_block"
    assert (x, z) == (-2 - 16, 0 - 16)  # 16 blocks beyond what is drawn, or the spawn
    assert assignment.mission.spawn == (0.5 + 18, 4.0, 0.5 + 16)
    assert assignment.ticks == 60


GENERATORS = {
    "3;7,2*3,2;1;village": "bedrock dirt dirt grass",
    "": "bedrock dirt dirt grass",
    "3;minecraft:stone,2*minecraft:sand;4": "stone sand sand",
}


@pytest.mark.parametrize("text", GENERATORS)
def test_generator_strings(text):
    mission = FLAT.replace("1;7,2x3,2;1", text)
    blocks = read_mission(mission).mission.blocks
    layers = GENERATORS[text].split()
    assert [block_table.NAME[b] for b in blocks[0, : len(layers), 0]] == layers and (
        blocks[0, len(layers) :, 0] == 0
    ).all()


def test_what_is_drawn_later_covers_what_was_drawn_before():
    extra = '<DrawCuboid x1="-1" y1="4" z1="6" x2="1" y2="4" z2="6" type="air"/></DrawingDecorator>'
    assignment = read_mission(FLAT.replace("</DrawingDecorator>", extra))
    x, _, z = assignment.origin
    assert [block_table.NAME[b] for b in assignment.mission.blocks[-2 - x : 3 - x, 4, 6 - z]] == [
        *("stone", "air", "air", "air", "stone")
    ]


def test_collecting_is_paid_by_pieces():
    reward = (
        '<RewardForPossessingItem sparse="false"><Item type="log" amount="1" reward="1"/></RewardForPossessingItem>'
    )
    handlers = read_mission(FLAT.replace("<HumanLevelCommands/>", reward)).handlers
    assert handlers.rewards[1] == Reward((Possess("log"),), 1.0, PER_PIECE)


# What is refused: (what stands in FLAT, what takes its place, what the error says)
REFUSED = {
    "an element": ("<HumanLevelCommands/>", "<ChatCommands/>", "<ChatCommands> in <AgentHandlers> is not implemented"),
    "an attribute": ('type="gold_block"/>\n', 'type="gold_block" glow="1"/>\n', "<DrawBlock> has the attribute 'glow'"),
    "a block": (
        'type="gold_block"/>\n',
        'type="sponge"/>\n',
        "<DrawBlock> is a sponge, which the engine does not have",
    ),
    "a colour": ('type="gold_block"/>\n', 'type="stone" colour="RED"/>\n', "is a RED stone"),
    "a face": ('type="gold_block"/>\n', 'type="furnace" face="NORTH"/>\n', "is a NORTH furnace"),
    "a stand-in": ('type="gold_block"/>\n', 'type="trapped_chest"/>\n', "is a trapped_chest"),
    "a mob": (
        "<DrawBlock ",
        '<DrawEntity x="1" y="4" z="1" type="Zombie"/><DrawBlock ',
        "<DrawEntity> is not implemented",
    ),
    "a sphere": ("<DrawBlock ", '<DrawSphere x="1" y="4" z="1" radius="2" type="stone"/><DrawBlock ', "<DrawSphere>"),
    "rain": ("<AllowSpawning>", "<Weather>rain</Weather><AllowSpawning>", "Weather 'rain'"),
    "passing time": ("<AllowSpawning>", "<Time><StartTime>1</StartTime></Time><AllowSpawning>", "lets time pass"),
    "spawning": (">false</AllowSpawning>", ">true</AllowSpawning>", "has AllowSpawning"),
    "another world": (
        '<FlatWorldGenerator generatorString="1;7,2x3,2;1"/>',
        "<DefaultWorldGenerator/>",
        "FlatWorldGenerator",
    ),
    "a layer": ("1;7,2x3,2;1", "3;minecraft:sponge;1", "the layer 'minecraft:sponge'"),
    "structures": ("1;7,2x3,2;1", "3;7;1;dungeon", "generatorString"),
    "depth": ('want_depth="false"', 'want_depth="true"', "wants depth"),
    "a huge picture": ("<Width>32<", "<Width>100000<", "is 100000 x 16 pixels"),
    "creative mode": ('mode="Survival"', 'mode="Creative"', "mode='Creative'"),
    "no place": ('<Placement x="0.5" y="4" z="0.5" yaw="0" pitch="0"/>', "", "lacks <Placement>"),
    "no number": ('x="0.5"', 'x="nan"', "x='nan'"),
    "far away": ('x="0.5"', 'x="5000"', "the engine has"),
    "a huge box": ('x2="2"', 'x2="2000000"', "the engine has"),
    "a timed reward": ('"onceOnly"', '"oncePerTimeSpan"', "behaviour='oncePerTimeSpan'"),
    "a distribution": ('reward="5"', 'reward="5" distribution="MineRLAgent0:1"', "distribution="),
    "stray text": ("<HumanLevelCommands/>", "jump", "has the text 'jump'"),
    "no namespace": ('xmlns="http://ProjectMalmo.microsoft.com"', "", "is not of the namespace"),
    "two of one": ("<HumanLevelCommands/>", "<HumanLevelCommands/><HumanLevelCommands/>", "is there twice"),
    "a gap": ("</AgentStart>", '<Inventory><InventoryObject slot="3" type="dirt"/></Inventory></AgentStart>', "slot 0"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_the_engine_does_not_implement_is_refused_by_name_and_line(what):
    old, new, error = REFUSED[what]
    assert old in FLAT
    with pytest.raises(UserError, match=re.escape(error)) as refusal:
        read_mission(FLAT.replace(old, new, 1))
    assert "\n" not in str(refusal.value)
    if what not in ("far away", "a huge box"):
        assert re.search(r"line \d+", str(refusal.value))


DANGEROUS = {
    "painting for ever": FLAT.replace(
        "<DrawBlock ", '<DrawCuboid x1="-9" y1="0" z1="-9" x2="9" y2="9" z2="9" type="stone"/>' * 2000 + "<DrawBlock "
    ),
    "entities": "<!DOCTYPE m [<!ENTITY a 'b'>]>" + FLAT.strip(),
    "an external entity": "<!DOCTYPE m [<!ENTITY a SYSTEM 'file:///etc/passwd'>]>"
    + FLAT.strip().replace("gold to", "&a;"),
    "a DOCTYPE in UTF-16": ("<?xml version='1.0' encoding='utf-16'?><!DOCTYPE m [<!ENTITY a 'b'>]><m/>").encode(
        "utf-16"
    ),
    "too much": "<a>" + " " * MAX_BYTES + "</a>",
    "depth": "<a>" * 5000 + "</a>" * 5000,
    "some depth": FLAT.replace("<AllowSpawning>", "<a>" * 20 + "</a>" * 20 + "<AllowSpawning>"),
    "no XML": "PK\x03\x04",
    "nothing": "",
}


@pytest.mark.parametrize("what", DANGEROUS)
def test_dangerous_documents_are_refused(what):
    with pytest.raises(UserError) as refusal:
        read_mission(DANGEROUS[what])
    assert len(str(refusal.value)) < 300 and "root:" not in str(refusal.value)


EDITS = {
    "a reward": ('reward="2.5"', 'reward="99"'),
    "a description": ('{"size"', '{"sizes"'),
    "a size": ('"size":[8,5,9]', '"size":[8,5]'),
    "a huge size": ('"size":[8,5,9]', '"size":[80000,5,90000]'),
    "a small size": ('"size":[8,5,9]', '"size":[2,5,9]'),
    "a kind": ('"kind":"goal"', '"kind":"evil"'),
    "a limit": ('"max_ticks":321', '"max_ticks":"many"'),
    "a field": ('"max_ticks":321', '"max_ticks":321,"blocks":1'),
    "nesting": ('"max_ticks":321', '"max_ticks":' + "[" * 50_000 + "]" * 50_000),
}


@pytest.mark.parametrize("what", EDITS)
def test_a_mission_of_ours_that_was_edited_is_refused(what):
    document = mission_xml(small())
    old, new = EDITS[what]
    assert old in document
    with pytest.raises(UserError):
        read_mission(document.replace(old, new))
