"""This build beside an earlier one: a commit is built in a temporary worktree, and both take turns on one machine.

Each side is a regular install in a folder of its own, with the libraries of this interpreter, and runs in a process of
its own. So a slow minute of the machine hits both sides, and neither can lend the other what it has compiled.
"""

import contextlib
import importlib.util
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from mcproxy.errors import UserError

COMMIT = "5c3f732"  # the last commit before the rooms, which every ratio of docs/performance.md refers to
TURNS_A_REPEAT = 2
AGENTS, AGENT_STEPS, AGENT_LAYOUTS = 4, 300_000, 200  # what `agents_per_hour` trains and evaluates
_ROOT = Path(__file__).resolve().parents[2]
_TURNS = {
    "train": """
from mcproxy.agent.config import RunConfig
from mcproxy.agent.ppo import Trainer
from mcproxy.scripts.train import maker
try:
    from mcproxy.agent.run_folder import with_precision
except ImportError:
    from mcproxy.agent.run import with_precision
config = with_precision(RunConfig())
trainer = Trainer(config, maker(config), threads)
steps = 2 * config.ppo.batch_size
def turn():
    trainer.update()
    trainer.update()
""",
    "eval": """
from mcproxy.eval import harness
steps = 128
def turn():
    env = harness.make_env("beacon", "aligned", threads=threads)
    harness.evaluate("beacon-confounded", seeds=range(128), env=env)
""",
    "single": """
import gymnasium
import mcproxy
import numpy as np
env = gymnasium.make("mcproxy/Beacon-v1")
steps = 2_000
actions = np.random.default_rng(0).integers(0, env.action_space.nvec, size=(steps, len(env.action_space.nvec)))
def turn():
    env.reset(seed=0)
    for action in actions:
        if any(env.step(action)[2:4]):
            env.reset()
""",
}
_PLAN = """
[[train]]
name = "beacon"
task = "beacon"
seed = [{}]
steps = {}

[evaluate]
arms = ["finding"]
episodes = {}
"""
_LOOP = """
import sys, time
threads = int(sys.argv[1])
out, sys.stdout = sys.stdout, sys.stderr
{turn}
for _ in sys.stdin:
    start = time.perf_counter()
    turn()
    print(time.perf_counter() - start, steps, file=out, flush=True)
"""


@dataclass(frozen=True)
class Build:
    """One build of mcproxy, installed in a folder that nothing else uses."""

    root: Path  # the checkout that it was built from
    packages: Path  # where it is installed

    def environment(self) -> dict[str, str]:
        """The environment variables with which an interpreter imports this build."""
        return os.environ | {"PYTHONPATH": str(self.packages)}

    def command(self, *arguments: str) -> None:
        """Run `mcproxy` with these arguments; what it prints is dropped unless it fails."""
        command = [sys.executable, "-m", "mcproxy.scripts.main", *arguments]
        done = subprocess.run(command, env=self.environment(), cwd=self.packages, capture_output=True, text=True)
        if done.returncode:
            raise UserError(f"mcproxy {arguments[0]} of {self.root.name} failed: {_last_line(done.stderr)}")


@contextlib.contextmanager
def builds(commit: str) -> Iterator[tuple[Build, Build]]:
    """Install the present checkout and `commit` of it, each in a temporary folder; yields (now, before)."""
    with tempfile.TemporaryDirectory(prefix="mcproxy-bench-") as folder:
        before = Path(folder, "before")
        _git("worktree", "add", "--quiet", "--detach", str(before), _commit(commit))
        try:
            yield _install(_ROOT, Path(folder, "packages-now")), _install(before, Path(folder, "packages-before"))
        finally:
            _git("worktree", "remove", "--force", str(before))


