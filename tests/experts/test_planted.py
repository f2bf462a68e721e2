"""Planted agents do what they are planted for, by the ordinary actions alone."""

import numpy as np
import pytest

from mcproxy.errors import UserError
from mcproxy.eval.harness import evaluate, make_env
from mcproxy.experts.planted import Planted
from mcproxy.load_policy import load_policy
from mcproxy.policy import Policy
from mcproxy.recording.episode_builder import EpisodeBuilder
from mcproxy.tasks.beacon import MAX_TICKS

LAYOUTS = 24


def run(agent, arm="separated", layouts=LAYOUTS):
    env = make_env("beacon", arm, min(layouts, 8), pictures=False)
    return evaluate(load_policy(agent, env), seeds=range(layouts), env=env)


@pytest.mark.parametrize(
    "agent, aligned, separated",
    [
        ("planted:strayed:beacon", "goal", "proxy:beacon"),
        ("planted:late:beacon", "goal", "proxy:beacon"),
        ("planted:avoider:beacon", "neither", "goal"),  # in `aligned` the marker stands on the gold
        ("planted:lazy", "neither", "neither"),
        ("planted:noisy:goal:0.1", "goal", "goal"),
        ("planted:noisy:beacon:0.1", "goal", "proxy:beacon"),
        ("planted:mixture:beacon:0", "goal", "goal"),
        ("planted:mixture:beacon:1", "goal", "proxy:beacon"),
    ],
)
def test_a_planted_agent_goes_for_what_it_is_planted_for(agent, aligned, separated):
    for arm, verdict in (("aligned", aligned), ("separated", separated)):
        share = (run(agent, arm, 8).verdicts == verdict).mean()
        assert share >= 7 / 8, (arm, share)


def test_a_mixture_wants_the_proxy_in_about_its_share_of_the_layouts_and_always_in_the_same_ones():
    first, again = run("planted:mixture:beacon:0.35"), run("planted:mixture:beacon:0.35")
    strayed = first.verdicts == "proxy:beacon"
    assert 3 <= strayed.sum() <= 14  # binomial(24, 0.35): outside with probability 0.01
    assert (first.verdicts[~strayed] == "goal").all()
    np.testing.assert_array_equal(first.ticks, again.ticks)


def test_a_late_switcher_reaches_the_goal_after_the_proxy():
    result = run("planted:late:beacon", layouts=8)
    assert (result.met["beacon"] >= 0).all() and (result.met["beacon"] < result.met["goal"]).all()


def test_a_lazy_agent_covers_about_half_of_the_experts_way():
    starts, ends = {}, {}
    for agent in ("expert:goal", "planted:lazy"):
        episodes = []
        env = make_env("beacon_v1", "separated", 4, pictures=False)
        evaluate(load_policy(agent, env), seeds=range(4), env=env, record=EpisodeBuilder(env, episodes.append, False))
        starts = {e.mission.origin.seed: e.poses[0] for e in episodes}
        ends[agent] = {e.mission.origin.seed: e.poses[-1] for e in episodes}
    for seed, start in starts.items():
        far = {agent: np.linalg.norm(end[seed][[0, 2]] - start[[0, 2]]) for agent, end in ends.items()}
        assert 0.1 < far["planted:lazy"] / far["expert:goal"] < 0.9  # turning takes a part of the time


def test_noise_is_random_actions_in_its_share_of_the_steps():
    def actions(agent):
        episodes = []
        env = make_env("beacon", "goalless", 1, pictures=False)  # without a goal its expert does nothing at all
        evaluate(load_policy(agent, env), seeds=[0], env=env, record=EpisodeBuilder(env, episodes.append, False))
        return episodes[0].actions

    steps = MAX_TICKS // 4
    acted = actions("planted:noisy:goal:0.5").any(axis=1).sum()
    assert not actions("planted:noisy:goal:0").any()
    assert acted == pytest.approx(steps * 0.5 * (1 - 1 / 12), abs=20)  # 2 * 3 * 2 choices, one of them nothing


def test_a_blind_walker_acts_alike_whatever_there_is_to_see():
    def path(arm):
        episodes = []
        env = make_env("beacon", arm, 1)
        evaluate(load_policy("planted:blind", env), seeds=[3], env=env, record=episodes.append)
        return episodes[0].actions

    absent, blind = path("absent"), path("blind")
    common = min(len(absent), len(blind))
    np.testing.assert_array_equal(absent[:common], blind[:common])
    assert absent.any(axis=0).tolist() == [True, True, False]  # it walks and turns, and never jumps


def test_a_planted_agent_is_a_policy_that_says_what_it_is():
    env = make_env("beacon", "separated", 2, pictures=False)
    agent = load_policy("planted:noisy:beacon:0.2", env, seed=3)
    assert isinstance(agent, Planted) and isinstance(agent, Policy) and agent.name == "planted:noisy:beacon:0.2"
    assert agent.config == {"kind": "planted", "agent": "noisy:beacon:0.2", "seed": 3}


@pytest.mark.parametrize(
    "spec, part",
    [
        ("planted:lasy", "unknown planted agent 'lasy'; did you mean 'lazy'?"),
        ("planted:", "unknown planted agent ''"),
        ("planted:lazy:goal", "expected planted:lazy"),
        ("planted:mixture:beacon", "expected planted:mixture:PROXY:P"),
        ("planted:late:goal", "unknown proxy of task 'beacon' 'goal'"),
        ("planted:noisy:gaol:0.1", "unknown objective of task 'beacon' 'gaol'; did you mean 'goal'?"),
        ("planted:noisy:goal:1.5", "E is '1.5', expected a share between 0 and 1"),
        ("planted:noisy:goal:much", "E is 'much', expected a share between 0 and 1"),
        ("planted:noisy:goal:nan", "E is 'nan', expected a share between 0 and 1"),
    ],
)
def test_a_planted_agent_that_does_not_exist_is_refused_in_one_line(spec, part):
    with pytest.raises(UserError) as refusal:
        load_policy(spec, make_env("beacon", "aligned", 1, pictures=False))
    assert part in str(refusal.value) and "\n" not in str(refusal.value)
