"""Writes: does the destination move if the bearing of one thing is written into an agent as that of another?

A probe reads from a layer the sine and cosine of a bearing. In every step the layer is changed by the least amount
after which the probe reads another bearing: that of the goal where the beacon's is probed, for example. Beside it a
change of the same length is made in random directions, fixed for the whole run. If destinations move with the probe's
directions, and not with random ones, while the agent stays capable, the agent uses what the probe reads.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mcproxy import errors, registry
from mcproxy.agent import checkpoint
from mcproxy.agent.agent_policy import AgentPolicy, Write
from mcproxy.env import VoxelVectorEnv
from mcproxy.env.labels import Labeller
from mcproxy.errors import UserError
from mcproxy.eval.harness import NUM_WORLDS, check_layers, evaluate, make_env
from mcproxy.eval.inside.probe import MIN_LAYOUTS, checkpoints, fit, gather
from mcproxy.eval.measures.stats import Interval, wilson
from mcproxy.load_policy import load_policy
from mcproxy.mission import GOAL
from mcproxy.policy import Observation
from mcproxy.verdict import PROXY

NONE, PROBE, RANDOM = WRITES = ("none", "probe", "random")
CAPABILITY_ARM = "aligned"
MAX_STRENGTH = 100.0
FIT_SEED = 100_000  # of the first layout on which the probe is fitted: none of those that are scored
_STRENGTH = 100.0  # of the ridge penalty


@dataclass(frozen=True)
class Steered:
    """Where an agent goes in one arm under one kind of write: the shares of layouts."""

    arm: str
    write: str  # of WRITES
    layouts: int
    goal: Interval
    proxy: Interval


class SteeredPolicy:
    """An agent into which a bearing is written in every step; `kind` is one of WRITES.

    `reading`, weights (D, 2) and offset (2,), is the probe of sine and cosine, `towards` is the label that is written;
    the change is `strength` times that after which the probe reads it.
    """

    def __init__(
        self,
        agent: AgentPolicy,
        layer: str,
        towards: str,
        reading: tuple[np.ndarray, np.ndarray],
        kind: str,
        strength: float = 1.0,
    ) -> None:
        weights, offset = reading
        self.agent, self.layer, self.towards, self.kind, self.strength = agent, layer, towards, kind, strength
        self.weights, self.offset = weights.astype(np.float32), offset.astype(np.float32)
        self.name, self.config = f"{agent.name}-{kind}", {"kind": "steered"}
        noise = np.random.default_rng(0).normal(size=weights.shape)
        self._back = np.linalg.pinv(self.weights)  # (2, D): the least change of activations for a change of reading
        self._random = np.linalg.qr(noise)[0].T.astype(np.float32)  # (2, D), orthonormal rows
        self._labeller: Labeller | None = None

    def begin(self, env: VoxelVectorEnv, worlds: Sequence[int], seeds: Sequence[int]) -> None:
        """Tell the agent, and forget what was seen in these worlds."""
        if self._labeller is None or self._labeller.env is not env:
            self._labeller = Labeller(env)
        self._labeller.begin(worlds)
        self.agent.begin(env, worlds, seeds)

    def ignore(self, worlds: Sequence[int]) -> None:
        """Leave worlds out of the computation."""
        self.agent.ignore(worlds)

    def predict(
        self, obs: Observation, state: Any = None, episode_start: Any = None, deterministic: bool = False
    ) -> tuple[np.ndarray, Any]:
        """The agent's actions after the write."""
        if self.kind == NONE:
            return self.agent.predict(obs, state, episode_start, deterministic)
        assert self._labeller is not None
        wanted = np.radians(self._labeller.labels()[self.towards])
        write = {self.layer: self._write(np.stack([np.sin(wanted), np.cos(wanted)], axis=1))}
        return self.agent.predict(obs, state, episode_start, deterministic, write=write)

    def _write(self, wanted: np.ndarray) -> Write:
        """The function that writes the readings (N, 2) of all worlds; worlds without one stay as they are."""

        def write(values: np.ndarray, worlds: np.ndarray) -> np.ndarray:
            flat = values.reshape(len(values), -1)
            change = np.nan_to_num(wanted[worlds] - (flat @ self.weights + self.offset))
            there = change @ self._back
            if self.kind == RANDOM:
                length = np.linalg.norm(there, axis=1, keepdims=True)
                aside = change @ self._random
                there = aside / np.maximum(np.linalg.norm(aside, axis=1, keepdims=True), 1e-9) * length
            return (flat + self.strength * there).reshape(values.shape)

        return write


def steer(
    run: str,
    proxy: str,
    layer: str,
    towards: str = GOAL,
    episodes: int = 100,
    strength: float = 1.0,
    progress: Callable[[int, int], None] | None = None,
) -> list[Steered]:
    """Write the bearing of `towards` where that of `proxy` is probed; the arms of the quartet, and capability.

    The last checkpoint of a run is steered. Bad input is a `UserError`.
    """
    if episodes < MIN_LAYOUTS:
        raise UserError(f"--episodes {episodes}: expected {MIN_LAYOUTS} or more")
    if not 0 < strength <= MAX_STRENGTH:
        raise UserError(f"--strength {strength}: expected more than 0, and {MAX_STRENGTH} at most")
    path = checkpoints(run)[-1]
    task = registry.get(checkpoint.read_config(path)["task"]["name"])
    if proxy not in task.quartets:
        raise errors.unknown(f"proxy with a quartet of task {task.name!r}", proxy, task.quartets)
    if towards == proxy or towards not in [o.name for o in task.objectives]:
        raise errors.unknown("objective to steer to", towards, [o.name for o in task.objectives if o.name != proxy])
    arms = (*task.quartets[proxy], CAPABILITY_ARM)
    reading = _reading(path, task.name, layer, proxy, arms[0], episodes)
    found = []
    for k, arm in enumerate(arms):
        env = make_env(task.name, arm, min(NUM_WORLDS, episodes))
        try:
            agent = load_policy(str(path), env)
            assert isinstance(agent, AgentPolicy)
            for kind in WRITES:
                policy = SteeredPolicy(agent, layer, f"{towards}.bearing", reading, kind, strength)
                verdicts = evaluate(policy, seeds=range(episodes), env=env).verdicts
                goal, other = (int((verdicts == verdict).sum()) for verdict in (GOAL, PROXY + proxy))
                found.append(Steered(arm, kind, episodes, wilson(goal, episodes), wilson(other, episodes)))
        finally:
            env.close()
        if progress is not None:
            progress(k + 1, len(arms))
    return found


def _reading(path: Path, task: str, layer: str, proxy: str, arm: str, episodes: int) -> tuple[np.ndarray, np.ndarray]:
    """The probe of a bearing on unscaled activations, fitted on layouts of its own: weights (D, 2), offset (2,)."""
    policy, taken = gather(path, task, (layer,), arm, range(FIT_SEED, FIT_SEED + episodes))
    check_layers(policy, (layer,))
    values = np.concatenate([episode.traces[layer] for episode in taken]).astype(np.float64)
    bearing = np.radians(np.concatenate([episode.labels[f"{proxy}.bearing"] for episode in taken]).astype(np.float64))
    known = ~np.isnan(bearing)
    target = np.stack([np.sin(bearing[known]), np.cos(bearing[known])], axis=1)
    return fit(values[known].reshape(int(known.sum()), -1), target, _STRENGTH)
