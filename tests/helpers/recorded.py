"""A few recorded episodes that tests share, of a policy that has outputs of its own."""

import functools
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from mcproxy.env import VoxelVectorEnv
from mcproxy.episode import Episode
from mcproxy.eval import evaluate
from mcproxy.experts import Expert
from mcproxy.recording import Recorder

SEEDS = tuple(range(6))
STEPS = 45  # at most: two chunks of frames
RESOLUTION = (32, 48)


class Walker:
    """Goes for the goal in layouts of even seeds and for the beacon in others; its outputs are noise."""

    name = "walker: goal, beacon"

    def begin(self, env, worlds, seeds):
        if not hasattr(self, "experts"):
            self.experts = [Expert(objective, env) for objective in ("goal", "beacon")]
            self.odd, self.noise = np.zeros(env.num_envs, dtype=bool), np.random.default_rng(0)
        self.odd[worlds] = np.array(seeds) % 2 == 1
        for expert in self.experts:
            expert.begin(env, worlds, seeds)

    def predict(self, obs, state=None, episode_start=None, deterministic=False):
        draws = self.noise.random((len(self.odd), 2, 5))
        self.outputs = {"value": draws[:, 0, 0].astype(np.float32), "logits": draws[:, 0], "state": draws > 0.5}
        to_goal, to_beacon = (expert.predict(obs)[0] for expert in self.experts)
        return np.where(self.odd[:, None], to_beacon, to_goal), state


@functools.cache
def episodes() -> tuple[Episode, ...]:
    """Six episodes of the arm separated with their frames: in the order of their seeds."""
    env = VoxelVectorEnv(
        3, arm="separated", split="eval", resolution=RESOLUTION, autoreset_mode="Disabled", max_episode_steps=STEPS
    )
    taken: list[Episode] = []
    evaluate(Walker(), arm="separated", seeds=SEEDS, env=env, record=taken.append)
    env.close()
    return tuple(sorted(taken, key=lambda episode: episode.seed))


def write(folder: Path, taken: Iterable[Episode], frames: str = "gzip") -> Path:
    """The recording of some episodes: its file."""
    with Recorder(folder, frames) as recorder:
        for episode in taken:
            recorder.write(episode)
    assert recorder.path is not None
    return recorder.path
