#!/usr/bin/env bash
# numba 0.68.1: arithmetic of a 64-bit seed (uint64) with a plain integer leaves the unsigned type, in two wrong ways.
# Guess: as in numpy 2, `seed // 2` with a uint64 seed stays uint64, in compiled code too.
# Behaviour: an integer literal or loop index is int64; the pair becomes signed (so the top bit is a sign), and a loop
# that carries the value becomes float64, which drops the low bits.
# Output seen: (2**64 - 1) // 2 is -1 in numba, 9223372036854775807 in numpy; the hashing loop returns a float.
# Effect: a hash of seeds that is right in plain Python gives other worlds when compiled; in the float case nearby seeds
# give the same world.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq numpy==2.4.6 numba==0.68.1
cd "$folder"
"$folder/venv/bin/python" - <<'PROGRAM'
import numpy as np
from numba import njit


def half(seed):
    return seed // 2


def mixed(seed, count):
    for i in range(count):
        seed = seed * np.uint64(31) + i
    return seed


top = np.uint64(2**64 - 1)
compiled, plain = njit(half)(top), half(top)
mix = njit(mixed)
near = [mix(np.uint64(2**55 + d), 1) for d in (0, 1)]
print(f"half: {compiled} compiled, {plain} in numpy; two seeds mixed: {near}")
if compiled != -1 or int(plain) != 2**63 - 1 or not isinstance(near[0], float):
    raise SystemExit("changed: numba keeps uint64 in arithmetic with plain integers")
PROGRAM
