"""What a client observes besides the frame: Malmo's JSON of a tick.

All keys that MineRL 0.4.4 reads are there. What the engine does not model has Minecraft's usual value on a clear day in
the plains: hunger, experience, air, biome, weather and light. Of the statistics those are there that are not zero.
"""

import json
import math
from typing import Any

from mcproxy import items as item_table
from mcproxy.engine.worlds import Worlds
from mcproxy.malmo.xml import vocabulary
from mcproxy.malmo.xml.client_mission import Assignment
from mcproxy.malmo.xml.reader import FLAT_INVENTORY
from mcproxy.mission import Event

_OTHER_SLOTS = 5  # armour and the other hand, which the engine lacks
_USUAL = {
    "score": 0, "food": 20, "saturation": 5.0, "xp": 0, "air": 300, "name": "MineRLAgent0", "biome_name": "Plains",
    "biome_id": 1, "biome_temperature": 0.8, "biome_rainfall": 0.4, "sea_level": 63, "light_level": 15,
    "is_raining": False, "can_see_sky": True,
}  # fmt: skip


class Report:
    """The observations of one running mission."""

    def __init__(self, assignment: Assignment, worlds: Worlds) -> None:
        self._worlds, self._origin, self._observes = worlds, assignment.origin, assignment.observes
        self._ours, self._told = assignment.ours, 0  # events that were told
        self._statistics: dict[str, Any] = {}
        self._slots, self._held, self._carried = b"", -1, ""
        self._time_of_day = assignment.mission.time_of_day
        self._usual = json.dumps(_USUAL | _sun(self._time_of_day))[1:-1]
        self._stat = "{}"

    def json(self) -> bytes:
        """The document for the state as it is now."""
        state = self._worlds.state[0]
        events = self._worlds.events[0][self._told :]
        self._told += len(events)
        if events:
            self._count(events)
        alive = state["health"] > 0
        parts = [f'"is_dead":{"false" if alive else "true"},"living_death_event_fired":{"false" if alive else "true"}']
        if "ObservationFromDamage" in self._observes:
            parts.append(f'"damage_source":{json.dumps(_damage(events))}')
        if "ObservationFromFullStats" in self._observes:
            parts.append(self._full_stats(state, alive))
        if self._observes - {"ObservationFromDamage", "ObservationFromFullStats"}:
            parts.append(self._inventory(state))
        if self._ours:
            parts.append(f'"{vocabulary.EVENTS_KEY}":{json.dumps(events) if events else "[]"}')
        return ("{" + ",".join(parts) + "}").encode()

    def _full_stats(self, state: Any, alive: bool) -> str:
        player = state["player"]
        (x, y, z), (x0, y0, z0) = player["pos"].tolist(), self._origin
        tick, yaw, pitch = int(state["tick"]), float(player["yaw_deg"]), float(player["pitch_deg"])
        return (
            f'{self._usual},"xpos":{x + x0!r},"ypos":{y + y0!r},"zpos":{z + z0!r},"yaw":{yaw!r},"pitch":{pitch!r},'
            f'"life":{int(state["health"])}.0,"is_alive":{"true" if alive else "false"},'
            f'"world_time":{self._time_of_day},"total_time":{tick},"distance_travelled_cm":0,"stat":{self._stat}'
        )

    def _inventory(self, state: Any) -> str:
        """What is carried, written anew only when it has changed."""
        slots, held = state["slots"].tobytes(), int(state["held"])
        if slots != self._slots or held != self._held:
            self._slots, self._held = slots, held
            stacks = [_stack(item, count) for item, count in state["slots"].tolist()]
            said: dict[str, Any] = {}
            if "ObservationFromFullInventory" in self._observes:
                every = stacks + [_stack(0, 0)] * _OTHER_SLOTS
                where = ({"index": index, "inventory": "inventory"} for index in range(len(every)))
                said["inventory"] = [stack | at for stack, at in zip(every, where, strict=True)]
                said["inventories_available"] = [{"name": "inventory", "size": len(every)}]
                said["current_item_index"] = held
            if FLAT_INVENTORY in self._observes:
                for index, stack in enumerate(stacks):
                    said[f"InventorySlot_{index}_size"] = stack["quantity"]
                    said[f"InventorySlot_{index}_item"] = stack["type"]
                said["current_item_index"] = held
            if "ObservationFromEquippedItem" in self._observes:
                equipped = stacks[held] | {"currentDamage": -1, "maxDamage": -1} if stacks[held]["quantity"] else {}
                nothing: dict[str, dict[str, Any]] = dict.fromkeys(("offhand", "feet", "legs", "chest", "head"), {})
                said["equipped_items"] = {"mainhand": equipped} | nothing
            self._carried = json.dumps(said, separators=(",", ":"))[1:-1]
        return self._carried

    def _count(self, events: list[Event]) -> None:
        for event in events:
            name = vocabulary.STATISTICS.get(event.kind)
            if name == "kill_entity":
                _add(self._statistics, name, vocabulary.MOBS[event.what].lower())
            elif name is not None:
                table: Any = vocabulary.ITEMS if name in ("pickup", "use_item") else vocabulary.BLOCKS
                _add(self._statistics, name, "minecraft", told_as(table[event.what]))
            elif event.kind == "opened" and event.what in vocabulary.CHESTS:
                _add(self._statistics, vocabulary.CHESTS[event.what])
            elif event.kind == "died":
                _add(self._statistics, "deaths")
        self._stat = json.dumps(self._statistics)


def told_as(word: vocabulary.BlockWord | vocabulary.ItemWord) -> str:
    """The name of a statistic's last part: Minecraft counts by type alone."""
    return word.type


def _add(counts: dict[str, Any], *path: str) -> None:
    for name in path[:-1]:
        counts = counts.setdefault(name, {})
    counts[path[-1]] = counts.get(path[-1], 0) + 1


def _stack(item: int, count: int) -> dict[str, Any]:
    word = vocabulary.ITEMS[item_table.NAME[item]]
    return {"type": word.type, "metadata": word.metadata, "quantity": count}


def _damage(events: list[Event]) -> dict[str, Any]:
    """What has hurt the player in this tick (ObservationFromDamageImplementation), {} for nothing."""
    causes = [event.what for event in events if event.kind in ("hurt", "died")]
    return {"damage_type": causes[-1], "is_dead": any(e.kind == "died" for e in events)} if causes else {}


def _sun(time_of_day: int) -> dict[str, float]:
    """How bright the sun is at a time of day, 0 to 1 (World.getSunBrightness, without its lower end at 0.2)."""
    turn = (time_of_day % 24000) / 24000 - 0.25
    turn += 1.0 if turn < 0 else 0.0
    angle = turn + ((1.0 - (math.cos(turn * math.pi) + 1.0) / 2.0) - turn) / 3.0
    bright = min(max(math.cos(angle * 2.0 * math.pi) * 2.0 + 0.2, 0.0), 1.0)
    return {"sun_brightness": bright, "sky_light_level": bright * 0.8 + 0.2}
