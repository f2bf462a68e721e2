"""The engine's worlds: the same bytes for any batch and thread count, and refusals before a kernel runs."""

import multiprocessing

import numpy as np
import pytest

from mcproxy import task
from mcproxy.controls import CONTROLS
from mcproxy.engine.worlds import Worlds
from mcproxy.mission import Mission, Objective, Reach


def run(seeds, threads=1, steps=20):
    """Random keys, every control among them, for worlds of the given layout seeds: each world's bytes and frames."""
    worlds = Worlds(len(seeds), (48, 12, 48), (16, 16), threads=threads)
    beacon = task.get("beacon")
    streams = [np.random.default_rng(seed) for seed in seeds]
    for i, seed in enumerate(seeds):
        worlds.load(i, beacon.mission(seed, "separated"))
    for _ in range(steps):
        keys = np.array([[s.integers(len(c.choices)) for c in CONTROLS] for s in streams], dtype=np.int8)
        worlds.step(keys)
    frames = worlds.render()
    worlds.close()
    return [(worlds.players[i].tobytes(), tuple(worlds.events[i]), frames[i].tobytes()) for i in range(len(seeds))]


def test_a_world_unfolds_the_same_alone_in_a_batch_and_on_two_threads():
    alone = [run([seed])[0] for seed in (3, 4, 5)]
    assert run([3, 4, 5, *range(100, 105)])[:3] == alone
    assert run([3, 4, 5, *range(100, 361)], threads=2, steps=20)[:3] == alone  # 264 worlds: stepping is split too


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_world_unfolds_the_same_in_another_process(method):
    here = run([7], threads=2)
    with multiprocessing.get_context(method).Pool(1) as pool:
        assert pool.apply(run, ([7],), {"threads": 2}) == here


def test_reaching_a_position_is_judged_by_the_distance_of_the_feet():
    blocks = np.zeros((8, 4, 8), dtype=np.uint8)
    blocks[:, 0] = 1
    near = Objective("near", "positional", Reach((4.5, 1.0, 6.5), 1.0))
    mission = Mission(blocks, (4.5, 1.0, 2.5), (near,), 100, "0")
    worlds = Worlds(1, (8, 4, 8), (8, 8))
    worlds.load(0, mission)
    keys = np.zeros((1, len(CONTROLS)), dtype=np.int8)
    keys[0, 0] = 1
    while worlds.met[0, 0] < 0:
        worlds.step(keys)
        assert worlds.ticks[0] < 40
    # 3 blocks at 0.098, 0.15, ... up to 0.2159 a tick (the walking cases of the oracle): 16 ticks
    assert worlds.met[0, 0] == 16
    assert worlds.events[0] == [(16, "reached", "near", (4, 1, 6))]


@pytest.mark.parametrize(
    "change, message",
    [
        ({"spawn": (-1.0, 1.0, 3.0)}, "outside the world"),
        ({"spawn": (float("nan"), 1.0, 3.0)}, "outside the world"),
        ({"blocks": np.zeros((64, 4, 8), dtype=np.uint8)}, "does not fit"),
    ],
)
def test_a_mission_that_does_not_fit_is_refused(change, message):
    good = {"blocks": np.zeros((8, 4, 8), dtype=np.uint8), "spawn": (4.5, 1.0, 4.5)}
    worlds = Worlds(1, (8, 4, 8), (8, 8))
    with pytest.raises(ValueError, match=message):
        worlds.load(0, Mission(**{**good, **change}, objectives=(), max_ticks=10, layout="0"))


def test_keys_of_another_shape_or_type_are_refused():
    worlds = Worlds(2, (8, 4, 8), (8, 8))
    with pytest.raises(ValueError, match=r"shape \(2, 3\)"):
        worlds.step(np.zeros((2, 3), dtype=np.int8))
    with pytest.raises(ValueError, match="float64"):
        worlds.step(np.zeros((2, len(CONTROLS))))
