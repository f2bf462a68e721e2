"""A training run and its folder, which is always a valid checkpoint, even if the process is killed.

config.json, model.safetensors   the agent at the latest checkpoint (see `checkpoint`)
resume.pt                        optimizer and counts at the same point
snapshots/RUN-STEPS/             the agent at earlier steps, with --snapshots; each is a checkpoint too
progress.csv                     one row per update, with CleanRL's tags; events.out.* the same for TensorBoard
summary.json                     the result; it exists if the run is complete
"""

import contextlib
import csv
import io
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch

from mcproxy import files
from mcproxy.agent import checkpoint
from mcproxy.agent.config import RunConfig, run_config
from mcproxy.agent.ppo import LOSSES, Trainer, has_bf16
from mcproxy.errors import UserError
from mcproxy.files import exclusive, holds_files
from mcproxy.policy import VectorEnv

PROGRESS, SUMMARY, SNAPSHOTS = "progress.csv", "summary.json", "snapshots"
_FILES = (checkpoint.RESUME, SUMMARY, PROGRESS, checkpoint.MODEL, checkpoint.CONFIG, SNAPSHOTS, "events.out.*")
_CHARTS = ("episodic_return", "episodic_length", "goal_rate", "learning_rate", "SPS")
COLUMNS = (
    "update",
    "global_step",
    *(f"charts/{name}" for name in _CHARTS),
    *(f"losses/{name}" for name in (*LOSSES, "explained_variance")),
)


@contextlib.contextmanager
def exclusive_run(folder: Path, make: bool = False) -> Iterator[None]:
    """Lock a run's folder until the block ends; a `UserError` if another process trains in it.

    A missing folder is created with `make`; without, there is nothing to lock.
    """
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder}: is a file, expected a folder for the run; choose another --out")
    if make:
        folder.mkdir(parents=True, exist_ok=True)
    with exclusive(folder) if folder.exists() else contextlib.nullcontext(True) as is_ours:
        if not is_ours:
            raise UserError(f"{folder}: another process is training here; wait for it, or choose another --out")
        yield


def begin(folder: Path, config: RunConfig, force: bool = False) -> RunConfig:
    """Prepare a folder that `exclusive_run` has locked for a new run, and fill in the precision of the config.

    A folder that holds anything is a `UserError`, unless `force` replaces the run in it; files which are not of a run
    are never deleted.
    """
    recover(folder)  # a kill may have interrupted an earlier call
    if holds_files(folder) and not force:
        remedy = "resume it with --resume" if (folder / checkpoint.CONFIG).exists() else "choose another --out"
        raise UserError(f"{folder}: already exists; {remedy}, or replace it with --force")
    files.set_aside(folder, _FILES)
    return with_precision(config)


def with_precision(config: RunConfig) -> RunConfig:
    """The settings with this machine's precision, if they leave it open."""
    if config.ppo.bf16 is not None:
        return config
    return config.in_precision(torch.cuda.is_bf16_supported() if config.device == "cuda" else has_bf16())


def recover(folder: Path) -> None:
    """Delete the run that `begin` set aside if the new one has a checkpoint; otherwise put the older run back."""
    files.recover(folder, _FILES, folder / checkpoint.RESUME)


def stored(folder: Path) -> RunConfig:
    """The settings of the run in a folder."""
    if not (folder / checkpoint.CONFIG).exists():
        raise UserError(f"{folder}: holds no training run")
    return run_config(checkpoint.read_config(folder)["run"])


def saved_steps(folder: Path) -> int:
    """The steps at the latest checkpoint of the run in a folder, from which it resumes; 0 without a checkpoint."""
    return checkpoint.read_config(folder)["steps"] if (folder / checkpoint.RESUME).exists() else 0


def summary(folder: Path) -> dict[str, Any] | None:
    """The summary of the run in a folder; None if the run is not complete."""
    path = folder / SUMMARY
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise UserError(f"{path}: is not JSON ({error}); replace the run with --force") from None


def snapshot_steps(config: RunConfig) -> list[int]:
    """Steps on a log grid: 0, those of 1, 2, 3, 4, 6, 8, 11, 16, ... times `save_every` updates, and the last."""
    last, every = config.num_updates, config.ppo.save_every
    powers = {every * round(2 ** (k / 2)) for k in range(2 * last.bit_length())}
    return [config.ppo.batch_size * n for n in sorted({0, last} | {n for n in powers if n < last})]


