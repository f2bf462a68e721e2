"""Plans: TOML files that list the runs which a sweep trains and evaluates.

    [[train]]                   one grid; every list in it is an axis, and the runs are all combinations
    name = "beacon"             the start of each run's name: beacon-mixture0.9-s3
    task = "beacon"             the flags of mcproxy train, without dashes
    seed = [0, 1, 2]
    mixture = [1.0, 0.9]
    ppo.ent-coef = 0.01
    [evaluate]
    arms = ["finding"]          as mcproxy evaluate takes them
    episodes = 200              layouts in each arm
    snapshots = 0               layouts in each arm for every snapshot that a run keeps; 0: do not evaluate snapshots
    split = "eval"              or the frozen "test", for what is published
    [expect]                    what the plan promises before its first run (`mcproxy.scripts.sweeps.expect`)

Each run is trained in OUT/train/NAME and evaluated in OUT/evaluate/NAME, by commands that can also be typed by hand.
"""

import importlib
import itertools
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mcproxy import errors
from mcproxy.errors import UserError
from mcproxy.scripts.sweeps import expect
from mcproxy.task import EVAL, SPLITS

if TYPE_CHECKING:
    from mcproxy.agent.config import RunConfig

_EVALUATE: dict[str, Any] = {"arms": ["finding"], "episodes": 200, "snapshots": 0, "split": EVAL}
_FLAGS = ("task", "like", "seed", "steps", "mixture", "arch", "looks", "device", "snapshots")
_TABLES = ("train", "evaluate", "expect")
_MAX_RUNS = 10_000


@dataclass(frozen=True)
class PlannedRun:
    """One training run of a plan; `group` is its name without the seed."""

    name: str
    group: str
    seed: int
    settings: Mapping[str, Any]  # by the flags of `mcproxy train`, without dashes; all runs of the group share them

    @property
    def task(self) -> str | None:
        """The task as the plan names it, by name or file; None if the run's `like` decides."""
        return self.settings.get("task")

    @property
    def snapshots(self) -> bool:
        """Whether the run keeps snapshots."""
        return bool(self.settings.get("snapshots"))

    @property
    def flags(self) -> tuple[str, ...]:
        """All flags of `mcproxy train` except --out and --threads."""
        return (*_flags(self.settings), "--seed", str(self.seed))

    def config(self) -> "RunConfig":
        """The settings of training; a wrong one is a `UserError` that names the key in the plan."""
        from mcproxy.scripts import train

        settings = {name: value for name, value in self.settings.items() if name not in ("like", "snapshots")}
        try:
            return train.configured(settings | {"seed": self.seed}, self.settings.get("like", ""))
        except UserError as error:
            reason = f"{error.field} = {error.problem}" if error.field else error.problem
            raise UserError(f"run {self.name}: {reason}") from None


@dataclass(frozen=True)
class Plan:
    """The runs, ordered so that the first ones, however many, have about equally many seeds of every group."""

    runs: list[PlannedRun]
    arms: list[str]
    episodes: int
    snapshots: int
    split: str
    expect: Mapping[str, str] | None = None

    @property
    def groups(self) -> dict[str, Mapping[str, Any]]:
        """The settings of each group, by its name."""
        return {run.group: run.settings for run in self.runs}


