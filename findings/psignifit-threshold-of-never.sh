#!/usr/bin/env bash
# psignifit 4.3: a response that never occurs gets a finite threshold with a tight interval, beyond the tested doses.
# Guess: with 0 of 20 at each dose from 0 to 1 the fit fails or warns, or its interval is without an upper end.
# Behaviour: the default priors depend on the range of the doses alone and let the threshold lie half a range beyond it;
# without a response the posterior is that prior, and its interval looks like a measurement. It scales with the doses.
# Output seen: threshold 1.19, 95 % interval [1.10, 1.42]; doses times 10: threshold 11.9; no warning.
# Effect: a policy that never switches to its proxy is reported to switch at a dose of 1.19, as if that were measured.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq numpy==1.26.4 psignifit==4.3
cd "$folder"
"$folder/venv/bin/python" - <<'PROGRAM'
import warnings

import numpy as np
import psignifit

doses = np.linspace(0, 1, 9)
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    fits = [
        psignifit.psignifit(np.c_[scale * doses, np.zeros(9), np.full(9, 20)], experiment_type="yes/no")
        for scale in (1, 10)
    ]
one, ten = (fit.parameter_estimate["threshold"] for fit in fits)
low, high = fits[0].confidence_intervals["threshold"]["0.95"]
print(f"threshold {one:.2f} in [{low:.2f}, {high:.2f}]; doses times 10: {ten:.1f}; {len(caught)} warnings")
if caught or not 1.0 < low < one < high < 1.5 or abs(ten - 10 * one) > 0.1:
    raise SystemExit("changed: psignifit no longer gives a finite threshold in silence if nothing ever responds")
PROGRAM
