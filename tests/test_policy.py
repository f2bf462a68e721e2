"""Policies: what comes with mcproxy, how a name becomes one, and that an episode does not depend on its batch."""

import json

import numpy as np
import pytest
import torch

from mcproxy.agent import checkpoint
from mcproxy.agent.agent_policy import AgentPolicy
from mcproxy.agent.architectures.lstm import LstmAgent
from mcproxy.agent.config import PPOConfig, RunConfig
from mcproxy.env import VoxelVectorEnv
from mcproxy.errors import UserError
from mcproxy.experts import Expert
from mcproxy.load_policy import SHIPPED, load_policy, shipped
from mcproxy.policy import Policy, RandomPolicy

SMALL = (36, 36)
FACTORIES = """
from mcproxy.policy import RandomPolicy

def make(env):
    return RandomPolicy(env.single_action_space.nvec, 5)

def nothing(env):
    return 3

def failing(env):
    raise KeyError("lost")
"""


@pytest.fixture(scope="module")
def env():
    return VoxelVectorEnv(3, resolution=SMALL, autoreset_mode="Disabled")


def agent(bias=0.0):
    torch.manual_seed(0)
    made = LstmAgent(SMALL, (2, 3, 2), 16, 16)
    torch.nn.init.orthogonal_(made.policy.weight, 3.0)  # away from the near-uniform beginning
    return made


def saved(path, env):
    run = RunConfig(resolution=SMALL, ppo=PPOConfig(hidden=16, lstm=16))
    checkpoint.save(path, agent(), checkpoint.describe(run, env, 0))
    return path


def play(policy, num, layouts, steps=6, deterministic=False):
    """What a policy does and says in `num` worlds of noise; world i's frames depend on its layout alone."""
    frames = [np.random.default_rng(s).integers(0, 256, (steps, *SMALL, 3), dtype=np.uint8) for s in layouts]
    policy.begin(None, list(range(num)), layouts)
    state, start, told = None, np.ones(num, dtype=bool), []
    for t in range(steps):
        obs = {"pov": np.stack([f[t] for f in frames])}
        actions, state = policy.predict(obs, state, start, deterministic)
        told.append((actions, *getattr(policy, "outputs", {}).values()))
        start = np.full(num, t == 2)  # all begin anew at step 3
    return [np.stack(parts) for parts in zip(*told, strict=True)]


@pytest.mark.parametrize("make", [lambda: RandomPolicy((2, 3, 2), 7), lambda: AgentPolicy(agent(), seed=7)])
def test_an_episode_does_not_depend_on_the_batch_that_it_ran_in(make):
    together = play(make(), 37, list(range(100, 137)))
    for i in (0, 15, 16, 36):
        for all_worlds, alone in zip(together, play(make(), 1, [100 + i]), strict=True):
            assert np.array_equal(all_worlds[:, i], alone[:, 0])  # to the last bit


@pytest.mark.parametrize("make", [lambda s: RandomPolicy((2, 3, 2), s), lambda s: AgentPolicy(agent(), seed=s)])
def test_the_seed_decides_what_is_drawn(make):
    first, again, other = (play(make(s), 4, [1, 2, 3, 4])[0] for s in (0, 0, 1))
    assert np.array_equal(first, again) and not np.array_equal(first, other)
    assert (first.max(axis=(0, 1)) <= (1, 2, 1)).all() and first.min() == 0 and first.dtype == np.int64


def test_an_agent_samples_as_its_probabilities_say_and_its_likeliest_when_deterministic():
    acting = AgentPolicy(agent())
    frames = np.repeat(np.random.default_rng(0).integers(0, 256, (1, *SMALL, 3), dtype=np.uint8), 4000, 0)
    with torch.no_grad():
        starts, state = torch.ones(1, dtype=torch.bool), acting.agent.initial_state(1)
        log_probs, values, _ = acting.agent.step(torch.from_numpy(frames[:1]), state, starts)
    actions, _ = acting.predict({"pov": frames})
    expected = log_probs.exp()[0, 0].numpy()  # of "move"
    drawn = np.bincount(actions[:, 0], minlength=3) / 4000
    np.testing.assert_allclose(drawn, expected, atol=4 * 0.5 / 4000**0.5)  # four standard deviations at most
    first = log_probs[0].gather(1, torch.from_numpy(actions[0])[:, None]).sum()
    assert acting.outputs["log_prob"][0] == pytest.approx(float(first), abs=1e-5)
    assert acting.outputs["value"][0] == pytest.approx(float(values), abs=1e-5)
    likeliest, _ = acting.predict({"pov": frames[:2]}, deterministic=True)
    assert (likeliest == log_probs.argmax(-1).numpy()).all()


