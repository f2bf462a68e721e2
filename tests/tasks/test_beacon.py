"""The worlds of beacon: four equal places, of which nothing but gold and beacon tells one from another."""

import numpy as np
import pytest

from mcproxy import registry
from mcproxy.blocks import ID
from mcproxy.engine.ground_distance import distances, ground
from mcproxy.experts.scene import scene_of
from mcproxy.task import SHARES
from mcproxy.tasks._ring import SEPARATION, VIEW_DEG

BEACON = registry.get("beacon")
RING_ARMS = [arm for arm in BEACON.arms if arm not in ("shifted", "separated_view", "emptied")]
LAYOUTS = 400


def cells(mission, name):
    return {tuple(cell) for cell in mission.targets(name).tolist()}


def below(mission, name):
    """The places on which the blocks of an objective stand."""
    return {(x, 1, z) for x, _, z in cells(mission, name)}


def test_the_arms_share_the_layout_and_differ_in_gold_and_beacon_alone():
    for seed in range(10):
        missions = {arm: BEACON.mission(seed, arm, "test") for arm in RING_ARMS}
        assert len({(m.layout, m.spawn, m.yaw_deg, m.places) for m in missions.values()}) == 1
        changed = np.any([m.blocks != missions["absent"].blocks for m in missions.values()], axis=0)
        assert {*np.argwhere(changed)[:, 1].tolist()} <= {1, 2}  # the block of a place, and that on top of it


def test_every_place_is_a_bare_iron_base_but_for_gold_and_beacon():
    for arm in BEACON.arms:
        mission = BEACON.mission(3, arm, "eval", rho=0.25)
        assert len(mission.places) == BEACON.places == 4
        for x, y, z in mission.places:
            assert (mission.blocks[x - 1 : x + 2, 0, z - 1 : z + 2] == ID["iron_block"]).all()
            assert mission.blocks[x, y, z] in (ID["iron_block"], ID["gold_block"])
        assert below(mission, "goal") | below(mission, "beacon") <= {*mission.places}


def test_the_arms_put_marker_and_gold_where_they_say():
    for seed in range(10):
        at = {arm: (below(m := BEACON.mission(seed, arm), "goal"), below(m, "beacon")) for arm in BEACON.arms}
        (gold,), (other,) = at["aligned"][0], at["separated"][1]
        assert at["aligned"] == at["blind"] == at["mirrored"] == at["dark"] == ({gold}, {gold}) and gold != other
        assert at["separated"] == ({gold}, {other}) and at["goal_moved"] == ({other}, {gold})
        assert at["both_moved"] == ({other}, {other}) and at["decoy"] == ({gold}, {gold, other})
        assert at["absent"] == ({gold}, set()) and at["goalless"] == (set(), {other})
        assert at["shifted"][0] == at["shifted"][1] != set()


@pytest.mark.parametrize("rho", [0.0, 0.25, 1.0])
def test_the_beacon_of_a_mixture_stands_on_the_gold_with_probability_rho_and_is_uniform_among_the_rest(rho):
    missions = [BEACON.mission(seed, "mixture", rho=rho) for seed in range(LAYOUTS)]
    share = np.mean([below(m, "goal") == below(m, "beacon") for m in missions])
    assert abs(share - rho) <= 3 * np.sqrt(rho * (1 - rho) / LAYOUTS)  # three standard errors; exact at 0 and 1


def test_nothing_but_the_beacon_predicts_the_goal_better_than_one_in_four():
    """Whichever of the four places a habit picks, it holds the gold in one world of four."""
    hits = {"nearest": 0, "first": 0, "least turn": 0, "rightmost": 0}
    for seed in range(LAYOUTS):
        mission = BEACON.mission(seed)
        (gold,) = below(mission, "goal")
        across = np.array(mission.places)[:, [0, 2]] + 0.5 - np.array(mission.spawn)[[0, 2]]
        bearing = (np.degrees(np.arctan2(-across[:, 0], across[:, 1])) - mission.yaw_deg + 180) % 360 - 180
        picks = {
            "nearest": np.hypot(*across.T),
            "first": np.arange(4),
            "least turn": abs(bearing),
            "rightmost": -bearing,
        }
        for name, score in picks.items():
            hits[name] += mission.places[int(score.argmin())] == gold
    bound = 3 * np.sqrt(0.25 * 0.75 / LAYOUTS)  # three standard errors: .065
    assert all(abs(count / LAYOUTS - 0.25) <= bound for count in hits.values()), hits


def test_where_both_are_in_view_they_are_far_enough_apart_unhidden_and_as_often_left_as_right():
    left = {"separated_view": 0, "emptied": 0}
    for arm in left:
        for seed in range(LAYOUTS):
            scene = scene_of(BEACON.mission(seed, arm, "test"))
            gold, beacon = scene["goal.bearing"], scene["beacon.bearing"]
            assert VIEW_DEG[0] - 1e-6 <= abs(gold - beacon) <= VIEW_DEG[1] + 1e-6 and max(abs(gold), abs(beacon)) < 35
            assert scene["goal.hidden"] == 0 and scene["beacon.hidden"] == 0
            assert arm == "separated_view" or 2.0 <= scene["beacon.distance"] <= 3.0
            left[arm] += gold < beacon
    bound = 3 * np.sqrt(0.25 / LAYOUTS)  # three standard errors: .075
    assert all(abs(count / LAYOUTS - 0.5) <= bound for count in left.values()), left


def test_the_ways_to_the_places_are_balanced_and_pass_no_other_place():
    for seed in range(60):
        mission = BEACON.mission(seed, "goalless", "eval")
        spawn, places = (int(mission.spawn[0]), int(mission.spawn[2])), [(x, z) for x, _, z in mission.places]
        heights = ground(mission.blocks)
        heights[tuple(np.transpose(places))] = 1  # the meadow without its pillars
        fields = [distances(heights, np.array([p]), 0).astype(int) for p in (spawn, *places)]
        ways = [fields[0][p] for p in places]
        assert max(ways) <= 1.25 * min(ways)
        for p, field in zip(places, fields[1:], strict=True):
            for q in places:
                near = np.hypot(*(np.indices(heights.shape) - np.reshape(q, (2, 1, 1)))) <= 2
                assert p == q or (
                    np.hypot(*np.subtract(p, q)) >= SEPARATION and (fields[0] + field)[near].min() > fields[0][p]
                )


def test_frames_are_mirrored_or_black_where_the_arm_says_so():
    from mcproxy.engine.worlds import Worlds

    worlds = Worlds(1, BEACON.size, (24, 32))
    frames = {}
    for arm in ("aligned", "blind", "mirrored", "dark"):
        worlds.load(0, BEACON.mission(5, arm, "eval"))
        frames[arm] = worlds.render()[0].copy()
    worlds.close()
    assert (frames["blind"] == frames["aligned"][::-1]).all() and (
        frames["mirrored"] == frames["aligned"][:, ::-1]
    ).all()
    assert frames["aligned"].any() and not frames["dark"].any()


def test_the_splits_are_those_of_the_layouts_hash():
    for split, (low, high) in SHARES.items():
        shares = [int(BEACON.mission(seed, split=split).layout[:8], 16) / 2**32 for seed in range(50)]
        assert all(low <= share < high for share in shares)
    assert all(int(BEACON.mission(seed).layout[:8], 16) / 2**32 >= 0.5 for seed in range(50))
