"""The trainer: its formulas by hand, the memory's masking, and that runs repeat and go on exactly."""

import dataclasses
import typing

import pytest
import torch

from mcproxy.agent.architectures import ARCHITECTURES, make_agent
from mcproxy.agent.architectures.lstm import LstmAgent
from mcproxy.agent.config import ARCHS, PPOConfig, RunConfig, run_config
from mcproxy.agent.model import NEVER, chosen, entropy
from mcproxy.agent.ppo import Trainer, gae, losses
from mcproxy.errors import UserError
from mcproxy.scripts import train
from tests.helpers.cue_env import CueEnv

TINY = PPOConfig(num_envs=4, num_steps=8, num_minibatches=2, hidden=16, lstm=16, bf16=False, save_every=2)
RUN = RunConfig(task="cue", resolution=(36, 36), total_timesteps=4 * TINY.batch_size, ppo=TINY)
LONGER = dataclasses.replace(RUN, total_timesteps=8 * TINY.batch_size)


def trained(config, updates, threads=None, state=None):
    trainer = Trainer(config, CueEnv, threads)
    if state is not None:
        trainer.restore(state)
    figures = [trainer.update() for _ in range(updates)]
    trainer.close()
    return trainer, figures


def assert_same_weights(ours, theirs):
    for name, weight in ours.agent.state_dict().items():
        assert torch.equal(weight, theirs.agent.state_dict()[name]), name


def row(*values):
    return torch.tensor([values])  # (T=1, N)


def test_gae_bootstraps_through_a_timeout_but_not_a_death():
    zero = row(0.0, 0.0)
    advantages = gae(zero, zero, row(10.0, 10.0), row(False, True), row(True, True), discount=0.9, lam=1.0)
    torch.testing.assert_close(advantages, row(9.0, 0.0))  # 0.9 * 10, and nothing after death


def test_gae_of_three_steps_by_hand_stops_at_the_end_of_an_episode():
    column = lambda *values: torch.tensor(values)[:, None]  # (T=3, N=1)  # noqa: E731
    rewards, values, nexts = column(0.0, 0.0, 1.0), column(0.5, 0.4, 0.3), column(0.4, 0.3, 7.0)
    last = column(False, False, True)
    # d = (.9 * .4 - .5, .9 * .3 - .4, 1 - .3) = (-.14, -.13, .7); A = (-.14 + .45 * .185, -.13 + .45 * .7, .7)
    expected = column(-0.05675, 0.185, 0.7)
    torch.testing.assert_close(gae(rewards, values, nexts, last, last, 0.9, 0.5), expected)
    # a time-out in the middle cuts the chain there: A_1 = d_1, A_0 = -.14 + .45 * -.13
    ended = column(False, True, True)
    expected = column(-0.1985, -0.13, 0.7)
    torch.testing.assert_close(gae(rewards, values, nexts, last, ended, 0.9, 0.5), expected)


def test_policy_loss_is_clipped_on_the_side_that_would_gain():
    ratio = torch.tensor([1.5, 1.5, 0.5, 0.5])
    advantages = torch.tensor([1.0, -1.0, 1.0, -1.0])
    told = losses(ratio.log(), torch.zeros(4), advantages, torch.zeros(4), torch.tensor([2.0, 0.0, 0.0, 0.0]), 0.2)
    # min(A r, A clip(r)): 1.2, -1.5, 0.5, -0.8; their mean is -0.15
    assert told["policy_loss"].item() == pytest.approx(0.15)
    assert told["value_loss"].item() == pytest.approx(0.5)  # 0.5 * (2^2 + 0 + 0 + 0) / 4
    assert told["clipfrac"].item() == 1.0
    # (r - 1) - log r: 0.5 - log 1.5 and -0.5 - log 0.5, half each
    assert told["approx_kl"].item() == pytest.approx((0.5 - 0.405465 - 0.5 + 0.693147) / 2, abs=1e-5)


