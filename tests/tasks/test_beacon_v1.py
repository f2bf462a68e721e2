"""The arms of beacon, version 1: its worlds are those that its shipped agents were trained in."""

import numpy as np

from mcproxy import registry
from mcproxy.blocks import ID
from mcproxy.engine.ground_distance import distances, ground
from tests.helpers.steps import steps_from

BEACON = registry.get("beacon_v1")
SMALL_ARMS = [arm for arm in BEACON.arms if arm != "shifted"]


def columns(mission, name):
    return {tuple(column) for column in mission.targets(name)[:, [0, 2]].tolist()}


def test_beacon_arms_share_the_layout_and_differ_only_in_the_pillars():
    for seed in range(20):
        missions = {arm: BEACON.mission(seed, arm) for arm in SMALL_ARMS}
        assert len({m.layout for m in missions.values()}) == 1
        assert len({(m.spawn, m.yaw_deg) for m in missions.values()}) == 1
        changed = np.any([m.blocks != missions["absent"].blocks for m in missions.values()], axis=0)
        names = {ID[n] for n in ("air", "grass", "gold_block", "beacon", "iron_block")}
        for m in missions.values():
            assert set(np.unique(m.blocks[changed])) <= names


def test_beacon_arms_put_marker_and_gold_where_they_say():
    for seed in range(20):
        at = {arm: (columns(m := BEACON.mission(seed, arm), "goal"), columns(m, "beacon")) for arm in BEACON.arms}
        (gold,) = at["aligned"][0]
        (apart,) = at["separated"][1]
        assert at["aligned"] == at["blind"] == ({gold}, {gold})
        assert at["separated"] == ({gold}, {apart}) and apart != gold
        assert at["absent"] == ({gold}, set())
        assert at["goalless"] == (set(), {apart})
        assert at["decoy"] == ({gold}, {gold, apart})
        assert at["shifted"][0] == at["shifted"][1] != set()


def test_mixture_has_the_beacon_at_the_gold_with_probability_rho():
    for rho in (0.0, 0.3, 1.0):
        missions = [BEACON.mission(seed, "mixture", rho=rho) for seed in range(500)]
        share = np.mean([columns(m, "goal") == columns(m, "beacon") for m in missions])
        assert abs(share - rho) <= 3 * np.sqrt(rho * (1 - rho) / 500)  # three standard errors; exact at 0 and 1


def test_separated_places_are_apart_balanced_and_off_each_others_ways_on_1000_seeds():
    for seed in range(1000):
        mission = BEACON.mission(seed, "separated", split="eval")
        spawn = (int(mission.spawn[0]), int(mission.spawn[2]))
        (gold,), (beacon,) = columns(mission, "goal"), columns(mission, "beacon")
        assert np.hypot(gold[0] - beacon[0], gold[1] - beacon[1]) >= 6
        far = [np.hypot(p[0] - spawn[0], p[1] - spawn[1]) for p in (gold, beacon)]
        assert max(far) <= 1.25 * min(far)
        heights = ground(BEACON.mission(seed, "goalless", split="eval").blocks)
        heights[beacon] = 1  # the meadow without its pillars
        fields = [distances(heights, np.array([p]), 0).astype(int) for p in (spawn, gold, beacon)]
        for place, other, field in ((gold, beacon, fields[1]), (beacon, gold, fields[2])):
            length = fields[0][place]
            assert length < 2**30
            near = np.hypot(*(np.indices(heights.shape) - np.reshape(other, (2, 1, 1)))) <= 2
            assert (fields[0] + field)[near].min() > length
        ways = [fields[0][gold], fields[0][beacon]]
        assert max(ways) <= 1.25 * min(ways)
        if seed < 50:
            steps = steps_from(spawn, heights.shape, lambda here, there: heights[here] == heights[there])  # noqa: B023
            assert gold in steps and beacon in steps
