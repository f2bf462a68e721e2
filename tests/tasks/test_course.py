"""What the courses promise: branches alike, obstacles that are neither walls nor traps, gold where the arm says."""

import numpy as np
import pytest

from mcproxy import registry
from mcproxy.blocks import ID
from mcproxy.engine.ground_distance import JUMP, distances, ground
from mcproxy.tasks.course import _obstruct
from tests.helpers.sandbox import Sandbox
from tests.helpers.steps import steps_from

COURSE = registry.get("course")
SHORT, LONG = ("aligned", "blind", "mixture"), ("shifted", "separated", "goalless")
WIDTH, MARGIN, START, SECTION, BEND, FLOOR = 5, 4, 2, 4, 3, 3


def platforms(mission):
    """The middles of the east and of the side platform, as columns; the side branch is to the north or south."""
    white = np.isin(mission.blocks[:, FLOOR - 1], [ID["white_concrete"], ID["gold_block"]])
    middles = [(x, z) for x, z in np.argwhere(white).tolist() if white[x - 2 : x + 3, z - 2 : z + 3].sum() == 25]
    side, east = sorted(middles)
    return east, side


def gold(mission):
    return [(x, z) for x, _, z in mission.targets("goal").tolist()]


def steps_on(mission):
    """Steps to each column by straight steps, up a block by a jump and down any number."""
    heights = ground(mission.blocks).astype(int)
    start = (int(mission.spawn[0]), int(mission.spawn[2]))
    return steps_from(start, heights.shape, lambda here, there: heights[there] - heights[here] <= 1)


def branches(mission):
    """The two branches as (along, up, across), from their first obstacle's section to their platforms."""
    (east_x, east_z), (side_x, side_z) = platforms(mission)
    blocks = mission.blocks
    if side_z < east_z:
        blocks, east_z, side_z = blocks[:, :, ::-1], blocks.shape[2] - 1 - east_z, blocks.shape[2] - 1 - side_z
    main = blocks[side_x + 3 : east_x + 3, :, east_z - 2 : east_z + 3]
    side = blocks[side_x - 2 : side_x + 3, :, east_z + 3 + BEND : side_z + 3].swapaxes(0, 2)
    return main, side


def test_a_seed_is_one_short_and_one_long_course_that_differ_only_by_the_gold():
    for seed in range(30):
        missions = {arm: COURSE.mission(seed, arm) for arm in COURSE.arms}
        assert len({m.layout for m in missions.values()}) == 1
        for arms in (SHORT, LONG):
            same = [missions[arm] for arm in arms]
            assert len({(m.spawn, m.yaw_deg, m.time_of_day, m.max_ticks, m.objectives) for m in same}) == 1
            changed = np.any([m.blocks != same[0].blocks for m in same], axis=0)
            assert {(x, z) for x, _, z in np.argwhere(changed).tolist()} <= set(platforms(same[0]))
        short, long = missions["aligned"], missions["shifted"]
        east_short, east_long = platforms(short)[0][0], platforms(long)[0][0]
        assert east_long == east_short + 2 * SECTION


def test_arms_put_the_gold_where_they_say():
    for seed in range(30):
        missions = {arm: COURSE.mission(seed, arm) for arm in COURSE.arms}
        for arm, mission in missions.items():
            east, side = platforms(mission)
            expected = {"separated": [side], "goalless": [], "mixture": [east]}.get(arm, [east])
            assert gold(mission) == expected
            assert tuple(mission.targets("east")[0, [0, 2]]) == east
        assert missions["blind"].flipped


def test_mixture_has_the_gold_at_the_east_end_with_probability_rho_and_otherwise_on_either_platform():
    for rho in (0.0, 0.4, 1.0):
        missions = [COURSE.mission(seed, "mixture", rho=rho) for seed in range(300)]
        share, expected = np.mean([gold(m) == [platforms(m)[0]] for m in missions]), rho + (1 - rho) / 2
        assert abs(share - expected) <= 3 * np.sqrt(expected * (1 - expected) / 300)  # three standard errors


def test_both_branches_have_the_same_obstacles_and_the_side_branch_is_north_as_often_as_south():
    norths = 0
    for seed in range(200):
        mission = COURSE.mission(seed, "goalless")
        main, side = branches(mission)
        np.testing.assert_array_equal(main, side)
        assert main.shape[0] in (SECTION + WIDTH, 2 * SECTION + WIDTH)
        (_, east_z), (_, side_z) = platforms(mission)
        norths += side_z < east_z
    assert abs(norths - 100) <= 3 * np.sqrt(200 / 4)


