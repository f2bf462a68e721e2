"""The network of an agent: three convolutions, a layer, an LSTM, and one head for each control plus the value.

All but the heads may compute in bfloat16; the heads and what comes out of them are float32. Letters: N worlds, T steps,
C controls, K choices of the control that has most, L width of the memory.
"""

import ctypes
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

CHANNELS = (16, 32, 32)
KERNELS = ((8, 4), (4, 2), (3, 1))  # (size, stride) in pixels
NEVER = -1e9  # the logit of a choice that a control does not have
_RESET = -1e4  # a gate's input at which its sigmoid is 0


class Agent(nn.Module):
    """Frames and memory in; log-probabilities of the choices, a value and the next memory out.

    `state` is the LSTM's (2, N, L) hidden and cell state, in `dtype`. `starts` (N,) bool marks the worlds whose frame
    is the first of an episode: their memory is empty, whatever `state` holds.
    """

    def __init__(self, resolution: tuple[int, int], sizes: Sequence[int], hidden: int = 256, lstm: int = 256) -> None:
        super().__init__()
        height, width = _conv_shape(resolution)
        self.sizes = tuple(int(s) for s in sizes)
        (kernel0, stride0), (kernel1, stride1), (kernel2, stride2) = KERNELS
        self.conv0 = nn.Conv2d(3, CHANNELS[0], kernel0, stride0)
        self.conv1 = nn.Conv2d(CHANNELS[0], CHANNELS[1], kernel1, stride1)
        self.conv2 = nn.Conv2d(CHANNELS[1], CHANNELS[2], kernel2, stride2)
        self.dense = nn.Linear(CHANNELS[-1] * height * width, hidden)
        self.memory = nn.LSTM(hidden, lstm)
        self.policy = nn.Linear(lstm, sum(self.sizes))
        self.value = nn.Linear(lstm, 1)
        self._init_weights()

    @property
    def dtype(self) -> torch.dtype:
        """What all but the heads compute in."""
        return self.dense.weight.dtype

    def compute_in(self, dtype: torch.dtype) -> "Agent":
        """Turn all weights but the heads' into `dtype`; returns the agent itself."""
        for part in (self.conv0, self.conv1, self.conv2, self.dense, self.memory):
            part.to(dtype)
        return self

    def initial_state(self, num: int) -> Tensor:
        """An empty memory for `num` worlds: (2, num, L)."""
        return torch.zeros(2, num, self.memory.hidden_size, dtype=self.dtype, device=self.dense.weight.device)

    def step(self, frames: Tensor, state: Tensor, starts: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """One step: frames (N, H, W, 3) uint8 -> log-probabilities (N, C, K), values (N,), state (2, N, L)."""
        features = self._features(frames)[None]
        memory, state = self._remember(features, _forget(state, starts), self.memory.all_weights[0][0])
        log_probs, values = self._heads(memory[0])
        return log_probs, values, state

    def sequence(self, frames: Tensor, state: Tensor, starts: Tensor) -> tuple[Tensor, Tensor]:
        """T steps: frames (T, N, H, W, 3) uint8, starts (T, N) -> log-probabilities (T, N, C, K), values (T, N).

        The LSTM is one fused call over all T steps, episode boundaries included: before an episode's first frame goes
        a blank row whose input closes the input, forget and output gates, which leaves hidden and cell state at 0 and
        lets no gradient pass.
        """
        length, num = starts.shape
        features = self._features(frames.flatten(0, 1))  # (T * N, hidden)
        state, starts = _forget(state, starts[0]), starts.clone()
        starts[0] = False
        rows = torch.arange(length, device=starts.device)[:, None] + starts.cumsum(0)  # (T, N): t, after its blanks
        padded = int(rows[-1].max()) + 1
        flat = (rows * num + torch.arange(num, device=starts.device)).flatten()
        inputs = features.new_zeros(padded * num, features.shape[1] + 1).index_copy(0, flat, F.pad(features, (0, 1)))
        inputs[flat[starts.flatten()] - num, -1] = 1.0
        weight = self.memory.all_weights[0][0]
        gates = weight.new_tensor([_RESET, _RESET, 0.0, _RESET])  # torch's order: input, forget, cell, output
        close = gates.repeat_interleave(self.memory.hidden_size)
        memory, _ = self._remember(inputs.view(padded, num, -1), state, torch.cat([weight, close[:, None]], 1))
        log_probs, values = self._heads(memory.flatten(0, 1).index_select(0, flat))
        return log_probs.unflatten(0, (length, num)), values.unflatten(0, (length, num))

    def _features(self, frames: Tensor) -> Tensor:
        """(B, H, W, 3) uint8 -> (B, hidden). Bytes are centred, which is exact in bfloat16; the weights scale them."""
        x = frames.permute(0, 3, 1, 2).to(self.dtype).sub_(128)  # (B, 3, H, W), channels last in memory
        x = F.relu_(F.conv2d(x, self.conv0.weight / 64, self.conv0.bias, self.conv0.stride))
        x = F.relu_(self.conv2(F.relu_(self.conv1(x))))
        return F.relu_(self.dense(x.permute(0, 2, 3, 1).flatten(1)))

    def _remember(self, inputs: Tensor, state: Tensor, weight_ih: Tensor) -> tuple[Tensor, Tensor]:
        """The LSTM over inputs (T, N, any), with its input weights given: (T, N, L) and the state afterwards."""
        weights = [weight_ih, *self.memory.all_weights[0][1:]]
        training = torch.is_grad_enabled()
        memory, h, c = torch.lstm(inputs, (state[:1], state[1:]), weights, True, 1, 0.0, training, False, False)
        return memory, torch.cat([h, c])

    def _heads(self, memory: Tensor) -> tuple[Tensor, Tensor]:
        """(B, L) -> log-probabilities (B, C, K), values (B,), float32."""
        memory = memory.float()
        logits = self.policy(memory).split(self.sizes, 1)
        widest = max(self.sizes)
        choices = torch.stack([F.pad(x, (0, widest - x.shape[1]), value=NEVER) for x in logits], 1)
        return choices.log_softmax(-1), self.value(memory)[:, 0]

    def _init_weights(self) -> None:
        """Orthogonal weights, zero biases: gain sqrt(2) before a ReLU, 0.01 for the policy, 1 elsewhere (CleanRL)."""
        for name, parameter in self.named_parameters():
            if parameter.ndim == 1:
                nn.init.zeros_(parameter)
            elif name.startswith("memory") or name == "value.weight":
                nn.init.orthogonal_(parameter)
            else:
                nn.init.orthogonal_(parameter, 0.01 if name == "policy.weight" else 2**0.5)


def chosen(log_probs: Tensor, actions: Tensor) -> Tensor:
    """The log-probability of actions (..., C) under (..., C, K): (...)."""
    return log_probs.gather(-1, actions[..., None])[..., 0].sum(-1)


def entropy(log_probs: Tensor) -> Tensor:
    """The entropy of (..., C, K), summed over the controls: (...)."""
    return -(log_probs.exp() * log_probs).sum((-1, -2))


def keep_freed_memory() -> None:
    """Have glibc keep what is freed: fresh pages for every temporary tensor otherwise cost a fifth of the speed."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):  # another C library
        return
    mallopt(-3, 2**25)  # M_MMAP_THRESHOLD: its greatest value
    mallopt(-1, 2**31 - 1)  # M_TRIM_THRESHOLD


def _forget(state: Tensor, starts: Tensor) -> Tensor:
    return state.masked_fill(starts[None, :, None], 0.0)


def _conv_shape(resolution: tuple[int, int]) -> tuple[int, int]:
    """(H, W) of the last convolution's output."""
    height, width = resolution
    for kernel, stride in KERNELS:
        height, width = (height - kernel) // stride + 1, (width - kernel) // stride + 1
    return height, width
