"""A vector environment of pixels that costs nothing, for tests of the trainer: recall a colour, then choose by it.

The first frame of an episode is red or green, all later ones are black. In the last step choice 1 of the first control
is right after red, choice 2 after green: right pays 1. The last step ends the episode (terminated); in a share
`hurried` of the episodes the time runs out one step before it (truncated). The API is that of `VoxelVectorEnv` in
autoreset mode SAME_STEP, as far as a trainer uses it.
"""

from types import SimpleNamespace

import numpy as np
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space


class CueEnv(VectorEnv):
    task = SimpleNamespace(name="cue", version=1, controls=("move", "jump"))
    fov_deg, action_repeat = 70.0, 4

    def __init__(self, num_envs, length=3, hurried=0.25, resolution=(36, 36)):
        self.num_envs, self.length, self.hurried, self.resolution = num_envs, length, hurried, resolution
        self.metadata = {"autoreset_mode": AutoresetMode.SAME_STEP}
        self.single_observation_space = spaces.Dict({"pov": spaces.Box(0, 255, (*resolution, 3), np.uint8)})
        self.single_action_space = spaces.MultiDiscrete([3, 2])
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.cues, self.steps, self.limits = (np.zeros(num_envs, dtype=int) for _ in range(3))

    def reset(self, *, seed=None, options=None):
        self.streams = [np.random.default_rng(s) for s in seed]
        self._begin(range(self.num_envs))
        return {"pov": self._frames()}, {}

    def step(self, actions):
        self.steps += 1
        terminated = self.steps >= self.length
        truncated = (self.steps >= self.limits) & ~terminated
        rewards = (terminated & (actions[:, 0] == 1 + self.cues)).astype(float)
        ended, infos = np.flatnonzero(terminated | truncated), {}
        if len(ended):
            frames, final = self._frames(), np.full(self.num_envs, None, dtype=object)
            for i in ended:
                final[i] = {"pov": frames[i]}
            infos = {"final_obs": final, "_final_obs": terminated | truncated}
            self._begin(ended)
        return {"pov": self._frames()}, rewards, terminated, truncated, infos

    def _begin(self, worlds):
        for i in worlds:
            hurried = self.streams[i].random() < self.hurried
            self.cues[i], self.steps[i] = self.streams[i].integers(2), 0
            self.limits[i] = self.length - hurried

    def _frames(self):
        frames = np.zeros((self.num_envs, *self.resolution, 3), dtype=np.uint8)
        frames[np.arange(self.num_envs), ..., self.cues] = (self.steps == 0)[:, None, None] * np.uint8(255)
        return frames
