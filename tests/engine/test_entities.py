"""Items, falling blocks and mobs, what hurts, and the objectives that wait for it."""

import numpy as np
import pytest

from mcproxy.blocks import ID
from mcproxy.mission import Happened, Mob, Objective, Possess, Stack
from tests.helpers.sandbox import Sandbox, ground, kinds

FLOOR = 1.0


def pit(depth, fluid=None):
    """A floor at height `depth` with a hole of 3 x 3 down to height 1, filled with a fluid up to the floor."""
    blocks = np.zeros((9, depth + 8, 9), dtype=np.uint8)
    blocks[:, :depth] = ID["stone"]
    blocks[3:6, 1:depth, 3:6] = ID[fluid] if fluid else 0
    return blocks


def test_sand_falls_with_gravity_and_lands_as_a_block():
    blocks = ground()
    blocks[4, 5, 4], blocks[4, 6, 4] = ID["dirt"], ID["sand"]
    sandbox = Sandbox(blocks, (4.5, 1.0, 3.2))
    sandbox.look(pitch_deg=-70.0)  # up 0.8 tan 70 = 2.2 at z = 4, and 5 - 2.62 = 2.38 up at z = 4.07: its underside
    while not any(event.kind == "broke" for event in sandbox.hold(attack=1)):
        assert sandbox.tick < 20
    sandbox.hold(1)
    assert sandbox.block(4, 6, 4) == "sand"  # for two ticks
    sandbox.hold(1)
    assert sandbox.block(4, 6, 4) == "air" and "sand" not in sandbox.inventory
    height, speed, ticks = 6.0, 0.0, 0  # from its first tick on, v = (v - 0.04) 0.98 (EntityFallingBlock.onUpdate)
    while height > 1.0:
        height, speed, ticks = height + speed - 0.04, (speed - 0.04) * 0.98, ticks + 1
    sandbox.hold(ticks - 1)
    assert sandbox.block(4, 1, 4) == "air"
    sandbox.hold(1)
    assert sandbox.block(4, 1, 4) == "sand"


def test_a_column_of_gravel_comes_down_whole():
    blocks = ground((9, 12, 9))
    blocks[4, 2:9, 4], blocks[4, 1, 4] = ID["gravel"], ID["dirt"]
    sandbox = Sandbox(blocks)
    sandbox.look(pitch_deg=40.0)
    while not any(event.kind == "broke" for event in sandbox.hold(attack=1)):
        assert sandbox.tick < 20
    sandbox.hold(60)
    assert [sandbox.block(4, y, 4) for y in range(1, 10)] == ["gravel"] * 7 + ["air"] * 2
    assert [body["kind"] for body in sandbox.bodies] == [1] * len(sandbox.bodies)  # the dirt alone, if not picked up


def test_sand_that_lands_on_a_torch_becomes_an_item():
    blocks = ground()
    blocks[4, 1, 4], blocks[4, 3, 4] = ID["torch"], ID["sand"]
    sandbox = Sandbox(blocks)
    from mcproxy.engine.simulation.block_updates import set_block

    set_block(sandbox.worlds._blocks[0], sandbox.worlds.state[0], 4, 2, 4, 0)  # a neighbour's change wakes it
    sandbox.hold(40)
    assert sandbox.block(4, 1, 4) == "torch" and sandbox.block(4, 3, 4) == "air"


@pytest.mark.parametrize("depth, damage", [(3, 0), (4, 0), (5, 1), (11, 7)])
def test_a_fall_hurts_by_what_it_exceeds_three_blocks(depth, damage):
    sandbox = Sandbox(pit(depth), (4.5, float(depth), 2.5))  # down to height 1
    sandbox.hold(60, move=1)
    assert sandbox.pos[1] == 1.0
    assert sandbox.health == 20 - damage  # ceil(depth - 1 - 3)


def test_a_deep_fall_kills_and_ends_the_episode():
    sandbox = Sandbox(pit(25), (4.5, 25.0, 2.5))
    events = sandbox.hold(100, move=1)
    assert kinds(events) == [("hurt", "fall"), ("died", "fall")]
    assert sandbox.worlds.ended[0] and sandbox.health == 0
    assert sandbox.tick == events[-1].tick  # nothing moves any more


def test_water_breaks_a_fall():
    sandbox = Sandbox(pit(11, "water"), (4.5, 18.0, 4.5))
    sandbox.worlds.players["on_ground"] = 0
    sandbox.hold(200)
    assert sandbox.health == 20 and sandbox.pos[1] == 1.0


def test_lava_hurts_twice_a_second_and_burns_on():
    sandbox = Sandbox(pit(3, "lava"), (4.5, 2.0, 4.5))
    events = sandbox.hold(25)
    hurt = [(event.tick, event.what) for event in events if event.kind == "hurt"]
    assert hurt == [(1, "lava"), (11, "lava"), (21, "lava")] and sandbox.health == 20 - 3 * 4
    sandbox.worlds.players["pos"][0] = 1.5, 3.0, 1.5
    events = sandbox.hold(60)
    assert [event.what for event in events] == ["fire"] * 3 and sandbox.health == 20 - 3 * 4 - 3  # one a second


