"""The position of a player's eye and the direction of its view."""

import math

import numpy as np
from numba import njit

from mcproxy.controls import INDEX, TURN_DEG

EYE_HEIGHT, CROUCHED_EYE_HEIGHT = 1.62, 1.54  # blocks above the feet (Minecraft 1.11, EntityPlayer.getEyeHeight)
_TURN, _PITCH = INDEX["turn"], INDEX["pitch"]


@njit(nogil=True, cache=True)
def turn(player: np.record, keys: np.ndarray) -> None:
    """Turn a player's view by the keys of one tick, (len(CONTROLS),) int8."""
    yaw_deg = player.yaw_deg + TURN_DEG * (int(keys[_TURN] == 2) - int(keys[_TURN] == 1))
    player.yaw_deg = yaw_deg - 360.0 * math.floor((yaw_deg + 180.0) / 360.0)
    pitch_deg = player.pitch_deg + TURN_DEG * (int(keys[_PITCH] == 2) - int(keys[_PITCH] == 1))
    player.pitch_deg = min(max(pitch_deg, -90.0), 90.0)


@njit(nogil=True, cache=True)
def eye(player: np.record) -> tuple[float, float, float]:
    """The position of a player's eye, in blocks."""
    height = CROUCHED_EYE_HEIGHT if player.crouched != 0 else EYE_HEIGHT
    return player.pos[0], player.pos[1] + height, player.pos[2]


@njit(nogil=True, cache=True)
def view(player: np.record) -> tuple[float, float, float]:
    """The unit vector of a player's view."""
    sine, cosine = sine_cosine(player.yaw_deg)
    down, level = sine_cosine(player.pitch_deg)
    return -sine * level, -down, cosine * level


@njit(nogil=True, cache=True)
def sine_cosine(deg: float) -> tuple[float, float]:
    """Return sine and cosine, exact at right angles and elsewhere within 1e-15: Taylor's series around the nearest."""
    quarter = math.floor(deg / 90.0 + 0.5)
    x = (deg - 90.0 * quarter) * (math.pi / 180.0)  # in [-pi/4, pi/4]
    square, sine, cosine = x * x, 1.0, 1.0
    for n in range(16, 1, -2):  # Horner: 1 - x^2 / (n (n + 1)) (...) and 1 - x^2 / (n (n - 1)) (...)
        sine = 1.0 - square / (n * (n + 1)) * sine
        cosine = 1.0 - square / (n * (n - 1)) * cosine
    sine *= x
    turn = quarter % 4
    if turn == 0:
        return sine, cosine
    if turn == 1:
        return cosine, -sine
    if turn == 2:
        return -sine, -cosine
    return -cosine, sine
