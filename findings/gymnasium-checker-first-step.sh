#!/usr/bin/env bash
# gymnasium 1.4.0: the checker that make() puts around an environment looks at the first step only.
# Guess: PassiveEnvChecker, which is on by default, reports observations outside of the space whenever they come.
# Behaviour: it checks the first reset, the first step and the first render; then it passes everything on.
# Output seen: a wrong observation in step 1: warnings; the same in step 2 (NaN, wrong shape and type): 0 warnings.
# Effect: a world that goes wrong after its first tick trains and is scored without a word.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq numpy==2.4.6 gymnasium==1.4.0
cd "$folder"
"$folder/venv/bin/python" - <<'PROGRAM'
import warnings

import gymnasium
import numpy as np


class Broken(gymnasium.Env):
    observation_space = gymnasium.spaces.Box(0, 1, (1,))
    action_space = gymnasium.spaces.Discrete(2)

    def __init__(self, wrong_from):
        self.wrong_from = wrong_from

    def reset(self, *, seed=None, options=None):
        self.tick = 0
        return np.zeros(1, np.float32), {}

    def step(self, action):
        self.tick += 1
        seen = np.array([np.nan, 77.0]) if self.tick >= self.wrong_from else np.zeros(1, np.float32)
        return seen, 0.0, False, False, {}


gymnasium.register("Broken-v0", entry_point=Broken)


def warned(wrong_from):
    world = gymnasium.make("Broken-v0", wrong_from=wrong_from)
    world.reset()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(3):
            world.step(0)
    return len(caught)


first, second = warned(1), warned(2)
print(f"wrong from step 1: {first} warnings; wrong from step 2: {second} warnings")
if first == 0 or second != 0:
    raise SystemExit("changed: the passive checker no longer stops after the first step")
PROGRAM
