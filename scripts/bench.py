"""Measure how fast this machine runs worlds, training, recording and starting.

Every number is the best of several repetitions, as the rest of a machine only ever makes things slower. What is
compared with each other is measured in turn, so that a slow minute hits both.
"""

import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from mcproxy import errors
from mcproxy.scripts import _cli

NUM_WORLDS = 64
RECORDED_POLICY, RECORDED_EPISODES = "beacon-confounded", 128
_LIBRARIES = ("mcproxy", "numpy", "numba", "torch", "gymnasium", "h5py")
_FIRST_STEP = """
from mcproxy.env import VoxelVectorEnv
env = VoxelVectorEnv(2)
env.reset(seed=0)
env.step(env.action_space.sample())
"""


@dataclass
class Args:
    """Measure how fast this machine runs worlds, training, recording and starting; takes about two minutes."""

    only: tuple[str, ...] = ()
    """Measure these keys alone (and what is measured together with them)."""
    repeats: int = 4
    """Repetitions of each measure; the best one counts."""
    json: bool = False
    """Print one flat JSON object and nothing else."""


def main(argv: list[str]) -> int:
    """Print every measure, with what the machine is."""
    args = _cli.parse(Args, argv, "bench")
    known = [key for keys in MEASURES for key in keys]
    for key in args.only:
        if key not in known:
            raise errors.unknown("key", key, known)
    if args.repeats < 1:
        raise errors.UserError(f"--repeats {args.repeats}: expected 1 or more")
    chosen = {keys: measure for keys, measure in MEASURES.items() if not args.only or set(keys) & set(args.only)}
    numbers: dict[str, Any] = {}
    for keys, measure in chosen.items():
        _cli.say(f"measuring {', '.join(keys)}")
        numbers |= dict(zip(keys, measure(args.repeats), strict=True))
    numbers |= machine()
    if args.json:
        _cli.print_json(numbers)
        return 0
    for key, value in numbers.items():
        print(f"{key:20} {_shown(value):>12}  {UNITS.get(key, '')}".rstrip())
    return 0


def machine() -> dict[str, Any]:
    """What the numbers were measured on."""
    versions = {f"{name}_version": metadata.version(name) for name in _LIBRARIES}
    return {"cpu": _cpu(), "cpus": os.cpu_count(), "python_version": platform.python_version(), **versions}


def stepping(repeats: int) -> tuple[float, ...]:
    """Steps a second of 64 beacon worlds at 64 x 64, random actions, resets included, on one thread and on two."""
    import numpy as np

    from mcproxy import controls
    from mcproxy.env import VoxelVectorEnv

    envs = [VoxelVectorEnv(NUM_WORLDS, threads=threads) for threads in (1, 2)]
    shape = (300, NUM_WORLDS, len(envs[0].task.controls))  # two whole episodes of a world that meets nothing
    actions = np.random.default_rng(0).integers(0, controls.sizes(envs[0].task.controls), size=shape)
    times: tuple[list[float], list[float]] = ([], [])
    for repeat in range(repeats + 1):
        for env, taken in zip(envs, times, strict=True):
            env.reset(seed=repeat)
            start = time.perf_counter()
            for row in actions:
                env.step(row)
            taken.append(time.perf_counter() - start)
    for env in envs:
        env.close()
    return tuple(actions.shape[0] * NUM_WORLDS / min(taken) for taken in times)


def rendering(repeats: int) -> tuple[float, ...]:
    """Frames a second of 64 beacon worlds at 64 x 64 on one thread, drawing alone."""
    from mcproxy.env import VoxelVectorEnv

    env = VoxelVectorEnv(NUM_WORLDS)
    env.reset(seed=0)
    times = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        for _ in range(200):
            env.worlds.render()
        times.append(time.perf_counter() - start)
    env.close()
    return (200 * NUM_WORLDS / min(times),)


def training(repeats: int) -> tuple[float, ...]:
    """Steps a second of `mcproxy train` at its defaults, in its first 65,536 steps."""
    rates = []
    for _ in range(min(repeats, 2)):
        with tempfile.TemporaryDirectory() as folder:
            command = ("train", "--task", "beacon", "--steps", "65536", "--out", f"{folder}/run", "--json")
            rates.append(json.loads(_python("-m", "mcproxy.scripts.main", *command))["steps_per_s"])
    return (max(rates),)


def recording(repeats: int) -> tuple[float, ...]:
    """Time of an evaluation that records frames over the time of one that records nothing."""
    from mcproxy.eval import harness
    from mcproxy.record import Recorder

    def run(folder: Path | None) -> float:
        start = time.perf_counter()
        if folder is None:
            harness.evaluate(RECORDED_POLICY, seeds=range(RECORDED_EPISODES), threads=2)
        else:
            with Recorder(folder) as recorder:
                harness.evaluate(RECORDED_POLICY, seeds=range(RECORDED_EPISODES), threads=2, record=recorder.write)
        return time.perf_counter() - start

    plain, recorded = [], []
    with tempfile.TemporaryDirectory() as folder:
        for k in range(repeats + 1):
            plain.append(run(None))
            recorded.append(run(Path(folder) / str(k)))
    return (min(recorded) / min(plain),)


def importing(repeats: int) -> tuple[float, ...]:
    """Seconds that `import mcproxy` takes, and `mcproxy evaluate --help` from start to end."""
    timed = "import time; t = time.perf_counter(); import mcproxy; print(time.perf_counter() - t)"
    imports = [float(_python("-c", timed)) for _ in range(repeats + 1)]
    helps = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        _python("-m", "mcproxy.scripts.main", "evaluate", "--help")
        helps.append(time.perf_counter() - start)
    return min(imports), min(helps)


def starting(repeats: int) -> tuple[float, ...]:
    """Seconds from a new process to its first step: with nothing compiled yet, and later."""
    first: list[float] = []
    later: list[float] = []
    for _ in range(min(repeats, 2)):
        with tempfile.TemporaryDirectory() as cache:
            for times, runs in ((first, 1), (later, repeats)):
                for _ in range(runs):
                    start = time.perf_counter()
                    _python("-c", _FIRST_STEP, NUMBA_CACHE_DIR=cache)
                    times.append(time.perf_counter() - start)
    return min(first), min(later)


MEASURES: dict[tuple[str, ...], Callable[[int], tuple[float, ...]]] = {
    ("env_steps_per_s_1t", "env_steps_per_s_2t"): stepping,
    ("render_fps_1t",): rendering,
    ("train_steps_per_s",): training,
    ("record_overhead",): recording,
    ("import_s", "help_s"): importing,
    ("first_use_s", "later_start_s"): starting,
}
UNITS = {
    "env_steps_per_s_1t": "steps/s, 64 worlds, one thread",
    "env_steps_per_s_2t": "steps/s, 64 worlds, two threads",
    "render_fps_1t": "frames/s of 64 x 64, one thread",
    "train_steps_per_s": "steps/s, PPO at its defaults",
    "record_overhead": "evaluation with frames recorded over without",
    "import_s": "s, import mcproxy",
    "help_s": "s, mcproxy evaluate --help",
    "first_use_s": "s to the first step, kernels compiled",
    "later_start_s": "s to the first step, later",
}


def _python(*command: str, **environment: str) -> str:
    env = os.environ | environment
    return subprocess.run([sys.executable, *command], env=env, check=True, capture_output=True, text=True).stdout


def _cpu() -> str:
    """The name of the processor, as the system gives it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _shown(value: Any) -> str:
    if not isinstance(value, float):
        return str(value)
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"


if __name__ == "__main__":
    sys.exit(_cli.run(main, "bench"))
