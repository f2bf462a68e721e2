"""A gated transformer over the last 64 steps (Parisotto et al. 2020, "Stabilizing Transformers for RL").

Two layers. Each adds attention and a feed-forward layer, both of normalized inputs, to the residual stream. They are
added through gates like a GRU's, which are nearly closed at first. The distance of a step is a learned bias of each
head, in place of the paper's sinusoids.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mcproxy.agent.model import CHANNELS, Agent
from mcproxy.agent.taps import tap

STEPS, LAYERS, HEADS = 64, 2, 4  # steps that are looked back on, itself included
_CLOSED = 2.0  # the update gate's bias at first, b_g in the paper
_MASKED = -1e4


class GtrxlAgent(Agent):
    """Attention in place of the LSTM, half as wide.

    The state is each layer's inputs in the last 64 steps, oldest first, and below them how many of these there are:
    (LAYERS * STEPS + 1, N, D).
    """

    inner_names = tuple(f"layer.{k}" for k in range(LAYERS))

    def build_memory(self, shape: tuple[int, int], hidden: int, width: int) -> None:
        """A layer from the convolutions to the features, the transformer, and a layer to the heads."""
        self.depth = max(width // 2 // HEADS, 1) * HEADS  # D
        self.dense = nn.Linear(CHANNELS[-1] * shape[0] * shape[1], hidden)
        self.narrow = nn.Linear(hidden, self.depth)
        self.layers = nn.ModuleList(_Layer(self.depth) for _ in range(LAYERS))
        self.widen = nn.Linear(self.depth, width)

    def initial_state(self, num: int) -> Tensor:
        """An empty memory for `num` worlds: (LAYERS * STEPS + 1, num, D)."""
        return torch.zeros(LAYERS * STEPS + 1, num, self.depth, dtype=self.dtype, device=self.dense.weight.device)

    def remember(self, features: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """One step: attend to the steps that are remembered, and remember this one."""
        starts = torch.zeros(1, features.shape[0], dtype=torch.bool, device=features.device)
        out, kept = self._run(features[None], state, starts)
        count = (state[-1:] + 1).clamp_(max=STEPS)
        return out[0], torch.cat([inputs[-STEPS:] for inputs in kept] + [count])

    def remember_sequence(self, features: Tensor, state: Tensor, starts: Tensor) -> Tensor:
        """All steps at once: each attends to the 64 up to itself, as far as its episode goes back."""
        return self._run(features, state, starts)[0]

    def _run(self, features: Tensor, state: Tensor, starts: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Outputs (T, N, L), and each layer's inputs, those remembered before the new ones: (STEPS + T, N, D)."""
        length, num = starts.shape
        x = F.relu_(self.narrow(F.relu_(self.dense(features.flatten(2).flatten(0, 1))))).unflatten(0, (length, num))
        age = torch.arange(STEPS, device=starts.device)[:, None]  # of the remembered steps, oldest first
        there = age >= STEPS - state[-1, :, 0].long()  # (STEPS, N)
        episode = torch.cat([torch.zeros_like(there, dtype=torch.long), starts.cumsum(0)])  # (STEPS + T, N)
        there = torch.cat([there, torch.ones_like(starts)])
        position = torch.arange(STEPS + length, device=starts.device)
        back = position[STEPS:, None] - position[None]  # (T, STEPS + T)
        near = (back >= 0) & (back < STEPS)
        mask = near[None] & there.T[:, None] & (episode.T[:, STEPS:, None] == episode.T[:, None])  # (N, T, STEPS + T)
        kept = []
        for k, layer in enumerate(self.layers):
            inputs = torch.cat([state[k * STEPS : (k + 1) * STEPS], x])
            kept.append(inputs)
            x = layer(inputs, x, mask, back.clamp(0, STEPS - 1))
            x = tap(f"layer.{k}", x[0])[None] if length == 1 else x
        return F.relu_(self.widen(x)), kept


class _Layer(nn.Module):
    """Attention and units of their own, each behind a gate."""

    def __init__(self, depth: int) -> None:
        super().__init__()
        self.norm0, self.norm1 = nn.LayerNorm(depth), nn.LayerNorm(depth)
        self.query, self.pair, self.out = nn.Linear(depth, depth), nn.Linear(depth, 2 * depth), nn.Linear(depth, depth)
        self.distance = nn.Parameter(torch.zeros(HEADS, STEPS))  # added to the attention of a step by its distance
        self.up, self.down = nn.Linear(depth, 2 * depth), nn.Linear(2 * depth, depth)
        self.gate0, self.gate1 = _Gate(depth), _Gate(depth)

    def forward(self, inputs: Tensor, x: Tensor, mask: Tensor, back: Tensor) -> Tensor:
        """The residual stream x (T, N, D) after attention to all inputs (M, N, D); mask (N, T, M), back (T, M)."""
        seen = self.norm0(inputs)
        query = self.query(seen[-len(x) :]).unflatten(-1, (HEADS, -1)).permute(1, 2, 0, 3)  # (N, heads, T, D / heads)
        key, value = self.pair(seen).unflatten(-1, (2, HEADS, -1)).permute(2, 1, 3, 0, 4)
        bias = self.distance[:, back] + torch.where(mask, 0.0, _MASKED)[:, None].to(x.dtype)
        looked = F.scaled_dot_product_attention(query, key, value, bias).permute(2, 0, 1, 3).flatten(2)
        x = self.gate0(x, F.relu(self.out(looked)))
        return self.gate1(x, F.relu(self.down(F.relu(self.up(self.norm1(x))))))


class _Gate(nn.Module):
    """The paper's gate: a GRU whose state is the residual stream, x, and whose input is the sublayer's output, y."""

    def __init__(self, depth: int) -> None:
        super().__init__()
        self.of_y, self.of_x = nn.Linear(depth, 3 * depth, bias=False), nn.Linear(depth, 2 * depth, bias=False)
        self.of_both = nn.Linear(depth, depth, bias=False)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Both (T, N, D)."""
        reset_y, update_y, new_y = self.of_y(y).chunk(3, -1)
        reset_x, update_x = self.of_x(x).chunk(2, -1)
        update = torch.sigmoid(update_y + update_x - _CLOSED)
        new = torch.tanh(new_y + self.of_both(torch.sigmoid(reset_y + reset_x) * x))
        return (1 - update) * x + update * new
