"""The embedded voxel engine: N worlds stepped and drawn together. Needs numpy and numba alone."""

import contextlib
from pathlib import Path

_PACKAGE = Path(__file__).parent.parent
_TABLES = ("blocks", "controls", "items", "mission", "mobs")
_SOURCES = [*_PACKAGE.glob("engine/*.py"), *(_PACKAGE / f"{name}.py" for name in _TABLES)]


def _drop_stale_kernels() -> None:
    """Delete compiled kernels that are older than any source they may have been compiled from.

    Numba renews a cached kernel when its own file changes, not when a kernel or a constant of another file that it was
    compiled with does. Without this, an edit or an update could go on running the old code.
    """
    newest = max(source.stat().st_mtime for source in _SOURCES)
    folders = (_PACKAGE / "engine", _PACKAGE / "tasks", _PACKAGE.parent / "tasks")  # installed, and in a checkout
    for index in (file for folder in folders for file in folder.glob("__pycache__/*.nbi")):
        with contextlib.suppress(OSError):
            if index.stat().st_mtime < newest:
                index.unlink()


_drop_stale_kernels()
