"""Settings that hold for every test, and for every process that a test starts."""

import contextlib
import fcntl
import os
import signal
from collections.abc import Callable, Iterator
from typing import Any

# Every test uses small networks, for which a second thread of torch costs more than it gains. torch reads this once.
os.environ["OMP_NUM_THREADS"] = "1"

# A shell that starts a job in the background has it ignore Ctrl-C, and so would all that the tests start.
signal.signal(signal.SIGINT, signal.default_int_handler)

from numba.core.caching import IndexDataCacheFile  # noqa: E402


@contextlib.contextmanager
def locked(folder: str, kind: int) -> Iterator[None]:
    file = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(file, kind)
        yield
    finally:
        os.close(file)


def alone(method: Callable[..., Any], kind: int) -> Callable[..., Any]:
    def call(cache: Any, *args: Any) -> Any:
        with locked(cache._cache_path, kind):
            return method(cache, *args)

    return call


# Tests run in several processes. Two that save kernels of one function at once may give both the same file, and one
# that loads may find a file of before: then a process runs another kernel than it asked for.
IndexDataCacheFile.save = alone(IndexDataCacheFile.save, fcntl.LOCK_EX)  # type: ignore[method-assign]
IndexDataCacheFile.load = alone(IndexDataCacheFile.load, fcntl.LOCK_SH)  # type: ignore[method-assign]
