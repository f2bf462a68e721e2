"""The world of one mission on the server: one tick and one frame at a time."""

import numpy as np

from mcproxy.engine.single_world import SingleWorld
from mcproxy.mission import Mission


class OneWorld(SingleWorld):
    """One world and its mission, drawn upside down: bottom row first, as Malmo sends frames."""

    def __init__(self, mission: Mission, resolution: tuple[int, int], fov_deg: float) -> None:
        super().__init__(1, mission.blocks.shape, resolution, fov_deg, action_repeat=1)
        self.load(0, mission)
        self._flipped[0] = True
        self._frame = np.zeros((1, *resolution, 3), dtype=np.uint8)

    def frame(self) -> bytes:
        """The player's view, rows from the bottom up, RGB."""
        return self.render(self._frame).tobytes()
