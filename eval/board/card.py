"""The card of a submission: what a reader has to know of a policy, and re-execution cannot tell."""

import importlib
import json
import sys
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from mcproxy import errors
from mcproxy.errors import UserError

FILE = "card.toml"
MAX_BYTES = 64 * 2**10
MAX_TEXT, MAX_LIST = 2000, 100
MAX_NAME = 100
MAX_NUMBER = 10**15


@dataclass(frozen=True)
class Card:
    """What the submitters say of a policy; nothing in it is verified."""

    name: str  # of the method, as the board shows it
    authors: list[str]
    architecture: str
    training_data: str  # which worlds and arms, and whether there was anything else, such as demonstrations
    steps: int  # environment steps of training, of each seed
    seeds: list[int]  # of training, one for each policy of the submission
    machine: str  # on which it was trained
    licence: str  # of the weights, or of the code
    url: str = ""
    notes: str = field(default="")

    def __post_init__(self) -> None:
        for name in ("name", "architecture", "training_data", "machine", "licence", "url", "notes"):
            optional = name in ("url", "notes")
            _text(name, getattr(self, name), MAX_NAME if name == "name" else MAX_TEXT, optional)
        _list("authors", self.authors, str)
        for author in self.authors:
            _text("authors", author, MAX_NAME)
        _list("seeds", self.seeds, int)
        if len(set(self.seeds)) < len(self.seeds):
            raise UserError(f"card: seeds={self.seeds}: expected each training seed once")
        for number in (self.steps, *self.seeds):
            if type(number) is not int or not 0 <= number <= MAX_NUMBER:
                raise UserError("card: steps and seeds: expected whole numbers from 0 on")
        if self.url and not self.url.startswith(("https://", "http://")):
            raise UserError("card: url: expected one that begins with https://")


def _text(name: str, value: Any, limit: int, optional: bool = False) -> None:
    if not isinstance(value, str) or len(value) > limit or not value.isprintable() or not (value.strip() or optional):
        raise UserError(f"card: {name}: expected a line of text of {limit} characters at most")


def _list(name: str, value: Any, kind: type) -> None:
    if not isinstance(value, list) or not 0 < len(value) <= MAX_LIST or any(type(v) is not kind for v in value):
        raise UserError(f"card: {name}: expected a list of {'text' if kind is str else 'whole numbers'}, not empty")


def read(file: Path) -> Card:
    """The card in a TOML file; one that is missing, too large or not valid is a `UserError`."""
    if not file.is_file() or file.is_symlink():
        raise UserError(f"{file} is missing: mcproxy submit RUN --template prints one to fill in")
    if file.stat().st_size > MAX_BYTES:
        raise UserError(f"{file} is larger than a card ever is ({MAX_BYTES} bytes)")
    toml = importlib.import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    try:
        plain = toml.loads(file.read_bytes().decode())
    except (ValueError, RecursionError) as error:
        raise UserError(f"{file} is not TOML: {' '.join(str(error).split())[:200]}") from None
    known = {f.name for f in fields(Card)}
    for name in plain:
        if name not in known:
            raise errors.unknown("field of the card", name[:MAX_NAME], sorted(known))
    missing = sorted(f.name for f in fields(Card) if f.name not in plain and f.name not in ("url", "notes"))
    if missing:
        raise UserError(f"{file} has no {', '.join(missing)}: fill in every field")
    return Card(**plain)


def to_toml(card: Card) -> str:
    """The card as TOML."""
    return "".join(f"{name} = {json.dumps(value, ensure_ascii=False)}\n" for name, value in asdict(card).items())


def template(policies: dict[str, dict[str, Any]]) -> str:
    """A card to fill in, with what the configs of mcproxy's checkpoints already say."""
    runs = [config.get("run", {}) for config in policies.values()]
    known = len(runs) > 0 and all(isinstance(run, dict) and run for run in runs)
    steps = [config.get("steps", 0) for config in policies.values()]
    first = runs[0] if known else {}
    trained = f"{first.get('task')}, arm {first.get('arm')}, rho {first.get('rho')}" if known else ""
    filled = {
        "name": next(iter(policies), ""),
        "authors": [""],
        "architecture": f"mcproxy {first.get('arch')}" if known else "",
        "training_data": trained,
        "steps": steps[0] if known else 0,
        "seeds": [run.get("seed", k) for k, run in enumerate(runs)] or [0],
        "machine": "",
        "licence": "",
        "url": "",
        "notes": "",
    }
    return "".join(f"{name} = {json.dumps(value, ensure_ascii=False)}\n" for name, value in filled.items())
