"""The top-down map of a world: what stands where, where the objectives are, the path walked so far, the player.

East (+x) is to the right and south (+z) down. Higher blocks throw a shadow to the lower right, so that a wall reads as
one. A star is the goal, a diamond a proxy; where both stand in one column the diamond frames the star.
"""

import functools
from collections.abc import Mapping, Sequence

import numpy as np

from mcproxy.blocks import NAME
from mcproxy.engine.ground_distance import ground
from mcproxy.engine.rendering.textures import paint
from mcproxy.mission import GOAL, Mission
from mcproxy.viewer.canvas import GOLD, PROXY_COLOURS, TEXT, Canvas, Colour, diamond, star, text_width

WEDGE_BLOCKS = 4.5  # how far the drawn field of view reaches
MAX_SYMBOLS = 12  # of one objective; a proxy that is everywhere needs no more
_INK: Colour = (14, 16, 20)
_DROP: Colour = (240, 190, 60)
_MOB: Colour = (150, 70, 200)
_FAINT: Colour = (196, 204, 190)
_DIMMED = 0.8  # share of the blocks' brightness on the map, so that what is drawn over them stands out
_SHADOW = 0.62
_RELIEF_BLOCKS = 4  # height above which shadows grow no longer


def colour_of(mission: Mission, name: str) -> Colour:
    """The colour that stands for an objective wherever it appears: gold for the goal."""
    proxies = [o.name for o in mission.objectives if o.kind != GOAL]
    return PROXY_COLOURS[proxies.index(name) % len(PROXY_COLOURS)] if name in proxies else GOLD


def draw_symbol(canvas: Canvas, mission: Mission, name: str, x: float, y: float, radius: float) -> None:
    """Draw an objective's symbol around (x, y): a star for the goal, a diamond for a proxy."""
    goal = name not in [o.name for o in mission.objectives if o.kind != GOAL]
    corners = star(x, y, radius * 1.3) if goal else diamond(x, y, radius * 1.1)
    canvas.polygon(corners, colour_of(mission, name), _INK)


