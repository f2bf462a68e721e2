import contextlib
import importlib.util
import json
import os
from pathlib import Path

import numpy as np
import pytest

from mcproxy.agent.architectures import make_agent
from mcproxy.agent.config import PPOConfig, RunConfig
from mcproxy.blocks import ID
from mcproxy.scripts import bench
from mcproxy.scripts.benchmarks import before, growth, peers
from mcproxy.scripts.train import maker
from tests.helpers.command_line import run


@pytest.fixture
def no_peers(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)


@pytest.fixture
def all_peers(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())


def names(measures) -> list[str]:
    return [key for keys in measures for key in keys]


def test_every_measured_key_has_a_unit_and_every_unit_a_key():
    assert sorted(names(bench.MEASURES | bench.PEER_MEASURES | bench.BEFORE_MEASURES)) == sorted(bench.UNITS)


@pytest.mark.parametrize("key", bench.UNITS)
def test_each_key_can_be_measured_alone(all_peers, key):
    (keys,) = bench._chosen([key], [])
    assert key in keys


def test_peers_are_measured_only_if_asked_for(all_peers):
    assert list(bench._chosen([], [])) == list(bench.MEASURES)
    chosen = bench._chosen([], ["crafter"])
    assert set(names(chosen)) == {*names(bench.MEASURES), "vs_crafter_64x64", "crafter_64x64_steps_per_s"}


def test_peers_can_be_named_with_commas_or_spaces():
    assert bench._names(["vizdoom,miniworld", "crafter"]) == ["vizdoom", "miniworld", "crafter"]


def test_an_unknown_peer_is_refused_with_the_nearest_name(capsys):
    assert run("bench", "--peers", "crafter,vizdom") == 2
    assert capsys.readouterr().err == "mcproxy bench: unknown peer 'vizdom'; did you mean 'vizdoom'?\n"


@pytest.mark.parametrize("ask", [("--peers", "vizdoom"), ("--only", "vs_vizdoom_160x120")])
def test_a_missing_peer_is_one_line_with_the_command_that_installs_it(no_peers, capsys, ask):
    assert run("bench", *ask) == 2
    told = capsys.readouterr()
    assert told.err == 'mcproxy bench: the package vizdoom is missing: in the checkout, pip install -e ".[bench]"\n'
    assert told.out == ""


@pytest.mark.parametrize("flag", ["--repeats", "--leak-steps"])
def test_a_count_below_one_is_refused(capsys, flag):
    assert run("bench", flag, "0") == 2
    assert capsys.readouterr().err == f"mcproxy bench: {flag} 0: expected 1 or more\n"


def test_json_is_one_flat_object_with_the_machine_in_it(monkeypatch, capsys):
    monkeypatch.setitem(bench.MEASURES, ("reset_ms",), lambda args: (0.5,))
    assert run("bench", "--only", "reset_ms", "--json") == 0
    numbers = json.loads(capsys.readouterr().out)
    assert numbers["reset_ms"] == 0.5 and {"cpu", "cpus", "mcproxy_version"} <= set(numbers)
    assert not any(isinstance(value, dict | list) for value in numbers.values())


def test_a_peer_and_ours_take_the_same_number_of_turns_and_leave_no_trace(monkeypatch, capsys, tmp_path):
    turns = []

    @contextlib.contextmanager
    def start():
        print("a peer that talks")
        Path("_peer.ini").touch()
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
        yield lambda: turns.append(cores)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(peers, "STEPS", 2 * peers.NUM_WORLDS)
    monkeypatch.setitem(peers.PEERS, "fake", peers.Peer(start, (8, 12), "nothing"))
    cores = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None
    ratio, steps_per_s = peers.measure("fake", repeats=3)
    assert peers.keys("fake") == ("vs_fake_12x8", "fake_12x8_steps_per_s")
    assert turns == [1, 1, 1] and ratio > 0 and steps_per_s > 0
    assert capsys.readouterr().out == "" and list(tmp_path.iterdir()) == []
    assert cores is None or os.sched_getaffinity(0) == cores


