"""The default: an LSTM."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mcproxy.agent.model import CHANNELS, Agent
from mcproxy.agent.taps import tap

_CLOSED = -1e4  # a gate's input at which its sigmoid is 0


class LstmAgent(Agent):
    """A layer of features, then an LSTM; the state is its hidden and its cell state, (2, N, L)."""

    inner_names = ("dense", "lstm.h", "lstm.c")

    def build_memory(self, shape: tuple[int, int], hidden: int, width: int) -> None:
        """A layer from the convolutions to the features, and the LSTM."""
        self.dense = nn.Linear(CHANNELS[-1] * shape[0] * shape[1], hidden)
        self.memory = nn.LSTM(hidden, width)

    def initial_state(self, num: int) -> Tensor:
        """An empty memory for `num` worlds: (2, num, L)."""
        return torch.zeros(2, num, self.memory.hidden_size, dtype=self.dtype, device=self.dense.weight.device)

    def remember(self, features: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """One step of the LSTM."""
        inputs = tap("dense", F.relu_(self.dense(features.flatten(1))))[None]
        _, state = self._run(inputs, state, self.memory.all_weights[0][0])
        hidden = tap("lstm.h", state[0])
        return hidden, torch.stack([hidden, tap("lstm.c", state[1])])

    def remember_sequence(self, features: Tensor, state: Tensor, starts: Tensor) -> Tensor:
        """One fused call over all T steps, episode boundaries included.

        Before an episode's first frame goes a blank row whose input closes the input, forget and output gates, which
        leaves hidden and cell state at 0 and lets no gradient pass.
        """
        (length, num), starts = starts.shape, starts.clone()
        seen = F.relu_(self.dense(features.flatten(2).flatten(0, 1)))  # (T * N, F)
        starts[0] = False
        rows = torch.arange(length, device=starts.device)[:, None] + starts.cumsum(0)  # (T, N): t, after its blanks
        padded = int(rows[-1].max()) + 1
        flat = (rows * num + torch.arange(num, device=starts.device)).flatten()
        inputs = seen.new_zeros(padded * num, seen.shape[1] + 1).index_copy(0, flat, F.pad(seen, (0, 1)))
        inputs[flat[starts.flatten()] - num, -1] = 1.0
        weight = self.memory.all_weights[0][0]
        gates = weight.new_tensor([_CLOSED, _CLOSED, 0.0, _CLOSED])  # torch's order: input, forget, cell, output
        close = gates.repeat_interleave(self.memory.hidden_size)
        memory, _ = self._run(inputs.view(padded, num, -1), state, torch.cat([weight, close[:, None]], 1))
        return memory.flatten(0, 1).index_select(0, flat).unflatten(0, (length, num))

    def _run(self, inputs: Tensor, state: Tensor, weight_ih: Tensor) -> tuple[Tensor, Tensor]:
        """The LSTM over inputs (T, N, any), with its input weights given: (T, N, L) and the state afterwards."""
        weights = [weight_ih, *self.memory.all_weights[0][1:]]
        training = torch.is_grad_enabled()
        memory, h, c = torch.lstm(inputs, (state[:1], state[1:]), weights, True, 1, 0.0, training, False, False)
        return memory, torch.cat([h, c])