class TopDown:
    """The map of one mission at one size: its ground, places and labels are drawn once, the rest at every call."""

    def __init__(self, mission: Mission, size_px: int) -> None:
        self.mission, self.size_px = mission, size_px
        size_x, _, size_z = mission.blocks.shape
        self.cell = size_px / max(size_x, size_z)  # pixels a block, with a fraction
        self.left = (size_px - self.cell * size_x) / 2
        self.top = (size_px - self.cell * size_z) / 2
        self.text_px = max(11, round(size_px / 25))
        canvas = Canvas(size_px, size_px)
        canvas.paste(_relief(mission.blocks, self.cell), self.left, self.top)
        for (x, _, z), _ in mission.drops:  # what lies about from the start
            canvas.ring(*self.at(x, z), max(2.0, 0.28 * self.cell), _INK)
            canvas.ring(*self.at(x, z), max(1.2, 0.18 * self.cell), _DROP)
        self._ground = canvas.image
        self._marks = _columns(mission)

    def at(self, x: float, z: float) -> tuple[float, float]:
        """The pixel of a position in the world, given in blocks."""
        return self.left + x * self.cell, self.top + z * self.cell

    def draw(
        self,
        path: np.ndarray,
        yaw_deg: float,
        view_deg: float,
        met: Mapping[str, int],
        decided: int | None = None,
        mobs: Sequence[tuple[float, float]] = (),
    ) -> np.ndarray:
        """The map as an image, (size_px, size_px, 3) uint8.

        `path` is (K, 3) positions of the feet at ticks 0 to K - 1, the last of them now; `view_deg` the horizontal
        field of view; `met` the objectives met by now and the ticks of it. What was walked after `decided` is faint.
        `mobs` are x and z of who else walks there.
        """
        canvas = Canvas.on(self._ground)
        x, z = self.at(path[-1, 0], path[-1, 2])
        reach, half = WEDGE_BLOCKS * self.cell, view_deg / 2
        rim = [_toward(x, z, yaw_deg + a, reach) for a in np.linspace(-half, half, 9)]
        canvas.veil([(x, z), *rim], (255, 255, 255), 0.28)

        pixels = [self.at(*place) for place in path[:, [0, 2]].tolist()]
        width = max(2, round(self.size_px / 130))
        decided = len(pixels) if decided is None else decided
        canvas.line(pixels[decided:], _FAINT, max(1, width // 2))
        canvas.line(pixels[: decided + 1], _INK, width + 3)
        canvas.line(pixels[: decided + 1], (255, 255, 255), width)
        start = pixels[0]
        canvas.ring(*start, width * 2.4, _INK)
        canvas.ring(*start, width * 1.7, (255, 255, 255))
        for name, tick in met.items():
            if tick < len(pixels):
                canvas.ring(*pixels[tick], width * 2.6, _INK)
                canvas.ring(*pixels[tick], width * 1.9, colour_of(self.mission, name))
        self._draw_marks(canvas, start)
        for mob in mobs:
            canvas.ring(*self.at(*mob), 0.75 * self._radius, _INK)
            canvas.ring(*self.at(*mob), 0.55 * self._radius, _MOB)
        corners = ((0, 1.5), (140, 1.3), (180, 0.5), (-140, 1.3))
        arrow = [_toward(x, z, yaw_deg + a, r * self._radius) for a, r in corners]
        canvas.polygon(arrow, (236, 56, 56), (255, 255, 255))
        return canvas.image

    @property
    def _radius(self) -> float:
        return max(7.0, self.size_px / 42)

    def _draw_marks(self, canvas: Canvas, start: tuple[float, float]) -> None:
        """Symbols and labels of the start and of every column that fulfils an objective."""
        radius = self._radius
        places = [(start, radius * 0.6, "start", TEXT)]
        labelled: dict[tuple[str, ...], list[tuple[int, int]]] = {}
        for column, names in self._marks.items():
            x, z = self.at(column[0] + 0.5, column[1] + 0.5)
            proxies = [name for name in names if colour_of(self.mission, name) != GOLD]
            for ring, name in enumerate(proxies):
                grown = 1.75 if len(proxies) < len(names) else 1.0
                draw_symbol(canvas, self.mission, name, x, z, radius * (grown + 0.6 * (len(proxies) - 1 - ring)))
            if len(proxies) < len(names):
                draw_symbol(canvas, self.mission, GOAL, x, z, radius)
            words = [name if name not in proxies or len(names) > 1 else f"proxy {name}" for name in names]
            colour = colour_of(self.mission, names[0])
            if any(column in _around(other) for other in labelled.get(tuple(names), [])):
                continue  # one label for columns side by side
            labelled.setdefault(tuple(names), []).append(column)
            places.append(((x, z), radius * (1.9 if len(names) > 1 else 1.1), " + ".join(words), colour))
        taken = [(x - r, z - r, 2 * r, 2 * r) for (x, z), r, _, _ in places]
        for own, ((x, z), r, label, colour) in enumerate(places):
            others = [t for k, t in enumerate(taken) if k != own]
            taken.append(self._label(canvas, x, z, r, label, colour, others))

    def _label(
        self, canvas: Canvas, x: float, z: float, r: float, label: str, colour: Colour, taken: list
    ) -> tuple[float, float, float, float]:
        """Write a label right, left, above or below of a symbol, where it covers nothing; return its rectangle."""
        pad, size = self.text_px * 0.35, self.text_px
        width, height = text_width(label, size, 600) + 2 * pad, size * 1.35
        spots = [(x + r + 2, z - height / 2), (x - r - 2 - width, z - height / 2)]
        spots += [(x - width / 2, z - r - 2 - height), (x - width / 2, z + r + 2)]
        inside = [s for s in spots if 0 <= s[0] <= self.size_px - width and 0 <= s[1] <= self.size_px - height]
        free = [s for s in inside if not any(_overlap((*s, width, height), other) for other in taken)]
        left, top = (free or inside or spots)[0]
        canvas.box(left, top, width, height, _INK, radius=size * 0.3)
        canvas.text(label, left + pad, top + height - size * 0.38, size, colour, weight=600)
        return left, top, width, height


def _around(column: tuple[int, int]) -> list[tuple[int, int]]:
    """A column and its eight neighbours."""
    return [(column[0] + i, column[1] + k) for i in (-1, 0, 1) for k in (-1, 0, 1)]


def _columns(mission: Mission) -> dict[tuple[int, int], list[str]]:
    """The columns that fulfil objectives, and which: the first `MAX_SYMBOLS` of each."""
    columns: dict[tuple[int, int], list[str]] = {}
    for objective in mission.objectives:
        for x, _, z in mission.targets(objective.name)[:MAX_SYMBOLS].tolist():
            names = columns.setdefault((x, z), [])
            if objective.name not in names:
                names.append(objective.name)
    return columns


def _relief(blocks: np.ndarray, cell: float) -> np.ndarray:
    """The columns' top blocks seen from above with shadows and edges: (Z * cell, X * cell, 3) uint8."""
    heights = ground(blocks).astype(np.int64)  # (X, Z)
    x, z = (np.minimum(np.arange(int(n * cell)) / cell, n - 1).astype(int) for n in heights.shape)
    x, z = np.meshgrid(x, z)  # the column of every pixel
    height = heights[x, z]
    image = _block_colours()[blocks[x, np.maximum(height - 1, 0), z]]
    height = np.minimum(height, heights.min() + _RELIEF_BLOCKS)

    shaded = np.zeros(height.shape, dtype=bool)
    for k in range(1, max(2, round(1.2 * cell))):  # a block throws a shadow 0.3 blocks long a block of height
        caster = np.pad(height, ((k, 0), (k, 0)), mode="edge")[:-k, :-k]
        shaded |= (caster - height) * 0.3 * cell >= k
    image[shaded] *= _SHADOW
    base = heights.min()
    image *= np.where(height > base, 0.86 + 0.06 * np.minimum(height - base, _RELIEF_BLOCKS), 1.0)[:, :, None]
    if cell >= 5:
        for axis in (0, 1):
            higher = np.diff(height, axis=axis, prepend=np.take(height, [0], axis=axis)) != 0
            image[higher] *= 0.55
    return np.clip(image * _DIMMED, 0, 255).astype(np.uint8)


@functools.cache
def _block_colours() -> np.ndarray:
    """The mean colour of every block's top: (len(NAME), 3) float64."""
    tops = [(58.0, 64.0, 74.0), *(paint(name)[0][..., :3].mean(axis=(0, 1)) for name in NAME[1:])]  # the first is air
    return np.array(tops)


def _toward(x: float, z: float, yaw_deg: float, distance: float) -> tuple[float, float]:
    """The pixel `distance` pixels from (x, z) in a direction of the world (yaw 0 is down, 90 left)."""
    yaw = np.radians(yaw_deg)
    return float(x - np.sin(yaw) * distance), float(z + np.cos(yaw) * distance)


def _overlap(a: tuple[float, float, float, float], b: tuple[float, float, float, float]) -> bool:
    """Whether two rectangles (x, y, width, height) have a point in common."""
    return a[0] < b[0] + b[2] and b[0] < a[0] + a[2] and a[1] < b[1] + b[3] and b[1] < a[1] + a[3]
