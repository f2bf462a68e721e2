#!/usr/bin/env bash
# numba 0.68.1: a cached kernel keeps the old code of a function that it calls from another file.
# Guess: njit(cache=True) compiles anew when any code that the kernel runs has changed; its index holds time stamps.
# Behaviour: only the kernel's own file is looked at. An edit to the file of a called function or of a constant is
# ignored in every later process until the kernel's file changes or the cache is removed.
# Output seen: step(10) = 11 with GRAVITY = 1; 11 again after the edit to GRAVITY = 5; 15 with an empty cache.
# Effect: a repaired rule of the world is tested and measured with the rule before the repair.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq numpy==2.4.6 numba==0.68.1
cd "$folder"
"$folder/venv/bin/python" - <<'PROGRAM'
import os
import pathlib
import subprocess
import sys
import time

RULES = "from numba import njit\nGRAVITY = {}\n@njit\ndef pull(v):\n    return v + GRAVITY\n"
WORLD = "from numba import njit\nfrom rules import pull\n@njit(cache=True)\ndef step(v):\n    return pull(v)\n"
pathlib.Path("world.py").write_text(WORLD)


def run(gravity, cache):
    pathlib.Path("rules.py").write_text(RULES.format(gravity))
    os.utime("rules.py", (time.time() + gravity,) * 2)  # A new time stamp, so that Python itself reads the new file.
    environment = dict(os.environ, NUMBA_CACHE_DIR=os.path.abspath(cache), PYTHONPATH=os.getcwd())
    command = [sys.executable, "-c", "from world import step; print(step(10))"]
    return int(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout)


results = [run(1, "cache"), run(5, "cache"), run(5, "empty")]
print(f"GRAVITY 1: {results[0]}; edited to 5: {results[1]}; with an empty cache: {results[2]}")
if results != [11, 11, 15]:
    raise SystemExit("changed: numba's cache now notices an edit to a called function in another file")
PROGRAM
