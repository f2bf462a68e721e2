"""Labels: what the engine knows of goal, proxies and places at every step, and an agent has to find out.

The names of the labels begin with an objective or, for the equal places of a mission, with `place0`, `place1`, ...

    NAME.bearing   degrees from the player's heading to it, right of it positive, -180 to 180
    NAME.distance  blocks to it over the ground, as the crow flies
    NAME.path      blocks to it on foot, over the ground and with jumps
    NAME.heading   degrees from the player's heading to the next step of that shortest path
    NAME.in_sight  1 if no block stands between the eye and its middle, whether or not it is in view
    NAME.pixels    pixels that show it, and its beam if it is a beacon, in the frame
    NAME.first_seen, NAME.last_seen  ticks at which `pixels` was above 0 for the first and last time, NaN before
    nearer         the objective with the least `path`, by its number (0 is the goal); of equals the first
    seen_first     the objective that was seen before all others, by its number

Labels that have no value are NaN: of an objective that has no position in a world, a path that does not exist. Of
several positions of an objective the nearest counts, in `pixels` the `MAX_CELLS` nearest. Blocks that light passes hide
what is behind them, too.
"""

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numba import njit

from mcproxy.blocks import BOX, FLUID, ID
from mcproxy.engine.ground_distance import JUMP, STRAIGHT, UNREACHABLE, distances, ground, next_column
from mcproxy.engine.rendering.raster import BEAM_PIXELS, BEAM_WIDTH
from mcproxy.engine.simulation.camera import eye
from mcproxy.mission import Mission
from mcproxy.task import Task

PER_TARGET = ("bearing", "distance", "path", "heading", "in_sight", "pixels", "first_seen", "last_seen")
NEARER, SEEN_FIRST = "nearer", "seen_first"
MAX_CELLS = 16  # of one objective, whose pixels are counted
_BEARING, _DISTANCE, _PATH, _HEADING, _IN_SIGHT, _PIXELS, _FIRST, _LAST = range(len(PER_TARGET))
_BEACON = ID["beacon"]
_NEAR = 0.05  # blocks: the least depth of a corner that is projected


def names(task: Task) -> list[str]:
    """The names of the labels of a task."""
    return [f"{target}.{kind}" for target in _targets(task) for kind in PER_TARGET] + [NEARER, SEEN_FIRST]


class Labeller:
    """The labels of the N worlds of an environment as they are now, with what was seen since each episode began."""

    def __init__(self, env: Any) -> None:
        self.env, self.names, self._targets = env, names(env.task), _targets(env.task)
        height, width = env.resolution
        self._view = (height, width, 2 * math.tan(math.radians(env.fov_deg) / 2) / height)
        self._objectives = len(env.task.objectives)
        self._found = np.full((env.num_envs, len(self.names)), np.nan, dtype=np.float32)
        self._known: list[_Known | None] = [None] * env.num_envs

    def begin(self, worlds: Sequence[int]) -> None:
        """Forget what was seen in worlds that begin another episode."""
        for i in worlds:
            self._known[int(i)] = None

    def labels(self, only: Sequence[int] | None = None) -> dict[str, np.ndarray]:
        """The labels of all worlds, (N,) float32 each, by name; to be called once in every step.

        With `only` those of some worlds are computed, and the others are as in the call before.
        """
        found, missions = self._found.copy(), self.env.worlds.missions
        for i in range(len(found)) if only is None else only:
            if missions[i] is not None:
                self._fill(i, missions[i], found[i])
        self._found = found
        return dict(zip(self.names, found.T, strict=True))

    def _fill(self, i: int, mission: Mission, row: np.ndarray) -> None:
        worlds, known = self.env.worlds, self._known[i]
        blocks = np.ascontiguousarray(worlds.blocks(i))
        if known is None or known.mission is not mission:
            seen = np.full((2, len(self._targets)), np.nan) if known is None else known.seen
            known = self._known[i] = _Known(mission, [_cells(mission, target) for target in self._targets], seen)
        if not _same(blocks, known.blocks):
            known.follow(blocks)
        _label(
            blocks, worlds.players[i], known.cells, known.starts, known.ground, known.fields, self._view,
            0.0 if mission.dark else 1.0, worlds.ticks[i], known.seen, self._objectives, row,
        )  # fmt: skip


class _Known:
    """What does not change from step to step in a world: cells, and shortest paths to them over its ground.

    Target k has the rows `starts[k]` to `starts[k + 1] - 1` of `cells`, and `fields[k]` (X, Z) to it.
    """

    def __init__(self, mission: Mission, cells: list[np.ndarray], seen: np.ndarray) -> None:
        self.mission, self.seen = mission, seen
        self.cells = np.concatenate(cells)
        self.starts = np.cumsum([0, *map(len, cells)])
        self.blocks = np.zeros((0, 0, 0), dtype=np.uint8)
        self.ground = self.fields = np.zeros(0)

    def follow(self, blocks: np.ndarray) -> None:
        """Compute the paths anew, as blocks have changed."""
        self.blocks, self.ground = blocks.copy(), ground(blocks)
        columns = [self.cells[low:high, [0, 2]].copy() for low, high in itertools.pairwise(self.starts.tolist())]
        self.fields = np.stack([distances(self.ground, c, JUMP) for c in columns])


