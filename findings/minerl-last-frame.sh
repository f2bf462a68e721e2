#!/usr/bin/env bash
# minerl 0.4.4: the last observation of every demonstration is a copy of the one before it.
# Guess: load_data yields (observation, action, reward, next observation, done) with the frame that the video ends on.
# Behaviour: the last frame is read and then replaced by its predecessor before the samples are made.
# Output seen: frames 0, 10, ..., 200 bright (187 stands for 190 in MPEG-4): the last sample goes from 187 to 187.
# Effect: the frame in which the goal is reached is in no sample, so no detector of the goal can be trained or checked.
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
samples = list(pipeline.load_data("v4_stream-0"))
pipeline.processing_pool.terminate()
(seen, _, _, after, done) = samples[-1]
bright = [round(float(frame["pov"].mean())) for frame in (samples[-2][3], seen, after)]
print(f"{len(samples)} samples; before the last {bright[0]}, last from {bright[1]} to {bright[2]}, done {done}")
if len(samples) != 20 or not done or abs(bright[1] - 190) > 5 or not np.array_equal(seen["pov"], after["pov"]):
    raise SystemExit("changed: MineRL's pipeline no longer replaces the last frame by the one before")
PROGRAM
