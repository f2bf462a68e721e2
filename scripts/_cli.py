"""Functions that all verbs share: parsing with one-line errors, exit codes, progress, JSON output.

A verb is a file in this folder with an `Args` dataclass and `main(argv) -> int`, and ends with

    if __name__ == "__main__":
        sys.exit(_cli.run(main, "evaluate"))

Only light modules are imported at its top; torch, numba, cv2 and h5py are loaded inside `main`, after `parse`.
Exit codes: 0 success; 1 finished with a negative answer (a mismatch); 2 bad input or a file system error; 130 Ctrl-C.
"""

import contextlib
import dataclasses
import io
import json
import os
import re
import sys
import time
import types
import typing
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol, TypeVar

from mcproxy import errors
from mcproxy.errors import UserError

_MINUTE = 60.0  # seconds between lines of progress without a terminal
T = TypeVar("T")


def cores() -> int:
    """The number of CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def parse(args_type: type[T], argv: Sequence[str], verb: str, default: T | None = None) -> T:
    """The verb's arguments as its dataclass; a bad flag or value is a `UserError`, `--help` prints and exits.

    `default`, if given, replaces the defaults of the dataclass.

    A field of type `tuple[X, ...]` takes several values and may be repeated: `--arm a b` is `--arm a --arm b`. Without
    a default it needs at least one value, also as a positional argument (`tyro.conf.Positional`).
    """
    import tyro

    fields = list(_fields(args_type))
    refusal = io.StringIO()
    try:
        with contextlib.redirect_stderr(refusal):
            args = tyro.cli(
                args_type,
                args=_joined(argv, {f.flag for f in fields if f.repeatable}),
                default=typing.cast(T, default),
                prog=f"mcproxy {verb}",
                config=(tyro.conf.FlagCreatePairsOff,),
            )
    except SystemExit as stop:
        if not stop.code:
            raise
        raise UserError(_refused(argv, fields, refusal.getvalue())) from None
    for field in fields:
        if getattr(args, field.name, None) == () and (field.required or field.flag in argv):
            raise UserError(f"{field}: expected at least one value")
    return args


def run(main: Callable[[list[str]], int], verb: str, argv: Sequence[str] | None = None) -> int:
    """Call a verb's `main` and return the exit code; an error from outside becomes one line on stderr."""
    try:
        code = main(list(sys.argv[1:] if argv is None else argv))
        sys.stdout.flush()
        return code
    except UserError as error:
        return _fail(verb, str(error))
    except BrokenPipeError:  # the reader of our output has exited
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except OSError as error:
        reason, file = error.strerror or str(error), error.filename
        return _fail(verb, f"{file}: {reason}" if file is not None else reason)
    except KeyboardInterrupt:
        return _fail(verb, "interrupted", code=130)


def say(text: str) -> None:
    """Print a message for the user on stderr, so that stdout carries results alone."""
    sys.stderr.write(f"{text}\n")  # at once, so that lines of several threads stay whole
    sys.stderr.flush()


def print_json(document: Any) -> None:
    """Print one JSON document on stdout; a NaN or an infinity, which JSON lacks, is an error."""
    print(json.dumps(document, indent=2, allow_nan=False))


class Show(Protocol):
    """Update the progress of one label."""

    def __call__(self, label: str, done: float, total: float, note: str = "", is_milestone: bool = False) -> None:
        """Show `done` of `total`, followed by `note`; a milestone gets a line also where there is no terminal."""
        ...


@contextlib.contextmanager
def progress() -> Iterator[Show]:
    """Show progress on stderr: yields `show`, which may be called as often as convenient.

    A terminal gets one bar per label. Anything else gets a line a minute, at milestones, and when a label is complete.
    """
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    console = Console(stderr=True)
    counts = TextColumn("{task.completed:,.0f} of {task.total:,.0f}{task.fields[note]}")
    times = TimeElapsedColumn(), "elapsed,", TimeRemainingColumn(), "left"
    bars = Progress("{task.description}", BarColumn(), counts, *times, console=console, disable=not console.is_terminal)
    tasks: dict[str, TaskID] = {}
    complete: set[str] = set()
    latest: dict[str, float] = {}  # when a line of a label was printed, or the label first appeared

    def show(label: str, done: float, total: float, note: str = "", is_milestone: bool = False) -> None:
        note = note and f" {note}"
        if label not in tasks:
            tasks[label] = bars.add_task(label, total=total, completed=int(done), note=note)
        bars.update(tasks[label], completed=done, total=total, note=note)
        now = time.monotonic()
        if console.is_terminal or label in complete:
            return
        if done >= total:
            complete.add(label)
        if is_milestone or done >= total or now - latest.setdefault(label, now) >= _MINUTE:
            latest[label] = now
            say(f"{label}: {done:,.0f} of {total:,.0f}{note}")

    with bars:
        yield show


