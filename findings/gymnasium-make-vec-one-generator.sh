#!/usr/bin/env bash
# gymnasium 1.4.0: where world 0 starts depends on how many worlds make_vec makes, for the same seed.
# Guess: make_vec("CartPole-v1") makes N of the environments that make() gives, world i seeded with seed + i.
# Behaviour: by default make_vec takes the task's own vector class, which draws all worlds from one generator,
# variable by variable; with vectorization_mode="sync" world i does equal make() under seed + i.
# Output seen: world 0 starts at -0.020 (velocity, 4 worlds) and 0.030 (8 worlds) under seed 7; sync gives 0.040.
# Effect: a result changes with the number of parallel worlds, and single runs cannot reproduce a vector run.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq numpy==2.4.6 gymnasium==1.4.0
cd "$folder"
"$folder/venv/bin/python" - <<'PROGRAM'
import gymnasium
import numpy as np


def start(count, **mode):
    return gymnasium.make_vec("CartPole-v1", num_envs=count, **mode).reset(seed=7)[0][0]


four, eight = start(4), start(8)
sync4, sync8 = start(4, vectorization_mode="sync"), start(8, vectorization_mode="sync")
single = gymnasium.make("CartPole-v1").reset(seed=7)[0]
print(f"velocity of world 0: {four[1]:.3f} of 4, {eight[1]:.3f} of 8; sync {sync4[1]:.3f}, single {single[1]:.3f}")
same = np.array_equal(sync4, single) and np.array_equal(sync8, single)
if not same or np.array_equal(four, eight) or np.array_equal(four, single):
    raise SystemExit("changed: the start of a world no longer depends on the number of worlds in make_vec")
PROGRAM
