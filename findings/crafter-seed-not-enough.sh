#!/usr/bin/env bash
# crafter 1.8.3: the same seed and the same actions give different episodes.
# Guess: Env(seed=3) has a generator of its own, so an action list replays to the same frames.
# Behaviour: the world is the same, but animals to remove are drawn from a Python set of objects, whose order follows
# their memory addresses; the runs part after some dozens of steps.
# Output seen: 12 runs of one seed and one action list: 1 first frame, 5 different ends.
# Effect: a stored (seed, actions) pair is no recording, and two policies compared "on the same seeds" are not paired.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq numpy==2.4.6 crafter==1.8.3
cd "$folder"
"$folder/venv/bin/python" - <<'PROGRAM'
import hashlib
import subprocess
import sys

EPISODE = """
import hashlib
import crafter
import numpy
world = crafter.Env(seed=3)
first = world.reset()
actions = numpy.random.RandomState(0).randint(17, size=400)
frames = hashlib.sha256()
for action in actions:
    seen, _, done, _ = world.step(action)
    frames.update(seen.tobytes())
    if done:
        break
print(hashlib.sha256(first.tobytes()).hexdigest(), frames.hexdigest())
"""
command = [sys.executable, "-W", "ignore", "-c", EPISODE]
runs = [subprocess.run(command, capture_output=True, text=True, check=True).stdout.split() for _ in range(12)]
starts, ends = ({run[part] for run in runs} for part in (0, 1))
print(f"{len(starts)} first frame, {len(ends)} different ends in {len(runs)} runs")
if len(starts) != 1 or len(ends) == 1:
    raise SystemExit("changed: crafter now replays a seed and an action list to the same frames")
PROGRAM
