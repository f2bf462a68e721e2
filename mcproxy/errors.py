"""The exception for unusable input from outside, and the suggestion of the nearest known name."""

import difflib
from collections.abc import Iterable


class UserError(ValueError):
    """An input from outside (a name, a file, a value) is wrong; the message is one line, the exit code 2.

    The message states what was given, what was expected and how to fix it. If the value of a setting is wrong, `field`
    names the setting, and `problem` is the message without that name; the command line and plans put a flag or a key
    in its place.
    """

    def __init__(self, problem: str, field: str | None = None) -> None:
        super().__init__(problem if field is None else f"{field}={problem}")
        self.problem, self.field = problem, field

    def __reduce__(self) -> tuple[type["UserError"], tuple[str, str | None]]:
        return type(self), (self.problem, self.field)


def unknown(what: str, name: str, known: Iterable[str]) -> UserError:
    """The error for a name that is not among `known`, with the nearest one suggested."""
    known = list(known)
    near = nearest(name, known)
    hint = f"known: {', '.join(known)}" if near is None else f"did you mean {near!r}?"
    return UserError(f"unknown {what} {name!r}; {hint}")


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name closest to `name`; None if none is close."""
    return next(iter(difflib.get_close_matches(name, list(known), n=1)), None)
