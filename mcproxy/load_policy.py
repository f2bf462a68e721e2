"""Load a policy by its name: built-in, scripted, shipped, a checkpoint, or the user's own."""

import importlib
import json
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from mcproxy import errors, registry
from mcproxy.errors import UserError
from mcproxy.policy import Policy, RandomPolicy

if TYPE_CHECKING:
    from mcproxy.env import VoxelVectorEnv

SHIPPED = Path(__file__).parent / "agent" / "shipped"  # folders of checkpoints


def load_policy(spec: str, env: "VoxelVectorEnv", seed: int = 0) -> Policy:
    """The policy of that name for the worlds of `env`.

    `spec` is `random`, `expert:OBJECTIVE`, `indifferent` or `searcher:ORDER` (`mcproxy.experts.searchers`),
    `planted:...` (`mcproxy.experts.planted`), the name of a shipped agent, `zoo:NAME` (`mcproxy.agent.zoo`), a
    checkpoint folder, or `module:factory`, where `factory(env)` returns the policy. A policy that cannot be loaded is
    a `UserError`.
    """
    if spec == "random":
        return RandomPolicy(env.single_action_space.nvec, seed)
    if spec.startswith("expert:"):
        from mcproxy.experts import Expert

        return Expert(spec.removeprefix("expert:"), env)
    if spec.startswith("planted:"):
        from mcproxy.experts.planted import plant

        return plant(spec, env, seed)
    if spec == "indifferent" or spec.startswith("searcher:"):
        from mcproxy.experts import searchers

        order = spec.partition(":")[2]
        return searchers.Searcher(env, order, seed) if order else searchers.Indifferent(env, seed)
    folder = SHIPPED / spec if spec in shipped() else Path(spec)
    if spec.startswith("zoo:"):
        from mcproxy.agent import zoo

        folder = zoo.folder_of(spec)
    if folder.is_dir():
        from mcproxy.agent import checkpoint

        agent, config = checkpoint.load(folder)
        checkpoint.check_fits(config, env, spec)
        from mcproxy.agent.agent_policy import AgentPolicy

        return AgentPolicy(agent, folder.resolve().name, config, seed, env.threads)
    if re.fullmatch(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*", spec):
        return _made(spec, env)
    if os.sep in spec:
        raise UserError(f"policy {spec!r}: no such folder; expected a checkpoint, such as the --out of a training run")
    experts = [f"expert:{o.name}" for o in env.task.objectives]
    raise errors.unknown("policy", spec, ["random", *experts, *shipped()])


def shipped() -> list[str]:
    """The names of the shipped agents."""
    return sorted(f.name for f in SHIPPED.glob("*") if f.is_dir())


def shipped_for(task: str) -> list[str]:
    """The names of the shipped agents that were trained on the installed version of a task."""
    wanted = {"name": task, "version": registry.named(task).version}
    return [name for name in shipped() if json.loads((SHIPPED / name / "config.json").read_bytes())["task"] == wanted]


def _made(spec: str, env: "VoxelVectorEnv") -> Policy:
    """The policy of `module:factory`; the module may be in the current folder."""
    module_name, _, factory_name = spec.partition(":")
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())
    try:
        module = importlib.import_module(module_name)
    except (ImportError, SyntaxError) as error:
        raise UserError(f"policy {spec!r}: cannot import {module_name} ({error}); is it on PYTHONPATH?") from error
    factory = getattr(module, factory_name, None)
    if not callable(factory):
        public = [n for n in vars(module) if callable(getattr(module, n)) and not n.startswith("_")]
        raise errors.unknown(f"factory in module {module_name}", factory_name, public)
    try:
        policy = factory(env)
    except UserError:
        raise
    except Exception as error:
        raise UserError(f"policy {spec!r}: the factory raised {type(error).__name__}: {error}") from error
    if not isinstance(policy, Policy):
        raise UserError(f"policy {spec!r}: the factory returned {type(policy).__name__}, which has no predict method")
    if not hasattr(policy, "name"):
        policy.name = spec  # type: ignore[attr-defined]
    return policy
