#!/usr/bin/env bash
# torch 2.13.0 (CPU): an event of probability 0.001, drawn as rand(dtype=bfloat16) < 0.001, comes three times as often.
# Guess: uniform numbers in bfloat16 are coarse, yet P(u < p) is p up to rounding, as bernoulli() gives it.
# Behaviour: the numbers are so coarse that 0 alone comes in 1 of 512 draws, twice as often as the whole event should.
# Output seen: 0.0029 of a million draws are below 0.001, 0.0020 are exactly 0; bernoulli gives 0.0010.
# Effect: exploration with a small epsilon, and dropout of rare sensors, run at a multiple of the rate in the settings.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq numpy==2.4.6 torch==2.13.0
cd "$folder"
"$folder/venv/bin/python" - <<'PROGRAM'
import torch

torch.manual_seed(0)
draws = torch.rand(1_000_000, dtype=torch.bfloat16)
below = (draws < 0.001).float().mean().item()
zeros = (draws == 0).float().mean().item()
true = torch.bernoulli(torch.full((1_000_000,), 0.001, dtype=torch.bfloat16)).float().mean().item()
print(f"below 0.001: {below:.4f}; exactly 0: {zeros:.4f}; bernoulli: {true:.4f}")
if below < 0.002 or not 0.0008 < true < 0.0012:
    raise SystemExit("changed: bfloat16 uniform draws below 0.001 are now about as rare as they should be")
PROGRAM
