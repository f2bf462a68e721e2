"""How the cost of a world grows: with more worlds, with larger ones, and with the hours.

Time per step must not depend on how many worlds there are, a frame hardly on how large they are, and resident memory
not at all on how long they have run.
"""

import gc
import os
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from mcproxy import controls, registry
from mcproxy.blocks import ID
from mcproxy.engine.worlds import Worlds
from mcproxy.env import VoxelVectorEnv
from mcproxy.mission import Mission

COUNTS = (64, 256, 1024)  # worlds
SMALL, BIG = (32, 12, 32), (128, 32, 128)  # blocks
EPISODE = 200  # steps of a beacon world that meets nothing
WARM_UP = 10  # episodes, in which buffers find their size
_OBSTACLES_PER_COLUMN = 0.025  # as in beacon
_TALL, _LOW = ("stone", "log", "brick_block", "planks"), ("cobblestone", "stonebrick")


def step_times(repeats: int, counts: Sequence[int] = COUNTS, steps: int = 192 * COUNTS[0]) -> tuple[float, ...]:
    """Microseconds per step and world for each count of beacon worlds; and the last count's over the first's.

    64 x 64, one thread, random actions. A turn takes the same number of steps with every count and ends before a world
    is out of time, so that no count sees more resets than another.
    """
    envs = [VoxelVectorEnv(count) for count in counts]
    runs = [_stepper(env, steps // env.num_envs) for env in envs]
    seconds = _best_in_turn(repeats, runs, lambda turn: [env.reset(seed=turn) for env in envs])
    for env in envs:
        env.close()
    micros = [1e6 * s / (steps // count * count) for s, count in zip(seconds, counts, strict=True)]
    return *micros, micros[-1] / micros[0]


def frame_times(
    repeats: int,
    small: tuple[int, int, int] = SMALL,
    big: tuple[int, int, int] = BIG,
    num_worlds: int = 64,
) -> tuple[float, float, float]:
    """Microseconds a frame in small meadows and in big ones (64 x 64, one thread), and their ratio.

    Both have obstacles of the same kinds and density; the eyes stand in the middle, at a player's height.
    """
    runs = []
    for size in (small, big):
        worlds = Worlds(num_worlds, size)
        for i in range(num_worlds):
            worlds.load(i, meadow(np.random.default_rng(i), size))
        runs.append(_drawer(worlds))
    micros = [1e6 * s / num_worlds for s in _best_in_turn(10 * repeats, runs)]
    return micros[0], micros[1], micros[1] / micros[0]


def reset_time(repeats: int, num_worlds: int = 64) -> float:
    """Milliseconds to begin an episode in a beacon world: generate its layout, load, mesh and light it."""
    env = VoxelVectorEnv(num_worlds)

    def begin() -> None:
        for i in range(num_worlds):
            env.worlds.load(i, env.task.mission(i, env.arm, env.split))

    (seconds,) = _best_in_turn(repeats, [begin])
    env.close()
    return 1e3 * seconds / num_worlds


def world_mb(num_worlds: int = 1024) -> float:
    """Resident MB (10^6 bytes) that each 32 x 12 x 32 beacon world adds, loaded, stepped and drawn at 64 x 64.

    Resident memory counts what every library allocates and what the engine keeps aside; it is the growth from before
    the worlds were made, once the kernels and textures are there. To be called in a new process, as what another
    measure has freed would be used again unseen.
    """
    _populated(2)
    before = resident_mb()
    worlds = _populated(num_worlds)
    return (resident_mb() - before) / worlds.num_worlds


def leak_mb(steps: int, num_worlds: int = 256) -> float:
    """Resident MB that so many steps of beacon worlds (or a few more, to whole episodes) add, resets included.

    Frames are 8 x 8, so that most of the time goes into steps and resets. The warm-up comes before.
    To be called in a new process, as `world_mb`.
    """
    env = VoxelVectorEnv(num_worlds, resolution=(8, 8))
    env.reset(seed=0)
    episode = _stepper(env, EPISODE)
    for _ in range(WARM_UP):
        episode()
    gc.collect()
    before = resident_mb()
    for _ in range(-(-steps // (EPISODE * num_worlds))):
        episode()
    gc.collect()
    after = resident_mb()
    env.close()
    return after - before


def meadow(rng: np.random.Generator, size: tuple[int, int, int]) -> Mission:
    """A walled meadow of `size` (X, Y, Z) blocks with as many pillars, walls and low walls a column as beacon's."""
    blocks = np.zeros(size, dtype=np.uint8)
    blocks[:, 0] = ID["grass"]
    for _ in range(round(_OBSTACLES_PER_COLUMN * size[0] * size[2])):
        x, z = rng.integers(1, size[0] - 1), rng.integers(1, size[2] - 1)
        kind, length = rng.integers(4), rng.integers(3, 7)  # a low wall, a wall, or (half of them) a pillar
        wide, deep = (1, 1) if kind >= 2 else ((length, 1) if rng.random() < 0.5 else (1, length))
        height = 1 if kind == 0 else rng.integers(2, 5)
        blocks[x : x + wide, 1 : 1 + height, z : z + deep] = ID[rng.choice(_LOW if kind == 0 else _TALL)]
    blocks[[0, -1], 1:4] = blocks[:, 1:4, [0, -1]] = ID["leaves"]
    middle_x, middle_z = size[0] // 2, size[2] // 2
    blocks[middle_x - 1 : middle_x + 2, 1:, middle_z - 1 : middle_z + 2] = 0
    spawn = (middle_x + 0.5, 1.0, middle_z + 0.5)
    return Mission(blocks, spawn, objectives=(), max_ticks=800, layout="", yaw_deg=float(rng.uniform(-180, 180)))


def resident_mb() -> float:
    """The memory of this process that is in RAM now, in MB (10^6 bytes)."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
    except OSError:
        told = subprocess.run(["ps", "-o", "rss=", "-p", str(os.getpid())], check=True, capture_output=True, text=True)
        return int(told.stdout) * 1024 / 1e6


def _best_in_turn(
    repeats: int, runs: Sequence[Callable[[], None]], before: Callable[[int], object] = lambda turn: None
) -> list[float]:
    """The seconds of the quickest of `repeats` + 1 turns of each run; `before(turn)` is called outside the clock."""
    times: list[list[float]] = [[] for _ in runs]
    for turn in range(repeats + 1):
        before(turn)
        for run, taken in zip(runs, times, strict=True):
            start = time.perf_counter()
            run()
            taken.append(time.perf_counter() - start)
    return [min(taken) for taken in times]


def _stepper(env: VoxelVectorEnv, calls: int) -> Callable[[], None]:
    """What steps an environment `calls` times, with random actions that were drawn beforehand."""
    sizes = controls.sizes(env.task.controls)
    actions = np.random.default_rng(0).integers(0, sizes, size=(calls, env.num_envs, len(sizes)))

    def run() -> None:
        for row in actions:
            env.step(row)

    return run


def _drawer(worlds: Worlds) -> Callable[[], None]:
    """What draws every world once, into the same array each time."""
    frames = worlds.render()

    def run() -> None:
        worlds.render(frames)

    return run


def _populated(num_worlds: int) -> Worlds:
    """Beacon worlds that have been stepped once and drawn."""
    beacon = registry.get("beacon_v1")
    worlds = Worlds(num_worlds, SMALL)
    for i in range(num_worlds):
        worlds.load(i, beacon.mission(i, "aligned", "train"))
    worlds.step(np.zeros((num_worlds, len(controls.CONTROLS)), dtype=np.int8))
    worlds.render()
    return worlds
