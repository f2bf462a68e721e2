"""`Worlds` of a single world, for who asks for one tick and one frame at a time: the same results with less ado.

`Worlds` checks and prepares every call anew, which is nothing for 64 worlds and most of the time for one. Here the same
kernels run on arrays that stay.
"""

from collections.abc import Callable
from typing import cast

import numpy as np

from mcproxy.controls import CONTROLS
from mcproxy.engine.simulation.camera import CROUCHED_EYE_HEIGHT, EYE_HEIGHT
from mcproxy.engine.thread_team import Crew
from mcproxy.engine.tick import place_sprites, run
from mcproxy.engine.worlds import Worlds
from mcproxy.mission import Mission


class OneWorld(Worlds):
    """One world and its mission, drawn upside down: bottom row first, as Malmo sends frames."""

    def __init__(self, mission: Mission, resolution: tuple[int, int], fov_deg: float) -> None:
        super().__init__(1, mission.blocks.shape, resolution, fov_deg, action_repeat=1)
        self.load(0, mission)
        self._flipped[0] = True
        self._frame = np.zeros((1, *resolution, 3), dtype=np.uint8)
        self._counter, self._active = np.zeros(2, dtype=np.int64), np.ones(1, dtype=np.bool_)
        self._eyes, self._angles = np.zeros((1, 3)), np.zeros((2, 1))
        self._drawing: Callable[[np.ndarray], None] | None = None

    def tick(self, keys: np.ndarray) -> None:
        """Advance by a tick with a choice of every control, (1, len(CONTROLS)) int8."""
        assert keys.shape == (1, len(CONTROLS))
        self._counter[:] = 0
        run(self._counter, 1, keys, self._active, self._blocks, self.state)
        if self.state["log_length"][0]:
            self._collect_events(0)

    def frame(self) -> bytes:
        """What the player sees, rows from the bottom up, RGB."""
        if self.state["changed"][0] or self._drawing is None:
            self.render(self._frame)  # with the changed blocks, which may take other arrays
            self._drawing = self._prepared()
        player = self.state["player"][0]
        self._eyes[0] = player["pos"]
        self._eyes[0, 1] += CROUCHED_EYE_HEIGHT if player["crouched"] else EYE_HEIGHT
        self._angles[0, 0], self._angles[1, 0] = player["yaw_deg"], player["pitch_deg"]
        place_sprites(self._blocks, self.state, self._sprites, self._sprite_counts)
        self._counter[:] = 0
        self._drawing(self._counter)
        return self._frame.tobytes()

    def _prepared(self) -> Callable[[np.ndarray], None]:
        """The renderer's work on the arrays of this world, checked once."""
        job = _Job()
        yaw_deg, pitch_deg = self._angles
        sprites, counts, crew = self._sprites, self._sprite_counts, cast(Crew, job)
        self._renderer.draw(
            self._all, self._eyes, yaw_deg, pitch_deg, self._flipped, self._frame, sprites, counts, crew
        )
        assert job.kernel is not None
        return job.kernel


class _Job:
    """A crew that keeps the work for later."""

    kernel: Callable[[np.ndarray], None] | None = None

    def work(self, kernel: Callable[[np.ndarray], None], count: int) -> None:
        self.kernel = kernel
