"""Proximal policy optimization (Schulman et al. 2017) for the recurrent agent: advantages, loss, update, run.

A minibatch holds whole sequences of some worlds. Each group processes an equal part of it, in its own thread and with
its own copy of the model; the mean gradient updates one float32 master. The number of threads affects only the speed.
"""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from mcproxy.agent.architectures import make_agent
from mcproxy.agent.config import RunConfig
from mcproxy.agent.model import Agent, chosen, entropy, keep_freed_memory
from mcproxy.agent.rollout import ROLLING_OUT, Group, Rollout
from mcproxy.errors import UserError
from mcproxy.policy import VectorEnv

T = TypeVar("T")

COLLAPSED = 0.005  # of the maximum entropy: about 1 action in 1,000 is not the most likely one
LOSSES = ("policy_loss", "value_loss", "entropy", "approx_kl", "clipfrac")


def gae(
    rewards: Tensor,
    values: Tensor,
    next_values: Tensor,
    terminated: Tensor,
    ended: Tensor,
    discount: float,
    lam: float,
) -> Tensor:
    """Generalized advantage estimates (Schulman et al. 2016, eq. 16).

        d_t = r_t + discount (1 - terminated_t) next_values_t - values_t
        A_t = d_t + discount lam (1 - ended_t) A_{t+1}

    All are (T, N), time first; the result too. `next_values` is the value of the frame that an action led to, before
    any reset: a time-out bootstraps, a termination does not. `ended` = terminated or truncated.
    """
    deltas = rewards + discount * next_values * ~terminated.bool() - values
    kept = discount * lam * (~ended.bool()).to(deltas.dtype)
    advantages, carry = torch.empty_like(deltas), torch.zeros_like(deltas[0])
    for t in reversed(range(len(deltas))):
        advantages[t] = carry = torch.addcmul(deltas[t], kept[t], carry)
    return advantages


def losses(
    log_prob: Tensor,
    old_log_prob: Tensor,
    advantages: Tensor,
    values: Tensor,
    returns: Tensor,
    clip: float,
) -> dict[str, Tensor]:
    """The clipped policy loss (eq. 7) and the value loss 0.5 (v - R)^2, as means, with `approx_kl` and `clipfrac`.

    The estimate of the divergence is (r - 1) - log r (Schulman 2020, "Approximating KL divergence").
    """
    log_ratio = log_prob - old_log_prob
    ratio = log_ratio.exp()
    policy = -torch.min(advantages * ratio, advantages * ratio.clamp(1 - clip, 1 + clip)).mean()
    with torch.no_grad():
        kl, clipped = (ratio - 1 - log_ratio).mean(), ((ratio - 1).abs() > clip).float().mean()
    return {
        "policy_loss": policy,
        "value_loss": 0.5 * (values - returns).square().mean(),
        "approx_kl": kl,
        "clipfrac": clipped,
    }


