#!/usr/bin/env bash
# h5py 3.16.0 and tables 3.11.1: a boolean array from PyTables comes out of h5py as numbers, and so no mask any more.
# Guess: both are numpy libraries over HDF5, so a bool array of the one is a bool array of the other.
# Behaviour: PyTables stores an HDF5 bitfield, h5py an enumeration; each reads the other's as 8-bit integers.
# Output seen: h5py reads uint8 [1 0 1]; values[mask] gives [20 10 20] in place of [10 30]; the way back gives int8.
# Effect: selecting finished episodes by `done` picks rows 0 and 1 again and again, with as many rows as the mask has.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq numpy==2.4.6 h5py==3.16.0 tables==3.11.1
cd "$folder"
"$folder/venv/bin/python" - <<'PROGRAM'
import h5py
import numpy as np
import tables

done = np.array([True, False, True])
with tables.open_file("tables.h5", "w") as file:
    file.create_array("/", "done", done)
with h5py.File("h5py.h5", "w") as file:
    file["done"] = done
with h5py.File("tables.h5") as file:
    mask = file["done"][:]
with tables.open_file("h5py.h5") as file:
    way_back = file.root.done.read()
picked = np.array([10, 20, 30])[mask]
print(f"h5py reads {mask.dtype} {mask}, which picks {picked}; PyTables reads {way_back.dtype} {way_back}")
if mask.dtype != np.uint8 or picked.tolist() != [20, 10, 20] or way_back.dtype != np.int8:
    raise SystemExit("changed: h5py and PyTables now read each other's booleans as booleans")
PROGRAM
