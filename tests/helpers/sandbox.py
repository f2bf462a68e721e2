"""One tiny world to try things in, tick by tick."""

import numpy as np

from mcproxy import items
from mcproxy.blocks import ID, NAME
from mcproxy.controls import CONTROLS, INDEX
from mcproxy.engine.worlds import Worlds
from mcproxy.mission import Mission


def ground(size=(9, 8, 9), block="stone"):
    """A floor at the bottom of an empty world; who stands on it has its feet at height 1."""
    blocks = np.zeros(size, dtype=np.uint8)
    blocks[:, 0] = ID[block]
    return blocks


class Sandbox:
    """A world of which every tick is stepped by naming the controls that are held."""

    def __init__(self, blocks, spawn=(4.5, 1.0, 2.5), objectives=(), max_ticks=100_000, resolution=(8, 8), **mission):
        self.worlds = Worlds(1, blocks.shape, resolution, action_repeat=1)
        self.mission = Mission(blocks, spawn, tuple(objectives), max_ticks, "0", **mission)
        self.worlds.load(0, self.mission)

    def hold(self, ticks=1, **choices):
        """Hold choices of controls for some ticks; returns the events of these ticks."""
        before = len(self.worlds.events[0])
        keys = np.zeros((1, len(CONTROLS)), dtype=np.int8)
        for name, choice in choices.items():
            keys[0, INDEX[name]] = choice
        for _ in range(ticks):
            self.worlds.step(keys)
        return self.worlds.events[0][before:]

    def look(self, yaw_deg=0.0, pitch_deg=0.0):
        """Turn at once."""
        self.worlds.players["yaw_deg"], self.worlds.players["pitch_deg"] = yaw_deg, pitch_deg

    def block(self, x, y, z):
        return NAME[self.worlds.blocks(0)[x, y, z]]

    def frame(self):
        return self.worlds.render()[0].copy()

    @property
    def tick(self):
        return int(self.worlds.ticks[0])

    @property
    def pos(self):
        return self.worlds.players["pos"][0]

    @property
    def health(self):
        return int(self.worlds.state["health"][0])

    @property
    def inventory(self):
        slots = self.worlds.state["slots"][0]
        return {items.NAME[item]: int(slots["count"][slots["item"] == item].sum()) for item in set(slots["item"]) - {0}}

    @property
    def bodies(self):
        entities = self.worlds.state["entities"][0]
        return entities[entities["kind"] > 0]


def kinds(events):
    """Kind and subject of each event."""
    return [(event.kind, event.what) for event in events]
