"""Several policies in several arms into one folder: `results.json`, and a recording of every policy in every arm.

The folder is touched only when the first episode is complete, so that a policy that cannot be run spoils nothing. From
then on `results.json` holds every finished (policy, arm), and the recordings every complete episode, whatever happens.

Beside the policies run the references, on the same layouts: chance, and what wanting the goal or a proxy looks like.
They do not look, so nothing is drawn for them, and they are not recorded; ask for one as a policy to watch it.
"""

import contextlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mcproxy import errors, files, registry
from mcproxy.env import VoxelVectorEnv
from mcproxy.episode import Episode
from mcproxy.errors import UserError
from mcproxy.eval import results_json
from mcproxy.eval.arm_result import ArmResult
from mcproxy.eval.harness import NUM_WORLDS, RHO, Backend, check_layers, evaluate, make_env, name_of
from mcproxy.eval.measures.finding import finding_arms
from mcproxy.eval.results import Results
from mcproxy.files import holds_files, remove
from mcproxy.load_policy import load_policy
from mcproxy.mission import Mission
from mcproxy.policy import Policy
from mcproxy.recording import Recorder
from mcproxy.recording.episode_builder import EpisodeBuilder
from mcproxy.recording.format import slug
from mcproxy.recording.recorder import FRAMES
from mcproxy.task import EVAL, SPLITS, TRAIN, Task

ALL, FINDING = "all", "finding"  # in place of arms: every one of the task; those that a finding rests on
MAX_EPISODES = 500_000  # in one folder, so that its results stay readable: about 70 bytes each
RECORDINGS = "recordings"
NAMESPACE = "mcproxy"  # the folder within the recordings that is ours, so that --force deletes nothing else
_MAX_SEED = 2**62
_FILES = (results_json.FILE, f"{RECORDINGS}/{NAMESPACE}")  # what an evaluation writes, relative to its folder


@dataclass(frozen=True)
class Options:
    """How an evaluation is run; what it asks is the arguments of `run`.

    Without `record` there are results and no recordings. With `resume`, finished rows of the same evaluation in the
    folder are kept, and only missing ones are run; with `force` the folder's evaluation is replaced. With `labels`
    recordings have the labels of every step, and with `layers` the policies' activations of these names. With `backend`
    the policies run there; random and the experts do not.
    """

    split: str = EVAL  # of the layouts
    seed: int = 0  # of the first layout; the others follow it
    frames: str = "gzip"
    threads: int = 1
    force: bool = False
    resume: bool = False
    references: bool = True
    record: bool = True
    deterministic: bool = False
    backend: Backend | None = None
    labels: bool = False
    layers: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name, value, least in (("threads", self.threads, 1), ("seed", self.seed, 0)):
            if value < least:
                raise UserError(f"{name}={value}: expected {least} or more")
        if self.seed > _MAX_SEED:
            raise UserError(f"seed={self.seed}: expected {_MAX_SEED} at most")
        if self.split not in SPLITS or self.split == TRAIN:
            raise errors.unknown("split to evaluate on", self.split, [s for s in SPLITS if s != TRAIN])
        if self.frames not in FRAMES:
            raise errors.unknown("frames", self.frames, FRAMES)
        if (self.labels or self.layers) and not self.record:
            raise UserError("--labels and --record are kept in recordings: leave out --no-recordings")
        if self.force and self.resume:
            raise UserError("--force replaces the evaluation that --resume would complete: choose one of them")


Show = Callable[[str, int, int], None]  # an arm, the number of its episodes done by all policies, and how many in all


def run(
    policies: Sequence[str],
    task: str,
    arms: Sequence[str],
    episodes: int,
    out: Path,
    options: Options | None = None,
    progress: Show | None = None,
) -> Results:
    """Evaluate every policy in every arm (or `all`, or `finding`) on the same layouts.

    Bad input is a `UserError`, raised before anything is written wherever that can be known.
    """
    if episodes < 1:
        raise UserError(f"episodes={episodes}: expected 1 or more")
    options, known = options or Options(), registry.get(task)
    chosen = arms_of(known, arms)
    if options.split not in known.splits:
        raise UserError(
            f"task {known.name!r} has no split {options.split!r}: it is older; its splits are {', '.join(known.splits)}"
        )
    rows = (len(policies) + options.references * (2 + len(known.objectives))) * len(chosen)
    if rows * episodes > MAX_EPISODES:
        raise UserError(f"more than {MAX_EPISODES} episodes in all: evaluate into several folders, for the leaderboard")
    return _Evaluation(known, policies, chosen, episodes, out, options, progress).run()


