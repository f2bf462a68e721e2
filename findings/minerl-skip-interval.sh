#!/usr/bin/env bash
# minerl 0.4.4: skip_interval, the option of load_data for taking every n-th tick of a demonstration, does nothing.
# Guess: load_data(name, skip_interval=3) leaves out three samples after each, as its docstring says.
# Behaviour: the value is handed to the loader, which never reads it: every tick comes, whatever the number.
# Output seen: 20 samples for skip_interval 0, 3 and 1000, with the same rewards 0 to 19; no error, no warning.
# Effect: demonstrations thought to be at the agent's frame skip are at the full rate, so cloned actions last too short.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq \
    numpy==1.26.4 gym==0.17.3 opencv-python-headless==4.11.0.86 coloredlogs==15.0.1 Pyro4==4.82 xmltodict==0.12.0 \
    lxml==6.1.3 psutil==7.2.2 daemoniker==0.2.3 typing_extensions==4.16.0 requests==2.34.2 tqdm==4.70.1 Jinja2==3.1.6 \
    setuptools==80.9.0
# READTHEDOCS=1 keeps MineRL's installer from building Minecraft.
READTHEDOCS=1 "$folder/venv/bin/pip" install -qq --no-deps minerl==0.4.4
cd "$folder"
"$folder/venv/bin/python" - <<'PROGRAM'
import json
import logging
import os

import cv2
import numpy as np

logging.disable(logging.CRITICAL)
from minerl.data.data_pipeline import DataPipeline  # noqa: E402

# A recording in MineRL's format: 21 frames, frame t of brightness 10 * t, and 20 actions and rewards between them.
os.makedirs("data/v4_stream-0")
writer = cv2.VideoWriter("data/v4_stream-0/recording.mp4", cv2.VideoWriter_fourcc(*"mp4v"), 20.0, (64, 64))
for tick in range(21):
    writer.write(np.full((64, 64, 3), 10 * tick, np.uint8))
writer.release()
np.savez("data/v4_stream-0/rendered.npz", **{"action$forward": np.ones(20, int), "reward": np.arange(20.0)})
with open("data/v4_stream-0/metadata.json", "w") as file:
    json.dump({"true_video_frame_count": 21}, file)
pipeline = DataPipeline("data", "MineRLTreechop-v0", 1, 1, 1)
rewards = [[float(s[2]) for s in pipeline.load_data("v4_stream-0", skip_interval=n)] for n in (0, 3, 1000)]
pipeline.processing_pool.terminate()
print(f"samples for skip_interval 0, 3 and 1000: {[len(r) for r in rewards]}")
if not rewards[0] == rewards[1] == rewards[2] == [float(n) for n in range(20)]:
    raise SystemExit("changed: MineRL's load_data now obeys skip_interval")
PROGRAM
