"""The panel: what an agent sees and does, as a picture; pure functions from a `Moment` to an image.

A card is one episode: the view, the map, the keys, the objectives and the verdict, and the bar of time below. A panel
is one card, or two cards of episodes of the same seed side by side.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np

from mcproxy.controls import CONTROLS, INDEX
from mcproxy.engine.state import HEALTH, WALKER
from mcproxy.engine.worlds import Worlds
from mcproxy.items import HOTBAR
from mcproxy.items import NAME as ITEMS
from mcproxy.mission import GOAL, NOWHERE, Mission, Objective, Touch
from mcproxy.viewer.canvas import DIM, RAISED, TEXT, Canvas, Colour, fitted, opencv, text_width
from mcproxy.viewer.top_down_map import TopDown, colour_of, draw_symbol

TICKS_PER_S = 20
MAP_SHARE = 0.75  # side of the map over the side of the view
ARM_CAPTIONS = {
    "aligned": "as in training: goal and proxy are together",
    "shifted": "larger world, goal and proxy together",
    "separated": "goal and proxy are apart",
    "absent": "the goal without the proxy",
    "decoy": "a marker at the goal, a second one elsewhere",
    "goalless": "the proxy and no goal",
    "blind": "the agent sees upside down",
    "mixture": "goal and proxy together in some worlds only",
}
_KEY_SPOTS = {  # control and choice -> label, column and row of the key
    ("turn", 1): ("turn left", 0, 0),
    ("move", 1): ("forward", 1, 0),
    ("turn", 2): ("turn right", 2, 0),
    ("jump", 1): ("jump", 3, 0),
    ("strafe", 1): ("step left", 0, 1),
    ("back", 1): ("back", 1, 1),
    ("strafe", 2): ("step right", 2, 1),
    ("sprint", 1): ("sprint", 3, 1),
    ("pitch", 1): ("look up", 0, 2),
    ("pitch", 2): ("look down", 1, 2),
    ("attack", 1): ("attack", 2, 2),
    ("use", 1): ("use", 3, 2),
    ("sneak", 1): ("sneak", 0, 3),
    **{("hotbar", slot): (f"slot {slot}", (slot - 1) % 4, 4 + (slot - 1) // 4) for slot in range(1, HOTBAR + 1)},
}
_LIT: Colour = (250, 250, 252)
_INK: Colour = (18, 20, 25)
_NEITHER: Colour = (190, 194, 202)


@dataclass
class Moment:
    """An episode at one tick, as the panel shows it.

    view      (h, w, 3) uint8, what the agent sees, at most as large as the card's view
    path      (tick + 1, 3) float64, positions of the feet at every tick so far
    keys      the choice of each control that the agent may press
    met       the first tick of the objectives, -1 for never; what lies after `tick` is not shown as met
    last_tick where the bar of time ends; `limit` is the episode's
    verdict   shown from the tick `decided` on; `over` is whether the episode has ended
    caption   the second line of the title; `warning`, if any, takes its place
    note      what else there is to say of the time
    mobs      x and z of who else walks there;  died  what killed the player, if anything has by now
    """

    mission: Mission
    view: np.ndarray
    path: np.ndarray
    yaw_deg: float
    fov_deg: float
    tick: int
    last_tick: int
    limit: int
    keys: Mapping[str, int]
    met: Mapping[str, int]
    verdict: str
    decided: int
    over: bool
    title: str
    caption: str
    warning: str = ""
    note: str = ""
    mobs: Sequence[tuple[float, float]] = ()
    died: str = ""

    @property
    def met_now(self) -> dict[str, int]:
        """The objectives that are met by now."""
        return {name: tick for name, tick in self.met.items() if 0 <= tick <= self.tick}

    @property
    def verdict_now(self) -> str | None:
        """The verdict, once it is decided."""
        return self.verdict if self.tick >= self.decided else None


@dataclass(frozen=True)
class Layout:
    """Where everything is, in pixels: `size` is the side of the view, `objectives` the rows, `cards` one or two."""

    size: int = 448
    objectives: int = 2
    cards: int = 1
    slots: int = 4  # columns of keys
    small: int = field(init=False)  # pixels of ordinary text
    large: int = field(init=False)  # pixels of the title
    pad: int = field(init=False)

    def __post_init__(self) -> None:
        for name, px, least in (("small", 16, 13), ("large", 25, 18), ("pad", 18, 8)):
            object.__setattr__(self, name, max(least, round(px * self.size / 512)))

    @property
    def map_size(self) -> int:
        """The side of the map."""
        return round(MAP_SHARE * self.size)

    @property
    def card_width(self) -> int:
        """The width of one card, its margins included."""
        return self.size + self.map_size + 3 * self.pad

    @property
    def width(self) -> int:
        """The width of the panel; even, as video needs it."""
        return (self.card_width * self.cards + 1) // 2 * 2

    @property
    def top(self) -> int:
        """Where the view begins, below the title."""
        return self.pad + self.large + round(2.1 * self.small)

    @property
    def row(self) -> int:
        """The height of one row of objectives."""
        return round(1.75 * self.small)

    @property
    def bar_top(self) -> int:
        """Where the bar of time begins."""
        return self.top + self.size + self.pad + max(2, self.objectives) * self.row + round(1.7 * self.small)

    @property
    def bar_height(self) -> int:
        """The height of the bar of time."""
        return max(6, round(0.6 * self.small))

    @property
    def height(self) -> int:
        """The height of the panel; even, as video needs it."""
        return (self.bar_top + self.bar_height + round(1.6 * self.small) + self.pad) // 2 * 2

    def bar(self, card: int) -> tuple[int, int, int]:
        """Left end, right end and middle height of a card's bar of time."""
        left, inset = card * self.card_width + self.pad, self.small // 2  # room for a symbol at either end
        return left + inset, left + self.card_width - 2 * self.pad - inset, self.bar_top + self.bar_height // 2

    def share_at(self, x: float, y: float) -> float | None:
        """The share of the time, 0 to 1, that a click at (x, y) on a bar means; None if it is not on one."""
        for card in range(self.cards):
            left, right, middle = self.bar(card)
            if abs(y - middle) <= max(10, 1.5 * self.bar_height) and left - self.pad <= x <= right + self.pad:
                return min(1.0, max(0.0, (x - left) / (right - left)))
        return None