class _Evaluation:
    """One evaluation, as it fills its folder."""

    def __init__(
        self,
        task: Task,
        policies: Sequence[str],
        arms: Sequence[str],
        episodes: int,
        out: Path,
        options: Options,
        progress: Show | None,
    ) -> None:
        self.task, self.arms, self.episodes, self.out = task, arms, episodes, out
        self.options, self.progress = options, progress
        self.folder = _Folder(out, options.force, options.resume)
        self.num_worlds = min(NUM_WORLDS, episodes)
        with contextlib.closing(make_env(task.name, arms[0], self.num_worlds)) as env:
            self.agents = _agents(policies, env)
            references = _references(env) if options.references else {}
        self.references = {name: agent for name, agent in references.items() if name not in self.agents}
        for agent in self.agents.values() if options.layers else ():
            check_layers(agent, options.layers)
        configs = {name: getattr(agent, "config", {}) for name, agent in (self.agents | self.references).items()}
        self.count = len(configs)
        self.results = self.folder.resumed(Results(self._config(), configs, references=[*self.references]))

    def run(self) -> Results:
        """Run every policy in every arm; an interrupted run has compared all policies in the arms that it finished."""
        try:
            for arm in self.arms:
                missions: dict[int, Mission] = {}
                self._run_group(
                    arm, {n: a for n, a in self.agents.items() if n not in self.results.references}, missions
                )
                self._run_group(
                    arm, {n: a for n, a in self.references.items() if n in self.results.references}, missions
                )
        finally:
            self.folder.recover()
        return self.results

    def _run_group(self, arm: str, group: dict[str, Policy], missions: dict[int, Mission]) -> None:
        """Run those policies in an arm that have no row there yet; references do not look and are not recorded."""
        missing = {name: agent for name, agent in group.items() if name not in self._done(arm)}
        if not missing:
            return
        asked = not group.keys() <= {*self.results.references}
        backend, threads = self.options.backend if asked else None, self.options.threads
        together = self.num_worlds if backend is None else min(backend.worlds, self.episodes)
        with contextlib.closing(
            make_env(self.task.name, arm, together, threads, asked, missions, backend, self.options.split)
        ) as env:
            for agent in missing.values():
                self._keep(self._evaluated(agent, env, asked and self.options.record))

    def _evaluated(self, agent: Policy, env: VoxelVectorEnv, record: bool) -> ArmResult:
        """The episodes of one policy in one arm, recorded or not."""
        options, done = self.options, len(self._done(env.arm))
        with Recorder(self.out / RECORDINGS, options.frames) as recorder:
            write = self.folder.before(recorder.write)
            found = evaluate(
                agent,
                seeds=range(options.seed, options.seed + self.episodes),
                deterministic=options.deterministic,
                env=env,
                record=EpisodeBuilder(env, write, options.frames != "none", options.labels, options.layers)
                if record
                else None,
                progress=_part(self.progress, env.arm, done * self.episodes, self.count * self.episodes),
            )
        if recorder.path is not None:
            found.recording = recorder.path.relative_to(self.out).as_posix()
        return found

    def _keep(self, found: ArmResult) -> None:
        """Add a finished row to the results in the folder."""
        self.folder.prepare()
        results = self.results
        order = {name: k for k, name in enumerate(sorted(results.policies, key=results.references.__contains__))}
        results.arms.append(found)
        results.arms.sort(key=lambda a: (order[a.policy], self.task.arms.index(a.arm)))
        results_json.write(results, self.out)
        self.folder.recover()

    def _done(self, arm: str) -> set[str]:
        """The policies of this evaluation that have a row in an arm."""
        return {a.policy for a in self.results.arms if a.arm == arm} & (self.agents.keys() | self.references.keys())

    def _config(self) -> dict[str, Any]:
        """What was asked for, as `results.json` keeps it."""
        return {
            "task": self.task.name,
            "version": self.task.version,
            "arms": self.arms,
            "split": self.options.split,
            "seed": self.options.seed,
            "episodes": self.episodes,
            "deterministic": self.options.deterministic,
            "rho": RHO,
            "frames": self.options.frames,
            "backend": "engine" if self.options.backend is None else self.options.backend.name,
        }


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
    rests_on = finding_arms(task.name) if FINDING in arms else ()
    return [arm for arm in task.arms if arm in arms or ALL in arms or arm in rests_on]


def _references(env: VoxelVectorEnv) -> dict[str, Policy]:
    """The policies that stand beside every other: random, and the experts that this task can have, by name."""
    found: dict[str, Policy] = {}
    for spec in ("random", "indifferent", *(f"expert:{o.name}" for o in env.task.objectives)):
        with contextlib.suppress(UserError):  # no expert can pursue it
            found[spec] = load_policy(spec, env)
    return found


def _agents(specs: Sequence[str], env: VoxelVectorEnv) -> dict[str, Policy]:
    """The policies by the name under which their results will stand."""
    agents: dict[str, Policy] = {}
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


def _part(progress: Show | None, label: str, before: int, total: int) -> Callable[[int], None] | None:
    """The progress of one evaluation as a part of a longer one's."""
    return None if progress is None else lambda done: progress(label, before + done, total)
