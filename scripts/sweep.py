"""Train and evaluate a whole plan of runs, here or on a cluster; it can be cut and gone on with anywhere."""

import contextlib
import csv
import math
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from mcproxy.errors import UserError
from mcproxy.scripts import _cli, _crew, _plan

if TYPE_CHECKING:
    from mcproxy.agent.config import RunConfig
    from mcproxy.eval.results import Results

_START = 8.0  # seconds that a job takes before its first step, for the same
_MEAN_EPISODE = 0.5  # of the time limit, for the estimate of how long an evaluation takes


@dataclass
class Args:
    """Train every run of a plan, evaluate it, and sum up; what is complete in the folder is not done again."""

    plan: Annotated[Path, tyro.conf.Positional]
    """A TOML file; plans/demo.toml is one, and docs/sweeps.md says what it may hold."""
    out: Path | None = None
    """Folder of the sweep; runs/PLAN if not given."""
    jobs: int | None = None
    """Processes at a time; as many as there are cores if not given."""
    threads: int = 1
    """Threads of each process."""
    ray: str | None = None
    """Have a Ray cluster do it: its address, auto, or local to start one here. All of it must see the folder."""
    dry_run: bool = False
    """Say what is left to do, and about how long it takes on this machine."""
    json: bool = False
    """Print the summary as one JSON document and nothing else."""


