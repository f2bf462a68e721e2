"""Digging, placing and using: what the hands do, and when, with numbers from Minecraft 1.11.2."""

import json
from pathlib import Path

import numpy as np
import pytest

from mcproxy import blocks as block_table
from mcproxy import items
from mcproxy.blocks import ID
from mcproxy.controls import CONTROLS, INDEX
from mcproxy.engine.worlds import Worlds
from mcproxy.mission import Mission, Mob, Stack
from tests.helpers.sandbox import Sandbox, ground, kinds

TIMES = [json.loads(line) for line in (Path(__file__).parent / "data/digtimes-1.11.2.jsonl").read_text().splitlines()]
AHEAD = (4, 2, 4)  # the cell at the height of the eyes (2.62), two blocks before the spawn's


def facing(block, **mission):
    """Somebody before a block at the height of the eyes, which stands on a stone."""
    blocks = ground()
    blocks[4, 1, 4], blocks[AHEAD] = ID["stone"], ID[block]
    return Sandbox(blocks, **mission)


def ticks_to_break(sandbox, most=400, **choices):
    """How long the attack key is held until something breaks."""
    for tick in range(1, most):
        if any(event.kind == "broke" for event in sandbox.hold(attack=1, **choices)):
            return tick
    return None


def test_every_block_breaks_with_every_tool_in_the_ticks_of_the_independent_table():
    cases = [
        (name, None if tool == "hand" else tool, row["hardness"], row["ms"][tool])
        for row in TIMES
        for name in ([n for n in block_table.NAME if n.endswith("_wool")] if row["block"] == "wool" else [row["block"]])
        for tool in row["ms"]
    ]
    assert len(cases) == (37 - 1 + 16) * 14  # wool in 16 colours
    worlds = Worlds(len(cases), (3, 4, 5), (1, 1), action_repeat=50)
    for i, (name, tool, _, _) in enumerate(cases):
        blocks = ground((3, 4, 5))
        blocks[1, 1, 3], blocks[1, 2, 3] = ID["stone"], ID[name]
        carried = (Stack(tool),) if tool else ()
        worlds.load(i, Mission(blocks, (1.5, 1.0, 1.5), (), 10_000, "0", inventory=carried))
    keys = np.zeros((len(cases), len(CONTROLS)), dtype=np.int8)
    keys[:, INDEX["attack"]] = 1
    for _ in range(5050 // 50):
        worlds.step(keys, np.array([not any(e.kind == "broke" for e in events) for events in worlds.events]))
    for (name, tool, hardness, ms), events in zip(cases, worlds.events, strict=True):
        broke = [event.tick for event in events if event.kind == "broke"][:1]
        # 0 ms is at once, in the tick of the click; the table gives 0 for bedrock too, which never breaks
        assert broke == ([] if hardness is None else [max(ms // 50, 1)]), (name, tool)


def test_letting_go_starts_the_work_anew():
    sandbox = facing("dirt")  # 15 ticks with bare hands
    assert sandbox.hold(14, attack=1)[-1].kind == "swung"
    sandbox.hold(1)
    assert ticks_to_break(sandbox) == 15


def test_another_target_or_another_item_starts_the_work_anew():
    sandbox = facing("dirt", inventory=(Stack("key"), Stack("diamond")))
    sandbox.hold(10, attack=1)
    sandbox.hold(1, attack=1, hotbar=2)  # the click on it begins the work, which the next 15 ticks do
    assert ticks_to_break(sandbox) == 15

    sandbox = facing("dirt")
    sandbox.worlds._blocks[0][4, 1, 4] = ID["dirt"]
    sandbox.hold(10, attack=1)
    sandbox.look(pitch_deg=40.0)  # 1.5 blocks away the view is at 2.62 - 1.5 tan 40 = 1.36: the block below
    sandbox.hold(1, attack=1)
    sandbox.look()
    sandbox.hold(1, attack=1)
    assert ticks_to_break(sandbox) == 15


def test_between_two_blocks_there_is_a_pause_of_five_ticks():
    sandbox = facing("dirt")
    sandbox.worlds._blocks[0][4, 2, 5] = ID["dirt"]
    # the pause, the click that begins the second block, and its 15 ticks
    assert [ticks_to_break(sandbox), ticks_to_break(sandbox)] == [15, 5 + 1 + 15]


def test_work_in_the_air_takes_five_times_as_long():
    sandbox, dug = facing("dirt"), []
    for _ in range(4):
        sandbox.worlds.players["on_ground"] = 0
        sandbox.hold(1, attack=1)
        dug.append(float(sandbox.worlds.state["dug"][0]))
    np.testing.assert_allclose(dug, np.arange(1, 5) / 75)  # 15 x 5


def test_cracks_are_seen_while_the_work_goes_on_and_no_longer():
    sandbox = Sandbox(facing("gold_block").mission.blocks, resolution=(64, 64))
    whole = sandbox.frame()
    stages = []
    for _ in range(4):
        sandbox.hold(60, attack=1)  # of 300
        stages.append(int((sandbox.frame() != whole).any(axis=-1).sum()))
    assert 0 < stages[0] < stages[1] < stages[2] < stages[3]
    sandbox.hold(1)
    assert (sandbox.frame() == whole).all()


@pytest.mark.parametrize(
    "block, tool, drop",
    [
        ("dirt", None, {"dirt": 1}),
        ("grass", None, {"dirt": 1}),
        ("stone", None, {}),
        ("stone", "wooden_pickaxe", {"cobblestone": 1, "wooden_pickaxe": 1}),
        ("iron_ore", "wooden_pickaxe", {"wooden_pickaxe": 1}),
        ("diamond_ore", "iron_pickaxe", {"diamond": 1, "iron_pickaxe": 1}),
        ("diamond_ore", "golden_pickaxe", {"golden_pickaxe": 1}),
        ("redstone_ore", "diamond_pickaxe", {"redstone": 4, "diamond_pickaxe": 1}),
        ("glass", None, {}),
        ("red_wool", "shears", {"red_wool": 1, "shears": 1}),
    ],
)
def test_what_a_block_drops_depends_on_the_tool_and_is_picked_up(block, tool, drop):
    sandbox = facing(block, inventory=(Stack(tool),) if tool else ())
    assert ticks_to_break(sandbox) is not None
    sandbox.hold(40, move=1)  # up to the stone, the drop lies on it
    assert sandbox.inventory == drop


def test_a_dropped_item_waits_ten_ticks_for_who_stands_beside_it():
    sandbox = facing("dirt", spawn=(4.5, 1.0, 3.7))  # the drop, 0.8 - 0.3 - 0.125 blocks away, is within reach (1)
    broken = ticks_to_break(sandbox)
    events = sandbox.hold(30)
    assert [(e.tick, *e[1:3]) for e in events] == [(broken + 9, "collected", "dirt")]  # its tenth: it fell at once
    assert sandbox.inventory == {"dirt": 1}


def test_stacks_fill_before_empty_slots_and_hold_their_size():
    sandbox = Sandbox(ground(), inventory=(Stack("dirt", 63), Stack("snowball", 15)))
    from mcproxy.engine.simulation.inventory import give

    world = sandbox.worlds.state[0]
    assert give(world, items.ID["dirt"], 3) == 0 and give(world, items.ID["snowball"], 2) == 0
    slots = world["slots"][:4].tolist()
    assert slots == [(ID["dirt"], 64), (items.ID["snowball"], 16), (ID["dirt"], 2), (items.ID["snowball"], 1)]
    assert give(world, items.ID["shears"], 40) == 40 - 32  # one in each of the 32 empty slots


@pytest.mark.parametrize("pitch_deg, into", [(0.0, (4, 2, 3)), (60.0, (4, 1, 3))])
def test_a_block_is_put_on_the_face_that_is_looked_at(pitch_deg, into):
    sandbox = facing("stone", inventory=(Stack("planks", 2),))
    sandbox.look(pitch_deg=pitch_deg)  # ahead: the block's near side; down: 1.62 / tan 60 = 0.94 away, the floor's top
    assert ("placed", "planks") in kinds(sandbox.hold(use=1))
    assert sandbox.block(*into) == "planks"
    assert sandbox.inventory == {"planks": 1}


def test_blocks_are_put_neither_into_oneself_nor_beyond_reach_nor_outside():
    sandbox = facing("air", inventory=(Stack("planks", 2),))
    sandbox.look(pitch_deg=90.0)  # the floor underfoot: the cell above it is one's own
    assert kinds(sandbox.hold(use=1)) == [("used", "stone")]
    sandbox = Sandbox(ground((9, 8, 12)), inventory=(Stack("planks", 2),))
    sandbox.worlds._blocks[0][4, 2, 6] = ID["stone"]
    sandbox.worlds.players["pos"][0, 2] = 6 - 4.5 - 0.01  # its face is 4.51 away
    assert kinds(sandbox.hold(use=1)) == [("used", "")]
    sandbox.worlds.players["pos"][0, 2] = 6 - 4.5 + 0.01
    sandbox.hold(1)
    assert kinds(sandbox.hold(use=1)) == [("used", "stone"), ("placed", "planks")]
    edge = Sandbox(ground((3, 4, 3), "grass"), (1.5, 1.0, 1.5), inventory=(Stack("planks"),))
    edge.worlds._blocks[0][1, 2, 2] = 0
    edge.look(pitch_deg=0.0)
    assert kinds(edge.hold(use=1)) == [("used", "")]  # what is outside the world cannot be built on
    assert edge.inventory == {"planks": 1}


def test_a_held_use_key_acts_every_four_ticks():
    sandbox = Sandbox(ground((9, 8, 12)), inventory=(Stack("planks", 9),))
    sandbox.worlds._blocks[0][4, 2, 6] = ID["stone"]
    events = sandbox.hold(30, use=1)
    assert [event.tick for event in events if event.kind == "placed"] == [1, 5, 9]  # at z = 5, 4 and 3, next to oneself


def test_a_torch_needs_a_floor_and_falls_off_without_it():
    sandbox = facing("stone", inventory=(Stack("torch", 2),))
    assert kinds(sandbox.hold(use=1)) == [("used", "stone")]  # at the wall, over nothing
    sandbox.look(pitch_deg=60.0)
    sandbox.hold(1)
    assert ("placed", "torch") in kinds(sandbox.hold(use=1))
    sandbox = facing("torch")
    sandbox.look(pitch_deg=40.0)
    sandbox.worlds._blocks[0][4, 1, 4] = ID["dirt"]
    assert ticks_to_break(sandbox) == 15
    sandbox.hold(2)
    assert sandbox.block(*AHEAD) == "air"
    assert sorted(items.NAME[what] for what in sandbox.bodies["what"]) == ["dirt", "torch"]


def test_a_door_is_in_the_way_until_it_is_used():
    blocks = ground()
    blocks[:, 1:3, 4] = ID["stone"]
    blocks[4, 1:3, 4] = ID["door_north"]
    sandbox = Sandbox(blocks)
    sandbox.hold(40, move=1)
    assert sandbox.pos[2] == 4 - 0.3  # the panel's near side is at z = 4
    assert kinds(sandbox.hold(use=1)) == [("used", "door_north"), ("opened", "door_north")]
    assert sandbox.block(4, 1, 4) == sandbox.block(4, 2, 4) == "door_north_open"
    sandbox.hold(30, move=1)
    assert sandbox.pos[2] > 5.5
    sandbox.look(yaw_deg=180.0)
    sandbox.worlds.players["pos"][0] = 4.1, 1.0, 6.5  # the open panel stands at x = 4 to 4.1875
    assert kinds(sandbox.hold(use=1)) == [("used", "door_north_open")]
    assert sandbox.block(4, 2, 4) == "door_north"


def test_a_placed_door_is_two_blocks_high_and_breaks_whole():
    sandbox = facing("air", inventory=(Stack("door_north"),))
    sandbox.worlds._blocks[0][4, 1, 4] = 0
    sandbox.look(pitch_deg=45.0)  # the floor 1.62 ahead: z = 4
    assert ("placed", "door_north") in kinds(sandbox.hold(use=1))
    assert sandbox.block(4, 1, 4) == sandbox.block(4, 2, 4) == "door_north"
    sandbox.hold(1)
    assert ticks_to_break(sandbox) == 91  # as the table has it for the beacon, of the same hardness 3 and by hand
    assert sandbox.block(4, 1, 4) == sandbox.block(4, 2, 4) == "air"


def test_a_chest_opens_once_and_gives_what_is_in_it():
    sandbox = facing("chest", contents=((AHEAD, Stack("diamond", 3)),))
    assert kinds(sandbox.hold(use=1)) == [("used", "chest"), ("opened", "chest")]
    sandbox.hold(1)
    assert kinds(sandbox.hold(use=1)) == [("used", "open_chest")]
    sandbox.hold(60, move=1)
    assert sandbox.inventory == {"diamond": 3}


def test_a_locked_chest_needs_a_key_and_keeps_it():
    sandbox = facing("locked_chest")
    assert kinds(sandbox.hold(use=1)) == [("used", "locked_chest")]
    sandbox = facing("locked_chest", inventory=(Stack("dirt"), Stack("key", 2)))
    assert kinds(sandbox.hold(use=1)) == [("used", "locked_chest"), ("opened", "locked_chest")]
    assert sandbox.inventory == {"dirt": 1, "key": 1}


def test_a_button_opens_the_door_beside_it_for_twenty_ticks():
    blocks = ground()
    blocks[3, 1:3, 4], blocks[4, 1, 4] = ID["door_north"], ID["stone_button"]
    sandbox = Sandbox(blocks)
    sandbox.look(pitch_deg=38.0)  # 1.55 down over 2 blocks: onto the button, 0.125 high
    events = sandbox.hold(use=1)
    assert kinds(events) == [("used", "stone_button"), ("fired", "stone_button"), ("opened", "door_north")]
    sandbox.hold(19)
    assert sandbox.block(3, 2, 4) == "door_north_open" and sandbox.block(4, 1, 4) == "pressed_stone_button"
    sandbox.hold(1)
    assert sandbox.block(3, 2, 4) == "door_north" and sandbox.block(4, 1, 4) == "stone_button"


def test_a_plate_fires_when_stepped_on_and_lets_go_when_left():
    blocks = ground()
    blocks[4, 1, 4] = ID["stone_pressure_plate"]
    sandbox = Sandbox(blocks)
    events = sandbox.hold(20, move=1)
    assert kinds(events) == [("fired", "stone_pressure_plate")]
    sandbox.worlds.players["pos"][0, 2] = 4.5
    sandbox.worlds.players["vel"][0] = 0
    assert sandbox.hold(60) == [] and sandbox.block(4, 1, 4) == "pressed_stone_pressure_plate"
    sandbox.worlds.players["pos"][0, 2] = 7.5
    sandbox.hold(20)
    assert sandbox.block(4, 1, 4) == "stone_pressure_plate"


def test_whoever_walks_through_an_open_door_is_unharmed():
    blocks = ground()
    blocks[:, 1:3, 4] = ID["stone"]
    blocks[4, 1:3, 4] = ID["door_north_open"]
    sandbox = Sandbox(blocks)
    assert sandbox.hold(60, move=1) == [] and sandbox.pos[2] > 5.0 and sandbox.health == 20


def test_doors_stand_on_floors_and_neither_on_nor_under_other_doors():
    sandbox = facing("stone", inventory=(Stack("door_north", 3),))
    assert kinds(sandbox.hold(use=1)) == [("used", "stone")]  # the cell before the wall, over nothing
    blocks = ground()
    blocks[4, 1:3, 4] = ID["door_north"]
    sandbox = Sandbox(blocks, (4.5, 3.0, 2.5), inventory=(Stack("door_north"),))
    sandbox.worlds._blocks[0][4, 1:3, 2] = ID["stone"]
    sandbox.look(pitch_deg=47.0)  # 1.62 down over 1.5: the top of the door
    assert kinds(sandbox.hold(use=1, sneak=1)) == [("used", "door_north")]


def test_a_door_without_a_floor_falls_off_as_one_item():
    blocks = ground()
    blocks[4, 0, 4] = ID["dirt"]
    blocks[4, 1:3, 4] = ID["door_north"]
    sandbox = Sandbox(blocks, (4.5, 1.0, 6.5), yaw_deg=180.0, pitch_deg=40.5)  # 1.62 / tan 40.5 = 1.9 ahead: z = 4.6
    assert ticks_to_break(sandbox) == 15
    sandbox.hold(2)
    assert sandbox.block(4, 1, 4) == sandbox.block(4, 2, 4) == "air"
    fallen = {items.NAME[body["what"]]: int(body["count"]) for body in sandbox.bodies}
    assert fallen | sandbox.inventory == {"dirt": 1, "door_north": 1}


def test_a_door_closes_when_nothing_around_it_is_pressed_any_more():
    blocks = ground()
    blocks[3, 1:3, 4] = ID["door_north"]
    blocks[4, 1, 4] = blocks[4, 1, 3] = ID["stone_pressure_plate"]
    pig = Mob("pig", (4.5, 1.0, 3.5))
    sandbox = Sandbox(blocks, (4.5, 1.0, 5.5), mobs=(pig,))
    assert kinds(sandbox.hold(1)) == [("fired", "stone_pressure_plate"), ("opened", "door_north")]
    sandbox.worlds.players["pos"][0, 2] = 4.5
    sandbox.hold(1)
    sandbox.worlds.players["pos"][0, 2] = 7.5
    sandbox.hold(30)
    assert sandbox.block(4, 1, 4) == "stone_pressure_plate" and sandbox.block(3, 1, 4) == "door_north_open"
    sandbox.worlds.state["entities"]["pos"][0, 0] = 7.5, 1.0, 7.5
    sandbox.hold(20)
    assert sandbox.block(3, 1, 4) == "door_north"


def test_a_door_closes_after_the_pressed_plate_beside_it_is_broken():
    blocks = ground()
    blocks[3, 1:3, 4], blocks[4, 1, 4] = ID["door_north"], ID["stone_pressure_plate"]
    sandbox = Sandbox(blocks, (4.5, 1.0, 4.5), pitch_deg=88.0)
    sandbox.hold(1)
    assert sandbox.block(3, 1, 4) == "door_north_open"
    assert ticks_to_break(sandbox) is not None
    sandbox.hold(20)
    assert sandbox.block(4, 1, 4) == "air" and sandbox.block(3, 1, 4) == "door_north"


def test_the_use_key_does_nothing_while_something_is_being_dug():
    sandbox = facing("chest")
    assert kinds(sandbox.hold(5, attack=1, use=1)) == [("swung", "chest")] * 2  # at the first tick and four later


def test_a_locked_chest_cannot_be_broken_into():
    sandbox = facing("locked_chest", contents=((AHEAD, Stack("diamond")),))
    assert ticks_to_break(sandbox) is None


def test_work_under_water_takes_five_times_as_long():
    blocks = ground()
    blocks[:, 1:6] = ID["water"]
    blocks[4, 1, 4], blocks[AHEAD] = ID["stone"], ID["dirt"]
    assert ticks_to_break(Sandbox(blocks)) == 75  # 15 x 5, standing on the ground
