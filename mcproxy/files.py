"""Files written whole, folders held by one process, and older files set aside until new ones are written."""

import contextlib
import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

_LOCK = ".lock"  # in a folder that is locked; it stays there
_ASIDE = ".replaced"  # holds what `set_aside` moved


def holds_files(folder: Path) -> bool:
    """Whether a folder exists and holds more than hidden files, such as an interrupted `whole` leaves."""
    return folder.is_dir() and any(not path.name.startswith(".") for path in folder.iterdir())


@contextlib.contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Yield a hidden file beside `path`; when the block ends, it is flushed to disk and renamed to `path`.

    If the block raises, an older file at `path` stays as it was, and nothing of the new one remains.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield part
        with part.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


@contextlib.contextmanager
def exclusive(folder: Path) -> Iterator[bool]:
    """Lock a folder until the block ends; yields False if another process holds it."""
    with (folder / _LOCK).open("ab") as file:
        yield lock(file.fileno())


def lock(descriptor: int) -> bool:
    """Lock an open file as long as it stays open; False if another process has locked it.

    The lock is flock's: a process that dies releases it, and it holds between machines whose shared file system
    supports it. On a system without such locks the result is always True.
    """
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


def set_aside(folder: Path, patterns: Sequence[str]) -> None:
    """Move what matches the glob patterns in a folder into a hidden folder in it, in the order of the patterns."""
    _move(folder, folder / _ASIDE, patterns)


def recover(folder: Path, patterns: Sequence[str], written: Path) -> None:
    """Delete what `set_aside` moved if the file `written` exists; otherwise move it back, in reverse order.

    List the file that marks the older files as complete first among the patterns: it leaves first and returns last,
    so that a kill at any moment leaves either everything set aside or an incomplete folder that recovers again.
    """
    aside = folder / _ASIDE
    if aside.is_dir():
        if not written.exists():
            _move(aside, folder, patterns[::-1])
        shutil.rmtree(aside)


def remove(path: Path) -> None:
    """Delete a file, a link or a folder, if it exists."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _move(source: Path, target: Path, patterns: Sequence[str]) -> None:
    for pattern in patterns:
        for path in source.glob(pattern):
            goal = target / path.relative_to(source)
            goal.parent.mkdir(parents=True, exist_ok=True)
            if goal.is_dir():
                remove(goal)
            os.replace(path, goal)
