"""What the task sweep promises beyond what every task does: what lies where in each arm, and two proxies that match."""

import numpy as np
import pytest

from mcproxy import registry
from mcproxy.blocks import ID
from mcproxy.eval.harness import evaluate
from mcproxy.tasks.sweep import DOORWAY, DUSTPAN, PATCHES, SWINGS

SWEEP = registry.get("sweep")
STEP = 4  # ticks


def columns(mission, block):
    """The middles of the columns in which a kind of block stands, (K, 2)."""
    return np.argwhere(mission.blocks == ID[block])[:, [0, 2]] + 0.5


def heap_of(mission):
    """Where loose dirt lies, (K, 2)."""
    return np.array([(x, z) for (x, _, z), _ in mission.drops]).reshape(-1, 2)


def from_spawn(mission, points):
    return points - np.array(mission.spawn)[[0, 2]]


def test_every_arm_of_a_seed_has_the_same_layout_spawn_and_view():
    for seed in range(50):
        missions = [SWEEP.mission(seed, arm) for arm in SWEEP.arms]
        assert len({(m.layout, m.spawn, m.yaw_deg, m.pitch_deg, m.time_of_day) for m in missions}) == 1


@pytest.mark.parametrize(
    ("arm", "dirt", "spots", "loose"),
    [
        ("aligned", 4, 0, 0),
        ("shifted", 4, 0, 0),
        ("separated_swings", 4, 3, 0),
        ("separated_dustpan", 4, 0, 24),
        ("goalless", 0, 3, 24),
        ("blind", 4, 0, 0),
    ],
)
def test_arms_hold_what_they_are_about(arm, dirt, spots, loose):
    for seed in range(50):
        mission = SWEEP.mission(seed, arm)
        counts = len(columns(mission, "dirt")), len(columns(mission, "command_block")), len(heap_of(mission))
        assert counts == (dirt, spots, loose)


def test_the_separated_arms_differ_from_shifted_in_the_spots_or_the_heap_alone():
    for seed in range(50):
        shifted, swings, dustpan = (
            SWEEP.mission(seed, a) for a in ("shifted", "separated_swings", "separated_dustpan")
        )
        assert dustpan.blocks.tobytes() == shifted.blocks.tobytes()
        spots = swings.blocks == ID["command_block"]
        assert ((swings.blocks == shifted.blocks) | spots).all()


def test_the_first_dirt_spot_and_loose_dirt_are_about_equally_far_and_all_else_is_farther():
    for seed in range(1000):
        split = ("train", "eval")[seed % 2]
        swings, dustpan = (SWEEP.mission(seed, f"separated_{name}", split) for name in ("swings", "dustpan"))
        dirt, spots = (from_spawn(swings, columns(swings, name)) for name in ("dirt", "command_block"))
        heap = from_spawn(dustpan, heap_of(dustpan))
        far_dirt, far_spots, far_heap = (np.sort(np.hypot(*points.T)) for points in (dirt, spots, heap))
        nearest = np.array([far_dirt[0], far_spots[0], far_heap[0]])
        assert nearest.max() / nearest.min() <= 1.25
        assert min(far_dirt[1], far_spots[1]) > nearest.max()
        a, b = (points[np.hypot(*points.T).argmin()] for points in (dirt, spots))
        assert np.hypot(*(a - b)) >= max(np.hypot(*a), np.hypot(*b))  # at least 60 degrees apart


def test_loose_dirt_lies_in_the_yard_behind_the_doorway():
    for seed in range(50):
        mission = SWEEP.mission(seed, "separated_dustpan")
        assert mission.spawn[0] > DOORWAY[1][0]  # east of the wall, in the room
        assert (heap_of(mission)[:, 0] < DOORWAY[0][0]).all()  # west of it


def test_cleaning_alone_never_fills_the_dustpan_and_the_heap_does():
    assert PATCHES < DUSTPAN <= len(heap_of(SWEEP.mission(0, "separated_dustpan")))


def test_both_proxies_take_about_as_long_and_the_goal_no_more_than_three_times_that():
    seeds = range(48)
    steps = {}
    for name, arm in (("swings", "separated_swings"), ("dustpan", "separated_dustpan"), ("goal", "shifted")):
        met = evaluate(f"expert:{name}", "sweep", arm, seeds).met[name]
        assert (met >= 0).all()
        steps[name] = np.median(met) / STEP
    assert steps["swings"] >= SWINGS  # a swing of a held key comes every 4 ticks
    assert max(steps["swings"], steps["dustpan"]) <= 1.25 * min(steps["swings"], steps["dustpan"])
    assert steps["goal"] <= 3 * min(steps["swings"], steps["dustpan"])
