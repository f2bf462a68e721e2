"""Play a task oneself, in real time, through the controls that its agents have.

With pygame-ce (`pip install -e ".[play]"`) keys act while they are held. Without it the window is OpenCV's, which
tells presses and no releases: there a press walks for `PRESS_TICKS["move"]` ticks, or turns or jumps for one step of an
agent, and holding a key repeats it.
"""

import os
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from mcproxy.controls import keys_of
from mcproxy.engine.state import NEVER
from mcproxy.engine.view import FOV_DEG
from mcproxy.engine.worlds import Worlds
from mcproxy.errors import UserError
from mcproxy.items import HOTBAR
from mcproxy.task import Task
from mcproxy.viewer.canvas import text_width
from mcproxy.viewer.panel import ARM_CAPTIONS, TICKS_PER_S, Layout, Moment, panel, told_of, with_footer
from mcproxy.viewer.window import Window, require_display

BINDINGS: dict[str, tuple[str, int]] = {  # key -> control and choice
    "w": ("move", 1),
    "up": ("move", 1),
    "s": ("back", 1),
    "down": ("back", 1),
    "a": ("turn", 1),
    "left": ("turn", 1),
    "d": ("turn", 2),
    "right": ("turn", 2),
    "space": ("jump", 1),
    "z": ("strafe", 1),
    "c": ("strafe", 2),
    "i": ("pitch", 1),
    "k": ("pitch", 2),
    "x": ("sneak", 1),
    "f": ("sprint", 1),
    "j": ("attack", 1),
    "l": ("use", 1),
    **{str(slot): ("hotbar", slot) for slot in range(1, HOTBAR + 1)},
}
_HELD = ("move", "back", "strafe", "sneak", "sprint")
PRESS_TICKS: dict[str, int] = dict.fromkeys(_HELD, 12)  # of one press; other controls take one step
_STEP_TICKS = 4
_OPPOSITES = [{("move", 1), ("back", 1)}, *({(name, 1), (name, 2)} for name in ("strafe", "turn", "pitch"))]


class Game:
    """One world at a time, played tick by tick; a window (or a test) tells it which keys are held.

    `tell` gets one line when an episode ends. The clock starts with the first key, and layouts are those of the split
    `eval`.
    """

    def __init__(
        self,
        task: Task,
        arm: str,
        seed: int,
        verdict_of: Callable[[Mapping[str, int]], str],
        tell: Callable[[str], None] = print,
        size: int = 448,
    ) -> None:
        self.task, self.arm, self.verdict_of, self.tell = task, arm, verdict_of, tell
        self.done = False
        self._size = size
        self._worlds = Worlds(1, task.size, (size, size), FOV_DEG, action_repeat=1)
        self.begin(seed)

    def begin(self, seed: int) -> None:
        """Begin an episode in a layout."""
        self.seed, self.mission = seed, self.task.mission(seed, self.arm, "eval")
        self._worlds.load(0, self.mission)
        self._layout = Layout(self._size, len(self.mission.objectives))
        self._path = [self._worlds.players["pos"][0].copy()]
        self._pressed = dict.fromkeys(self.task.controls, 0)

    @property
    def tick(self) -> int:
        """Ticks since the first key."""
        return len(self._path) - 1

    @property
    def over(self) -> bool:
        """Whether the goal was met, the player died, or the time is up."""
        return bool(self._worlds.ended[0]) or self.tick >= self.mission.max_ticks

    @property
    def met(self) -> dict[str, int]:
        """The first tick at which each objective was met, -1 for never."""
        return self._worlds.met_of(0)

    def advance(self, held: Iterable[str]) -> None:
        """Let one tick pass with some keys held; nothing moves before the first key and after the end."""
        self._pressed = dict.fromkeys(self.task.controls, 0)
        for key in held:
            control, choice = BINDINGS.get(key, ("", 0))
            if control in self._pressed:
                self._pressed[control] = choice
        if self.over or (self.tick == 0 and not any(self._pressed.values())):
            return
        action = np.array([[self._pressed[name] for name in self.task.controls]], dtype=np.int64)
        self._worlds.step(keys_of(self.task.controls, action))
        self._path.append(self._worlds.players["pos"][0].copy())
        if self.over:
            self.tell(f"{self.task.name}, {self.arm}, seed {self.seed}: {self.verdict_of(self.met)} (tick {self.tick})")

    def press(self, key: str) -> None:
        """React to a key that has just gone down: again, next world, quit."""
        if key in ("escape", "quit"):
            self.done = True
        elif key in ("r", "n"):
            self.begin(self.seed + (key == "n"))

    def image(self) -> np.ndarray:
        """What the window shows now: (H, W, 3) uint8 RGB."""
        first = min((tick for tick in self.met.values() if tick != NEVER), default=self.mission.max_ticks)
        told = told_of(self._worlds, self._worlds.state[0], self.task.controls)
        told |= {} if self.tick else {"note": "the clock starts with your first key"}
        moment = Moment(
            mission=self.mission,
            view=self._worlds.render()[0],
            path=np.array(self._path),
            yaw_deg=float(self._worlds.players["yaw_deg"][0]),
            fov_deg=FOV_DEG,
            tick=self.tick,
            last_tick=self.mission.max_ticks,
            limit=self.mission.max_ticks,
            keys=self._pressed,
            met=self.met,
            verdict=self.verdict_of(self.met),
            decided=first,
            over=self.over,
            title=f"{self.task.name} · {self.arm}",
            caption=f"seed {self.seed} · you · {ARM_CAPTIONS.get(self.arm, '')}".rstrip(" ·"),
            **told,
        )
        picture = panel([moment], self._layout)
        for line in _lines([*_described(self.task.controls), *_COMMANDS], self._layout):
            picture = with_footer(picture, "", line, self._layout.small)
        return picture