def test_recurrent_ppo_learns_in_our_worlds_with_as_many_weights():
    pytest.importorskip("sb3_contrib")
    from mcproxy.scripts.benchmarks import sb3

    config = RunConfig(ppo=PPOConfig(num_envs=4, num_steps=8, num_minibatches=2), total_timesteps=64)
    worlds = sb3.Worlds(maker(config)(config.ppo.num_envs))
    model = sb3.recurrent_ppo(config, worlds, threads=1)
    ours = make_agent(config, worlds.env.single_action_space.nvec)
    assert sum(p.numel() for p in model.policy.parameters()) == sum(p.numel() for p in ours.parameters())
    before = model.policy.value_net.weight.clone()
    model.learn(64)
    assert model.num_timesteps == 64 and not before.equal(model.policy.value_net.weight)
    first = {}
    for seed in (0, 1):
        worlds.seed(seed)
        first[seed] = worlds.reset()
    assert not any((first[0][i] == first[1][j]).all() for i in range(4) for j in range(4))  # no world is in both
    worlds.close()


@pytest.mark.parametrize("name", peers.PEERS)
def test_an_installed_peer_runs_its_loop(monkeypatch, name):
    if importlib.util.find_spec(name) is None:  # not importorskip: miniworld must not be imported before its options
        pytest.skip(f"needs {name}: pip install -e '.[bench]'")
    monkeypatch.setattr(peers, "STEPS", 2 * peers.NUM_WORLDS)
    assert min(peers.measure(name, repeats=1)) > 0


def test_the_growth_table_has_a_time_for_each_count_and_their_ratio():
    times = growth.step_times(repeats=1, counts=(2, 4, 8), steps=16)
    assert len(times) == 4 and min(times) > 0
    assert times[3] == times[2] / times[0]


def test_the_growth_of_frames_is_the_ratio_of_their_times():
    small, big, ratio = growth.frame_times(repeats=1, small=(12, 8, 12), big=(24, 12, 24), num_worlds=2)
    assert small > 0 and ratio == big / small


def test_a_reset_takes_time():
    assert growth.reset_time(repeats=1, num_worlds=2) > 0


def test_meadows_of_both_sizes_are_equally_dense_and_open_where_the_eye_is():
    shares = []
    for size in (growth.SMALL, growth.BIG):
        missions = [growth.meadow(np.random.default_rng(seed), size) for seed in range(16)]
        assert all(m.blocks.shape == size and m.spawn[1] == 1.0 for m in missions)
        assert all(not m.blocks[int(m.spawn[0]), 1:, int(m.spawn[2])].any() for m in missions)
        assert all((m.blocks[:, 0] == ID["grass"]).all() for m in missions)
        shares.append(np.mean([(m.blocks[1:-1, 1, 1:-1] != 0).mean() for m in missions]))
    assert shares[0] == pytest.approx(shares[1], rel=0.2) and 0.02 < shares[1] < 0.1


def test_resident_memory_counts_what_is_allocated():
    before = growth.resident_mb()
    held = np.ones(40_000_000, dtype=np.uint8)
    assert held.nbytes / 1e6 * 0.9 < growth.resident_mb() - before < held.nbytes / 1e6 * 1.5


@pytest.mark.cli
def test_memory_is_measured_in_a_new_process():
    (leaked,) = bench.remembering("leak_mb(1, num_worlds=2)")
    assert abs(leaked) < 50
    (held,) = bench.remembering("world_mb(num_worlds=64)")
    assert 0 < held < 10


def test_the_malmo_server_is_measured_where_minerl_is_installed(no_peers):
    assert bench.MALMO in bench.MEASURES and bench.MALMO not in bench._chosen([], [])


def test_a_commit_that_the_clone_lacks_is_one_line_with_the_command_that_fetches_it(capsys):
    assert run("bench", "--only", "single_vs_before", "--before", "nowhere") == 2
    told = capsys.readouterr().err.splitlines()[-1]
    assert told == (
        "mcproxy bench: --before nowhere: this clone has no such commit; a shallow clone needs: git fetch --unshallow"
    )


def test_the_ratio_to_an_earlier_build_is_the_median_of_neighbouring_turns(monkeypatch):
    turns = {"now": iter([9.0, 1.0, 2.0, 1.0]), "before": iter([9.0, 2.0, 2.0, 3.0])}  # the first turn does not count
    monkeypatch.setattr(before, "builds", lambda commit: contextlib.nullcontext(("now", "before")))
    monkeypatch.setattr(
        before, "_side", lambda build, what, threads: contextlib.nullcontext(lambda: (next(turns[build]), 6))
    )
    monkeypatch.setattr(before, "TURNS_A_REPEAT", 1)
    assert before.ratio("eval", "commit", repeats=3, threads=1) == (2.0, 3.0)  # of 2, 1 and 3; 6 steps in 2 seconds
