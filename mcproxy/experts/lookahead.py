"""What an expert will get, said beforehand: the tour of its plans through a world in which nobody moves."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mcproxy import blocks as block_table
from mcproxy import items, registry
from mcproxy.controls import ACTION_REPEAT, TURN_DEG
from mcproxy.engine.initial_state import state_of
from mcproxy.engine.state import ITEM_ENTITY
from mcproxy.experts.path_following import TURN_ONLY_DEG, obstacle
from mcproxy.experts.planner import Plan, plan
from mcproxy.experts.targets import carried, item_boxes
from mcproxy.items import BREAK_TICKS, DROP, DROPS, HARVESTS, KEY
from mcproxy.mission import Condition, Happened, Mission, Objective, Possess

_WALK = 0.2159  # blocks/tick = 0.098 / (1 - 0.546) (Minecraft Wiki, "Player")
_SWING_TICKS = 4  # between two swings of a held key (interaction.py)
_AIM_TICKS = 8  # at a block in the way: two steps of turning, once the way there is walked
_MOST_PLANS = 64  # of one tour


@dataclass(frozen=True)
class Forecast:
    """What pursuing an objective brings.

    reward  the return that the tour allows within the mission's limit: 0 to the objective's reward
    length  of the first plan's way in blocks;  ticks  that the tour takes up to the last event that pays
    """

    reward: float
    length: float
    ticks: int


def forecast(
    mission: Mission, objective: str, controls: Sequence[str] | None = None, repeat: int = ACTION_REPEAT
) -> Forecast:
    """What the expert of an objective will get in a mission, without running it.

    Each plan is taken at walking pace, with as much turning on the spot as its bends need, and what it is for is then
    done in the copy. `controls` are those of the task unless given, `repeat` is the number of ticks of a step.
    """
    if controls is None:
        assert mission.origin is not None, "a mission without a task needs controls"
        controls = registry.get(mission.origin.task).controls
    wanted = next(o for o in mission.objectives if o.name == objective)
    tour = _Tour(mission, wanted, controls, repeat)
    for _ in range(_MOST_PLANS):
        if tour.share >= 1.0 or not tour.go_on():
            break
    return Forecast(wanted.reward * tour.share, max(tour.length, 0.0), tour.paid_at)


class _Tour:
    """One plan after the other, in a copy of the mission's world."""

    def __init__(self, mission: Mission, objective: Objective, controls: Sequence[str], repeat: int) -> None:
        self.mission, self.objective, self.controls, self.repeat = mission, objective, controls, repeat
        self.blocks, self.state = mission.blocks.copy(), state_of(mission, mission.blocks.shape)
        self.ticks, self.length, self.paid_at, self.share = 0.0, -1.0, 0, 0.0
        self.counts = [0] * len(mission.objectives)
        self.k = mission.objectives.index(objective)

    def go_on(self) -> bool:
        """Carry out one more plan; False if there is none, or the time is up."""
        found = plan(self.mission, self.objective, self.blocks, self.state, self.controls, self.repeat)
        if found.target < 0:
            return False
        if self.length < 0:
            self.length = found.length
        self._walk(found)
        if found.cell is not None:
            self._work(found.cell, found.wanted.press)
        if self.ticks > self.mission.max_ticks:
            return False
        share = self._share(found)
        if share > self.share:
            self.share, self.paid_at = share, math.ceil(self.ticks)
        return not any(
            o.terminal and self._is_over(o.condition, n)
            for o, n in zip(self.mission.objectives, self.counts, strict=True)
        )

    def _share(self, found: Plan) -> float:
        """The share of the reward that has been earned."""
        condition = self.objective.condition
        if isinstance(condition, Happened):
            return min(self.counts[self.k], condition.parts) / condition.parts
        return float(self._is_over(condition, 0) if isinstance(condition, Possess) else found.cell is None)

    def _is_over(self, condition: Condition, count: int) -> bool:
        """Whether what has happened so often, or is possessed, is all that an objective waits for."""
        if isinstance(condition, Happened):
            return count >= condition.parts
        return isinstance(condition, Possess) and carried(self.state, items.ID[condition.item]) >= condition.count

    def _walk(self, found: Plan) -> None:
        """Turn, go to the end of the way, dig what is in it, and take with you what lies by it."""
        way, player, cell = found.way, self.state["player"], np.zeros(3, dtype=np.int64)
        yaw_deg = float(player["yaw_deg"])
        for step in np.diff(way, axis=0)[:, [0, 2]]:
            if step.any():
                bearing = math.degrees(math.atan2(-step[0], step[1]))
                off = abs((bearing - yaw_deg + 180.0) % 360.0 - 180.0)
                self.ticks += (off if found.digs else max(off - TURN_ONLY_DEG, 0.0)) / TURN_DEG
                yaw_deg = bearing
        player["yaw_deg"] = yaw_deg
        self.ticks += found.length / _WALK
        for here, there in zip(way[:-1], way[1:], strict=True):
            while obstacle(self.blocks, here, there, cell):
                self.ticks += _AIM_TICKS
                self._break(cell)
        for point in way:
            player["pos"] = point
            self._pick_up()

    def _work(self, cell: np.ndarray, press: str) -> None:
        """Do at the end of a way what it was taken for."""
        block, condition = int(self.blocks[tuple(cell)]), self.objective.condition
        if press == "use":
            slots = self.state["slots"]
            if KEY[block]:
                slots["count"][np.flatnonzero((slots["item"] == KEY[block]) & (slots["count"] > 0))[0]] -= 1
            self.blocks[tuple(cell)] = block_table.TURNS_INTO[block]
            self._tell("opened", block)
            for content in self.state["contents"][: self.state["num_contents"]]:
                if (content["cell"] == cell).all() and content["count"]:
                    self._drop(content["item"], content["count"], cell + [0.5, 1.0, 0.5])
                    content["count"] = 0
        elif isinstance(condition, Happened) and condition.event == "swung":
            self.ticks += _SWING_TICKS * (condition.parts - self.counts[self.k])
            self.counts[self.k] = condition.parts
        else:
            self._break(cell)

    def _break(self, cell: np.ndarray) -> None:
        """Dig a block, which may drop something."""
        block, held = int(self.blocks[tuple(cell)]), int(self.state["slots"]["item"][self.state["held"]])
        self.ticks += max(int(BREAK_TICKS[0, held, block]), 0)
        self.blocks[tuple(cell)] = 0
        self._tell("broke", block)
        if HARVESTS[held, block] and DROP[block]:
            self._drop(DROP[block], DROPS[block], cell + [0.5, 0.0, 0.5])

    def _drop(self, item: int, count: int, at: np.ndarray) -> None:
        """Let pieces of an item lie at a point."""
        free = np.flatnonzero(self.state["entities"]["kind"] == 0)[:1]
        self.state["entities"]["kind"][free], self.state["entities"]["what"][free] = ITEM_ENTITY, item
        self.state["entities"]["count"][free], self.state["entities"]["pos"][free] = count, at

    def _pick_up(self) -> None:
        """Take what lies within reach of the player."""
        entities, pos = self.state["entities"], self.state["player"]["pos"]
        bodies = np.flatnonzero(entities["kind"] == ITEM_ENTITY)
        boxes = item_boxes(entities["pos"][bodies])
        for n in bodies[((boxes[:, :3] <= pos) & (pos <= boxes[:, 3:6])).all(axis=1)]:
            slots, item = self.state["slots"], int(entities["what"][n])
            slot = np.flatnonzero(((slots["item"] == item) & (slots["count"] > 0)) | (slots["count"] == 0))[0]
            slots["item"][slot], slots["count"][slot] = item, slots["count"][slot] + entities["count"][n]
            entities["kind"][n] = 0
            self._tell("collected", item)

    def _tell(self, event: str, what: int) -> None:
        """Count an event for the objectives that wait for it."""
        names = items.NAME if event == "collected" else block_table.NAME
        for k, condition in enumerate(o.condition for o in self.mission.objectives):
            if isinstance(condition, Happened) and condition.event == event:
                self.counts[k] += condition.what in ("", names[what])
