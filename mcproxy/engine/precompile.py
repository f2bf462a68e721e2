"""Compile the engine's kernels, the first time that worlds are made, on two cores.

Numba compiles one function at a time in a process and keeps what it has compiled on disk. So a second process compiles
what draws while this one compiles what steps, and this one then finds the other's kernels there.
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
from mcproxy.engine.tick import run, see


@functools.cache
def up() -> None:
    """Compile all kernels and say so on stderr, if there are none in numba's cache."""
    if _is_done():
        return
    print("mcproxy: compiling the engine, this once; it takes about 20 seconds", file=sys.stderr, flush=True)
    command = [sys.executable, "-m", __name__]
    nothing = subprocess.DEVNULL
    try:
        other = subprocess.Popen(command, stdin=nothing, stdout=nothing, stderr=nothing)
    except OSError:  # no interpreter to be started, as where Python is embedded: kernels compile when first used
        return
    with other:
        stepping()


def _is_done() -> bool:
    folder = run.stats.cache_path
    return not folder or any(Path(folder).glob("tick.run-*.nbi"))


def stepping() -> None:
    """Compile what steps worlds."""
    blocks, worlds = np.zeros((1, 4, 4, 4), dtype=np.uint8), np.zeros(1, dtype=WORLD)
    run(
        np.zeros(2, dtype=np.int64),
        1,
        np.zeros((1, len(CONTROLS)), dtype=np.int8),
        np.zeros(1, dtype=bool),
        blocks,
        worlds,
    )
    eyes, yaw_deg, pitch_deg = np.zeros((1, 3)), np.zeros(1), np.zeros(1)
    sprites, counts = np.zeros((1, MAX_SPRITES), dtype=SPRITE), np.zeros(1, dtype=np.int64)
    see(blocks, worlds, eyes, yaw_deg, pitch_deg, sprites, counts)


def drawing() -> None:
    """Compile what meshes, lights and draws worlds."""
    renderer, out = Renderer(1, (4, 4, 4), (16, 16)), np.zeros((1, 16, 16, 3), dtype=np.uint8)
    renderer.load(0, np.zeros((4, 4, 4), dtype=np.uint8))
    sprites, counts = np.zeros((1, MAX_SPRITES), dtype=SPRITE), np.zeros(1, dtype=np.int64)
    view = np.full((1, 3), 2.0), np.zeros(1), np.zeros(1), np.zeros(1, dtype=bool)
    renderer.draw(np.arange(1), *view, out, sprites, counts)


if __name__ == "__main__":
    drawing()
