"""One client's world behind the Malmo protocol: commands in, frame, reward, end and observations out, tick by tick.

A mission that is to be seen upside down is not drawn so: that is up to the client, as it is with Minecraft.

A step is a client tick of Malmo's synchronous mode: all commands in their order, one tick of physics, the frame, then
ends and rewards, both judged on the state after the tick. Keys are levels that stay until they are released.
"""

import math
import time
from dataclasses import dataclass, field

import numpy as np

from mcproxy.controls import CONTROLS, INDEX
from mcproxy.engine.view import FOV_DEG
from mcproxy.engine.worlds import Worlds
from mcproxy.items import HOTBAR
from mcproxy.malmo.server.observations import Report
from mcproxy.malmo.server.rewards import Payment
from mcproxy.malmo.server.single_world import OneWorld
from mcproxy.malmo.xml.client_mission import Assignment

TICK_S = 0.05
_KEYS = ("forward", "back", "left", "right", "jump", "sneak", "sprint", "attack", "use")
_SLOTS = {f"hotbar.{slot}": slot for slot in range(1, HOTBAR + 1)}
_LEVELS = (("1", True), ("0", False))
_PRESSES = {f"{key} {value}": (key, pressed) for key in (*_KEYS, *_SLOTS) for value, pressed in _LEVELS}
_IDLE = {f"{key} {value}" for key in ("drop", "inventory", "swapHands", "pickItem", "pause") for value, _ in _LEVELS}
_STILL = "camera 0.0 0.0"
_MOST_DEG = 180.0  # of one camera command: MineRL's action space


@dataclass(frozen=True)
class Step:
    """What a tick gave: the frame's bytes (bottom row first), reward, whether it was the last, and JSON."""

    frame: bytes
    reward: float
    done: bool
    info: bytes
    faults: tuple[str, ...] = ()  # commands that cannot be followed


class Session:
    """A mission that runs; `realtime` keeps it at 20 ticks a second."""

    def __init__(self, assignment: Assignment, fov_deg: float = FOV_DEG, realtime: bool = False) -> None:
        mission, (width, height) = assignment.mission, assignment.screen
        self.worlds = OneWorld(mission, (height, width), fov_deg)
        self.worlds.limits[0] = assignment.ticks
        self.done = False
        self._keys = Keys()
        self._payment = Payment(assignment, self.worlds)
        self._report = Report(assignment, self.worlds)
        self._due = time.monotonic() if realtime else None

    def peek(self) -> Step:
        """The state before the first tick, or after the last one."""
        return Step(self.worlds.frame(), 0.0, self.done, self._report.json())

    def step(self, commands: str) -> Step:
        """Follow commands, one a line, and run a tick; after the last one nothing changes any more."""
        if self.done:
            return self.peek()
        if self._due is not None:
            self._due = max(self._due + TICK_S, time.monotonic() - TICK_S)
            time.sleep(max(0.0, self._due - time.monotonic()))
        faults = self._keys.follow(commands, self.worlds)
        self.worlds.step(self._keys.row)
        reward, self.done = self._payment.settle()
        return Step(self.worlds.frame(), reward, self.done, self._report.json(), tuple(faults))

    def close(self) -> None:
        """Let the world go; safe to call twice."""
        self.worlds.close()


@dataclass
class Keys:
    """The keys that are down, as the engine's (1, len(CONTROLS)) int8 row of choices."""

    row: np.ndarray = field(default_factory=lambda: np.zeros((1, len(CONTROLS)), dtype=np.int8))
    _down: dict[str, bool] = field(default_factory=lambda: dict.fromkeys((*_KEYS, *_SLOTS), False))

    def follow(self, commands: str, worlds: Worlds) -> list[str]:
        """Press, release and look as the commands say; those that cannot be followed are handed back."""
        faults: list[str] = []
        row, down = self.row, self._down
        row[0, _HOTBAR] = 0
        for command in commands.split("\n"):
            if command in _PRESSES:
                key, pressed = _PRESSES[command]
                if pressed and key in _SLOTS and not down[key]:
                    row[0, _HOTBAR] = _SLOTS[key]
                down[key] = pressed
            elif command.startswith("camera "):
                if command != _STILL and not _look(worlds, command.removeprefix("camera ")):
                    faults.append(command)
            elif command and command not in _IDLE:
                faults.append(command)
        for key, column in _COLUMNS:
            row[0, column] = down[key]
        row[0, _STRAFE] = down["left"] + 2 * down["right"] if down["left"] != down["right"] else 0
        return faults


_HOTBAR, _STRAFE = INDEX["hotbar"], INDEX["strafe"]
_COLUMNS = tuple((k, INDEX["move" if k == "forward" else k]) for k in _KEYS if k not in ("left", "right"))


def _look(worlds: Worlds, value: str) -> bool:
    """Turn the view by `PITCH YAW` degrees; False if these are no such numbers."""
    try:
        pitch_deg, yaw_deg = map(float, value.split(" "))
    except ValueError:
        return False
    if not (abs(pitch_deg) <= _MOST_DEG and abs(yaw_deg) <= _MOST_DEG):  # nor for a NaN
        return False
    player = worlds.players[0]
    yaw_deg += float(player["yaw_deg"])
    worlds.players["yaw_deg"][0] = yaw_deg - 360.0 * math.floor((yaw_deg + 180.0) / 360.0)
    worlds.players["pitch_deg"][0] = min(max(float(player["pitch_deg"]) + pitch_deg, -90.0), 90.0)
    return True
