"""Malmo's rewards and ends, judged on the state after each tick: what is paid, and when a mission is over."""

import numpy as np
from numba import njit

from mcproxy import blocks as block_table
from mcproxy import items as item_table
from mcproxy.engine.simulation.physics import HALF_WIDTH, SNEAKING, STANDING
from mcproxy.engine.worlds import Worlds
from mcproxy.malmo.xml.client_mission import ALWAYS, ONCE, PER_BLOCK, PER_PIECE, Assignment, Quit, Reward, Watched
from mcproxy.mission import TOUCH_MARGIN, Possess, Reach, Touch

_MOST_TOUCHED = 64  # cells that a grown player's box can overlap: 2 x 4 x 2


class Payment:
    """The accounts of one running mission."""

    def __init__(self, assignment: Assignment, worlds: Worlds) -> None:
        self._worlds, self._limit = worlds, assignment.ticks
        handlers = assignment.handlers
        self._quits, self._time_up = handlers.quits, handlers.time_up
        self._end_rewards = handlers.end_rewards
        self._accounts = [_Account(reward, self) for reward in handlers.rewards]
        self._touched = np.zeros((_MOST_TOUCHED, 4), dtype=np.int64)
        self._watched = np.zeros(len(block_table.BLOCKS), dtype=np.bool_)
        self._watched[[block_table.ID[c.block] for c in handlers.conditions if isinstance(c, Touch)]] = True
        self._watches_touch = bool(self._watched.any())
        self._blocks, self._state = worlds.blocks(0), worlds.state
        self.touching: dict[str, set[tuple[int, ...]]] = {}  # cells of the blocks in contact, by name

    def settle(self) -> tuple[float, bool]:
        """The reward of the tick that has just run, and whether it was the last."""
        if self._watches_touch:
            self._look_around()
        state = self._worlds.state[0]
        reward = sum(account.due() for account in self._accounts)
        ends = [quit.description for quit in self._quits if self._wants(quit)]
        died = state["health"] <= 0
        if state["tick"] >= self._limit:
            ends.append(self._time_up)
        for description, paid in self._end_rewards:
            due = died if description == "" else description.lower() in (end.lower() for end in ends)
            reward += paid * due
        return float(reward), bool(ends or died or state["ended"])

    def cells(self, condition: Watched) -> set[tuple[int, ...]]:
        """Where a condition holds now: for contact the blocks' cells, for the others one entry or none."""
        if isinstance(condition, Touch):
            return self.touching.get(condition.block, set())
        if isinstance(condition, Reach):
            away = self._worlds.players["pos"][0] - condition.position
            return {(0,)} if float(np.sqrt(away @ away)) <= condition.tolerance else set()
        return {(0,)} if self.pieces(condition.item) >= condition.count else set()

    def pieces(self, item: str) -> int:
        """How many pieces of an item the player has."""
        slots = self._worlds.state["slots"][0]
        return int(slots["count"][slots["item"] == item_table.ID[item]].sum())

    def _wants(self, quit: Quit) -> bool:
        return any(self.cells(condition) for condition in quit.conditions)

    def _look_around(self) -> None:
        self.touching = {}
        count = _touched(self._blocks, self._state, self._watched, self._touched)
        for block, *cell in self._touched[:count].tolist():
            self.touching.setdefault(block_table.NAME[block], set()).add(tuple(cell))


class _Account:
    """What one reward has paid so far."""

    def __init__(self, reward: Reward, payment: Payment) -> None:
        self._reward, self._payment = reward, payment
        self._paid_cells: set[tuple[int, ...]] = set()
        self._paid = False
        self._before = self._pieces()
        self._most = self._before

    def due(self) -> float:
        """What is to be paid for this tick."""
        reward = self._reward
        if all(isinstance(condition, Possess) for condition in reward.conditions) and reward.behaviour != ONCE:
            return reward.reward * self._gains()
        if reward.behaviour == ONCE and self._paid:
            return 0.0
        cells = set().union(*(self._payment.cells(condition) for condition in reward.conditions))
        if reward.behaviour == PER_BLOCK:
            cells -= self._paid_cells
            self._paid_cells |= cells
        elif reward.behaviour == ONCE:
            self._paid = bool(cells)
        times = min(len(cells), 1) if reward.behaviour == ONCE else len(cells)
        assert reward.behaviour in (ONCE, PER_BLOCK, ALWAYS)
        return reward.reward * times

    def _pieces(self) -> int:
        owned = (c.item for c in self._reward.conditions if isinstance(c, Possess))
        return sum(self._payment.pieces(item) for item in owned)

    def _gains(self) -> int:
        """How many times the amount of the reward has come in, over the most before, or since the last tick."""
        amount = next(c.count for c in self._reward.conditions if isinstance(c, Possess))
        now, before = self._pieces(), self._before
        self._before = now
        if self._reward.behaviour == PER_PIECE:
            most, self._most = self._most, max(self._most, now)
            return self._most // amount - most // amount
        return max(0, now - before) // amount


@njit(nogil=True, cache=True)
def _touched(blocks: np.ndarray, worlds: np.ndarray, watched: np.ndarray, out: np.ndarray) -> int:
    """Write the watched blocks, by id, in contact with the player: (K, 4) int64 of id and cell.

    These are all whose cells the player's box overlaps, a little grown (PositionHelper.getTouchingBlocks).
    """
    world, count = worlds[0], 0
    player = world.player
    pos, side = player.pos, HALF_WIDTH + TOUCH_MARGIN
    top = pos[1] + (SNEAKING if player.crouched != 0 else STANDING) + TOUCH_MARGIN
    for i in range(int(np.floor(pos[0] - side)), int(np.floor(pos[0] + side)) + 1):
        for j in range(int(np.floor(pos[1] - TOUCH_MARGIN)), int(np.floor(top)) + 1):
            for k in range(int(np.floor(pos[2] - side)), int(np.floor(pos[2] + side)) + 1):
                inside = 0 <= i < world.shape[0] and 0 <= j < world.shape[1] and 0 <= k < world.shape[2]
                if inside and count < len(out) and watched[blocks[i, j, k]]:
                    out[count, 0] = blocks[i, j, k]
                    out[count, 1], out[count, 2], out[count, 3] = i, j, k
                    count += 1
    return count
