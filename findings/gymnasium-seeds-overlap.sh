#!/usr/bin/env bash
# gymnasium 1.4.0: vector environments with neighbouring seeds play almost the same episodes.
# Guess: reset(seed=0) and reset(seed=1) of a vector environment start independent sets of worlds.
# Behaviour: environment i gets seed + i, so of 8 worlds under seeds 0 and 1 seven are the same, one place on.
# Output seen: 7 of 8 first observations are equal to the byte; seeds 0 to 4 give 12 different starts out of 40.
# Effect: "5 seeds of 8 environments" are 12 worlds, so intervals over the seeds are far too narrow.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq numpy==2.4.6 gymnasium==1.4.0
cd "$folder"
"$folder/venv/bin/python" - <<'PROGRAM'
import gymnasium

worlds = gymnasium.make_vec("CartPole-v1", num_envs=8, vectorization_mode="sync")
starts = [worlds.reset(seed=seed)[0] for seed in range(5)]
shared = sum(starts[0][i + 1].tobytes() == starts[1][i].tobytes() for i in range(7))
different = len({row.tobytes() for start in starts for row in start})
print(f"{shared} of 8 starts shared by seeds 0 and 1; {different} different starts out of {5 * 8}")
if shared != 7 or different != 12:
    raise SystemExit("changed: neighbouring seeds of a vector environment no longer share worlds")
PROGRAM
