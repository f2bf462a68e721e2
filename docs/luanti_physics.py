"""How a player moves in Luanti and in the embedded engine, tick by tick, from the same keys: a table in Markdown.

python docs/luanti_physics.py      (needs Luanti: scripts/setup.sh luanti)
"""

from dataclasses import replace

import numpy as np

from mcproxy import registry
from mcproxy.blocks import ID
from mcproxy.controls import CONTROLS, INDEX
from mcproxy.engine.worlds import Worlds
from mcproxy.luanti.client import Client
from mcproxy.mission import Mission, layout_hash

WALK, STAND, JUMP, RUN_AND_JUMP = (1, 0, 0), (0, 0, 0), (0, 0, 1), (1, 0, 1)  # move, turn, jump
CASES = {  # name: height of a wall 3.5 blocks ahead, keys of every tick
    "walk from rest": (0, [WALK] * 20),
    "walk, then let go": (0, [WALK] * 10 + [STAND] * 10),
    "jump on the spot": (0, [JUMP] + [STAND] * 19),
    "hold jump while walking": (0, [WALK] * 8 + [RUN_AND_JUMP] * 24),
    "walk against a wall": (2, [WALK] * 30),
    "jump onto a block": (1, [RUN_AND_JUMP] * 40),
    "jump at a wall of two": (2, [RUN_AND_JUMP] * 40),
}


def flat_mission(wall: int) -> Mission:
    """A flat world of grass with a wall of this height, the player looking south at it."""
    blocks = np.zeros((40, 12, 40), dtype=np.uint8)
    blocks[:, 0] = ID["grass"]
    if wall:
        blocks[:, 1 : 1 + wall, 20] = ID["stone"]
    like = registry.named("beacon").mission(0, "separated", "eval")
    spawn = (16.5, 1.0, 16.5)
    return replace(like, blocks=blocks, spawn=spawn, yaw_deg=0.0, layout=layout_hash(blocks), origin=None)


def paths(client: Client, mission: Mission, keys: list[tuple[int, int, int]]) -> tuple[np.ndarray, np.ndarray]:
    """The way south and up since the spawn after each tick, in the engine and in Luanti: (T, 2) float64 each."""
    worlds, rows = Worlds(1, mission.blocks.shape, (8, 8), action_repeat=1), []
    worlds.load(0, mission)
    client.load(mission)
    for move, turn, jump in keys:
        choices = np.zeros((1, len(CONTROLS)), dtype=np.int8)
        choices[0, INDEX["move"]], choices[0, INDEX["jump"]] = move, jump
        worlds.step(choices)
        client.tick(move, turn, jump, read=False)
        rows.append([worlds.players["pos"][0].copy(), client.pose().pos])
    moved = np.array(rows) - np.array(mission.spawn)  # (T, 2, 3)
    return moved[:, 0, [2, 1]], moved[:, 1, [2, 1]]


def main() -> None:
    """Print the table: where each case ends, how high it rises, and the largest difference on the way."""
    client = Client()
    print("| from the same keys | south at the end | highest | largest difference south | up |")
    print("|---|---|---|---|---|")
    try:
        for name, (wall, keys) in CASES.items():
            ours, theirs = paths(client, flat_mission(wall), keys)
            ends = f"{ours[-1, 0]:.2f} and {theirs[-1, 0]:.2f}"
            highest = f"{ours[:, 1].max():.2f} and {theirs[:, 1].max():.2f}"
            south, up = np.abs(ours - theirs).max(axis=0)
            print(f"| {name}, {len(keys)} ticks | {ends} | {highest} | {south:.2f} | {up:.2f} |")
    finally:
        client.close()


if __name__ == "__main__":
    main()
