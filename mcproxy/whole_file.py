"""Files that are put in place whole or not at all, and folders and files that one process has to itself."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path


def holds_files(folder: Path) -> bool:
    """Whether a folder is there and holds more than hidden files, such as a kill leaves of a first `whole`."""
    return folder.is_dir() and any(not path.name.startswith(".") for path in folder.iterdir())


@contextlib.contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Yield a hidden file beside `path` to be written, which then is on the disk and takes its name.

    Whatever is raised meanwhile leaves an older file at `path` as it was, and no part of the new one.
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
def sole(folder: Path) -> Iterator[bool]:
    """Hold a folder until the end; yields False if another process holds it, and True where nothing can be locked."""
    descriptor = os.open(folder, os.O_RDONLY) if os.name == "posix" else None  # elsewhere folders cannot be opened
    try:
        yield descriptor is None or lock(descriptor)
    finally:
        if descriptor is not None:
            os.close(descriptor)


def lock(descriptor: int) -> bool:
    """Lock what is open for as long as anybody has it open; False if somebody has. Without locks it is always True."""
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
