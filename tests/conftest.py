"""Settings that hold for every test, and for every process that a test starts."""

import fcntl
import os
import signal
from pathlib import Path
from typing import Any

import pytest

# Every test uses small networks, for which a second thread of torch costs more than it gains. torch reads this once.
os.environ["OMP_NUM_THREADS"] = "1"

# A shell that starts a job in the background has it ignore Ctrl-C, and so would all that the tests start.
signal.signal(signal.SIGINT, signal.default_int_handler)

from numba.core.compiler_lock import global_compiler_lock  # noqa: E402
from numba.core.dispatcher import Dispatcher  # noqa: E402

from mcproxy import registry  # noqa: E402
from mcproxy.engine import precompile  # noqa: E402


def pytest_configure(config: pytest.Config) -> None:
    """Compile what most tests need before the first worker of pytest-xdist starts, as each would compile it again."""
    if getattr(config.option, "numprocesses", None) and not hasattr(config, "workerinput"):
        precompile.compile_first_step()
        for name in registry.names():
            task = registry.named(name)
            for arm in task.arms:
                task.mission(0, arm)
        precompile.wait()


_compile = Dispatcher.compile
_compiling: set[str] = set()  # the locks that this process holds


def _compile_alone(kernel: Any, signature: Any) -> Any:
    """Compile or load a kernel while no other worker does: two would compile it twice, and mix up the files."""
    if not kernel.stats.cache_path:
        return _compile(kernel, signature)
    lock = str(Path(kernel.stats.cache_path, f"{kernel._cache._impl.filename_base}.lock"))
    with global_compiler_lock:
        if lock in _compiling:
            return _compile(kernel, signature)
        with open(lock, "w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            _compiling.add(lock)
            try:
                return _compile(kernel, signature)
            finally:
                _compiling.remove(lock)


Dispatcher.compile = _compile_alone  # type: ignore[assignment, method-assign]