class Trainer:
    """One training run in memory: worlds, model, optimizer and statistics.

    `make_env(num_envs)` gives one group's environment, stepping in the calling thread alone. `threads` bounds how many
    groups run at once. Call `update` until `done`.
    """

    def __init__(self, config: RunConfig, make_env: Callable[[int], VectorEnv], threads: int | None = None) -> None:
        check_device(config.device)
        self.config, ppo = config, config.ppo
        self.device = torch.device(config.device)
        self.updates, self.seconds = 0, dict.fromkeys((*ROLLING_OUT, "update", "save"), 0.0)
        self.recent: list[tuple[float, int, bool]] = []
        envs = [make_env(ppo.num_envs // ppo.num_groups) for _ in range(ppo.num_groups)]
        width = min(ppo.num_groups, threads or ppo.num_groups)
        self._pool = ThreadPoolExecutor(width, "mcproxy-ppo", torch.set_num_threads, (1,))
        keep_freed_memory()
        torch.set_num_threads(1)
        torch.manual_seed(config.seed)
        self.agent = self._model(envs[0])
        self._most_entropy = float(np.log(envs[0].single_action_space.nvec).sum())
        self.optimizer = torch.optim.Adam(self.agent.parameters(), ppo.learning_rate, eps=ppo.adam_eps, fused=True)
        copies = [self._model(env) for env in envs]
        for copy in copies:
            copy.compute_in(torch.bfloat16 if ppo.bf16 else torch.float32)
        self.rollout = Rollout(ppo, copies[0], config.resolution, self.device)
        edges = range(0, ppo.num_envs + 1, ppo.num_envs // ppo.num_groups)
        parts = [slice(lo, hi) for lo, hi in zip(edges, edges[1:], strict=False)]
        self.groups = [
            Group(e, c, self.rollout, p, ppo.counted_steps) for e, c, p in zip(envs, copies, parts, strict=True)
        ]
        self._share_weights()

    @property
    def steps(self) -> int:
        """Environment steps taken, over all worlds."""
        return self.updates * self.config.ppo.batch_size

    @property
    def done(self) -> bool:
        """Whether all updates of the run are made."""
        return self.updates >= self.config.num_updates

    @property
    def learning_rate(self) -> float:
        """The rate of the next update: from the configured one linearly to 0."""
        return self.config.ppo.learning_rate * (1 - self.updates / self.config.num_updates)

    @property
    def goal_rate(self) -> float | None:
        """The share of the episodes between the latest two restarts of the worlds in which the goal was met.

        Only episodes that began in the first half of that time count: a restart interrupts the longest of the later
        ones, which are mostly failures. None before the second restart, and if one of the counted was interrupted.
        """
        return sum(met for *_, met in self.recent) / len(self.recent) if self.recent else None

    def restart(self) -> None:
        """Restart all worlds and random numbers, from the run's seed and the number of updates made."""
        seeds = np.random.SeedSequence([self.config.seed, self.updates]).spawn(len(self.groups) + 1)
        self._random = torch.Generator().manual_seed(int(seeds[-1].generate_state(1)[0]))
        for group, seed in zip(self.groups, seeds, strict=False):
            group.restart(seed)

    def update(self) -> dict[str, float]:
        """Roll out T steps of all worlds, learn from them, and return the figures by CleanRL's tags.

        A value that is not finite is a `UserError`, raised before the weights change. So is an entropy under
        `COLLAPSED` of the maximum in an agent that meets the goal in less than half of its episodes: it would not
        explore any more.
        """
        ppo, rate = self.config.ppo, self.learning_rate
        began = time.perf_counter()
        if self.updates % ppo.save_every == 0:
            self.restart()
        restarted = time.perf_counter()
        self._each(lambda group: group.collect())
        collected = time.perf_counter()
        if (self.updates + 1) % ppo.save_every == 0:
            cut = any(group.unfinished() for group in self.groups)
            self.recent = [] if cut else [episode for group in self.groups for episode in group.finished]
        for param_group in self.optimizer.param_groups:
            param_group["lr"] = rate
        sums = self._learn()
        goal = self.goal_rate
        if sums["entropy"] < COLLAPSED * self._most_entropy and goal is not None and goal < 0.5:
            state = f"entropy {sums['entropy']:.2g} of {self._most_entropy:.2f}, goal rate {goal:.2f}"
            raise UserError(
                f"training collapsed in update {self.updates} ({state}): it no longer explores and has not learned; "
                f"try a higher --ppo.ent-coef or a lower --ppo.learning-rate"
            )
        self.updates += 1
        ended = time.perf_counter()
        self.seconds["env"] += restarted - began
        self._clock(collected - restarted, ended - collected)
        figures = {
            "charts/episodic_return": _mean([r for r, *_ in self.recent]),
            "charts/episodic_length": _mean([n for _, n, _ in self.recent]),
            "charts/goal_rate": _mean([met for *_, met in self.recent]),
            "charts/learning_rate": rate,
            "charts/SPS": ppo.batch_size / (ended - began),
        }
        return figures | {f"losses/{name}": value for name, value in sums.items()}

    def state(self) -> dict[str, Any]:
        """The state that `restore` takes: tensors and plain data, without the worlds (see `restart`)."""
        return {
            "updates": self.updates,
            "agent": self.agent.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "recent": [list(episode) for episode in self.recent],
            "seconds": dict(self.seconds),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Resume from a `state` taken at a multiple of `save_every` updates, as if the run had not been interrupted."""
        self.agent.load_state_dict(state["agent"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.updates, self.seconds = int(state["updates"]), self.seconds | state["seconds"]
        self.recent = [(float(r), int(n), bool(met)) for r, n, met in state["recent"]]
        self._share_weights()

    def close(self) -> None:
        """Stop the threads and close the environments; safe to call twice."""
        self._pool.shutdown()
        for group in self.groups:
            group.env.close()

    def _learn(self) -> dict[str, float]:
        """All epochs over the roll-out; the mean of each loss, and the variance that the values explain."""
        ppo, roll = self.config.ppo, self.rollout
        rewards, terminated, ended = (x.to(self.device) for x in (roll.rewards, roll.terminated, roll.ended))
        advantages = gae(rewards, roll.values, roll.next_values, terminated, ended, ppo.gamma, ppo.gae_lambda)
        returns = advantages + roll.values
        totals, count = dict.fromkeys(LOSSES, 0.0), ppo.update_epochs * ppo.num_minibatches
        for _ in range(ppo.update_epochs):
            order = torch.randperm(ppo.num_envs, generator=self._random).to(self.device)
            for worlds in order.chunk(ppo.num_minibatches):
                part = advantages[:, worlds]
                mean, spread = part.mean(), part.std() + 1e-8
                shares = list(worlds.chunk(ppo.num_groups))
                figures = self._each(
                    lambda group, share, mean=mean, spread=spread: self._gradients(
                        group.model, share, (advantages[:, share] - mean) / spread, returns[:, share]
                    ),
                    shares,
                )
                means = {name: _mean([f[name] for f in figures]) for name in LOSSES}
                self._step(means)
                totals = {name: totals[name] + means[name] / count for name in LOSSES}
        unexplained = (returns - roll.values).var() / returns.var()
        return totals | {"explained_variance": 1.0 - float(unexplained)}

    def _gradients(self, model: Agent, worlds: Tensor, advantages: Tensor, returns: Tensor) -> dict[str, float]:
        """Leave the gradient of the loss over the sequences of some worlds in `model`, and return the losses."""
        ppo, roll = self.config.ppo, self.rollout
        model.zero_grad(set_to_none=True)
        log_probs, values = model.sequence(
            roll.frames.index_select(1, worlds), roll.state[:, worlds], roll.starts[:, worlds]
        )
        log_prob = chosen(log_probs, roll.actions[:, worlds])
        parts = losses(log_prob, roll.log_probs[:, worlds], advantages, values, returns, ppo.clip_coef)
        parts["entropy"] = entropy(log_probs).mean()
        loss = parts["policy_loss"] - ppo.ent_coef * parts["entropy"] + ppo.vf_coef * parts["value_loss"]
        loss.backward()
        return dict(zip(parts, torch.stack(list(parts.values())).tolist(), strict=True))

    def _step(self, figures: dict[str, float]) -> None:
        """Update the master weights with the mean gradient of the copies, and copy them back."""
        for parameters in zip(self.agent.parameters(), *(g.model.parameters() for g in self.groups), strict=True):
            master, *copies = parameters
            total, *others = (c.grad.float() for c in copies)
            for other in others:
                total += other
            master.grad = total.div_(len(copies))
        norm = nn.utils.clip_grad_norm_(self.agent.parameters(), self.config.ppo.max_grad_norm)
        if not torch.isfinite(norm) or not np.isfinite(list(figures.values())).all():
            values = ", ".join(f"{name} {value:.3g}" for name, value in figures.items())
            raise UserError(
                f"training diverged in update {self.updates} (gradient norm {float(norm):.3g}, {values}): "
                f"try a lower --ppo.learning-rate"
            )
        self.optimizer.step()
        self._share_weights()

    @torch.no_grad()
    def _share_weights(self) -> None:
        for group in self.groups:
            for copy, master in zip(group.model.parameters(), self.agent.parameters(), strict=True):
                copy.copy_(master)

    def _model(self, env: VectorEnv) -> Agent:
        return make_agent(self.config, env.single_action_space.nvec.tolist()).to(self.device)

    def _each(self, work: Callable[..., T], *arguments: list[Tensor]) -> list[T]:
        """The results of `work(group, ...)` for all groups, which run in parallel."""
        return list(self._pool.map(work, self.groups, *arguments))

    def _clock(self, collecting: float, learning: float) -> None:
        """Divide the time of collecting among its parts in proportion to the groups' own clocks."""
        spent = {part: sum(g.seconds[part] for g in self.groups) for part in ROLLING_OUT}
        for part, seconds in spent.items():
            self.seconds[part] += collecting * seconds / sum(spent.values())
        for group in self.groups:
            group.seconds = dict.fromkeys(group.seconds, 0.0)
        self.seconds["update"] += learning


def check_device(device: str) -> None:
    """Raise a `UserError` if torch finds no such device here."""
    if device == "cuda" and not torch.cuda.is_available():
        raise UserError("device 'cuda': torch finds no GPU here; use --device cpu")


def has_bf16() -> bool:
    """Whether this processor multiplies bfloat16 natively (AVX512_BF16, AMX or the like), as far as Linux tells."""
    try:
        flags = Path("/proc/cpuinfo").read_text().split()
    except OSError:
        return False
    return not {"avx512_bf16", "amx_bf16"}.isdisjoint(flags)


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else float("nan")
