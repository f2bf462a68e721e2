"""Labels say where goal, proxies and places are, as a player sees them; activations are recorded beside them."""

import dataclasses

import numpy as np
import pytest

from mcproxy.blocks import ID
from mcproxy.env import VoxelVectorEnv
from mcproxy.env.labels import Labeller, names
from mcproxy.errors import UserError
from mcproxy.eval import evaluate
from mcproxy.load_policy import load_policy
from mcproxy.recording import Recording
from mcproxy.recording.episode_builder import EpisodeBuilder
from tests.helpers.recorded import write

N = 12


@pytest.fixture(scope="module")
def env():
    made = VoxelVectorEnv(N, arm="separated", split="eval", autoreset_mode="Disabled", max_episode_steps=8, labels=True)
    yield made
    made.close()


@pytest.fixture(scope="module")
def labels(env):
    return env.reset(seed=0)[1]["labels"]


def test_the_infos_have_every_label_that_the_task_has(env, labels):
    assert {name for name in labels if not name.startswith("_")} == set(names(env.task))
    assert all(labels[name].shape == (N,) and labels[name].dtype == np.float32 for name in names(env.task))


def test_bearing_and_distance_lead_from_the_player_to_the_middle_of_the_target(env, labels):
    for i, mission in enumerate(env.worlds.missions):
        x, _, z = mission.spawn
        yaw = np.radians(mission.yaw_deg + labels["goal.bearing"][i])  # yaw 0 looks along +z, 90 along -x
        ((tx, _, tz),) = mission.targets("goal") + 0.5
        away = labels["goal.distance"][i]
        np.testing.assert_allclose([x - away * np.sin(yaw), z + away * np.cos(yaw)], [tx, tz], atol=1e-3)


def test_pixels_are_those_that_change_when_the_block_is_another(env, labels):
    worlds, counted = env.worlds, 0
    for i, mission in enumerate(worlds.missions):
        cell, blocks = tuple(mission.targets("goal")[0]), worlds.blocks(i).copy()
        before = worlds.render(only=[i])[i].astype(int)
        other = blocks.copy()
        other[cell] = ID["obsidian"]  # as opaque as gold: no light changes elsewhere
        worlds._renderer.load(i, other, mission.time_of_day)
        changed = (np.abs(before - worlds.render(only=[i])[i]).max(axis=-1) > 0).sum()
        worlds._renderer.load(i, blocks, mission.time_of_day)
        assert labels["goal.pixels"][i] == changed
        counted += changed > 0
    assert counted > 0


def test_a_beam_over_an_obstacle_is_seen_though_its_beacon_is_not_in_sight():
    env = VoxelVectorEnv(60, "beacon_v1", arm="separated", split="eval", labels=True)
    labels = env.reset(seed=0)[1]["labels"]
    hidden = labels["beacon.in_sight"] == 0
    assert (hidden & (labels["beacon.pixels"] > 0)).any() and (hidden & (labels["beacon.pixels"] == 0)).any()
    env.close()


def test_first_and_last_seen_are_the_ticks_at_which_pixels_were_there(env):
    obs, infos = env.reset(seed=0)
    seen = [infos["labels"]["beacon.pixels"] > 0]
    right = np.tile([0, 2, 0], (N, 1))  # turn
    for _ in range(4):
        *_, infos = env.step(right)
        seen.append(infos["labels"]["beacon.pixels"] > 0)
    seen, ticks = np.array(seen), 4 * np.arange(5)  # type: ignore[assignment]
    for i in range(N):
        when = ticks[seen[:, i]]
        expected = (when[0], when[-1]) if len(when) else (np.nan, np.nan)
        got = [infos["labels"][f"beacon.{name}"][i] for name in ("first_seen", "last_seen")]
        np.testing.assert_array_equal(got, expected)


def test_a_target_that_a_world_lacks_has_no_labels():
    env = VoxelVectorEnv(1, arm="absent", labels=True)
    labels = env.reset(seed=0)[1]["labels"]
    assert np.isnan(labels["beacon.bearing"][0]) and labels["nearer"][0] == 0
    env.close()


def test_recordings_hold_labels_and_activations_of_the_state_of_each_action(env, tmp_path):
    policy, taken = load_policy("beacon_v1-confounded", VoxelVectorEnv(1, "beacon_v1")), []
    own = VoxelVectorEnv(2, "beacon_v1", arm="separated", split="eval", autoreset_mode="Disabled", max_episode_steps=6)
    evaluate(
        policy, env=own, seeds=range(2), record=EpisodeBuilder(own, taken.append, False, True, ("lstm.h", "conv.2"))
    )
    episode = Recording(write(tmp_path, taken, "none"))[0]
    assert set(episode.traces) == {"lstm.h", "conv.2"} and set(episode.labels) == set(names(own.task))
    assert episode.traces["lstm.h"].shape == (6, 256) and episode.traces["lstm.h"].dtype == np.float16
    obs, _ = own.reset(seed=[episode.seed] * 2)
    first = Labeller(own)
    assert episode.labels["goal.bearing"][0] == first.labels()["goal.bearing"][0]
    policy.begin(own, [0, 1], [episode.seed] * 2)  # type: ignore[attr-defined]
    policy.predict(obs, record=("lstm.h",))  # type: ignore[call-arg]
    np.testing.assert_array_equal(policy.outputs["trace.lstm.h"][0], episode.traces["lstm.h"][0])  # type: ignore[attr-defined]
    own.close()


def test_what_is_recorded_changes_no_action():
    played = []
    for layers in ((), ("lstm.h",)):
        env = VoxelVectorEnv(2, "beacon_v1", split="eval", autoreset_mode="Disabled", max_episode_steps=6)
        record = EpisodeBuilder(env, played.append, False, bool(layers), layers)
        evaluate(load_policy("beacon_v1-confounded", env), env=env, seeds=range(2), record=record)
        env.close()
    for k in range(2):
        for name in ("value", "log_prob"):
            np.testing.assert_array_equal(played[k].outputs[name], played[k + 2].outputs[name])


def test_layers_that_a_policy_lacks_are_one_line():
    env = VoxelVectorEnv(1, "beacon_v1", split="eval", autoreset_mode="Disabled", max_episode_steps=6)
    for spec, told in (("random", "has no layers to record"), ("beacon_v1-confounded", "did you mean 'lstm.h'?")):
        with pytest.raises(UserError, match=told):
            evaluate(
                load_policy(spec, env), env=env, seeds=[0], record=EpisodeBuilder(env, print, False, False, ("lstm.x",))
            )
    env.close()


def test_restored_and_mapped_missions_keep_their_labels(env):
    env.reset(seed=0)
    data = env.save(3)
    _, infos = env.restore(5, data)
    assert infos["labels"]["goal.distance"][5] == env.reset(seed=0)[1]["labels"]["goal.distance"][3]
    assert dataclasses.is_dataclass(env.worlds.missions[5])
