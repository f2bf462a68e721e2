"""The stages of a sweep: train each run of a plan, evaluate it, evaluate its snapshots; references come last."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mcproxy.errors import UserError
from mcproxy.scripts.sweeps.jobs import Job
from mcproxy.scripts.sweeps.plan import Plan, PlannedRun

if TYPE_CHECKING:
    from mcproxy.agent.config import RunConfig
    from mcproxy.eval.results import Results

_MEAN_EPISODE = 0.5  # length as a fraction of the time limit, to estimate how long an evaluation takes


def configs_of(plan: Plan, out: Path) -> "dict[str, RunConfig]":
    """The settings of each run by name; wrong ones, or a folder with a run of other settings, are a `UserError`."""
    from mcproxy import registry
    from mcproxy.agent import run_folder
    from mcproxy.agent.config import first_difference
    from mcproxy.eval import evaluation

    configs = {}
    for planned in plan.runs:
        config = planned.config()
        known = registry.get(planned.task or config.task)
        known.mission(0, config.arm, "train", config.rho)
        evaluation.arms_of(known, plan.arms)
        folder = out / "train" / planned.name
        if (folder / "config.json").exists():
            stored = run_folder.stored(folder)
            if config.ppo.bf16 is None:  # the machine that started the run chose it
                config = config.in_precision(stored.ppo.bf16)
            if (difference := first_difference(stored, config)) is not None:
                name, there, here = difference
                raise UserError(
                    f"{folder} holds a run with other settings ({name} {there}, the plan has {here}): "
                    f"choose another --out, or remove the folder"
                )
            if planned.snapshots and not (folder / run_folder.SNAPSHOTS).is_dir():
                raise UserError(f"{folder} holds a run without snapshots: choose another --out, or remove the folder")
        configs[planned.name] = config
    return configs


def chains_of(plan: Plan, configs: "dict[str, RunConfig]", out: Path, threads: int) -> list[list[Job]]:
    """The chains of jobs, one for each run, and then one for the references of each task."""
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


def _train(planned: PlannedRun, config: "RunConfig", folder: Path, out: Path, threads: int) -> Job:
    from mcproxy.agent import checkpoint, run_folder

    def argv() -> list[str]:
        command = ["train", *planned.flags, "--threads", str(threads), "--out", str(folder)]
        if (folder / checkpoint.RESUME).exists():
            return [*command, "--resume"]
        return [*command, "--force"]  # files from before the first checkpoint cannot be resumed

    log, steps = out / "logs" / f"train-{planned.name}.log", config.num_updates * config.ppo.batch_size
    return Job(f"train {planned.name}", argv, (folder / run_folder.SUMMARY).exists, log, steps, folder)


@dataclass(frozen=True)
class Evaluation:
    """An evaluation of the matching checkpoints in a folder, or of the policy `match` with the references."""

    folder: Path
    task: str
    checkpoints: Path | None
    match: str
    episodes: int

    def policies(self) -> dict[str, str]:
        """The values of `--policy`, by their names in the results."""
        if self.checkpoints is None:
            return {self.match: self.match}
        return {path.name: str(path) for path in sorted(self.checkpoints.glob(self.match))}

    def job(self, plan: Plan, out: Path, threads: int, policies: int = 1) -> Job:
        """The job that makes the evaluation; unreadable results, or results of other checkpoints, are replaced."""

        def argv() -> list[str]:
            found = self.results()
            keeps = "--force" if found is None else "--resume"
            return [
                *("evaluate", "--policy", *self.policies().values(), "--task", self.task, "--arm", *plan.arms),
                *("--episodes", str(self.episodes), "--threads", str(threads), "--no-recordings"),
                *("--split", plan.split),
                *(() if self.checkpoints is None else ("--no-references",)),
                *("--out", str(self.folder), keeps),
            ]

        done: list[bool] = []  # not empty once the results are complete, to avoid reading them again

        def is_complete() -> bool:
            if not done and self._has_all(plan, policies):
                done.append(True)
            return bool(done)

        log = out / "logs" / f"evaluate-{self.folder.name}.log"
        steps = round(policies * self.episodes * self._episode_steps(plan))
        return Job(f"evaluate {self.folder.name}", argv, is_complete, log, steps)

    def _episode_steps(self, plan: Plan) -> float:
        """The estimated steps of one episode in each arm, summed."""
        from mcproxy import registry
        from mcproxy.controls import ACTION_REPEAT
        from mcproxy.eval import evaluation

        known = registry.get(self.task)
        arms = evaluation.arms_of(known, plan.arms)
        return _MEAN_EPISODE / ACTION_REPEAT * sum(known.mission(0, arm, "eval").max_ticks for arm in arms)

    def results(self) -> "Results | None":
        """The results of this evaluation so far; None if there are none, or if they are of another evaluation."""
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
        """Whether the results hold at least this number of policies in every arm."""
        from mcproxy import registry
        from mcproxy.eval import evaluation

        found, names = self.results(), self.policies()
        if found is None or len(names) < policies:
            return False
        wanted = {(name, arm) for name in names for arm in evaluation.arms_of(registry.get(self.task), plan.arms)}
        return wanted <= {(arm.policy, arm.arm) for arm in found.arms}
