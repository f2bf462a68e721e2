"""One world in the middle of an episode, as bytes.

    magic | checksum of the rest | length of the header | header: JSON | zlib: state, blocks, events

The header has the settings of the environment, the layout's seed and the stream of the next seeds. The mission is not
stored: its task draws it from the seed, and the moves since then are made again. The bytes may come from a stranger:
whatever is wrong with them is a `UserError`.
"""

import hashlib
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

import mcproxy
from mcproxy.engine.state import EVENTS, ROW, WHAT, WORLD
from mcproxy.errors import UserError
from mcproxy.mission import Event, Mission, Move

_MAGIC = b"mcproxy world 1\n"
_MAX_HEADER = 2**16  # bytes
_MAX_EVENTS = 2**20
_ENGINE = f"{mcproxy.__version__} {hashlib.blake2b(repr(WORLD).encode(), digest_size=4).hexdigest()}"
Settings = Mapping[str, object]


@dataclass
class SavedWorld:
    """The content of the bytes.

    `state` is () `WORLD`, `blocks` (X, Y, Z) uint8, `events` (K,) `ROW`. `stream` is the state of the PCG64 from which
    the next seeds are drawn, `digest` that of the mission after its moves.
    """

    settings: dict[str, object]
    seed: int
    done: bool
    stream: dict[str, Any]
    moved: tuple[Move, ...]
    digest: str
    state: np.ndarray
    blocks: np.ndarray
    events: np.ndarray

    def to_bytes(self) -> bytes:
        """The world as bytes."""
        if len(self.events) > _MAX_EVENTS:
            raise UserError(
                f"a world with {len(self.events)} events cannot be saved, at most {_MAX_EVENTS} are possible"
            )
        header = {
            "engine": _ENGINE,
            "settings": self.settings,
            "seed": self.seed,
            "done": self.done,
            "stream": self.stream,
            "moved": self.moved,
            "digest": self.digest,
            "shape": self.blocks.shape,
            "events": len(self.events),
        }
        packed = json.dumps(header).encode()
        body = zlib.compress(self.state.tobytes() + self.blocks.tobytes() + self.events.tobytes(), 1)
        rest = len(packed).to_bytes(4, "little") + packed + body
        return _MAGIC + _checksum(rest) + rest

    @classmethod
    def from_bytes(cls, data: bytes, settings: Settings) -> "SavedWorld":
        """The world in the bytes; it has to come from the same mcproxy and an environment with the same settings."""
        start = len(_MAGIC) + len(_checksum(b""))
        if not isinstance(data, bytes) or not data.startswith(_MAGIC):
            raise UserError("these bytes are no saved world of this mcproxy: expected the result of save()")
        rest = data[start:]
        if data[len(_MAGIC) : start] != _checksum(rest):
            raise UserError("the saved world is damaged: its checksum does not match")
        length = int.from_bytes(rest[:4], "little")
        try:
            if length > _MAX_HEADER:
                raise ValueError(f"a header of {length} bytes")
            header = json.loads(rest[4 : 4 + length])
            if header["engine"] != _ENGINE:
                raise UserError(f"the saved world is of mcproxy {header['engine']!s:.40}, this is {_ENGINE}")
            _compare(header["settings"], settings)
            saved = cls._parsed(header, rest[4 + length :])
        except UserError:
            raise
        except (ValueError, KeyError, TypeError, IndexError, OverflowError, RecursionError, zlib.error) as error:
            raise UserError(f"the saved world is damaged: {' '.join(str(error).split()):.80}") from error
        return saved

    @classmethod
    def _parsed(cls, header: dict[str, Any], body: bytes) -> "SavedWorld":
        x, y, z = (_whole(side, 1, 2**15) for side in header["shape"])
        count = _whole(header["events"], 0, _MAX_EVENTS)
        sizes = WORLD.itemsize, x * y * z, count * ROW.itemsize
        inflate = zlib.decompressobj()
        parts = inflate.decompress(body, sum(sizes) + 1)
        if len(parts) != sum(sizes):
            raise ValueError(f"{len(parts)} bytes of state, expected {sum(sizes)}")
        ends = sizes[0], sizes[0] + sizes[1]
        return cls(
            settings=header["settings"],
            seed=_whole(header["seed"], 0, 2**63 - 1),
            done=bool(_whole(int(header["done"]), 0, 1)),
            stream=_stream(header["stream"]),
            moved=tuple(_move(*move) for move in header["moved"]),
            digest=str(header["digest"]),
            state=np.frombuffer(parts[: ends[0]], dtype=WORLD)[0],
            blocks=np.frombuffer(parts[ends[0] : ends[1]], dtype=np.uint8).reshape(x, y, z),
            events=np.frombuffer(parts[ends[1] :], dtype=ROW),
        )


def rows_of(events: list[Event], mission: Mission) -> np.ndarray:
    """Events as (K,) `ROW`."""
    objectives = tuple(o.name for o in mission.objectives)
    rows = np.zeros(len(events), dtype=ROW)
    for row, event in zip(rows, events, strict=True):
        row["tick"], row["kind"], row["cell"] = event.tick, EVENTS.index(event.kind), event.position
        row["what"] = WHAT.get(event.kind, objectives).index(event.what)
    return rows


def events_of(rows: np.ndarray, mission: Mission) -> list[Event]:
    """Events from (K,) `ROW`; a number that stands for nothing is a `UserError`."""
    objectives = tuple(o.name for o in mission.objectives)
    events = []
    for (tick, kind, what, _), cell in zip(rows.tolist(), rows["cell"].tolist(), strict=True):
        names = WHAT.get(EVENTS[kind], objectives) if 0 <= kind < len(EVENTS) else ()
        if not 0 <= what < len(names):
            raise UserError(f"the saved world has an event of kind {kind} and number {what}: there is none")
        events.append(Event(tick, EVENTS[kind], names[what], tuple(cell)))
    return events


def _checksum(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=16).digest()


def _compare(saved: dict[str, object], here: Settings) -> None:
    """Raise a `UserError` that names the first setting in which a saved world differs from an environment."""
    for name, value in json.loads(json.dumps(here)).items():
        if saved[name] != value:
            raise UserError(f"the saved world has {name}={saved[name]!s:.80}, this environment has {value}")


def _whole(value: object, low: int, high: int) -> int:
    if type(value) is not int or not low <= value <= high:
        raise ValueError(f"{value!s:.40}, expected a whole number from {low} to {high}")
    return value


def _move(name: object, cell: Any) -> Move:
    x, y, z = (_whole(at, 0, 2**15) for at in cell)
    return Move(str(name), (x, y, z))


def _stream(state: dict[str, Any]) -> dict[str, Any]:
    """The checked state of a PCG64."""
    return {
        "bit_generator": "PCG64",
        "state": {name: _whole(state["state"][name], 0, 2**128 - 1) for name in ("state", "inc")},
        "has_uint32": _whole(state["has_uint32"], 0, 1),
        "uinteger": _whole(state["uinteger"], 0, 2**32 - 1),
    }
