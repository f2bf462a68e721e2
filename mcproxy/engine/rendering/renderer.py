"""Draws N voxel worlds: meshes and lights each when it is loaded or changed, then draws it from any eye.

    load, update: blocks -> quads (mesh.py), corners' brightness (light.py)
    draw:         quads, beams, sprites -> nearest face per pixel (raster.py) -> colours (shade.py)

All of it releases the GIL, so threads may load and draw disjoint worlds at once. The bytes of a frame depend on its
world, eye, sprites and resolution alone.
"""

import math
import sys
import threading
from collections.abc import Callable

import numpy as np
from numba import njit

from mcproxy import blocks as block_table
from mcproxy.engine.rendering.colour import AIR, LOOK, SHUT, blur_of, breathe, look_at
from mcproxy.engine.rendering.light import CURVE, LIGHTING, Lighter, Place, cells_of, corners_of
from mcproxy.engine.rendering.mesh import LANES, MAX_BEAMS, QUADS, Mesher
from mcproxy.engine.rendering.raster import AXIS, CHUNKS, EXTRA_GROUPS, SCRATCH, aim, rasterise, step_off
from mcproxy.engine.rendering.shade import COLOURS, PIXELS, shade
from mcproxy.engine.rendering.sprites import MAX_SPRITES, SPRITE
from mcproxy.engine.rendering.textures import ART, CRACKS, atlas, cracks
from mcproxy.engine.thread_team import CALLING_THREAD, ThreadTeam, finish_world, next_world
from mcproxy.engine.view import FOV_DEG, FOV_RANGE_DEG

_GROUPS = 48  # of 16 quads, room for each world at first
_FARTHEST = 1e4  # blocks an eye may be from the origin


