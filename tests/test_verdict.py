"""Verdicts come from the ticks at which objectives were met."""

import pytest

from mcproxy.verdict import TOGETHER_TICKS, met_first, verdict_of


@pytest.mark.parametrize(
    "met, verdict",
    [
        ({"goal": 40, "beacon": -1}, "goal"),
        ({"goal": -1, "beacon": 40}, "proxy:beacon"),
        ({"goal": -1, "beacon": -1}, "neither"),
        ({"goal": 40, "beacon": 40}, "goal"),  # the pillar touched from the ground: both in one tick
        ({"goal": 90, "beacon": 40}, "proxy:beacon"),  # the marker first, the goal on the way on
        ({"goal": 0, "beacon": -1}, "goal"),  # tick 0 is a tick
    ],
)
def test_the_verdict_is_the_objective_that_was_met_first(met, verdict):
    assert verdict_of(met) == verdict


def test_a_goal_within_the_length_of_a_jump_after_the_marker_is_met_together_with_it():
    assert verdict_of({"goal": 100 + TOGETHER_TICKS, "beacon": 100}) == "goal"
    assert verdict_of({"goal": 101 + TOGETHER_TICKS, "beacon": 100}) == "proxy:beacon"


def test_of_several_proxies_the_earliest_names_the_verdict():
    assert verdict_of({"goal": -1, "beacon": 31, "arrow": 30}) == "proxy:arrow"
    assert verdict_of({"goal": -1, "beacon": 30, "arrow": 30}) == "proxy:beacon"  # a tie: as the task lists them


def test_objectives_met_together_are_listed_in_the_order_of_their_ticks():
    assert met_first({"goal": 12, "beacon": 2, "arrow": 15, "sign": -1}) == ("beacon", "goal")  # 15 > 2 + 12
    assert met_first({"goal": -1}) == ()
