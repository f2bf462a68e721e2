"""Looks drawn at random for every episode: textures, light, fog and field of view (domain randomisation).

An episode's look depends on its seed alone, so the same episode looks the same in any batch. The ranges are wide enough
that no colour is a safe sign of a block, and narrow enough that a person still plays: look at docs/transfer.md.
"""

import functools
import math
import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from mcproxy.engine.rendering.renderer import Renderer
from mcproxy.engine.rendering.textures import ART, atlas

PALETTES = 32  # sets of textures that an episode's is drawn from: a set takes 1.4 MB
HUE_DEG = (-40.0, 40.0)  # by which the colours of a block turn, each block's on its own
SATURATION, VALUE = (0.5, 1.5), (0.75, 1.25)  # factors on a block's colours, each block's on its own
LIGHT = (0.65, 1.0)  # factor on the light of day
SKY = (0.75, 1.2)  # factor on each of red, green and blue of the sky, and so of the fog
FOG = (0.25, 4.0)  # factor on its strength, drawn evenly on a logarithmic scale
FOV_DEG = (60.0, 80.0)  # vertical field of view


@functools.lru_cache(maxsize=PALETTES)
def palette(number: int) -> np.ndarray:
    """Return the textures of one set, as `textures.atlas` has them, with every block's colours changed at random."""
    rng = np.random.default_rng([number, 1])
    texels = atlas().reshape(len(ART), -1)
    rgb = np.stack([texels >> shift & 255 for shift in (0, 8, 16)], axis=-1) / 255.0  # (K, texels, 3)
    turned = np.empty_like(rgb)
    for k in range(len(ART)):
        turned[k] = rgb[k] @ _colour_matrix(rng.uniform(*HUE_DEG), rng.uniform(*SATURATION)).T * rng.uniform(*VALUE)
    whole = np.rint(255 * np.clip(turned, 0.0, 1.0)).astype(np.int32)
    glow = texels >> 24 & 255
    packed = whole[..., 0] | whole[..., 1] << 8 | whole[..., 2] << 16 | glow << 24
    packed.setflags(write=False)
    return packed.reshape(-1)


def _colour_matrix(hue_deg: float, saturation: float) -> np.ndarray:
    """Return the (3, 3) matrix that turns hues and scales saturation about the axis of greys, by Rodrigues' formula."""
    axis, angle = np.full(3, 1 / math.sqrt(3)), math.radians(hue_deg)
    cross = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    grey = np.outer(axis, axis)
    turn = math.cos(angle) * np.eye(3) + math.sin(angle) * cross + (1 - math.cos(angle)) * grey
    return (saturation * (np.eye(3) - grey) + grey) @ turn


class RandomLooksRenderer(Renderer):
    """A `Renderer` whose worlds each look as their seed says; `fov_deg` is drawn, too, and not the one given."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._palettes = [atlas()] * self.num_worlds
        self._scales = np.full(self.num_worlds, self._scale)

    def load(self, index: int, blocks: np.ndarray, time_of_day: int = 6000, seed: int = 0) -> None:
        """Mesh and light one world as `Renderer.load` does, with the look of the seed."""
        super().load(index, blocks, time_of_day)
        rng, look = np.random.default_rng([seed, 2]), self._looks[index]
        look["light"] *= rng.uniform(*LIGHT)
        tint = rng.uniform(*SKY, size=3)
        look["horizon"] = np.clip(look["horizon"] * tint, 0, 255)
        look["zenith"] = np.clip(look["zenith"] * tint, -look["horizon"], 255 - look["horizon"])
        look["haze"] = math.exp(rng.uniform(*np.log(FOG)))
        self._scales[index] = 2 * math.tan(math.radians(rng.uniform(*FOV_DEG)) / 2) / self.resolution[0]
        self._palettes[index] = palette(int(rng.integers(PALETTES)))
        kept = self._blocks[index, : blocks.size].reshape(blocks.shape)
        self.light(index, kept, (0, 0, 0), blocks.shape)  # again, with the light of this look

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
        """Return a function that draws the worlds one by one, each with its own textures and field of view."""
        lock = threading.Lock()
        parts = []
        for k, n in enumerate(which.tolist()):
            one, texels, scale = which[k : k + 1], self._palettes[n], self._scales[n]
            parts.append(self._prepare(one, eyes, yaw_deg, pitch_deg, flipped, out, sprites, counts, texels, scale))

        def draw(counter: np.ndarray) -> None:
            while True:
                with lock:
                    k = int(counter[0])
                    counter[0] += 1
                if k >= len(parts):
                    return
                parts[k](np.zeros(2, dtype=np.int64))
                with lock:
                    counter[1] += 1

        return draw
