"""Layouts of beacon, version 1: a walled meadow with obstacles, and four places on it that keep the task's promises."""

import numpy as np
from numba import njit

from mcproxy.blocks import ID
from mcproxy.engine.ground_distance import JUMP, STRAIGHT, UNREACHABLE, WALK, distances
from mcproxy.engine.ground_distance import ground as ground_of

HEIGHT = 12  # blocks, sky included
OBSTACLES_PER_COLUMN = 0.025
MARGIN = 2  # blocks that stay free between a place and the outer wall
CLEARANCE = 2.0  # blocks between a place and any shortest way to the other
SEPARATION = 6.0  # blocks between the goal and the separate place, at least
BALANCE = 1.2  # ratio of the two distances at most; 1.25 is promised
_TALL = np.array([ID[name] for name in ("stone", "log", "brick_block", "planks")], dtype=np.uint8)
_LOW = np.array([ID[name] for name in ("cobblestone", "stonebrick")], dtype=np.uint8)
_LAYOUTS = 1000  # drawn at most for one mission; 1.05 are needed on average
_PROPOSALS = 64  # of the four places in one layout, before its obstacles are drawn anew


def draw(rng: np.random.Generator, size: int, reach: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
    """The meadow (X, Y, Z) uint8 and four columns on it, (4, 2) int64: spawn, goal, separate and independent place."""
    for _ in range(_LAYOUTS):
        blocks = walled(rng, size)
        places = np.zeros((4, 2), dtype=np.int64)
        if _choose(ground_of(blocks), rng.random((_PROPOSALS, 8)), reach[0], reach[1], places):
            return blocks, places
    raise RuntimeError(f"no room for spawn, goal and both places in {_LAYOUTS} meadows of {size} x {size}")


def walled(rng: np.random.Generator, size: int) -> np.ndarray:
    """A walled meadow of `size` blocks a side with obstacles, and nothing else on it: (X, Y, Z) uint8."""
    blocks = np.zeros((size, HEIGHT, size), dtype=np.uint8)
    blocks[:, 0] = ID["grass"]
    count = int(OBSTACLES_PER_COLUMN * size * size)
    _raise(blocks, rng.integers(0, 2**31, size=(count, 6)), _TALL, _LOW)
    blocks[[0, -1], 1:4] = blocks[:, 1:4, [0, -1]] = ID["leaves"]
    return blocks


@njit(nogil=True, cache=True)
def _raise(blocks: np.ndarray, draws: np.ndarray, tall: np.ndarray, low: np.ndarray) -> None:
    """Raise one obstacle for each row of six draws: a pillar, a wall, or a low wall that can be jumped."""
    size = blocks.shape[0]
    for k in range(draws.shape[0]):
        kind, length = draws[k, 2] % 4, 3 + draws[k, 3] % 4
        x, z = 1 + draws[k, 0] % (size - 2), 1 + draws[k, 1] % (size - 2)
        height = 1 if kind == 0 else 2 + draws[k, 4] % 3
        block = low[draws[k, 5] % low.size] if kind == 0 else tall[draws[k, 5] % tall.size]
        wide, deep = (1, 1) if kind >= 2 else ((length, 1) if draws[k, 4] // 8 % 2 == 0 else (1, length))
        for i in range(x, min(x + wide, size - 1)):
            for j in range(z, min(z + deep, size - 1)):
                for y in range(1, 1 + height):
                    blocks[i, y, j] = block


@njit(nogil=True, cache=True)
def _choose(ground: np.ndarray, draws: np.ndarray, nearest: float, farthest: float, places: np.ndarray) -> bool:
    """Write into `places` the first proposal of four columns that keeps the promises of the layout; False if none does.

    A row of `draws`, eight uniform numbers, proposes a spawn, the goal at a uniform distance and direction from it, the
    separate place about as far away in the opposite half-plane, and a uniform independent place.
    """
    low, span = MARGIN + 1, ground.shape[0] - 2 * MARGIN - 2
    spawn, goal, apart, independent = places[0], places[1], places[2], places[3]
    for k in range(draws.shape[0]):
        u = draws[k]
        far = nearest + (farthest - nearest) * u[2]
        angle = 2 * np.pi * u[3]
        across = angle + np.pi * (0.5 + u[4])
        as_far = far * BALANCE ** (u[5] - 0.5)  # the rest of the allowance is for rounding and obstacles
        for axis in range(2):
            spawn[axis] = low + int(span * u[axis])
            independent[axis] = low + int(span * u[6 + axis])
            quarter = np.pi / 2 * axis
            goal[axis] = spawn[axis] + round(far * np.cos(angle - quarter))
            apart[axis] = spawn[axis] + round(as_far * np.cos(across - quarter))
        if min(goal.min(), apart.min()) < low or max(goal.max(), apart.max()) >= low + span:
            continue
        to_goal, to_apart = goal - spawn, apart - spawn
        far_goal = np.sqrt(float(to_goal[0] ** 2 + to_goal[1] ** 2))
        far_apart = np.sqrt(float(to_apart[0] ** 2 + to_apart[1] ** 2))
        if min(far_goal, far_apart) < nearest or max(far_goal, far_apart) > BALANCE * min(far_goal, far_apart):
            continue
        if to_goal[0] * to_apart[0] + to_goal[1] * to_apart[1] > 0:  # less than a right angle between them
            continue
        if not (
            is_open(ground, spawn) and is_open(ground, goal) and is_open(ground, apart) and is_open(ground, independent)
        ):
            continue
        if near(goal, apart, SEPARATION) or near(independent, goal, 2.0) or near(independent, spawn, 4.0):
            continue
        from_spawn = distances(ground, spawn.reshape(1, 2), WALK, UNREACHABLE)
        if from_spawn[independent[0], independent[1]] == UNREACHABLE:
            continue
        if not _balanced(ground, from_spawn, goal, apart, WALK):
            continue
        longest = 2 * STRAIGHT * int(max(far_goal, far_apart))
        if _balanced(ground, distances(ground, spawn.reshape(1, 2), JUMP, longest), goal, apart, JUMP):
            return True
    return False


@njit(nogil=True, cache=True)
def is_open(ground: np.ndarray, place: np.ndarray) -> bool:
    """Whether the 3 x 3 columns around a place are level meadow."""
    for i in range(place[0] - 1, place[0] + 2):
        for j in range(place[1] - 1, place[1] + 2):
            if ground[i, j] != 1:
                return False
    return True


@njit(nogil=True, cache=True)
def near(a: np.ndarray, b: np.ndarray, distance: float) -> bool:
    return float((a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2) < distance**2


@njit(nogil=True, cache=True)
def _balanced(
    ground: np.ndarray, from_spawn: np.ndarray, goal: np.ndarray, apart: np.ndarray, climb: int | np.integer
) -> bool:
    """Whether both ways are about equally long, and every shortest way to one stays clear of the other."""
    long_goal, long_apart = int(from_spawn[goal[0], goal[1]]), int(from_spawn[apart[0], apart[1]])
    if max(long_goal, long_apart) == UNREACHABLE or max(long_goal, long_apart) > BALANCE * min(long_goal, long_apart):
        return False
    if not clear(from_spawn, distances(ground, goal.reshape(1, 2), climb, long_goal), long_goal, apart):
        return False
    return clear(from_spawn, distances(ground, apart.reshape(1, 2), climb, long_apart), long_apart, goal)


@njit(nogil=True, cache=True)
def clear(from_spawn: np.ndarray, to_place: np.ndarray, length: int, other: np.ndarray) -> bool:
    """Whether no column on any shortest way (the sum of its two distances is the length) is near the other place."""
    reach = int(CLEARANCE) + 1
    for i in range(other[0] - reach, other[0] + reach + 1):
        for j in range(other[1] - reach, other[1] + reach + 1):
            if 0 <= i < from_spawn.shape[0] and 0 <= j < from_spawn.shape[1]:
                near = (i - other[0]) ** 2 + (j - other[1]) ** 2 <= CLEARANCE**2
                if near and from_spawn[i, j] + to_place[i, j] <= length:
                    return False
    return True
