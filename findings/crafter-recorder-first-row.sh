#!/usr/bin/env bash
# crafter 1.8.3: the first row of a recorded episode is made up: no discount, no health, and an action never taken.
# Guess: row 0 of the recorder's .npz holds the state at the reset; a field that does not exist yet would be missing.
# Behaviour: every field but the image is filled with zeros, which are valid values: action 0 is "do nothing",
# discount 0 means that the episode ended there, and health is 9 at the reset.
# Output seen: discount [0, 1, 1, 1, 1, 1], ainventory_health[0] = 0 against 9 in the world, 6 rows for 5 steps.
# Effect: a reader that cuts episodes where discount is 0 cuts at the first row, and action counts gain one noop each.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq numpy==2.4.6 crafter==1.8.3
cd "$folder"
"$folder/venv/bin/python" - <<'PROGRAM'
import glob

import crafter
import numpy as np

world = crafter.Recorder(crafter.Env(seed=3, length=5), "episodes", save_stats=False, save_video=False)
world.reset()
health = world._player.inventory["health"]
done = False
while not done:
    done = world.step(3)[2]
episode = np.load(glob.glob("episodes/*.npz")[0])
discount, actions = episode["discount"].tolist(), episode["action"].tolist()
recorded = int(episode["ainventory_health"][0])
print(f"discount {discount}, actions {actions}, health {recorded} recorded, {health} in the world")
if discount != [0, 1, 1, 1, 1, 1] or actions != [0, 3, 3, 3, 3, 3] or (recorded, health) != (0, 9):
    raise SystemExit("changed: crafter's recorder no longer fills the first row with zeros")
PROGRAM