def read(path: Path) -> Plan:
    """The plan in a file; a mistake in it is a `UserError` that names its place."""
    tomllib = importlib.import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    try:
        plain = tomllib.loads(path.read_text())
    except FileNotFoundError:
        raise UserError(f"{path}: no such plan") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not TOML: {error}") from None
    for key in plain:
        if key not in _TABLES:
            raise errors.unknown(f"table in {path}", key, _TABLES)
    grids, evaluate = plain.get("train", []), plain.get("evaluate", {})
    if isinstance(grids, dict):
        raise UserError(f"{path}: expected [[train]] in double brackets, because a plan may have several")
    if not isinstance(grids, list) or not grids or not isinstance(evaluate, dict):
        raise UserError(f"{path}: expected at least one [[train]] table, and an [evaluate] table")
    for key, value in evaluate.items():
        if key not in _EVALUATE:
            raise errors.unknown(f"setting in [evaluate] of {path}", key, _EVALUATE)
        if type(value) is not type(_EVALUATE[key]):
            raise UserError(f"{path}: {key} = {value!r} in [evaluate]: expected a value like {_EVALUATE[key]!r}")
        if isinstance(value, list) and not all(isinstance(arm, str) for arm in value):
            raise UserError(f"{path}: {key} = {value!r} in [evaluate]: expected a list of names")
        if key == "split" and value not in SPLITS[1:]:
            raise errors.unknown(f"split in [evaluate] of {path}", value, SPLITS[1:])
        if value in ([], 0) and key != "snapshots" or isinstance(value, int) and value < 0:
            raise UserError(
                f"{path}: {key} = {value!r} in [evaluate]: expected at least one, otherwise nothing is evaluated"
            )
    every = (run for k, grid in enumerate(grids) for run in _runs(grid, path, f"[[train]] table {k + 1} of {path}"))
    runs = list(itertools.islice(every, _MAX_RUNS + 1))
    if len(runs) > _MAX_RUNS:
        raise UserError(f"{path}: expected at most {_MAX_RUNS:,} runs")
    for one, other in itertools.pairwise(sorted(run.name for run in runs)):
        if one == other:
            raise UserError(f"{path}: two runs are named {one}: list each seed once, and give tables different names")
    shared = {run.group: run.settings for run in runs}
    for run in runs:
        if run.settings != shared[run.group]:
            raise UserError(
                f"{path}: runs named {run.group} differ in more than the seed: give their tables different names"
            )
    if evaluate.get("snapshots") and not any(run.snapshots for run in runs):
        raise UserError(f"{path}: snapshots in [evaluate]: expected snapshots = true in a [[train]] table too")
    evaluate = _EVALUATE | evaluate
    expected = plain.get("expect")
    if expected is not None:
        arms = _arms(runs, evaluate["arms"])
        expected = expect.check(
            expected, {r.group: r.settings for r in runs}, arms, evaluate["snapshots"] > 0, str(path)
        )
    rank = {group: iter(range(len(runs))) for group in {run.group for run in runs}}
    turns = {run.name: next(rank[run.group]) for run in runs}
    return Plan(sorted(runs, key=lambda run: turns[run.name]), **evaluate, expect=expected)


def _arms(runs: list[PlannedRun], asked: list[str]) -> list[str]:
    """The arms that a plan evaluates, of all its tasks."""
    from mcproxy import registry
    from mcproxy.eval.evaluation import arms_of

    tasks = dict.fromkeys(run.task or run.config().task for run in runs)
    return [*dict.fromkeys(arm for task in tasks for arm in arms_of(registry.get(task), asked))]


def _runs(grid: Any, path: Path, where: str) -> Iterator[PlannedRun]:
    """All combinations of a grid's lists."""
    if not isinstance(grid, dict):
        raise UserError(f"{where}: expected a table of settings")
    settings, ppo = {key: value for key, value in grid.items() if key != "ppo"}, grid.get("ppo", {})
    if not isinstance(ppo, dict):
        raise UserError(f"{where}: ppo = {ppo!r}: expected settings, such as ppo.ent-coef = 0.02")
    settings |= {f"ppo.{key.replace('_', '-')}": value for key, value in ppo.items()}
    name = settings.pop("name", None)
    if name is None:
        name = settings.get("task", settings.get("like", "beacon"))
        if isinstance(name, list):
            raise UserError(f'{where}: several tasks: expected a name, such as name = "mine"')
        name = _label("", name)
    if not isinstance(name, str) or not name.replace("-", "").replace("_", "").isalnum():
        raise UserError(f"{where}: name = {name!r}: expected letters, digits, - and _")
    for key in settings:
        if key not in _FLAGS and not key.startswith("ppo."):
            raise errors.unknown(f"setting in {where}", key, ["name", *_FLAGS, "ppo"])
    axes = {key: value if isinstance(value, list) else [value] for key, value in settings.items()}
    if not all(axes.values()):
        raise UserError(f"{where}: a list is empty, so there is nothing to train")
    axes.setdefault("seed", [0])
    if any(type(seed) is not int for seed in axes["seed"]):
        raise UserError(f"{where}: seed = {axes['seed']}: expected whole numbers")
    if any(type(kept) is not bool for kept in axes.get("snapshots", [])):
        raise UserError(f"{where}: snapshots = {settings['snapshots']}: expected true or false")
    for values in itertools.product(*axes.values()):
        chosen = dict(zip(axes, values, strict=True))
        seed = chosen.pop("seed")
        if str(chosen.get("task", "")).endswith(".py"):
            chosen["task"] = str((path.parent / chosen["task"]).resolve())
        varied = [_label(key, chosen[key]) for key, several in axes.items() if len(several) > 1 and key != "seed"]
        group = "-".join([name, *varied])
        yield PlannedRun(f"{group}-s{seed}", group, seed, chosen)


def _label(key: str, value: Any) -> str:
    """How an axis appears in a run's name."""
    text = Path(value).stem if isinstance(value, str) else f"{key.removeprefix('ppo.')}{value}"
    return "".join(c if c.isalnum() or c in "._-" else "" for c in text)


def _flags(settings: Mapping[str, Any]) -> Iterator[str]:
    for key, value in settings.items():
        if value is False and not key.startswith("ppo."):
            continue
        yield f"--{key}"
        if value is not True or key.startswith("ppo."):
            yield str(value)
