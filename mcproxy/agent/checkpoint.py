"""Checkpoints: a folder with `model.safetensors` and `config.json`, and `resume.pt` if it is of a run.

Loading a checkpoint of unknown origin is safe: no code in it is run, and sizes are checked before memory is allocated.
`resume.pt` holds the optimizer of a run as tensors and plain data. Every file is replaced whole or not at all.
"""

import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

import mcproxy
from mcproxy.agent.architectures import make_agent
from mcproxy.agent.config import RunConfig, run_config
from mcproxy.agent.model import Agent
from mcproxy.errors import UserError
from mcproxy.files import whole
from mcproxy.policy import VectorEnv

FORMAT, SCHEMA = "mcproxy-agent", 2  # 1 had frames scaled to 0 .. 1
MODEL, CONFIG, RESUME = "model.safetensors", "config.json", "resume.pt"
_MAX_CONFIG = 2**20  # bytes
_DTYPES = ("F32", "F16")  # of weights, as safetensors names them; packed ones are float16
_MAX_SIZE = 2**16  # pixels, choices, units


def describe(run: RunConfig, env: VectorEnv, steps: int) -> dict[str, Any]:
    """The content of `config.json` for an agent trained for `steps` environment steps in worlds like those of `env`."""
    return {
        "format": FORMAT,
        "schema": SCHEMA,
        "mcproxy": mcproxy.__version__,
        "torch": torch.__version__,
        "task": {"name": env.task.name, "version": env.task.version},
        "observation": {"pov": [*env.resolution, 3], "dtype": "uint8", "fov_deg": env.fov_deg},
        "action": dict(zip(env.task.controls, [int(n) for n in env.single_action_space.nvec], strict=True)),
        "action_repeat": env.action_repeat,
        "steps": steps,
        "run": run.to_json(),
    }


