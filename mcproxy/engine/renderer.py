"""Draws N voxel worlds: meshes each when it is loaded, then rasterises and shades it from any eye.

    load: blocks -> quads (mesh.py)        draw: quads -> nearest face per pixel (raster.py) -> colours (shade.py)

Drawing releases the GIL, so threads may draw disjoint ranges of worlds at once. The bytes of a frame depend on its
world, eye and resolution alone.
"""

import math

import numpy as np
from numba import njit

from mcproxy import blocks as block_table
from mcproxy.engine.mesh import LANES, MAX_BEAMS, QUADS, Mesher
from mcproxy.engine.raster import AXIS, CHUNKS, SCRATCH, aim, rasterise
from mcproxy.engine.shade import COLOURS, LOOK, PIXELS, blur_of, look_at, shade
from mcproxy.engine.textures import atlas

_GROUPS = 48  # of 16 quads, room for each world at first
_FARTHEST = 1e4  # blocks an eye may be from the origin


class Renderer:
    """Meshes and draws up to `num_worlds` worlds of at most `shape` blocks (X, Y, Z).

    Frames are `resolution` (H, W) pixels, square ones, with a vertical view of `fov_deg`.
    """

    def __init__(
        self,
        num_worlds: int,
        shape: tuple[int, int, int],
        resolution: tuple[int, int] = (64, 64),
        fov_deg: float = 70.0,
    ) -> None:
        if num_worlds < 1 or min(shape) < 1 or min(resolution) < 1:
            raise ValueError(f"{num_worlds} worlds of {shape} blocks, {resolution} pixels: expected 1 or more of each")
        if not 1.0 <= fov_deg <= 170.0:
            raise ValueError(f"a vertical view of {fov_deg} degrees, expected 1 to 170")
        self.num_worlds, self.shape, self.resolution, self.fov_deg = num_worlds, shape, resolution, fov_deg
        self._scale = 2 * math.tan(math.radians(fov_deg) / 2) / resolution[0]
        self._mesher = Mesher(shape)
        self._quads = np.zeros((num_worlds, _GROUPS), dtype=QUADS)
        self._starts = np.zeros((num_worlds, 7), dtype=np.int64)
        self._beams = np.full((num_worlds, MAX_BEAMS, 3), np.nan, dtype=np.float32)
        self._looks = np.zeros(num_worlds, dtype=LOOK)

    def load(self, index: int, blocks: np.ndarray, time_of_day: int = 6000) -> None:
        """Mesh one world, (X, Y, Z) uint8, for a time of day in ticks.

        One thread loads at a time, and none draws meanwhile.
        """
        if not 0 <= index < self.num_worlds:
            raise ValueError(f"world {index}, expected 0 to {self.num_worlds - 1}")
        fits = blocks.ndim == 3 and all(1 <= s <= limit for s, limit in zip(blocks.shape, self.shape, strict=True))
        if not fits or blocks.dtype != np.uint8:
            raise ValueError(f"blocks {blocks.shape} {blocks.dtype}, expected uint8 of at most {self.shape}")
        if blocks.max() >= len(block_table.BLOCKS):
            raise ValueError(f"block id {blocks.max()}, expected 0 to {len(block_table.BLOCKS) - 1}")
        blocks = np.ascontiguousarray(blocks)
        needed = self._mesher.mesh(blocks, self._quads[index], self._starts[index], self._beams[index])
        if needed > self._quads.shape[1]:
            more = np.zeros((self.num_worlds, max(needed, self._quads.shape[1] * 3 // 2)), dtype=QUADS)
            more[:, : self._quads.shape[1]] = self._quads
            self._quads = more
            self._mesher.mesh(blocks, self._quads[index], self._starts[index], self._beams[index])
        self._looks[index] = look_at(time_of_day)

    def draw(
        self,
        lo: int,
        hi: int,
        eyes: np.ndarray,
        yaw_deg: np.ndarray,
        pitch_deg: np.ndarray,
        flipped: np.ndarray,
        out: np.ndarray,
    ) -> None:
        """Draw the worlds lo to hi - 1 into `out`, (N, H, W, 3) uint8 RGB, row 0 on top, upside down where `flipped`.

        `eyes` is (N, 3) float64 in blocks, `yaw_deg` and `pitch_deg` (N,) float64, `flipped` (N,) bool.
        """
        n, (height, width) = self.num_worlds, self.resolution
        if not 0 <= lo <= hi <= n:
            raise ValueError(f"worlds {lo} to {hi}, expected a range within 0 to {n}")
        for name, array, shape, dtype in (
            ("eyes", eyes, (n, 3), np.float64),
            ("yaw_deg", yaw_deg, (n,), np.float64),
            ("pitch_deg", pitch_deg, (n,), np.float64),
            ("flipped", flipped, (n,), np.bool_),
            ("out", out, (n, height, width, 3), np.uint8),
        ):
            if array.shape != shape or array.dtype != dtype or not array.flags.c_contiguous:
                raise ValueError(f"{name} {array.shape} {array.dtype}, expected {shape} {dtype.__name__}, C-contiguous")
        here = slice(lo, hi)
        if not (np.abs(eyes[here]) <= _FARTHEST).all() or not np.isfinite(yaw_deg[here] + pitch_deg[here]).all():
            raise ValueError(f"an eye that is not finite or farther than {_FARTHEST:.0f} blocks away")
        per_row = -(-width // LANES)
        _draw(
            lo, hi, self._quads, self._starts, self._beams, self._looks, atlas(), self._scale, blur_of(self._scale),
            eyes, yaw_deg, pitch_deg, flipped, out,
            np.zeros(3, dtype=AXIS), np.empty(self._quads.shape[1] * LANES + LANES + 1, dtype=np.int32),
            np.zeros(1, dtype=QUADS), np.zeros(1, dtype=SCRATCH), np.empty(height * per_row, dtype=CHUNKS),
            np.zeros(1, dtype=PIXELS), np.zeros(per_row, dtype=COLOURS),
        )  # fmt: skip


@njit(nogil=True, cache=True)
def _draw(
    lo, hi, quads, starts, beams, looks, texels, scale, blur, eyes, yaw_deg, pitch_deg, flipped, out,
    camera, order, beam_quads, scratch, chunks, pixels, colours,
):  # fmt: skip
    height, width = out.shape[1], out.shape[2]
    for n in range(lo, hi):
        aim(camera, eyes[n], yaw_deg[n], pitch_deg[n], width, height, scale)
        rasterise(
            quads[n], starts[n], beams[n], camera, width, height, np.float32(scale),
            order, beam_quads[0], scratch[0], chunks,
        )  # fmt: skip
        shade(chunks, camera, looks[n], texels, width, height, blur, flipped[n], pixels[0], colours, out[n])