def main(argv: list[str]) -> int:
    """Do what is left of a plan, and print its summary; 1 if something could not be done."""
    args = _cli.parse(Args, argv, "sweep")
    for name, value in (("--jobs", args.jobs), ("--threads", args.threads)):
        if value is not None and value < 1:
            raise UserError(f"{name} {value}: expected 1 or more")
    if args.dry_run and (args.json or args.ray is not None):
        raise UserError("--dry-run tells what is left in words, and for this machine: leave out --json and --ray")
    plan, out = _plan.read(args.plan), args.out or Path("runs") / args.plan.stem
    if args.ray is not None:
        out = out.resolve()  # the same on every node
    configs = _configs(plan, out)
    chains = _chains(plan, configs, out, args.threads)
    at_once = max(1, _cli.cores() // args.threads)
    width = args.jobs or at_once
    if args.dry_run:
        return _tell_what_is_left(plan, configs, chains, out, min(width, at_once), args.threads)
    from mcproxy.scripts import _sweep_table

    with contextlib.ExitStack() as stack:
        attempts: _crew.Attempt = _crew.attempt
        if args.ray is not None:
            attempts, most = stack.enter_context(_crew.ray(args.ray, args.threads))
            width = min(args.jobs or most, most)
        tick = stack.enter_context(_progress(plan, chains, out))
        try:
            left = _crew.work(chains, attempts, width, _cli.say, tick)
        except KeyboardInterrupt:
            _cli.say(f"{out} keeps every checkpoint and finished row; go on by the same command")
            raise
    summary = _sweep_table.summarize(plan, out)
    _sweep_table.write(summary, out)
    for told in _sweep_table.mixed(summary):
        _cli.say(told)
    if args.json:
        _cli.print_json(summary)
    else:
        _sweep_table.show(summary, args.plan.stem)
        with_snapshots = any(row["snapshot"] is not None for row in summary["rates"])
        print(f"\nsummary     {out / _sweep_table.FILE}{', with the rates of snapshots' if with_snapshots else ''}")
    if left:
        _cli.say(f"not done: {', '.join(left)}; the same command tries again")
    return 1 if left else 0


def _configs(plan: _plan.Plan, out: Path) -> "dict[str, RunConfig]":
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


def _chains(plan: _plan.Plan, configs: "dict[str, RunConfig]", out: Path, threads: int) -> list[list[_crew.Job]]:
    """The jobs of each run, and of the references of each task, which come last."""
    from mcproxy.agent.run_folder import SNAPSHOTS, snapshot_steps

    chains, tasks = [], {}
    for planned in plan.runs:
        config, folder = configs[planned.name], out / "train" / planned.name
        task = planned.task or config.task
        tasks[task] = config.task
        last = _Evaluation(out / "evaluate" / planned.name, task, folder.parent, planned.name, plan.episodes)
        jobs = [_train(planned, config, folder, out, threads), last.job(plan, out, threads)]
        if planned.snapshots and plan.snapshots:
            kept = out / "evaluate" / f"{planned.name}-snapshots"
            evaluation = _Evaluation(kept, task, folder / SNAPSHOTS, f"{planned.name}-*", plan.snapshots)
            jobs.append(evaluation.job(plan, out, threads, len(snapshot_steps(config))))
        chains.append(jobs)
    for task, name in tasks.items():
        references = _Evaluation(out / "evaluate" / f"{name}-references", task, None, "random", plan.episodes)
        chains.append([references.job(plan, out, threads)])
    return chains


def _train(planned: _plan.Run, config: "RunConfig", folder: Path, out: Path, threads: int) -> _crew.Job:
    from mcproxy.agent import checkpoint, run_folder

    def argv() -> list[str]:
        command = ["train", *planned.flags, "--threads", str(threads), "--out", str(folder)]
        if (folder / checkpoint.RESUME).exists():
            return [*command, "--resume"]
        return [*command, "--force"]  # what a kill before the first checkpoint has left is worth nothing

    log, steps = out / "logs" / f"train-{planned.name}.log", config.num_updates * config.ppo.batch_size
    return _crew.Job(f"train {planned.name}", argv, (folder / run_folder.SUMMARY).exists, log, steps, folder)


@dataclass(frozen=True)
class _Evaluation:
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

    def job(self, plan: _plan.Plan, out: Path, threads: int, policies: int = 1) -> _crew.Job:
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
        return _crew.Job(f"evaluate {self.folder.name}", argv, is_complete, log, steps)

    def _episode_steps(self, plan: _plan.Plan) -> float:
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

    def _has_all(self, plan: _plan.Plan, policies: int) -> bool:
        """Whether there are results of so many policies in every arm."""
        from mcproxy import registry
        from mcproxy.eval import evaluation

        found, names = self.results(), self.policies()
        if found is None or len(names) < policies:
            return False
        wanted = {(name, arm) for name in names for arm in evaluation.arms_of(registry.get(self.task), plan.arms)}
        return wanted <= {(arm.policy, arm.arm) for arm in found.arms}


@contextlib.contextmanager
def _progress(plan: _plan.Plan, chains: list[list[_crew.Job]], out: Path) -> Any:
    """Show training steps and jobs done, on a terminal as bars; yields what is to be called now and then."""
    total = sum(chain[0].steps for chain in chains[: len(plan.runs)])
    jobs = [job for chain in chains for job in chain]
    with _cli.progress() as show:

        def tick() -> None:
            show("training steps", sum(_steps(out / "train" / run_folder.name) for run_folder in plan.runs), total)
            show("jobs", sum(job.is_complete() for job in jobs), len(jobs))

        yield tick


def _steps(folder: Path) -> int:
    """The steps that a run has made."""
    with contextlib.suppress(OSError, ValueError, KeyError, IndexError), (folder / "progress.csv").open() as file:
        return int(list(csv.DictReader(file))[-1]["global_step"])
    return 0


def _tell_what_is_left(
    plan: _plan.Plan,
    configs: "dict[str, RunConfig]",
    chains: list[list[_crew.Job]],
    out: Path,
    width: int,
    threads: int,
) -> int:
    """Print a line for each run, and an estimate from a roll-out and an update of each kind, measured now."""
    from mcproxy.agent import run_folder

    seconds = 0.0
    speeds: dict[Any, tuple[float, float]] = {}

    def measured(config: "RunConfig") -> tuple[float, float]:
        config = run_folder.with_precision(config)
        kind = config.task, config.arch, config.device, config.resolution, config.ppo
        if kind not in speeds:
            _cli.say(f"measuring how fast {config.arch} learns {config.task}")
            speeds[kind] = _speeds(config, threads)
        return speeds[kind]

    for planned, chain in zip(plan.runs, chains, strict=False):
        config, done = configs[planned.name], run_folder.saved_steps(out / "train" / planned.name)
        training, *evaluations = chain
        left = [job for job in evaluations if not job.is_complete()]
        if not training.is_complete():
            state = f"{done:,} of {training.steps:,} steps"
            seconds += _START + (training.steps - done) / measured(config)[0]
        else:
            state = f"trained, {len(left)} of {len(evaluations)} evaluations left" if left else "complete"
        print(f"{planned.name:32} {' '.join(planned.flags)}  [{state}]")
        seconds += sum(_START + job.steps / measured(config)[1] for job in left)
    of_tasks = {planned.task or configs[planned.name].task: configs[planned.name] for planned in plan.runs}
    for config, [references] in zip(of_tasks.values(), chains[len(plan.runs) :], strict=True):
        if not references.is_complete():
            seconds += _START + references.steps / measured(config)[1]
    print(
        f"{len(plan.runs)} runs, {sum(chain[0].steps for chain in chains[: len(plan.runs)]):,} steps in all, in {out}"
    )
    if not seconds:
        print("nothing is left to do")
        return 0
    hours, minutes = divmod(math.ceil(seconds / width / 60), 60)
    rates = ", ".join(f"{kind[1]} {speed:,.0f}" for kind, (speed, _) in speeds.items())
    print(f"left: about {hours} h {minutes} min with {width} at a time, as fast as one alone is now ({rates} steps/s)")
    return 0


def _speeds(config: "RunConfig", threads: int) -> tuple[float, float]:
    """Steps/s of training and of acting alone, of one process on so many threads."""
    from mcproxy.agent import run_folder
    from mcproxy.agent.ppo import Trainer
    from mcproxy.agent.rollout import ROLLING_OUT
    from mcproxy.scripts import train

    trainer = Trainer(run_folder.with_precision(config), train.maker(config), threads)
    trainer.update()
    before = dict(trainer.seconds)
    trainer.update()
    trainer.close()
    spent = {part: trainer.seconds[part] - before[part] for part in before}
    steps = config.ppo.batch_size
    return steps / sum(spent.values()), steps / sum(spent[part] for part in ROLLING_OUT)


if __name__ == "__main__":
    sys.exit(_cli.run(main, "sweep"))