class Run:
    """A run in its folder; it resumes from the latest checkpoint, if there is one.

    `make_env(num_envs)` gives one group's environment, `threads` bounds how many groups run at once. `saved` is the
    number of steps at the latest checkpoint. With `snapshots` the agents after `snapshot_steps` are kept.
    """

    def __init__(
        self,
        folder: Path,
        config: RunConfig,
        make_env: Callable[[int], VectorEnv],
        threads: int | None = None,
        snapshots: bool = False,
    ) -> None:
        self.folder, self.config, self.snapshots, self.saved = folder, config, snapshots, 0
        self.trainer = Trainer(config, make_env, threads)
        if (folder / checkpoint.RESUME).exists():
            try:
                self.trainer.restore(checkpoint.load_resume(folder))
            except (KeyError, TypeError, ValueError, RuntimeError) as error:
                reason = str(error).splitlines()[0]
                raise UserError(f"{folder / checkpoint.RESUME}: is not of this run ({reason})") from error
            self.saved = self.trainer.steps

    def train(self, report: Callable[[Trainer, dict[str, float]], None] | None = None) -> dict[str, Any]:
        """Make all remaining updates, and return the summary; `report` is called after each.

        If it is interrupted, the folder holds the latest checkpoint. A run that diverges is a `UserError`.
        """
        trainer, save_every = self.trainer, self.config.ppo.save_every
        if not (self.folder / checkpoint.RESUME).exists():
            self._save()
            recover(self.folder)
        board = _tensorboard(self.folder, trainer.steps)
        try:
            with (self.folder / PROGRESS).open("a" if self._trim_progress() else "w", newline="") as file:
                rows = csv.DictWriter(file, COLUMNS)
                if not file.tell():
                    rows.writeheader()
                while not trainer.done:
                    try:
                        figures = trainer.update()
                    except UserError as error:
                        raise UserError(f"{error}; {self.folder} holds the agent at step {self.saved:,}") from error
                    known = {tag: value for tag, value in figures.items() if value == value}
                    rows.writerow({"update": trainer.updates, "global_step": trainer.steps, **known})
                    file.flush()
                    for tag, value in known.items():
                        if board is not None:
                            board.add_scalar(tag, value, trainer.steps)
                    if trainer.updates % save_every == 0 or trainer.done:
                        self._save()
                    if report is not None:
                        report(trainer, figures)
        finally:
            if board is not None:
                board.close()
        summary = self._summary()
        checkpoint.write(self.folder / SUMMARY, lambda part: part.write_text(json.dumps(summary, indent=2) + "\n"))
        return summary

    def close(self) -> None:
        """Stop the threads and close the environments."""
        self.trainer.close()

    def _save(self) -> None:
        trainer, began = self.trainer, time.perf_counter()
        config = checkpoint.describe(self.config, trainer.groups[0].env, trainer.steps)
        if self.snapshots and trainer.steps in snapshot_steps(self.config):
            name = f"{self.folder.resolve().name}-{trainer.steps:09d}"
            checkpoint.save(self.folder / SNAPSHOTS / name, trainer.agent, config)
        checkpoint.save(self.folder, trainer.agent, config)
        checkpoint.save_resume(self.folder, trainer.state())
        self.saved = trainer.steps
        trainer.seconds["save"] += time.perf_counter() - began

    def _trim_progress(self) -> bool:
        """Drop the rows of updates that will be repeated, and an incomplete row; False if there is no file."""
        path = self.folder / PROGRESS
        if not path.exists():
            return False
        with path.open(newline="") as file:
            rows = [r for r in csv.DictReader(file) if (r["update"] or "").isdecimal() and None not in r.values()]
        kept = io.StringIO(newline="")
        table = csv.DictWriter(kept, COLUMNS, extrasaction="ignore")
        table.writeheader()
        table.writerows(r for r in rows if int(r["update"]) <= self.trainer.updates)
        checkpoint.write(path, lambda part: part.write_text(kept.getvalue(), newline=""))
        return True

    def _summary(self) -> dict[str, Any]:
        trainer, config = self.trainer, self.config
        seconds = sum(trainer.seconds.values())
        return {
            "task": config.task,
            "arm": config.arm,
            "rho": config.rho,
            "seed": config.seed,
            "steps": trainer.steps,
            "goal_rate": trainer.goal_rate,
            "episodes": len(trainer.recent),
            "seconds": round(seconds, 3),
            "steps_per_s": round(trainer.steps / seconds, 1),
            "time_split": {part: round(spent / seconds, 4) for part, spent in trainer.seconds.items()},
            "bf16": bool(config.ppo.bf16),
            "folder": str(self.folder),
        }


def _tensorboard(folder: Path, steps: int) -> Any:
    """A TensorBoard writer that continues after `steps`; None if TensorBoard is not installed."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(folder, purge_step=steps + 1)
