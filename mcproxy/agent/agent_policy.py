"""A trained agent as a policy."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np

from mcproxy.policy import Observation, Streams, VectorEnv

if TYPE_CHECKING:
    from torch import Tensor

    from mcproxy.agent.model import Agent


class AgentPolicy:
    """A trained agent: it samples as in training, or takes the most likely choices if `deterministic`.

    Each world's sampling noise comes from a stream seeded by (seed, layout seed), and the network processes frames in
    blocks of one size, one thread per block, so an episode depends neither on its batch nor on the number of threads.
    `outputs` has "value" and "log_prob".
    """

    BLOCK = 32  # worlds; a fifth faster per frame than 16, and two blocks keep two cores busy

    def __init__(
        self,
        agent: "Agent",
        name: str = "agent",
        config: dict[str, Any] | None = None,
        seed: int = 0,
        threads: int = 1,
    ) -> None:
        self.agent, self.name, self.threads = agent, name, threads
        self.config = {"kind": "agent", "seed": seed, "checkpoint": config or {}}
        self.outputs: dict[str, np.ndarray] = {}
        self._noise = Streams(seed)
        self._ignored: set[int] = set()
        self._pool: ThreadPoolExecutor | None = None

    def begin(self, env: VectorEnv, worlds: Sequence[int], seeds: Sequence[int]) -> None:
        """Seed the noise of worlds which have just begun layouts."""
        self._noise.begin(worlds, seeds)
        self._ignored.difference_update(worlds)

    def ignore(self, worlds: Sequence[int]) -> None:
        """Leave worlds out of the computation: until they begin again, their actions are choice 0 of every control."""
        self._ignored.update(worlds)

    def predict(
        self,
        obs: Observation,
        state: "Tensor | None" = None,
        episode_start: np.ndarray | None = None,
        deterministic: bool = False,
    ) -> tuple[np.ndarray, "Tensor"]:
        """Actions (N, C) int64 and the agent's state, (S, N, any)."""
        import torch

        threads = torch.get_num_threads()
        torch.set_num_threads(1)  # each block has a thread; torch's own threads would busy-wait beside them
        try:
            return self._predict(obs["pov"], state, episode_start, deterministic)
        finally:
            torch.set_num_threads(threads)

    def _predict(
        self, pov: np.ndarray, state: "Tensor | None", episode_start: np.ndarray | None, deterministic: bool
    ) -> tuple[np.ndarray, "Tensor"]:
        import torch

        from mcproxy.agent.model import keep_freed_memory

        live = np.array([i for i in range(len(pov)) if i not in self._ignored], dtype=np.int64)
        frames = torch.from_numpy(np.ascontiguousarray(pov if len(live) == len(pov) else pov[live]))
        num = len(frames)
        first = state is None
        starts = np.full(len(pov), first) if episode_start is None else np.asarray(episode_start, dtype=bool) | first
        padded = -(-num // self.BLOCK) * self.BLOCK
        frames = torch.cat([frames, frames.new_zeros(padded - num, *frames.shape[1:])])
        begins = torch.from_numpy(np.append(starts[live], np.ones(padded - num, dtype=bool)))
        memory = self.agent.initial_state(padded)
        if state is not None:
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

    def _step(self, frames: "Tensor", memory: "Tensor", begins: "Tensor") -> tuple["Tensor", "Tensor", "Tensor"]:
        import torch

        with torch.no_grad():
            return self.agent.step(frames, memory, begins)
