"""Train an agent on a task."""

import contextlib
import dataclasses
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from mcproxy.agent.config import PPOConfig, RunConfig, first_difference, settings_of, with_settings
from mcproxy.errors import UserError, unknown
from mcproxy.scripts import _cli

if TYPE_CHECKING:
    from mcproxy.agent.ppo import Trainer
    from mcproxy.env import VoxelVectorEnv
    from mcproxy.task import Task


@dataclass(frozen=True)
class PPOFlags(PPOConfig):
    """Hyper-parameters of the trainer."""

    def __post_init__(self) -> None:
        """Check nothing: `with_settings` checks the values, and its errors name the flag."""


@dataclass
class Args:
    """Train an agent in worlds where the marker and the goal coincide, or only coincide in some worlds.

    Ctrl-C or a kill loses at most the updates since the last checkpoint (--ppo.save-every).
    """

    task: str = "beacon"
    """A task name (`mcproxy tasks` lists them) or the path of a task file."""
    like: str = ""
    """Take default settings from a shipped agent (by name) or from the folder of another run."""
    seed: int = 0
    """Seed of weights, worlds and sampling. On one machine, the same seed gives the same agent."""
    steps: int = 1_000_000
    """Environment steps, summed over all worlds."""
    out: Path | None = None
    """Folder of the run, which is also a checkpoint; default: runs/TASK-SEED."""
    mixture: float = 1.0
    """Probability that the marker stands at the goal: at 1 the two are confounded, at 0 decorrelated."""
    resume: bool = False
    """Resume the run in --out with its stored settings."""
    force: bool = False
    """Replace the run in --out with a new one."""
    snapshots: bool = False
    """Also keep the agent at steps on a logarithmic grid, as checkpoints in OUT/snapshots/."""
    arch: Literal["lstm", "ff", "gtrxl", "drc"] = "lstm"
    """Memory of the agent: an LSTM, none (ff), a transformer (gtrxl), or a ConvLSTM that can plan (drc)."""
    looks: Literal["plain", "random"] = "plain"
    """The same textures, light, fog and field of view in every episode (plain), or drawn for each (random)."""
    device: Literal["cpu", "cuda"] = "cpu"
    """Device of the network; worlds always run on the CPU."""
    threads: int | None = None
    """Maximum number of threads, one for each of --ppo.num-groups; default: all cores. Results do not depend on it."""
    resolution: tuple[int, int] = (64, 64)
    """Height and width of the frames in pixels."""
    json: bool = False
    """Print the summary as one JSON document and nothing else."""
    ppo: PPOFlags = field(default_factory=PPOFlags)

    def with_defaults(self, base: RunConfig) -> "Args":
        """These arguments with the settings of `base`."""
        settings = {name: value for name, value in settings_of(base).items() if "." not in name}
        return dataclasses.replace(self, **settings, ppo=PPOFlags(**dataclasses.asdict(base.ppo)))

    def settings(self) -> dict[str, Any]:
        """All settings of the run by the names of `settings_of`."""
        return {name: getattr(self, name) for name in settings_of(RunConfig()) if "." not in name} | {
            f"ppo.{name.replace('_', '-')}": value for name, value in dataclasses.asdict(self.ppo).items()
        }


