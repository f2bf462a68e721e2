"""Threads that share the worlds of one kernel call: each takes the next world from a counter until none is left.

    crew.work(kernel, count): every thread runs kernel(counter) -> `take(counter)`, 0 to count - 1, ... `give(counter)`

A world takes tens of microseconds to draw, about as long as a thread takes to wake. So nobody gets a fixed part: who
wakes late takes fewer worlds. The caller takes worlds as well, and returns when all are given back.
"""

import os
import threading
import time
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

_TAKEN, _GIVEN = np.arange(2)  # what a counter counts
_PATIENCE = 5000  # looks at the counter
_PLENTY = 2**40  # more worlds than there can be


class Crew:
    """The calling thread and `threads` - 1 others, which wait for locks: a pool's queue and futures would cost as much
    as a few worlds.
    """

    def __init__(self, threads: int = 1) -> None:
        if threads < 1:
            raise ValueError(f"a crew of {threads} threads, expected 1 or more")
        self.threads = threads
        self._hire()

    def _hire(self) -> None:
        self._process, self._post = os.getpid(), _Post()
        self._bells: list[threading.Lock] = [threading.Lock() for _ in range(self.threads - 1)]
        for bell in self._bells:
            bell.acquire()
            threading.Thread(target=_help, args=(bell, self._post), name="mcproxy-crew", daemon=True).start()
        # also where nobody closes it
        self._dismiss: weakref.finalize = weakref.finalize(self, _dismiss, self._post, self._bells)

    def work(self, kernel: Callable[[np.ndarray], None], count: int, grain: int = 1) -> None:
        """Run `kernel(counter)` on every thread, or here alone if there are fewer than `grain` worlds for each.

        It is to take worlds from the counter until none of the `count` is left, and to give each back.
        What fails on another thread is raised here, by this call or by the next.
        """
        if self._process != os.getpid():
            self._hire()  # a forked process inherits no threads
        counter = np.zeros(2, dtype=np.int64)
        if count >= grain * self.threads:
            self._post.job = kernel, counter
            for bell in self._bells:
                if bell.locked():  # else it has not come back to it since the last ring
                    bell.release()
        kernel(counter)
        while not is_done(counter, count):
            time.sleep(0)  # let whoever has the rest go on, should there be fewer cores than threads
        if self._post.failure is not None:
            failure, self._post.failure = self._post.failure, None
            raise failure

    def close(self) -> None:
        """Let the threads go; safe to call twice."""
        self._dismiss()
        self._bells.clear()


class _Post:
    """Where a crew leaves its latest job, and a thread what went wrong."""

    def __init__(self) -> None:
        self.job: tuple[Callable[[np.ndarray], None], np.ndarray] | None = None
        self.failure: BaseException | None = None


def _dismiss(post: _Post, bells: list[threading.Lock]) -> None:
    post.job = None
    for bell in bells:
        if bell.locked():
            bell.release()


def _help(bell: threading.Lock, post: _Post) -> None:
    """What the other threads do: at each ring, the latest job."""
    while bell.acquire() and (job := post.job) is not None:
        kernel, counter = job
        try:
            kernel(counter)
        except BaseException as failure:
            post.failure = failure
            counter[:] = _PLENTY  # so that nobody waits for the worlds that it took


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
def is_done(counter: np.ndarray, count: int) -> bool:
    """Whether so many worlds are given back; waits for it, spinning, about as long as a world takes."""
    looks, given = 0, 0
    while given < count and looks < _PATIENCE:
        given, looks = _add(counter, _GIVEN, 0), looks + 1
    return given >= count


def _atomic_add(context: Any, array: Any, index: Any, value: Any) -> Any:  # noqa: ARG001
    """Add to an element of an int64 array in one step that no other thread can see half of; returns what was there."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind = signature.args[0]
        view = context.make_array(kind)(context, builder, arguments[0])
        element = cgutils.get_item_pointer(context, builder, kind, view, [arguments[1]])
        return builder.atomic_rmw("add", element, arguments[2], "seq_cst")

    return types.int64(types.Array(types.int64, 1, "C"), types.int64, types.int64), generate


_add: Any = intrinsic(_atomic_add)
