#!/usr/bin/env bash
# numba 0.68.1: the mean of many float32 values is off by percents where numpy's is right.
# Guess: array.mean() in a compiled function equals numpy's up to rounding, as the same method on the same array.
# Behaviour: numba adds one value after the other in float32; numpy adds pairwise, so its error stays tiny. Above 2**24
# ones, numba's sum stops growing.
# Output seen: mean of 20 million times 0.1: numba 0.10486, numpy 0.1; the std is 0.0049 in place of 0.
# Effect: means over the pixels or rewards of a long recording drift with its length.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq numpy==2.4.6 numba==0.68.1
cd "$folder"
"$folder/venv/bin/python" - <<'PROGRAM'
import numpy as np
from numba import njit

values = np.full(20_000_000, 0.1, np.float32)
mean, deviation = njit(lambda a: (a.mean(), a.std()))(values)
exact = float(values.mean())
ones = njit(lambda a: a.sum())(np.ones(20_000_000, np.float32))
print(f"mean: numba {mean:.5f}, numpy {exact:.5f}; std: numba {deviation:.4f}; sum of 20 million ones: {ones:.0f}")
if abs(mean - 0.1) < 0.004 or abs(exact - 0.1) > 1e-5 or ones != 2**24:
    raise SystemExit("changed: numba's float32 mean no longer drifts from numpy's")
PROGRAM
