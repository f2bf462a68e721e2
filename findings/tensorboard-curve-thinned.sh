#!/usr/bin/env bash
# tensorboard 2.21.0 (read) and tensorboardX 2.6.5 (write): a curve of 20,000 points is read back as 10,000.
# Guess: EventAccumulator(...).Scalars(tag) gives all points of a file; thinning is for the display in the browser.
# Behaviour: it keeps a random sample of at most 10,000 points of each scalar, unless size_guidance says {"scalars": 0}.
# Output seen: 10,000 points, the first of them of step 2, the last of step 19,999; with the guidance, all 20,000.
# Effect: "the first step with success" and means over windows come from half of the points, with no sign of it.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq numpy==2.4.6 tensorboard==2.21.0 tensorboardX==2.6.5
cd "$folder"
"$folder/venv/bin/python" - <<'PROGRAM'
import logging

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboardX import SummaryWriter

logging.disable(logging.INFO)
with SummaryWriter("run") as writer:
    for step in range(20_000):
        writer.add_scalar("reward", float(step), step)


def points(**options):
    events = EventAccumulator("run", **options)
    events.Reload()
    return [event.step for event in events.Scalars("reward")]


usual, asked = points(), points(size_guidance={"scalars": 0})
print(f"{len(usual)} points, from step {usual[0]} to {usual[-1]}; with the guidance {len(asked)}")
if len(usual) != 10_000 or len(asked) != 20_000:
    raise SystemExit("changed: EventAccumulator no longer thins a scalar to 10,000 points by default")
PROGRAM