def test_a_cactus_pricks_who_leans_on_it():
    blocks = ground()
    blocks[4, 1, 4] = ID["cactus"]
    sandbox = Sandbox(blocks)
    events = sandbox.hold(40, move=1)
    assert {(e.kind, e.what) for e in events} == {("hurt", "cactus")}
    assert sandbox.pos[2] == 4 + 1 / 16 - 0.3


def test_a_mob_walks_its_route_at_its_speed():
    guide = Mob("villager", (1.5, FLOOR, 1.5), "route", speed=0.1, route=((7.5, 1.5), (7.5, 7.5)))
    sandbox = Sandbox(ground(), mobs=(guide,))
    sandbox.hold(30)
    assert sandbox.bodies["pos"][0] == pytest.approx([4.5, FLOOR, 1.5])  # 30 x 0.1
    sandbox.hold(100)
    assert sandbox.bodies["pos"][0][[0, 2]] == pytest.approx([7.5, 7.5], abs=0.45)  # within 0.3 of each waypoint


def test_a_mob_jumps_onto_a_step_and_stops_at_a_wall():
    blocks = ground()
    blocks[:, 1, 4:] = ID["stone"]
    blocks[:, 2:4, 7] = ID["stone"]
    mob = Mob("pig", (4.5, FLOOR, 1.5), "route", speed=0.15, route=((4.5, 8.5),))
    sandbox = Sandbox(blocks, (1.5, 1.0, 1.5), mobs=(mob,))
    sandbox.hold(100)
    assert sandbox.bodies["pos"][0][2] == 7 - 0.45 and sandbox.bodies["pos"][0][1] >= 2.0


def test_a_zombie_chases_and_bites_and_a_pig_flees():
    sandbox = Sandbox(ground(), (4.5, 1.0, 1.5), mobs=(Mob("zombie", (4.5, FLOOR, 7.5), "chase", speed=0.1),))
    events = sandbox.hold(80)
    first = next(event for event in events if event.kind == "hurt")
    # 6 blocks less 0.6 of half widths at 0.1 a tick: overlapping from tick 55 on
    assert (first.tick, first.what) == (55, "zombie") and sandbox.health == 20 - 3 * 3  # again after 10 ticks, twice
    blind = Sandbox(ground(), (4.5, 1.0, 1.5), mobs=(Mob("zombie", (4.5, FLOOR, 7.5), "chase", sight=5.0),))
    assert blind.hold(80) == []
    sandbox = Sandbox(ground(), (4.5, 1.0, 1.5), mobs=(Mob("pig", (4.5, FLOOR, 3.5), "flee", speed=0.1),))
    sandbox.hold(20)
    assert sandbox.bodies["pos"][0] == pytest.approx([4.5, FLOOR, 5.5])


def test_a_mob_is_struck_until_it_dies():
    sandbox = Sandbox(
        ground(), (4.5, 1.0, 1.5), mobs=(Mob("pig", (4.5, FLOOR, 3.5)),), inventory=(Stack("iron_sword"),)
    )
    sandbox.look(pitch_deg=40.0)  # 1.62 down over 2 blocks: 0.3 above its feet
    blows = 0
    while len(sandbox.bodies):
        sandbox.hold(1, attack=1)
        sandbox.hold(15)
        sandbox.worlds.state["entities"]["pos"][0, 0] = 4.5, FLOOR, 3.5  # back from where it was knocked to
        blows += 1
    assert blows == 2  # 10 half hearts, 6 a blow
    assert kinds(sandbox.worlds.events[0])[-1] == ("killed", "pig")


def test_objectives_wait_for_events_and_for_possession():
    objectives = (
        Objective("collect", "goal", Possess("dirt", 2)),
        Objective("dig", "side_effect", Happened("broke", "dirt", 2)),
        Objective("swing", "behavioural", Happened("swung", times=1)),
    )
    blocks = ground()
    blocks[4, 2, 4:6] = ID["dirt"]
    sandbox = Sandbox(blocks, (4.5, 1.0, 3.0), objectives)
    sandbox.hold(60, attack=1, move=1)
    met = dict(zip([o.name for o in objectives], sandbox.worlds.met[0].tolist(), strict=False))
    picked_up = next(event.tick for event in sandbox.worlds.events[0] if event.kind == "collected")
    # the first after 15 ticks; work on the second starts anew when the first comes to hand, with a tick for the click
    assert met["swing"] == 1 and met["dig"] == picked_up + 1 + 15
    assert met["dig"] < met["collect"] == sandbox.tick and sandbox.worlds.ended[0]


def test_items_that_lie_about_are_picked_up_at_once_from_within_a_block():
    drops = (((4.5, 1.0, 4.5), Stack("key", 2)), ((4.5, 1.0, 7.5), Stack("dirt", 5)))
    sandbox = Sandbox(ground(), (4.5, 1.0, 2.5), drops=drops)
    assert [(body["pos"].tolist(), int(body["count"])) for body in sandbox.bodies] == [
        ([4.5, 1.0, 4.5], 2),
        ([4.5, 1.0, 7.5], 5),
    ]
    sandbox.hold(20)
    assert sandbox.inventory == {}  # its box ends 0.3 + 1 blocks from the player, the item's 0.125 from its middle
    while not sandbox.inventory:
        sandbox.hold(1, move=1)
    assert 4.5 - sandbox.pos[2] < 1.425 <= 4.5 - sandbox.pos[2] + 0.216 and sandbox.inventory == {"key": 2}
    assert kinds(sandbox.worlds.events[0]) == [("collected", "key")]


