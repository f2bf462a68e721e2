"""What Malmo has no word for, as the JSON document in a mission's `About/Description`, both ways.

That element takes any text, Malmo reads it nowhere (its Summary becomes a chat message), and MineRL passes it on
unchanged. What the other elements say exactly is not said again, so the two cannot disagree.
"""

import dataclasses
import json
from collections.abc import Callable
from typing import Any

import numpy as np

from mcproxy import blocks as block_table
from mcproxy.errors import UserError
from mcproxy.malmo.xml import vocabulary
from mcproxy.mission import Happened, Inside, Mission, Mob, Objective, Origin, Possess, Reach, Stack, Touch

MARK = "mcproxy mission 1 "  # begins a Description that is ours
CONTAINERS = ("chest", "trapped_chest")  # that Malmo can fill
_CONDITIONS = {kind.__name__: kind for kind in (Touch, Reach, Inside, Happened, Possess)}
_MOST = 1024  # entries of a list


def wordless(mission: Mission) -> str:
    """The text that goes with a mission's XML."""
    objectives = []
    for objective in mission.objectives:
        condition = {"is": type(objective.condition).__name__} | dataclasses.asdict(objective.condition)
        objectives.append(dataclasses.asdict(objective) | {"condition": condition})
    said: dict[str, Any] = {"size": list(mission.blocks.shape), "max_ticks": int(mission.max_ticks)}
    said |= {"layout": mission.layout, "objectives": objectives}
    said |= {name: True for name in ("flipped", "mirrored", "dark") if getattr(mission, name)}
    if mission.places:
        said["places"] = [list(map(int, cell)) for cell in mission.places]
    if mission.origin is not None:
        said["origin"] = dataclasses.asdict(mission.origin)
    if abs(mission.yaw_deg) > 360:
        said["yaw_deg"] = mission.yaw_deg
    if not 0 <= mission.time_of_day < 24000:
        said["time_of_day"] = int(mission.time_of_day)
    if mission.mobs:
        said["mobs"] = [dataclasses.asdict(mob) for mob in mission.mobs]
    if any(tuple(at) != tuple(np.floor(at) + 0.5) or stack.count > 1 for at, stack in mission.drops):
        said["drops"] = [[list(at), stack.item, stack.count] for at, stack in mission.drops]
    if mission.contents != tuple((cell, s) for cell, stacks in filled_chests(mission).items() for s in stacks):
        said["contents"] = [[list(map(int, cell)), stack.item, stack.count] for cell, stack in mission.contents]
    return MARK + json.dumps(said, separators=(",", ":"), default=lambda number: number.item())


def filled_chests(mission: Mission) -> dict[tuple[int, ...], list[Stack]]:
    """What is in the chests that Malmo can fill, by their cells."""
    filled: dict[tuple[int, ...], list[Stack]] = {}
    for cell, stack in mission.contents:
        if vocabulary.BLOCKS[block_table.NAME[mission.blocks[tuple(cell)]]].type in CONTAINERS:
            filled.setdefault(tuple(cell), []).append(stack)
    return filled


def read_wordless(text: str) -> dict[str, Any]:
    """The fields of a `Mission` that such a text has, and its `size`, (X, Y, Z)."""
    try:
        said = json.loads(text.removeprefix(MARK))
        fields = {name: _READERS[name](value) for name, value in said.items()}
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
        reason = f"{type(error).__name__}: {error}"[:120]
        raise UserError(f"the Description of the mission is not what this mcproxy writes ({reason})") from None
    missing = {"size", "max_ticks", "layout", "objectives"} - fields.keys()
    if missing:
        raise UserError(f"the Description of the mission lacks {', '.join(sorted(missing))}")
    return fields


def _is(kind: type) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        if type(value) is not kind:
            raise TypeError(f"{value!r:.40} is no {kind.__name__}")
        return value

    return read


def _number(value: Any) -> float:
    if type(value) not in (int, float):
        raise TypeError(f"{value!r:.40} is no number")
    return value


def _many(read: Callable[[Any], Any], count: int | None = None) -> Callable[[Any], tuple]:
    def read_all(value: Any) -> tuple:
        if type(value) is not list or len(value) > _MOST or (count is not None and len(value) != count):
            raise TypeError(f"{value!r:.40} is no list of {count or 'things'}")
        return tuple(read(v) for v in value)

    return read_all


_whole, _text = _is(int), _is(str)
_point = _many(_number, 3)
_FIELDS: dict[type, dict[str, Callable[[Any], Any]]] = {
    Touch: {"block": _text},
    Reach: {"position": _point, "tolerance": _number},
    Inside: {"low": _point, "high": _point},
    Happened: {"event": _text, "what": _text, "times": _whole, "of": _whole},
    Possess: {"item": _text, "count": _whole},
    Mob: {
        "kind": _text,
        "position": _point,
        "behaviour": _text,
        "speed": _number,
        "sight": _number,
        "route": _many(_many(_number, 2)),
        "yaw_deg": _number,
    },
    Origin: {"task": _text, "version": _whole, "arm": _text, "split": _text, "seed": _whole, "rho": _number},
}


def _made(kind: type) -> Callable[[Any], Any]:
    def make(value: dict[str, Any]) -> Any:
        return kind(**{name: _FIELDS[kind][name](v) for name, v in value.items()})

    return make


def _objective(value: dict[str, Any]) -> Objective:
    condition = dict(value["condition"])
    kind = _CONDITIONS[condition.pop("is")]
    rest = {"name": _text(value["name"]), "kind": _text(value["kind"]), "reward": float(_number(value["reward"]))}
    if len(value) != 4:
        raise KeyError("an objective has a name, a kind, a condition and a reward")
    return Objective(condition=_made(kind)(condition), **rest)


def _placed(point: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        at, item, count = value
        return point(at), Stack(_text(item), _whole(count))

    return read


_READERS: dict[str, Callable[[Any], Any]] = {
    "size": _many(_whole, 3),
    "max_ticks": _whole,
    "layout": _text,
    "objectives": _many(_objective),
    "flipped": _is(bool),
    "mirrored": _is(bool),
    "dark": _is(bool),
    "places": _many(_many(_whole, 3)),
    "origin": _made(Origin),
    "yaw_deg": _number,
    "time_of_day": _whole,
    "mobs": _many(_made(Mob)),
    "drops": _many(_placed(_point)),
    "contents": _many(_placed(_many(_whole, 3))),
}
