#!/usr/bin/env bash
# rliable 1.2.0: the interquartile mean of three runs of one task is their plain mean.
# Guess: aggregate_iqm drops the lowest and the highest quarter, so it withstands one failed run out of three.
# Behaviour: the number of scores cut on each side is floor(0.25 * scores), without weights: 0 of 3, 1 of 5 or 7.
# Output seen: 3 runs 0, 0.9, 1: IQM 0.6333, mean 0.6333; 7 runs: IQM 0.38 over 5 of them, middle half 0.3286.
# Effect: an "IQM over 3 seeds" is reported as robust to outliers and is not; over 7 seeds it is no middle half.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq numpy==2.4.6 scipy==1.17.1 rliable==1.2.0
cd "$folder"
"$folder/venv/bin/python" - <<'PROGRAM'
import numpy as np
from rliable import metrics

three = np.array([[0.0], [0.9], [1.0]])
seven = np.array([[0.0], [0.1], [0.2], [0.3], [0.4], [0.9], [1.0]])
iqm3, iqm7 = metrics.aggregate_iqm(three), metrics.aggregate_iqm(seven)
# The weighted middle half of 7 points: 1.75 points cut on each side, so the outer two count a quarter.
half = (0.25 * 0.1 + 0.2 + 0.3 + 0.4 + 0.25 * 0.9) / 3.5
print(f"3 runs: IQM {iqm3:.4f}, mean {three.mean():.4f}; 7 runs: IQM {iqm7:.4f}, middle half {half:.4f}")
if abs(iqm3 - three.mean()) > 1e-12 or abs(iqm7 - seven[1:6].mean()) > 1e-12:
    raise SystemExit("changed: aggregate_iqm no longer cuts a whole number of scores on each side")
PROGRAM
