#!/usr/bin/env bash
# opencv-python-headless 5.0.0.93: a video writer of odd frames cuts off their last row and column.
# Guess: VideoWriter pads or rejects an odd size, or the reader gives back 63 x 65; `isOpened` is True.
# Behaviour: VP8 in WebM, MPEG-4 in MP4 and Motion JPEG in AVI all store the next smaller even size.
# Output seen: (63, 65, 3) written, (62, 64, 3) read, for the three formats; write() reports nothing.
# Effect: pixel (y, x) of recorded frames no longer matches masks or label maps by size, and objects at the edge go.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq numpy==2.4.6 opencv-python-headless==5.0.0.93
cd "$folder"
"$folder/venv/bin/python" - <<'PROGRAM'
import cv2
import numpy as np

frame = np.full((63, 65, 3), 90, np.uint8)
sizes = []
for name, code in (("a.webm", "VP80"), ("a.mp4", "mp4v"), ("a.avi", "MJPG")):
    writer = cv2.VideoWriter(name, cv2.VideoWriter_fourcc(*code), 20.0, (65, 63))
    if not writer.isOpened():
        raise SystemExit(f"changed: OpenCV refuses to open a writer of odd frames ({code})")
    for _ in range(5):
        writer.write(frame)
    writer.release()
    got, back = cv2.VideoCapture(name).read()
    sizes.append(back.shape if got else None)
print(f"written {frame.shape}, read {sizes}")
if sizes != [(62, 64, 3)] * 3:
    raise SystemExit("changed: OpenCV no longer cuts odd frames to an even size")
PROGRAM
