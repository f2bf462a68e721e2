"""Train an agent on a task."""

import contextlib
import dataclasses
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from mcproxy.agent.config import PPOConfig, RunConfig
from mcproxy.errors import UserError, unknown
from mcproxy.scripts import _cli

if TYPE_CHECKING:
    from mcproxy.agent.ppo import Trainer
    from mcproxy.env import VoxelVectorEnv


@dataclass
class Args:
    """Train an agent on the confounded worlds of a task, or on a mixture; Ctrl-C and kills lose ten updates at most."""

    task: str = "beacon"
    """The task, as `mcproxy tasks` lists it, or the path of a task file."""
    like: str = ""
    """An agent that comes with mcproxy, or the folder of another, whose settings hold where no flag says otherwise."""
    seed: int = 0
    """Of weights, worlds and sampling: the same seed gives the same agent on the same machine."""
    steps: int = 1_000_000
    """Environment steps, over all worlds."""
    out: Path | None = None
    """Folder of the run, a checkpoint in itself; runs/TASK-SEED if not given."""
    mixture: float = 1.0
    """Probability with which the marker stands at the goal: 1 is confounded, 0 decorrelated."""
    resume: bool = False
    """Go on with the run in --out, with the settings it began with."""
    force: bool = False
    """Begin anew where --out holds a run."""
    snapshots: bool = False
    """Keep the agent at steps on a log grid, each a checkpoint in snapshots/, to see what it wanted when."""
    arch: Literal["lstm", "ff", "gtrxl", "drc"] = "lstm"
    """What remembers: an LSTM, nothing at all (ff), a transformer (gtrxl), or a ConvLSTM that can plan (drc)."""
    looks: Literal["plain", "random"] = "plain"
    """Let every world look alike (plain), or draw textures, light, fog and field of view for every episode (random)."""
    device: Literal["cpu", "cuda"] = "cpu"
    """Where the network runs; worlds always run on the processor."""
    threads: int | None = None
    """Threads, of which each of --ppo.num-groups uses one; all cores if not given. They change the speed alone."""
    resolution: tuple[int, int] = (64, 64)
    """Height and width of the frames in pixels."""
    json: bool = False
    """Print the summary as one JSON document and nothing else."""
    ppo: PPOConfig = field(default_factory=PPOConfig)


