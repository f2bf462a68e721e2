"""The settings of a training run as plain data: what `mcproxy train` takes, and what every checkpoint carries.

Names are CleanRL's where it has them. Nothing here loads torch.
"""

import dataclasses
import math
from dataclasses import asdict, dataclass, field
from typing import Any

from mcproxy.engine.view import LOOKS
from mcproxy.errors import UserError, unknown

DEVICES = ("cpu", "cuda")
ARCHS = ("lstm", "ff", "gtrxl", "drc")  # `architectures/` has a file for each
MIN_PIXELS = 36  # a side; smaller frames would leave the last convolution nothing to look at
_COUNTS = (
    "num_envs", "num_steps", "num_groups", "update_epochs", "num_minibatches", "hidden", "lstm", "save_every",
)  # fmt: skip


@dataclass(frozen=True)
class PPOConfig:
    """Hyper-parameters of the trainer; with the defaults `beacon` is learned in a third of a million steps."""

    num_envs: int = 64
    """Worlds stepped together (N)."""
    num_steps: int = 64
    """Steps of each world in a roll-out (T), which is also the length of the sequences that are learned from."""
    num_groups: int = 2
    """Parts into which worlds and minibatches are split, each with a thread of its own."""
    update_epochs: int = 2
    """Passes over a roll-out."""
    num_minibatches: int = 4
    """Minibatches of a pass, split along the worlds so that no sequence is cut."""
    learning_rate: float = 5e-4
    """Of Adam, falling linearly to 0."""
    adam_eps: float = 1e-5
    """Adam's epsilon."""
    gamma: float = 0.99
    """Discount of a step."""
    gae_lambda: float = 0.95
    """Lambda of the generalized advantage estimates."""
    clip_coef: float = 0.2
    """How far the probability ratio may leave 1."""
    ent_coef: float = 0.01
    """Weight of the entropy in the loss."""
    vf_coef: float = 0.5
    """Weight of the value loss."""
    max_grad_norm: float = 0.5
    """Norm to which the gradient is clipped."""
    hidden: int = 256
    """Width of the features that the convolutions end in."""
    lstm: int = 256
    """Width of the memory, whatever the architecture."""
    bf16: bool | None = None
    """Compute in bfloat16 with float32 weights; None: where the processor has instructions for it."""
    save_every: int = 10
    """Updates between checkpoints; the worlds begin anew at each, so that a resumed run repeats an unbroken one."""

    def __post_init__(self) -> None:
        for name in _COUNTS:
            _check(self, name, getattr(self, name) >= 1, "1 or more")
        for name in ("learning_rate", "adam_eps", "max_grad_norm"):
            _check(self, name, 0.0 < getattr(self, name) < math.inf, "a number above 0")
        for name in ("ent_coef", "vf_coef", "clip_coef"):
            _check(self, name, 0.0 <= getattr(self, name) < math.inf, "0 or more")
        for name in ("gamma", "gae_lambda"):
            _check(self, name, 0.0 <= getattr(self, name) <= 1.0, "0 to 1")
        parts = self.num_minibatches * self.num_groups
        expected = f"a multiple of num_minibatches x num_groups = {parts}"
        _check(self, "num_envs", self.num_envs % parts == 0, expected)
        few = self.num_steps * self.num_envs // self.num_minibatches
        _check(self, "num_steps", few >= 2, "2 or more: advantages are scaled by their spread in a minibatch")

    @property
    def counted_steps(self) -> int:
        """Steps after a restart of the worlds within which an episode must begin to count in the goal rate."""
        return max(self.save_every * self.num_steps // 2, 1)

    @property
    def batch_size(self) -> int:
        """Steps of a roll-out, over all worlds."""
        return self.num_envs * self.num_steps


@dataclass(frozen=True)
class RunConfig:
    """Everything that decides how a training run unfolds."""

    task: str = "beacon"
    arm: str = "aligned"
    rho: float = 1.0
    seed: int = 0
    total_timesteps: int = 1_000_000  # whole roll-outs are made of it
    resolution: tuple[int, int] = (64, 64)  # (H, W) in pixels
    device: str = "cpu"
    arch: str = "lstm"
    looks: str = "plain"  # or "random": see mcproxy.engine.rendering.random_looks
    ppo: PPOConfig = field(default_factory=PPOConfig)

    def __post_init__(self) -> None:
        if self.arch not in ARCHS:
            raise unknown("architecture", self.arch, ARCHS)
        if self.looks not in LOOKS:
            raise unknown("looks", self.looks, LOOKS)
        if self.device not in DEVICES:
            raise unknown("device", self.device, DEVICES)
        _check(self, "rho", 0.0 <= self.rho <= 1.0, "a probability between 0 and 1")
        _check(self, "seed", self.seed >= 0, "0 or more")
        _check(self, "resolution", min(self.resolution) >= MIN_PIXELS, f"{MIN_PIXELS} pixels a side at least")
        rollout = self.ppo.batch_size
        expected = f"one roll-out of {rollout} steps (num_envs x num_steps) at least"
        _check(self, "total_timesteps", self.total_timesteps >= rollout, expected)

    @property
    def num_updates(self) -> int:
        """Roll-outs of the run, each followed by an update; what does not fill a last one is left out."""
        return self.total_timesteps // self.ppo.batch_size

    def in_precision(self, bf16: bool | None) -> "RunConfig":
        """These settings with another `PPOConfig.bf16`."""
        return dataclasses.replace(self, ppo=dataclasses.replace(self.ppo, bf16=bf16))

    def to_json(self) -> dict[str, Any]:
        """The settings as a plain dictionary."""
        return asdict(self)


def run_config(plain: Any) -> RunConfig:
    """The settings that `RunConfig.to_json` wrote; a foreign, missing or unsuitable value is a `UserError`."""
    values = dict(_known(RunConfig, plain, "the run"))
    if "resolution" in values:
        values["resolution"] = tuple(values["resolution"])
    if "ppo" in values:
        values["ppo"] = PPOConfig(**_known(PPOConfig, values["ppo"], "ppo"))
    return RunConfig(**values)


def _known(kind: type, plain: Any, where: str) -> dict[str, Any]:
    """The dictionary, of which every value must have the type of the default that it replaces."""
    if not isinstance(plain, dict):
        raise UserError(f"settings of {where}: got {type(plain).__name__}, expected an object")
    default = kind()
    names = [f.name for f in dataclasses.fields(kind)]
    for name, value in plain.items():
        if name not in names:
            raise unknown(f"setting of {where}", name, names)
        like = getattr(default, name)
        if name == "ppo":
            continue
        if name == "bf16":
            fits = value is None or isinstance(value, bool)
        elif name == "resolution":
            fits = isinstance(value, list | tuple) and len(value) == 2 and all(type(v) is int for v in value)
        else:
            fits = type(value) is type(like) or (type(like) is float and type(value) is int)
        if not fits:
            raise UserError(f"setting {name} of {where} is {value!r}, expected something like {like!r}")
    return plain


def _check(config: Any, name: str, fits: bool, expected: str) -> None:
    if not fits:
        raise UserError(f"{name}={getattr(config, name)}: expected {expected}")