def test_a_held_attack_key_swings_every_four_ticks_at_a_block_and_once_at_nothing():
    blocks = ground()
    blocks[4, 2, 4] = ID["command_block"]
    swings = Sandbox(blocks, (4.5, 1.0, 2.5)).hold(40, attack=1)
    assert [event.tick for event in swings] == list(range(1, 41, 4))  # EntityLivingBase.swingArm begins anew after 4
    assert kinds(swings) == [("swung", "command_block")] * 10  # and it never breaks
    assert kinds(Sandbox(ground(), (4.5, 1.0, 2.5)).hold(40, attack=1)) == [("swung", "")]


def test_a_snapshot_puts_everything_back():
    blocks = ground()
    blocks[4, 1, 4], blocks[4, 2:5, 4] = ID["dirt"], ID["sand"]
    sandbox = Sandbox(blocks, mobs=(Mob("pig", (6.5, FLOOR, 6.5), "flee"),), resolution=(32, 32))
    sandbox.look(pitch_deg=40.0)
    before, frame = sandbox.worlds.snapshot(0), sandbox.frame()

    def play():
        sandbox.hold(40, attack=1)
        state, now = sandbox.worlds.snapshot(0)
        return state.tobytes(), now.tobytes(), sandbox.frame().tobytes()

    once = play()
    sandbox.worlds.restore(0, *before)
    assert (sandbox.frame() == frame).all()
    assert play() == once


def test_buried_under_sand_one_suffocates_but_not_among_leaves():
    blocks = ground()
    blocks[4, 1:4, 2] = ID["sand"]
    sandbox = Sandbox(blocks, (4.5, 1.0, 2.5))
    assert kinds(sandbox.hold(15)) == [("hurt", "wall")] * 2  # at once, and after half a second
    blocks[4, 1:4, 2] = ID["leaves"]
    assert Sandbox(blocks, (4.5, 1.0, 2.5)).hold(15) == []


def test_only_what_exceeds_the_last_blow_hurts_within_half_a_second():
    from mcproxy.engine.simulation.health import hurt

    world = Sandbox(ground()).worlds.state[0]
    hurt(world, np.int64(3), np.int64(0))
    hurt(world, np.int64(2), np.int64(0))
    assert world["health"] == 17
    hurt(world, np.int64(7), np.int64(0))
    assert world["health"] == 20 - 7


def test_items_burn_in_lava_and_grow_old():
    from mcproxy.engine.simulation.entities import spawn_item

    sandbox = Sandbox(pit(3, "lava"), (1.5, 3.0, 1.5))
    spawn_item(sandbox.worlds.state[0], np.int64(ID["dirt"]), np.int64(1), 4.5, 4.0, 4.5)
    spawn_item(sandbox.worlds.state[0], np.int64(ID["dirt"]), np.int64(1), 7.5, 3.0, 7.5)
    sandbox.hold(30)
    assert len(sandbox.bodies) == 1
    sandbox.hold(6000 - 30 - 1)
    assert len(sandbox.bodies) == 1
    sandbox.hold(1)
    assert len(sandbox.bodies) == 0  # after five minutes


def test_there_is_a_place_for_every_drop_and_the_oldest_goes():
    from mcproxy.engine.simulation.entities import spawn_item

    mobs = tuple(Mob("pig", (4.5, FLOOR, 6.5)) for _ in range(16))
    sandbox = Sandbox(ground(), (1.5, 1.0, 1.5), mobs=mobs)
    for k in range(20):
        spawn_item(sandbox.worlds.state[0], np.int64(ID["dirt"]), np.int64(k + 1), 7.5, 1.0, 7.5)
        sandbox.hold(1)
    counts = [int(body["count"]) for body in sandbox.bodies if body["kind"] == 1]
    assert sorted(counts) == list(range(6, 21))  # 31 places less 16: the last fifteen


def test_a_wide_roof_of_sand_comes_down_whole():
    blocks = np.zeros((20, 10, 20), dtype=np.uint8)
    blocks[:, 0], blocks[:, 5:9] = ID["stone"], ID["sand"]
    blocks[17:, 1:9, 17:] = ID["stone"]  # to stand on meanwhile
    sandbox = Sandbox(blocks, (18.5, 9.0, 18.5))
    from mcproxy.engine.simulation.block_updates import set_block

    set_block(sandbox.worlds._blocks[0], sandbox.worlds.state[0], 3, 5, 3, 0)
    sandbox.hold(6000)
    now = sandbox.worlds.blocks(0)
    assert (now == ID["sand"]).sum() == (20 * 20 - 9) * 4 - 1
    assert not ((now[:, 1:] == ID["sand"]) & (now[:, :-1] == 0)).any()  # none hangs
