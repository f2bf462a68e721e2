"""Layouts of a choice among equal places: K of them in a ring around the spawn, and a second set seen from it at once.

The places are drawn alike and goal and marker are dealt out among them, so nothing about a place tells which it is.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from mcproxy.engine.ground_distance import DIAGONAL, JUMP, STRAIGHT, UNREACHABLE, WALK, distances
from mcproxy.engine.ground_distance import ground as ground_of
from mcproxy.tasks._meadow import CLEARANCE, MARGIN, clear, is_open, near, walled

PLACES = 4  # K
JITTER_DEG = 15.0  # by which a place may be off its even share of the circle
SEPARATION = 5.0  # blocks between two places, at least
BALANCE = 1.2  # ratio of the distances of two places from the spawn, and of the ways to them, at most
VIEW_DEG = (40.0, 60.0)  # between the two places that are in view from the spawn
IN_VIEW_DEG = 31.0  # from the heading, at most, for what is in view; the view is 70 wide
BESIDE = (2.0, 3.0)  # blocks from a place at which `beside` is
_DETOUR = 1.5  # a way may be so many times as long as the straight line
_LAYOUTS = 1000  # drawn at most for one mission
_PROPOSALS = 160  # of the places in one meadow, before its obstacles are drawn anew
_DRAWS = (
    3 + 2 * PLACES
)  # uniform numbers for a proposal of the ring: spawn, radius, then angle and radius of each place
_HEADINGS = 24  # of 15 degrees


class Ring(NamedTuple):
    """A meadow, and where things can be on it; columns are (x, z).

    blocks   (X, Y, Z) uint8, without anything on the places
    spawn    (2,) int64, the column of the player
    places   (K, 2) int64, in a ring around the spawn
    in_view  (K, 2) int64: a second set of places, of which the first two are in view from the spawn
    view_deg the heading from which they are in view, on the left and on the right
    beside   (2, 2) int64: for each of those two the column beside it from which both are in view
    beside_deg  (2,) float64: the headings there
    """

    blocks: np.ndarray
    spawn: np.ndarray
    places: np.ndarray
    in_view: np.ndarray
    view_deg: float
    beside: np.ndarray
    beside_deg: np.ndarray


def draw(rng: np.random.Generator, size: int, reach: tuple[float, float]) -> Ring:
    """One ring in a meadow of `size` blocks a side; `reach` are the least and the greatest distance from the spawn."""
    for _ in range(_LAYOUTS):
        blocks = walled(rng, size)
        spawn, places = np.zeros(2, dtype=np.int64), np.zeros((PLACES, 2), dtype=np.int64)
        in_view, beside = np.zeros((PLACES, 2), dtype=np.int64), np.zeros((2, 2), dtype=np.int64)
        headings, draws = np.zeros(3), rng.random((2, _PROPOSALS, _DRAWS))
        ground = ground_of(blocks)
        if _choose(ground, draws[0], *reach, spawn, places) and _choose_in_view(
            ground, draws[1], *reach, spawn, in_view, beside, headings
        ):
            return Ring(blocks, spawn, places, in_view, float(headings[0]), beside, headings[1:])
    raise RuntimeError(f"no room for {PLACES} places in {_LAYOUTS} meadows of {size} x {size}")


@njit(nogil=True, cache=True)
def _choose(
    ground: np.ndarray, draws: np.ndarray, nearest: float, farthest: float, spawn: np.ndarray, places: np.ndarray
) -> bool:
    """Write into `spawn` and `places` the first proposal that keeps the promises of the ring; False if none does."""
    low, span = MARGIN + 1, ground.shape[0] - 2 * MARGIN - 2
    for k in range(draws.shape[0]):
        u = draws[k]
        far = nearest + (farthest - nearest) * u[2]
        for axis in range(2):
            spawn[axis] = low + int(span * u[axis])
        if not is_open(ground, spawn):
            continue
        for p in range(places.shape[0]):
            angle = 2 * np.pi * ((p + u[3]) / places.shape[0]) + np.radians(JITTER_DEG) * (2 * u[4 + 2 * p] - 1)
            _put(spawn, far * BALANCE ** (u[3 + 2 * p] - 0.5 if p else 0.0), angle, places[p])
        if _within(ground, places, low, low + span) and _fair(ground, spawn, places, places.shape[0], farthest):
            return True
    return False


@njit(nogil=True, cache=True)
def _choose_in_view(
    ground: np.ndarray,
    draws: np.ndarray,
    nearest: float,
    farthest: float,
    spawn: np.ndarray,
    places: np.ndarray,
    beside: np.ndarray,
    headings: np.ndarray,
) -> bool:
    """Write two places in view from the spawn, K - 2 behind it, the columns beside the two, and the three headings."""
    low, high = MARGIN + 1, ground.shape[0] - MARGIN - 1
    for k in range(draws.shape[0]):
        u = draws[k]
        heading = 15.0 * int(_HEADINGS * u[0]) - 180.0
        between = VIEW_DEG[0] + (VIEW_DEG[1] - VIEW_DEG[0]) * u[1]
        far = nearest + (farthest - nearest) * u[2]
        for p in range(places.shape[0]):
            off = (p - 0.5) * between if p < 2 else (1 if p % 2 else -1) * (120.0 + 45.0 * u[3 + p])
            _put(spawn, far * BALANCE ** (0.5 * (u[7 + p] - 0.5)), np.radians(heading + off), places[p])
        if not _within(ground, places, low, high):
            continue
        one, other = _bearing(spawn, places[0], heading), _bearing(spawn, places[1], heading)
        if max(-one, other) > IN_VIEW_DEG or not VIEW_DEG[0] <= other - one <= VIEW_DEG[1]:
            continue
        if not _free(ground, spawn, places[0]) or not _free(ground, spawn, places[1]):
            continue
        if not _beside(ground, places[0], places[1], beside[0], headings[1:2]):
            continue
        if not _beside(ground, places[1], places[0], beside[1], headings[2:3]):
            continue
        headings[0] = heading
        if _fair(ground, spawn, places, 2, farthest):
            return True
    return False


@njit(nogil=True, cache=True)
def _beside(ground: np.ndarray, place: np.ndarray, other: np.ndarray, column: np.ndarray, heading: np.ndarray) -> bool:
    """Write the column beside a place from which it and another are in view, as far apart as `VIEW_DEG` says.

    Of all such columns that with the angle nearest to the middle is taken; False if there is none.
    """
    best, reach, at = VIEW_DEG[1] - VIEW_DEG[0], int(BESIDE[1]) + 1, np.zeros(2, dtype=np.int64)
    for i in range(-reach, reach + 1):
        for j in range(-reach, reach + 1):
            at[0], at[1] = place[0] + i, place[1] + j
            if not BESIDE[0] ** 2 <= i * i + j * j <= BESIDE[1] ** 2 or not is_open(ground, at):
                continue
            to_place = _bearing(at, place, 0.0)
            middle = 15.0 * round((to_place + _bearing(at, other, to_place) / 2) / 15.0)
            one, two = _bearing(at, place, middle), _bearing(at, other, middle)
            off = abs(abs(one - two) - (VIEW_DEG[0] + VIEW_DEG[1]) / 2)
            if off < best and max(abs(one), abs(two)) <= IN_VIEW_DEG and one * two < 0 and _free(ground, at, other):
                best, heading[0] = off, (middle + 180.0) % 360.0 - 180.0
                column[:] = at
    return best < (VIEW_DEG[1] - VIEW_DEG[0]) / 2


@njit(nogil=True, cache=True)
def _put(spawn: np.ndarray, far: float, yaw: float, place: np.ndarray) -> None:
    """Write the column at a distance from the spawn, in the direction of a yaw in radians (0: +z, pi / 2: -x)."""
    place[0], place[1] = spawn[0] - round(far * np.sin(yaw)), spawn[1] + round(far * np.cos(yaw))


@njit(nogil=True, cache=True)
def _bearing(at: np.ndarray, place: np.ndarray, heading_deg: float) -> float:
    """The direction of a column in degrees from a heading, right of it positive, -180 to 180."""
    yaw = np.degrees(np.arctan2(-float(place[0] - at[0]), float(place[1] - at[1])))
    return (yaw - heading_deg + 180.0) % 360.0 - 180.0


@njit(nogil=True, cache=True)
def _within(ground: np.ndarray, places: np.ndarray, low: int, high: int) -> bool:
    """Whether all places lie on open meadow, `SEPARATION` apart from each other."""
    for p in range(places.shape[0]):
        if places[p].min() < low or places[p].max() >= high or not is_open(ground, places[p]):
            return False
        for q in range(p):
            if near(places[p], places[q], SEPARATION):
                return False
    return True


@njit(nogil=True, cache=True)
def _fair(ground: np.ndarray, spawn: np.ndarray, places: np.ndarray, count: int, farthest: float) -> bool:
    """Whether all places can be reached, on ways to the first `count` that are about equally long and pass no other."""
    limit = int(_DETOUR * STRAIGHT * BALANCE * farthest)
    for climb in (WALK, JUMP):
        from_spawn = distances(ground, spawn.reshape(1, 2), climb, limit)
        shortest, longest = UNREACHABLE, 0
        for p in range(places.shape[0]):
            way = int(from_spawn[places[p, 0], places[p, 1]])
            if way >= UNREACHABLE:
                return False
            if p < count:
                shortest, longest = min(shortest, way), max(longest, way)
        if longest > BALANCE * shortest:
            return False
        for p in range(count):
            way = int(from_spawn[places[p, 0], places[p, 1]])
            for q in range(places.shape[0]):
                if q == p or _surely_clear(from_spawn, places[p], way, places[q]):
                    continue
                if not clear(from_spawn, distances(ground, places[p : p + 1], climb, way), way, places[q]):
                    return False
    return True


@njit(nogil=True, cache=True)
def _surely_clear(from_spawn: np.ndarray, place: np.ndarray, way: int, other: np.ndarray) -> bool:
    """Whether no way of that length passes near `other`, even if nothing stood between it and the place."""
    reach = int(CLEARANCE) + 1
    for i in range(other[0] - reach, other[0] + reach + 1):
        for j in range(other[1] - reach, other[1] + reach + 1):
            x, z = abs(place[0] - i), abs(place[1] - j)
            least = DIAGONAL * min(x, z) + STRAIGHT * (max(x, z) - min(x, z))
            if from_spawn[i, j] + least <= way:
                return False
    return True


@njit(nogil=True, cache=True)
def _free(ground: np.ndarray, at: np.ndarray, place: np.ndarray) -> bool:
    """Whether no obstacle stands on the straight line, one block wide on either side of its middle, to a place."""
    x, z = float(place[0] - at[0]), float(place[1] - at[1])
    length = np.sqrt(x * x + z * z)
    for k in range(int(4 * length) + 1):
        for side in (-0.5, 0.5):
            i = int(np.floor(at[0] + 0.5 + x * k / (4 * length) + side * z / length))
            j = int(np.floor(at[1] + 0.5 + z * k / (4 * length) - side * x / length))
            if ground[i, j] != 1:
                return False
    return True
