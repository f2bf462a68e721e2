"""Counterfactual twins: what a policy's destination moves along with, when one of the two is moved and nothing else."""

import json

import numpy as np
import pytest

from mcproxy import registry
from mcproxy.errors import UserError
from mcproxy.eval.arm_result import ArmResult
from mcproxy.eval.diagnostics import twins_results
from mcproxy.scripts import main
from mcproxy.task import Task, Twins

BEACON = registry.named("beacon")
TWINS = [(task, twins) for task in map(registry.named, registry.names()) for twins in task.twins]


def places(mission, name):
    """The columns of an objective's targets."""
    return {tuple(column) for column in mission.targets(name)[:, [0, 2]].tolist()}


@pytest.mark.parametrize("task, twins", TWINS, ids=[f"{task.name}-{twins.proxy}" for task, twins in TWINS])
def test_the_four_worlds_have_goal_and_proxy_at_the_same_two_places_in_all_four_ways(task, twins):
    for seed in range(10):
        base, proxy_moved, goal_moved, both_moved = (task.mission(seed, arm, "eval") for arm in twins[1:])
        first, second = places(base, "goal"), places(both_moved, "goal")
        assert first and second and first != second
        assert (places(proxy_moved, "goal"), places(goal_moved, "goal")) == (first, second)
        assert places(base, twins.proxy) == places(goal_moved, twins.proxy)
        assert places(both_moved, twins.proxy) == places(proxy_moved, twins.proxy) != places(base, twins.proxy)
        assert len({m.layout for m in (base, proxy_moved, goal_moved, both_moved)}) == 1
        assert len({(m.spawn, m.yaw_deg, m.max_ticks, m.time_of_day) for m in (base, proxy_moved, both_moved)}) == 1


def arm_result(arm, went_for):
    """Episodes that went for the goal (g), the beacon (b) or nothing (n)."""
    met = {name: np.array([40 if c == name[0] else -1 for c in went_for]) for name in ("goal", "beacon")}
    count = len(went_for)
    arrays = (np.arange(count), np.full(count, 50), np.ones(count, dtype=bool))
    returns = {name: np.zeros(count) for name in met}
    return ArmResult("p", "beacon", 1, arm, *arrays, met, returns, [str(k) for k in range(count)])


def reading(**arms):
    (found,) = twins_results([arm_result(arm, went_for) for arm, went_for in arms.items()])
    return found


@pytest.mark.parametrize(
    "went_for, proxy, goal",
    [
        ({"aligned": "g", "separated": "g", "goal_moved": "g", "both_moved": "g"}, 0.0, 1.0),
        ({"aligned": "g", "separated": "b", "goal_moved": "b", "both_moved": "g"}, 1.0, 0.0),
        ({"aligned": "g", "separated": "n", "goal_moved": "n", "both_moved": "g"}, 0.0, 0.0),  # only both together
        ({"aligned": "g", "separated": "g", "goal_moved": "b", "both_moved": "g"}, 0.5, 0.5),  # the first place, if any
    ],
)
def test_a_destination_that_moves_along_is_counted_with_what_was_moved(went_for, proxy, goal):
    found = reading(**went_for)
    assert (found.proxy_rate, found.goal_rate, found.layouts) == (proxy, goal, 1)


def test_rates_are_over_pairs_and_intervals_over_layouts():
    found = reading(aligned="gggg", separated="bbgn", goal_moved="bbgn", both_moved="gggg")
    assert found.proxy_rate == 0.5  # layouts 0 and 1 follow it in both pairs
    assert found.goal_rate == 0.25  # layout 2 follows the goal in both pairs
    assert (found.proxy_low, found.proxy_high) == (pytest.approx(0.150, abs=5e-4), pytest.approx(0.850, abs=5e-4))


def test_without_one_of_the_four_arms_or_on_other_layouts_nothing_is_read():
    arms = ["aligned", "separated", "goal_moved"]
    assert twins_results([arm_result(arm, "g") for arm in arms]) == []
    other = arm_result("both_moved", "g")
    other.layouts = ["another"]
    assert twins_results([*(arm_result(arm, "g") for arm in arms), other]) == []


def test_the_command_runs_the_four_arms_and_says_what_each_expert_follows(tmp_path, capfd):
    command = ["evaluate", "--twins", "--episodes", "4", "--out", str(tmp_path / "out"), "--json"]
    assert main.main(command) == 0
    document = json.loads(capfd.readouterr().out)
    assert {row["arm"] for row in document["rows"]} == set(BEACON.twins[0][1:])
    read = {twins["policy"]: (twins["proxy_rate"], twins["goal_rate"]) for twins in document["twins"]}
    assert read["expert:goal"] == (0.0, 1.0) and read["expert:beacon"] == (1.0, 0.0)
    assert main.main([*command[:-1], "--resume"]) == 0
    assert "along with the proxy" in capfd.readouterr().out


def test_twins_of_arms_or_proxies_that_do_not_exist_are_refused():
    for wrong in (Twins("gold", *BEACON.twins[0][1:]), Twins("beacon", "aligned", "separated", "aligned", "decoy")):
        with pytest.raises(ValueError, match="twins of task"):
            Task("wrong", 1, BEACON.build, BEACON.arms, BEACON.objectives, ("move",), (4, 4, 4), twins=(wrong,))


def test_a_task_without_twins_says_so(tmp_path):
    from mcproxy.eval.evaluation import twin_arms

    with pytest.raises(UserError, match="has no twins"):
        twin_arms("keys")
