"""Policies: whatever chooses actions. The protocol, the ones that come with mcproxy, and how a name becomes one.

The protocol is Stable-Baselines3's `predict`, batched, so that its models need no adapter.
"""

import importlib
import json
import os
import re
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

from mcproxy import errors
from mcproxy import task as tasks
from mcproxy.errors import UserError

if TYPE_CHECKING:
    from mcproxy.env import VoxelVectorEnv

SHIPPED = Path(__file__).parent / "shipped"  # folders of checkpoints
Observation = dict[str, np.ndarray]


@runtime_checkable
class Policy(Protocol):
    """Anything that chooses actions for N worlds at once.

    Optional are `name` (str), `config` (a JSON-able dict), `outputs` (a dict of (N, ...) arrays about the latest
    actions, which recordings keep), `begin(env, worlds, seeds)`, called when worlds have begun layouts `seeds`, and
    `rest(worlds)`, called when what some worlds do matters no more until they begin again.
    """

    def predict(
        self,
        obs: Observation,
        state: Any = None,
        episode_start: np.ndarray | None = None,
        deterministic: bool = False,
    ) -> tuple[np.ndarray, Any]:
        """The actions, (N, C) integers, and the state to hand back in the next step (None in the first).

        `obs` is the environment's batched dict, `episode_start` (N,) bool marks first frames.
        """
        ...


class RandomPolicy:
    """Every choice of every control alike, drawn from a stream of the world's own."""

    def __init__(self, sizes: Sequence[int] | np.ndarray, seed: int = 0) -> None:
        self.name, self.config = "random", {"kind": "random", "seed": seed}
        self._sizes, self._noise = np.asarray(sizes), Streams(seed)

    def begin(self, env: Any, worlds: Sequence[int], seeds: Sequence[int]) -> None:
        """Seed the streams of worlds which have just begun layouts."""
        self._noise.begin(worlds, seeds)

    def predict(
        self,
        obs: Observation,
        state: Any = None,
        episode_start: np.ndarray | None = None,
        deterministic: bool = False,
    ) -> tuple[np.ndarray, Any]:
        """Actions (N, C) int64; there is no deterministic way to be random, so that flag changes nothing."""
        num = len(obs["pov"])
        return np.array([self._noise[i].integers(self._sizes) for i in range(num)]), state


