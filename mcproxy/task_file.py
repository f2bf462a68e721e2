"""Tasks from outside this package: from a file that a user names, or from an installed package's entry point.

Running a task file runs its author's code, so this happens only if a user has typed the path of the file. Tasks that
recordings, results and checkpoints name are looked up by name only (`mcproxy.registry.named`).
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
_LONGEST = 400  # characters of an exception's message


def is_path(task: str) -> bool:
    """Whether a user has typed the path of a file and not a name."""
    return task.endswith(".py") or "/" in task or os.sep in task


def module_at(path: str) -> ModuleType:
    """The module of a Python file, which is run once; an exception in it is a `UserError`."""
    file = Path(path).expanduser().resolve()
    if file.suffix != ".py" or not file.is_file():
        reason = "is not a Python file" if file.exists() else "does not exist"
        raise UserError(f"{path} {reason}: expected the file of a task, or a task's name (mcproxy tasks lists them)")
    for module in list(sys.modules.values()):
        if getattr(module, "__file__", None) == str(file):
            return module
    # Named by its content: the kernels that numba caches beside the file hold this name, and stay valid if both move.
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
    """An exception in a task's code as one line: the last place in the called file, and the message."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if not f.filename.startswith("<frozen")]
    frames = [frame for frame in frames if frame.filename not in _OURS]
    own = [f"{frame.filename}:{frame.lineno}" for frame in frames if frame.filename == frames[0].filename]
    message = " ".join(str(error).split())
    if isinstance(error, SyntaxError) and error.filename:
        own, message = [f"{error.filename}:{error.lineno}"], error.msg
    problem = message if isinstance(error, UserError) else f"{type(error).__name__}: {message}".removesuffix(": ")
    problem = problem if len(problem) <= _LONGEST else problem[:_LONGEST] + "..."
    return UserError(": ".join([*own[-1:], problem]) + (f" ({doing})" if doing else ""))


_OURS = (__file__, str(Path(__file__).with_name("task.py")))  # these files call a task's code