def save(folder: Path, agent: Agent, config: dict[str, Any], dtype: torch.dtype = torch.float32) -> None:
    """Write an agent and its `config` (see `describe`), with weights of a dtype: float32, or float16 to pack them."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = {name: tensor.detach().cpu().to(dtype).contiguous() for name, tensor in agent.state_dict().items()}
    # one key: safetensors writes several in an order that differs between processes
    header = {FORMAT: json.dumps({"schema": SCHEMA, "steps": config["steps"]})}
    write(folder / MODEL, lambda part: save_file(weights, part, header))
    write(folder / CONFIG, lambda part: part.write_text(json.dumps(config, indent=2) + "\n"))


def load(folder: str | Path) -> tuple[Agent, dict[str, Any]]:
    """The agent of a checkpoint folder, on the CPU in float32, and its config; any defect is a `UserError`."""
    folder = Path(folder)
    if not folder.is_dir():
        raise UserError(f"checkpoint {folder}: not a folder; a checkpoint is a folder with {MODEL} and {CONFIG}")
    config = read_config(folder)
    run = run_config(config["run"])
    with torch.device("meta"):  # shapes only: no memory, whatever sizes the file claims
        agent = make_agent(run, list(config["action"].values()))
    agent.load_state_dict(_weights(folder / MODEL, agent), assign=True)
    return agent.eval().requires_grad_(False), config


def read_config(folder: Path) -> dict[str, Any]:
    """The checked `config.json` of a checkpoint folder."""
    path = folder / CONFIG
    try:
        if path.stat().st_size > _MAX_CONFIG:
            raise UserError(f"{path}: larger than {_MAX_CONFIG} bytes, so not a checkpoint's config")
        config = json.loads(path.read_text())
    except FileNotFoundError:
        raise UserError(f"{folder}: has no {CONFIG}; a checkpoint is a folder with {MODEL} and {CONFIG}") from None
    except (ValueError, RecursionError) as error:
        raise error if isinstance(error, UserError) else UserError(f"{path}: is not JSON ({error})") from None
    if not isinstance(config, dict) or config.get("format") != FORMAT:
        raise UserError(f"{path}: is not the config of an mcproxy agent (format {FORMAT!r})")
    if config.get("schema") != SCHEMA:
        todo = "train the agent again" if config.get("schema") in range(1, SCHEMA) else "upgrade mcproxy"
        raise UserError(f"{path} has schema {config.get('schema')}, this mcproxy reads {SCHEMA}: {todo}")
    try:
        run = run_config(config["run"])
        sizes, name = config["action"].values(), config["task"]["name"]
        counts = (*run.resolution, *sizes, run.ppo.hidden, run.ppo.lstm)
        fits = all(type(n) is int and 1 <= n <= _MAX_SIZE for n in counts) and len(sizes) > 0
        fits &= config["observation"]["pov"] == [*run.resolution, 3] and isinstance(name, str)
        fits &= type(config["steps"]) is int and config["steps"] >= 0
    except UserError as error:
        raise UserError(f"{path}: {error}") from None
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UserError(f"{path}: is damaged ({type(error).__name__}: {error}); get or train the agent again") from None
    if not fits:
        raise UserError(f"{path}: is damaged (sizes or steps out of range); get or train the agent again")
    return config


def check_fits(config: dict[str, Any], env: VectorEnv, name: str) -> None:
    """A `UserError` unless an agent of this config can act in `env`: same frames, same view, same controls."""
    seen, shown = tuple(config["observation"]["pov"][:2]), tuple(env.resolution)
    if seen != shown:
        raise UserError(
            f"agent {name} was trained on frames of {seen[0]} x {seen[1]}, this environment shows "
            f"{shown[0]} x {shown[1]}: give one the other's resolution"
        )
    for what, trained, here in (
        ("fov_deg", config["observation"]["fov_deg"], env.fov_deg),
        ("action_repeat", config["action_repeat"], env.action_repeat),
    ):
        if trained != here:
            raise UserError(
                f"agent {name} was trained with {what} {trained}, this environment has {here}: make them equal"
            )
    has = dict(zip(env.task.controls, [int(n) for n in env.single_action_space.nvec], strict=True))
    if list(config["action"].items()) != list(has.items()):
        raise UserError(
            f"agent {name} presses {', '.join(config['action'])} (task {config['task']['name']}), "
            f"task {env.task.name} takes {', '.join(has)}: use an agent trained for these controls"
        )


def save_resume(folder: Path, state: dict[str, Any]) -> None:
    """Write the state from which a run resumes: tensors, numbers, strings, lists and dictionaries."""
    write(folder / RESUME, lambda part: torch.save({"schema": SCHEMA, **state}, part))


def load_resume(folder: Path) -> dict[str, Any]:
    """The state that `save_resume` wrote."""
    path = folder / RESUME
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except OSError:
        raise
    except Exception as error:  # torch can fail in any way on a damaged file
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise UserError(f"{path}: cannot be resumed from ({reason}); train again with --force") from None
    if not isinstance(state, dict) or state.get("schema") != SCHEMA:
        found = state.get("schema") if isinstance(state, dict) else None
        raise UserError(
            f"{path} has schema {found}, this mcproxy resumes {SCHEMA}: use the mcproxy that started the run"
        )
    return state


def write(path: Path, fill: Callable[[Path], object]) -> None:
    """Replace a file as a whole: `fill` writes a hidden file beside it, which is then renamed."""
    with whole(path) as part:
        try:
            fill(part)
        except (RuntimeError, SafetensorError) as error:  # torch and safetensors report a full disk so
            reason = str(error).strip().splitlines()[0]
            raise UserError(f"{path}: cannot be written ({reason}); an older file is kept") from error


def _weights(path: Path, agent: Agent) -> dict[str, torch.Tensor]:
    """The file's tensors, in float32; they must be exactly those of the agent, finite, float32 or float16."""
    expected = agent.state_dict()
    with _reading(path), safe_open(path, "pt") as file:
        names = set(file.keys())
        if names != set(expected):
            odd = sorted(names ^ set(expected))
            raise UserError(f"{path}: does not hold the weights that its config describes ({', '.join(odd[:3])})")
        for name, like in expected.items():
            shape, dtype = tuple(file.get_slice(name).get_shape()), file.get_slice(name).get_dtype()
            if shape != tuple(like.shape) or dtype not in _DTYPES:
                raise UserError(f"{path}: {name} is {dtype} {shape}, its config describes F32 {tuple(like.shape)}")
        weights = {name: file.get_tensor(name).float() for name in expected}
    for name, tensor in weights.items():
        if not torch.isfinite(tensor).all():
            raise UserError(f"{path}: {name} has values that are not finite; get or train the agent again")
    return weights


@contextlib.contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise UserError(f"{path.parent}: has no {MODEL}; a checkpoint is a folder with {MODEL} and {CONFIG}") from None
    except SafetensorError as error:
        raise UserError(f"{path}: is not a whole safetensors file ({error}); get or train the agent again") from None
