"""Layouts of maze: a perfect maze, and four places in it that keep the task's promises."""

from typing import NamedTuple

import numpy as np
from numba import njit

from mcproxy.blocks import ID
from mcproxy.engine.ground_distance import STRAIGHT, UNREACHABLE, WALK, distances

MARGIN = 4  # blocks of meadow around the maze
WALL = 3  # blocks high
CORRIDOR, PITCH = 2, 3  # blocks; a wall is one thick
SIDES = np.array([(1, 0), (0, 1), (-1, 0), (0, -1)])  # x, z
_WALLS = np.array([ID[name] for name in ("leaves", "brick_block", "cobblestone", "planks")], dtype=np.uint8)
_SPAWNS, _PICKS = 8, 32  # proposed in one maze, before another is drawn
_MAZES = 1000  # drawn at most for one layout


class Maze(NamedTuple):
    """A maze on a grid of odd sides: cells at odd indices, walls and passages between them."""

    free: np.ndarray  # (I, J) bool
    walls: np.ndarray  # (I, J) uint8 block ids
    spawn: np.ndarray  # (2,) int64, the grid index of a cell
    end: np.ndarray  # (3,) int64, the grid index of a dead end and its side; so are the next two
    apart: np.ndarray
    independent: np.ndarray


def draw(
    rng: np.random.Generator, cells: tuple[int, int, int], reach: tuple[int, int], balance: float, between: int
) -> Maze:
    """A maze of so many cells a side, least, most, and least on its longer side, with its places.

    `reach` is how long the ways from the spawn to the end and to the separate place are, least and most, in blocks,
    `balance` what their ratio is at most, and `between` how many cells the two are apart along x or z, at least.
    """
    for _ in range(_MAZES):
        shape = 2 * rng.integers(cells[0], cells[1] + 1, size=2) + 1
        if shape.max() < 2 * cells[2] + 1:
            continue
        free = _carve(shape[0], shape[1], rng.random(shape.prod() // 2))
        walls = _WALLS[rng.integers(len(_WALLS), size=shape)]
        walls[[0, -1]] = walls[:, [0, -1]] = ID["stonebrick"]
        places = np.zeros((4, 3), dtype=np.int64)
        if _choose(free, rng.random((_SPAWNS, 2)), rng.random((_PICKS, 3)), reach, balance, between, places):
            return Maze(free, walls, places[0, :2], *places[1:])
    raise RuntimeError(f"no maze of {cells[0]} to {cells[1]} cells a side with room for all places in {_MAZES} draws")


@njit(nogil=True, cache=True)
def _carve(size_x: int, size_z: int, draws: np.ndarray) -> np.ndarray:
    """A perfect maze, (size_x, size_z) bool: what is free.

    By depth-first search from a corner: from the newest cell to a neighbour not yet in it, or back. Each of `draws`,
    uniform numbers, picks a neighbour; one is needed for each passage and each way back.
    """
    free = np.zeros((size_x, size_z), dtype=np.bool_)
    cells = np.ones((size_x * size_z, 2), dtype=np.int64)  # the way back to the corner
    free[1, 1] = True
    count, row, ways = 1, 0, np.empty(4, dtype=np.int64)
    while count > 0:
        open_ways = 0
        x, z = cells[count - 1]
        for side in range(4):
            i, j = x + 2 * SIDES[side, 0], z + 2 * SIDES[side, 1]
            if 0 <= i < size_x and 0 <= j < size_z and not free[i, j]:
                ways[open_ways] = side
                open_ways += 1
        if open_ways > 0:
            dx, dz = SIDES[ways[int(draws[row] * open_ways)]]
            free[x + dx, z + dz] = free[x + 2 * dx, z + 2 * dz] = True
            cells[count] = x + 2 * dx, z + 2 * dz
            count += 1
        else:
            count -= 1
        row += 1
    return free


@njit(nogil=True, cache=True)
def _choose(
    free: np.ndarray,
    spawns: np.ndarray,
    picks: np.ndarray,
    reach: tuple[int, int],
    balance: float,
    between: int,
    places: np.ndarray,
) -> bool:
    """Write into `places` the first proposal that keeps the promises of the layout; False if none does.

    A row of `spawns`, two uniform numbers, proposes the spawn's cell, and for it a row of `picks`, three of them, the
    dead ends. With a dead end goes the side at which it ends, straight ahead of who comes in.
    """
    ground = np.full((corner(free.shape[0]), corner(free.shape[1])), WALL + 1, dtype=np.int16)
    ends, count = np.empty((free.size, 3), dtype=np.int64), 0
    for i in range(free.shape[0]):
        for j in range(free.shape[1]):
            if free[i, j]:
                x, z = corner(i), corner(j)
                ground[x : x + 1 + i % 2, z : z + 1 + j % 2] = 1
                if i % 2 == j % 2 == 1 and free[i - 1, j] + free[i + 1, j] + free[i, j - 1] + free[i, j + 1] == 1:
                    ends[count] = i, j, 0
                    while not free[i - SIDES[ends[count, 2], 0], j - SIDES[ends[count, 2], 1]]:
                        ends[count, 2] += 1
                    count += 1
    far = np.empty(count, dtype=np.int64)  # the ways to the dead ends
    for k in range(spawns.shape[0]):
        places[0] = (
            1 + 2 * int(spawns[k, 0] * (free.shape[0] // 2)),
            1 + 2 * int(spawns[k, 1] * (free.shape[1] // 2)),
            0,
        )
        middle = np.array([[corner(places[0, 0]) + CORRIDOR // 2, corner(places[0, 1]) + CORRIDOR // 2]])
        ways = distances(ground, middle, WALK, UNREACHABLE)
        for n in range(count):
            x, z, wide, deep = last(ends[n])
            far[n] = min(ways[x, z], ways[x + wide - 1, z + deep - 1])
        for p in range(picks.shape[0]):
            for n in range(3):
                places[1 + n] = ends[int(picks[p, n] * count)]
            i, j = places[1, 0] + SIDES[places[1, 2], 0], places[1, 1] + SIDES[places[1, 2], 1]
            if 0 < i < free.shape[0] - 1 and 0 < j < free.shape[1] - 1 or not _differ(places):
                continue  # the end has to be at the outer wall
            if max(abs(places[1, 0] - places[2, 0]), abs(places[1, 1] - places[2, 1])) < 2 * between:
                continue
            to_end, to_apart = far[int(picks[p, 0] * count)] + STRAIGHT, far[int(picks[p, 1] * count)]
            least, most = min(to_end, to_apart), max(to_end, to_apart)  # the opening is one block beyond the dead end
            if STRAIGHT * reach[0] <= least and most <= min(STRAIGHT * reach[1], balance * least):
                return True
    return False


@njit(nogil=True, cache=True)
def _differ(places: np.ndarray) -> bool:
    """Whether the spawn, and the end, have cells of their own; only the arrow's two other places may be the same."""
    for a in range(2):
        for b in range(a + 1, 4):
            if places[a, 0] == places[b, 0] and places[a, 1] == places[b, 1]:
                return False
    return True


@njit(nogil=True, cache=True)
def last(end: np.ndarray) -> tuple[int, int, int, int]:
    """The last columns of a dead end, at its side: x, z, and how many along each."""
    out_x, out_z = SIDES[end[2], 0], SIDES[end[2], 1]
    wide, deep = (1, CORRIDOR) if out_x != 0 else (CORRIDOR, 1)
    return corner(end[0]) + max(0, out_x), corner(end[1]) + max(0, out_z), wide, deep


@njit(nogil=True, cache=True)
def corner(index: int) -> int:
    """The first block, along one axis, of a grid index."""
    return MARGIN + index // 2 * PITCH + index % 2
