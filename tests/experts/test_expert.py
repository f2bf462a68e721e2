"""Experts reach their objective in every evaluation world that has it, by the ordinary actions alone."""

import contextlib

import numpy as np
import pytest

from mcproxy import registry
from mcproxy.blocks import ID
from mcproxy.controls import keys_of
from mcproxy.engine.ground_distance import STRAIGHT, distances, ground
from mcproxy.env import VoxelVectorEnv
from mcproxy.errors import UserError
from mcproxy.experts import Expert
from mcproxy.experts.lookahead import forecast
from mcproxy.mission import NOWHERE, Happened, Inside, Objective, Possess, Reach, Stack, Touch
from tests.helpers.stage import WALK, Stage, room

WORLDS = 100
JUMP = (*WALK, "jump")


def run(task, arm, objective, worlds):
    """The env after every world's expert has met its objective, ended or run out of time; when it met it, how far."""
    env = VoxelVectorEnv(worlds, task, arm, split="eval", rho=0.5, autoreset_mode="NextStep", resolution=(1, 1))
    env.reset(seed=0)
    expert = Expert(objective, env)
    expert.begin(env, range(worlds), range(worlds))
    column = [o.name for o in env.task.objectives].index(objective)
    met, walked, before = np.full(worlds, -1), np.zeros(worlds), env.worlds.players["pos"].copy()
    for _ in range(env.worlds.limits.max() // env.action_repeat):
        env.worlds.step(keys_of(env.task.controls, expert.predict(None)[0]))
        open_ = met < 0
        walked[open_] += np.hypot(*(env.worlds.players["pos"] - before)[:, [0, 2]].T)[open_]
        before = env.worlds.players["pos"].copy()
        met = env.worlds.met[:, column].copy()
        if (env.worlds.ended | (env.worlds.paid[:, column] == 1.0)).all():
            break
    return env, met, walked


@pytest.mark.parametrize(
    "arm, objective",
    [(arm, "goal") for arm in ("aligned", "shifted", "separated", "absent", "decoy", "blind", "mixture")]
    + [(arm, "beacon") for arm in ("aligned", "shifted", "separated", "decoy", "goalless", "blind", "mixture")],
)
def test_the_expert_meets_its_objective_in_every_world_that_has_it(arm, objective):
    env, met, _ = run("beacon", arm, objective, WORLDS)
    assert (met >= 0).all(), f"missed in worlds {np.flatnonzero(met < 0)}"


TOUCH = 0.8  # blocks from the middle of a column at which its block is touched: 0.5 + half a body's width


@pytest.mark.parametrize(
    "task, arm, objective, near",
    [
        ("beacon", "separated", "goal", TOUCH),
        ("beacon", "separated", "beacon", TOUCH),
        ("maze", "separated", "goal", 0.5),  # the edge of the opening's column
        ("maze", "separated", "arrow", TOUCH),
        ("banner", "separated_shape_colour", "goal", 3.0),  # `Reach`
        ("banner", "separated_shape_colour", "colour", 3.0),
        ("course", "separated", "goal", TOUCH),
        ("course", "separated", "east", TOUCH),
        ("ore", "separated_lava", "lava", 2.5),  # `Reach`
    ],
)
def test_in_separated_an_expert_meets_its_own_objective_alone_and_walks_no_detour(task, arm, objective, near):
    env, met, walked = run(task, arm, objective, WORLDS)
    others = [k for k, o in enumerate(env.task.objectives) if o.name != objective]
    assert (met >= 0).all() and (env.worlds.met[:, others] < 0).all()
    ratios = []
    for mission, length in zip(env.worlds.missions, walked, strict=True):
        targets, spawn = mission.targets(objective)[:, [0, 2]], (int(mission.spawn[0]), int(mission.spawn[2]))
        heights, climb = ground(mission.blocks), int("jump" in env.task.controls)
        if task == "maze":
            heights = np.where(mission.blocks[:, 1:3].any(axis=1), 3, 1).astype(np.int16)
        if task == "course":
            heights = np.maximum(heights, mission.targets("east")[0, 1]).astype(np.int16)  # trenches are jumped
        if task == "ore":
            climb = 3  # down, as nobody can go up again
        ratios.append(length / (distances(heights, targets, climb)[spawn] / STRAIGHT - near))
    assert np.median(ratios) <= 1.15  # within 15 % of the shortest way over the grid


@pytest.mark.slow
@pytest.mark.parametrize("task", registry.names())
def test_an_expert_gets_what_was_forecast_in_every_arm_of_every_task(task):
    for arm in registry.get(task).arms:
        for k, objective in enumerate(registry.get(task).objectives):
            env, _, _ = run(task, arm, objective.name, 40)
            with contextlib.closing(env):
                promised = [forecast(mission, objective.name).reward for mission in env.worlds.missions]
                got = env.worlds.paid[:, k] * objective.reward
                np.testing.assert_allclose(got, promised, err_msg=f"{task}, {arm}, expert:{objective.name}")


def test_what_hangs_overhead_is_neither_a_wall_nor_a_floor():
    blocks = room(["000000000"] * 5)
    blocks[2:7, 5:7] = ID["green_wool"]  # over the whole width; the feet are at 3, the head below 5
    stage = Stage(blocks, (1.5, 3.0, 2.5), Inside((8.0, 3.0, 2.0), (9.0, 4.0, 3.0)))
    assert stage.play() == pytest.approx(8.0 - 1.5, abs=0.8)  # a step is 0.86 blocks
    assert stage.met


def test_a_way_leads_through_a_door_in_a_wall_two_blocks_high_and_not_through_one_that_is_lower():
    blocks = room(["0005000", "0000000", "0005000", "0005000", "0000000"])
    blocks[3, 4, 1] = ID["stone"]  # a lintel that leaves one block
    blocks[3, 5, 4] = ID["stone"]  # and one that leaves two
    stage = Stage(blocks, (1.5, 3.0, 1.5), Reach((5.5, 3.0, 1.5), 0.5))
    assert stage.play() == pytest.approx(2 * (1 + 2 + 2**0.5), abs=1.0)  # around both corners of the wall, as cells go
    assert stage.met


def test_a_block_is_jumped_where_there_is_a_jump_and_walked_around_where_there_is_none():
    rows = ["0001000"] * 4 + ["0000000"]
    ways = []
    for controls in (WALK, JUMP):
        stage = Stage(room(rows), (0.5, 3.0, 0.5), Reach((6.5, 3.0, 0.5), 0.4), controls)
        ways.append(stage.play())
        assert stage.met
    around, over = 2 * np.hypot(2.5, 4) + 1, 6.0
    assert ways == pytest.approx([around, over], abs=1.0)


def test_stairs_lead_up_and_a_ledge_of_three_blocks_down():
    stage = Stage(room(["0123300"]), (0.5, 3.0, 0.5), Reach((6.5, 3.0, 0.5), 0.4), JUMP)
    stage.play()
    assert stage.met
    assert ("hurt", "fall") not in stage.events


def test_nobody_drops_four_blocks():
    stage = Stage(room(["400"]), (0.5, 7.0, 0.5), Reach((2.5, 3.0, 0.5), 0.5), JUMP, max_ticks=100)
    assert stage.play() == 0.0


@pytest.mark.parametrize("gap", [" ", "  "])
@pytest.mark.parametrize("heading", [-90.0, 90.0, 0.0])
def test_gaps_of_one_and_two_columns_are_jumped(gap, heading):
    row = "000" + gap + "00"
    stage = Stage(room([row]), (1.5, 3.0, 0.5), Reach((len(row) - 0.5, 3.0, 0.5), 0.5), JUMP, yaw_deg=heading)
    stage.play()
    assert stage.met


def test_a_gap_of_three_columns_is_not_tried():
    stage = Stage(room(["000   00"]), (1.5, 3.0, 0.5), Reach((7.5, 3.0, 0.5), 0.5), JUMP, max_ticks=100)
    assert stage.play() == 0.0


def test_lava_and_cactus_are_walked_around():
    blocks = room(["0000000"] * 5)
    blocks[3, 2, :4], blocks[3, 1, :4] = ID["lava"], ID["stone"]
    blocks[5, 3, 1:] = ID["cactus"]
    blocks[6, 2, 4] = ID["gold_block"]
    stage = Stage(blocks, (1.5, 3.0, 0.5), Touch("gold_block"), JUMP)
    stage.play()
    assert stage.met
    assert not any(kind == "hurt" for kind, _ in stage.events)


@pytest.mark.parametrize("row, yaw_deg", [("222220 ", -90.0), ("322220 ", 0.0)])
def test_nobody_slides_into_lava_behind_a_bend(row, yaw_deg):
    end = len(row) - 2
    blocks = room([row] + [" " * end + "0 "] * 4)
    stage = Stage(blocks, (0.5, 3.0 + int(row[0]), 0.5), Reach((end + 0.5, 3.0, 4.5), 0.5), yaw_deg=yaw_deg)
    stage.play()
    assert stage.met


def test_the_last_steps_into_a_wide_place_are_walked_and_not_jumped():
    """The way ends where a foot comes to be within 2.6 blocks, in column 2, and leads on to column 1."""
    stage = Stage(room(["00000"] * 5), (4.5, 3.0, 4.5), Reach((0.5, 3.0, 0.5), 2.6))
    assert stage.play() == pytest.approx(2**0.5 * 4.0 - 2.6, abs=0.9)  # a step is 0.86 blocks
    assert stage.met


def test_another_objectives_place_is_kept_clear_where_there_is_room():
    other = Objective("tile", "marker", Inside((4.0, 3.0, 2.0), (5.0, 4.0, 3.0)))
    blocks = room(["000000000"] * 6)
    stage = Stage(blocks, (0.5, 3.0, 2.5), Reach((8.5, 3.0, 2.5), 0.5), others=(other,))
    stage.play()
    assert stage.met
    assert stage.worlds.met[0, 1] < 0


def test_a_touch_is_of_the_floor_of_a_wall_and_with_a_jump_of_what_hangs_overhead():
    for y in (2, 3, 6):
        blocks = room(["000000"] * 3)
        blocks[4, y, 1] = ID["gold_block"]
        stage = Stage(blocks, (0.5, 3.0, 1.5), Touch("gold_block"), JUMP)
        stage.play()
        assert stage.met, y


def test_loose_items_are_collected_the_nearest_first():
    drops = tuple(((x, 3.0, 0.5), Stack("key")) for x in (8.5, 11.5, 1.0))
    stage = Stage(room(["0" * 13]), (4.5, 3.0, 0.5), Happened("collected", "key", times=3), drops=drops)
    walked = stage.play()
    assert stage.paid == 1.0
    assert [e.position[0] for e in stage.worlds.events[0] if e.kind == "collected"] == [1, 8, 11]
    assert walked == pytest.approx((4.5 - 2.4) + (8.5 - 2.4) - 1.4 + 3.0, abs=1.8)  # picked up from 1.4 blocks


def test_what_is_possessed_is_dug_out_of_a_block_or_taken_out_of_a_chest_where_none_lies_about():
    blocks = room(["00000000"])
    blocks[6, 4, 0] = ID["diamond_ore"]
    stage = Stage(blocks, (0.5, 3.0, 0.5), Possess("diamond"), (*WALK, "attack"), inventory=(Stack("iron_pickaxe"),))
    stage.play()
    assert stage.met
    blocks[6, 4, 0] = ID["chest"]
    contents = (((6, 4, 0), Stack("diamond")),)
    stage = Stage(blocks, (0.5, 3.0, 0.5), Possess("diamond"), (*WALK, "use"), contents=contents)
    stage.play()
    assert stage.met


def test_a_locked_chest_is_opened_with_the_nearest_key():
    blocks = room(["0" * 12] * 3)
    blocks[10, 4, 1] = ID["locked_chest"]
    drops = (((1.0, 3.0, 1.5), Stack("key")), ((7.5, 3.0, 2.5), Stack("key")))
    stage = Stage(blocks, (5.5, 3.0, 1.5), Happened("opened", "locked_chest"), (*WALK, "use"), drops=drops)
    stage.play()
    assert stage.events == [("collected", "key"), ("used", "locked_chest"), ("opened", "locked_chest")]
    assert stage.worlds.players["pos"][0, 0] > 5.5


@pytest.mark.parametrize("controls, pitch_deg", [((*WALK, "pitch", "attack"), 0.0), ((*WALK, "attack"), 30.0)])
def test_blocks_in_the_floor_are_broken_with_a_gaze_that_moves_and_with_one_that_stays(controls, pitch_deg):
    blocks = room(["0" * 10] * 7)
    for x, z in ((7, 1), (8, 5), (2, 6)):
        blocks[x, 2, z] = ID["dirt"]
    stage = Stage(blocks, (4.5, 3.0, 3.5), Happened("broke", "dirt", times=3), controls, pitch_deg=pitch_deg)
    stage.play()
    assert stage.paid == 1.0
    assert [what for kind, what in stage.events if kind == "broke"] == ["dirt"] * 3


def test_a_spot_is_swung_at_as_often_as_pays():
    blocks = room(["00000000"])
    blocks[6, 4, 0] = ID["command_block"]
    stage = Stage(blocks, (0.5, 3.0, 0.5), Happened("swung", "command_block", times=2, of=5), (*WALK, "attack"))
    stage.play()
    assert stage.paid == 1.0
    assert stage.events.count(("swung", "command_block")) == 5


@pytest.mark.parametrize("controls, pitch_deg", [((*WALK, "pitch", "attack"), 0.0), ((*WALK, "attack"), 20.0)])
def test_a_tunnel_is_dug_where_there_is_no_other_way(controls, pitch_deg):
    stage = Stage(
        room(["0004400"]), (0.5, 3.0, 0.5), Reach((6.5, 3.0, 0.5), 0.5), controls,
        pitch_deg=pitch_deg, yaw_deg=-90.0, inventory=(Stack("iron_pickaxe"),),
    )  # fmt: skip
    stage.play()
    assert stage.met
    assert stage.events.count(("broke", "stone")) == 4  # two blocks of each of two columns


def test_ore_below_and_above_is_dug_for_with_stairs():
    controls = (*JUMP, "pitch", "attack")
    blocks = np.full((12, 16, 12), ID["stone"], dtype=np.uint8)
    blocks[2, 8:10, 2] = 0
    for cell in ((8, 3, 5), (5, 14, 9)):
        world = blocks.copy()
        world[cell] = ID["diamond_ore"]
        stage = Stage(
            world, (2.5, 8.0, 2.5), Happened("broke", "diamond_ore"), controls,
            inventory=(Stack("diamond_pickaxe"),), max_ticks=2000,
        )  # fmt: skip
        stage.play()
        assert stage.met, cell


def test_digging_keeps_away_from_lava():
    blocks = np.full((12, 9, 7), ID["stone"], dtype=np.uint8)
    blocks[1, 3:5, 3] = 0
    blocks[5:7, 3:6, 2:5] = ID["lava"]
    blocks[10, 4, 3] = ID["gold_ore"]
    stage = Stage(
        blocks, (1.5, 3.0, 3.5), Happened("broke", "gold_ore"), (*JUMP, "pitch", "attack"),
        inventory=(Stack("iron_pickaxe"),), max_ticks=2000,
    )  # fmt: skip
    stage.play()
    assert stage.met
    assert not any(kind == "hurt" for kind, _ in stage.events)


def test_a_way_is_planned_anew_where_a_player_is_pushed_off_it():
    stage = Stage(room(["0" * 12] * 9), (0.5, 3.0, 0.5), Reach((11.5, 3.0, 0.5), 0.5))
    for _ in range(8):
        stage.worlds.step(keys_of(WALK, stage.expert.predict(None)[0]))
    stage.worlds.players["pos"][0] = 3.5, 3.0, 7.5
    stage.play()
    assert stage.met


def test_an_objective_that_holds_nowhere_is_waited_for():
    assert Stage(room(["000"]), (0.5, 3.0, 0.5), NOWHERE, max_ticks=100).play() == 0.0


def test_experts_act_alike_when_run_again():
    poses = []
    for _ in range(2):
        env, _, _ = run("beacon", "shifted", "goal", 4)
        poses.append(env.worlds.players["pos"].copy())
    np.testing.assert_array_equal(*poses)


def test_an_unknown_objective_is_refused_with_the_known_ones():
    env = VoxelVectorEnv(1, resolution=(1, 1))
    with pytest.raises(UserError, match="unknown objective of task 'beacon' 'becon'; did you mean 'beacon'"):
        Expert("becon", env)


def test_an_expert_for_what_cannot_be_planned_is_refused():
    with pytest.raises(UserError, match="expert:goal cannot pursue 'killed pig'"):
        Stage(room(["000"]), (0.5, 3.0, 0.5), Happened("killed", "pig"))


@pytest.mark.parametrize(
    "condition, controls, missing",
    [
        (Touch("gold_block"), ("move",), "turn"),
        (Happened("broke", "dirt"), WALK, "attack"),
        (Happened("opened", "chest"), (*WALK, "attack"), "use"),
    ],
)
def test_an_expert_without_the_controls_that_it_needs_is_refused(condition, controls, missing):
    with pytest.raises(UserError, match=rf"expert:goal needs controls that stage lacks: \['{missing}'\]"):
        Stage(room(["000"]), (0.5, 3.0, 0.5), condition, controls)