def test_an_agent_remembers_within_an_episode_and_forgets_at_its_start():
    acting, rng = AgentPolicy(agent()), np.random.default_rng(0)
    first, second = ({"pov": rng.integers(0, 256, (2, *SMALL, 3), dtype=np.uint8)} for _ in range(2))
    _, state = acting.predict(first, None, np.ones(2, dtype=bool))
    acting.predict(second, state, np.array([True, False]))
    remembered = acting.outputs["value"]
    acting.predict(second, None)
    assert remembered[0] == acting.outputs["value"][0] and remembered[1] != acting.outputs["value"][1]


def test_names_become_policies(env, tmp_path, monkeypatch):
    monkeypatch.setattr("mcproxy.load_policy.SHIPPED", tmp_path / "shipped")
    saved(tmp_path / "shipped" / "beacon-mine", env)
    saved(tmp_path / "run", env)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my_policies.py").write_text(FACTORIES)
    made = {
        spec: load_policy(spec, env)
        for spec in ("random", "expert:goal", "expert:beacon", "beacon-mine", str(tmp_path / "run"), "my_policies:make")
    }
    assert all(isinstance(p, Policy) for p in made.values())
    names = ["random", "expert:goal", "expert:beacon", "beacon-mine", "run", "random"]
    assert [getattr(p, "name", None) for p in made.values()] == names
    agent = made["beacon-mine"]
    assert isinstance(made["expert:beacon"], Expert) and isinstance(agent, AgentPolicy)
    assert agent.config["checkpoint"]["steps"] == 0


@pytest.mark.parametrize(
    "spec, said",
    [
        ("rndom", "unknown policy 'rndom'; did you mean 'random'"),
        ("expert:gaol", "did you mean 'goal'"),
        ("runs/none", "policy 'runs/none': no such folder"),
        ("nomodule_here:make", "cannot import nomodule_here"),
        ("my_policies:mke", "unknown factory in module my_policies 'mke'; did you mean 'make'"),
        ("my_policies:nothing", "returned int, which has no predict method"),
        ("my_policies:failing", "the factory raised KeyError: 'lost'"),
        ("broken:make", "cannot import broken"),
        (".", "has no config.json"),
    ],
)
def test_names_that_are_none_are_told_in_one_line(env, tmp_path, monkeypatch, spec, said):
    (tmp_path / "my_policies.py").write_text(FACTORIES)
    (tmp_path / "broken.py").write_text("def make(:\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UserError) as error:
        load_policy(spec, env)
    assert said in str(error.value) and "\n" not in str(error.value)


def test_an_agent_for_another_resolution_is_refused(env, tmp_path):
    saved(tmp_path, env)
    other = VoxelVectorEnv(1, resolution=(48, 48), autoreset_mode="Disabled")
    with pytest.raises(UserError, match="frames of 36 x 36, this environment shows 48 x 48"):
        load_policy(str(tmp_path), other)


@pytest.mark.parametrize("other", [{"fov_deg": 90.0}, {"action_repeat": 2}])
def test_an_agent_for_another_view_or_action_repeat_is_refused(env, tmp_path, other):
    saved(tmp_path, env)
    there = VoxelVectorEnv(1, resolution=SMALL, autoreset_mode="Disabled", **other)
    with pytest.raises(UserError, match=f"was trained with {next(iter(other))}"):
        load_policy(str(tmp_path), there)


def test_shipped_agents_load():
    for name in shipped():
        task = json.loads((SHIPPED / name / "config.json").read_text())["task"]["name"]
        assert name.startswith(f"{task}-")
        agent = load_policy(name, VoxelVectorEnv(1, task, autoreset_mode="Disabled"))
        assert isinstance(agent, AgentPolicy) and agent.name == name


def test_an_ignored_world_changes_nothing_for_the_others():
    together, sparing = AgentPolicy(agent()), AgentPolicy(agent())
    rng, states = np.random.default_rng(0), [None, None]
    for acting in (together, sparing):
        acting.begin(None, [0, 1, 2], [7, 8, 9])
    sparing.ignore([1])
    for step in range(4):
        obs = {"pov": rng.integers(0, 256, (3, *SMALL, 3), dtype=np.uint8)}
        start = np.full(3, step == 0)
        (all_acted, states[0]), (acted, states[1]) = (
            acting.predict(obs, state, start) for acting, state in zip((together, sparing), states, strict=True)
        )
        assert np.array_equal(acted[[0, 2]], all_acted[[0, 2]]) and not acted[1].any()
        assert np.array_equal(sparing.outputs["value"][[0, 2]], together.outputs["value"][[0, 2]])
