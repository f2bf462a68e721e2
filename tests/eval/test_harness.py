"""The harness names what a policy seeks, on layouts that are the same for every policy, arm and batch."""

import numpy as np
import pytest

import mcproxy.eval
from mcproxy.errors import UserError
from mcproxy.eval.harness import evaluate, make_env
from mcproxy.experts import Expert
from mcproxy.tasks.beacon import MAX_TICKS

WORLDS = 8


def run(policy, arm="separated", seeds=range(12), num_worlds=WORLDS, **options):
    """Evaluate `policy(env)` in an environment of its own."""
    env = make_env("beacon", arm, num_worlds)
    return evaluate(policy(env), arm=arm, seeds=seeds, env=env, **options)


def expert(objective):
    return lambda env: Expert(objective, env)


class Scripted:
    """A policy whose every answer is what `act(obs)` says."""

    name = "scripted"

    def __init__(self, act):
        self.act = act

    def predict(self, obs, state=None, episode_start=None, deterministic=False):
        return self.act(obs), state


def still(obs):
    return np.zeros((len(obs["pov"]), 3), dtype=np.int64)


@pytest.mark.parametrize(
    "objective, arm, verdict",
    [
        ("goal", "separated", "goal"),
        ("beacon", "separated", "proxy:beacon"),
        ("beacon", "aligned", "goal"),  # who reaches the marker on the gold reaches the gold
    ],
)
def test_the_harness_names_what_a_scripted_expert_seeks(objective, arm, verdict):
    result = run(expert(objective), arm)
    assert (result.verdicts == verdict).all()


def test_one_line_of_python_evaluates_a_policy_by_its_name():
    result = mcproxy.eval.evaluate("expert:beacon", task="beacon", arm="separated", seeds=range(4))
    assert result.policy == "expert:beacon" and (result.verdicts == "proxy:beacon").all()


def test_in_aligned_both_are_met_together_and_in_separated_one_alone():
    aligned, separated = run(expert("beacon"), "aligned").row, run(expert("beacon"), "separated").row
    assert (aligned.goal_rate, aligned.proxies["beacon"]["rate"]) == (1.0, 1.0)
    assert (separated.goal_rate, separated.proxies["beacon"]["rate"]) == (0.0, 1.0)


def test_a_proxy_never_ends_an_episode_and_the_goal_does():
    proxy, goal = run(expert("beacon")), run(expert("goal"))
    assert proxy.truncated.all() and (proxy.ticks == MAX_TICKS).all()
    assert not goal.truncated.any() and (goal.ticks == goal.met["goal"]).all()
    np.testing.assert_array_equal(goal.returns["goal"], np.ones(12))
    np.testing.assert_array_equal(goal.returns["beacon"], np.zeros(12))


def test_a_policy_that_stands_still_is_neither():
    row = run(lambda env: Scripted(still), seeds=range(3), num_worlds=3).row
    assert (row.neither_rate, row.goal_rate, row.mean_ticks, row.invalid) == (1.0, 0.0, MAX_TICKS, 0)


def test_arms_share_their_layouts_seed_by_seed():
    separated, absent = run(expert("goal"), "separated"), run(expert("goal"), "absent")
    assert separated.layouts == absent.layouts and len(set(separated.layouts)) == 12
    assert separated.seeds.tolist() == list(range(12))


@pytest.mark.parametrize("num_worlds", [1, 5, 12])
def test_a_result_does_not_depend_on_the_size_of_the_batch(num_worlds):
    one, other = run(expert("goal")), run(expert("goal"), num_worlds=num_worlds)
    assert one.layouts == other.layouts
    np.testing.assert_array_equal(one.ticks, other.ticks)
    np.testing.assert_array_equal(one.met["goal"], other.met["goal"])


def test_seeds_may_be_any_and_come_back_in_their_order():
    result, all_of_them = run(expert("goal"), seeds=[7, 3, 11]), run(expert("goal"))
    assert result.seeds.tolist() == [7, 3, 11]
    assert result.ticks.tolist() == all_of_them.ticks[[7, 3, 11]].tolist()


def test_progress_counts_up_to_the_number_of_episodes():
    done = []
    run(expert("goal"), progress=done.append)
    assert done == sorted(done) and done[-1] == 12


def test_a_policy_hears_of_every_beginning_once_and_sees_it_in_episode_start():
    class Listener(Scripted):
        heard, seen = [], []

        def begin(self, env, worlds, seeds):
            assert [env.worlds.missions[i].origin.seed for i in worlds] == seeds
            self.heard += seeds

        def predict(self, obs, state=None, episode_start=None, deterministic=False):
            self.seen += np.flatnonzero(episode_start).tolist()
            return still(obs), state

    run(lambda env: Listener(None), seeds=range(4), num_worlds=2)
    assert Listener.heard == [0, 1, 2, 3]
    assert Listener.seen == [0, 1, 0, 1]


def test_state_is_handed_back_and_deterministic_is_passed_on():
    class Counter(Scripted):
        states, flags = [], set()

        def predict(self, obs, state=None, episode_start=None, deterministic=False):
            self.states.append(state)
            self.flags.add(deterministic)
            return still(obs), (state or 0) + 1

    run(lambda env: Counter(None), seeds=[0], num_worlds=1, deterministic=True)
    assert Counter.states[:3] == [None, 1, 2] and Counter.flags == {True}


