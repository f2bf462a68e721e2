"""How somebody follows a way: which way to turn, whether to walk and to jump, one step at a time.

Where feet leave the ground it looks ahead: the engine's own physics says where each choice would land.
"""

import math

import numpy as np
from numba import njit

from mcproxy.blocks import FLUID, HEIGHT, HURTS, SOLID
from mcproxy.controls import CONTROLS, INDEX, TURN_DEG
from mcproxy.engine.simulation import camera
from mcproxy.engine.simulation.physics import HALF_WIDTH, STEP, walk
from mcproxy.experts.path_search import highest, lowest

GOING, BLOCKED, LOST, SHORT = np.arange(4)  # on the way; a block is in it; not on it; no run-up for the gap ahead
TURN_ONLY_DEG = 40.0  # beyond this off the bearing, who walks turns on the spot
_NEAR = 0.35  # blocks from a point that has to be come to exactly
_ASTRAY = 1.6  # blocks off a way on which one is lost
_CLEAR = HALF_WIDTH + 0.1  # blocks to each side of a short cut: headings are not exact
_AHEAD = 8  # points of a way that are looked ahead for a short cut
_FLIGHT = 40  # ticks that are looked ahead
_ROUNDING = 0.01  # blocks
_LEVEL = 0.3  # blocks of height that make no difference
_MOVE, _TURN, _JUMP = INDEX["move"], INDEX["turn"], INDEX["jump"]
_NUM_CONTROLS = len(CONTROLS)


@njit(nogil=True, cache=True)
def follow(
    blocks: np.ndarray,
    shape: np.ndarray,
    players: np.ndarray,
    i: int,
    way: np.ndarray,
    at: int,
    exactly: int,
    repeat: int,
    shunned: np.ndarray,
    cell: np.ndarray,
) -> tuple[int | np.integer, int, int, bool, bool]:
    """The next step of player `i` along a way: what is up, the point now headed for, turn (-1, 0, 1), walk, jump.

    `way` is (L, 3) float64 points of the feet; `at` is the one headed for, and those before `exactly` have to be come
    to exactly. `repeat` is the number of ticks of a step. Where the way bends it is cut short, but not through the
    boxes `shunned` (S, 6) float64. `cell` (3,) int64 receives the block in the way.
    """
    player, pos = players[i], players[i].pos
    grounded = player.on_ground != 0
    last = way.shape[0] - 1
    straight = False
    if grounded:
        at = _advance(blocks, way, at, exactly, pos)
        if at >= exactly:
            straight = _is_straight(blocks, pos, way[at], shunned)
            for n in range(at + 1, min(at + _AHEAD, last) + 1):
                if not _is_straight(blocks, pos, way[n], shunned):
                    break
                at, straight = n, True
    target = way[at]
    to_x, to_z = target[0] - pos[0], target[2] - pos[2]
    far = math.sqrt(to_x * to_x + to_z * to_z)
    off = 0.0
    if far > 0.05:
        off = (math.degrees(math.atan2(-to_x, to_z)) - player.yaw_deg + 180.0) % 360.0 - 180.0
    turn = 0 if abs(off) <= TURN_DEG * repeat / 2 else (1 if off > 0 else -1)
    walks = abs(off) <= TURN_ONLY_DEG and far > 0.05
    if not grounded:
        return GOING, at, turn, walks and _holds_on(blocks, shape, players, i, target, repeat), False
    here = way[max(at - 1, 0)]
    if at > 0 and obstacle(blocks, here, target, cell):
        return BLOCKED, at, turn, False, False
    low, high = min(here[1], target[1]), max(here[1], target[1])
    columns = max(abs(math.floor(target[0]) - math.floor(here[0])), abs(math.floor(target[2]) - math.floor(here[2])))
    gap = at > 0 and columns > 1
    fallen = pos[1] < low - STEP or (pos[1] > high + STEP and not gap)
    if not straight and (fallen or _off_the_way(here, target, pos) > _ASTRAY):
        return LOST, at, 0, False, False
    if gap and walks:
        if turn != 0:
            return GOING, at, turn, False, False
        if _flies(blocks, shape, players, i, here, target, repeat):
            return GOING, at, 0, True, True
        if _keeps_ground(blocks, shape, players, i, repeat):
            return GOING, at, 0, True, False
        return SHORT, at, 0, False, False
    walks = walks and not _comes_to_harm(blocks, shape, players, i, turn, repeat)
    climbs = target[1] > pos[1] + STEP and far < 1.6 and walks
    if at == last and far < 0.9 and target[1] > pos[1] + 0.05:
        climbs = True  # into a box overhead
    return GOING, at, turn, walks, climbs


