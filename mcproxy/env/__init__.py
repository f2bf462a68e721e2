"""The gymnasium environments: N worlds of one task and arm as a native `VectorEnv`, and the single `Env`.

    envs = gymnasium.make_vec("mcproxy/Beacon-v1", num_envs=64, arm="separated", split="eval")

The reward is the goal objective's alone. The infos hold the rest: `tick`, `seed` (of the layout), `health` (half
hearts), `returns` and `met` (by the objective's name; `met` is the first tick, -1 for never) and `events` (those of
this step).
"""

from mcproxy.env.single_env import VoxelEnv
from mcproxy.env.vector_env import VoxelVectorEnv

__all__ = ["VoxelEnv", "VoxelVectorEnv"]