@pytest.mark.parametrize(
    "act, reason",
    [
        (lambda obs: np.zeros((2, 3), int), r"returned actions of shape \(2, 3\), expected \(8, 3\)"),
        (lambda obs: np.zeros((8, 3)), "returned actions of dtype float64, expected integers"),
        (lambda obs: np.full((8, 3), 9), "returned action 9 of control 0 in world 0, expected 0 to"),
        (lambda obs: [[0, 0, 0], [0]] * 4, "policy 'scripted' returned"),
        (lambda obs: None, r"returned actions of shape \(\), expected \(8, 3\)"),
        (lambda obs: 1 // 0, "raised ZeroDivisionError: .* in predict .*test_harness.py, line"),
    ],
)
def test_a_policy_that_answers_wrongly_is_named_with_what_was_expected(act, reason):
    with pytest.raises(UserError, match=reason) as refusal:
        run(lambda env: Scripted(act))
    assert "'scripted'" in str(refusal.value) and "\n" not in str(refusal.value)


def test_a_policy_that_forgets_its_state_or_has_no_predict_is_named():
    class Stateless(Scripted):
        def predict(self, obs, state=None, episode_start=None, deterministic=False):
            return still(obs)

    with pytest.raises(UserError, match=r"returned ndarray from predict, expected \(actions, state\)"):
        run(lambda env: Stateless(None))
    with pytest.raises(UserError, match="policy 'object' has no predict"):
        run(lambda env: object())


def test_no_seeds_and_an_environment_that_resets_itself_are_refused():
    from mcproxy.env import VoxelVectorEnv

    with pytest.raises(UserError, match="expected one or more"):
        evaluate(None, seeds=[])
    with pytest.raises(ValueError, match="autoreset DISABLED"):
        evaluate(None, env=VoxelVectorEnv(1))


def test_episodes_are_recorded_complete_and_as_they_happened():
    episodes = []
    result = run(expert("goal"), seeds=range(6), num_worlds=2, record=episodes.append)
    assert sorted(e.mission.origin.seed for e in episodes) == list(range(6))
    for episode in episodes:
        k = episode.mission.origin.seed
        steps = -(-result.ticks[k] // 4)  # 4 ticks a step, the last one cut short by the goal
        assert episode.verdict == "goal" and episode.met == {"goal": result.ticks[k], "beacon": -1}
        assert episode.frames.shape == (steps + 1, 64, 64, 3)
        assert episode.actions.shape == (steps, 3) and episode.poses.shape == (steps + 1, 5)
        assert episode.ticks.tolist() == [*range(0, 4 * steps, 4), result.ticks[k]]
        assert episode.terminations.tolist() == [False] * (steps - 1) + [True] and not episode.truncations.any()
        assert episode.rewards.tolist() == [0.0] * (steps - 1) + [1.0]
        assert tuple(episode.poses[0, :3]) == episode.mission.spawn
        assert [(e.kind, e.what) for e in episode.events] == [("touched", "gold_block")]


def test_the_first_recorded_frame_of_a_world_is_of_its_own_layout_not_of_the_one_before():
    alone, second = [], []
    run(expert("goal"), seeds=[1], num_worlds=1, record=alone.append)
    run(expert("goal"), seeds=[0, 1], num_worlds=1, record=second.append)
    np.testing.assert_array_equal(second[1].frames, alone[0].frames)


def test_what_a_policy_says_of_its_actions_is_recorded_step_by_step():
    class Talker(Scripted):
        outputs = {}

        def predict(self, obs, state=None, episode_start=None, deterministic=False):
            step = (state or 0) + 1
            self.outputs = {"value": np.full(len(obs["pov"]), step, dtype=np.float32)}
            return still(obs), step

    episodes = []
    run(lambda env: Talker(None), seeds=[0], num_worlds=1, record=episodes.append)
    assert episodes[0].outputs["value"].tolist() == list(range(1, MAX_TICKS // 4 + 1))  # steps of 4 ticks


@pytest.mark.parametrize(
    "outputs, reason",
    [
        ([np.zeros(3)], r"has an output 'x' of shape \(3,\) float64, expected \(1, ...\) numbers"),
        ([np.array(["high"])], "has an output 'x' of shape .* expected .* numbers"),
        ([np.zeros(1), np.zeros((1, 2))], "has other outputs than in the step before"),
    ],
)
def test_outputs_that_cannot_be_recorded_are_named(outputs, reason):
    class Mumbler(Scripted):
        def predict(self, obs, state=None, episode_start=None, deterministic=False):
            step = state or 0
            self.outputs = {"x": outputs[min(step, len(outputs) - 1)]}
            return still(obs), step + 1

    with pytest.raises(UserError, match=reason):
        run(lambda env: Mumbler(None), seeds=[0], num_worlds=1, record=[].append)


def test_a_policy_that_works_in_place_on_its_observation_does_not_change_the_recording():
    def vandal(obs):
        obs["pov"][:] = 0
        return still(obs)

    episodes = []
    run(lambda env: Scripted(vandal), seeds=[0], num_worlds=1, record=episodes.append)
    assert episodes[0].frames.any(axis=(1, 2, 3)).all()
