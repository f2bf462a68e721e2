"""Crisp text and simple shapes on RGB images, by OpenCV, which is loaded at first use and not before.

All coordinates are pixels from the top left corner; colours are (red, green, blue).
"""

import functools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from mcproxy.errors import UserError

Colour = tuple[int, int, int]
Points = Sequence[tuple[float, float]] | np.ndarray  # (K, 2)

BACKGROUND: Colour = (22, 24, 29)
RAISED: Colour = (44, 48, 57)
TEXT: Colour = (240, 241, 244)
DIM: Colour = (158, 164, 176)
GOLD: Colour = (255, 205, 60)
PROXY_COLOURS: tuple[Colour, ...] = ((92, 222, 248), (246, 128, 216), (255, 150, 84), (176, 150, 255))


@functools.cache
def opencv() -> Any:
    """The OpenCV module; a `UserError` that names the missing system libraries if it cannot be loaded."""
    try:
        import cv2
    except ImportError as error:
        raise UserError(
            f"OpenCV cannot be loaded ({error}): it needs the system libraries libxcb1 libgl1 libglib2.0-0 "
            f"(Debian: apt-get install libxcb1 libgl1 libglib2.0-0)"
        ) from None
    log = cv2 if hasattr(cv2, "setLogLevel") else cv2.utils.logging  # OpenCV 4, 5
    log.setLogLevel(0)  # silent: what goes wrong we tell ourselves
    return cv2


class Canvas:
    """An image to draw on: `image` is (H, W, 3) uint8 RGB."""

    def __init__(self, height: int, width: int, colour: Colour = BACKGROUND) -> None:
        self.image = np.empty((height, width, 3), dtype=np.uint8)
        self.image[0] = colour
        self.image[1:] = self.image[0]

    @classmethod
    def on(cls, image: np.ndarray) -> "Canvas":
        """A canvas whose image is a copy of one that is there already."""
        canvas = cls.__new__(cls)
        canvas.image = np.ascontiguousarray(image).copy()
        return canvas

    def text(
        self, text: str, x: float, y: float, size: int, colour: Colour = TEXT, weight: int = 400, align: str = "left"
    ) -> None:
        """Write one line; (x, y) is its baseline's left end, centre or right end, as `align` says."""
        x -= {"left": 0.0, "centre": 0.5, "right": 1.0}[align] * text_width(text, size, weight)
        cv2, origin = opencv(), (round(x), round(y))
        if hasattr(cv2, "FontFace"):
            cv2.putText(self.image, text, origin, colour, _face(), size, weight)
        else:  # OpenCV 4 has its line-drawn ASCII letters alone
            plain, thickness = _ascii(text), _thickness(size, weight)
            cv2.putText(self.image, plain, origin, 0, size / _HERSHEY_SIZE, colour, thickness, cv2.LINE_AA)

    def box(self, x: float, y: float, width: float, height: float, colour: Colour, radius: float = 0) -> None:
        """Fill a rectangle with rounded corners."""
        x0, y0, x1, y1 = round(x), round(y), round(x + width) - 1, round(y + height) - 1
        r = round(min(radius, (x1 - x0) / 2, (y1 - y0) / 2))
        cv2 = opencv()
        if r <= 0:
            cv2.rectangle(self.image, (x0, y0), (x1, y1), colour, -1)
            return
        cv2.rectangle(self.image, (x0 + r, y0), (x1 - r, y1), colour, -1)
        cv2.rectangle(self.image, (x0, y0 + r), (x1, y1 - r), colour, -1)
        for cx in (x0 + r, x1 - r):
            for cy in (y0 + r, y1 - r):
                cv2.circle(self.image, (cx, cy), r, colour, -1, cv2.LINE_AA)

    def polygon(self, points: Points, colour: Colour, edge: Colour | None = None, edge_px: int = 3) -> None:
        """Fill a polygon; `edge`, if given, frames it, half of its width lying outside."""
        cv2, corners = opencv(), _fixed(points)
        if edge is not None:
            cv2.polylines(self.image, [corners], True, edge, edge_px, cv2.LINE_AA, _SHIFT)
        cv2.fillPoly(self.image, [corners], colour, cv2.LINE_AA, _SHIFT)

    def line(self, points: Points, colour: Colour, width: int) -> None:
        """Draw an open line through all points."""
        cv2 = opencv()
        if len(points) > 1:
            cv2.polylines(self.image, [_fixed(points)], False, colour, width, cv2.LINE_AA, _SHIFT)

    def ring(self, x: float, y: float, radius: float, colour: Colour, width: int = -1) -> None:
        """Draw a circle: its line of some width, or filled."""
        cv2 = opencv()
        centre, scale = (round(x * 2**_SHIFT), round(y * 2**_SHIFT)), 2**_SHIFT
        cv2.circle(self.image, centre, round(radius * scale), colour, width, cv2.LINE_AA, _SHIFT)

    def veil(self, points: Points, colour: Colour, opacity: float) -> None:
        """Tint a polygon: what lies below stays visible."""
        tinted = Canvas.on(self.image)
        tinted.polygon(points, colour, None)
        opencv().addWeighted(self.image, 1 - opacity, tinted.image, opacity, 0, dst=self.image)

    def paste(self, image: np.ndarray, x: float, y: float) -> None:
        """Copy an image, (h, w, 3) uint8, onto this one."""
        x, y = round(x), round(y)
        self.image[y : y + image.shape[0], x : x + image.shape[1]] = image


def text_width(text: str, size: int, weight: int = 400) -> int:
    """The width of a line of text in pixels."""
    cv2 = opencv()
    if hasattr(cv2, "FontFace"):
        return int(cv2.getTextSize((10_000, 100), text, (0, 0), _face(), size, weight)[2])
    return int(cv2.getTextSize(_ascii(text), 0, size / _HERSHEY_SIZE, _thickness(size, weight))[0][0])


def fitted(text: str, width: float, size: int, weight: int = 400) -> str:
    """The text, cut off with three dots if it is wider than `width` pixels."""
    if text_width(text, size, weight) <= width:
        return text
    while text and text_width(text + "...", size, weight) > width:
        text = text[:-1]
    return text.rstrip() + "..."


def star(x: float, y: float, radius: float) -> list[tuple[float, float]]:
    """The ten corners of a five-pointed star around (x, y)."""
    turns = [(k / 10, radius if k % 2 == 0 else radius * 0.45) for k in range(10)]
    return [(x + r * math.sin(2 * math.pi * t), y - r * math.cos(2 * math.pi * t)) for t, r in turns]


def diamond(x: float, y: float, radius: float) -> list[tuple[float, float]]:
    """The four corners of a square on its tip around (x, y)."""
    return [(x, y - radius), (x + radius, y), (x, y + radius), (x - radius, y)]


_SHIFT = 4  # binary digits of a pixel's fraction that OpenCV draws with
_HERSHEY_SIZE = 30.0  # pixels of text at OpenCV's scale 1


@functools.cache
def _face() -> Any:
    return opencv().FontFace("sans")


def _fixed(points: Points) -> np.ndarray:
    return np.round(np.asarray(points, dtype=np.float64) * 2**_SHIFT).astype(np.int32).reshape(-1, 1, 2)


def _ascii(text: str) -> str:
    return text.replace("·", "|").encode("ascii", "replace").decode()


def _thickness(size: int, weight: int) -> int:
    return max(1, round(size * weight / 9000))
