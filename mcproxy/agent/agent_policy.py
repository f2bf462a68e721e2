"""A trained agent as a policy."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np

from mcproxy.episode import TRACE
from mcproxy.errors import UserError, unknown
from mcproxy.policy import Observation, Streams, VectorEnv

if TYPE_CHECKING:
    from torch import Tensor

    from mcproxy.agent.model import Agent

_MAX_HALF = 65504.0  # the greatest float16
Write = Callable[[np.ndarray, np.ndarray], np.ndarray]  # activations (K, ...) and worlds (K,) -> other activations


class AgentPolicy:
    """A trained agent: it samples as in training, or takes the most likely choices if `deterministic`.

    Each world's sampling noise comes from a stream seeded by (seed, layout seed), and the network processes frames in
    blocks of one size, one thread per block, so an episode depends neither on its batch nor on the number of threads.
    `outputs` has "value" and "log_prob", and "trace.NAME" for every activation that `predict` was to record.
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
        record: Sequence[str] = (),
        write: "Mapping[str, Write] | None" = None,
    ) -> tuple[np.ndarray, "Tensor"]:
        """Actions (N, C) int64 and the agent's state, (S, N, any).

        `record` names activations (see `names`) that `outputs` gets as "trace.NAME", (N, ...) float16, after any
        write; they are 0 in ignored worlds. `write` has functions by name: `fn(values, worlds)` gets (K, ...) float32
        of the worlds with the numbers `worlds`, (K,) int64, and returns what the network computes with instead. It is
        called for blocks of worlds, possibly by several threads at once. An unknown name is a `UserError`.
        """
        import torch

        for name in (*record, *(write or {})):
            if name not in self.names():
                raise unknown(f"layer of {self.name}", name, self.names())

        threads = torch.get_num_threads()
        torch.set_num_threads(1)  # each block has a thread; torch's own threads would busy-wait beside them
        try:
            return self._predict(obs["pov"], state, episode_start, deterministic, (tuple(record), write or {}))
        finally:
            torch.set_num_threads(threads)

    def names(self) -> tuple[str, ...]:
        """The names of the activations that `predict` can record and write, from the frame to the heads."""
        return self.agent.tap_names

    def _predict(
        self,
        pov: np.ndarray,
        state: "Tensor | None",
        episode_start: np.ndarray | None,
        deterministic: bool,
        inside: "tuple[tuple[str, ...], Mapping[str, Write]]",
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
        visits = [_Visit(*inside, live[part]) for part in parts]
        blocks = list(
            self._pool.map(
                lambda part, visit: self._step(frames[part], memory[:, part], begins[part], visit), parts, visits
            )
        )
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
        for name in inside[0]:
            seen = np.concatenate([visit.seen[name] for visit in visits])
            trace = np.zeros((len(pov), *seen.shape[1:]), dtype=np.float16)
            trace[live] = seen
            self.outputs[TRACE + name] = trace
        return actions, after

    def _step(
        self, frames: "Tensor", memory: "Tensor", begins: "Tensor", visit: "_Visit"
    ) -> tuple["Tensor", "Tensor", "Tensor"]:
        import torch

        from mcproxy.agent.taps import tapped

        with torch.no_grad():
            if not visit.record and not visit.write:
                return self.agent.step(frames, memory, begins)
            with tapped(visit):
                return self.agent.step(frames, memory, begins)


class _Visit:
    """What is read and written in one block of worlds; its rows beyond those of `worlds` are padding."""

    def __init__(self, record: tuple[str, ...], write: "Mapping[str, Write]", worlds: np.ndarray) -> None:
        self.record, self.write, self.worlds = record, write, worlds
        self.seen: dict[str, np.ndarray] = {}

    def __call__(self, name: str, values: "Tensor") -> "Tensor":
        import torch

        count = len(self.worlds)
        if name in self.write and count:
            old = values[:count].float().numpy().copy()
            new = np.asarray(self.write[name](old, self.worlds), dtype=np.float32)
            if new.shape != old.shape:
                raise UserError(f"write of {name!r} returned shape {new.shape}, expected {old.shape}")
            values = torch.cat([torch.from_numpy(new).to(values.dtype), values[count:]])
        if name in self.record:
            self.seen[name] = values[:count].float().clamp(-_MAX_HALF, _MAX_HALF).numpy().astype(np.float16)
        return values
