"""Threads that share the worlds of one kernel call: each takes the next world from a counter until none is left.

    crew.work(kernel, count): every thread runs kernel(counter) -> `take(counter)`, 0 to count - 1, ... `give(counter)`

A world takes tens of microseconds to draw, about as long as a thread takes to wake. So nobody gets a fixed part: who
wakes late takes fewer worlds. The caller takes worlds as well, and returns when all are given back.
"""

import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

_TAKEN, _GIVEN = np.arange(2)  # what a counter counts


class Crew:
    """The calling thread and `threads` - 1 others."""

    def __init__(self, threads: int = 1) -> None:
        if threads < 1:
            raise ValueError(f"a crew of {threads} threads, expected 1 or more")
        self.threads = threads
        self._hire()

    def _hire(self) -> None:
        """Start threads of this process: a forked one inherits none."""
        self._process, self._others = os.getpid(), list[Future]()
        self._pool = ThreadPoolExecutor(self.threads - 1, "mcproxy-crew") if self.threads > 1 else None

    def work(self, kernel: Callable[[np.ndarray], None], count: int, grain: int = 1) -> None:
        """Run `kernel(counter)` on every thread, or here alone if there are fewer than `grain` worlds for each.

        It is to take worlds from the counter until none of the `count` is left, and to return when all are given back.
        """
        counter = np.zeros(2, dtype=np.int64)
        if self._process != os.getpid():
            self._hire()
        for other in self._others:
            other.result()  # it has nothing left to do, but may not have returned; if it failed, it fails here
        self._others = []
        if self._pool is not None and count >= grain * self.threads:
            self._others = [self._pool.submit(kernel, counter) for _ in range(self.threads - 1)]
        kernel(counter)

    def close(self) -> None:
        """Let the threads go; safe to call twice."""
        if self._pool is not None:
            self._pool.shutdown(wait=self._process == os.getpid())
            self._pool = None


ALONE = Crew()


@njit(nogil=True, cache=True)
def take(counter: np.ndarray) -> int:
    """Take the next world: its number, counted from 0; there is none where that is too large."""
    return _add(counter, _TAKEN, 1)


@njit(nogil=True, cache=True)
def give(counter: np.ndarray) -> None:
    """Give a world back that is done."""
    _add(counter, _GIVEN, 1)


@njit(nogil=True, cache=True)
def wait_for(counter: np.ndarray, count: int) -> None:
    """Wait until so many worlds are given back: for the time of one world at most, so without sleeping."""
    while _add(counter, _GIVEN, 0) < count:
        pass


def _atomic_add(context: Any, array: Any, index: Any, value: Any) -> Any:  # noqa: ARG001
    """Add to an element of an int64 array in one step that no other thread can see half of; returns what was there."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind = signature.args[0]
        view = context.make_array(kind)(context, builder, arguments[0])
        element = cgutils.get_item_pointer(context, builder, kind, view, [arguments[1]])
        return builder.atomic_rmw("add", element, arguments[2], "seq_cst")

    return types.int64(types.Array(types.int64, 1, "C"), types.int64, types.int64), generate


_add: Any = intrinsic(_atomic_add)