class AgentPolicy:
    """A trained agent: samples as in training, or takes the likeliest choices if `deterministic`.

    Each world's sampling noise comes from a stream seeded by (seed, layout seed), and frames pass the network in blocks
    of one size, a block to a thread, so an episode does not depend on the batch it ran in, or on the number of threads.
    `outputs` has "value" and "log_prob".
    """

    BLOCK = 32  # worlds; a fifth faster a frame than 16, and two keep two cores busy

    def __init__(
        self, agent: Any, name: str = "agent", config: dict[str, Any] | None = None, seed: int = 0, threads: int = 1
    ) -> None:
        self.agent, self.name, self.threads = agent, name, threads
        self.config = {"kind": "agent", "seed": seed, "checkpoint": config or {}}
        self.outputs: dict[str, np.ndarray] = {}
        self._noise = Streams(seed)
        self._resting: set[int] = set()
        self._pool: ThreadPoolExecutor | None = None

    def begin(self, env: Any, worlds: Sequence[int], seeds: Sequence[int]) -> None:
        """Seed the noise of worlds which have just begun layouts."""
        self._noise.begin(worlds, seeds)
        self._resting.difference_update(worlds)

    def rest(self, worlds: Sequence[int]) -> None:
        """Spare the network some worlds: choice 0 of every control is theirs until they begin again."""
        self._resting.update(worlds)

    def predict(
        self,
        obs: Observation,
        state: Any = None,
        episode_start: np.ndarray | None = None,
        deterministic: bool = False,
    ) -> tuple[np.ndarray, Any]:
        """Actions (N, C) int64 and the agent's state, (S, N, any)."""
        import torch

        threads = torch.get_num_threads()
        torch.set_num_threads(1)  # blocks have a thread each; torch's own would wait for work, and so take time, here
        try:
            return self._predict(obs["pov"], state, episode_start, deterministic)
        finally:
            torch.set_num_threads(threads)

    def _predict(
        self, pov: np.ndarray, state: Any, episode_start: np.ndarray | None, deterministic: bool
    ) -> tuple[np.ndarray, Any]:
        import torch

        from mcproxy.agent.model import keep_freed_memory

        live = np.array([i for i in range(len(pov)) if i not in self._resting], dtype=np.int64)
        frames = torch.from_numpy(np.ascontiguousarray(pov if len(live) == len(pov) else pov[live]))
        num = len(frames)
        first = state is None
        starts = np.full(len(pov), first) if episode_start is None else np.asarray(episode_start, dtype=bool) | first
        padded = -(-num // self.BLOCK) * self.BLOCK
        frames = torch.cat([frames, frames.new_zeros(padded - num, *frames.shape[1:])])
        begins = torch.from_numpy(np.append(starts[live], np.ones(padded - num, dtype=bool)))
        memory = self.agent.initial_state(padded)
        if not first:
            memory[:, :num] = state[:, live]
        if self._pool is None:
            keep_freed_memory()
            self._pool = ThreadPoolExecutor(self.threads, "mcproxy-agent", torch.set_num_threads, (1,))
        parts = [slice(k, k + self.BLOCK) for k in range(0, padded, self.BLOCK)]
        blocks = list(self._pool.map(lambda part: self._step(frames[part], memory[:, part], begins[part]), parts))
        log_probs = torch.cat([b[0] for b in blocks])[:num].numpy()  # (live worlds, C, K)
        scores = log_probs
        if not deterministic:
            scores = log_probs + np.stack([self._noise[i].gumbel(size=log_probs.shape[1:]) for i in live])
        chosen = scores.argmax(-1)
        actions = np.zeros((len(pov), chosen.shape[1]), dtype=np.int64)
        values, log_prob = np.zeros((2, len(pov)), dtype=np.float32)
        after = self.agent.initial_state(len(pov))
        actions[live], values[live] = chosen, torch.cat([b[1] for b in blocks])[:num].numpy()
        log_prob[live] = np.take_along_axis(log_probs, chosen[..., None], -1)[..., 0].sum(-1)
        after[:, live] = torch.cat([b[2] for b in blocks], 1)[:, :num]
        self.outputs = {"value": values, "log_prob": log_prob}
        return actions, after

    def _step(self, frames: Any, memory: Any, begins: Any) -> tuple[Any, Any, Any]:
        import torch

        with torch.no_grad():
            return self.agent.step(frames, memory, begins)


def load_policy(spec: str, env: "VoxelVectorEnv", seed: int = 0) -> Policy:
    """The policy of that name for the worlds of `env`.

    `spec` is `random`, `expert:OBJECTIVE`, `planted:...` (`mcproxy.agent.planted`), the name of a shipped agent, a
    checkpoint folder, or `module:factory`, of which `factory(env)` gives the policy. What cannot be had is a
    `UserError`.
    """
    if spec == "random":
        return RandomPolicy(env.single_action_space.nvec, seed)
    if spec.startswith("expert:"):
        from mcproxy.agent.experts import Expert

        return Expert(spec.removeprefix("expert:"), env)
    if spec.startswith("planted:"):
        from mcproxy.agent.planted import plant

        return plant(spec, env, seed)
    folder = SHIPPED / spec if spec in shipped() else Path(spec)
    if folder.is_dir():
        from mcproxy.agent import checkpoint

        agent, config = checkpoint.load(folder)
        checkpoint.check_fits(config, env, spec)
        return AgentPolicy(agent, folder.resolve().name, config, seed, env.threads)
    if re.fullmatch(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*", spec):
        return _made(spec, env)
    if os.sep in spec:
        raise UserError(f"policy {spec!r}: no such folder; expected a checkpoint, such as the --out of a training run")
    experts = [f"expert:{o.name}" for o in env.task.objectives]
    raise errors.unknown("policy", spec, ["random", *experts, *shipped()])


def shipped() -> list[str]:
    """The names of the agents that come with mcproxy."""
    return sorted(f.name for f in SHIPPED.glob("*") if f.is_dir())


def shipped_for(task: str) -> list[str]:
    """The names of the agents that come with mcproxy and were trained on a task, in the version that is installed."""
    wanted = {"name": task, "version": tasks.named(task).version}
    return [name for name in shipped() if json.loads((SHIPPED / name / "config.json").read_bytes())["task"] == wanted]


class Streams:
    """One random stream a world, seeded by its layout; a world that nobody told us the layout of has its number's."""

    def __init__(self, seed: int) -> None:
        self._seed, self._streams = seed, dict[int, np.random.Generator]()

    def begin(self, worlds: Sequence[int], seeds: Sequence[int]) -> None:
        """Seed the streams of worlds which have just begun layouts."""
        for world, layout in zip(worlds, seeds, strict=True):
            self._streams[world] = np.random.default_rng([self._seed, layout])

    def __getitem__(self, world: int) -> np.random.Generator:
        if world not in self._streams:
            self._streams[world] = np.random.default_rng([self._seed, world])
        return self._streams[world]


def _made(spec: str, env: "VoxelVectorEnv") -> Policy:
    """What the factory of `module:factory` makes; the module may lie in the current folder."""
    module_name, _, factory_name = spec.partition(":")
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())
    try:
        module = importlib.import_module(module_name)
    except (ImportError, SyntaxError) as error:
        raise UserError(f"policy {spec!r}: cannot import {module_name} ({error}); is it on PYTHONPATH?") from error
    factory = getattr(module, factory_name, None)
    if not callable(factory):
        public = [n for n in vars(module) if callable(getattr(module, n)) and not n.startswith("_")]
        raise errors.unknown(f"factory in module {module_name}", factory_name, public)
    try:
        policy = factory(env)
    except UserError:
        raise
    except Exception as error:
        raise UserError(f"policy {spec!r}: the factory raised {type(error).__name__}: {error}") from error
    if not isinstance(policy, Policy):
        raise UserError(f"policy {spec!r}: the factory returned {type(policy).__name__}, which has no predict method")
    if not hasattr(policy, "name"):
        policy.name = spec  # type: ignore[attr-defined]
    return policy
