"""What the mazes promise: perfect ones, whose end, arrow and spawn lie as the arms say."""

import numpy as np
import pytest

from mcproxy import registry
from mcproxy.blocks import ID
from mcproxy.engine.ground_distance import STRAIGHT, distances
from mcproxy.mission import NOWHERE
from tests.helpers.sandbox import Sandbox
from tests.helpers.steps import steps_from

MAZE = registry.get("maze")
SMALL = ("aligned", "blind", "mixture")
LARGE = ("shifted", "separated", "absent", "decoy", "goalless")
MARGIN, PITCH = 4, 3  # blocks of meadow around the maze; from one cell to the next


def steps_in(blocks, start):
    """Steps to each column over the floor."""
    return steps_from(start, blocks[:, 0].shape, lambda here, there: not blocks[there[0], 1:3, there[1]].any())


def passages(mission):
    """The cells of a maze and the ways out of each, as sides (dx, dz); those out of the maze are among them."""
    cells = [(n - 2 * MARGIN - 1) // PITCH for n in mission.blocks.shape[::2]]
    ways = {}
    for i, j in np.ndindex(*cells):
        x, z = MARGIN + 1 + PITCH * i, MARGIN + 1 + PITCH * j
        beside = {(1, 0): (x + 2, z), (-1, 0): (x - 1, z), (0, 1): (x, z + 2), (0, -1): (x, z - 1)}
        ways[i, j] = {side for side, (a, b) in beside.items() if not mission.blocks[a, 1, b]}
    return ways


def sides_out(ways):
    """The cells from which a way leads out of the maze, each with its side."""
    return [(cell, side) for cell in ways for side in ways[cell] if tuple(np.add(cell, side)) not in ways]


def cell_of(column):
    return tuple((int(n) - MARGIN - 1) // PITCH for n in column)


def tiles(mission):
    return {(x, z) for x, _, z in mission.targets("arrow").tolist()}


def place_out(mission):
    """A column of the opening, a free one in the outer wall, or None where there is none."""
    last_x, last_z = (n - 1 - MARGIN for n in mission.blocks.shape[::2])
    free = np.argwhere(~mission.blocks[:, 1:3].any(axis=1))
    ring = [(x, z) for x, z in free.tolist() if MARGIN <= x <= last_x and MARGIN <= z <= last_z]
    return next(((x, z) for x, z in ring if x in (MARGIN, last_x) or z in (MARGIN, last_z)), None)


def test_a_seed_is_one_small_and_one_large_maze_where_arms_change_the_opening_the_tile_and_the_arrow():
    for seed in range(30):
        missions = {arm: MAZE.mission(seed, arm) for arm in MAZE.arms}
        for arms in (SMALL, LARGE):
            same = [missions[arm] for arm in arms]
            assert len({(m.layout, m.spawn, m.yaw_deg, m.time_of_day, m.max_ticks) for m in same}) == 1
            changed = np.any([m.blocks != same[0].blocks for m in same], axis=0)
            names = {ID[n] for n in ("air", "sandstone", "stonebrick", "lime_wool", "lime_concrete", "leaves", "log")}
            assert set(np.unique([m.blocks[changed] for m in same])) <= names


def test_arms_put_the_opening_and_the_arrow_where_they_say():
    for seed in range(30):
        missions = {arm: MAZE.mission(seed, arm) for arm in MAZE.arms}
        at_end, apart = tiles(missions["shifted"]), tiles(missions["separated"])
        assert len(at_end) == len(apart) == 2 and not at_end & apart
        assert tiles(missions["decoy"]) == at_end | apart
        assert tiles(missions["goalless"]) == apart
        assert tiles(missions["absent"]) == set()
        assert missions["goalless"].objectives[0].condition == NOWHERE
        out = {place_out(missions[arm]) for arm in LARGE if arm != "goalless"}
        assert len(out) == 1 and None not in out
        assert tiles(missions["blind"]) == tiles(missions["aligned"])
        assert missions["blind"].flipped


def test_mazes_are_perfect_and_closed_but_for_one_opening():
    for seed in range(100):
        for arm in ("aligned", "separated", "goalless"):
            mission = MAZE.mission(seed, arm)
            ways = passages(mission)
            inner = [(cell, side) for cell in ways for side in ways[cell] if tuple(np.add(cell, side)) in ways]
            assert len(inner) == 2 * (len(ways) - 1)  # a tree, each way from both sides
            assert sum(map(len, ways.values())) - len(inner) == (arm != "goalless")
            reached = steps_in(mission.blocks, (int(mission.spawn[0]), int(mission.spawn[2])))
            assert {cell_of(column) for column in reached} >= set(ways)
            assert ((0, 0) in reached) == (arm != "goalless")  # the corner of the meadow


def test_end_and_arrow_are_in_dead_ends_of_their_own_so_that_neither_is_on_the_way_to_another():
    for seed in range(100):
        for arm in ("aligned", "separated", "decoy"):
            mission = MAZE.mission(seed, arm)
            ways, spawn = passages(mission), cell_of(mission.spawn[::2])
            ((end, side),) = sides_out(ways)
            opening = {c for c in tiles(mission) if np.abs(np.subtract(c, place_out(mission))).sum() <= 1}
            assert len(opening) == (0 if arm == "separated" else 2)
            elsewhere = {cell_of(column) for column in tiles(mission) - opening}
            assert len(elsewhere) == (0 if arm == "aligned" else 1)
            for cell in {end} | elsewhere:
                assert cell != spawn and len(ways[cell]) == 1 + (cell == end)


def test_both_ways_of_separated_are_about_equally_long_on_1000_seeds():
    for seed in range(1000):
        mission = MAZE.mission(seed, "separated", split="eval")
        spawn = np.array([[int(mission.spawn[0]), int(mission.spawn[2])]])
        heights = np.where(mission.blocks[:, 1:3].any(axis=1), 3, 1).astype(np.int16)
        ways = distances(heights, spawn, 0)
        long_goal, long_arrow = ways[place_out(mission)], min(ways[tile] for tile in tiles(mission))
        assert min(long_goal, long_arrow) >= 10 * STRAIGHT
        apart = np.abs(np.subtract(place_out(mission), list(tiles(mission)))).max(axis=1)
        assert apart.min() >= 2 * PITCH - 2  # two cells, in blocks, less the width of a corridor
        assert max(long_goal, long_arrow) <= 1.25 * min(long_goal, long_arrow)
        if seed < 50:  # the same by plain straight steps
            steps = steps_in(mission.blocks, tuple(spawn[0].tolist()))
            counts = steps[place_out(mission)], min(steps[tile] for tile in tiles(mission))
            assert max(counts) <= 1.25 * min(counts) + 1  # to whole columns


def test_mixture_has_the_arrow_at_the_opening_with_probability_rho():
    for rho in (0.0, 0.3, 1.0):
        seeds = range(300)
        share = np.mean(
            [tiles(MAZE.mission(seed, "mixture", rho=rho)) == tiles(MAZE.mission(seed, "aligned")) for seed in seeds]
        )
        assert abs(share - rho) <= 3 * np.sqrt(rho * (1 - rho) / 300)  # three standard errors; exact at 0 and 1


@pytest.mark.parametrize("seed", range(12))
def test_whoever_walks_into_the_opening_touches_the_tile_within_two_ticks_of_that(seed):
    mission = MAZE.mission(seed, "aligned")
    assert place_out(mission) in tiles(mission)
    x, z = np.mean(list(tiles(mission)), axis=0) + 0.5
    ((_, side),) = sides_out(passages(mission))
    out = np.array(side)
    back = np.array([x, z]) - 2 * out
    sandbox = Sandbox(
        mission.blocks,
        (back[0], 1.0, back[1]),
        mission.objectives,
        yaw_deg=float(np.degrees(np.arctan2(-out[0], out[1]))),
    )
    sandbox.hold(20, move=1)  # 20 ticks of walking are 4 blocks
    goal, arrow = sandbox.worlds.met[0, :2]
    assert arrow > 0
    assert 0 <= goal - arrow <= 2  # the tile is touched by the body's edge, 0.3 blocks ahead: 1.4 ticks at 4.3 blocks/s
    assert sandbox.worlds.ended[0]


def test_the_arrow_hangs_out_of_reach_and_looks_like_one_from_above_and_from_the_sides():
    for seed in range(8):
        arrow = MAZE.mission(seed, "separated").blocks == ID["lime_concrete"]
        heights = range(4, 11)  # above the walls; a head is at 2.8
        assert np.flatnonzero(arrow.any(axis=(0, 2))).tolist() == list(heights)
        for axis in (0, 2):  # from the tip upwards: a head and a shaft
            seen = arrow.any(axis=axis) if axis == 0 else arrow.any(axis=axis).T  # up, and along
            assert [int(seen[y].sum()) for y in heights] == [1, 3, 5, 1, 1, 1, 1]
        above = arrow.any(axis=1)
        profiles = [above.sum(axis=axis)[above.any(axis=axis)].tolist() for axis in (0, 1)]
        along = next(p for p in profiles if p != p[::-1])  # the one across is symmetric
        assert along in ([1, 1, 5, 3, 1], [1, 3, 5, 1, 1])
