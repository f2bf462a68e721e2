#!/usr/bin/env bash
# xmltodict 1.0.4: a Malmo mission that is parsed and written again draws its blocks in another order.
# Guess: unparse(parse(xml)) keeps the elements of a mission, so a changed attribute is all that changes.
# Behaviour: children are grouped by name. Malmo's DrawingDecorator carries out its children in order, later ones over
# earlier ones, so a cuboid that cleared the room now comes after the blocks that were put into it.
# Output seen: DrawBlock, DrawCuboid, DrawBlock becomes DrawBlock, DrawBlock, DrawCuboid; no error, and a valid mission.
# Effect: the gold block that the agent is to find is wiped out, and the agent is scored in an empty room.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq xmltodict==1.0.4
cd "$folder"
"$folder/venv/bin/python" - <<'PROGRAM'
import re

import xmltodict

mission = """<DrawingDecorator>
<DrawBlock x="0" y="4" z="0" type="stone"/>
<DrawCuboid x1="-5" y1="4" z1="-5" x2="5" y2="6" z2="5" type="air"/>
<DrawBlock x="2" y="4" z="2" type="gold_block"/>
</DrawingDecorator>"""
names = [re.findall(r"<(Draw[BC]\w+) ", text) for text in (mission, xmltodict.unparse(xmltodict.parse(mission)))]
print(f"before {names[0]}, after {names[1]}")
if names[1] != ["DrawBlock", "DrawBlock", "DrawCuboid"]:
    raise SystemExit("changed: xmltodict keeps the order of children with different names")
PROGRAM