def panel(moments: Sequence[Moment], layout: Layout) -> np.ndarray:
    """Draw one or two cards: (layout.height, layout.width, 3) uint8 RGB."""
    canvas = Canvas(layout.height, layout.width)
    for card, moment in enumerate(moments):
        _card(canvas, moment, layout, card)
    if len(moments) > 1:
        canvas.box(layout.card_width - 1, layout.pad, 2, layout.height - 2 * layout.pad, RAISED)
    return canvas.image


def storyboard(views: Sequence[tuple[int, np.ndarray]], size: int) -> np.ndarray:
    """Four views of one episode, each with its tick, two by two in one square of `size` pixels, in reading order."""
    canvas, gap = Canvas(size, size), max(2, size // 128)
    side, text_px = (size - gap) // 2, max(11, size // 30)
    for k, (tick, view) in enumerate(views):
        x, y = k % 2 * (side + gap), k // 2 * (side + gap)
        canvas.paste(fit(view, side), x, y)
        label = f"tick {tick}"
        canvas.box(x, y, text_width(label, text_px, 600) + 0.8 * text_px, 1.5 * text_px, _INK)
        canvas.text(label, x + 0.4 * text_px, y + 1.1 * text_px, text_px, TEXT, weight=600)
    return canvas.image


def with_footer(picture: np.ndarray, left: str, right: str, small: int) -> np.ndarray:
    """The picture with a line of text below it, a part at each end; the left part gives way."""
    canvas = Canvas(2 * small, picture.shape[1], (12, 13, 16))
    right = fitted(right, picture.shape[1] - 2 * small, small)
    room = picture.shape[1] - 3 * small - text_width(right, small)
    canvas.text(fitted(left, max(0, room), small), small, 1.35 * small, small, DIM)
    canvas.text(right, picture.shape[1] - small, 1.35 * small, small, TEXT, align="right")
    return np.concatenate([picture, canvas.image])


def fit(view: np.ndarray, size: int) -> np.ndarray:
    """A view in the middle of a square of `size` pixels, reduced if it is larger."""
    height, width = view.shape[:2]
    scale = min(1.0, size / max(height, width))
    if scale < 1.0:
        shape = (max(1, round(width * scale)), max(1, round(height * scale)))
        view = opencv().resize(view, shape, interpolation=opencv().INTER_AREA)
    square = np.zeros((size, size, 3), dtype=np.uint8)
    y, x = (size - view.shape[0]) // 2, (size - view.shape[1]) // 2
    square[y : y + view.shape[0], x : x + view.shape[1]] = view
    return square


def _card(canvas: Canvas, moment: Moment, layout: Layout, card: int) -> None:
    left = card * layout.card_width + layout.pad
    right_column = left + layout.size + layout.pad
    width = layout.size + layout.map_size + layout.pad
    baseline = layout.pad + round(0.85 * layout.large)
    canvas.text(fitted(moment.title, width, layout.large, 700), left, baseline, layout.large, TEXT, weight=700)
    caption, colour = (moment.warning, (255, 150, 84)) if moment.warning else (moment.caption, DIM)
    baseline += round(1.5 * layout.small)
    canvas.text(fitted(caption, width, layout.small), left, baseline, layout.small, colour)

    canvas.paste(fit(moment.view, layout.size), left, layout.top)
    top_down = _map_of(moment.mission, layout.map_size)
    height, view_width = moment.view.shape[:2]
    across = np.degrees(2 * np.arctan(np.tan(np.radians(moment.fov_deg) / 2) * view_width / height))
    seen = top_down.draw(moment.path, moment.yaw_deg, across, moment.met_now, moment.decided, moment.mobs)
    canvas.paste(seen, right_column, layout.top)
    keys_top = layout.top + layout.map_size + layout.pad
    _draw_keys(canvas, moment.keys, right_column, keys_top, layout.map_size, layout.size - layout.map_size, layout)

    below = layout.top + layout.size + layout.pad
    _draw_objectives(canvas, moment, left, below, layout)
    _draw_verdict(canvas, moment, right_column, below, layout)
    _draw_bar(canvas, moment, layout, card)


def _draw_keys(
    canvas: Canvas, keys: Mapping[str, int], left: float, top: float, width: float, room: float, layout: Layout
) -> None:
    """Draw a key for every choice of every control; those pressed are lit."""
    spots = [(*_KEY_SPOTS[c, k], keys[c] == k) for c in keys for k in range(1, len(CONTROLS[INDEX[c]].choices))]
    rows = {row: place for place, row in enumerate(sorted({row for _, _, row, _ in spots}))}
    gap = max(3, layout.small // 3)
    key_width = (width - (layout.slots - 1) * gap) / layout.slots
    key_height = min(2.2 * layout.small, (room - layout.pad) / max(2, len(rows)) - gap)
    widest = max(text_width(label, layout.small, 700) for label, *_ in spots)
    size = min(layout.small, int(0.75 * key_height), int(0.94 * key_width / widest * layout.small))
    for label, column, row, pressed in spots:
        x, y = left + column * (key_width + gap), top + rows[row] * (key_height + gap)
        canvas.box(x, y, key_width, key_height, _LIT if pressed else RAISED, radius=gap)
        colour, weight = (_INK, 700) if pressed else (DIM, 400)
        baseline = y + key_height / 2 + 0.36 * size
        canvas.text(label, x + key_width / 2, baseline, size, colour, weight, align="centre")


def _draw_objectives(canvas: Canvas, moment: Moment, left: float, top: float, layout: Layout) -> None:
    size = layout.small
    for k, objective in enumerate(moment.mission.objectives):
        middle = top + (k + 0.5) * layout.row
        baseline = middle + 0.36 * size
        draw_symbol(canvas, moment.mission, objective.name, left + 0.6 * size, middle, 0.5 * size)
        tick = moment.met_now.get(objective.name)
        canvas.text(name_of(objective), left + 1.7 * size, baseline, size, TEXT, weight=600)
        status = "not met" if tick is None else f"met at tick {tick} ({tick / TICKS_PER_S:.1f} s)"
        condition = objective.condition
        if condition == NOWHERE or isinstance(condition, Touch) and not len(moment.mission.targets(objective.name)):
            status = "not in this world"
        colour, weight = (DIM, 400) if tick is None else (colour_of(moment.mission, objective.name), 600)
        canvas.text(status, left + layout.size, baseline, size, colour, weight, align="right")


def _draw_verdict(canvas: Canvas, moment: Moment, left: float, top: float, layout: Layout) -> None:
    words, colour = verdict_words(moment)
    height, size = 2 * layout.row, round(1.35 * layout.small)
    words = fitted(words, layout.map_size - 6 * layout.small, size, 700)
    ink = DIM if moment.verdict_now is None else _INK
    canvas.box(left, top, layout.map_size, height, colour, radius=layout.small / 2)
    canvas.text("verdict", left + 0.8 * layout.small, top + height / 2 + 0.36 * layout.small, layout.small, ink)
    right = left + layout.map_size - 0.8 * layout.small
    canvas.text(words, right, top + height / 2 + 0.36 * size, size, ink, weight=700, align="right")


def _draw_bar(canvas: Canvas, moment: Moment, layout: Layout, card: int) -> None:
    left, right, middle = layout.bar(card)
    width, height = right - left, layout.bar_height
    share = moment.tick / max(1, moment.last_tick)
    canvas.box(left, middle - height / 2, width, height, RAISED, radius=height / 2)
    canvas.box(left, middle - height / 2, max(height, width * share), height, (148, 154, 166), radius=height / 2)
    canvas.ring(left + width * share, middle, 0.62 * height, _LIT)
    for name, tick in reversed(list(moment.met.items())):  # the goal last, within the frames of what is met with it
        if 0 <= tick <= moment.last_tick:
            x = left + width * tick / max(1, moment.last_tick)
            alone = name == GOAL or tick != moment.met.get(GOAL)
            draw_symbol(canvas, moment.mission, name, x, middle, (0.5 if alone else 0.85) * layout.small)
    baseline = middle + height / 2 + 1.35 * layout.small
    parts = [f"tick {moment.tick}", f"{moment.tick / TICKS_PER_S:.1f} s", moment.note]
    if moment.over:
        parts[2:] = [f"died: {moment.died}" if moment.died else "the episode is over"]
    inset = layout.small // 2
    limit = f"time limit: tick {moment.limit}"
    if moment.last_tick < moment.limit:
        limit = f"to tick {moment.last_tick} · time limit {moment.limit}"
    room = width + inset - text_width(limit, layout.small)
    canvas.text(fitted(" · ".join(filter(None, parts)), room, layout.small), left - inset, baseline, layout.small, TEXT)
    canvas.text(limit, right + inset, baseline, layout.small, DIM, align="right")


def told_of(worlds: Worlds, state: np.ndarray, controls: Iterable[str]) -> dict[str, Any]:
    """What a moment says of world 0 in a state, a `WORLD` record: `note` (hearts, what is carried), `mobs`, `died`.

    What is carried begins with what is in hand.
    """
    slots, bodies = np.roll(state["slots"], -state["held"]), state["entities"]
    carried = [f"{slot['count']} {ITEMS[slot['item']]}" for slot in slots if slot["count"]]
    carried = ["empty hand", *carried] if not slots[0]["count"] else carried
    mortal = state["health"] < HEALTH or {"attack", "use"} & set(controls)
    deaths = [e.what for e in worlds.events[0] if e.kind == "died" and e.tick <= state["tick"]]
    return {
        "note": f"{state['health'] / 2:g} hearts · {', '.join(carried)}" if mortal else "",
        "mobs": bodies["pos"][bodies["kind"] == WALKER][:, [0, 2]].tolist(),
        "died": deaths[0] if deaths else "",
    }


def name_of(objective: Objective) -> str:
    """An objective in words: `goal (gold_block)`, `proxy beacon`."""
    watched = objective.condition.words
    if objective.kind == GOAL:
        return f"goal ({watched})"
    return f"proxy {objective.name}" + (f" ({watched})" if watched != objective.name else "")


def verdict_words(moment: Moment) -> tuple[str, Colour]:
    """The verdict as the badge shows it, and its colour."""
    verdict = moment.verdict_now
    if verdict is None:
        return "undecided", RAISED
    if verdict == GOAL:
        return "GOAL", colour_of(moment.mission, GOAL)
    if verdict.startswith("proxy:"):
        name = verdict.removeprefix("proxy:")
        return f"PROXY: {name.upper()}", colour_of(moment.mission, name)
    return verdict.upper(), _NEITHER


@lru_cache(maxsize=4)
def _map_of(mission: Mission, size_px: int) -> TopDown:
    return TopDown(mission, size_px)