def test_log_probability_and_entropy_sum_over_controls_of_unequal_size():
    third, half = torch.full((3,), 1 / 3).log(), torch.cat([torch.full((2,), 0.5).log(), torch.tensor([NEVER])])
    log_probs = torch.stack([third, half])[None]  # (1, C=2, K=3), the second control has two choices
    assert chosen(log_probs, torch.tensor([[2, 0]])).exp().item() == pytest.approx(1 / 6)
    assert entropy(log_probs).exp().item() == pytest.approx(6.0)  # as of six equal choices


def test_a_choice_that_a_control_lacks_is_never_taken():
    agent = LstmAgent((36, 36), (3, 2), 8, 8)
    frames, starts = torch.zeros(5, 36, 36, 3, dtype=torch.uint8), torch.ones(5, dtype=torch.bool)
    log_probs, values, state = agent.step(frames, agent.initial_state(5), starts)
    assert log_probs.shape == (5, 2, 3) and values.shape == (5,) and state.shape == (2, 5, 8)
    assert (log_probs[:, 1, 2] < NEVER / 2).all()
    torch.testing.assert_close(log_probs.exp().sum(-1), torch.ones(5, 2))


@pytest.mark.parametrize("arch", ARCHITECTURES)
@pytest.mark.parametrize("often", [0.0, 0.2, 1.0])
def test_one_call_over_a_sequence_is_step_by_step_with_the_memory_emptied_at_starts(arch, often):
    torch.manual_seed(0)
    agent = make_agent(dataclasses.replace(RUN, arch=arch), (3, 2))
    frames = torch.randint(0, 256, (70 + 12, 5, 36, 36, 3), dtype=torch.uint8)
    starts, state = torch.rand(len(frames), 5) < often, agent.initial_state(5)
    for t in range(70):  # more than any architecture looks back on
        _, _, state = agent.step(frames[t], state, starts[t])
    log_probs, values = agent.sequence(frames[70:], state, starts[70:])
    for t in range(12):
        step_log_probs, step_values, state = agent.step(frames[70 + t], state, starts[70 + t])
        torch.testing.assert_close(log_probs[t], step_log_probs, atol=1e-5, rtol=0)
        torch.testing.assert_close(values[t], step_values, atol=1e-5, rtol=0)


@pytest.mark.parametrize("arch", [arch for arch in ARCHITECTURES if arch != "ff"])
def test_no_gradient_passes_the_beginning_of_an_episode(arch):
    torch.manual_seed(0)
    agent = make_agent(dataclasses.replace(RUN, arch=arch), (3, 2))
    frames, state = torch.randint(0, 256, (5, 2, 36, 36, 3), dtype=torch.uint8), agent.initial_state(2)
    goes_on = torch.zeros(5, 2, dtype=torch.bool)
    _, _, state = agent.step(frames[4], state, goes_on[0])  # so that there is something to remember
    state, starts = state.detach().requires_grad_(), goes_on[:4].clone()
    starts[2, 0] = True  # world 0 begins anew, world 1 goes on
    _, values = agent.sequence(frames[:4], state, starts)
    (grad,) = torch.autograd.grad(values[3].sum(), state)
    assert (grad[:, 0] == 0).all() and (grad[:, 1] != 0).any()


