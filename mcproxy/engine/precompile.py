"""Compile the engine's kernels, the first time that worlds are made, on two cores.

Numba compiles one function at a time in a process and keeps the result on disk, where other processes find it. A first
step needs `run_calm`, `see` and the kernels that draw: two processes compile them, this one and another. A third one
then compiles `run`, while this one already steps its worlds.
"""

import functools
import subprocess
import sys
from pathlib import Path

import numpy as np

from mcproxy.controls import CONTROLS
from mcproxy.engine.rendering.renderer import Renderer
from mcproxy.engine.rendering.sprites import MAX_SPRITES, SPRITE
from mcproxy.engine.state import WORLD
from mcproxy.engine.tick import run, run_calm, see

_SIDE = 4  # blocks of the world that is drawn to compile
_running: list[subprocess.Popen] = []  # the process that compiles `run`


@functools.cache
def compile_first_step() -> None:
    """Compile the kernels of a first step and say so on stderr, if numba's cache has none."""
    if _is_done():
        return
    print("mcproxy: compiling the engine, this once; it takes about 15 seconds", file=sys.stderr, flush=True)
    try:
        with _start("compile_drawing"):
            compile_calm_steps()
            compile_meshes()
        _running.append(_start("compile_steps"))
    except OSError:  # no interpreter can be started, as where Python is embedded: kernels compile when first used
        return


def is_compiling() -> bool:
    """Whether `run` is still being compiled; never by this process."""
    if _running and _running[0].poll() is not None:
        _running.clear()
    return bool(_running)


def wait() -> None:
    """Wait until `run` is compiled."""
    for process in _running:
        process.wait()


def compile_calm_steps() -> None:
    """Compile the kernels for a step in which players only move."""
    counter, ticks, keys, active, blocks, worlds = _one_world()
    run_calm(counter, ticks, keys, active, blocks, worlds)
    eyes, yaw_deg, pitch_deg = np.zeros((1, 3)), np.zeros(1), np.zeros(1)
    sprites, counts = np.zeros((1, MAX_SPRITES), dtype=SPRITE), np.zeros(1, dtype=np.int64)
    see(blocks, worlds, eyes, yaw_deg, pitch_deg, sprites, counts)


def compile_steps() -> None:
    """Compile the kernel for any step."""
    run(*_one_world())


def compile_meshes() -> None:
    """Compile the kernel that meshes worlds."""
    renderer = Renderer(1, (_SIDE,) * 3, (16, 16))
    renderer.mesh(0, np.zeros((_SIDE,) * 3, dtype=np.uint8))


def compile_drawing() -> None:
    """Compile the kernels that light and draw worlds."""
    renderer, out = Renderer(1, (_SIDE,) * 3, (16, 16)), np.zeros((1, 16, 16, 3), dtype=np.uint8)
    view = np.full((1, 3), 2.0), np.zeros(1), np.zeros(1), np.zeros(1, dtype=bool)
    sprites, counts = np.zeros((1, MAX_SPRITES), dtype=SPRITE), np.zeros(1, dtype=np.int64)
    renderer.draw(np.arange(0), *view, out, sprites, counts)
    renderer.light(0, np.zeros((_SIDE,) * 3, dtype=np.uint8), (0, 0, 0), (_SIDE,) * 3)


def _one_world() -> tuple[np.ndarray, int, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The arguments of `run` for one empty world, in which it does nothing."""
    keys, active = np.zeros((1, len(CONTROLS)), dtype=np.int8), np.zeros(1, dtype=bool)
    blocks, worlds = np.zeros((1, *(_SIDE,) * 3), dtype=np.uint8), np.zeros(1, dtype=WORLD)
    return np.zeros(2, dtype=np.int64), 1, keys, active, blocks, worlds


def _is_done() -> bool:
    folder = run.stats.cache_path
    return not folder or any(Path(folder).glob("tick.run-*.nbi"))


def _start(function: str) -> subprocess.Popen:
    """A process that calls a function of this module."""
    nothing = subprocess.DEVNULL
    return subprocess.Popen([sys.executable, "-m", __name__, function], stdin=nothing, stdout=nothing, stderr=nothing)


if __name__ == "__main__":
    globals()[sys.argv[1]]()
