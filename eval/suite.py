"""Suites: tasks that are evaluated together, each with the agents that were trained on it, into one folder a task."""

from collections.abc import Sequence
from pathlib import Path

from mcproxy import errors, registry
from mcproxy.errors import UserError
from mcproxy.eval import evaluation
from mcproxy.eval.evaluation import Options, Show
from mcproxy.eval.results import Results
from mcproxy.load_policy import shipped_for

SUITES = {"core": ("beacon", "maze", "course", "keys", "sweep", "banner", "ore")}


def run(
    name: str,
    policies: Sequence[str],
    arms: Sequence[str],
    episodes: int,
    out: Path,
    options: Options,
    progress: Show | None = None,
) -> dict[str, Results]:
    """Evaluate the shipped agents of every task of a suite, and `policies` on all of them; results by task.

    Each task's results lie in a folder of its name below `out`.
    """
    if name not in SUITES:
        raise errors.unknown("suite", name, SUITES)
    for task in SUITES[name]:
        registry.named(task)  # a task that is missing is reported before hours have passed
    if out.is_dir() and any(out.iterdir()) and not (options.force or options.resume):
        raise UserError(f"{out} is not empty: choose another folder, or resume with --resume, or replace with --force")
    found = {}
    for task in SUITES[name]:
        show = None if progress is None else _labelled(progress, task)
        chosen = [*shipped_for(task), *policies]
        found[task] = evaluation.run(chosen, task, arms, episodes, out / task, options, show)
    return found


def _labelled(progress: Show, task: str) -> Show:
    return lambda arm, done, total: progress(f"{task} {arm}", done, total)
