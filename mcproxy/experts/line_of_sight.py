"""What can be looked at from where: whether some turns of the view bring a block into its middle, within reach."""

import math

import numpy as np
from numba import njit

from mcproxy.engine.simulation.camera import EYE_HEIGHT, eye
from mcproxy.engine.simulation.interaction import REACH, aim
from mcproxy.engine.simulation.physics import PLAYER

PROBE = np.dtype([("shape", "i8", 3), ("player", PLAYER)], align=True)  # as much of a `WORLD` as `aim` needs
_HALF_TURN = 12  # steps of turning that are tried to each side
_CELL, _COLUMN = 0.87, 0.71  # blocks from the middle of a cell to its corner, and as seen from above


@njit(nogil=True, cache=True)
def sight(
    blocks: np.ndarray,
    probe: np.record,
    place: np.ndarray,
    cell: np.ndarray,
    view: tuple[float, float, float, float],
) -> tuple[int, int, bool]:
    """By how many turns of yaw and pitch the player of a `PROBE` comes to look at a cell, and whether any do.

    The fewest turns count, where both go on at once. `place` (4,) int64 is to be overwritten.
    """
    yaw, pitch, by_yaw, by_pitch = view
    player = probe.player
    x, y, z = eye(player)
    to_x, to_y, to_z = cell[0] + 0.5 - x, cell[1] + 0.5 - y, cell[2] + 0.5 - z
    across = math.sqrt(to_x * to_x + to_z * to_z)
    bearing, dip = math.degrees(math.atan2(-to_x, to_z)), math.degrees(math.atan2(-to_y, across))
    wide_yaw, wide_pitch = _half(_COLUMN, across), _half(_CELL, math.sqrt(across * across + to_y * to_y))
    centre_yaw = round(((bearing - yaw + 180.0) % 360.0 - 180.0) / by_yaw) if by_yaw > 0 else 0
    centre_pitch = round((dip - pitch) / by_pitch) if by_pitch > 0 else 0
    steps_yaw = min(int(wide_yaw / by_yaw) + 1, _HALF_TURN) if by_yaw > 0 else 0
    steps_pitch = min(int(wide_pitch / by_pitch) + 1, _HALF_TURN) if by_pitch > 0 else 0
    best_yaw, best_pitch, least = 0, 0, 1000.0
    for a in range(-steps_yaw, steps_yaw + 1):
        for b in range(-steps_pitch, steps_pitch + 1):
            turns, tilts = centre_yaw + a, centre_pitch + b
            if turns > _HALF_TURN or turns <= -_HALF_TURN or abs(pitch + by_pitch * tilts) > 90.0:
                continue
            off = (bearing - yaw - by_yaw * turns + 180.0) % 360.0 - 180.0
            if abs(off) > wide_yaw or abs(dip - pitch - by_pitch * tilts) > wide_pitch:
                continue
            effort = max(abs(turns), abs(tilts)) + 0.1 * (abs(a) + abs(b))
            if effort < least:
                player.yaw_deg, player.pitch_deg = yaw + by_yaw * turns, pitch + by_pitch * tilts
                found = aim(blocks, probe, REACH, place) <= REACH
                if found and place[0] == cell[0] and place[1] == cell[1] and place[2] == cell[2]:
                    best_yaw, best_pitch, least = turns, tilts, effort
    return best_yaw, best_pitch, least < 1000.0


@njit(nogil=True, cache=True)
def looks(
    scratch: np.ndarray,
    probe: np.ndarray,
    place: np.ndarray,
    cells: np.ndarray,
    x: int,
    y: int,
    z: int,
    foot: float,
    view: tuple[float, float, float, float],
) -> int:
    """The first of some cells (C, 3) that can be looked at from the middle of a place to stand, or -1.

    The place is the cell (x, y, z) with the feet at the height `foot`; blocks that would have to be dug to stand there
    are looked through. `scratch` are the blocks, the same again afterwards; `probe` (1,) `PROBE` and `place` (4,) int64
    are to be overwritten.
    """
    was = (scratch[x, y, z], scratch[x, min(y + 1, scratch.shape[1] - 1), z])
    dug = foot == y  # who stands here has dug the place
    person = probe[0]
    for n in range(cells.shape[0]):
        cell = cells[n]
        far_x, far_y, far_z = abs(cell[0] - x), abs(cell[1] + 0.5 - foot - EYE_HEIGHT), abs(cell[2] - z)
        if max(far_x, far_z) > REACH + 0.5 or far_x * far_x + far_y * far_y + far_z * far_z > (REACH + _CELL) ** 2:
            continue
        if dug:
            scratch[x, y, z] = scratch[x, min(y + 1, scratch.shape[1] - 1), z] = 0
        person.player.pos[0], person.player.pos[1], person.player.pos[2] = x + 0.5, foot, z + 0.5
        person.shape[0], person.shape[1], person.shape[2] = scratch.shape
        found = sight(scratch, person, place, cell, view)[2]
        if dug:
            scratch[x, y, z], scratch[x, min(y + 1, scratch.shape[1] - 1), z] = was
        if found:
            return n
    return -1


@njit(nogil=True, cache=True)
def _half(radius, far):
    """Degrees that a ball of a radius takes to each side of its middle, as seen from afar."""
    return math.degrees(math.asin(radius / far)) if far > radius else 180.0
