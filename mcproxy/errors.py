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
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known)}"
    return UserError(f"unknown {what} {name!r}; {hint}")
