"""Train and evaluate all runs of a plan, here or on a cluster; a sweep can be stopped and resumed at any point."""

import contextlib
import csv
import math
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from mcproxy.errors import UserError
from mcproxy.scripts import _cli
from mcproxy.scripts.sweeps import expect, jobs, stages
from mcproxy.scripts.sweeps.plan import Plan, read

if TYPE_CHECKING:
    from mcproxy.agent.config import RunConfig

_START = 8.0  # seconds that a job takes before its first step, for the estimate


@dataclass
class Args:
    """Train and evaluate every run of a plan and summarize the results. Complete jobs in --out are skipped."""

    plan: Annotated[Path, tyro.conf.Positional]
    """A TOML file, such as plans/demo.toml; docs/sweeps.md describes the format."""
    out: Path | None = None
    """Folder of the sweep; default: runs/PLAN."""
    jobs: int | None = None
    """Number of parallel processes; default: the number of cores divided by --threads."""
    threads: int = 1
    """Threads per process."""
    ray: str | None = None
    """Run jobs on Ray: an address, `auto`, or `local`. All nodes must share --out."""
    dry_run: bool = False
    """List the remaining work and estimate how long it takes on this machine, without doing it."""
    json: bool = False
    """Print the summary as one JSON document and nothing else."""


def main(argv: list[str]) -> int:
    """Run the remaining jobs of a plan and print its summary; 1 if a job failed."""
    args = _cli.parse(Args, argv, "sweep")
    for name, value in (("--jobs", args.jobs), ("--threads", args.threads)):
        if value is not None and value < 1:
            raise UserError(f"{name} {value}: expected 1 or more")
    if args.dry_run and (args.json or args.ray is not None):
        raise UserError("--dry-run prints text, for this machine only: leave out --json and --ray")
    plan, out = read(args.plan), args.out or Path("runs") / args.plan.stem
    if args.ray is not None:
        out = out.resolve()  # the same on every node
    configs = stages.configs_of(plan, out)
    if plan.expect is not None and not args.dry_run:
        expect.register(plan.expect, args.plan, out)
    chains = stages.chains_of(plan, configs, out, args.threads)
    at_once = max(1, _cli.cores() // args.threads)
    width = args.jobs or at_once
    if args.dry_run:
        return _show_remaining(plan, configs, chains, out, min(width, at_once), args.threads)
    from mcproxy.scripts.sweeps import summary

    with contextlib.ExitStack() as stack:
        attempts: jobs.Attempt = jobs.attempt
        if args.ray is not None:
            attempts, most = stack.enter_context(jobs.ray(args.ray, args.threads))
            width = min(args.jobs or most, most)
        tick = stack.enter_context(_progress(plan, chains, out))
        try:
            left = jobs.work(chains, attempts, width, _cli.say, tick)
        except KeyboardInterrupt:
            _cli.say(f"{out} keeps all checkpoints and finished evaluations; rerun the same command to resume")
            raise
    summed = summary.summarize(plan, out)
    summary.write(summed, out)
    for warning in summary.mixed(summed):
        _cli.say(warning)
    if args.json:
        _cli.print_json(summed)
    else:
        summary.show(summed, args.plan.stem)
        if "outcome" in summed:
            print(summary.told(summed))
        with_snapshots = any(row["snapshot"] is not None for row in summed["rates"])
        print(f"\nsummary     {out / summary.FILE}{', with the rates of snapshots' if with_snapshots else ''}")
    if left:
        _cli.say(f"not done: {', '.join(left)}; rerun the same command to try again")
    return 1 if left else 0


@contextlib.contextmanager
def _progress(plan: Plan, chains: list[list[jobs.Job]], out: Path) -> Iterator[Callable[[], None]]:
    """Show training steps and jobs done; yields the function that updates both."""
    total = sum(chain[0].steps for chain in chains[: len(plan.runs)])
    jobs = [job for chain in chains for job in chain]
    with _cli.progress() as show:

        def tick() -> None:
            show("training steps", sum(_steps(out / "train" / run_folder.name) for run_folder in plan.runs), total)
            show("jobs", sum(job.is_complete() for job in jobs), len(jobs))

        yield tick


def _steps(folder: Path) -> int:
    """The steps that a run has taken."""
    with contextlib.suppress(OSError, ValueError, KeyError, IndexError), (folder / "progress.csv").open() as file:
        return int(list(csv.DictReader(file))[-1]["global_step"])
    return 0


def _show_remaining(
    plan: Plan,
    configs: "dict[str, RunConfig]",
    chains: list[list[jobs.Job]],
    out: Path,
    width: int,
    threads: int,
) -> int:
    """Print a line for each run, and an estimate of the time, from one measured update of each kind of run."""
    from mcproxy.agent import run_folder

    seconds = 0.0
    speeds: dict[tuple[object, ...], tuple[float, float]] = {}

    def measured(config: "RunConfig") -> tuple[float, float]:
        config = run_folder.with_precision(config)
        kind = config.task, config.arch, config.device, config.resolution, config.ppo
        if kind not in speeds:
            _cli.say(f"measuring the training speed of {config.arch} on {config.task}")
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
        print("nothing is left to do: the sweep is complete")
        return 0
    hours, minutes = divmod(math.ceil(seconds / width / 60), 60)
    rates = ", ".join(f"{kind[1]} {speed:,.0f}" for kind, (speed, _) in speeds.items())
    print(
        f"left: about {hours} h {minutes} min with {width} jobs at a time, each at the measured speed ({rates} steps/s)"
    )
    return 0


def _speeds(config: "RunConfig", threads: int) -> tuple[float, float]:
    """Steps/s of training, and of acting only, of one process with this number of threads."""
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