def main(argv: list[str]) -> int:
    """Train, or go on with training, and say where the agent is and what to do with it."""
    args = _cli.parse(Args, argv, "train")
    if args.threads is not None and args.threads < 1:
        raise UserError(f"--threads {args.threads}: expected 1 or more")
    if args.resume and args.force:
        raise UserError("--resume goes on with a run, --force begins anew: give one of them")
    from mcproxy import registry
    from mcproxy.agent import run_folder
    from mcproxy.agent.ppo import check_device
    from mcproxy.controls import ACTION_REPEAT

    typed, args.task = (
        args.task,
        registry.get(args.task).name,
    )  # a file is run here, and has its task's name from then on
    folder = args.out or Path("runs") / f"{Path(args.like or args.task).name}-{_asked(argv, args).seed}"
    with contextlib.ExitStack() as stack:
        if args.resume:
            stack.enter_context(run_folder.exclusive_run(folder))
            run_folder.recover(folder)  # a kill may have come before
            config = run_folder.stored(folder)
            _refuse_changes(argv, args, config)
        else:
            config = _asked(argv, args)
        # what is wrong is told before a folder is made
        mission = registry.named(config.task).mission(0, config.arm, "train", config.rho)
        name = typed if args.task == config.task else config.task
        if args.resume and (ended := run_folder.summary(folder)) is not None:
            _cli.say(f"{folder} is complete: nothing is left to do")
            return _tell(ended, args.json, name)
        if not args.resume:
            check_device(config.device)
            stack.enter_context(run_folder.exclusive_run(folder, make=True))
            config = run_folder.begin(folder, config, args.force)
        _warn_of_cut_episodes(config, mission.max_ticks // ACTION_REPEAT)
        return _train(folder, config, args, name)


def _train(folder: Path, config: RunConfig, args: Args, task: str) -> int:
    """Make what is left of a run; `task` is what the user calls its task."""
    from mcproxy.agent import run_folder

    training = None
    try:
        snapshots = args.snapshots or (folder / run_folder.SNAPSHOTS).is_dir()
        _cli.say(f"training {task}, seed {config.seed}, for {config.total_timesteps:,} steps in {folder}")
        training = run_folder.Run(folder, config, maker(config), args.threads or _cli.cores(), snapshots)
        with _progress(config, training.saved) as report:
            ended = training.train(report)
    except KeyboardInterrupt:
        if training is None or not (folder / "resume.pt").exists():
            raise
        _cli.say(
            f"interrupted; saved at step {training.saved:,} of {config.total_timesteps:,}; "
            f"go on with: mcproxy train --out {folder} --resume" + (f" --task {task}" if task != config.task else "")
        )
        return 130
    finally:
        if training is not None:
            training.close()
        run_folder.recover(folder)
    return _tell(ended, args.json, task)


def _warn_of_cut_episodes(config: RunConfig, limit: int) -> None:
    """Say so if the worlds begin anew so often that episodes are cut which may take `limit` steps."""
    between = config.ppo.save_every * config.ppo.num_steps
    if between >= 2 * limit:
        return
    lost = "time-outs are never learned from" if between < limit else "the goal rate and a collapse may go untold"
    _cli.say(
        f"worlds begin anew every {between} steps, and an episode may take {limit}: {lost}; raise --ppo.save-every"
    )


def asked(argv: list[str]) -> RunConfig:
    """The run that a command line describes, without looking at any folder."""
    from mcproxy import registry

    args = _cli.parse(Args, argv, "train")
    args.task = registry.get(args.task).name
    return _asked(argv, args)


def maker(config: RunConfig) -> "Callable[[int], VoxelVectorEnv]":
    """What makes the environment of so many worlds that a run trains in."""
    from mcproxy.engine.worlds import Worlds
    from mcproxy.env import VoxelVectorEnv

    worlds = partial(Worlds, looks=config.looks)
    return lambda num_envs: VoxelVectorEnv(
        num_envs, config.task, config.arm, rho=config.rho, resolution=config.resolution, copy=False, worlds=worlds
    )


def _asked(argv: list[str], args: Args) -> RunConfig:
    """The run that the arguments describe. With every marker at the goal, `mixture` is the arm `aligned`."""
    given = _given(argv, args)
    ppo = {name.removeprefix("ppo."): value for name, value in given.items() if name.startswith("ppo.")}
    top = {name: value for name, value in given.items() if "." not in name}
    try:
        if args.like:
            config = _like(args.like)
        else:
            config = RunConfig(task=args.task, total_timesteps=args.steps, ppo=args.ppo)
        arm = "aligned" if top.get("rho", config.rho) == 1.0 else "mixture"
        return dataclasses.replace(config, arm=arm, ppo=dataclasses.replace(config.ppo, **ppo), **top)
    except UserError as error:  # to be told in the words of the command line
        name, _, rest = str(error).partition("=")
        flag = flag_of(name)
        raise UserError(f"{flag} {rest}" if flag else str(error)) from None


def _like(name: str) -> RunConfig:
    """The settings of an agent that comes with mcproxy, or in a folder; the precision is this machine's matter."""
    from mcproxy.agent import run_folder
    from mcproxy.load_policy import SHIPPED, shipped

    folder = SHIPPED / name if name in shipped() else Path(name)
    if not folder.is_dir():
        raise unknown("agent", name, shipped())
    return run_folder.stored(folder).in_precision(None)


def _refuse_changes(argv: list[str], args: Args, stored: RunConfig) -> None:
    """A `UserError` if a flag on the command line says something else than the run began with."""
    for name, new in _given(argv, args).items():
        old = getattr(stored.ppo, name.removeprefix("ppo.")) if name.startswith("ppo.") else getattr(stored, name)
        if new != old:
            flag = flag_of(name) or "--" + name.replace("_", "-")
            raise UserError(
                f"{flag} {new}: this run began with {old} and goes on as it began; "
                f"leave the flag out, or begin another run"
            )


_HALF_A_MINUTE = 30.0  # seconds, the longest without a line
_FLAGS = {  # of fields of `RunConfig`
    "--task": "task",
    "--seed": "seed",
    "--steps": "total_timesteps",
    "--mixture": "rho",
    "--device": "device",
    "--arch": "arch",
    "--looks": "looks",
    "--resolution": "resolution",
}


def flag_of(name: str) -> str | None:
    """The flag that sets a field of `RunConfig` directly, if there is one."""
    return next((flag for flag, field_ in _FLAGS.items() if field_ == name), None)


def _given(argv: list[str], args: Args) -> dict[str, Any]:
    """What the command line says of the run, by the names of `RunConfig`'s fields; those of its `ppo` as "ppo.NAME"."""
    typed = {token.partition("=")[0].replace("_", "-") for token in argv}
    values = {name: getattr(args, flag.removeprefix("--")) for flag, name in _FLAGS.items() if flag in typed}
    for field_ in dataclasses.fields(PPOConfig):
        if f"--ppo.{field_.name.replace('_', '-')}" in typed:
            values[f"ppo.{field_.name}"] = getattr(args.ppo, field_.name)
    return values


@contextlib.contextmanager
def _progress(config: RunConfig, done: int) -> Iterator[Callable[["Trainer", dict[str, float]], None]]:
    """Show a bar with goal rate, speed and time left on a terminal, else a line at every checkpoint; on stderr.

    Between checkpoints that are far apart there are lines too.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    total = config.num_updates * config.ppo.batch_size
    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[told]}"), TimeRemainingColumn(), "left")
    bar = Progress(f"{config.task} seed {config.seed}", *columns, console=console, disable=not console.is_terminal)
    shown, told_at = bar.add_task("", total=total, completed=done, told=""), time.monotonic()

    def report(trainer: "Trainer", figures: dict[str, float]) -> None:
        nonlocal told_at
        goal, speed = trainer.goal_rate, figures["charts/SPS"]
        told = f"goal rate {'?' if goal is None else f'{goal:.2f}'}, {speed:,.0f} steps/s"
        bar.update(shown, completed=trainer.steps, told=told)
        is_saved, now = trainer.done or trainer.updates % config.ppo.save_every == 0, time.monotonic()
        if not console.is_terminal and (is_saved or now - told_at > _HALF_A_MINUTE):
            told_at = now
            left = (total - trainer.steps) / speed
            _cli.say(f"{trainer.steps:,} of {total:,} steps, {told}, {left:.0f} s left")

    with bar:
        yield report


def _tell(ended: dict[str, Any], as_json: bool, task: str) -> int:
    if as_json:
        _cli.print_json(ended)
        return 0
    rate, count = ended["goal_rate"], ended["episodes"]
    goal = "goal rate not known so soon" if rate is None else f"goal rate {rate:.2f} (last {count} episodes)"
    split = ", ".join(f"{part} {share:.0%}" for part, share in ended["time_split"].items())
    print(
        f"{ended['task']}, arm {ended['arm']}, seed {ended['seed']}: {goal}, "
        f"{ended['steps']:,} steps in {ended['seconds']:.0f} s, {ended['steps_per_s']:,.0f} steps/s ({split})"
    )
    print(f"saved in {ended['folder']}; see what it wants:")
    print(
        f"  mcproxy evaluate --policy {ended['folder']} --task {task} --arm all --episodes 200 "
        f"--out {ended['folder']}-eval"
    )
    return 0


if __name__ == "__main__":
    sys.exit(_cli.run(main, "train"))