def main(argv: list[str]) -> int:
    """Train a new run or resume one, print where the agent is and how to evaluate it."""
    args = _cli.parse(Args, argv, "train")
    if args.threads is not None and args.threads < 1:
        raise UserError(f"--threads {args.threads}: expected 1 or more")
    if args.resume and args.force:
        raise UserError("--resume continues a run, --force replaces it: give only one of them")
    from mcproxy.agent import run_folder
    from mcproxy.agent.ppo import check_device
    from mcproxy.controls import ACTION_REPEAT

    base = _like(args.like) if args.like else RunConfig()
    args = _cli.parse(Args, argv, "train", Args().with_defaults(base))
    folder = args.out or Path("runs") / f"{Path(args.like or _task(args.task).name).name}-{args.seed}"
    with contextlib.ExitStack() as stack:
        if args.resume:
            stack.enter_context(run_folder.exclusive_run(folder))
            run_folder.recover(folder)  # a kill may have interrupted `begin`
            base = run_folder.stored(folder)
            args = _cli.parse(Args, argv, "train", Args().with_defaults(base))
        config = _config(base, args)
        if args.resume:
            _refuse_changes(base, config)
            config = base
        # before a folder is made, so that a wrong setting leaves none
        mission = _task(args.task).mission(0, config.arm, "train", config.rho)
        if args.resume and (summary := run_folder.summary(folder)) is not None:
            _cli.say(f"{folder} is complete: no steps are left")
            return _show_summary(summary, args.json, args.task)
        if not args.resume:
            check_device(config.device)
            stack.enter_context(run_folder.exclusive_run(folder, make=True))
            config = run_folder.begin(folder, config, args.force)
        _warn_of_short_episodes(config, mission.max_ticks // ACTION_REPEAT)
        return _train(folder, config, args)


def configured(settings: Mapping[str, Any], like: str = "") -> RunConfig:
    """The run of a plan's settings (`agent.config.settings_of`); a wrong one is a `UserError` with a `field`."""
    named = dict(settings)
    if isinstance(task := named.get("task"), str):
        named["task"] = _task(task).name
    return with_settings(_like(like) if like else RunConfig(), named)


def maker(config: RunConfig) -> "Callable[[int], VoxelVectorEnv]":
    """A function that makes the training environment of a run with a given number of worlds."""
    from mcproxy.engine.worlds import Worlds
    from mcproxy.env import VoxelVectorEnv

    worlds = partial(Worlds, looks=config.looks)
    return lambda num_envs: VoxelVectorEnv(
        num_envs, config.task, config.arm, rho=config.rho, resolution=config.resolution, copy=False, worlds=worlds
    )


def _config(base: RunConfig, args: Args) -> RunConfig:
    """The run that the arguments describe; what they leave open is as in `base`."""
    try:
        return with_settings(base, args.settings() | {"task": _task(args.task).name})
    except UserError as error:
        raise UserError(f"--{error.field} {error.problem}" if error.field else error.problem) from None


def _task(typed: str) -> "Task":
    from mcproxy import registry

    return registry.get(typed)


def _like(name: str) -> RunConfig:
    """The settings of a shipped agent or of the run in a folder; the precision is left to this machine."""
    from mcproxy.agent import run_folder
    from mcproxy.load_policy import SHIPPED, shipped

    folder = SHIPPED / name if name in shipped() else Path(name)
    if not folder.is_dir():
        raise unknown("agent", name, shipped())
    return run_folder.stored(folder).in_precision(None)


def _refuse_changes(stored: RunConfig, config: RunConfig) -> None:
    """Raise a `UserError` if a flag differs from a setting of the run that is resumed."""
    if (difference := first_difference(stored, config)) is not None:
        name, old, new = difference
        raise UserError(
            f"--{name} {new}: this run was started with {old}, and a resumed run keeps its settings; "
            f"leave the flag out, or start another run"
        )


def _train(folder: Path, config: RunConfig, args: Args) -> int:
    """Make the updates that are left of a run."""
    from mcproxy.agent import run_folder

    training = None
    try:
        snapshots = args.snapshots or (folder / run_folder.SNAPSHOTS).is_dir()
        _cli.say(f"training {args.task}, seed {config.seed}, for {config.total_timesteps:,} steps in {folder}")
        training = run_folder.Run(folder, config, maker(config), args.threads or _cli.cores(), snapshots)
        with _progress(config, training.saved) as report:
            summary = training.train(report)
    except KeyboardInterrupt:
        if training is None or not (folder / "resume.pt").exists():
            raise
        task = f" --task {args.task}" if args.task != config.task else ""
        _cli.say(
            f"interrupted; saved at step {training.saved:,} of {config.total_timesteps:,}; "
            f"resume with: mcproxy train --out {folder} --resume{task}"
        )
        return 130
    finally:
        if training is not None:
            training.close()
        run_folder.recover(folder)
    return _show_summary(summary, args.json, args.task)


def _warn_of_short_episodes(config: RunConfig, limit: int) -> None:
    """Warn if the worlds restart so often that the restarts interrupt episodes, which may take `limit` steps."""
    between = config.ppo.save_every * config.ppo.num_steps
    if between >= 2 * limit:
        return
    loss = "the agent never learns from time-outs" if between < limit else "the goal rate may be unknown"
    _cli.say(
        f"warning: worlds restart every {between} steps, and an episode may take {limit}: {loss}; "
        f"raise --ppo.save-every"
    )


@contextlib.contextmanager
def _progress(config: RunConfig, done: int) -> Iterator[Callable[["Trainer", dict[str, float]], None]]:
    """Show the steps, the goal rate and the speed; yields the function to call after each update."""
    total, label = config.num_updates * config.ppo.batch_size, f"{config.task} seed {config.seed}"
    with _cli.progress() as show:
        show(label, done, total)

        def report(trainer: "Trainer", figures: dict[str, float]) -> None:
            goal, speed = trainer.goal_rate, figures["charts/SPS"]
            rate = "not known yet" if goal is None else f"{goal:.2f}"
            is_saved = trainer.done or trainer.updates % config.ppo.save_every == 0
            show(label, trainer.steps, total, f"steps, goal rate {rate}, {speed:,.0f} steps/s", is_saved)

        yield report


def _show_summary(summary: dict[str, Any], as_json: bool, task: str) -> int:
    if as_json:
        _cli.print_json(summary)
        return 0
    rate, count = summary["goal_rate"], summary["episodes"]
    goal = "goal rate not known yet" if rate is None else f"goal rate {rate:.2f} (last {count} episodes)"
    split = ", ".join(f"{part} {share:.0%}" for part, share in summary["time_split"].items())
    print(
        f"{summary['task']}, arm {summary['arm']}, seed {summary['seed']}: {goal}, "
        f"{summary['steps']:,} steps in {summary['seconds']:.0f} s, {summary['steps_per_s']:,.0f} steps/s ({split})"
    )
    print(f"saved in {summary['folder']}; to see which objective it pursues:")
    print(
        f"  mcproxy evaluate --policy {summary['folder']} --task {task} --arm all --episodes 200 "
        f"--out {summary['folder']}-eval"
    )
    return 0


if __name__ == "__main__":
    sys.exit(_cli.run(main, "train"))