@njit(nogil=True, cache=True)
def obstacle(blocks: np.ndarray, here: np.ndarray, there: np.ndarray, out: np.ndarray) -> bool:
    """Whether a block is in the way of a step between two points of a way; `out` (3,) int64 receives the topmost."""
    x, z, i, k = int(here[0]), int(here[2]), int(there[0]), int(there[2])
    high = max(here[1], there[1])
    if abs(i - x) > 1 or abs(k - z) > 1:
        return False
    if there[1] > here[1] and _solid(blocks, x, highest(here[1]) + 1, highest(there[1]), z, out):
        return True
    if i == x and k == z:
        return _solid(blocks, i, lowest(there[1]), lowest(here[1]) - 1, k, out)
    return _solid(blocks, i, lowest(there[1]), highest(high), k, out)


@njit(nogil=True, cache=True)
def _advance(blocks, way, at, exactly, pos):
    """The point to head for: the one after the farthest that has been come to."""
    last = way.shape[0] - 1
    while at < min(exactly, last):
        if (way[at, 0] - pos[0]) ** 2 + (way[at, 2] - pos[2]) ** 2 > _NEAR**2:
            return at
        at += 1
    x, z = _foothold(blocks, pos)
    for n in range(min(at + 4, last - 1), at - 1, -1):
        if math.floor(way[n, 0]) == x and math.floor(way[n, 2]) == z and abs(way[n, 1] - pos[1]) < _LEVEL:
            return n + 1
    return at


@njit(nogil=True, cache=True)
def _foothold(blocks, pos):
    """The column that carries somebody: the nearest of those below the feet whose floor is at their height."""
    x, z = math.floor(pos[0]), math.floor(pos[2])
    best, found_x, found_z = 9.0, x, z
    for i in range(math.floor(pos[0] - HALF_WIDTH), math.floor(pos[0] + HALF_WIDTH) + 1):
        for k in range(math.floor(pos[2] - HALF_WIDTH), math.floor(pos[2] + HALF_WIDTH) + 1):
            far = max(abs(i + 0.5 - pos[0]), abs(k + 0.5 - pos[2]))
            if far < best and abs(_floor(blocks, i, k, pos[1], pos[1] - 1.0) - pos[1]) < _ROUNDING:
                best, found_x, found_z = far, i, k
    return found_x, found_z


@njit(nogil=True, cache=True)
def _off_the_way(here, target, pos):
    """The distance from a point to the line between two points of a way, seen from above."""
    along_x, along_z = target[0] - here[0], target[2] - here[2]
    square = along_x * along_x + along_z * along_z
    share = 0.0
    if square > 0:
        share = min(max(((pos[0] - here[0]) * along_x + (pos[2] - here[2]) * along_z) / square, 0.0), 1.0)
    return math.sqrt((here[0] + share * along_x - pos[0]) ** 2 + (here[2] + share * along_z - pos[2]) ** 2)


@njit(nogil=True, cache=True)
def _land(blocks, shape, players, i, held, then, jumps):
    """Where the player lands who walks for so many ticks and then does or does not go on; jumping first, if told."""
    scratch, keys = players[i : i + 1].copy(), np.zeros(_NUM_CONTROLS, dtype=np.int8)
    body = scratch[0]
    for tick in range(_FLIGHT):
        keys[_MOVE] = 1 if tick < held or then else 0
        keys[_JUMP] = 1 if jumps and tick < held else 0
        walk(blocks, shape, body, keys)
        if body.on_ground != 0 and tick >= held - 1:
            break
    return body.pos[0], body.pos[1], body.pos[2]


@njit(nogil=True, cache=True)
def _miss(x, y, z, target):
    """How far a landing is from a point; another height counts as far."""
    return math.sqrt((x - target[0]) ** 2 + (z - target[2]) ** 2) + (10.0 if abs(y - target[1]) > _LEVEL else 0.0)


@njit(nogil=True, cache=True)
def _holds_on(blocks, shape, players, i, target, repeat):
    """Whether to go on walking in the air, to land nearest to a point."""
    best = _land(blocks, shape, players, i, 0, False, False)
    least, on = _miss(best[0], best[1], best[2], target), False
    for then in (False, True):
        x, y, z = _land(blocks, shape, players, i, repeat, then, False)
        if _miss(x, y, z, target) < least - 0.05:
            least, on = _miss(x, y, z, target), True
    return on


