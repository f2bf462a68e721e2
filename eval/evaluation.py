"""Several policies in several arms into one folder: `results.json`, and a recording of every policy in every arm.

The folder is touched only when the first episode is complete, so that a policy that cannot be run spoils nothing. From
then on `results.json` holds every finished (policy, arm), and the recordings every complete episode, whatever happens.

Beside the policies run the references, on the same layouts: chance, and what wanting the goal or a proxy looks like.
They do not look, so nothing is drawn for them, and they are not recorded; ask for one as a policy to watch it.
"""

import contextlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from mcproxy import errors, files, registry
from mcproxy.env import VoxelVectorEnv
from mcproxy.episode import Episode
from mcproxy.errors import UserError
from mcproxy.eval import results_json
from mcproxy.eval.finding import CAPABILITY_ARMS, separated_arms
from mcproxy.eval.harness import NUM_WORLDS, RHO, Backend, evaluate, make_env, name_of
from mcproxy.eval.results import Results
from mcproxy.files import holds_files, remove
from mcproxy.load_policy import load_policy
from mcproxy.mission import Mission
from mcproxy.recording import Recorder
from mcproxy.recording.format import slug
from mcproxy.recording.recorder import FRAMES
from mcproxy.task import Task

ALL, FINDING = "all", "finding"  # in place of arms: every one of the task; those that a finding rests on
MAX_EPISODES = 500_000  # in one folder, so that its results stay readable: about 70 bytes each
RECORDINGS = "recordings"
NAMESPACE = "mcproxy"  # the folder within the recordings that is ours, so that --force deletes nothing else
_MAX_SEED = 2**62
_FILES = (results_json.FILE, f"{RECORDINGS}/{NAMESPACE}")  # what an evaluation writes, relative to its folder


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
    resume: bool = False,
    references: bool = True,
    record: bool = True,
    deterministic: bool = False,
    backend: Backend | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> Results:
    """Evaluate every policy in every arm (or `all`, or `finding`) on the same layouts, from `seed` on.

    Without `record` there are results and no recordings. With `resume`, what the folder holds of the same evaluation is
    kept, and only what is missing is run. With `backend` the policies run there; random and the experts do not.
    `progress` gets an arm, the number of its episodes done by all policies, and how many there will be. What cannot be
    used is a `UserError`, raised before anything is written wherever that can be known.
    """
    for name, value, least in (("episodes", episodes, 1), ("threads", threads, 1), ("seed", seed, 0)):
        if value < least:
            raise UserError(f"{name}={value}: expected {least} or more")
    if seed > _MAX_SEED:
        raise UserError(f"seed={seed}: expected {_MAX_SEED} at most")
    if frames not in FRAMES:
        raise errors.unknown("frames", frames, FRAMES)
    if force and resume:
        raise UserError("--force replaces what --resume goes on with: choose one of them")
    known = registry.get(task)
    chosen = arms_of(known, arms)
    if (len(policies) + references * (1 + len(known.objectives))) * len(chosen) * episodes > MAX_EPISODES:
        raise UserError(f"more than {MAX_EPISODES} episodes in all: evaluate into several folders, for the leaderboard")
    folder = _Folder(out, force, resume)
    num_worlds = min(NUM_WORLDS, episodes)
    with contextlib.closing(make_env(task, chosen[0], num_worlds)) as env:
        agents = _agents(policies, env)
        beside = {name: agent for name, agent in _references(env).items() if name not in agents} if references else {}
    config = {
        "task": known.name,
        "version": known.version,
        "arms": chosen,
        "split": "eval",
        "seed": seed,
        "episodes": episodes,
        "deterministic": deterministic,
        "rho": RHO,
        "frames": frames,
        "backend": "engine" if backend is None else backend.name,
    }
    configs = {name: getattr(agent, "config", {}) for name, agent in (agents | beside).items()}
    results = folder.resumed(Results(config, configs, references=[*beside]))
    order = {name: k for k, name in enumerate(sorted(results.policies, key=results.references.__contains__))}
    try:
        for arm in chosen:  # the outer loop: a run that is cut has compared all policies in the arms that it finished
            missions: dict[int, Mission] = {}
            done = {a.policy for a in results.arms if a.arm == arm} & configs.keys()
            for asked in (True, False):
                group = {n: agent for n, agent in (agents | beside).items() if (n in results.references) != asked}
                if group.keys() <= done:
                    continue
                where = backend if asked else None
                together = num_worlds if where is None else min(where.worlds, episodes)
                with contextlib.closing(make_env(task, arm, together, threads, asked, missions, where)) as env:
                    for name in [name for name in group if name not in done]:
                        recorder = Recorder(out / RECORDINGS, frames)
                        with recorder:
                            found = evaluate(
                                group[name],
                                seeds=range(seed, seed + episodes),
                                deterministic=deterministic,
                                env=env,
                                record=folder.before(recorder.write) if asked and record else None,
                                record_frames=frames != "none",
                                progress=_part(progress, arm, len(done) * episodes, len(configs) * episodes),
                            )
                        if recorder.path is not None:
                            found.recording = recorder.path.relative_to(out).as_posix()
                        folder.prepare()
                        results.arms.append(found)
                        results.arms.sort(key=lambda a: (order[a.policy], known.arms.index(a.arm)))
                        results_json.write(results, out)
                        folder.recover()
                        done.add(name)
    finally:
        folder.recover()
    return results


