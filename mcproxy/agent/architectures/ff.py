"""The control without memory: it acts on the frame that it sees, so it can react and cannot search."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mcproxy.agent.model import CHANNELS, Agent
from mcproxy.agent.taps import tap


class FfAgent(Agent):
    """Three layers in place of the LSTM, the middle one twice as wide; the state is empty, (0, N, 0)."""

    inner_names = ("dense", "wide")

    def build_memory(self, shape: tuple[int, int], hidden: int, width: int) -> None:
        """Layers from the convolutions to the heads."""
        self.dense = nn.Linear(CHANNELS[-1] * shape[0] * shape[1], hidden)
        self.wide = nn.Linear(hidden, 2 * width)
        self.narrow = nn.Linear(2 * width, width)

    def initial_state(self, num: int) -> Tensor:
        """Nothing, for `num` worlds: (0, num, 0)."""
        return torch.zeros(0, num, 0, dtype=self.dtype, device=self.dense.weight.device)

    def remember(self, features: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """The layers alone."""
        x = tap("dense", F.relu_(self.dense(features.flatten(1))))
        return F.relu_(self.narrow(tap("wide", F.relu_(self.wide(x))))), state

    def remember_sequence(self, features: Tensor, state: Tensor, starts: Tensor) -> Tensor:
        """The layers alone, on all frames at once."""
        return self.remember(features.flatten(0, 1), state)[0].unflatten(0, starts.shape)
