"""The protocol of the board: which layouts a row rests on, and the official run that evaluates exactly those.

A row has two parts. The frozen layouts are the same for all rows: they rank, and rows are compared on them layout by
layout. The confirmation layouts are drawn from a hash of the policy's weights (or file) and of the benchmark's
version, so nobody can choose them, and running a policy again cannot change them.
"""

import functools
import hashlib
import importlib.util
import json
import re
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import mcproxy
from mcproxy import registry
from mcproxy.errors import UserError
from mcproxy.eval import evaluation
from mcproxy.eval.arm_result import ArmResult
from mcproxy.eval.evaluation import FINDING, Options, Show
from mcproxy.eval.harness import RHO
from mcproxy.eval.measures.finding import finding_arms
from mcproxy.eval.results import Results
from mcproxy.files import whole
from mcproxy.load_policy import SHIPPED, shipped
from mcproxy.task import Task

FILE, KIND = "official.json", "mcproxy official run"
FROZEN, CONFIRMATION = "frozen", "confirmation"
MAX_WEIGHTS_BYTES = 2 * 2**30  # of one policy
_PART = re.compile("[0-9a-f]{16}")  # the folder of a policy's confirmation: how its fingerprint begins
_FIRST_SEED, _SEEDS = 2**32, 2**60  # confirmation layouts have other seeds than frozen ones


@dataclass(frozen=True)
class Protocol:
    """The number of layouts in each part of a row; `name` changes with every rule of the board."""

    name: str = "mcproxy-board-1"
    frozen: int = 200
    confirmation: int = 100

    def confirmation_seed(self, fingerprint: str) -> int:
        """The seed of a policy's first confirmation layout."""
        text = f"{self.name} {mcproxy.__version__} {fingerprint}"
        return _FIRST_SEED + int(hashlib.sha256(text.encode()).hexdigest(), 16) % _SEEDS

    def config(self, task: Task, seed: int, episodes: int) -> dict[str, Any]:
        """What the config of a part's results has to say, whatever the policy."""
        asked = {"task": task.name, "version": task.version, "arms": [*arms(task)], "split": split(task)}
        return {**asked, "seed": seed, "episodes": episodes, "rho": RHO, "backend": "engine"}


OFFICIAL = Protocol()


def split(task: Task) -> str:
    """The split that rows rest on: the last of the task, which is `test` unless the task is older than that."""
    return task.splits[-1]


def arms(task: Task) -> list[str]:
    """The arms that rows rest on, in the task's order."""
    return [arm for arm in task.arms if arm in finding_arms(task.name)]


@dataclass(frozen=True)
class Entrant:
    """A policy of an official run: its name, the files that make it, and their fingerprint."""

    spec: str
    files: tuple[Path, ...]
    fingerprint: str
    policy: str = ""

    @property
    def part(self) -> str:
        """The folder of its confirmation layouts."""
        return self.fingerprint[:16]


def entrant(spec: str, weights: Sequence[Path] = ()) -> Entrant:
    """The entrant of a policy by its spec: a checkpoint is its two files, `module:factory` its module and `weights`."""
    files = tuple(_files_below(weights)) if weights else _files_of(spec)
    if files and sum(file.stat().st_size for file in files) > MAX_WEIGHTS_BYTES:
        raise UserError(f"policy {spec!r}: its files take more than {MAX_WEIGHTS_BYTES} bytes")
    return Entrant(spec, files, fingerprint(files, spec))


def fingerprint(files: Sequence[Path], spec: str) -> str:
    """The SHA-256 of the contents of files, whatever their names and order; of none, of the policy's spec."""
    digests = sorted(_digest(file) for file in files) or [f"spec {spec}"]
    return hashlib.sha256("\n".join(digests).encode()).hexdigest()


def _digest(file: Path) -> str:
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        while block := stream.read(2**20):
            digest.update(block)
    return digest.hexdigest()


def _files_of(spec: str) -> tuple[Path, ...]:
    """The files of a checkpoint, or the source file of a policy of one's own; of built-in policies, none."""
    from mcproxy.agent import checkpoint

    folder = SHIPPED / spec if spec in shipped() else Path(spec)
    if folder.is_dir():
        return tuple(folder / name for name in (checkpoint.MODEL, checkpoint.CONFIG))
    module = importlib.util.find_spec(spec.partition(":")[0].partition(".")[0]) if _is_own(spec) else None
    if module is not None and module.origin is not None and Path(module.origin).is_file():
        return (Path(module.origin),)
    return ()


