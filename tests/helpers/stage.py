"""A hand-made world with an expert in it: what it does there, and how far it walks."""

from types import SimpleNamespace

import numpy as np

from mcproxy.blocks import ID
from mcproxy.controls import keys_of
from mcproxy.engine.worlds import Worlds
from mcproxy.experts import Expert
from mcproxy.mission import GOAL, Mission, Objective

WALK = ("move", "turn")


def room(rows, height=9, floor="stone"):
    """A floor at the bottom, and on it columns of stone as high as the digits say; rows run along z, columns along x.

    A space is a hole in the floor down to lava, two blocks deeper; who stands on a 0 has its feet at height 3.
    """
    blocks = np.zeros((len(rows[0]), height, len(rows)), dtype=np.uint8)
    for z, row in enumerate(rows):
        for x, what in enumerate(row):
            blocks[x, 0, z] = ID["lava"] if what == " " else ID[floor]
            blocks[x, 1 : 3 if what != " " else 0, z] = ID[floor]
            blocks[x, 3 : 3 + int(what.strip() or 0), z] = ID[floor]
    return blocks


class Stage:
    """One world whose only objective is the condition, unless more objectives are given after it."""

    def __init__(self, blocks, spawn, condition, controls=WALK, others=(), max_ticks=800, **mission):
        objectives = (Objective("goal", GOAL, condition), *others)
        self.controls = controls
        self.mission = Mission(blocks, spawn, objectives, max_ticks, "0", **mission)
        self.worlds = Worlds(1, blocks.shape, (1, 1), action_repeat=4)
        self.worlds.load(0, self.mission)
        task = SimpleNamespace(name="stage", objectives=objectives, controls=controls)
        self.env = SimpleNamespace(task=task, worlds=self.worlds, num_envs=1, action_repeat=4)
        self.expert = Expert("goal", self.env)
        self.expert.begin(self.env, [0], [0])

    def play(self):
        """Let the expert act until its goal is met or the time is up; returns the blocks that it walked."""
        walked = 0.0
        while not self.worlds.ended[0] and self.worlds.ticks[0] < self.mission.max_ticks:
            before = self.worlds.players["pos"][0].copy()
            actions = self.expert.predict(None)[0]
            self.worlds.step(keys_of(self.controls, actions))
            walked += float(np.hypot(*(self.worlds.players["pos"][0] - before)[[0, 2]]))
        return walked

    @property
    def met(self):
        return bool(self.worlds.met[0, 0] >= 0)

    @property
    def paid(self):
        return float(self.worlds.paid[0, 0])

    @property
    def events(self):
        return [(event.kind, event.what) for event in self.worlds.events[0]]
