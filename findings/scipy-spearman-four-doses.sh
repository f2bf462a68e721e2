#!/usr/bin/env bash
# scipy 1.17.1: spearmanr of a perfect order of four points reports p = 0, which no test of ranks can give.
# Guess: a rank correlation over four doses uses the exact distribution, as kendalltau does, so p is at least 2 / 4!.
# Behaviour: spearmanr uses a t-distribution at every sample size, and t is infinite when the order is perfect.
# Output seen: spearmanr p = 0.0; kendalltau p = 0.0833; permutation_test of the same statistic p = 0.0833.
# Effect: a dose-response curve with four doses passes every threshold of significance, corrections included.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq numpy==2.4.6 scipy==1.17.1
cd "$folder"
"$folder/venv/bin/python" - <<'PROGRAM'
import numpy as np
from scipy import stats

dose = np.array([0.0, 0.25, 0.5, 1.0])
rate = np.array([0.1, 0.4, 0.5, 0.9])
t_based = stats.spearmanr(dose, rate).pvalue
kendall = stats.kendalltau(dose, rate).pvalue
exact = stats.permutation_test(
    (rate,), lambda r: stats.spearmanr(dose, r).statistic, permutation_type="pairings"
).pvalue
print(f"spearmanr p = {t_based}; kendalltau p = {kendall:.4f}; permutation_test p = {exact:.4f}")
if t_based != 0.0 or abs(kendall - 2 / 24) > 1e-9 or abs(exact - 2 / 24) > 1e-9:
    raise SystemExit("changed: spearmanr no longer reports p = 0 for four points in perfect order")
PROGRAM