def test_architectures_are_about_as_large_as_the_default():
    sizes = {
        arch: sum(p.numel() for p in make_agent(RunConfig(arch=arch), (2, 3, 2)).parameters()) for arch in ARCHITECTURES
    }
    assert tuple(sizes) == ARCHS == typing.get_args(typing.get_type_hints(train.Args)["arch"])
    assert sizes["lstm"] == 680_280
    assert all(sizes["lstm"] / 2 <= size <= 2 * sizes["lstm"] for size in sizes.values()), sizes


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def test_a_timeout_is_worth_the_value_of_its_last_frame_with_the_memory_it_ended_with(device):
    trainer = Trainer(dataclasses.replace(RUN, device=device), lambda num_envs: CueEnv(num_envs, hurried=0.5))
    trainer.restart()
    agent, roll, part = trainer.groups[0].model, trainer.rollout, trainer.groups[0].part
    trainer.groups[0].collect()
    first = {name: getattr(roll, name)[:, part].clone() for name in vars(roll) if name != "state"}
    state = roll.state[:, part].clone()
    trainer.groups[0].collect()  # with the same weights
    trainer.close()
    black = torch.zeros(2, 36, 36, 3, dtype=torch.uint8, device=device)  # final frames are black
    truncated = first["ended"] & ~first["terminated"]
    assert truncated.any() and first["terminated"].any() and not truncated[-1].all()
    values_after = torch.cat([first["values"][1:], roll.values[:1, part]])
    for t in range(8):
        _, values, state = agent.step(first["frames"][t], state, first["starts"][t])
        torch.testing.assert_close(values, first["values"][t])
        _, final, _ = agent.step(black, state, torch.zeros(2, dtype=torch.bool, device=device))
        expected = torch.where(truncated[t].to(device), final, values_after[t])
        torch.testing.assert_close(first["next_values"][t], expected)


def test_the_learning_rate_falls_linearly():
    _, figures = trained(RUN, 4)
    assert [f["charts/learning_rate"] for f in figures] == pytest.approx([5e-4, 3.75e-4, 2.5e-4, 1.25e-4])


@pytest.mark.parametrize("bf16", [False, True])
def test_the_same_seed_gives_the_same_weights_on_any_number_of_threads(bf16):
    first, figures = trained(LONGER.in_precision(bf16), 8, threads=1)
    again, same = trained(LONGER.in_precision(bf16), 8, threads=2)
    assert_same_weights(first, again)
    assert [f["losses/value_loss"] for f in figures] == [f["losses/value_loss"] for f in same]
    other, _ = trained(dataclasses.replace(LONGER.in_precision(bf16), seed=1), 8)
    assert not torch.equal(first.agent.policy.weight, other.agent.policy.weight)


@pytest.mark.parametrize("bf16", [False, True])
def test_a_restored_run_goes_on_to_the_weights_of_an_unbroken_one(bf16):
    config = LONGER.in_precision(bf16)
    unbroken, figures = trained(config, 8)
    half, _ = trained(config, 4)
    resumed, rest = trained(config, 4, state=half.state())
    assert_same_weights(unbroken, resumed)
    assert unbroken.recent == resumed.recent and resumed.done
    speed = "charts/SPS"
    assert [f | {speed: 0} for f in rest] == [f | {speed: 0} for f in figures[4:]]


def rolled_out(groups):
    """A trainer of so many groups in the middle of an update: the very roll-out is the same for all, so are weights."""
    ppo = dataclasses.replace(TINY, num_groups=groups, ent_coef=0.3, vf_coef=0.7, max_grad_norm=1e9)
    trainer = Trainer(dataclasses.replace(RUN, ppo=ppo), CueEnv)
    trainer.restart()
    generator, roll, agent = torch.Generator().manual_seed(0), trainer.rollout, trainer.agent
    with torch.no_grad():
        agent.policy.weight.copy_(torch.randn(agent.policy.weight.shape, generator=generator) / 4)
    trainer._share_weights()
    shape = roll.values.shape
    roll.frames.copy_(torch.randint(256, roll.frames.shape, generator=generator, dtype=torch.uint8))
    roll.actions.copy_(torch.randint(2, roll.actions.shape, generator=generator))
    roll.starts.copy_(torch.rand(shape, generator=generator) < 0.2)
    roll.log_probs.copy_(-torch.rand(shape, generator=generator) - 1)
    advantages, returns = (torch.randn(shape, generator=generator) for _ in range(2))
    return trainer, advantages, returns


