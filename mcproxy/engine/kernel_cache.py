"""The compiled kernels that numba keeps on disk: where they are kept, and which of them are too old.

Numba compiles a cached kernel anew when the kernel's own file changes, but not when another file changes from which
the kernel takes a function or a constant. Without this check, an edit or an update could leave the old code running.
"""

import atexit
import contextlib
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

_TABLES = ("blocks", "controls", "items", "mission", "mobs")  # the files beside the rooms whose constants kernels hold
_ROOMS = ("engine", "env", "experts", "malmo", "tasks")  # the folders with kernels, each with all that is below it


def _rooms(package: Path) -> list[Path]:
    """Return the folders with kernels. In a checkout, `tasks` lies beside the package; installed, it lies inside."""
    rooms = [package / name for name in _ROOMS]
    return [room for room in (*rooms, package.parent / "tasks") if room.is_dir()]


def sources(package: Path) -> list[Path]:
    """Return every file from which a kernel of the package in this folder may be compiled."""
    files = [package / f"{name}.py" for name in _TABLES]
    for room in _rooms(package):
        files += room.rglob("*.py")
    return files


def _indexes(package: Path) -> Iterator[Path]:
    """Yield numba's index files, one a kernel: beside the sources, or below `NUMBA_CACHE_DIR` where that is set."""
    elsewhere = os.environ.get("NUMBA_CACHE_DIR")
    for room in _rooms(package):
        yield from room.rglob("__pycache__/*.nbi")
        if elsewhere:
            for folder in (room, *(path for path in room.rglob("*") if path.is_dir() and path.name != "__pycache__")):
                digest = hashlib.sha1(str(folder.absolute()).encode()).hexdigest()  # as numba 0.61 to 0.66 names them
                yield from Path(elsewhere, f"{folder.name}_{digest}").glob("*.nbi")


def drop_stale(package: Path) -> None:
    """Delete the index of every cached kernel in `package` that is older than the newest source of a kernel."""
    newest = max(source.stat().st_mtime for source in sources(package))
    for index in _indexes(package):
        with contextlib.suppress(OSError):  # another process deletes it as well, or the folder is read-only
            if index.stat().st_mtime < newest:
                index.unlink()


def ensure_folder(package: Path) -> None:
    """Let numba keep kernels in a temporary folder of this process, if it can write to none of its own.

    Numba keeps them beside the sources, or in the user's cache folder where `package` is read-only; without either it
    refuses to compile. The temporary folder is deleted when the process ends.
    """
    if os.environ.get("NUMBA_CACHE_DIR") or _is_writable(package / "engine" / "__pycache__"):
        return
    import numba
    from numba.misc.appdirs import AppDirs

    if not _is_writable(Path(AppDirs(appname="numba", appauthor=False).user_cache_dir)):
        folder = tempfile.mkdtemp(prefix="mcproxy-kernels-")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        os.environ["NUMBA_CACHE_DIR"] = folder
        numba.config.reload_config()


def _is_writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False
