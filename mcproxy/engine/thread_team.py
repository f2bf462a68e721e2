"""Threads that share the worlds of one kernel call: each takes the next world from a counter until none is left.

    team.work(kernel, count)   every thread runs kernel(counter)
    next_world(counter)        in the kernel: the next world, 0 to count - 1, and more when none is left
    finish_world(counter)      in the kernel: the world is done

A world takes tens of microseconds to draw, about as long as a thread takes to wake. So no thread gets a fixed share: a
thread that wakes late takes fewer worlds. The caller takes worlds as well, and returns when all are done.
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

_BEGUN, _DONE = np.arange(2)  # the two counts of worlds in a counter
_MAX_LOOKS = 5000  # at the counter, before a waiting thread lets others run
_ALL = 2**40  # more worlds than any batch has


class ThreadTeam:
    """The calling thread and `threads` - 1 others.

    The others wait for locks, because the queue and the futures of a thread pool would cost as much as a few worlds.
    """

    def __init__(self, threads: int = 1) -> None:
        if threads < 1:
            raise ValueError(f"{threads} threads, expected 1 or more")
        self.threads = threads
        self._start()

    def _start(self) -> None:
        self._process, self._mailbox = os.getpid(), _Mailbox()
        self._bells: list[threading.Lock] = [threading.Lock() for _ in range(self.threads - 1)]
        for bell in self._bells:
            bell.acquire()
            threading.Thread(target=_serve, args=(bell, self._mailbox), name="mcproxy-team", daemon=True).start()
        # also if `close` is never called
        self._stop: weakref.finalize = weakref.finalize(self, _stop, self._mailbox, self._bells)

    def work(self, kernel: Callable[[np.ndarray], None], count: int, grain: int = 1) -> None:
        """Run `kernel(counter)` on every thread, or here alone if there are fewer than `grain` worlds for each.

        The kernel has to take worlds from the counter until none of the `count` is left, and to finish each. An
        exception on another thread is raised here, by this call or by the next.
        """
        if self._process != os.getpid():
            self._start()  # a forked process inherits no threads
        counter = np.zeros(2, dtype=np.int64)
        if count >= grain * self.threads:
            self._mailbox.job = kernel, counter
            for bell in self._bells:
                if bell.locked():  # otherwise the thread has not yet waited for it again
                    bell.release()
        kernel(counter)
        while not is_done(counter, count):
            time.sleep(0)  # let the other threads run, if there are fewer cores than threads
        if self._mailbox.failure is not None:
            failure, self._mailbox.failure = self._mailbox.failure, None
            raise failure

    def close(self) -> None:
        """Stop the threads; safe to call twice."""
        self._stop()
        self._bells.clear()


class _Mailbox:
    """The latest job of a team, and the latest exception on one of its threads."""

    def __init__(self) -> None:
        self.job: tuple[Callable[[np.ndarray], None], np.ndarray] | None = None
        self.failure: BaseException | None = None


def _stop(mailbox: _Mailbox, bells: list[threading.Lock]) -> None:
    mailbox.job = None
    for bell in bells:
        if bell.locked():
            bell.release()


def _serve(bell: threading.Lock, mailbox: _Mailbox) -> None:
    """The loop of the other threads: each time that the lock is released, they do the latest job."""
    while bell.acquire() and (job := mailbox.job) is not None:
        kernel, counter = job
        try:
            kernel(counter)
        except BaseException as failure:
            mailbox.failure = failure
            counter[:] = _ALL  # so that the caller does not wait for its worlds


CALLING_THREAD = ThreadTeam()


@njit(nogil=True, cache=True)
def next_world(counter: np.ndarray) -> int:
    """The number of the next world, counted from 0; no world is left if it is not less than their number."""
    return _add(counter, _BEGUN, 1)


@njit(nogil=True, cache=True)
def finish_world(counter: np.ndarray) -> None:
    """Count a world as done."""
    _add(counter, _DONE, 1)


@njit(nogil=True, cache=True)
def is_done(counter: np.ndarray, count: int) -> bool:
    """Whether `count` worlds are done; waits for it, spinning, for about the time that a world takes."""
    looks, done = 0, 0
    while done < count and looks < _MAX_LOOKS:
        done, looks = _add(counter, _DONE, 0), looks + 1
    return done >= count


def _atomic_add(context: Any, array: Any, index: Any, value: Any) -> Any:  # noqa: ARG001
    """Add to an element of an int64 array in one step that no other thread can interrupt; returns the old value."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind = signature.args[0]
        view = context.make_array(kind)(context, builder, arguments[0])
        element = cgutils.get_item_pointer(context, builder, kind, view, [arguments[1]])
        return builder.atomic_rmw("add", element, arguments[2], "seq_cst")

    return types.int64(types.Array(types.int64, 1, "C"), types.int64, types.int64), generate


_add: Any = intrinsic(_atomic_add)
