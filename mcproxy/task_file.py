"""Tasks from outside this package: from a file that a user names, or from an installed package's entry point.

Running a file is running its author's code. It happens where a user has typed the file's path and nowhere else: what
comes out of recordings, results and checkpoints is looked up by name alone (`mcproxy.registry.named`).
"""

import hashlib
import importlib.util
import os
import sys
import traceback
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType

from mcproxy.errors import UserError

GROUP = "mcproxy.tasks"  # of entry points: `north = my_package.north` offers the TASK in that module
EXPECTED = "expected TASK = register(Task(...)) in it"
_LONGEST = 400  # characters of what an exception says


def is_path(task: str) -> bool:
    """Whether what a user has typed means a file, and no name."""
    return task.endswith(".py") or "/" in task or os.sep in task


def module_at(path: str) -> ModuleType:
    """The module that a Python file is, run now unless it has been; what goes wrong in it is a `UserError`."""
    file = Path(path).expanduser().resolve()
    if file.suffix != ".py" or not file.is_file():
        reason = "is no Python file" if file.exists() else "does not exist"
        raise UserError(f"{path} {reason}: expected the file of a task, or a task's name (mcproxy tasks lists them)")
    for module in list(sys.modules.values()):
        if getattr(module, "__file__", None) == str(file):
            return module
    # Named by content: compiled kernels, which numba keeps beside the file, name it, and move along with it.
    name = f"{file.stem}_{hashlib.blake2b(file.read_bytes(), digest_size=4).hexdigest()}"
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None and spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise mistake(error) from error
    return module


def offered() -> dict[str, EntryPoint]:
    """The tasks that installed packages offer, by name; two packages that offer the same name are a `UserError`."""
    found: dict[str, EntryPoint] = {}
    for point in entry_points(group=GROUP):
        if found.setdefault(point.name, point).value != point.value:
            raise UserError(
                f"two installed packages offer a task named {point.name!r}: {found[point.name].value} and "
                f"{point.value}; uninstall one of them"
            )
    return found


def mistake(error: Exception, doing: str = "") -> UserError:
    """What a task's code raised, in one line: where (the last place within the file that was called), and what."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if not f.filename.startswith("<frozen")]
    frames = [frame for frame in frames if frame.filename not in _OURS]
    own = [f"{frame.filename}:{frame.lineno}" for frame in frames if frame.filename == frames[0].filename]
    said = " ".join(str(error).split())
    if isinstance(error, SyntaxError) and error.filename:
        own, said = [f"{error.filename}:{error.lineno}"], error.msg
    what = said if isinstance(error, UserError) else f"{type(error).__name__}: {said}".removesuffix(": ")
    what = what if len(what) <= _LONGEST else what[:_LONGEST] + "..."
    return UserError(": ".join([*own[-1:], what]) + (f" ({doing})" if doing else ""))


_OURS = (__file__, str(Path(__file__).with_name("task.py")))  # they call a task's code
