"""The one exception for whatever came from outside and cannot be used, and the did-you-mean that goes with it."""

import difflib
from collections.abc import Iterable


class UserError(ValueError):
    """Something from outside (a name, a file, a value) is wrong; the message is one line, the exit code 2.

    The line says what came, what was expected and what to do.
    """


def unknown(what: str, name: str, known: Iterable[str]) -> UserError:
    """The error for a name that is not among `known`, with the nearest one suggested."""
    known = list(known)
    near = nearest(name, known)
    hint = f"known: {', '.join(known)}" if near is None else f"did you mean {near!r}?"
    return UserError(f"unknown {what} {name!r}; {hint}")


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that is most like another, if one is much like it."""
    return next(iter(difflib.get_close_matches(name, list(known), n=1)), None)
