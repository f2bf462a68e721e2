#!/usr/bin/env bash
# hdf5storage 0.2.2 (MATLAB's HDF5 format, 7.3) and h5py 3.16.0: an empty array is read back as two numbers.
# Guess: an empty array of rewards is a data set of length 0, or a null data space.
# Behaviour: the format stores the shape of an empty array as its data and marks it with an attribute MATLAB_empty. A
# reader that does not look at the attribute gets the numbers of rows and columns. All axes are reversed besides.
# Output seen: zeros((0, 3)) is read as [0 3], zeros(0) as [1 0]; frames of shape (5, 64, 48) as (48, 64, 5).
# Effect: an episode without rewards gets two rewards, 1 and 0, and so counts as one with a success.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq numpy==1.26.4 h5py==3.16.0 hdf5storage==0.2.2
cd "$folder"
"$folder/venv/bin/python" - <<'PROGRAM'
import h5py
import hdf5storage
import numpy as np

arrays = {"table": np.zeros((0, 3)), "rewards": np.zeros(0), "frames": np.zeros((5, 64, 48), np.uint8)}
hdf5storage.savemat("episode.mat", arrays, format="7.3")
with h5py.File("episode.mat") as file:
    table, rewards, frames = (file[name][()] for name in ("table", "rewards", "frames"))
    marked = bool(file["rewards"].attrs["MATLAB_empty"])
print(f"table {table}, rewards {rewards} (marked empty: {marked}), frames {frames.shape}")
if table.tolist() != [0, 3] or rewards.tolist() != [1, 0] or frames.shape != (48, 64, 5):
    raise SystemExit("changed: an empty array in MATLAB's HDF5 format is no longer read as its shape")
PROGRAM
