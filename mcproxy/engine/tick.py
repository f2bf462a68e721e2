"""One tick of one world, in order; and the kernels that run worlds for some ticks.

turn -> attack and use -> player -> bodies -> blocks (timers, landings, plates) -> health -> objectives
"""

import math

import numpy as np
from numba import njit

from mcproxy import mobs
from mcproxy.blocks import BOX, ID
from mcproxy.controls import INDEX
from mcproxy.engine.rendering.sprites import CRACK_GROWTH
from mcproxy.engine.rendering.textures import ART, CRACKS
from mcproxy.engine.simulation.block_updates import press_plates, run_timers, settle
from mcproxy.engine.simulation.camera import eye, turn
from mcproxy.engine.simulation.entities import BLOCK_HEIGHT, ITEM_HALF_WIDTH, ITEM_HEIGHT, move_bodies
from mcproxy.engine.simulation.health import feel
from mcproxy.engine.simulation.interaction import attack, release_attack, release_use, use
from mcproxy.engine.simulation.inventory import carried
from mcproxy.engine.simulation.physics import HALF_WIDTH, touches, walk
from mcproxy.engine.state import (
    HAPPENED,
    INSIDE,
    ITEM_ENTITY,
    MAX_ENTITIES,
    NEVER,
    POSSESS,
    REACH,
    REACHED,
    TOUCH,
    TOUCHED,
    WALKER,
    log_event,
)
from mcproxy.engine.thread_team import finish_world, next_world

_ATTACK, _USE, _SNEAK, _HOTBAR = (INDEX[name] for name in ("attack", "use", "sneak", "hotbar"))
_PLATE = ID["stone_pressure_plate"]
_FIRST_MOB = ART.index(mobs.NAME[0])


@njit(nogil=True, cache=True)
def run(
    counter: np.ndarray, ticks: int, keys: np.ndarray, active: np.ndarray, blocks: np.ndarray, worlds: np.ndarray
) -> None:
    """Advance the active worlds by `ticks`, or to their end; threads share them through `counter` (thread_team.py).

    `keys` is (N, len(CONTROLS)) int8, `active` (N,) bool, `blocks` (N, X, Y, Z) uint8, `worlds` (N,) `WORLD`.
    """
    place = np.zeros(4, dtype=np.int64)
    i = next_world(counter)
    while i < worlds.size:
        world = worlds[i]
        if active[i]:
            for _ in range(ticks):
                if world.ended == 0 and world.tick < world.limit:
                    _tick(blocks[i], world, keys[i], place)
        finish_world(counter)
        i = next_world(counter)


@njit(nogil=True, cache=True)
def run_calm(
    counter: np.ndarray, ticks: int, keys: np.ndarray, active: np.ndarray, blocks: np.ndarray, worlds: np.ndarray
) -> None:
    """Do the same as `run` in calm worlds (`is_calm`), in which players move and nothing else changes.

    It compiles in less than half of the time, so first steps need not wait for `run` (precompile.py).
    """
    place = np.zeros(4, dtype=np.int64)
    i = next_world(counter)
    while i < worlds.size:
        world = worlds[i]
        if active[i]:
            for _ in range(ticks):
                if world.ended == 0 and world.tick < world.limit:
                    _begin_tick(world, keys[i])
                    release_attack(world)
                    release_use(world)
                    walk(blocks[i], world.shape, world.player, keys[i])
                    feel(blocks[i], world)
                    _judge_all(blocks[i], world, place)
        finish_world(counter)
        i = next_world(counter)


def is_calm(keys: np.ndarray, blocks: np.ndarray, worlds: np.ndarray) -> bool:
    """Whether nobody attacks or uses anything, and no world has a body, a timer or a plate; arguments as for `run`."""
    busy = worlds["num_entities"] + worlds["num_timers"] + worlds["crowded"]
    return not (keys[:, [_ATTACK, _USE]].any() or busy.any() or (blocks == _PLATE).any())