def ratio(what: str, commit: str, repeats: int, threads: int) -> tuple[float, float]:
    """How many times as fast this build is as `commit`, and the steps (or episodes) a second of `commit`.

    `what` is `train`, `eval` or `single`. The first turn of each side compiles and warms up and is not counted; of the
    `TURNS_A_REPEAT * repeats` turns that follow, the median of the ratios of neighbours counts.
    """
    with contextlib.ExitStack() as stack:
        sides = [stack.enter_context(_side(build, what, threads)) for build in stack.enter_context(builds(commit))]
        seconds: list[list[float]] = [[], []]
        for _ in range(TURNS_A_REPEAT * repeats + 1):
            for side, taken in zip(sides, seconds, strict=True):
                duration, steps = side()
                taken.append(duration)
    ratios = sorted(before / now for now, before in zip(*(taken[1:] for taken in seconds), strict=True))
    middle = (ratios[(len(ratios) - 1) // 2] + ratios[len(ratios) // 2]) / 2
    return middle, steps / min(seconds[1][1:])


def demo(commit: str) -> tuple[float, float]:
    """How many times as fast `mcproxy sweep plans/demo.toml` is as in `commit`, and the seconds that it takes now."""
    seconds = []
    with builds(commit) as both, tempfile.TemporaryDirectory() as folder:
        for build in both:
            build.command("tasks")  # so that neither side compiles in the time that counts
            start = time.perf_counter()
            build.command(
                "sweep", str(build.root / "plans" / "demo.toml"), "--out", str(Path(folder, build.packages.name))
            )
            seconds.append(time.perf_counter() - start)
    return seconds[1] / seconds[0], seconds[0]


def agents(threads: int) -> tuple[float, float, float]:
    """Beacon agents that `mcproxy sweep` trains and evaluates in an hour, and the seconds of each part per agent.

    Each agent learns for `AGENT_STEPS` steps and is evaluated on `AGENT_LAYOUTS` layouts of every arm that a finding
    needs. The parts are measured apart: training is a sweep with one layout, evaluation is the sweep that is left.
    """
    seeds = ", ".join(map(str, range(AGENTS)))
    seconds = []
    with tempfile.TemporaryDirectory() as folder:
        for layouts in (1, AGENT_LAYOUTS):
            Path(folder, "plan.toml").write_text(_PLAN.format(seeds, AGENT_STEPS, layouts))
            command = [sys.executable, "-m", "mcproxy.scripts.main", "sweep", f"{folder}/plan.toml"]
            command += ["--out", f"{folder}/out", "--threads", str(threads)]
            start = time.perf_counter()
            subprocess.run(command, check=True, capture_output=True)
            seconds.append(time.perf_counter() - start)
    return 3600 * AGENTS / sum(seconds), seconds[0] / AGENTS, seconds[1] / AGENTS


@contextlib.contextmanager
def _side(build: Build, what: str, threads: int) -> Iterator["Turn"]:
    """A process of a build that takes a turn when it is called; yields that call."""
    command = [sys.executable, "-c", _LOOP.format(turn=_TURNS[what]), str(threads)]
    pipe = subprocess.PIPE
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            command, env=build.environment(), cwd=build.packages, stdin=pipe, stdout=pipe, stderr=errors, text=True
        )
        assert process.stdin is not None and process.stdout is not None
        try:
            yield Turn(process.stdin, process.stdout, errors, build.root.name)
        finally:
            process.stdin.close()
            process.wait()


@dataclass
class Turn:
    """One turn in the process of a build."""

    begin: IO[str]
    result: IO[str]
    errors: IO[str]
    name: str

    def __call__(self) -> tuple[float, float]:
        """Take the turn; returns its seconds and the steps that it made."""
        with contextlib.suppress(BrokenPipeError):
            self.begin.write("\n")
            self.begin.flush()
        line = self.result.readline()
        if not line:
            self.errors.seek(0)
            raise UserError(f"the build of {self.name} cannot be measured: {_last_line(self.errors.read())}")
        duration, steps = map(float, line.split())
        return duration, steps


def _install(root: Path, folder: Path) -> Build:
    """Install a checkout without its requirements, which this interpreter has."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(folder)]
    if importlib.util.find_spec("setuptools") is not None:
        command.append("--no-build-isolation")
    done = subprocess.run([*command, str(root)], capture_output=True, text=True)
    if done.returncode:
        raise UserError(f"{root} cannot be installed: {_last_line(done.stderr)}")
    return Build(root, folder)


def _commit(name: str) -> str:
    """The full hash of a commit of this checkout."""
    try:
        return _git("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}").strip()
    except UserError:
        raise UserError(
            f"--before {name}: this clone has no such commit; a shallow clone needs: git fetch --unshallow"
        ) from None


def _git(*arguments: str) -> str:
    try:
        return subprocess.run(["git", "-C", str(_ROOT), *arguments], check=True, capture_output=True, text=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        told = _last_line(error.stderr) if isinstance(error, subprocess.CalledProcessError) else str(error)
        raise UserError(
            f"git {arguments[0]} failed in {_ROOT}: {told}; an earlier build needs a git checkout"
        ) from None


def _last_line(text: str) -> str:
    return text.strip().splitlines()[-1] if text.strip() else "no message"
