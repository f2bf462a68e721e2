"""Taps: named places in a network at which activations can be read, and others put in their place.

A network hands each tensor that has a name to `tap` and uses what it gets back, which is the same tensor unless the
thread is inside of `tapped`. Torch's own hooks are those of modules; an LSTM's states and functional layers have none.
"""

import contextlib
import threading
from collections.abc import Callable, Iterator

from torch import Tensor

_thread = threading.local()


def tap(name: str, values: Tensor) -> Tensor:
    """The tensor itself, or what the visitor of this thread returns for it; the first axis is worlds."""
    visit = getattr(_thread, "visit", None)
    return values if visit is None else visit(name, values)


@contextlib.contextmanager
def tapped(visit: Callable[[str, Tensor], Tensor]) -> Iterator[None]:
    """Call `visit(name, values)` for every tap of this thread until the block ends."""
    _thread.visit = visit
    try:
        yield
    finally:
        _thread.visit = None
