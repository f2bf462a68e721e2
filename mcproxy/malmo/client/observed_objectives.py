"""Objectives judged on what a MineRL client observes: location, inventory, statistics, and the keys that it pressed.

The engine's own code judges (`tick.judge`), on a `WORLD` record that is filled from the observations of a tick, not by
physics. So an objective means the same whichever engine runs the mission, and Malmo need not know of it. Where
the player aims is worked out from the blocks of the mission, and from what the statistics say was broken, placed and
opened; what falls, flows or is pushed is not followed.
"""

from collections import Counter
from typing import Any

import numpy as np
from numba import njit

from mcproxy import blocks as block_table
from mcproxy import items as item_table
from mcproxy import mobs as mob_table
from mcproxy.engine.initial_state import state_of
from mcproxy.engine.simulation.interaction import REACH, SWING_TICKS, aim
from mcproxy.engine.state import CAUSES, EVENTS, LOG_ROWS, NEVER, WHAT, log_event
from mcproxy.engine.tick import judge
from mcproxy.errors import UserError
from mcproxy.malmo.xml import vocabulary
from mcproxy.malmo.xml.vocabulary import CHESTS, EVENTS_KEY, STATISTICS
from mcproxy.mission import GOAL, Event, Happened, Mission

_CODES = {kind: code for code, kind in enumerate(EVENTS)}
_OPENED = {statistic: block for block, statistic in CHESTS.items()}
_SEEN = ("swung", "used", "hurt", "died", *STATISTICS)  # events that can be told from observations
_CAUSES = {"inFire": "fire", "onFire": "fire", "inWall": "wall", "mob": "zombie"}  # Minecraft's names for ours
Counts = dict[tuple[str, ...], int]
Carried = tuple[int, str, int, int]  # a slot's index, and the type, metadata and quantity of what is in it


class Judge:
    """What has become of a mission's objectives; an objective that cannot be observed is a `UserError`.

    state   (1,) `WORLD`, of which tick, player, health, slots and objectives are kept
    blocks  (X, Y, Z) uint8, as far as they are known
    events  what happened, so far: as the server tells it, if it is ours, and else as far as it can be observed
    """

    def __init__(self, mission: Mission) -> None:
        for objective in mission.objectives:
            condition = objective.condition
            if isinstance(condition, Happened) and not _observable(condition):
                raise UserError(f"objective {objective.name!r} waits for {condition.words!r}: MineRL cannot observe it")
        self.mission = mission
        self.state = np.zeros(1, dtype=state_of(mission, mission.blocks.shape).dtype)
        self.state[0] = state_of(mission, mission.blocks.shape)
        self.blocks = np.ascontiguousarray(mission.blocks).copy()
        self.events: list[Event] = []
        self._place = np.zeros(4, dtype=np.int64)
        self._before: Counts = {}
        self._carried: list[Carried] | None = None

    @property
    def ended(self) -> bool:
        """Whether the goal has ended the episode, or the player died."""
        return bool(self.state["ended"][0])

    @property
    def up(self) -> bool:
        """Whether the mission's time is up."""
        return bool(self.state["tick"][0] >= self.state["limit"][0])

    def met(self) -> dict[str, int]:
        """By objective, the first tick at which it was met, -1 for never."""
        ticks = self.state["objectives"]["met"][0].tolist()
        return {o.name: tick for o, tick in zip(self.mission.objectives, ticks, strict=False)}

    def see(self, told: dict[str, Any]) -> None:
        """Take in where the player is and what it carries, without judging: the observation of a reset."""
        world = self.state[0]
        world["player"]["yaw_deg"], world["player"]["pitch_deg"] = told["yaw"], told["pitch"]
        world["player"]["pos"] = told["xpos"], told["ypos"], told["zpos"]
        world["held"] = told.get("current_item_index", world["held"])
        carried = [
            (k, s["type"], s["metadata"], s["quantity"]) for k, s in enumerate(told["inventory"]) if s["quantity"]
        ]
        if carried != self._carried:
            self._carried = carried
            world["slots"] = _slots(carried)
        self._before = _counts(told["stat"]) if told.get("stat") else {}

    def tick(self, action: dict[str, Any], told: dict[str, Any]) -> None:
        """Judge the state after one tick, in which the keys of MineRL's `action` were down."""
        world, before = self.state[0], self._before
        world["tick"] += 1
        world["player"]["yaw_deg"], world["player"]["pitch_deg"] = told["yaw"], told["pitch"]
        had, held = self._carried, int(world["slots"]["item"][world["held"]])
        attack, use = bool(action.get("attack")), bool(action.get("use"))
        aimed = aimed_at(self.blocks, self.state, self._place) if attack or use else 0
        if attack or use or world["attacking"] or world["using"]:
            self._press(attack, use, aimed)
        self.see(told)
        world["player"]["crouched"] = bool(action.get("sneak"))
        if self._before != before:
            for key, count in self._before.items():
                for _ in range(count - before.get(key, 0)):
                    self._happened(key, had, held, aimed)
        self._feel(told)
        judge(self.blocks, self.state, self._place)
        self._log(told)

    def accept(self, paid: bool) -> None:
        """Believe a server that says that the mission is over: by the goal, if it paid, else by the time."""
        world = self.state[0]
        if paid:
            goal = next(k for k, o in enumerate(self.mission.objectives) if o.kind == GOAL)
            met = world["objectives"]["met"]
            met[goal], world["ended"] = world["tick"] if met[goal] == NEVER else met[goal], 1
        else:
            world["limit"] = world["tick"]

    def _press(self, attack: bool, use: bool, aimed: int) -> None:
        world = self.state[0]
        first = attack and not world["attacking"]
        world["attacking"] = world["attacking"] + 1 if attack else 0
        own = np.floor(world["player"]["pos"]).astype(np.int64).tolist()
        if first or (attack and aimed and world["attacking"] % SWING_TICKS == 1):
            self._tell("swung", block_table.NAME[aimed] if aimed else "", own)
        if use and not world["using"]:
            self._tell("used", block_table.NAME[aimed] if aimed else "", self._place[:3].tolist() if aimed else own)
        world["using"] = use

    def _happened(self, key: tuple[str, ...], had: "list[Carried] | None", held: int, aimed: int) -> None:
        """Tell what made a statistic grow."""
        own = np.floor(self.state["player"]["pos"][0]).astype(np.int64).tolist()
        at = self._place[:3].tolist()
        if key[0] in _OPENED:
            self._tell("opened", _OPENED[key[0]], at)
            self.blocks[tuple(at)] = block_table.TURNS_INTO[aimed]
        elif key[0] == "mine_block" and aimed:
            self._tell("broke", block_table.NAME[aimed], at)
            self.blocks[tuple(at)] = 0
        elif key[0] == "pickup":
            gained = _pieces(self._carried) - _pieces(had)
            named = [name for (kind, _), name in vocabulary.ITEM_NAMES.items() if kind == key[-1]]
            named.sort(key=lambda name: -gained[vocabulary.ITEMS[name][:2]])
            if named:
                self._tell("collected", named[0], own)
        elif (
            key[0] == "use_item"
            and vocabulary.ITEMS[item_table.NAME[held]].type == key[-1]
            and held < len(WHAT["placed"])
        ):
            axis, step = int(self._place[3]) >> 1, 1 if self._place[3] & 1 else -1  # on the side that is looked at
            at[axis] += step
            self._tell("placed", item_table.NAME[held], at)
            if aimed and all(0 <= a < size for a, size in zip(at, self.blocks.shape, strict=True)):
                self.blocks[tuple(at)] = held
        elif key[0] == "kill_entity" and key[-1] in mob_table.ID:
            self._tell("killed", key[-1], own)

    def _feel(self, told: dict[str, Any]) -> None:
        """Tell of being hurt, and of dying."""
        world = self.state[0]
        health = int(round(told.get("life", world["health"])))
        cause = str(told.get("damage_source", {}).get("damage_type", ""))
        cause = _CAUSES.get(cause, cause)
        own = np.floor(world["player"]["pos"]).astype(np.int64).tolist()
        if health < world["health"]:
            self._tell("hurt", cause if cause in CAUSES else CAUSES[0], own)
        if told.get("is_dead"):
            self._tell("died", cause if cause in CAUSES else CAUSES[0], own)
            health, world["ended"] = 0, 1
        world["health"] = health

    def _tell(self, kind: str, what: str, cell: list[int]) -> None:
        note(self.state, _CODES[kind], WHAT[kind].index(what), cell[0], cell[1], cell[2])

    def _log(self, told: dict[str, Any]) -> None:
        """Move this tick's log to the events; what a server of ours tells is exact, and goes first."""
        world = self.state[0]
        length, world["log_length"] = min(int(world["log_length"]), LOG_ROWS), 0
        if EVENTS_KEY in told:
            self.events += [Event(tick, kind, what, tuple(cell)) for tick, kind, what, cell in told[EVENTS_KEY]]
            return
        names = tuple(o.name for o in self.mission.objectives)
        rows = world["log"][:length]
        for (tick, kind, what, _), cell in zip(rows.tolist(), rows["cell"].tolist(), strict=True):
            self.events.append(Event(tick, EVENTS[kind], WHAT.get(EVENTS[kind], names)[what], tuple(cell)))


