#!/usr/bin/env bash
# gymnasium 1.4.0: a vector environment cuts a float in `info` down to an integer if another environment gave an int.
# Guess: SyncVectorEnv collects the infos of its environments without loss, as numpy.array([0, 0.75]) does.
# Behaviour: the array takes the type of the first environment that reports the key; later values are cast into it.
# Output seen: infos 0 and 0.75 give [0, 0]; infos 0.75 and 0 give [0.75, 0.]. No warning.
# Effect: a distance or a rate that one environment writes as the literal 0 is truncated in all the others, and only
# in the steps in which that environment comes first.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq numpy==2.4.6 gymnasium==1.4.0
cd "$folder"
"$folder/venv/bin/python" - <<'PROGRAM'
import gymnasium
import numpy as np


class Distance(gymnasium.Env):
    observation_space = gymnasium.spaces.Box(-1, 1, (1,))
    action_space = gymnasium.spaces.Discrete(2)

    def __init__(self, distance):
        self.distance = distance

    def reset(self, *, seed=None, options=None):
        return np.zeros(1, np.float32), {"distance": self.distance}


def collected(values):
    worlds = gymnasium.vector.SyncVectorEnv([lambda v=v: Distance(v) for v in values])
    return worlds.reset()[1]["distance"]


first, last = collected([0, 0.75]), collected([0.75, 0])
print(f"0 then 0.75: {first} {first.dtype}; 0.75 then 0: {last} {last.dtype}")
if first.tolist() != [0, 0] or last.tolist() != [0.75, 0.0]:
    raise SystemExit("changed: the infos of a vector environment no longer take the type of the first value")
PROGRAM
