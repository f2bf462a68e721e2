"""The one table of controls: what an agent can press, and what that is in MineRL's action dictionary.

A task names the few it uses; its action space is the `MultiDiscrete` over their choices, in the order in which the task
names them. Choice 0 of every control is "nothing". A step holds its choice for all of its `action_repeat` ticks.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from mcproxy.items import HOTBAR

ACTION_REPEAT = 4  # ticks of a step, where nothing else is asked for
TURN_DEG = 3.75  # per tick: a step of 4 ticks turns 15 degrees, 24 headings a circle, all exact in binary


@dataclass(frozen=True)
class Control:
    """One control: its choices, and for each choice the MineRL keys or camera movement of one tick."""

    name: str
    choices: tuple[str, ...]
    minerl: tuple[Mapping[str, object], ...] = field(repr=False)
    meaning: str = ""


def _key(name: str, key: str, meaning: str) -> Control:
    return Control(name, ("none", key), ({}, {key: 1}), meaning)


CONTROLS: tuple[Control, ...] = (
    Control("move", ("none", "forward"), ({}, {"forward": 1}), "walk along the view direction"),
    _key("back", "back", "walk backwards; together with move, neither"),
    Control("strafe", ("none", "left", "right"), ({}, {"left": 1}, {"right": 1}), "walk across the view direction"),
    Control(
        "turn",
        ("none", "left", "right"),
        ({}, {"camera": (0.0, -TURN_DEG)}, {"camera": (0.0, TURN_DEG)}),
        f"turn the view {TURN_DEG} degrees a tick",
    ),
    Control(
        "pitch",
        ("none", "up", "down"),
        ({}, {"camera": (-TURN_DEG, 0.0)}, {"camera": (TURN_DEG, 0.0)}),
        f"tilt the view {TURN_DEG} degrees a tick, between straight up and straight down",
    ),
    _key("jump", "jump", "jump, or keep jumping while held"),
    _key("sneak", "sneak", "walk slowly and never off an edge"),
    _key("sprint", "sprint", "run while walking forward"),
    _key("attack", "attack", "strike, or dig while held, at what is in view"),
    _key("use", "use", "use what is in view, or put down what is in hand"),
    Control(
        "hotbar",
        ("none", *(str(slot) for slot in range(1, HOTBAR + 1))),
        ({}, *({f"hotbar.{slot}": 1} for slot in range(1, HOTBAR + 1))),
        "take a slot of the inventory in hand",
    ),
)
NAMES: tuple[str, ...] = tuple(c.name for c in CONTROLS)
INDEX: dict[str, int] = {name: i for i, name in enumerate(NAMES)}


def columns(names: Sequence[str]) -> np.ndarray:
    """The columns of the engine's (N, len(CONTROLS)) key table which a task's controls fill: (len(names),) int64."""
    return np.array([INDEX[name] for name in names], dtype=np.int64)


def sizes(names: Sequence[str]) -> np.ndarray:
    """The number of choices of each named control: the `nvec` of the action space, (len(names),) int64."""
    return np.array([len(CONTROLS[INDEX[name]].choices) for name in names], dtype=np.int64)