def _observable(condition: Happened) -> bool:
    return condition.event in _SEEN or (condition.event == "opened" and condition.what in CHESTS)


def _slots(carried: list[Carried]) -> np.ndarray:
    """The slots of a `WORLD`; items that the engine does not have stay out."""
    slots = np.zeros(item_table.SLOTS, dtype=[("item", "i8"), ("count", "i8")])
    for index, kind, metadata, quantity in carried:
        name = vocabulary.ITEM_NAMES.get((kind, metadata))
        if name is not None and index < item_table.SLOTS:
            slots[index] = item_table.ID[name], quantity
    return slots


def _pieces(carried: "list[Carried] | None") -> Counter[tuple[str, int]]:
    """How many pieces there are, by type and metadata."""
    pieces: Counter[tuple[str, int]] = Counter()
    for _, kind, metadata, quantity in carried or ():
        pieces[kind, metadata] += quantity
    return pieces


def _counts(statistics: dict[str, Any], path: tuple[str, ...] = ()) -> Counts:
    """The statistics that tell of events, by their path."""
    counts: Counts = {}
    for name in statistics if path else (*STATISTICS.values(), *_OPENED):
        key, value = (*path, name), statistics.get(name)
        if isinstance(value, dict):
            counts |= _counts(value, key)
        elif value:
            counts[key] = int(value)
    return counts


@njit(nogil=True, cache=True)
def aimed_at(blocks: np.ndarray, worlds: np.ndarray, place: np.ndarray) -> int:
    """The block that the player looks at, 0 for none within reach; `place` (4,) int64 receives its cell and side."""
    if aim(blocks, worlds[0], REACH, place) > REACH:
        return 0
    return int(blocks[place[0], place[1], place[2]])


@njit(nogil=True, cache=True)
def note(worlds: np.ndarray, kind: int, what: int, x: int, y: int, z: int) -> None:
    """`state.log_event`, from Python."""
    log_event(worlds[0], kind, what, x, y, z)
