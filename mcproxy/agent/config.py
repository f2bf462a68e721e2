"""The settings of a training run as plain data: `mcproxy train` takes them, and every checkpoint stores them.

Names are CleanRL's where it has them. Nothing here loads torch.
"""

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from mcproxy.engine.view import LOOKS
from mcproxy.errors import UserError, unknown

DEVICES = ("cpu", "cuda")
ARCHS = ("lstm", "ff", "gtrxl", "drc")  # `architectures/` has a file for each
MIN_PIXELS = 36  # a side; smaller frames would leave the last convolution without input
SETTINGS = {  # of the command line and of plans, with the field of `RunConfig` that each sets
    "task": "task",
    "seed": "seed",
    "steps": "total_timesteps",
    "mixture": "rho",
    "device": "device",
    "arch": "arch",
    "looks": "looks",
    "resolution": "resolution",
}
_PPO = "ppo."  # begins the names of the settings in `PPOConfig`
_COUNTS = (
    "num_envs", "num_steps", "num_groups", "update_epochs", "num_minibatches", "hidden", "lstm", "save_every",
)  # fmt: skip


@dataclass(frozen=True)
class PPOConfig:
    """Hyper-parameters of the trainer; the defaults learn `beacon` in about 330,000 steps."""

    num_envs: int = 64
    """Number of worlds (N)."""
    num_steps: int = 64
    """Steps of each world in a roll-out (T), and length of the sequences for backpropagation through time."""
    num_groups: int = 2
    """Groups into which worlds and minibatches are split; each group has its own thread."""
    update_epochs: int = 2
    """Passes over each roll-out."""
    num_minibatches: int = 4
    """Minibatches per pass; each holds whole sequences of some of the worlds."""
    learning_rate: float = 5e-4
    """Initial learning rate of Adam; it decays linearly to 0."""
    adam_eps: float = 1e-5
    """Adam's epsilon."""
    gamma: float = 0.99
    """Discount factor per step."""
    gae_lambda: float = 0.95
    """Lambda of the generalized advantage estimates."""
    clip_coef: float = 0.2
    """Clipping range of the probability ratio around 1."""
    ent_coef: float = 0.01
    """Weight of the entropy in the loss."""
    vf_coef: float = 0.5
    """Weight of the value loss."""
    max_grad_norm: float = 0.5
    """Maximum norm of the gradient."""
    hidden: int = 256
    """Number of features after the convolutions."""
    lstm: int = 256
    """Width of the memory, in every architecture."""
    bf16: bool | None = None
    """Compute in bfloat16 with float32 weights; None: only if the processor or GPU supports bfloat16 natively."""
    save_every: int = 10
    """Updates between checkpoints. All worlds restart at each, so a resumed run equals an uninterrupted one."""

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
        """Steps after a restart of the worlds; an episode that begins within them counts in the goal rate."""
        return max(self.save_every * self.num_steps // 2, 1)

    @property
    def batch_size(self) -> int:
        """Steps of a roll-out, over all worlds."""
        return self.num_envs * self.num_steps


@dataclass(frozen=True)
class RunConfig:
    """All settings that determine the result of a training run."""

    task: str = "beacon"
    arm: str = "aligned"
    rho: float = 1.0
    seed: int = 0
    total_timesteps: int = 1_000_000  # rounded down to whole roll-outs
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
        _check(self, "resolution", min(self.resolution) >= MIN_PIXELS, f"{MIN_PIXELS} pixels a side or more")
        rollout = self.ppo.batch_size
        expected = f"at least one roll-out of {rollout} steps (num_envs x num_steps)"
        _check(self, "total_timesteps", self.total_timesteps >= rollout, expected)

    @property
    def num_updates(self) -> int:
        """Roll-outs of the run, each followed by an update; steps that do not fill a roll-out are dropped."""
        return self.total_timesteps // self.ppo.batch_size

    def in_precision(self, bf16: bool | None) -> "RunConfig":
        """These settings with another `PPOConfig.bf16`."""
        return dataclasses.replace(self, ppo=dataclasses.replace(self.ppo, bf16=bf16))

    def to_json(self) -> dict[str, Any]:
        """The settings as a plain dictionary."""
        return asdict(self)


def settings_of(config: RunConfig) -> dict[str, Any]:
    """The settings by the names that the command line and plans share, such as "steps" and "ppo.ent-coef"."""
    ppo = {_PPO + name.replace("_", "-"): value for name, value in asdict(config.ppo).items()}
    return {setting: getattr(config, name) for setting, name in SETTINGS.items()} | ppo


def with_settings(base: RunConfig, settings: Mapping[str, Any]) -> RunConfig:
    """The run `base` with other values of some settings, named as by `settings_of`.

    Its arm is `aligned` if the marker always stands at the goal, otherwise `mixture`. A wrong value is a `UserError`
    whose `field` is the name of the setting.
    """
    known = settings_of(RunConfig())
    for name, value in settings.items():
        if name not in known:
            raise unknown("setting", name, known)
        if not _has_type(name.removeprefix(_PPO), value, known[name]):
            raise UserError(f"{value!r}: expected a value like {known[name]!r}", name)
    top = {SETTINGS[name]: value for name, value in settings.items() if name in SETTINGS}
    try:
        ppo = dataclasses.replace(base.ppo, **{_field_of(name): settings[name] for name in settings.keys() - SETTINGS})
    except UserError as error:
        raise UserError(error.problem, error.field and _PPO + error.field.replace("_", "-")) from None
    try:
        arm = "aligned" if top.get("rho", base.rho) == 1.0 else "mixture"
        return dataclasses.replace(base, arm=arm, ppo=ppo, **top)
    except UserError as error:
        raise UserError(error.problem, next((s for s, name in SETTINGS.items() if name == error.field), None)) from None


def first_difference(one: RunConfig, other: RunConfig) -> tuple[str, object, object] | None:
    """The first setting in which two runs differ, with its two values; None if all settings are equal."""
    settings, others = settings_of(one), settings_of(other)
    return next(((name, value, others[name]) for name, value in settings.items() if value != others[name]), None)


def _field_of(setting: str) -> str:
    """The field of `PPOConfig` that a setting "ppo.NAME" names."""
    return setting.removeprefix(_PPO).replace("-", "_")


def run_config(plain: Any) -> RunConfig:
    """The settings that `RunConfig.to_json` wrote; an unknown setting or an unsuitable value is a `UserError`."""
    values = dict(_known(RunConfig, plain, "the run"))
    if "resolution" in values:
        values["resolution"] = tuple(values["resolution"])
    if "ppo" in values:
        values["ppo"] = PPOConfig(**_known(PPOConfig, values["ppo"], "ppo"))
    return RunConfig(**values)


def _known(kind: type, plain: Any, where: str) -> dict[str, Any]:
    """The dictionary itself, after a check that every value has the type of the default that it replaces."""
    if not isinstance(plain, dict):
        raise UserError(f"settings of {where}: got {type(plain).__name__}, expected an object")
    default = kind()
    names = [f.name for f in dataclasses.fields(kind)]
    for name, value in plain.items():
        if name not in names:
            raise unknown(f"setting of {where}", name, names)
        if name != "ppo" and not _has_type(name, value, getattr(default, name)):
            raise UserError(f"setting {name} of {where} is {value!r}, expected a value like {getattr(default, name)!r}")
    return plain


def _has_type(name: str, value: object, default: object) -> bool:
    """Whether a value has the type of the setting `name`, whose default is given."""
    if name == "bf16":
        return value is None or isinstance(value, bool)
    if name == "resolution":
        return isinstance(value, list | tuple) and len(value) == 2 and all(type(v) is int for v in value)
    return type(value) is type(default) or (type(default) is float and type(value) is int)


def _check(config: "PPOConfig | RunConfig", name: str, fits: bool, expected: str) -> None:
    if not fits:
        raise UserError(f"{getattr(config, name)}: expected {expected}", name)
