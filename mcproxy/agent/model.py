"""What all agents share: three convolutions that look, and heads for the controls and the value.

Between the two lies a memory, of which `architectures/` has one file each. All layers except the heads may compute in
bfloat16; the heads and their outputs are float32. Letters: N worlds, T steps, C controls, K choices of the control with
the most choices, F width of the features, L width of the memory.
"""

import ctypes
from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mcproxy.agent.taps import tap

CHANNELS = (16, 32, 32)
KERNELS = ((8, 4), (4, 2), (3, 1))  # (size, stride) in pixels
NEVER = -1e9  # the logit of a choice that a control does not have


class Agent(nn.Module, ABC):
    """Frames and memory in; log-probabilities of the choices, a value and the next memory out.

    `state` is (S, N, any) in `dtype`: the memory of the architecture, all zeros when empty. `starts` (N,) bool marks
    the worlds whose frame is the first of an episode: their memory is empty, whatever `state` holds. `hidden` is F,
    `width` L. An architecture gives `build_memory`, `initial_state`, `remember` and `remember_sequence`, and in
    `inner_names` the names of its taps.
    """

    inner_names: tuple[str, ...] = ()

    def __init__(self, resolution: tuple[int, int], sizes: Sequence[int], hidden: int = 256, width: int = 256) -> None:
        super().__init__()
        self.sizes = tuple(int(s) for s in sizes)
        (kernel0, stride0), (kernel1, stride1), (kernel2, stride2) = KERNELS
        self.conv0 = nn.Conv2d(3, CHANNELS[0], kernel0, stride0)
        self.conv1 = nn.Conv2d(CHANNELS[0], CHANNELS[1], kernel1, stride1)
        self.conv2 = nn.Conv2d(CHANNELS[1], CHANNELS[2], kernel2, stride2)
        self.build_memory(_conv_shape(resolution), hidden, width)
        self.policy = nn.Linear(width, sum(self.sizes))
        self.value = nn.Linear(width, 1)
        self._init_weights()

    @abstractmethod
    def build_memory(self, shape: tuple[int, int], hidden: int, width: int) -> None:
        """Make the layers between the convolutions, which give `shape` (H, W), and the heads, which take `width`."""

    @abstractmethod
    def initial_state(self, num: int) -> Tensor:
        """An empty memory for `num` worlds: (S, num, any)."""

    @abstractmethod
    def remember(self, features: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """One step: the output of `look` (N, ...) -> (N, L), and the state afterwards."""

    @abstractmethod
    def remember_sequence(self, features: Tensor, state: Tensor, starts: Tensor) -> Tensor:
        """T steps: (T, N, ...), starts (T, N) -> (T, N, L). The memory is emptied where an episode starts."""

    @property
    def tap_names(self) -> tuple[str, ...]:
        """The names of all activations that can be read and written in `step`, from the frame to the heads."""
        return ("conv.0", "conv.1", "conv.2", *self.inner_names, "memory", "log_probs")

    @property
    def dtype(self) -> torch.dtype:
        """What all but the heads compute in."""
        return self.conv0.weight.dtype

    def compute_in(self, dtype: torch.dtype) -> "Agent":
        """Turn all weights but the heads' into `dtype`; returns the agent itself."""
        for part in self.children():
            if part is not self.policy and part is not self.value:
                part.to(dtype)
        return self

    def step(self, frames: Tensor, state: Tensor, starts: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """One step: frames (N, H, W, 3) uint8 -> log-probabilities (N, C, K), values (N,), state (S, N, any)."""
        memory, state = self.remember(self.look(frames), forget(state, starts))
        log_probs, values = self._heads(tap("memory", memory))
        return tap("log_probs", log_probs), values, state

    def sequence(self, frames: Tensor, state: Tensor, starts: Tensor) -> tuple[Tensor, Tensor]:
        """T steps: frames (T, N, H, W, 3) uint8, starts (T, N) -> log-probabilities (T, N, C, K), values (T, N)."""
        features = self.look(frames.flatten(0, 1)).unflatten(0, starts.shape)
        memory = self.remember_sequence(features, forget(state, starts[0]), starts)
        log_probs, values = self._heads(memory.flatten(0, 1))
        return log_probs.unflatten(0, starts.shape), values.unflatten(0, starts.shape)

    def look(self, frames: Tensor) -> Tensor:
        """(B, H, W, 3) uint8 -> (B, h, w, channels): the output of the convolutions, which most architectures flatten.

        Bytes are centred, which is exact in bfloat16; the weights scale them. As signed bytes they turn into floating
        point twice as fast as by a subtraction.
        """
        x = (frames ^ 128).view(torch.int8).to(self.dtype).permute(0, 3, 1, 2)  # (B, 3, H, W), channels last in memory
        x = tap("conv.0", F.relu_(F.conv2d(x, self.conv0.weight / 64, self.conv0.bias, self.conv0.stride)))
        x = tap("conv.2", F.relu_(self.conv2(tap("conv.1", F.relu_(self.conv1(x))))))
        return x.permute(0, 2, 3, 1)

    def _heads(self, memory: Tensor) -> tuple[Tensor, Tensor]:
        """(B, L) -> log-probabilities (B, C, K), values (B,), float32."""
        memory = memory.float()
        logits = self.policy(memory).split(self.sizes, 1)
        widest = max(self.sizes)
        choices = torch.stack([F.pad(x, (0, widest - x.shape[1]), value=NEVER) for x in logits], 1)
        return choices.log_softmax(-1), self.value(memory)[:, 0]

    def _init_weights(self) -> None:
        """Orthogonal weights and zero biases (CleanRL): gain 1 for LSTM and value, 0.01 for the policy, else sqrt(2).

        The gain sqrt(2) is for layers before a ReLU; the gates of `gtrxl` and `drc` have it too.
        """
        for name, parameter in self.named_parameters():
            if "norm" in name and name.endswith("weight"):
                nn.init.ones_(parameter)
            elif parameter.ndim == 1 or name.endswith("distance"):
                nn.init.zeros_(parameter)
            elif name.startswith("memory") or name == "value.weight":
                nn.init.orthogonal_(parameter)
            else:
                nn.init.orthogonal_(parameter, 0.01 if name == "policy.weight" else 2**0.5)


def forget(state: Tensor, starts: Tensor) -> Tensor:
    """A state (S, N, any) that is empty where an episode starts (N,)."""
    return state.masked_fill(starts[None, :, None], 0.0)


def chosen(log_probs: Tensor, actions: Tensor) -> Tensor:
    """The log-probability of actions (..., C) under (..., C, K): (...)."""
    return log_probs.gather(-1, actions[..., None])[..., 0].sum(-1)


def entropy(log_probs: Tensor) -> Tensor:
    """The entropy of (..., C, K), summed over the controls: (...)."""
    return -(log_probs.exp() * log_probs).sum((-1, -2))


def keep_freed_memory() -> None:
    """Make glibc keep freed memory: new pages for every temporary tensor would cost a fifth of the speed."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):  # another C library
        return
    mallopt(-3, 2**25)  # M_MMAP_THRESHOLD: its greatest value
    mallopt(-1, 2**31 - 1)  # M_TRIM_THRESHOLD


def _conv_shape(resolution: tuple[int, int]) -> tuple[int, int]:
    """(H, W) of the last convolution's output."""
    height, width = resolution
    for kernel, stride in KERNELS:
        height, width = (height - kernel) // stride + 1, (width - kernel) // stride + 1
    return height, width