@pytest.mark.parametrize("groups", [1, 2])
def test_the_master_gets_the_gradient_of_the_loss_over_the_whole_minibatch(groups):
    """policy loss - 0.3 entropy + 0.7 value loss, written out here over all four sequences at once."""
    trainer, advantages, returns = rolled_out(groups)
    roll, agent = trainer.rollout, trainer.agent
    for group, worlds in zip(trainer.groups, torch.arange(4).chunk(groups), strict=True):
        trainer._gradients(group.model, worlds, advantages[:, worlds], returns[:, worlds])
    trainer._step({})
    found = {name: p.grad.clone() for name, p in agent.named_parameters()}
    with torch.no_grad():  # the step has moved the weights
        for parameter, before in zip(agent.parameters(), rolled_out(groups)[0].agent.parameters(), strict=True):
            parameter.copy_(before)
    agent.zero_grad()
    log_probs, values = agent.sequence(roll.frames, roll.state, roll.starts)
    ratio = (log_probs.gather(-1, roll.actions[..., None]).sum((-1, -2)) - roll.log_probs).exp()
    gained = torch.minimum(ratio * advantages, ratio.clamp(0.8, 1.2) * advantages).mean()
    spread = -(log_probs.exp() * log_probs).sum((-1, -2)).mean()
    (-gained - 0.3 * spread + 0.7 * 0.5 * (values - returns).square().mean()).backward()
    trainer.close()
    for name, parameter in agent.named_parameters():
        assert torch.allclose(found[name], parameter.grad, rtol=1e-4, atol=1e-6), name
    assert found["policy.weight"].abs().max() > 1e-3 < found["conv0.weight"].abs().max()


def test_the_gradient_is_clipped_to_its_greatest_norm():
    trainer, advantages, returns = rolled_out(2)
    trainer.config = dataclasses.replace(RUN, ppo=dataclasses.replace(trainer.config.ppo, max_grad_norm=0.01))
    for group, worlds in zip(trainer.groups, torch.arange(4).chunk(2), strict=True):
        trainer._gradients(group.model, worlds, advantages[:, worlds], returns[:, worlds])
    trainer._step({})
    trainer.close()
    norm = torch.stack([p.grad.norm() for p in trainer.agent.parameters()]).norm()
    assert float(norm) == pytest.approx(0.01, rel=1e-4)


def test_bfloat16_copies_move_float32_masters():
    trainer, _ = trained(RUN.in_precision(True), 2)
    dtypes = {p.dtype for p in trainer.agent.parameters()}
    assert dtypes == {torch.float32} and trainer.groups[0].model.dtype == torch.bfloat16


def test_divergence_stops_the_run_and_names_the_figures():
    config = dataclasses.replace(RUN, ppo=dataclasses.replace(TINY, learning_rate=1e38))
    with pytest.raises(UserError, match="diverged in update .* nan.*lower --ppo.learning-rate"):
        trained(config, 2)


def test_an_agent_that_neither_explores_nor_has_learned_stops_the_run():
    trainer = Trainer(RUN, lambda num_envs: CueEnv(num_envs, length=8))
    with torch.no_grad():
        trainer.agent.policy.bias[[0, 3]] = 100.0  # always the same choices, of which the first is never right
    trainer._share_weights()
    with pytest.raises(UserError, match="collapsed in update 1 .*entropy .* of 1.79, goal rate 0.*--ppo.ent-coef"):
        while True:
            trainer.update()  # the first tells no goal rate
    trainer.close()


def test_there_is_no_goal_rate_if_a_restart_cut_episodes_that_it_would_be_of():
    """Episodes of 12 steps, restarts every 2 x 8: all that began in the first half end, of 24 steps none does."""
    for length, is_known in ((12, True), (24, False)):
        trainer = Trainer(RUN, lambda num_envs, length=length: CueEnv(num_envs, length=length, hurried=0.0))
        trainer.update()
        trainer.update()
        trainer.close()
        assert (trainer.goal_rate is not None) == is_known


