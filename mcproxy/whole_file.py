"""Files that are put in place whole or not at all."""

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
