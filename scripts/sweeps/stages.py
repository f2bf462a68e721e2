"""The stages of a sweep: each run of a plan is trained, then evaluated, then its snapshots; references come last."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mcproxy.errors import UserError
from mcproxy.scripts.sweeps.jobs import Job
from mcproxy.scripts.sweeps.plan import Plan, Run

if TYPE_CHECKING:
    from mcproxy.agent.config import RunConfig
    from mcproxy.eval.results import Results

_MEAN_EPISODE = 0.5  # of the time limit, for the estimate of how long an evaluation takes


def configs_of(plan: Plan, out: Path) -> "dict[str, RunConfig]":
    """The settings of each run by name; flags that training refuses, or a run begun with others, is a `UserError`."""
    from mcproxy import registry
    from mcproxy.agent import run_folder
    from mcproxy.eval import evaluation
    from mcproxy.scripts import train

    configs = {}
    for planned in plan.runs:
        try:
            config = train.asked(list(planned.flags))
        except UserError as error:
            raise UserError(f"run {planned.name}: {error}") from None
        known = registry.get(planned.task or config.task)
        known.mission(0, config.arm, "train", config.rho)
        evaluation.arms_of(known, plan.arms)
        folder = out / "train" / planned.name
        if (folder / "config.json").exists():
            stored = run_folder.stored(folder)
            if config.ppo.bf16 is None:  # then whatever machine began the run has chosen
                config = config.in_precision(stored.ppo.bf16)
            if config != stored:
                differs = _difference(stored.to_json(), config.to_json())
                raise UserError(
                    f"{folder} holds a run with other settings ({differs}): choose another --out, or remove it"
                )
            if planned.snapshots and not (folder / run_folder.SNAPSHOTS).is_dir():
                raise UserError(f"{folder} holds a run without snapshots: choose another --out, or remove it")
        configs[planned.name] = config
    return configs


def _difference(there: dict[str, Any], planned: dict[str, Any]) -> str:
    """The first setting in which two runs differ, in a plan's words."""
    from mcproxy.scripts import train

    name = next(name for name in planned if there[name] != planned[name])
    if isinstance(planned[name], dict):
        return _difference(there[name], planned[name])
    word = (train.flag_of(name) or name).removeprefix("--")
    return f"{word} {there[name]}, the plan has {planned[name]}"


def chains_of(plan: Plan, configs: "dict[str, RunConfig]", out: Path, threads: int) -> list[list[Job]]:
    """The jobs of each run, and of the references of each task, which come last."""
    from mcproxy.agent.run_folder import SNAPSHOTS, snapshot_steps

    chains, tasks = [], {}
    for planned in plan.runs:
        config, folder = configs[planned.name], out / "train" / planned.name
        task = planned.task or config.task
        tasks[task] = config.task
        last = Evaluation(out / "evaluate" / planned.name, task, folder.parent, planned.name, plan.episodes)
        jobs = [_train(planned, config, folder, out, threads), last.job(plan, out, threads)]
        if planned.snapshots and plan.snapshots:
            kept = out / "evaluate" / f"{planned.name}-snapshots"
            evaluation = Evaluation(kept, task, folder / SNAPSHOTS, f"{planned.name}-*", plan.snapshots)
            jobs.append(evaluation.job(plan, out, threads, len(snapshot_steps(config))))
        chains.append(jobs)
    for task, name in tasks.items():
        references = Evaluation(out / "evaluate" / f"{name}-references", task, None, "random", plan.episodes)
        chains.append([references.job(plan, out, threads)])
    return chains


def _train(planned: Run, config: "RunConfig", folder: Path, out: Path, threads: int) -> Job:
    from mcproxy.agent import checkpoint, run_folder

    def argv() -> list[str]:
        command = ["train", *planned.flags, "--threads", str(threads), "--out", str(folder)]
        if (folder / checkpoint.RESUME).exists():
            return [*command, "--resume"]
        return [*command, "--force"]  # what a kill before the first checkpoint has left is worth nothing

    log, steps = out / "logs" / f"train-{planned.name}.log", config.num_updates * config.ppo.batch_size
    return Job(f"train {planned.name}", argv, (folder / run_folder.SUMMARY).exists, log, steps, folder)


@dataclass(frozen=True)
class Evaluation:
    """An evaluation of a folder's checkpoints whose names match, or of the policy `match` beside the references."""

    folder: Path
    task: str
    checkpoints: Path | None
    match: str
    episodes: int

    def policies(self) -> dict[str, str]:
        """What `--policy` takes, by the name under which it is in the results."""
        if self.checkpoints is None:
            return {self.match: self.match}
        return {path.name: str(path) for path in sorted(self.checkpoints.glob(self.match))}

    def job(self, plan: Plan, out: Path, threads: int, policies: int = 1) -> Job:
        """The job of making it; results of other checkpoints, or that cannot be read, are replaced."""

        def argv() -> list[str]:
            found = self.results()
            keeps = "--force" if found is None else "--resume"
            return [
                *("evaluate", "--policy", *self.policies().values(), "--task", self.task, "--arm", *plan.arms),
                *("--episodes", str(self.episodes), "--threads", str(threads), "--no-recordings"),
                *(() if self.checkpoints is None else ("--no-references",)),
                *("--out", str(self.folder), keeps),
            ]

        done: list[bool] = []  # once it is complete it is not read again

        def is_complete() -> bool:
            if not done and self._has_all(plan, policies):
                done.append(True)
            return bool(done)

        log = out / "logs" / f"evaluate-{self.folder.name}.log"
        steps = round(policies * self.episodes * self._episode_steps(plan))
        return Job(f"evaluate {self.folder.name}", argv, is_complete, log, steps)

    def _episode_steps(self, plan: Plan) -> float:
        """About how many steps an episode in every arm takes."""
        from mcproxy import registry
        from mcproxy.controls import ACTION_REPEAT
        from mcproxy.eval import evaluation

        known = registry.get(self.task)
        arms = evaluation.arms_of(known, plan.arms)
        return _MEAN_EPISODE / ACTION_REPEAT * sum(known.mission(0, arm, "eval").max_ticks for arm in arms)

    def results(self) -> "Results | None":
        """What is there of this very evaluation; None if nothing is, or what is there is of something else."""
        import mcproxy
        from mcproxy import registry
        from mcproxy.agent import checkpoint
        from mcproxy.eval import results_json

        try:
            found = results_json.read(self.folder)
            for name, path in self.policies().items():
                known = found.policies.get(name, {}).get("checkpoint")
                if known is not None and known != checkpoint.read_config(Path(path)):
                    return None
        except (UserError, OSError):
            return None
        wanted = mcproxy.__version__, registry.get(self.task).version, self.episodes
        made_with = found.versions["mcproxy"], found.config["version"], found.config["episodes"]
        return found if made_with == wanted else None

    def _has_all(self, plan: Plan, policies: int) -> bool:
        """Whether there are results of so many policies in every arm."""
        from mcproxy import registry
        from mcproxy.eval import evaluation

        found, names = self.results(), self.policies()
        if found is None or len(names) < policies:
            return False
        wanted = {(name, arm) for name in names for arm in evaluation.arms_of(registry.get(self.task), plan.arms)}
        return wanted <= {(arm.policy, arm.arm) for arm in found.arms}