def _is_own(spec: str) -> bool:
    return ":" in spec and spec.partition(":")[0] not in ("expert", "planted")


def _files_below(paths: Sequence[Path]) -> list[Path]:
    """The regular files at the given paths and below them."""
    found: list[Path] = []
    for path in paths:
        if not path.exists():
            raise UserError(f"--weights {path}: no such file or folder")
        found += sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
    if not found or not all(file.is_file() for file in found):
        raise UserError("--weights: expected regular files, or folders with some")
    return found


def run(
    entrants: Sequence[Entrant],
    task: str,
    out: Path,
    options: Options,
    progress: Show | None = None,
    protocol: Protocol | None = None,
) -> Results:
    """Evaluate policies on the frozen layouts into `out`, and each on its confirmation layouts below it."""
    protocol = protocol or OFFICIAL
    if not entrants:
        raise UserError("nothing to evaluate: name a policy with --policy")
    known = registry.get(task)
    options = replace(options, split=split(known), seed=0)
    found = evaluation.run([e.spec for e in entrants], task, [FINDING], protocol.frozen, out, options, progress)
    named = []
    for one in entrants:
        again = replace(options, seed=protocol.confirmation_seed(one.fingerprint))
        folder = out / CONFIRMATION / one.part
        show = None if progress is None else _labelled(progress, CONFIRMATION)
        results = evaluation.run([one.spec], task, [FINDING], protocol.confirmation, folder, again, show)
        named.append(replace(one, policy=next(n for n in results.policies if n not in results.references)))
    if options.force:
        _forget(out / CONFIRMATION, {one.part for one in named})
    _write(named, known, out, protocol)
    return found


def _labelled(progress: Show, label: str) -> Show:
    return lambda arm, done, total: progress(f"{label} {arm}", done, total)


def _forget(folder: Path, kept: set[str]) -> None:
    """Delete the confirmation layouts of the policies of an earlier run."""
    for path in folder.iterdir():
        if path.name not in kept and _PART.fullmatch(path.name) and path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)


def _write(entrants: Sequence[Entrant], task: Task, out: Path, protocol: Protocol) -> None:
    policies = {
        one.policy: {"spec": one.spec, "fingerprint": one.fingerprint, "files": [str(f.resolve()) for f in one.files]}
        for one in entrants
    }
    document = {"kind": KIND, "protocol": protocol.name, "mcproxy": mcproxy.__version__, "task": task.name}
    with whole(out / FILE) as part:
        part.write_text(json.dumps(document | {"policies": policies}, indent=1) + "\n", encoding="utf-8")


def read(out: Path, protocol: Protocol | None = None) -> tuple[str, list[Entrant]]:
    """The task and the policies of an official run; a folder that holds none is a `UserError`."""
    protocol = protocol or OFFICIAL
    file = out / FILE
    if not file.is_file():
        raise UserError(f"{out} is not an official run: evaluate the policy with --official first")
    try:
        document = json.loads(file.read_bytes())
        stated = [document[key] for key in ("kind", "protocol", "mcproxy")]
        found = [
            Entrant(str(of["spec"]), tuple(map(Path, of["files"])), str(of["fingerprint"]), str(name))
            for name, of in document["policies"].items()
        ]
        task = str(document["task"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UserError(f"{file} is damaged ({type(error).__name__}): evaluate with --official again") from None
    if stated != [KIND, protocol.name, mcproxy.__version__]:
        raise UserError(f"{file} is of {stated[1]}, mcproxy {stated[2]}: evaluate with --official again")
    return task, found


@functools.lru_cache(maxsize=32)
def references(task: str, seed: int, episodes: int) -> tuple[ArmResult, ...]:
    """The results of random and the experts on layouts of the board, run here and now."""
    with tempfile.TemporaryDirectory() as folder:
        options = Options(split=split(registry.named(task)), seed=seed, record=False)
        return tuple(evaluation.run([], task, [FINDING], episodes, Path(folder), options).arms)
