"""Locks by which processes keep off each other's files; a process that dies, however it does, has let go of its own.

They are flock's, which hold between machines too where these share a file system that supports it.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path

_FILE = ".lock"  # in a folder that is locked; it stays there


@contextlib.contextmanager
def sole(folder: Path) -> Iterator[bool]:
    """Have a folder to oneself until the end; yields False if another process has it."""
    with (folder / _FILE).open("ab") as file:
        yield lock(file.fileno())


def lock(descriptor: int) -> bool:
    """Lock an open file for as long as anybody has it open; False if somebody has. Without locks it is always True."""
    try:
        import fcntl
    except ImportError:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        return True
    return True
