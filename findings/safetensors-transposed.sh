#!/usr/bin/env bash
# safetensors 0.8.0: safetensors.numpy saves a transposed array with the right shape and its numbers misplaced.
# Guess: save() stores the values of an array as numpy.save does, or refuses one that is not contiguous, as
# safetensors.torch does.
# Behaviour: it writes the memory as it lies, in column order, under the shape of the transposed array.
# Output seen: [[0, 3], [1, 4], [2, 5]] comes back as [[0, 1], [2, 3], [4, 5]]; no error, no warning.
# Effect: exported weights of a linear layer (usually a transpose) load without complaint and act at random.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq numpy==2.4.6 safetensors==0.8.0
cd "$folder"
"$folder/venv/bin/python" - <<'PROGRAM'
import numpy as np
from safetensors.numpy import load, save

weights = np.arange(6, dtype=np.float32).reshape(2, 3).T
back = load(save({"w": weights}))["w"]
right = load(save({"w": np.ascontiguousarray(weights)}))["w"]
print(f"saved {weights.tolist()}, loaded {back.tolist()}")
if back.tolist() != [[0, 1], [2, 3], [4, 5]] or not np.array_equal(right, weights):
    raise SystemExit("changed: safetensors.numpy no longer scrambles a transposed array")
PROGRAM
