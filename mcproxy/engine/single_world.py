"""A batch of one world, for callers that need one step and one frame at a time: the same results at less cost.

`Worlds` checks and prepares the arguments of every call, which costs little for 64 worlds and most of the time for one.
Here the same kernels run on arrays that were checked once.
"""

from collections.abc import Callable, Sequence

import numpy as np

from mcproxy.controls import ACTION_REPEAT
from mcproxy.engine.state import LOG_TICKS
from mcproxy.engine.tick import see
from mcproxy.engine.view import FOV_DEG
from mcproxy.engine.worlds import Worlds


class SingleWorld(Worlds):
    """`Worlds` of a single world, with the same arguments; `step` trusts its caller to pass valid keys."""

    def __init__(
        self,
        num_worlds: int,
        shape: tuple[int, int, int],
        resolution: tuple[int, int],
        fov_deg: float = FOV_DEG,
        action_repeat: int = ACTION_REPEAT,
        threads: int = 1,
    ) -> None:
        if num_worlds != 1:
            raise ValueError(f"{num_worlds} worlds, expected 1")
        super().__init__(num_worlds, shape, resolution, fov_deg, action_repeat, threads)
        self._counter, self._active = np.zeros(2, dtype=np.int64), np.ones(1, dtype=np.bool_)
        self._log_length, self._changed = self.state["log_length"], self.state["changed"]  # (1,) int64, views
        self._prepared: tuple[np.ndarray, Callable[[np.ndarray], None]] | None = None  # an array, and how to draw it

    def step(self, keys: np.ndarray, active: np.ndarray | None = None) -> None:
        """Advance the world by one step of `keys`, (1, len(CONTROLS)) int8, unless it has ended or is not `active`."""
        active, kernel = self._active if active is None else active, self._kernel(keys)
        for begin in range(0, self.action_repeat, LOG_TICKS):
            self._counter[:] = 0
            kernel(self._counter, min(LOG_TICKS, self.action_repeat - begin), keys, active, self._blocks, self.state)
            if self._log_length[0]:
                self._collect_events(0)

    def render(self, out: np.ndarray | None = None, only: Sequence[int] | None = None) -> np.ndarray:
        """Draw the world as `Worlds.render` does; drawing into the same array again skips the checks."""
        if out is None or self._changed[0] or self._prepared is None or self._prepared[0] is not out:
            out = super().render(out, only)
            self._prepared = out, self._renderer.prepare(*self._view(out, self._all))
            return out
        see(self._blocks, self.state, self._eyes, self._yaw_deg, self._pitch_deg, self._sprites, self._sprite_counts)
        self._counter[:] = 0
        self._prepared[1](self._counter)
        if self._altered:
            self._alter(out, self._all)
        return out

    def _show(self, index: int) -> None:
        self._prepared = None  # the renderer may store the new blocks in other arrays
        super()._show(index)
