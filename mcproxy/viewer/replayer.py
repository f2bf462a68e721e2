"""The viewer of recorded episodes: which one is shown, at which tick and how fast, and the window around that.

`Replayer` is its state, which a window or a test drives by the names of keys; playback.py re-executes an episode,
panel.py draws it, and export.py writes clips and pictures without any display.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mcproxy.errors import UserError
from mcproxy.recording import Recording
from mcproxy.viewer.canvas import TEXT, Canvas, text_width
from mcproxy.viewer.export import write_clip, write_picture
from mcproxy.viewer.panel import TICKS_PER_S, fit, panel, with_footer
from mcproxy.viewer.playback import Playback, clip, layout_of
from mcproxy.viewer.window import Window

SPEEDS = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
MIN_SIZE, MAX_SIZE = 320, 2160  # pixels
LONGEST_S = 0.25  # that passes between two pictures, also where drawing one takes longer
HELP = (
    ("space", "play, pause"),
    (", .", "one step back, forward"),
    ("left, right", "one second back, forward"),
    ("home, end", "first, last tick"),
    ("page up, page down", "previous, next episode"),
    ("[ ]", "slower, faster"),
    ("tab", "the agent's view alone"),
    ("click, drag", "on the bar of time: go there"),
    ("e", "write this episode as a clip"),
    ("s", "write this picture"),
    ("h", "this help"),
    ("q, escape", "quit"),
)


@dataclass
class Episodes:
    """The episodes of one recording, each alone or beside the one of the same layout seed of another recording.

    `chosen` are the indices of the episodes that are shown, in their order; all of the recording if it is None.
    """

    recording: Recording
    beside: Recording | None = None
    size: int = 448
    chosen: Sequence[int] | None = None

    def __post_init__(self) -> None:
        if not MIN_SIZE <= self.size <= MAX_SIZE:
            raise UserError(f"size {self.size}: expected {MIN_SIZE} to {MAX_SIZE} pixels")

    def __len__(self) -> int:
        return len(self._shown)

    @property
    def _shown(self) -> Sequence[int]:
        return range(len(self.recording)) if self.chosen is None else self.chosen

    def of_seed(self, seed: int) -> int:
        """The index of the episode of a layout seed."""
        if seed not in self.recording.by_seed:
            raise UserError(f"no episode of seed {seed} in {self.recording.path}")
        if self.recording.by_seed[seed] not in self._shown:
            raise UserError(f"the episode of seed {seed} is not among the {len(self)} that were chosen")
        return self._shown.index(self.recording.by_seed[seed])

    def playbacks(self, index: int) -> list[Playback]:
        """Episode `index`, and the one to be shown beside it."""
        if len(self) == 0:
            raise UserError(f"{self.recording.path} has no complete episode yet")
        if not 0 <= index < len(self):
            raise UserError(f"episode {index}: expected 0 to {len(self) - 1}, as there are {len(self)}")
        shown = [self.recording[self._shown[index]]]
        if self.beside is not None:
            seed = shown[0].origin.seed
            if seed not in self.beside.by_seed:
                raise UserError(f"no episode of seed {seed} to show beside it: evaluate both with the same --seed")
            shown.append(self.beside[self.beside.by_seed[seed]])
        return [Playback(episode, self.size) for episode in shown]


class Replayer:
    """The viewer's state: the episode, the tick, the speed, what is shown; `press` and `click` change it."""

    def __init__(self, episodes: Episodes, episode: int = 0, folder: Path = Path(".")) -> None:
        self.episodes, self.folder = episodes, folder
        self.playing, self.speed, self.done = True, 1.0, False
        self.view_only, self.help = False, False
        self.message, self._waiting = "", False
        self.tick, self.last_tick = 0.0, 0
        self._go_to(episode, episodes.playbacks(episode))

    def press(self, key: str) -> None:
        """React to one key, by the names of `window.key_name`; other keys change nothing."""
        self.message = ""
        step = self.playbacks[0].episode.action_repeat
        if key in ("q", "escape", "quit"):
            self.done = True
        elif key == "space":
            if self.tick >= self.last_tick and not self.playing:
                self.tick = 0.0
            self.playing = not self.playing
        elif key in (",", "down"):
            self._seek((int(self.tick) - 1) // step * step)
        elif key in (".", "up"):
            self._seek((int(self.tick) // step + 1) * step)
        elif key in ("left", "right"):
            self.tick = self._within(self.tick + (TICKS_PER_S if key == "right" else -TICKS_PER_S))
        elif key in ("home", "end"):
            self._seek(0 if key == "home" else self.last_tick)
        elif key in ("page up", "page down"):
            self._turn(1 if key == "page down" else -1)
        elif key in ("[", "z", "]", "x"):
            place = SPEEDS.index(self.speed) + (1 if key in "]x" else -1)
            self.speed = SPEEDS[min(len(SPEEDS) - 1, max(0, place))]
        elif key == "tab":
            self.view_only = not self.view_only
        elif key == "h":
            self.help = not self.help
        elif key == "s":
            self._save("png", lambda path: write_picture(self.image(), path))
        elif key == "e":
            self.message = "writing the clip ..."
            self._waiting = True

    def click(self, x: float, y: float) -> None:
        """React to the mouse pressed or dragged at a pixel of the image: the bar of time is where one can go."""
        share = self._layout.share_at(x, y)
        if share is not None and not self.view_only:
            self._seek(share * self.last_tick)

    def advance(self, seconds: float) -> None:
        """Let time pass: the episode goes on if it is playing, and stops at its end.

        A clip that was asked for is written now, which takes a while: the image before said so.
        """
        if self._waiting:
            self._waiting = False
            self._save("webm", lambda path: write_clip(clip(self.playbacks, self.episodes.size), path))
        elif self.playing:
            self.tick = self._within(self.tick + seconds * TICKS_PER_S * self.speed)
            self.playing = self.tick < self.last_tick

    def image(self) -> np.ndarray:
        """What the window shows now: (H, W, 3) uint8 RGB."""
        moments = [playback.moment(int(self.tick), self.last_tick) for playback in self.playbacks]
        if self.view_only:
            picture = np.concatenate([fit(moment.view, self.episodes.size) for moment in moments], axis=1)
        else:
            picture = panel(moments, self._layout)
        picture = with_footer(picture, *self._status(), self._layout.small)
        return _help(picture, self._layout.small) if self.help else picture

    def _status(self) -> tuple[str, str]:
        state = "playing" if self.playing else "paused"
        where = f"episode {self.episode} (0 to {len(self.episodes) - 1}) · {state} at {self.speed:g}x"
        return where, self.message or "space: play, pause · , . step · h: all keys"

    def _seek(self, tick: float) -> None:
        self.tick, self.playing = self._within(tick), False

    def _within(self, tick: float) -> float:
        return min(float(self.last_tick), max(0.0, tick))

    def _turn(self, direction: int) -> None:
        """Go to the next or previous episode that can be shown."""
        for index in range(self.episode + direction, len(self.episodes) if direction > 0 else -1, direction):
            try:
                playbacks = self.episodes.playbacks(index)
            except UserError as error:
                self.message = str(error)
                continue
            self._go_to(index, playbacks)
            return
        self.message = self.message or f"this is the {'last' if direction > 0 else 'first'} episode"

    def _go_to(self, index: int, playbacks: list[Playback]) -> None:
        self.episode, self.playbacks, self.tick = index, playbacks, 0.0
        self.last_tick = max(playback.last_tick for playback in playbacks)
        self._layout = layout_of(playbacks, self.episodes.size)
        self.message = ""

    def _save(self, suffix: str, write: Callable[[Path], None]) -> None:
        """Write a file under the first free name in the folder."""
        names = (self.folder / f"replay-episode-{self.episode}-{k}.{suffix}" for k in range(1000))
        path = next(name for name in names if not name.exists())
        try:
            write(path)
            self.message = f"wrote {path}"
        except (UserError, OSError) as error:
            self.message = f"{path}: {getattr(error, 'strerror', None) or error}"


def watch(replayer: Replayer) -> None:
    """Show the replayer in a window until the user quits; needs a display (`window.require_display`)."""
    window = Window("mcproxy replay", on_mouse=replayer.click)
    last = time.perf_counter()
    while not replayer.done:
        now = time.perf_counter()
        replayer.advance(min(now - last, LONGEST_S))
        last = now
        window.show(replayer.image())
        spent = time.perf_counter() - now
        key = window.key(round(1000 * max(0.001, 1 / TICKS_PER_S - spent)))
        if key is not None:
            replayer.press(key)
            window.show(replayer.image())
    window.close()


def _help(picture: np.ndarray, small: int) -> np.ndarray:
    """The picture darkened, with the list of keys in its middle."""
    canvas = Canvas.on((picture * 0.35).astype(np.uint8))
    keys = max(text_width(key, small, 700) for key, _ in HELP)
    words = max(text_width(meaning, small) for _, meaning in HELP)
    row, pad = 1.7 * small, 1.5 * small
    width, height = keys + words + 4 * pad, len(HELP) * row + 2 * pad
    left, top = (picture.shape[1] - width) / 2, (picture.shape[0] - height) / 2
    canvas.box(left, top, width, height, (30, 33, 40), radius=small)
    for k, (key, meaning) in enumerate(HELP):
        baseline = top + pad + (k + 0.7) * row
        canvas.text(key, left + 1.5 * pad + keys, baseline, small, TEXT, weight=700, align="right")
        canvas.text(meaning, left + 2.5 * pad + keys, baseline, small, TEXT)
    return canvas.image
