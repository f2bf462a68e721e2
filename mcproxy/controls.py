"""The one table of controls: what an agent can press, and its entry in MineRL's action dictionary.

A task lists the controls that it uses; its action space is the `MultiDiscrete` over their choices, in that order.
Choice 0 of every control is "nothing". A step holds its choice for all of its `action_repeat` ticks.
"""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from mcproxy.items import HOTBAR

ACTION_REPEAT = 4  # ticks per step, by default
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


@functools.cache
def columns(names: tuple[str, ...]) -> np.ndarray:
    """The columns of the engine's (N, len(CONTROLS)) key table which a task's controls fill: (len(names),) int64."""
    return _constant([INDEX[name] for name in names])


@functools.cache
def sizes(names: tuple[str, ...]) -> np.ndarray:
    """The number of choices of each named control: the `nvec` of the action space, (len(names),) int64."""
    return _constant([len(CONTROLS[INDEX[name]].choices) for name in names])


def keys_of(names: tuple[str, ...], actions: np.ndarray) -> np.ndarray:
    """The engine's keys for actions of a task: (N, len(CONTROLS)) int8 from (N, C) choices of the named controls."""
    keys = np.zeros((len(actions), len(CONTROLS)), dtype=np.int8)
    keys[:, columns(names)] = actions
    return keys


def check_actions(names: tuple[str, ...], actions: Sequence | np.ndarray, num_worlds: int) -> np.ndarray:
    """The actions as (N, C) integers, each a choice of its control; anything else is a ValueError."""
    array, choices = np.asarray(actions), sizes(names)
    if array.shape != (num_worlds, len(choices)):
        raise ValueError(f"actions of shape {array.shape}, expected {(num_worlds, len(choices))}")
    if not np.issubdtype(array.dtype, np.integer):
        raise ValueError(f"actions of dtype {array.dtype}, expected integers (choices of each control)")
    if (array < 0).any() or (array >= choices).any():
        world, column = np.argwhere((array < 0) | (array >= choices))[0]
        raise ValueError(
            f"action {array[world, column]} of control {column} in world {world}, expected 0 to {choices[column] - 1}"
        )
    return array


def _constant(values: list[int]) -> np.ndarray:
    """An int64 array that nothing can change, since callers share it."""
    array = np.array(values, dtype=np.int64)
    array.flags.writeable = False
    return array
