#!/usr/bin/env bash
# vizdoom 1.3.2: its gymnasium environments report `terminated` as well as `truncated` when the time is up.
# Guess: with treat_episode_timeout_as_truncation (on by default) a timeout is truncated and not terminated.
# Behaviour: terminated is "the episode is finished", a timeout included; the flag only adds truncated to it. The
# last observation is all zeros, not the last frame.
# Output seen: after 300 idle steps of VizdoomBasic-v1: terminated True, truncated True, sum of the last frame 0.
# Effect: an agent that bootstraps its value where `not terminated` learns that waiting ends in a state worth nothing.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq numpy==2.4.6 gymnasium==1.4.0 vizdoom==1.3.2
cd "$folder"
"$folder/venv/bin/python" - <<'PROGRAM'
import gymnasium
from vizdoom import gymnasium_wrapper  # noqa: F401 - registers the environments

world = gymnasium.make("VizdoomBasic-v1")
world.reset(seed=1)
for step in range(1, 1001):
    seen, _, terminated, truncated, _ = world.step(0)
    if terminated or truncated:
        break
world.close()
total = int(seen["screen"].sum())
print(f"after {step} steps: terminated {terminated}, truncated {truncated}, sum of the last frame {total}")
if not (terminated and truncated) or total != 0:
    raise SystemExit("changed: vizdoom's timeout is no longer reported as terminated and truncated, with a blank frame")
PROGRAM