@dataclasses.dataclass(frozen=True)
class _Field:
    """One leaf of an arguments dataclass as the command line shows it."""

    name: str
    flag: str  # "--ppo.num-worlds"
    positional: bool
    repeatable: bool
    required: bool

    def __str__(self) -> str:
        return self.name.upper() if self.positional else self.flag


def _fields(args_type: type, prefix: str = "") -> Iterator[_Field]:
    import tyro

    hints = typing.get_type_hints(args_type, include_extras=True)
    for field in dataclasses.fields(args_type):
        hint = hints[field.name]
        marks: tuple[Any, ...] = getattr(hint, "__metadata__", ())
        hint = typing.get_args(hint)[0] if marks else hint
        if dataclasses.is_dataclass(hint):
            yield from _fields(typing.cast(type, hint), f"{prefix}{field.name}.")
            continue
        yield _Field(
            name=field.name,
            flag="--" + (prefix + field.name).replace("_", "-"),
            positional=tyro.conf.Positional in marks,
            repeatable=_is_many(hint),
            required=field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING,
        )


def _is_many(hint: Any) -> bool:
    """Whether a type is `tuple[X, ...]` or `list[X]`, or one of these or None."""
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return any(_is_many(part) for part in typing.get_args(hint))
    return typing.get_origin(hint) is list or (typing.get_origin(hint) is tuple and ... in typing.get_args(hint))


def _joined(argv: Sequence[str], repeatable: set[str]) -> list[str]:
    """The arguments with every repeated flag's values gathered behind one occurrence, at the end."""
    rest: list[str] = []
    gathered: dict[str, list[str]] = {}
    target = rest
    for token in argv:
        if token.startswith("--"):
            flag, equals, value = token.partition("=")
            flag = flag.replace("_", "-")
            target = rest
            if flag in repeatable:
                target = gathered.setdefault(flag, [])
                target.extend([value] if equals else [])
                continue
        target.append(token)
    return rest + [token for flag, values in gathered.items() for token in (flag, *values)]


def _refused(argv: Sequence[str], fields: list[_Field], refusal: str) -> str:
    """One line out of tyro's boxed `refusal`, reworded for the most common mistakes."""
    flags = {f.flag for f in fields if not f.positional}
    given = {token.partition("=")[0].replace("_", "-") for token in argv if re.match(r"--\w", token)}
    for flag in sorted(given - flags):
        return str(errors.unknown("flag", flag, sorted(flags)))
    if "Missing from" in refusal:
        missing = [str(f) for f in fields if f.required and not f.positional and f.flag not in given]
        return f"missing {', '.join(missing or [str(f) for f in fields if f.required and f.positional])}"
    lines = [line.strip("│| ") for line in refusal.splitlines()[1:]]  # without the title of tyro's box
    parts = "\n".join("" if set(line) <= set("─-╰╯") else line for line in lines).strip().split("\n\n")
    line = parts[0].replace("\n", " ")  # up to the first rule; after it comes a pointer to --help
    for pattern, ours in _WORDS.items():
        line = re.sub(pattern, ours, line)
    return line or "these arguments cannot be parsed; --help lists the valid ones"


_WORDS = {  # tyro's messages and ours
    r"^Error parsing (\S+): invalid literal for int\(\) with base 10: (.*)": r"\1 \2: expected a whole number",
    r"^Error parsing (\S+): could not convert string to float: (.*)": r"\1 \2: expected a number",
    r"^Error parsing (\S+): no type matching (.*) could be instantiated from \[(.*)\]\.": r"\1 \3: expected \2",
    r"^Error parsing (\S+): Could not parse arguments \[(.*)\] into tuple type .*Tuple\[(.*)\]": r"\1 \2: expected \3",
    r"^invalid choice (.*) for argument '(.*)'\. Expected one of \((.*)\)\.": r"\2 \1: expected one of \3",
    r"^Missing value for argument '(.*)'\. Expected (\d+) values\.": r"\1: number of values expected: \2",
    r"^Unrecognized options: (.*)": r"unexpected argument '\1'; --help lists the arguments",
}


def _fail(verb: str, message: str, code: int = 2) -> int:
    say(f"mcproxy {verb}: {' '.join(message.split())}".replace("mcproxy : ", "mcproxy: "))
    return code