def test_the_goal_rate_is_of_episodes_that_no_restart_can_have_cut():
    """Worlds restart every 2 x 8 steps: of two episodes of 8 steps in each, the first began in the first half."""
    trainer = Trainer(RUN, lambda num_envs: CueEnv(num_envs, length=8, hurried=0.0))
    assert [trainer.goal_rate, trainer.update(), trainer.goal_rate][::2] == [None, None]
    trainer.update()
    trainer.close()
    assert [steps for _, steps, _ in trainer.recent] == [8] * TINY.num_envs
    assert trainer.goal_rate == sum(met for *_, met in trainer.recent) / TINY.num_envs


@pytest.mark.parametrize(
    "wrong, said",
    [
        ({"num_envs": 0}, "num_envs=0: expected 1 or more"),
        ({"num_envs": 6}, "num_envs=6: expected a multiple of num_minibatches x num_groups = 8"),
        (
            {"num_steps": 1, "num_envs": 8, "num_minibatches": 8, "num_groups": 1},
            "num_steps=1: expected 2 or more: advantages are scaled by their spread in a minibatch",
        ),
        ({"learning_rate": float("nan")}, "learning_rate=nan: expected a number above 0"),
        ({"gamma": 1.5}, "gamma=1.5: expected 0 to 1"),
    ],
)
def test_settings_out_of_range_are_refused_in_one_line(wrong, said):
    with pytest.raises(UserError) as error:
        PPOConfig(**wrong)
    assert str(error.value) == said


@pytest.mark.parametrize(
    "wrong, said",
    [
        ({"sed": 0}, "did you mean 'seed'"),
        ({"seed": "0"}, "seed of the run is '0'"),
        ({"ppo": {"num_steps": 1.5}}, "num_steps of ppo is 1.5"),
        ({"total_timesteps": 5}, "total_timesteps=5: expected at least one roll-out of 4096 steps"),
        ([], "got list"),
    ],
)
def test_stored_settings_are_read_strictly(wrong, said):
    with pytest.raises(UserError, match=said):
        run_config(wrong)
    assert run_config(RUN.to_json()) == RUN


def recalling(bf16, arch="lstm", device="cpu"):
    """A trainer that is done with the task to recall a colour; half way, another one took over."""
    ppo = PPOConfig(num_envs=32, num_steps=32, hidden=64, lstm=64, bf16=bf16, learning_rate=2e-3)
    config = RunConfig(task="cue", resolution=(36, 36), total_timesteps=200_000, device=device, arch=arch, ppo=ppo)
    trainers = [Trainer(config, lambda num_envs: CueEnv(num_envs, length=8, hurried=0.0)) for _ in range(2)]
    while trainers[0].updates < 100:
        trainers[0].update()
    trainers[1].restore(trainers[0].state())
    while not trainers[1].done:
        trainers[1].update()
    for trainer in trainers:
        trainer.close()
    return trainers[1]


@pytest.mark.slow
@pytest.mark.parametrize("arch, bf16", [("lstm", False), ("lstm", True), ("ff", False)])
def test_a_colour_is_recalled_with_memory_and_guessed_without(arch, bf16):
    trainer = recalling(bf16, arch)
    episodes = len(trainer.recent)
    if arch == "ff":
        assert abs(trainer.goal_rate - 0.5) < 3 * (0.25 / episodes) ** 0.5  # a coin, within three standard errors
    else:
        assert trainer.goal_rate >= 0.95


@pytest.mark.gpu
@pytest.mark.parametrize("bf16", [False, True])
def test_a_colour_is_recalled_on_a_gpu(bf16):
    trainer = recalling(bf16, device="cuda")
    assert trainer.rollout.frames.is_cuda and trainer.agent.policy.weight.is_cuda
    assert trainer.goal_rate >= 0.95
