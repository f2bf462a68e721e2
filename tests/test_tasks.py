"""What every registered task promises, and the promises of beacon's arms."""

import collections
import dataclasses

import numpy as np
import pytest

from mcproxy import task
from mcproxy.blocks import ID
from mcproxy.engine.pathing import distances, ground
from mcproxy.errors import UserError
from mcproxy.mission import GOAL
from mcproxy.task import mission_of, split_of


@pytest.fixture(params=task.names())
def each(request):
    return task.get(request.param)


def test_the_same_seed_gives_the_same_mission_and_another_seed_another(each):
    for arm in each.arms:
        assert each.mission(7, arm).digest() == each.mission(7, arm).digest()
        assert each.mission(7, arm).layout != each.mission(8, arm).layout


def test_every_layout_lies_in_the_split_asked_for_and_no_two_splits_share_one(each):
    layouts = {split: {each.mission(seed, split=split).layout for seed in range(300)} for split in task.SPLITS}
    for split, found in layouts.items():
        assert {split_of(layout) for layout in found} == {split}
        assert len(found) == 300
    assert not layouts["train"] & layouts["eval"]


def test_a_mission_is_drawn_again_from_its_origin(each):
    for arm in each.arms:
        mission = each.mission(5, arm, split="eval", rho=0.5)
        assert mission_of(mission.origin).digest() == mission.digest()


def test_the_goal_comes_first_and_worlds_fit_the_size(each):
    assert [o.kind == GOAL for o in each.objectives] == [True] + [False] * len(each.proxies)
    for arm in each.arms:
        mission = each.mission(3, arm)
        assert all(s <= limit for s, limit in zip(mission.blocks.shape, each.size, strict=True))
        assert mission.objectives == each.objectives


def test_wrong_names_and_values_are_refused_in_one_line(each):
    for wrong in ({"arm": "aligend"}, {"split": "tset"}, {"rho": -0.1}, {"seed": -1}):
        with pytest.raises(UserError) as error:
            each.mission(**{"seed": 0, **wrong})
        assert "\n" not in str(error.value)


# ---- beacon

BEACON = task.get("beacon")
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


def plain_distances(heights, start, climb):
    """Breadth-first search over straight steps alone: the independent check of the generator's promise."""
    best, queue = {start: 0}, collections.deque([start])
    while queue:
        x, z = queue.popleft()
        for i, j in ((x + 1, z), (x - 1, z), (x, z + 1), (x, z - 1)):
            if (i, j) not in best and abs(int(heights[i, j]) - int(heights[x, z])) <= climb:
                best[i, j] = best[x, z] + 1
                queue.append((i, j))
    return best


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
            steps = plain_distances(heights, spawn, 0)
            assert gold in steps and beacon in steps


@pytest.mark.parametrize(
    "change, message",
    [
        ({"controls": ("move", "look")}, "unknown control of task 'wrong' 'look'"),
        ({"controls": ()}, "one at least"),
        ({"controls": ("move", "move")}, "each once"),
        ({"items": ("iron_spade",)}, "unknown item of task 'wrong' 'iron_spade'"),
        ({"objectives": task.get("beacon").objectives[::-1]}, "one goal, first"),
        ({"objectives": task.get("beacon").objectives[:1] * 2}, "one goal, first"),
    ],
)
def test_a_task_that_names_what_there_is_not_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(task.get("beacon"), name="wrong", **change)