class Presses:
    """Held keys made of presses alone: each holds for some ticks, and a repeat prolongs it."""

    def __init__(self) -> None:
        self._until: dict[str, int] = {}
        self._tick = 0

    def press(self, key: str) -> None:
        """Hold a key from now on; its opposite is let go."""
        if key in BINDINGS:
            pairs = [pair for pair in _OPPOSITES if BINDINGS[key] in pair]
            opposite = {binding for pair in pairs for binding in pair} - {BINDINGS[key]}
            self._until = {k: tick for k, tick in self._until.items() if BINDINGS[k] not in opposite}
            self._until[key] = self._tick + PRESS_TICKS.get(BINDINGS[key][0], _STEP_TICKS)

    def held(self) -> list[str]:
        """The keys that are held in the tick which begins now."""
        self._tick += 1
        return [key for key, until in self._until.items() if until >= self._tick]


def play(game: Game) -> None:
    """Play in a window until the user quits: pygame's if it is installed, else OpenCV's."""
    try:
        import pygame
    except ImportError:
        require_display("mcproxy play needs one")
        _play_opencv(game)
    else:
        if not os.environ.get("WAYLAND_DISPLAY") and "SDL_VIDEODRIVER" not in os.environ:
            require_display("mcproxy play needs one")  # SDL would draw to nowhere, for ever
        _play_pygame(game, pygame)


def _play_opencv(game: Game) -> None:
    window, presses = Window("mcproxy play"), Presses()
    while not game.done:
        begun = time.perf_counter()
        game.advance(presses.held())
        window.show(game.image())
        left = 1 / TICKS_PER_S
        while not game.done and left > 0:  # once at least, however slow the machine is: it is how the window answers
            left = begun + 1 / TICKS_PER_S - time.perf_counter()
            if key := window.key(max(1, int(1000 * left))):
                presses.press(key)
                game.press(key)
    window.close()


def _play_pygame(game: Game, pygame: Any) -> None:
    names = {"return": "enter"}  # pygame's names of keys are ours but for these
    try:
        pygame.display.init()
        height, width = game.image().shape[:2]
        screen = pygame.display.set_mode((width, height))
    except pygame.error as error:
        raise UserError(f"no window can be opened ({error}): mcproxy play needs a display") from None
    pygame.display.set_caption("mcproxy play")
    clock, held = pygame.time.Clock(), dict[str, None]()
    while not game.done:
        for event in pygame.event.get():
            if event.type == pygame.QUIT:
                game.press("quit")
            elif event.type in (pygame.KEYDOWN, pygame.KEYUP):
                key = names.get(pygame.key.name(event.key), pygame.key.name(event.key))
                held.pop(key, None)
                if event.type == pygame.KEYDOWN:
                    held[key] = None
                    game.press(key)
        game.advance(held)
        screen.blit(pygame.image.frombuffer(game.image().tobytes(), (width, height), "RGB"), (0, 0))
        pygame.display.flip()
        clock.tick(TICKS_PER_S)
    pygame.display.quit()


_COMMANDS = ("r: again", "n: next world", "escape: quit")


def _lines(words: Iterable[str], layout: Layout) -> list[str]:
    """The words in as few lines as the window is wide enough for."""
    lines: list[str] = []
    for word in words:
        longer = f"{lines[-1]} · {word}" if lines else word
        if lines and text_width(longer, layout.small) <= layout.width - 2 * layout.small:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def _described(controls: Iterable[str]) -> list[str]:
    """The keys of the named controls in words."""
    words = {"move": "w: walk", "back": "s: walk back", "turn": "a, d: turn", "jump": "space: jump"}
    words |= {"strafe": "z, c: step aside", "pitch": "i, k: look up, down", "sneak": "x: sneak", "sprint": "f: run"}
    words |= {"attack": "j: attack", "use": "l: use", "hotbar": f"1 to {HOTBAR}: in hand"}
    return [words[name] for name in controls]
