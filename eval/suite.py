"""Several policies in several arms into one folder: `results.json`, and a recording of every policy in every arm.

The folder is touched only when the first episode is complete, so that a policy that cannot be run spoils nothing. From
then on `results.json` holds every finished (policy, arm), and the recordings every complete episode, whatever happens.
"""

import contextlib
import itertools
import json
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mcproxy import errors
from mcproxy import task as tasks
from mcproxy.agent.policy import load_policy
from mcproxy.env import VoxelVectorEnv
from mcproxy.episode import Episode
from mcproxy.errors import UserError
from mcproxy.eval import results as results_file
from mcproxy.eval.harness import NUM_WORLDS, RHO, evaluate, make_env, name_of
from mcproxy.eval.results import Results
from mcproxy.record import FRAMES, Recorder
from mcproxy.recording_format import slug
from mcproxy.task import Task

if TYPE_CHECKING:
    from mcproxy.backends.malmo import Malmo

ALL = "all"
MAX_EPISODES = 500_000  # in one folder, so that its results stay readable: about 70 bytes each
RECORDINGS = "recordings"
NAMESPACE = "mcproxy"  # the folder within the recordings that is ours, so that --force deletes nothing else
_MAX_SEED = 2**62


def run(
    policies: Sequence[str],
    task: str,
    arms: Sequence[str],
    episodes: int,
    out: Path,
    *,
    seed: int = 0,
    frames: str = "gzip",
    threads: int = 1,
    force: bool = False,
    deterministic: bool = False,
    malmo: "Malmo | None" = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> Results:
    """Evaluate every policy in every arm (or `all`) on the same layouts, `seed` to `seed + episodes - 1`.

    With `malmo` their worlds are MineRL environments on that server. `progress` gets an arm, the number of its episodes
    done by all policies, and how many there will be. What cannot be used is a `UserError`, raised before anything is written wherever that can be known.
    """
    for name, value, least in (("episodes", episodes, 1), ("threads", threads, 1), ("seed", seed, 0)):
        if value < least:
            raise UserError(f"{name}={value}: expected {least} or more")
    if seed > _MAX_SEED:
        raise UserError(f"seed={seed}: expected {_MAX_SEED} at most")
    if frames not in FRAMES:
        raise errors.unknown("frames", frames, FRAMES)
    chosen = _arms(tasks.get(task), arms)
    if len(policies) * len(chosen) * episodes > MAX_EPISODES:
        raise UserError(f"more than {MAX_EPISODES} episodes in all: evaluate into several folders, for the leaderboard")
    folder = _Folder(out, force)
    num_worlds = min(NUM_WORLDS if malmo is None else malmo.missions, episodes)
    with contextlib.closing(make_env(task, chosen[0], num_worlds)) as env:
        agents = _agents(policies, env)
    results = Results(
        config={
            "task": task,
            "version": tasks.get(task).version,
            "arms": chosen,
            "split": "eval",
            "seed": seed,
            "episodes": episodes,
            "deterministic": deterministic,
            "rho": RHO,
            "frames": frames,
            **({} if malmo is None else {"backend": "minerl"}),
        },
        policies={name: getattr(agent, "config", {}) for name, agent in agents.items()},
    )
    order = {(name, arm): k for k, (name, arm) in enumerate(itertools.product(agents, chosen))}
    files: dict[tuple[str, str], str] = {}
    try:
        for arm in chosen:  # the outer loop: a run that is cut has compared all policies in the arms that it finished
            with contextlib.closing(make_env(task, arm, num_worlds, threads, malmo)) as env:
                for k, (name, agent) in enumerate(agents.items()):
                    with Recorder(out / RECORDINGS, frames) as recorder:
                        found = evaluate(
                            agent,
                            seeds=range(seed, seed + episodes),
                            deterministic=deterministic,
                            env=env,
                            record=folder.before(recorder.write),
                            record_frames=frames != "none",
                            progress=_part(progress, arm, k * episodes, len(agents) * episodes),
                        )
                    assert recorder.path is not None
                    files[name, arm] = recorder.path.relative_to(out).as_posix()
                    results.arms = sorted([*results.arms, found], key=lambda a: order[a.policy, a.arm])
                    results.files = [files[a.policy, a.arm] for a in results.arms]
                    results_file.write(results, out)
                    folder.settle()
    finally:
        folder.settle()
    return results


class _Folder:
    """The folder of an evaluation, which nothing touches until an episode is worth keeping.

    An older evaluation is set aside then, and kept until the first row of the new one is written.
    """

    def __init__(self, out: Path, force: bool) -> None:
        if out.exists() and not out.is_dir():
            raise UserError(f"{out} is a file: expected a folder, new or empty")
        self.out, self.ready = out, False
        self._theirs = (out / results_file.FILE, out / RECORDINGS / NAMESPACE)
        self._aside = tuple(path.with_name(f".{path.name}.replaced") for path in self._theirs)
        self.settle()  # a kill may have come before
        if not force and out.is_dir() and any(out.iterdir()):
            raise UserError(f"{out} is not empty: choose another folder, or replace the evaluation in it with --force")

    def before(self, write: Callable[[Episode], None]) -> Callable[[Episode], None]:
        """A writer of episodes that clears the folder of an older evaluation before its first one."""

        def write_ready(episode: Episode) -> None:
            if not self.ready:
                self.out.mkdir(parents=True, exist_ok=True)
                self._move(self._theirs, self._aside)
                self.ready = True
            write(episode)

        return write_ready

    def settle(self) -> None:
        """Drop what was set aside if a row of the new evaluation is written, otherwise put it back."""
        aside = [path for path in self._aside if path.exists()]
        if aside and not self._theirs[0].exists():
            _remove(self._theirs[1])
            self._move(self._aside, self._theirs)
        for path in aside:
            _remove(path)

    def _move(self, sources: Sequence[Path], targets: Sequence[Path]) -> None:
        for source, target in zip(sources, targets, strict=True):
            if source.exists():
                _remove(target)
                os.replace(source, target)


def _remove(path: Path) -> None:
    """Delete a file or a folder, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _arms(task: Task, arms: Sequence[str]) -> list[str]:
    """The arms asked for, each once, in the task's order."""
    for arm in arms:
        if arm != ALL and arm not in task.arms:
            raise errors.unknown(f"arm of task {task.name!r}", arm, [*task.arms, ALL])
    return [arm for arm in task.arms if arm in arms or ALL in arms]


def _agents(specs: Sequence[str], env: VoxelVectorEnv) -> dict[str, Any]:
    """The policies by the name under which their results will stand."""
    agents: dict[str, Any] = {}
    slugs: dict[str, str] = {}
    for spec in specs:
        agent = load_policy(spec, env)
        name = name_of(agent)
        if not name.isprintable() or len(name) > results_file.MAX_NAME:
            raise UserError(f"policy {spec!r} has the name {name[:40]!r}: expected a short one that can be printed")
        if slug(name) in slugs:
            both = f"{slugs[slug(name)]!r} and {spec!r}"
            raise UserError(f"policies {both} share the name {name!r}: rename one, or evaluate them apart")
        try:
            json.dumps(getattr(agent, "config", {}), allow_nan=False)
        except (TypeError, ValueError) as error:
            raise UserError(f"policy {name!r} has a config that is not plain JSON: {error}") from None
        agents[name], slugs[slug(name)] = agent, spec
    return agents


def _part(
    progress: Callable[[str, int, int], None] | None, label: str, before: int, total: int
) -> Callable[[int], None] | None:
    """The progress of one evaluation as a part of a longer one's."""
    return None if progress is None else lambda done: progress(label, before + done, total)
