"""Deep repeated ConvLSTM, DRC(3, 3): known to plan (Guez et al. 2019, "An Investigation of Model-Free Planning").

Three ConvLSTM layers lie on one another; in every step all are gone through three times, so that what the topmost found
in one tick reaches the bottom in the next. Each sees the encoded frame, the layer below (the bottom one: the topmost,
from the tick before), its own output, and of that the mean and the greatest value over the map, put through a layer
("pool and inject"). Unlike in the paper there is no border channel, and the map is 4 x 4: cost grows with its area.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mcproxy.agent.model import CHANNELS, Agent
from mcproxy.agent.taps import tap

LAYERS, TICKS = 3, 3
_WIDTH = CHANNELS[-1]  # channels of every layer


class DrcAgent(Agent):
    """ConvLSTM layers in place of the LSTM; the state is their outputs and cells, (2 * LAYERS, N, channels * h * w)."""

    inner_names = tuple(f"layer.{k}.{part}" for k in range(LAYERS) for part in "hc")

    def build_memory(self, shape: tuple[int, int], hidden: int, width: int) -> None:
        """The layers, and from the topmost's output and the encoded frame to the heads."""
        self.shape = shape
        self.layers = nn.ModuleList(_Layer() for _ in range(LAYERS))
        self.dense = nn.Linear(2 * _WIDTH * shape[0] * shape[1], hidden)
        self.out = nn.Linear(hidden, width) if hidden != width else None

    def initial_state(self, num: int) -> Tensor:
        """An empty memory for `num` worlds: (2 * LAYERS, num, channels * h * w)."""
        size = _WIDTH * self.shape[0] * self.shape[1]
        return torch.zeros(2 * LAYERS, num, size, dtype=self.dtype, device=self.dense.weight.device)

    def remember(self, features: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """One step, of three ticks."""
        outs, cells = self._ticks(self._encode(features), *self._maps(state))
        for k in range(LAYERS):
            outs[k], cells[k] = tap(f"layer.{k}.h", outs[k]), tap(f"layer.{k}.c", cells[k])
        return self._leave(outs[-1], features), torch.stack(outs + cells).flatten(2)

    def remember_sequence(self, features: Tensor, state: Tensor, starts: Tensor) -> Tensor:
        """Step by step, as each needs the previous output; the frames' part of the gates is computed at once."""
        encoded = [parts.unflatten(0, starts.shape).unbind() for parts in self._encode(features.flatten(0, 1))]
        goes_on = (~starts).to(state.dtype)[..., None, None, None]  # (T, N, 1, 1, 1)
        outs, cells = self._maps(state)
        topmost = []
        for t in range(len(starts)):
            outs, cells = ([x * goes_on[t] for x in maps] for maps in (outs, cells))
            outs, cells = self._ticks([parts[t] for parts in encoded], outs, cells)
            topmost.append(outs[-1])
        memory = self._leave(torch.stack(topmost).flatten(0, 1), features.flatten(0, 1))
        return memory.unflatten(0, starts.shape)

    def _maps(self, state: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """The layers' outputs and cells, each (N, h, w, channels), of a state."""
        maps = state.unflatten(-1, (*self.shape, _WIDTH)).unbind()
        return list(maps[:LAYERS]), list(maps[LAYERS:])

    def _encode(self, features: Tensor) -> list[Tensor]:
        """The frame's part of every layer's gates: (N, h, w, 4 * channels) each."""
        seen = _around(features)
        return [layer.of_frame(seen) for layer in self.layers if isinstance(layer, _Layer)]  # all are: for mypy

    def _ticks(
        self, encoded: list[Tensor], outs: list[Tensor], cells: list[Tensor]
    ) -> tuple[list[Tensor], list[Tensor]]:
        for _ in range(TICKS):
            below = outs[-1]
            for k, layer in enumerate(self.layers):
                outs[k], cells[k] = layer(encoded[k], below, outs[k], cells[k])
                below = outs[k]
        return outs, cells

    def _leave(self, topmost: Tensor, features: Tensor) -> Tensor:
        """What the heads get: (N, L)."""
        x = F.relu_(self.dense(torch.cat([topmost, features], -1).flatten(1)))
        return x if self.out is None else F.relu_(self.out(x))


class _Layer(nn.Module):
    """One ConvLSTM: four gates by 3 x 3 convolutions, of which the encoded frame's part is the same in all ticks.

    On maps this small a convolution is fastest as a matrix product over the neighbourhood of each cell.
    """

    def __init__(self) -> None:
        super().__init__()
        self.of_frame = nn.Linear(9 * _WIDTH, 4 * _WIDTH)
        self.of_rest = nn.Linear(9 * 2 * _WIDTH, 4 * _WIDTH, bias=False)
        self.inject = nn.Linear(2 * _WIDTH, 4 * _WIDTH, bias=False)

    def forward(self, encoded: Tensor, below: Tensor, out: Tensor, cell: Tensor) -> tuple[Tensor, Tensor]:
        """The output and the cell (N, h, w, channels) after one tick."""
        pooled = self.inject(torch.cat([out.mean((1, 2)), out.amax((1, 2))], 1))
        gates = encoded + self.of_rest(_around(torch.cat([below, out], -1))) + pooled[:, None, None]
        sluices, new = gates.split((3 * _WIDTH, _WIDTH), -1)
        into, forget, leave = torch.sigmoid(sluices).chunk(3, -1)
        cell = forget * cell + into * torch.tanh(new)
        return leave * torch.tanh(cell), cell


def _around(maps: Tensor) -> Tensor:
    """(N, h, w, channels) -> (N, h, w, 9 * channels): each cell beside its eight neighbours, 0 beyond the edge."""
    height, width = maps.shape[1:3]
    padded = F.pad(maps, (0, 0, 1, 1, 1, 1))
    return torch.cat([padded[:, i : i + height, j : j + width] for i in range(3) for j in range(3)], -1)