class Renderer:
    """Meshes, lights and draws up to `num_worlds` worlds of at most `shape` blocks (X, Y, Z).

    Frames are `resolution` (H, W) pixels, square ones, with a vertical view of `fov_deg`.
    """

    def __init__(
        self,
        num_worlds: int,
        shape: tuple[int, int, int],
        resolution: tuple[int, int] = (64, 64),
        fov_deg: float = FOV_DEG,
    ) -> None:
        if num_worlds < 1 or min(shape) < 1 or min(resolution) < 1:
            raise ValueError(f"{num_worlds} worlds of {shape} blocks, {resolution} pixels: expected 1 or more of each")
        if not FOV_RANGE_DEG[0] <= fov_deg <= FOV_RANGE_DEG[1]:
            raise ValueError("a vertical view of {} degrees, expected {:g} to {:g}".format(fov_deg, *FOV_RANGE_DEG))
        self.num_worlds, self.shape, self.resolution, self.fov_deg = num_worlds, shape, resolution, fov_deg
        self._scale = 2 * math.tan(math.radians(fov_deg) / 2) / resolution[0]
        self._quads = np.zeros((num_worlds, _GROUPS), dtype=QUADS)
        self._growing = threading.Lock()  # held while quads are entered, as the room for all of them may have to grow
        self._starts = np.zeros((num_worlds, 7), dtype=np.int64)
        self._beams = np.full((num_worlds, MAX_BEAMS, 3), np.nan, dtype=np.float32)
        self._looks = np.zeros(num_worlds, dtype=LOOK)
        self._lights = np.zeros(num_worlds, dtype=LIGHTING)
        self._blocks = np.zeros((num_worlds, math.prod(shape)), dtype=np.uint8)
        self._levels = np.zeros((num_worlds, 2, cells_of(shape)), dtype=np.uint8)
        self._corners = np.zeros((num_worlds, corners_of(shape)), dtype=np.uint8)
        self._workshops = threading.local()

    def load(self, index: int, blocks: np.ndarray, time_of_day: int = 6000, seed: int = 0) -> None:
        """Mesh and light one world, (X, Y, Z) uint8, for a time of day in ticks; the seed changes nothing here.

        No other thread may load, update or draw this world meanwhile.
        """
        self._check(index, blocks)
        self._looks[index] = look_at(time_of_day)
        self._lights[index]["shape"] = blocks.shape
        self._enter(index, blocks, (0, 0, 0), blocks.shape)

    def update(self, index: int, blocks: np.ndarray, low: Place, high: Place) -> None:
        """Mesh and light a loaded world anew after some of its blocks within [low, high), x, y, z, have changed.

        `blocks` is the whole world. As with `load`, no other thread may use this world meanwhile.
        """
        self._check(index, blocks)
        shape = tuple(self._lights[index]["shape"])
        if blocks.shape != shape:
            raise ValueError(f"blocks {blocks.shape}, expected {shape} as the world was loaded with")
        if not all(0 <= start < end <= size for start, end, size in zip(low, high, shape, strict=True)):
            raise ValueError(f"blocks from {low} to {high}, expected a box within {shape}")
        self._enter(index, blocks, low, high)

    def draw(
        self,
        which: np.ndarray,
        eyes: np.ndarray,
        yaw_deg: np.ndarray,
        pitch_deg: np.ndarray,
        flipped: np.ndarray,
        out: np.ndarray,
        sprites: np.ndarray | None = None,
        counts: np.ndarray | None = None,
        team: ThreadTeam = CALLING_THREAD,
    ) -> None:
        """Draw some worlds into `out`, (N, H, W, 3) uint8 RGB, row 0 on top, upside down where `flipped`.

        `which` is (K,) int64, distinct numbers of worlds, which the threads of the team share. `eyes` is (N, 3) float64
        in blocks, `yaw_deg` and `pitch_deg` (N,) float64, `flipped` (N,) bool. World n shows the first counts[n], (N,)
        int64, of its `sprites`, (N, MAX_SPRITES) `SPRITE`.

        Eyes may be anywhere. Within solid blocks, and so beyond the sides of the world and below it, they see only
        darkness (`colour.breathe`); on the very face of a block they see what is above, east or south of it
        (`raster.step_off`).
        """
        team.work(self.prepare(which, eyes, yaw_deg, pitch_deg, flipped, out, sprites, counts), which.size)

    def prepare(
        self,
        which: np.ndarray,
        eyes: np.ndarray,
        yaw_deg: np.ndarray,
        pitch_deg: np.ndarray,
        flipped: np.ndarray,
        out: np.ndarray,
        sprites: np.ndarray | None = None,
        counts: np.ndarray | None = None,
    ) -> Callable[[np.ndarray], None]:
        """Check the arguments of `draw` and return a function that draws, given the counter of `thread_team`.

        The function may be called again after the values in the arrays have changed, until the next `load` or
        `update`; the new values are not checked.
        """
        return self._prepare(which, eyes, yaw_deg, pitch_deg, flipped, out, sprites, counts, atlas(), self._scale)

    def _prepare(
        self,
        which: np.ndarray,
        eyes: np.ndarray,
        yaw_deg: np.ndarray,
        pitch_deg: np.ndarray,
        flipped: np.ndarray,
        out: np.ndarray,
        sprites: np.ndarray | None,
        counts: np.ndarray | None,
        texels: np.ndarray,
        scale: float,
    ) -> Callable[[np.ndarray], None]:
        """Return the function of `prepare`, for these textures and this size of a pixel at depth 1."""
        n, (height, width) = self.num_worlds, self.resolution
        if which.ndim != 1 or which.dtype != np.int64 or (which.size and not 0 <= which.min() <= which.max() < n):
            raise ValueError(f"worlds {which}, expected (K,) int64 from 0 to {n - 1}")
        if (sprites is None) != (counts is None):
            raise ValueError("sprites without counts, or counts without sprites: expected both or none")
        if sprites is None or counts is None:
            sprites, counts = np.zeros((n, 0), dtype=SPRITE), np.zeros(n, dtype=np.int64)
        for name, array, shape, dtype in (
            ("eyes", eyes, (n, 3), np.dtype(np.float64)),
            ("yaw_deg", yaw_deg, (n,), np.dtype(np.float64)),
            ("pitch_deg", pitch_deg, (n,), np.dtype(np.float64)),
            ("flipped", flipped, (n,), np.dtype(np.bool_)),
            ("out", out, (n, height, width, 3), np.dtype(np.uint8)),
            ("sprites", sprites, (n, MAX_SPRITES if sprites.size else 0), SPRITE),
            ("counts", counts, (n,), np.dtype(np.int64)),
        ):
            if array.shape != shape or array.dtype != dtype or not array.flags.c_contiguous:
                raise ValueError(f"{name} {array.shape} {array.dtype}, expected {shape} {dtype}, C-contiguous")
        if not (np.abs(eyes[which]) <= _FARTHEST).all() or not np.isfinite(yaw_deg[which] + pitch_deg[which]).all():
            raise ValueError(f"an eye that is not finite or farther than {_FARTHEST:.0f} blocks away")
        _check_sprites(sprites, counts)
        whole = width % LANES == 0 and sys.byteorder == "little" and out.ctypes.data % 4 == 0
        words = out.reshape(n, height, -1).view(np.int32) if whole else _NO_WORDS
        arrays = (
            which, self._quads, self._starts, self._beams, sprites, counts, self._looks, self._lights, self._blocks,
            self._levels, self._corners, texels, cracks(), _CURVE, block_table.BOX, SHUT, scale,
            blur_of(scale), eyes, yaw_deg, pitch_deg, flipped, out, words,
        )  # fmt: skip
        return lambda counter: _draw(counter, *arrays, *self._workshop().easel(len(arrays[1][0])))

    def _check(self, index: int, blocks: np.ndarray) -> None:
        if not 0 <= index < self.num_worlds:
            raise ValueError(f"world {index}, expected 0 to {self.num_worlds - 1}")
        fits = blocks.ndim == 3 and all(1 <= s <= limit for s, limit in zip(blocks.shape, self.shape, strict=True))
        if not fits or blocks.dtype != np.uint8:
            raise ValueError(f"blocks {blocks.shape} {blocks.dtype}, expected uint8 of at most {self.shape}")
        if blocks.max() >= len(block_table.BLOCKS):
            raise ValueError(f"block id {blocks.max()}, expected 0 to {len(block_table.BLOCKS) - 1}")

    def _enter(self, index: int, blocks: np.ndarray, low: Place, high: Place) -> None:
        """Keep, mesh and light the blocks of a world, of which those within [low, high) are new."""
        kept = self._blocks[index, : blocks.size].reshape(blocks.shape)
        kept[...] = blocks
        self.mesh(index, kept)
        self.light(index, kept, low, high)

    def mesh(self, index: int, kept: np.ndarray) -> None:
        """Mesh a world, of which `kept` is the renderer's own array of blocks: a part of `load` and `update`."""
        quads = self._workshop().mesh(kept, self._starts[index], self._beams[index])
        with self._growing:
            if len(quads) > self._quads.shape[1]:
                more = np.zeros((self.num_worlds, max(len(quads), self._quads.shape[1] * 3 // 2)), dtype=QUADS)
                more[:, : self._quads.shape[1]] = self._quads
                self._quads = more
            self._quads[index, : len(quads)] = quads

    def light(self, index: int, kept: np.ndarray, low: Place, high: Place) -> None:
        """Light a world whose blocks within [low, high) are new: the other part of `load` and `update`."""
        self._workshop().lighter.light(
            kept, low, high, float(self._looks[index]["light"]), self._lights[index],
            self._levels[index], self._corners[index],
        )  # fmt: skip

    def _workshop(self) -> "_Workshop":
        """The buffers of the calling thread."""
        if not hasattr(self._workshops, "mine"):
            self._workshops.mine = _Workshop(self.shape, self.resolution)
        return self._workshops.mine


class _Workshop:
    """The buffers with which one thread meshes, lights and draws worlds."""

    def __init__(self, shape: tuple[int, int, int], resolution: tuple[int, int]) -> None:
        self.lighter, self._mesher = Lighter(shape), Mesher(shape)
        self._quads = np.zeros(_GROUPS, dtype=QUADS)
        per_row = -(-resolution[1] // LANES)
        self._order = np.empty(0, dtype=np.int32)
        self._scratch = (
            np.zeros(EXTRA_GROUPS, dtype=QUADS), np.zeros(1, dtype=SCRATCH),
            np.empty(resolution[0] * per_row, dtype=CHUNKS), np.zeros(1, dtype=AIR), np.zeros(1, dtype=PIXELS),
            np.zeros(per_row, dtype=COLOURS),
        )  # fmt: skip
        self._camera = np.zeros(3, dtype=AXIS)

    def easel(self, groups: int) -> tuple[np.ndarray, ...]:
        """The buffers that `_draw` overwrites, for worlds of this many groups of quads."""
        size = (groups + EXTRA_GROUPS) * LANES + 1
        if len(self._order) < size:
            self._order = np.empty(size, dtype=np.int32)
        return self._camera, self._order, *self._scratch

    def mesh(self, blocks: np.ndarray, starts: np.ndarray, beams: np.ndarray) -> np.ndarray:
        """The groups of quads of a world, valid until the next call."""
        needed = self._mesher.mesh(blocks, self._quads, starts, beams)
        if needed > len(self._quads):
            self._quads = np.zeros(needed * 3 // 2, dtype=QUADS)
            self._mesher.mesh(blocks, self._quads, starts, beams)
        return self._quads[:needed]


_NO_WORDS = np.zeros((1, 0, 0), dtype=np.int32)
_CURVE = CURVE.astype(np.float32)


def _check_sprites(sprites: np.ndarray, counts: np.ndarray) -> None:
    if not counts.any():
        return
    if counts.min() < 0 or counts.max() > sprites.shape[1]:
        raise ValueError(f"{counts.min()} to {counts.max()} sprites, expected 0 to {sprites.shape[1]}")
    used = sprites[np.arange(sprites.shape[1]) < counts[:, None]]
    for name, least, most in (("art", 0, len(ART) - 1), ("front", -1, 5), ("crack", 0, CRACKS - 1)):
        if used[name].min() < least or used[name].max() > most:
            raise ValueError(f"sprites of {name} {used[name].min()} to {used[name].max()}, expected {least} to {most}")


@njit(nogil=True, cache=True)
def _draw(
    counter, which, quads, starts, beams, sprites, counts, looks, lights, blocks, levels, corners, texels,
    crack_factors, curve, boxes, shut, scale, blur, eyes, yaw_deg, pitch_deg, flipped, out, words,
    camera, order, extra, scratch, chunks, air, pixels, colours,
):  # fmt: skip
    height, width = out.shape[1], out.shape[2]
    place = next_world(counter)
    while place < which.size:
        n = which[place]
        x, y, z = lights[n].shape
        world, shown = blocks[n, : x * y * z].reshape((x, y, z)), sprites[n, : counts[n]]
        aim(camera, eyes[n], yaw_deg[n], pitch_deg[n], width, height, scale)
        step_off(camera, world, boxes)
        breathe(air[0], camera, world, looks[n], lights[n], levels[n], curve, texels, shut)
        if air[0].blind != 0:
            for c in range(3):
                out[n, :, :, c] = np.uint8(air[0].fog[c])
        else:
            rasterise(
                quads[n], starts[n], beams[n], shown, camera, width, height, np.float32(scale),
                order, extra, scratch[0], chunks,
            )  # fmt: skip
            shade(
                chunks, camera, looks[n], air[0], lights[n], corners[n], shown, texels, crack_factors,
                width, height, blur, flipped[n], pixels[0], colours, out[n], words[n if words.size > 0 else 0],
            )  # fmt: skip
        finish_world(counter)
        place = next_world(counter)