@njit(nogil=True, cache=True)
def _flies(blocks, shape, players, i, here, target, repeat):
    """Whether a jump now can be made to land on a point: short of its far edge, and beyond its near one."""
    dx, dz = target[0] - here[0], target[2] - here[2]
    far = math.sqrt(dx * dx + dz * dz)
    x, y, z = _land(blocks, shape, players, i, repeat, True, True)
    most = ((x - here[0]) * dx + (z - here[2]) * dz) / far
    if abs(y - target[1]) > _LEVEL or most < far - 0.7:
        return False
    x, y, z = _land(blocks, shape, players, i, repeat, False, True)
    least = ((x - here[0]) * dx + (z - here[2]) * dz) / far
    return least <= far + 0.7


@njit(nogil=True, cache=True)
def _keeps_ground(blocks, shape, players, i, repeat):
    """Whether one more step of walking ends on the ground, no lower than here."""
    scratch, keys = players[i : i + 1].copy(), np.zeros(_NUM_CONTROLS, dtype=np.int8)
    body = scratch[0]
    keys[_MOVE] = 1
    for _ in range(repeat):
        walk(blocks, shape, body, keys)
        if body.on_ground == 0:
            return False
    return body.pos[1] > players[i].pos[1] - _LEVEL


@njit(nogil=True, cache=True)
def _comes_to_harm(blocks, shape, players, i, turn, repeat):
    """Whether who walks on for one more step slides, in the end, into what hurts."""
    scratch, keys = players[i : i + 1].copy(), np.zeros(_NUM_CONTROLS, dtype=np.int8)
    body = scratch[0]
    for tick in range(_FLIGHT):
        keys[_MOVE] = 1 if tick < repeat else 0
        keys[_TURN] = (2 if turn > 0 else int(turn < 0)) if tick < repeat else 0
        camera.turn(body, keys)
        walk(blocks, shape, body, keys)
        x, y, z = math.floor(body.pos[0]), math.floor(body.pos[1]), math.floor(body.pos[2])
        if 0 <= x < shape[0] and 0 <= y < shape[1] and 0 <= z < shape[2] and HURTS[blocks[x, y, z]] > 0:
            return True
        if tick >= repeat and body.on_ground != 0 and body.vel[0] == 0.0 and body.vel[2] == 0.0:
            return False
    return False


@njit(nogil=True, cache=True)
def _is_straight(blocks: np.ndarray, pos: np.ndarray, to: np.ndarray, shunned: np.ndarray) -> bool:
    """Whether one walks straight from a point of the feet to another without a jump, a fall that is deep, or harm."""
    far = math.sqrt((to[0] - pos[0]) ** 2 + (to[2] - pos[2]) ** 2)
    count = int(far / 0.2) + 1
    foot = pos[1]
    for n in range(1, count + 1):
        x, z = pos[0] + (to[0] - pos[0]) * n / count, pos[2] + (to[2] - pos[2]) * n / count
        low = foot - 1.0 - _ROUNDING
        top = -9.0
        for i in range(math.floor(x - _CLEAR), math.floor(x + _CLEAR) + 1):
            for k in range(math.floor(z - _CLEAR), math.floor(z + _CLEAR) + 1):
                floor = _floor(blocks, i, k, foot, low)
                if floor < low or floor > foot + STEP:
                    return False
                top = max(top, floor)
        foot = top
        for b in range(shunned.shape[0]):
            box = shunned[b]
            if box[0] <= x <= box[3] and box[2] <= z <= box[5] and box[1] <= foot <= box[4]:
                return False
    return abs(foot - to[1]) < _ROUNDING


@njit(nogil=True, cache=True)
def _floor(blocks, i, k, foot, low):
    """The height at which somebody stands in a column who comes in with the feet at `foot`; -9 for none or harm."""
    if i < 0 or k < 0 or i >= blocks.shape[0] or k >= blocks.shape[2]:
        return -9.0
    for j in range(min(highest(foot), blocks.shape[1] - 1), math.floor(low) - 1, -1):
        if j < 0:
            return 0.0
        block = blocks[i, j, k]
        if FLUID[block] or (SOLID[block] and HURTS[block] > 0):
            return -9.0
        if SOLID[block]:
            return j + HEIGHT[block]  # above the knees it is a wall
    return -9.0


@njit(nogil=True, cache=True)
def _solid(blocks, i, low, high, k, out):
    for j in range(min(high, blocks.shape[1] - 1), max(low, 0) - 1, -1):
        if SOLID[blocks[i, j, k]]:
            out[0], out[1], out[2] = i, j, k
            return True
    return False