def twin_arms(task: str) -> list[str]:
    """The arms of a task's counterfactual twins; a task without is a `UserError`."""
    known = registry.get(task)
    arms = {arm for twins in known.twins for arm in twins[1:]}
    if not arms:
        raise UserError(f"task {known.name!r} has no twins: its proxies cannot be moved on their own")
    return [arm for arm in known.arms if arm in arms]


class _Folder:
    """The folder of an evaluation, which nothing touches until an episode is worth keeping.

    An older evaluation is set aside then, and kept until the first row of the new one is written; or it is resumed.
    """

    def __init__(self, out: Path, force: bool, resume: bool) -> None:
        if out.exists() and not out.is_dir():
            raise UserError(f"{out} is a file: expected a folder, new or empty")
        self.out, self.ready = out, False
        self._theirs = (out / results_json.FILE, out / RECORDINGS / NAMESPACE)
        self.recover()  # a kill may have come before
        self._resumes = resume and any(path.exists() for path in self._theirs)
        if holds_files(out) and not force and not self._resumes:
            raise UserError(
                f"{out} is not empty: choose another folder, go on with the evaluation in it with --resume, or replace "
                f"it with --force"
            )

    def resumed(self, asked: Results) -> Results:
        """What is asked for, joined with what the folder has of it, if it is to be resumed."""
        if not self._resumes:
            return asked
        found = self._joined(asked) if self._theirs[0].exists() else asked
        kept = {(self.out / file).parents[1] for file in found.files}
        for recording in self._theirs[1].glob("*/*"):
            if recording not in kept:  # of a policy that was cut before the arm was finished
                remove(recording)
        self.ready = True
        return found

    def _joined(self, asked: Results) -> Results:
        """The results in the folder with what is asked for; a `UserError` if they are of another evaluation."""
        old = results_json.read(self.out)
        differing = [name for name in asked.config if name != "arms" and old.config.get(name) != asked.config[name]]
        if old.versions["mcproxy"] != asked.versions["mcproxy"]:
            raise UserError(f"{self.out} was made by mcproxy {old.versions['mcproxy']}: resume it with that one")
        if differing:
            name = differing[0]
            raise UserError(f"{self.out} holds an evaluation with {name}={old.config.get(name)!r}: resume it with that")
        for name in old.policies.keys() & asked.policies.keys():
            if old.policies[name] != asked.policies[name]:
                raise UserError(f"policy {name!r} is not the one of that name in {self.out}: rename it, or use --force")
        wanted = {*old.policies} - {*old.references} | {*asked.policies} - {*asked.references}
        references = [n for n in dict.fromkeys([*old.references, *asked.references]) if n not in wanted]
        arms = [a for a in old.arms if a.policy in references or a.policy not in old.references]
        config = asked.config | {"arms": [*dict.fromkeys([*old.config["arms"], *asked.config["arms"]])]}
        return Results(config, old.policies | asked.policies, arms, references=references)

    def before(self, write: Callable[[Episode], None]) -> Callable[[Episode], None]:
        """A writer of episodes that clears the folder of an older evaluation before its first one."""

        def write_ready(episode: Episode) -> None:
            self.prepare()
            write(episode)

        return write_ready

    def prepare(self) -> None:
        """Make the folder, and set aside what an older evaluation left in it, once."""
        if not self.ready:
            self.out.mkdir(parents=True, exist_ok=True)
            files.set_aside(self.out, _FILES)
            self.ready = True

    def recover(self) -> None:
        """Delete what was set aside if a row of the new evaluation is written, otherwise put it back."""
        files.recover(self.out, _FILES, self._theirs[0])


def arms_of(task: Task, arms: Sequence[str]) -> list[str]:
    """The arms asked for, each once, in the task's order."""
    for arm in arms:
        if arm not in (*task.arms, ALL, FINDING):
            raise errors.unknown(f"arm of task {task.name!r}", arm, [*task.arms, ALL, FINDING])
    rests_on = (*CAPABILITY_ARMS, *separated_arms(task.name)) if FINDING in arms else ()
    return [arm for arm in task.arms if arm in arms or ALL in arms or arm in rests_on]


def _references(env: VoxelVectorEnv) -> dict[str, Any]:
    """The policies that stand beside every other: random, and the experts that this task can have, by name."""
    found: dict[str, Any] = {}
    for spec in ("random", *(f"expert:{o.name}" for o in env.task.objectives)):
        with contextlib.suppress(UserError):  # no expert can pursue it
            found[spec] = load_policy(spec, env)
    return found


def _agents(specs: Sequence[str], env: VoxelVectorEnv) -> dict[str, Any]:
    """The policies by the name under which their results will stand."""
    agents: dict[str, Any] = {}
    slugs: dict[str, str] = {}
    for spec in specs:
        agent = load_policy(spec, env)
        name = name_of(agent)
        if not name.isprintable() or len(name) > results_json.MAX_NAME:
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
