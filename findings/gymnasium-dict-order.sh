#!/usr/bin/env bash
# gymnasium 1.4.0: a Dict space sorts its keys if it is made from a dict, and keeps their order otherwise.
# Guess: Dict({...}), Dict(OrderedDict(...)) and Dict(key=...) with the same keys are the same space.
# Behaviour: a plain dict is sorted by name; an OrderedDict and keywords keep their order. `flatten` follows the space,
# and the spaces compare equal, so no check between two of them notices.
# Output seen: flatten gives [0.2, 0.1] for the dict and [0.1, 0.2] for the other two; equal spaces: True.
# Effect: weights trained on one spelling read the wrong fields under another, with all shapes and checks in order.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq numpy==2.4.6 gymnasium==1.4.0
cd "$folder"
"$folder/venv/bin/python" - <<'PROGRAM'
from collections import OrderedDict

import numpy as np
from gymnasium.spaces import Box, Dict, flatten

fields = [("velocity", Box(-1, 1, (1,))), ("position", Box(-1, 1, (1,)))]
seen = {"velocity": np.float32([0.1]), "position": np.float32([0.2])}
spaces = [Dict(dict(fields)), Dict(OrderedDict(fields)), Dict(**dict(fields))]
rows = [[round(float(v), 3) for v in flatten(space, seen)] for space in spaces]
equal = spaces[0] == spaces[1] == spaces[2]
print(f"dict {rows[0]}, OrderedDict {rows[1]}, keywords {rows[2]}; equal spaces: {equal}")
if rows != [[0.2, 0.1], [0.1, 0.2], [0.1, 0.2]] or not equal:
    raise SystemExit("changed: the order of a flattened Dict space no longer depends on how the space was made")
PROGRAM