def _targets(task: Task) -> list[str]:
    return [o.name for o in task.objectives] + [f"place{k}" for k in range(getattr(task, "places", 0))]


def _cells(mission: Mission, target: str) -> np.ndarray:
    """The block positions of an objective or a place: (K, 3) int64."""
    if target in [o.name for o in mission.objectives]:
        return mission.targets(target)
    k = int(target.removeprefix("place"))
    return np.array(mission.places[k : k + 1], dtype=np.int64).reshape(-1, 3)


@njit(nogil=True, cache=True)
def _same(blocks, others):
    """Whether two worlds have the same blocks."""
    return blocks.shape == others.shape and (blocks == others).all()


@njit(nogil=True, cache=True)
def _label(blocks, player, cells, starts, ground, fields, view, light, tick, seen, objectives, row):
    """Fill a row with all labels of a world; `view` is height, width and the size of a pixel at depth 1."""
    row[:] = np.nan
    near, first = np.inf, np.inf
    for k in range(starts.size - 1):
        out = row[k * len(PER_TARGET) : (k + 1) * len(PER_TARGET)]
        if starts[k] < starts[k + 1]:
            _look(blocks, player, cells[starts[k] : starts[k + 1]], ground, fields[k], view, out)
            out[_PIXELS] *= light
            if out[_PIXELS] > 0:
                seen[1, k] = tick
                if math.isnan(seen[0, k]):
                    seen[0, k] = tick
        out[_FIRST], out[_LAST] = seen[0, k], seen[1, k]
        if k < objectives and out[_PATH] < near:
            near, row[-2] = out[_PATH], k
        if k < objectives and out[_FIRST] < first:
            first, row[-1] = out[_FIRST], k


@njit(nogil=True, cache=True)
def _look(blocks, player, cells, ground, field, view, out):
    """Fill `out` (8,) float32 with the labels of one target but for what was seen before."""
    x, y, z = eye(player)
    away = np.empty(cells.shape[0])
    for k in range(cells.shape[0]):
        away[k] = math.hypot(cells[k, 0] + 0.5 - x, cells[k, 2] + 0.5 - z)
    order = np.argsort(away)
    cell = cells[order[0]]
    out[_DISTANCE] = away[order[0]]
    out[_BEARING] = _turn(cell[0] + 0.5 - x, cell[2] + 0.5 - z, player.yaw_deg)
    out[_IN_SIGHT] = _clear(blocks, x, y, z, cell[0] + 0.5 - x, cell[1] + 0.5 - y, cell[2] + 0.5 - z, cell, 1.0)
    i, j = int(math.floor(x)), int(math.floor(z))
    if 0 <= i < field.shape[0] and 0 <= j < field.shape[1] and field[i, j] < UNREACHABLE:
        out[_PATH] = field[i, j] / STRAIGHT
        to_x, to_z = next_column(ground, field, i, j, JUMP)
        if to_x != i or to_z != j:
            out[_HEADING] = _turn(to_x + 0.5 - x, to_z + 0.5 - z, player.yaw_deg)
        else:
            out[_HEADING] = out[_BEARING]
    pixels = 0
    for k in range(min(cells.shape[0], MAX_CELLS)):
        pixels += _pixels(blocks, x, y, z, player.yaw_deg, player.pitch_deg, cells[order[k]], view)
    out[_PIXELS] = pixels


@njit(nogil=True, cache=True)
def _turn(to_x, to_z, yaw_deg):
    """Degrees from a heading to a direction, right of it positive."""
    return (math.degrees(math.atan2(-to_x, to_z)) - yaw_deg + 180.0) % 360.0 - 180.0


