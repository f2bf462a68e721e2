"""The check of a world's state that comes from outside: a `WORLD` record that passes cannot make a kernel fail.

Kernels trust the fields with which they index arrays and bound loops. Each field has one rule here: a range, a value
that follows from the mission, or a value that follows from other fields.
"""

import numpy as np

from mcproxy import blocks as block_table
from mcproxy import items, mobs
from mcproxy.engine import initial_state
from mcproxy.engine import state as codes
from mcproxy.errors import UserError
from mcproxy.mission import BEHAVIOURS, Mission

_MANY = 2**31  # ticks and degrees, the most that a mission may have; harmless for counters
_FALL = 1e4  # blocks, more than any fall
_FASTEST = 16.0  # blocks/tick: a free fall ends at 3.92
_FINITE = np.finfo(np.float64).max
_FLAG = (0, 1)

Range = tuple[float, float]
_BODY: dict[str, Range] = {"vel": (-_FASTEST, _FASTEST), "on_ground": _FLAG, "collided": _FLAG}
_PLAYER: dict[str, Range] = _BODY | {
    "yaw_deg": (-_MANY, _MANY),
    "pitch_deg": (-90, 90),
    **dict.fromkeys(("crouched", "in_water", "in_lava"), _FLAG),
    "jump_ticks": (0, _MANY),
    "fallen": (0, _FALL),
    "landed": (0, _FALL),
}
_ENTITY: dict[str, Range] = _BODY | {
    "count": (0, items.STACK),
    "age": (0, _MANY),
    "health": (0, _MANY),
    "hurt_ticks": (0, _MANY),
    "behaviour": (0, len(BEHAVIOURS) - 1),
    "front": (0, 5),
    "next": (0, codes.MAX_ROUTE),
    "legs": (0, codes.MAX_ROUTE),
    "speed": (0, 1),
    "sight": (-_FINITE, _FINITE),
    "route": (-_FINITE, _FINITE),
}
_KINDS = {codes.ITEM_ENTITY: len(items.NAME), codes.FALLING: len(block_table.NAME), codes.WALKER: len(mobs.NAME)}
_SLOT: dict[str, Range] = {"item": (0, len(items.NAME) - 1), "count": (0, items.STACK)}
_TIMER: dict[str, Range] = {"due": (1, 2 * _MANY), "what": (0, 2)}
_OBJECTIVE: dict[str, Range] = {"holds": _FLAG, "count": (0, _MANY), "met": (codes.NEVER, _MANY)}
_CONTENT: dict[str, Range] = {"count": (0, items.STACK)}
_WORLD: dict[str, Range] = {
    "tick": (0, _MANY),
    "limit": (1, _MANY),
    "ended": _FLAG,
    "health": (0, codes.HEALTH),
    **dict.fromkeys(("hurt_ticks", "last_blow", "burning"), (0, _MANY)),
    "held": (0, items.HOTBAR - 1),
    **dict.fromkeys(("attacking", "use_wait", "dig_wait"), (0, _MANY)),
    **dict.fromkeys(("using", "digging", "crowded"), _FLAG),
    "dig_item": (0, len(items.NAME) - 1),
    "dug": (0, 2),
    "changed": (0, 0),
    "changed_low": (0, 0),
    "changed_high": (0, 0),
    "log_length": (0, 0),
}
_FROM_MISSION = ("shape", "num_contents", "num_objectives")
_OBJECTIVE_FROM_MISSION = ("condition", "event", "what", "times", "parts", "place", "terminal")


def check(state: np.ndarray, blocks: np.ndarray, mission: Mission, shape: tuple[int, int, int]) -> None:
    """Raise a `UserError` unless a state, () `WORLD`, and blocks may occur in an episode of the mission.

    `shape` is that of the largest world, as for `initial_state.state_of`.
    """
    begun = initial_state.state_of(mission, shape)
    if blocks.dtype != np.uint8 or blocks.shape != mission.blocks.shape:
        raise _wrong("blocks", f"{blocks.shape} {blocks.dtype}", f"{mission.blocks.shape} uint8")
    if blocks.max() >= len(block_table.NAME):
        raise _wrong("blocks", blocks.max(), f"0 to {len(block_table.NAME) - 1}")
    _check_ranges("", state, _WORLD)
    _check_same("", state, begun, _FROM_MISSION)
    _check_ranges("player.", state["player"], _PLAYER)
    _check_ranges("slots.", state["slots"], _SLOT)
    objectives = state["objectives"][: len(mission.objectives)]
    _check_ranges("objectives.", objectives, _OBJECTIVE)
    _check_same("objectives.", state["objectives"], begun["objectives"], _OBJECTIVE_FROM_MISSION)
    _check_ranges("contents.", state["contents"], _CONTENT)
    _check_same("contents.", state["contents"], begun["contents"], ("cell", "item"))
    _check_positions("player.pos", state["player"]["pos"], blocks)
    _check_cells("dig_cell", state["dig_cell"], blocks)

    entities = state["entities"][state["entities"]["kind"] != 0]
    _check_ranges("", state, {"num_entities": (len(entities), len(entities))})
    _check_ranges("entities.", entities, {"kind": (1, len(_KINDS))} | _ENTITY)
    _check_positions("entities.pos", entities["pos"], blocks)
    for kind, number in _KINDS.items():
        _check_ranges("entities.", entities[entities["kind"] == kind], {"what": (0, number - 1)})
    timers = state["timers"][state["timers"]["due"] != 0]
    _check_ranges("", state, {"num_timers": (len(timers), len(timers))})
    _check_ranges("timers.", timers, _TIMER)
    _check_cells("timers.cell", timers["cell"], blocks)


def _check_ranges(prefix: str, record: np.ndarray, ranges: dict[str, Range]) -> None:
    for name, (low, high) in ranges.items():
        values = record[name]
        inside = (values >= low) & (values <= high)  # not a number is not inside
        if not inside.all():
            raise _wrong(prefix + name, np.extract(~inside, values)[0], f"{low:g} to {high:g}")


def _check_same(prefix: str, record: np.ndarray, expected: np.ndarray, names: tuple[str, ...]) -> None:
    for name in names:
        if record[name].tobytes() != expected[name].tobytes():
            raise _wrong(prefix + name, record[name].tolist(), f"{expected[name].tolist()}, as in the mission")


def _check_positions(name: str, positions: np.ndarray, blocks: np.ndarray) -> None:
    """The world's walls stop every body, but bodies may be as far above it as a mission may place them, and jump."""
    most = np.add(blocks.shape, (1.0, initial_state.SKY + 2.0, 1.0))
    if not ((positions >= -1.0) & (positions <= most)).all():
        raise _wrong(name, positions.tolist(), f"positions within {blocks.shape} blocks or above")


def _check_cells(name: str, cells: np.ndarray, blocks: np.ndarray) -> None:
    if not ((cells >= 0) & (cells < blocks.shape)).all():
        raise _wrong(name, cells.tolist(), f"positions within {blocks.shape} blocks")


def _wrong(name: str, value: object, expected: str) -> UserError:
    return UserError(f"the saved world has {name} {value!s:.80}, expected {expected:.160}")
