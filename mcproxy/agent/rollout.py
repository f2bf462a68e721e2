"""Roll-outs: groups of worlds which step through T steps with the current policy, each in a thread of its own.

While one group steps and draws its worlds, another runs the model, so two groups keep two cores busy and rarely wait
for each other. Each group owns a copy of the model in the dtype of the computation.
"""

import time
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mcproxy.agent.config import PPOConfig
from mcproxy.agent.model import Agent, chosen
from mcproxy.mission import GOAL, SEED_RANGE
from mcproxy.policy import VectorEnv

ROLLING_OUT = ("env", "render", "forward")  # the parts of a roll-out's time: worlds, their frames, the model


class Rollout:
    """The buffers of one roll-out of N worlds over T steps, made once and reused; time comes first.

    frames (T, N, H, W, 3) uint8 · starts (T, N) bool, the frame begins an episode · actions (T, N, C) int64 ·
    log_probs, values, rewards, next_values (T, N) float32 · terminated, ended (T, N) bool · state (S, N, any), the
    memory before the first step. `next_values` is the value of the frame that an action led to, before any reset.
    Rewards, terminated and ended stay on the host; everything else is on the device.
    """

    def __init__(self, config: PPOConfig, agent: Agent, resolution: tuple[int, int], device: torch.device) -> None:
        shape = (config.num_steps, config.num_envs)
        self.frames = torch.zeros(*shape, *resolution, 3, dtype=torch.uint8, device=device)
        self.actions = torch.zeros(*shape, len(agent.sizes), dtype=torch.int64, device=device)
        self.starts = torch.zeros(shape, dtype=torch.bool, device=device)
        self.log_probs, self.values, self.next_values = (torch.zeros(shape, device=device) for _ in range(3))
        self.rewards = torch.zeros(shape)
        self.terminated, self.ended = (torch.zeros(shape, dtype=torch.bool) for _ in range(2))
        self.state = agent.initial_state(config.num_envs)


class Group:
    """A share of the worlds (columns `part` of the roll-out) with a copy of the model and random numbers of its own.

    `env` is a gymnasium `VectorEnv` of pixels in autoreset mode SAME_STEP. `finished` holds (return, steps, whether the
    goal was met) of the episodes that began within `counted` steps of the last restart and have ended; `seconds` the
    time spent on each of `ROLLING_OUT`.
    """

    def __init__(self, env: VectorEnv, model: Agent, rollout: Rollout, part: slice, counted: int) -> None:
        self.env, self.model, self.part, self.counted = env, model, part, counted
        self.finished: list[tuple[float, int, bool]] = []
        self.seconds = dict.fromkeys(ROLLING_OUT, 0.0)
        self._rollout, self._device = rollout, rollout.frames.device
        self._random = torch.Generator(self._device)
        size = env.num_envs * (rollout.frames[0, 0].numel() + 1)
        self._packed = torch.empty(size, dtype=torch.uint8, pin_memory=self._device.type == "cuda")
        self._returns, self._steps = np.zeros(env.num_envs), np.zeros(env.num_envs, dtype=np.int64)

    def restart(self, seeds: np.random.SeedSequence) -> None:
        """Restart all worlds and random numbers: the rest depends only on `seeds` and the weights."""
        num = self.env.num_envs
        drawn = [int(s) for s in seeds.generate_state(num + 1, np.uint64) % SEED_RANGE]
        self._random.manual_seed(drawn[num])
        self._obs, _ = self.env.reset(seed=drawn[:num])
        self._start = np.ones(num, dtype=bool)
        self._state = self.model.initial_state(num)
        self._returns[:], self._steps[:], self._age = 0.0, 0, 0
        self.finished.clear()

    @torch.no_grad()
    def collect(self) -> None:
        """Fill this group's columns of the roll-out with its next T steps."""
        to, part = self._rollout, self.part
        bootstraps: list[tuple[int, np.ndarray, Tensor]] = []
        to.state[:, part] = self._state
        began, drawn_before, in_env = time.perf_counter(), self._drawing(), 0.0
        for t in range(len(to.frames)):
            to.frames[t, part], to.starts[t, part] = frames, starts = self._send()
            log_probs, to.values[t, part], self._state = self.model.step(frames, self._state, starts)
            actions = self._sample(log_probs)
            to.actions[t, part], to.log_probs[t, part] = actions, chosen(log_probs, actions)
            choices = actions.cpu().numpy()
            before = time.perf_counter()
            self._obs, rewards, terminated, truncated, infos = self.env.step(choices)
            in_env += time.perf_counter() - before
            self._start = terminated | truncated
            to.rewards[t, part], to.terminated[t, part] = torch.from_numpy(rewards), torch.from_numpy(terminated)
            to.ended[t, part] = torch.from_numpy(self._start)
            self._count(rewards, self._start, infos)
            if truncated.any():
                worlds = np.flatnonzero(truncated)
                final = torch.from_numpy(np.stack([infos["final_obs"][i]["pov"] for i in worlds])).to(self._device)
                bootstraps.append((t, worlds, self._value(final, self._state[:, worlds])))
        to.next_values[:-1, part] = to.values[1:, part]
        frames, starts = self._send()
        to.next_values[-1, part] = self.model.step(frames, self._state, starts)[1]
        for t, worlds, values in bootstraps:
            to.next_values[t, part][worlds] = values
        drawing = self._drawing() - drawn_before
        self.seconds["env"] += in_env - drawing
        self.seconds["render"] += drawing
        self.seconds["forward"] += time.perf_counter() - began - in_env

    def _send(self) -> tuple[Tensor, Tensor]:
        """The latest frames (N, H, W, 3) uint8 and starts (N,) bool on the device, by one copy of one pinned buffer.

        On the processor they are that buffer, until the next call; a device has its copy when the actions come back.
        """
        num, frames = self.env.num_envs, self._obs["pov"]
        here = self._packed.numpy()
        here[:-num], here[-num:] = frames.reshape(-1), self._start
        there = self._packed.to(self._device, non_blocking=True)
        return there[:-num].view(frames.shape), there[-num:].bool()

    def _drawing(self) -> float:
        """Seconds that the environment has spent on frames, or 0 if it does not measure them."""
        return getattr(self.env, "seconds_drawing", 0.0)

    def _sample(self, log_probs: Tensor) -> Tensor:
        """Choices (N, C) drawn from log-probabilities (N, C, K), by the Gumbel trick."""
        noise = torch.empty_like(log_probs).exponential_(generator=self._random)
        return (log_probs - noise.log_()).argmax(-1)

    def _value(self, frames: Tensor, state: Tensor) -> Tensor:
        """The values of frames that continue the episodes in `state`."""
        going_on = torch.zeros(len(frames), dtype=torch.bool, device=self._device)
        return self.model.step(frames, state, going_on)[1]

    def unfinished(self) -> int:
        """The number of unfinished episodes among those that began within `counted` steps of the last restart."""
        return int((self._age - self._steps < self.counted).sum())

    def _count(self, rewards: np.ndarray, ended: np.ndarray, infos: dict[str, Any]) -> None:
        """Add up returns and lengths; without `met` in the infos, a positive return means that the goal was met."""
        self._returns += rewards
        self._steps += 1
        self._age += 1
        met = infos["final_info"]["met"][GOAL] >= 0 if ended.any() and "final_info" in infos else self._returns > 0
        for i in np.flatnonzero(ended):
            if self._age - self._steps[i] < self.counted:
                self.finished.append((float(self._returns[i]), int(self._steps[i]), bool(met[i])))
            self._returns[i], self._steps[i] = 0.0, 0