@njit(nogil=True, cache=True)
def _pixels(blocks, x, y, z, yaw_deg, pitch_deg, cell, view):
    """The pixels whose ray meets a block first, or the beam of a beacon (see `raster.aim` for the rays)."""
    height, width, scale = view
    yaw, pitch = math.radians(yaw_deg), math.radians(pitch_deg)
    sin_yaw, cos_yaw, sin_pitch, cos_pitch = math.sin(yaw), math.cos(yaw), math.sin(pitch), math.cos(pitch)
    kind = blocks[cell[0], cell[1], cell[2]]
    above = cell[1] + 1
    while above < blocks.shape[1] and blocks[cell[0], above, cell[2]] == 0:
        above += 1
    beam = kind == _BEACON and above == blocks.shape[1]
    to_x, to_z = cell[0] + 0.5 - x, cell[2] + 0.5 - z
    far = math.hypot(to_x, to_z)
    reach = max(BEAM_WIDTH / 2, BEAM_PIXELS / 2 * scale * far)
    low_u, high_u, low_v, high_v = 0, width, 0, height
    ahead = -sin_yaw * to_x + cos_yaw * to_z
    if ahead < -1.0 and abs(pitch_deg) < 45.0:
        return 0
    if far > 2.0 and abs(pitch_deg) < 1.0:  # with a level view columns of pixels are upright: a narrow strip will do
        middle = width / 2 + (-cos_yaw * to_x - sin_yaw * to_z) / max(ahead, _NEAR) / scale
        half = max(reach, 0.75) / max(ahead - 0.75, _NEAR) / scale + 1.0
        if middle + half < 0 or middle - half > width:
            return 0
        low_u, high_u = max(0, int(middle - half)), min(width, int(middle + half) + 1)
        top = (cell[1] + 1 - y) / max(ahead - 0.75, _NEAR) / scale
        bottom = (cell[1] - y) / max(ahead - 0.75, _NEAR) / scale
        if not beam:
            low_v = max(0, int(height / 2 - max(top, 0.0)) - 1)
            high_v = min(height, int(height / 2 - min(bottom, 0.0)) + 2)
    count, nowhere = 0, np.full(3, -1)
    for v in range(low_v, high_v):
        down = (v + 0.5 - height / 2) * scale
        for u in range(low_u, high_u):
            across = (u + 0.5 - width / 2) * scale
            ray_x = -sin_yaw * cos_pitch - cos_yaw * across + sin_yaw * sin_pitch * down
            ray_y = -sin_pitch - cos_pitch * down
            ray_z = cos_yaw * cos_pitch - sin_yaw * across - cos_yaw * sin_pitch * down
            level = ray_x * ray_x + ray_z * ray_z
            t = (to_x * ray_x + to_z * ray_z) / level  # where the ray is nearest to the upright line through the cell
            if t <= 0.0:
                continue
            if _meets((x, y, z), (ray_x, ray_y, ray_z), cell[0], cell[1], cell[2], BOX[kind]):
                count += _clear(blocks, x, y, z, ray_x, ray_y, ray_z, cell, t + 2.0)
            elif beam and y + t * ray_y >= cell[1] + 1 and math.hypot(to_x - t * ray_x, to_z - t * ray_z) < reach:
                count += _clear(blocks, x, y, z, ray_x, ray_y, ray_z, nowhere, t)
    return count


@njit(nogil=True, cache=True)
def _clear(blocks, x, y, z, ray_x, ray_y, ray_z, cell, until):
    """Whether a ray meets a cell before all other blocks, or, for a cell of -1, no block before it is `until` long.

    The ray walks from cell to cell (Amanatides and Woo 1987); a block that does not fill its cell is met if the ray
    enters its box.
    """
    start, ray = (x, y, z), (ray_x, ray_y, ray_z)
    i, j, k = int(math.floor(x)), int(math.floor(y)), int(math.floor(z))
    while True:
        if i == cell[0] and j == cell[1] and k == cell[2]:
            if blocks[i, j, k] == 0 or _meets(start, ray, i, j, k, BOX[blocks[i, j, k]]):
                return 1
        elif 0 <= i < blocks.shape[0] and 0 <= j < blocks.shape[1] and 0 <= k < blocks.shape[2]:
            kind = blocks[i, j, k]
            if kind != 0 and not FLUID[kind] and _meets(start, ray, i, j, k, BOX[kind]):
                return 0
        leave, axis = until, -1
        for a in range(3):
            at = i if a == 0 else (j if a == 1 else k)
            if ray[a] != 0.0:
                t = (at + (1 if ray[a] > 0 else 0) - start[a]) / ray[a]
                if t < leave:
                    leave, axis = t, a
        if axis < 0:
            return 1 if cell[0] < 0 else 0
        step = 1 if ray[axis] > 0 else -1
        i, j, k = i + step * (axis == 0), j + step * (axis == 1), k + step * (axis == 2)


@njit(nogil=True, cache=True)
def _meets(start, ray, i, j, k, box):
    """Whether a ray enters a box within a cell."""
    enter, leave = 0.0, np.inf
    for a in range(3):
        at = i if a == 0 else (j if a == 1 else k)
        low, high = at + box[a] - start[a], at + box[a + 3] - start[a]
        if ray[a] == 0.0:
            if low > 0.0 or high < 0.0:
                return False
            continue
        near, far = (low / ray[a], high / ray[a]) if ray[a] > 0 else (high / ray[a], low / ray[a])
        enter, leave = max(enter, near), min(leave, far)
    return enter <= leave