@njit(nogil=True, cache=True)
def see(
    blocks: np.ndarray,
    worlds: np.ndarray,
    eyes: np.ndarray,
    yaw_deg: np.ndarray,
    pitch_deg: np.ndarray,
    sprites: np.ndarray,
    counts: np.ndarray,
) -> None:
    """Fill the arrays that drawing needs besides the blocks: the players' views and the sprites of all worlds.

    `eyes` is (N, 3) float64 in blocks, `yaw_deg` and `pitch_deg` (N,) float64, `sprites` (N, MAX_SPRITES) `SPRITE`, of
    which the first `counts`, (N,) int64, are set.
    """
    for i in range(worlds.size):
        world, count = worlds[i], 0
        eyes[i, 0], eyes[i, 1], eyes[i, 2] = eye(world.player)
        yaw_deg[i], pitch_deg[i] = world.player.yaw_deg, world.player.pitch_deg
        if world.num_entities > 0:
            for n in range(MAX_ENTITIES):
                body = world.entities[n]
                if body.kind == 0:
                    continue
                sprite = sprites[i, count]
                side, height, art = 0.5, BLOCK_HEIGHT, body.what
                if body.kind == ITEM_ENTITY:
                    side, height = ITEM_HALF_WIDTH, ITEM_HEIGHT
                elif body.kind == WALKER:
                    side, height, art = mobs.HALF_WIDTH[body.what], mobs.HEIGHT[body.what], _FIRST_MOB + body.what
                sprite.low[0], sprite.low[1], sprite.low[2] = body.pos[0] - side, body.pos[1], body.pos[2] - side
                sprite.high[0], sprite.high[2] = body.pos[0] + side, body.pos[2] + side
                sprite.high[1] = body.pos[1] + height
                sprite.art, sprite.crack = art, 0
                sprite.front = body.front if body.kind == WALKER else -1
                count += 1
        cell = world.dig_cell
        if world.dug > 0.0 and blocks[i, cell[0], cell[1], cell[2]] != 0:  # it may have fallen in this tick
            sprite = sprites[i, count]
            sprite.art, sprite.front = blocks[i, cell[0], cell[1], cell[2]], -1
            sprite.crack = min(1 + int(world.dug * (CRACKS - 1)), CRACKS - 1)
            box = BOX[sprite.art]
            for axis in range(3):
                sprite.low[axis] = cell[axis] + box[axis] - CRACK_GROWTH
                sprite.high[axis] = cell[axis] + box[axis + 3] + CRACK_GROWTH
            count += 1
        counts[i] = count


@njit(nogil=True, cache=True)
def _begin_tick(world, keys):
    world.tick += 1
    if keys[_HOTBAR] != 0:
        world.held = keys[_HOTBAR] - 1
    turn(world.player, keys)


@njit(nogil=True, cache=True)
def _tick(blocks, world, keys, place):
    _begin_tick(world, keys)
    player = world.player
    attack(blocks, world, keys[_ATTACK] != 0, place)
    use(blocks, world, keys[_USE] != 0, keys[_SNEAK] != 0, place)
    walk(blocks, world.shape, player, keys)
    move_bodies(blocks, world)
    settle(blocks, world)
    run_timers(blocks, world)
    press_plates(blocks, world, player.pos[0], player.pos[1], player.pos[2], HALF_WIDTH)
    if world.num_entities > 0:
        for n in range(MAX_ENTITIES):
            body = world.entities[n]
            if body.kind == WALKER:
                press_plates(blocks, world, body.pos[0], body.pos[1], body.pos[2], mobs.HALF_WIDTH[body.what])
    feel(blocks, world)
    _judge_all(blocks, world, place)


@njit(nogil=True, cache=True)
def judge(blocks: np.ndarray, worlds: np.ndarray, place: np.ndarray) -> None:
    """Judge the objectives of one world, (1,) `WORLD`, on its state as it is; `place` (4,) int64 is overwritten."""
    _judge_all(blocks, worlds[0], place)


@njit(nogil=True, cache=True)
def _judge_all(blocks, world, place):
    for k in range(world.num_objectives):
        _judge(blocks, world, k, place)


@njit(nogil=True, cache=True)
def _judge(blocks, world, k, place):
    """Judge one objective on the state after a tick."""
    objective, player = world.objectives[k], world.player
    condition = objective.condition
    if condition == TOUCH:
        holds = touches(blocks, world.shape, player, objective.what, place)
        if holds and objective.holds == 0:
            log_event(world, TOUCHED, objective.what, place[0], place[1], place[2])
    elif condition == REACH:
        goal, pos = objective.place, player.pos
        square = (pos[0] - goal[0]) ** 2 + (pos[1] - goal[1]) ** 2 + (pos[2] - goal[2]) ** 2
        holds = square <= goal[3] ** 2
        if holds and objective.holds == 0:
            log_event(world, REACHED, k, math.floor(goal[0]), math.floor(goal[1]), math.floor(goal[2]))
    elif condition == HAPPENED:
        holds = objective.count >= objective.times
    elif condition == INSIDE:
        box, pos, holds = objective.place, player.pos, True
        for axis in range(3):
            holds &= box[axis] <= pos[axis] <= box[axis + 3]
        if holds and objective.holds == 0:
            x, y, z = (box[0] + box[3]) / 2, (box[1] + box[4]) / 2, (box[2] + box[5]) / 2
            log_event(world, REACHED, k, math.floor(x), math.floor(y), math.floor(z))
    else:
        holds = condition == POSSESS and carried(world, objective.what) >= objective.times
    if holds and objective.met == NEVER:
        objective.met = world.tick
    if objective.terminal != 0 and objective.met != NEVER and objective.count >= objective.parts:
        world.ended = 1
    objective.holds = holds
