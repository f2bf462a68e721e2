"""Activations of every architecture can be read and written by their names."""

import numpy as np
import pytest
import torch

from mcproxy.agent.agent_policy import AgentPolicy
from mcproxy.agent.architectures import ARCHITECTURES
from mcproxy.errors import UserError

FRAMES = np.random.default_rng(0).integers(0, 256, (3, 64, 64, 3), dtype=np.uint8)


def policy_of(arch):
    torch.manual_seed(0)
    return AgentPolicy(ARCHITECTURES[arch]((64, 64), (3, 3, 2), 32, 32), seed=0)


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_every_name_is_recorded_and_recording_changes_nothing(arch):
    plain, traced = policy_of(arch), policy_of(arch)
    for policy, record in ((plain, ()), (traced, traced.names())):
        _, state = policy.predict({"pov": FRAMES}, record=record)
        policy.actions, policy.state = policy.predict({"pov": FRAMES}, state, record=record)
    np.testing.assert_array_equal(plain.actions, traced.actions)
    assert torch.equal(plain.state, traced.state)
    for name in traced.names():
        trace = traced.outputs[f"trace.{name}"]
        assert len(trace) == 3 and trace.dtype == np.float16 and trace[0].size > 1, name


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_what_is_written_is_what_the_heads_see(arch):
    policy = policy_of(arch)
    policy.predict({"pov": FRAMES}, write={"memory": lambda values, worlds: 0 * values}, record=("memory", "log_probs"))
    bias = policy.agent.policy.bias.detach()
    assert not policy.outputs["trace.memory"].any()
    expected = torch.stack([x.log_softmax(0)[:2] for x in bias.split(policy.agent.sizes)])
    np.testing.assert_allclose(policy.outputs["trace.log_probs"][0][:, :2], expected, atol=1e-3)


def test_a_written_state_is_remembered_in_the_next_step():
    policy = policy_of("lstm")
    _, state = policy.predict({"pov": FRAMES}, write={"lstm.h": lambda values, worlds: values + worlds[:, None]})
    plain = policy_of("lstm").predict({"pov": FRAMES})[1]
    np.testing.assert_allclose((state[0] - plain[0])[:, 0], [0.0, 1.0, 2.0], atol=1e-6)
    assert torch.equal(state[1], plain[1])


def test_worlds_that_are_ignored_are_neither_read_nor_written():
    policy, given = policy_of("lstm"), []
    policy.ignore([1])
    write = {"lstm.h": lambda values, worlds: (given.append(worlds.tolist()), values)[1]}
    policy.predict({"pov": FRAMES}, record=("lstm.h",), write=write)
    trace = policy.outputs["trace.lstm.h"]
    assert given == [[0, 2]] and not trace[1].any() and trace[0].any() and trace[2].any()


def test_unknown_names_and_wrong_shapes_are_one_line():
    policy = policy_of("ff")
    with pytest.raises(UserError, match="unknown layer of agent 'lstm.h'"):
        policy.predict({"pov": FRAMES}, record=("lstm.h",))
    with pytest.raises(UserError, match=r"write of 'wide' returned shape \(1,\)"):
        policy.predict({"pov": FRAMES}, write={"wide": lambda values, worlds: np.zeros(1)})
