"""Measure how fast this machine runs worlds, training, recording and starting, and how the cost of worlds grows.

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
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any

from mcproxy import errors
from mcproxy.machine import processor
from mcproxy.malmo.client import connection
from mcproxy.scripts import _cli
from mcproxy.scripts.benchmarks import before, peers

NUM_WORLDS, MANY_WORLDS = 64, 256
RECORDED_POLICY, RECORDED_EPISODES = "beacon-confounded", 128
_LIBRARIES = ("mcproxy", "numpy", "numba", "torch", "gymnasium", "h5py")
_FIRST_STEP = """
from mcproxy.env import VoxelVectorEnv
env = VoxelVectorEnv(2)
env.reset(seed=0)
env.step(env.action_space.sample())
"""

_PEAK = """
import time, torch
torch.set_num_threads({threads})
a = torch.randn(1024, 1024, dtype=torch.{dtype})
best = 1e9
for _ in range(20):
    start = time.perf_counter()
    a @ a
    best = min(best, time.perf_counter() - start)
print(1024**3 / best)
"""


@dataclass
class Args:
    """Measure how fast this machine runs worlds, training, recording and starting, and how the cost of worlds grows.

    Takes about three minutes. `--peers vizdoom,miniworld,crafter` takes two more: each peer's own loop runs in turn
    with ours, one process and one core each, with random actions, resets included and a frame after every step. A peer
    steps one environment, ours 64 beacon worlds a call. `--peers sb3` trains with RecurrentPPO in turn
    with ours.
    """

    only: tuple[str, ...] = ()
    """Measure only these keys, and those that are measured together with them."""
    peers: tuple[str, ...] = ()
    """Measure these too, of vizdoom, miniworld, crafter and sb3; they need: pip install -e ".[bench]"."""
    before: str = before.COMMIT
    """The earlier commit that keys with `_vs_before` compare this build with; measured only if --only names them."""
    repeats: int = 4
    """Repetitions of each measure; the best one counts, but of RecurrentPPO beside ours all do."""
    leak_steps: int = 1_000_000
    """Steps in which `leak_mb` watches the memory; 10000000 for the long check."""
    json: bool = False
    """Print one flat JSON object and nothing else."""


def main(argv: list[str]) -> int:
    """Print every measure, and a description of the machine."""
    args = _cli.parse(Args, argv, "bench")
    for name in ("repeats", "leak_steps"):
        if getattr(args, name) < 1:
            raise errors.UserError(f"--{name.replace('_', '-')} {getattr(args, name)}: expected 1 or more")
    numbers: dict[str, Any] = {}
    for keys, measure in _chosen(_names(args.only), _names(args.peers)).items():
        _cli.say(f"measuring {', '.join(keys)}")
        numbers |= dict(zip(keys, measure(args), strict=True))
    numbers |= machine()
    if args.json:
        _cli.print_json(numbers)
        return 0
    width = max(map(len, numbers))
    for key, value in numbers.items():
        print(f"{key:{width}} {_shown(value):>12}  {UNITS.get(key, '')}".rstrip())
    return 0


def machine() -> dict[str, Any]:
    """What the numbers were measured on."""
    versions = {f"{name}_version": metadata.version(name) for name in _LIBRARIES}
    return {"cpu": processor(), "cpus": _cli.cores(), "python_version": platform.python_version(), **versions}


def stepping(repeats: int) -> tuple[float, ...]:
    """Steps a second of 64 beacon worlds at 64 x 64, random actions, resets included, on one thread and on two."""
    import numpy as np

    from mcproxy import controls
    from mcproxy.env import VoxelVectorEnv

    envs = [VoxelVectorEnv(NUM_WORLDS, threads=threads) for threads in (1, 2)]
    shape = (400, NUM_WORLDS, len(envs[0].task.controls))  # two whole episodes of a world that meets nothing
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
    """Frames a second of beacon worlds, drawing alone, on one thread: at 64 x 64 and at 160 x 120.

    And how much faster two threads draw those of 64 x 64. A frame takes as long as a thread takes to wake, so that is
    measured with more worlds a call.
    """
    from mcproxy.env import VoxelVectorEnv

    settings: tuple[dict[str, Any], ...] = (
        {"num_envs": NUM_WORLDS},
        {"num_envs": NUM_WORLDS, "resolution": (120, 160)},
        {"num_envs": MANY_WORLDS},
        {"num_envs": MANY_WORLDS, "threads": 2},
    )
    envs = [VoxelVectorEnv(**setting) for setting in settings]
    times: list[list[float]] = [[] for _ in envs]
    for env in envs:
        env.reset(seed=0)
    for _ in range(2 * repeats + 1):
        for env, taken in zip(envs, times, strict=True):
            frames = env.worlds.render()
            calls = 100 * NUM_WORLDS // env.num_envs
            start = time.perf_counter()
            for _ in range(calls):
                env.worlds.render(frames)
            taken.append(time.perf_counter() - start)
    for env in envs:
        env.close()
    fps, large_fps, one_thread_fps, two_threads_fps = (100 * NUM_WORLDS / min(taken) for taken in times)
    return fps, large_fps, two_threads_fps / one_thread_fps


def having_more_worlds(repeats: int) -> tuple[float, ...]:
    """Microseconds per step and world of 64, 256 and 1024 beacon worlds, and the last over the first."""
    from mcproxy.scripts.benchmarks import growth

    return growth.step_times(repeats)


def having_larger_worlds(repeats: int) -> tuple[float, ...]:
    """Microseconds a frame in meadows of 32 x 12 x 32 and of 128 x 32 x 128, and their ratio."""
    from mcproxy.scripts.benchmarks import growth

    return growth.frame_times(repeats)


def resetting(repeats: int) -> tuple[float, ...]:
    """Milliseconds to begin an episode in a beacon world."""
    from mcproxy.scripts.benchmarks import growth

    return (growth.reset_time(repeats),)


def talking(repeats: int) -> tuple[float, ...]:
    """Ticks a second of MineRL's client on the Malmo server, their share of an idle server's, and ms of a reset."""
    from mcproxy.scripts.benchmarks import malmo

    return malmo.measure(repeats)


def remembering(call: str) -> tuple[float, ...]:
    """What a memory measure in benchmarks/growth.py finds in a new process."""
    return (float(_python("-c", f"from mcproxy.scripts.benchmarks import growth; print(growth.{call})")),)


def beside(peer: str, args: Args) -> tuple[float, ...]:
    """Our steps a second over a peer's, and the peer's own."""
    return peers.measure(peer, args.repeats)


def comparing(what: str, args: Args) -> tuple[float, float]:
    """This build's speed over that of an earlier commit, and the latter's steps or episodes a second."""
    return before.ratio(what, args.before, args.repeats, _cli.cores())


def training(repeats: int) -> tuple[float, ...]:
    """Steps a second of `mcproxy train` at its defaults, in its first 65,536 steps, and its share of the peak.

    The peak is what a product of two matrices of 1,024 x 1,024 comes to on as many threads, in the same precision.
    """
    from mcproxy.agent.config import PPOConfig

    rates = []
    for _ in range(min(repeats, 2)):
        with tempfile.TemporaryDirectory() as folder:
            command = ("train", "--task", "beacon", "--steps", "65536", "--out", f"{folder}/run", "--json")
            told = json.loads(_python("-m", "mcproxy.scripts.main", *command))
            rates.append(told["steps_per_s"])
    threads, dtype = min(_cli.cores(), PPOConfig().num_groups), "bfloat16" if told["bf16"] else "float32"
    peak = float(_python("-c", _PEAK.format(dtype=dtype, threads=threads)))
    return max(rates), max(rates) * _multiplications_a_step() / peak


def _multiplications_a_step() -> float:
    """Multiply-adds that one step of training takes at the defaults: once forward to act, and 3 times in each epoch.

    Backward takes twice as many as forward, but for the first layer, whose input needs no gradient. What the
    convolutions take is their weights times their output's pixels; of all other layers, their weights.
    """
    from mcproxy.agent.architectures import make_agent
    from mcproxy.agent.config import RunConfig
    from mcproxy.agent.model import KERNELS

    config = RunConfig()
    agent = make_agent(config, (2, 3, 2))
    side, pixels = config.resolution[0], {}
    for k, (kernel, stride) in enumerate(KERNELS):
        side = (side - kernel) // stride + 1
        pixels[f"conv{k}.weight"] = side * side
    forward = {name: p.numel() * pixels.get(name, 1) for name, p in agent.named_parameters() if p.ndim > 1}
    return (
        sum(forward.values()) * (1 + 3 * config.ppo.update_epochs) - forward["conv0.weight"] * config.ppo.update_epochs
    )


def recording(repeats: int) -> tuple[float, ...]:
    """Time of an evaluation that records frames over the time of one that records nothing."""
    from mcproxy.eval import harness
    from mcproxy.recording import Recorder

    def run(folder: Path | None) -> float:
        start = time.perf_counter()
        env = harness.make_env("beacon", "aligned", threads=2)
        if folder is None:
            harness.evaluate(RECORDED_POLICY, seeds=range(RECORDED_EPISODES), env=env)
        else:
            with Recorder(folder) as recorder:
                harness.evaluate(RECORDED_POLICY, seeds=range(RECORDED_EPISODES), env=env, record=recorder.write)
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


def generating() -> tuple[float]:
    """Median ms of processor time in which a world is drawn, in the slowest arm of the core suite."""
    from mcproxy import registry
    from mcproxy.eval.suite import SUITES
    from mcproxy.eval.task_checks import generation_ms

    return (max(generation_ms(t, arm) for t in map(registry.named, SUITES["core"]) for arm in t.arms),)


MALMO = ("malmo_steps_per_s", "malmo_vs_idle", "malmo_reset_ms")  # by default only where MineRL is installed
Measures = dict[tuple[str, ...], Callable[[Args], tuple[float, ...]]]
MEASURES: Measures = {
    ("env_steps_per_s_1t", "env_steps_per_s_2t"): lambda args: stepping(args.repeats),
    ("render_fps_1t", "render_fps_160x120_1t", "render_2t_vs_1t"): lambda args: rendering(args.repeats),
    ("step_us_64", "step_us_256", "step_us_1024", "growth_1024_vs_64"): lambda args: having_more_worlds(args.repeats),
    ("frame_us", "big_world_frame_us", "big_world_frame_ratio"): lambda args: having_larger_worlds(args.repeats),
    ("reset_ms",): lambda args: resetting(args.repeats),
    ("generation_ms",): lambda args: generating(),
    ("world_mb",): lambda args: remembering("world_mb()"),
    ("leak_mb",): lambda args: remembering(f"leak_mb({args.leak_steps})"),
    ("train_steps_per_s", "train_peak_share"): lambda args: training(args.repeats),
    ("record_overhead",): lambda args: recording(args.repeats),
    MALMO: lambda args: talking(args.repeats),
    ("import_s", "help_s"): lambda args: importing(args.repeats),
    ("first_use_s", "later_start_s"): lambda args: starting(args.repeats),
}
BEFORE_MEASURES: Measures = {
    ("train_vs_before", "before_train_steps_per_s"): partial(comparing, "train"),
    ("eval_vs_before", "before_eval_episodes_per_s"): partial(comparing, "eval"),
    ("single_vs_before", "before_single_steps_per_s"): partial(comparing, "single"),
    ("demo_vs_before", "demo_s"): lambda args: before.demo(args.before),
    ("agents_per_hour", "agent_train_s", "agent_eval_s"): lambda args: before.agents(threads=1),
}  # they take minutes: only those that are asked for
PEERS = (*peers.PEERS, peers.SB3)
PEER_MEASURES: Measures = {peers.keys(name): partial(beside, name) for name in PEERS}  # only those that are asked for
UNITS = {
    "env_steps_per_s_1t": "steps/s, 64 worlds, one thread",
    "env_steps_per_s_2t": "steps/s, 64 worlds, two threads",
    "render_fps_1t": "frames/s of 64 x 64, one thread",
    "render_fps_160x120_1t": "frames/s of 160 x 120, one thread",
    "render_2t_vs_1t": "frames/s of 64 x 64 on two threads over one, 256 worlds",
    "step_us_64": "us per step and world, 64 worlds, one thread",
    "step_us_256": "the same, 256 worlds",
    "step_us_1024": "the same, 1024 worlds",
    "growth_1024_vs_64": "the last over the first",
    "frame_us": "us a frame of 64 x 64 in 32 x 12 x 32 blocks, one thread",
    "big_world_frame_us": "the same in 128 x 32 x 128 blocks",
    "big_world_frame_ratio": "the second over the first",
    "reset_ms": "ms to begin an episode: layout, mesh, light",
    "generation_ms": "ms to draw a world at the median, of the slowest task and arm",
    "world_mb": "MB resident per world of 32 x 12 x 32",
    "leak_mb": "MB more resident after --leak-steps steps",
    "train_steps_per_s": "steps/s, PPO at its defaults",
    "train_peak_share": "of the speed of one large matrix product, in the multiplications that training needs",
    "train_vs_sb3": "our training's steps/s over RecurrentPPO's, same settings",
    "sb3_train_steps_per_s": "steps/s, RecurrentPPO of sb3-contrib",
    "train_vs_before": "training's steps/s over those of --before",
    "before_train_steps_per_s": "steps/s of training at --before",
    "eval_vs_before": "evaluation of a shipped agent, over its speed at --before",
    "before_eval_episodes_per_s": "episodes/s of that evaluation at --before",
    "single_vs_before": "steps/s of gymnasium.make, one world, over those at --before",
    "before_single_steps_per_s": "steps/s of that at --before",
    "demo_vs_before": "the sweep plans/demo.toml, over its speed at --before",
    "demo_s": "s that this sweep takes now",
    "agents_per_hour": f"beacon agents of {before.AGENT_STEPS:,} steps, trained and evaluated",
    "agent_train_s": "s of training for each of them",
    "agent_eval_s": "s of evaluation for each of them",
    "record_overhead": "evaluation with frames recorded over without",
    "malmo_steps_per_s": "ticks/s of MineRL's client on mcproxy serve, 64 x 64",
    "malmo_vs_idle": "the same over those on a server where nothing happens",
    "malmo_reset_ms": "ms of a reset of that client",
    "import_s": "s, import mcproxy",
    "help_s": "s, mcproxy evaluate --help",
    "first_use_s": "s to the first step, kernels compiled",
    "later_start_s": "s to the first step, later",
}
for _name, _peer in peers.PEERS.items():
    UNITS |= dict(
        zip(peers.keys(_name), (f"our steps/s over {_name}'s, a core each", f"steps/s, {_peer.what}"), strict=True)
    )


def _chosen(only: Sequence[str], with_peers: Sequence[str]) -> Measures:
    """The measures that are asked for; peers come first, as they may fail to start."""
    measures = PEER_MEASURES | BEFORE_MEASURES | MEASURES
    known = [key for keys in measures for key in keys]
    for key in only:
        if key not in known:
            raise errors.unknown("key", key, known)
    for name in with_peers:
        if name not in PEERS:
            raise errors.unknown("peer", name, PEERS)
    asked = {key for name in with_peers for key in peers.keys(name)} | set(only)
    absent = () if connection.is_installed() else MALMO
    asked |= set() if only else {key for keys in MEASURES for key in keys if keys != absent}
    chosen = {keys: measure for keys, measure in measures.items() if asked & set(keys)}
    for name in PEERS:
        if peers.keys(name) in chosen:
            peers.check(name)
    return chosen


def _names(values: Sequence[str]) -> list[str]:
    """Names that were given one by one or with commas between them."""
    return [name for value in values for name in value.split(",") if name]


def _python(*command: str, **environment: str) -> str:
    env = os.environ | environment
    return subprocess.run([sys.executable, *command], env=env, check=True, capture_output=True, text=True).stdout


def _shown(value: object) -> str:
    if not isinstance(value, float):
        return str(value)
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}" if value >= 1 else f"{value:.3f}"


if __name__ == "__main__":
    sys.exit(_cli.run(main, "bench"))
