"""What an expert says beforehand is what it gets, and its ways are the shortest: a plain search over cells says so."""

import heapq

import numpy as np
import pytest

from mcproxy import registry
from mcproxy.blocks import ID, SOLID
from mcproxy.experts.lookahead import forecast
from mcproxy.mission import Happened, Inside, Possess, Reach, Stack
from tests.experts.test_expert import JUMP, run
from tests.helpers.stage import WALK, Stage, room


def shortest(blocks, start, ends):
    """The length of the shortest way over cells in blocks, by Dijkstra: steps to the eight neighbours, one block up by
    a jump, up to three down; no corner is cut. Full blocks only.
    """

    def free(x, y, z):
        inside = 0 <= x < blocks.shape[0] and 0 <= z < blocks.shape[2]
        return inside and (y >= blocks.shape[1] or not SOLID[blocks[x, y, z]])

    def stands(x, y, z):
        return free(x, y, z) and free(x, y + 1, z) and y > 0 and SOLID[blocks[x, y - 1, z]]

    best, heap = {start: 0.0}, [(0.0, start)]
    while heap:
        spent, (x, y, z) = heapq.heappop(heap)
        if (x, y, z) in ends:
            return spent
        if spent > best[x, y, z]:
            continue
        for dx in (-1, 0, 1):
            for dz in (-1, 0, 1):
                for j in range(y - 3, y + 2):
                    i, k, top = x + dx, z + dz, max(y, j)
                    if not stands(i, j, k) or (j > y and not free(x, y + 2, z)):
                        continue
                    if not all(free(i, h, k) for h in range(j, top + 2)):
                        continue
                    if dx and dz and not all(free(a, h, b) for a, b in ((i, z), (x, k)) for h in (top, top + 1)):
                        continue
                    cost = spent + np.hypot(dx, dz)
                    if cost < best.get((i, j, k), np.inf):
                        best[i, j, k] = cost
                        heapq.heappush(heap, (cost, (i, j, k)))
    return np.inf


def rough(seed):
    """A room of 24 x 24 with walls, blocks that can be jumped, and slabs of wool overhead; two far corners are free."""
    rng = np.random.default_rng(seed)
    blocks = room([[*"0" * 24]] * 24)
    for height, count in ((1, 40), (3, 60)):
        for x, z in rng.integers(24, size=(count, 2)):
            blocks[x, 3 : 3 + height, z] = ID["stone"]
    for x, z in rng.integers(22, size=(20, 2)):
        blocks[x : x + 2, 5 + rng.integers(2), z : z + 2] = ID["white_wool"]
    blocks[:2, 3:, :2] = blocks[22:, 3:, 22:] = ID["air"]
    return blocks


def test_the_plain_search_counts_by_hand():
    blocks = room(["000", "040", "010"])
    assert shortest(blocks, (0, 3, 0), {(2, 3, 2)}) == 4.0  # around the corners
    assert shortest(blocks, (0, 3, 2), {(2, 3, 2)}) == 2.0  # over the low block


def test_planned_and_walked_ways_are_the_shortest_within_15_percent():
    planned, walked = [], []
    for seed in range(24):
        blocks = rough(seed)
        length = shortest(blocks, (0, 3, 0), {(23, 3, 23)})
        if length < np.inf:
            stage = Stage(blocks, (0.5, 3.0, 0.5), Reach((23.5, 3.0, 23.5), 0.4), JUMP, yaw_deg=-45.0)
            said = forecast(stage.mission, "goal", JUMP)
            planned.append((said.length + 0.4) / length)
            walked.append((stage.play() + 0.4) / length)
            assert stage.met
            assert stage.paid == said.reward == 1.0
    assert len(planned) > 12
    assert max(planned) <= 1.05  # it costs diagonals at 1.4 blocks, and keeps out of gaps
    assert max(walked) <= 1.15


def test_a_straight_way_takes_its_length_at_walking_pace_and_the_turn_to_it():
    stage = Stage(room(["0" * 12]), (0.5, 3.0, 0.5), Inside((10.5, 3.0, 0.0), (12.0, 4.0, 1.0)), yaw_deg=0.0)
    said = forecast(stage.mission, "goal", WALK)
    assert said.reward == 1.0
    assert said.length == pytest.approx(10.15)  # a little way inside
    assert said.ticks == pytest.approx((90 - 40) / 3.75 + 10.15 / 0.2159, abs=1)  # it walks from 40 degrees on


def test_what_the_limit_does_not_allow_is_not_promised():
    place = Inside((10.5, 3.0, 0.0), (12.0, 4.0, 1.0))
    for limit, reward in ((60, 0.0), (90, 1.0)):
        stage = Stage(room(["0" * 12]), (0.5, 3.0, 0.5), place, max_ticks=limit)
        stage.play()
        assert forecast(stage.mission, "goal", WALK).reward == stage.paid == reward


def test_what_is_counted_pays_for_what_there_is():
    drops = tuple(((x, 3.0, 0.5), Stack("key")) for x in (3.5, 8.5))
    stage = Stage(room(["0" * 12]), (0.5, 3.0, 0.5), Happened("collected", "key", times=2, of=8), drops=drops)
    stage.play()
    assert forecast(stage.mission, "goal", WALK).reward == stage.paid == 0.25


def test_chests_are_paid_for_as_far_as_there_are_keys_and_possessions_as_far_as_blocks_drop_them():
    blocks = room(["0" * 12] * 3)
    blocks[4, 4, 1] = blocks[8, 4, 1] = ID["locked_chest"]
    condition = Happened("opened", "locked_chest", times=1, of=4)
    stage = Stage(blocks, (0.5, 3.0, 1.5), condition, (*WALK, "use"), drops=(((2.5, 3.0, 0.5), Stack("key")),))
    stage.play()
    assert forecast(stage.mission, "goal", stage.controls).reward == stage.paid == 0.25
    for count, reward in ((2, 1.0), (3, 0.0)):
        blocks = room(["0" * 12] * 3)
        blocks[4, 4, 1] = blocks[8, 4, 1] = ID["dirt"]
        stage = Stage(blocks, (0.5, 3.0, 1.5), Possess("dirt", count), (*WALK, "attack"))
        stage.play()
        assert forecast(stage.mission, "goal", stage.controls).reward == stage.paid == reward


@pytest.mark.parametrize("task", registry.names())
def test_an_expert_gets_what_was_forecast(task):
    for k, objective in enumerate(registry.get(task).objectives):
        for arm in [a for a in registry.get(task).arms if a == "aligned" or a.startswith("separated")]:
            env, _, _ = run(task, arm, objective.name, 8)
            promised = [forecast(mission, objective.name).reward for mission in env.worlds.missions]
            got = env.worlds.paid[:, k] * objective.reward
            np.testing.assert_allclose(got, promised, err_msg=f"{task}, {arm}, expert:{objective.name}")