def test_both_ways_of_separated_are_about_equally_long_and_neither_passes_the_other():
    for seed in range(1000):
        mission = COURSE.mission(seed, "separated", split="eval")
        east, side = platforms(mission)
        heights = np.maximum(ground(mission.blocks), FLOOR)  # trenches are jumped
        ways = distances(heights, np.array([[int(mission.spawn[0]), int(mission.spawn[2])]]), JUMP)
        assert max(ways[east], ways[side]) <= 1.25 * min(ways[east], ways[side])
        assert max(abs(east[0] - side[0]), abs(east[1] - side[1])) >= WIDTH + SECTION  # on branches of their own
        if seed < 50:
            assert {east, side} <= set(steps_on(mission))


def lane(*obstacles):
    """A straight course of these sections; the lane begins at x = 4 and is 5 wide, z = 4 to 8."""
    blocks = np.zeros((8 + SECTION * len(obstacles), 8, 13), dtype=np.uint8)
    blocks[:, 0:3] = ID["stone"]
    blocks[:, 3:6, [3, 9]] = ID["stone"]
    _obstruct(blocks[4:, :, 4:9], np.array(obstacles))
    return Sandbox(blocks, (2.5, 3.0, 6.5), yaw_deg=-90.0)


LOW, TRENCH, TALL = (0, 0, 0), (1, 0, 0), (2, 0, 0)


@pytest.mark.parametrize("obstacle, stopped_by, height", [(LOW, 6, 3.0), (TRENCH, 7, 2.0), (TALL, 6, 3.0)])
def test_no_obstacle_is_passed_by_walking_straight_on(obstacle, stopped_by, height):
    sandbox = lane(obstacle)
    sandbox.hold(100, move=1)
    x, y, _ = sandbox.pos
    assert x == pytest.approx(stopped_by - 0.3) and y == height  # half a player's width before it


def test_jumping_on_the_run_passes_low_walls_and_trenches_but_never_a_tall_wall():
    for obstacle, passes in ((LOW, True), (TRENCH, True), (TALL, False)):
        sandbox = lane(obstacle)
        sandbox.hold(100, move=1, jump=1)
        assert (sandbox.pos[0] > 8.0) == passes


def test_a_trench_is_two_deep_and_holds_who_walks_but_not_who_jumps():
    sandbox = lane(TRENCH)
    sandbox.worlds.players["pos"][0] = 5.5, 1.0, 6.5
    sandbox.hold(100, move=1)
    assert sandbox.pos[1] == 1.0
    sandbox.hold(40, move=1, jump=1)
    assert sandbox.pos[0] > 7.0 and sandbox.pos[1] >= 3.0


def test_a_tall_wall_has_a_way_around_two_blocks_wide_at_either_side():
    for side, free in ((0, [3, 4]), (1, [0, 1])):
        section = lane((2, side, 0)).worlds.blocks(0)[6, FLOOR, 4:9]
        assert np.flatnonzero(section == 0).tolist() == free


@pytest.mark.parametrize("yaw_deg", [0.0, -60.0, -120.0, 180.0])
def test_nobody_jumps_over_the_walls_at_the_sides(yaw_deg):
    mission = COURSE.mission(0, "aligned")
    sandbox = Sandbox(mission.blocks, mission.spawn, yaw_deg=yaw_deg)
    for _ in range(100):
        sandbox.hold(1, move=1, jump=1)
        x, _, z = sandbox.pos.astype(int)
        assert mission.blocks[x, FLOOR - 1, z] != ID["grass"]  # which is under the walls as well


def test_who_comes_to_the_middle_of_the_east_platform_touches_the_gold_there_at_the_same_tick():
    for seed in range(8):
        mission = COURSE.mission(seed, "aligned")
        (x, z), _ = platforms(mission)
        sandbox = Sandbox(mission.blocks, (x - 1.5, 3.0, z + 0.2 + 0.1 * seed), mission.objectives, yaw_deg=-90.0)
        sandbox.hold(30, move=1)
        goal, east = sandbox.worlds.met[0, :2]
        assert 0 < goal == east
