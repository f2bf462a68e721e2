"""The engine's worlds: the same bytes for any batch and thread count, and refusals before a kernel runs."""

import multiprocessing
import os
import sys
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pytest

from mcproxy import registry
from mcproxy.blocks import ID
from mcproxy.controls import CONTROLS, INDEX
from mcproxy.engine import kernel_cache, precompile, tick
from mcproxy.engine.rendering import light, mesh, renderer
from mcproxy.engine.state import WORLD
from mcproxy.engine.worlds import Worlds
from mcproxy.mission import NOWHERE, Happened, Inside, Mission, Mob, Objective, Possess, Reach, Stack, Touch
from tests.helpers.sandbox import Sandbox, ground


def busy(seed):
    """A small world in which everything happens: things fall, burn, open, fire, are dug, put, carried, and walk."""
    rng = np.random.default_rng(seed)
    blocks = np.zeros((16, 10, 16), dtype=np.uint8)
    blocks[:, 0] = ID["stone"]
    kinds = ["sand", "gravel", "dirt", "leaves", "planks", "stone_slab", "ice", "soul_sand", "cactus", "chest", "torch"]
    kinds += ["lava", "water", "door_west", "stone_button", "stone_pressure_plate", "tnt", "glass", "snow", "beacon"]
    for x, z in rng.integers(0, 16, (90, 2)):
        blocks[x, 1 : rng.integers(2, 5), z] = ID[kinds[rng.integers(len(kinds))]]
    blocks[7:10, 1:6, 7:10] = 0
    chests = [((int(x), int(y), int(z)), Stack("diamond")) for x, y, z in np.argwhere(blocks == ID["chest"])[:16]]
    walkers = [Mob(kind, (8.5, 1.0, 9.5), how, 0.12) for kind, how in (("zombie", "chase"), ("pig", "flee"))]
    carried = (Stack("golden_shovel"), Stack("sand", 64), Stack("door_north"), Stack("torch", 9), Stack("key"))
    objectives = (Objective("dig", "goal", Happened("broke", "", 99)), Objective("touch", "marker", Touch("tnt")))
    return Mission(
        blocks, (8.5, 1.0, 8.5), objectives, 10_000, str(seed), pitch_deg=30.0, inventory=carried,
        contents=tuple(chests), mobs=tuple(walkers),
    )  # fmt: skip


def run(seeds, threads=1, steps=60):
    """Random keys, every control among them, in busy worlds: each one's whole state, events and frame at the end."""
    worlds = Worlds(len(seeds), (16, 10, 16), (16, 16), threads=threads)
    streams = [np.random.default_rng(seed) for seed in seeds]
    choices = [[len(c.choices) for c in CONTROLS]] * 5
    for i, seed in enumerate(seeds):
        worlds.load(i, busy(seed))
    for _ in range(steps // 5):
        keys = np.array([s.integers(choices) for s in streams], dtype=np.int8)  # (N, 5, C)
        keys[:, 1:, INDEX["attack"]] = keys[:, :1, INDEX["attack"]]  # held long enough to break something
        for k in range(5):
            worlds.step(np.ascontiguousarray(keys[:, k]))
            if k == 2:
                worlds.render()  # drawing in between changes nothing
    frames = worlds.render()
    worlds.close()
    ends = [[part.tobytes() for part in worlds.snapshot(i)] for i in range(len(seeds))]
    return [(ends[i], tuple(worlds.events[i]), frames[i].tobytes()) for i in range(len(seeds))]


def test_a_world_unfolds_the_same_alone_in_a_batch_and_on_two_threads():
    alone = [run([seed])[0] for seed in (3, 4, 5)]
    eight, more = [3, 4, 5, *range(100, 105)], [3, 4, 5, *range(100, 161)]
    assert run(eight)[:3] == alone
    assert run(more)[:8] == run(eight, threads=2)
    assert run([*more, *range(200, 400)], threads=2)[:64] == run(more)  # 264 worlds: stepping is split too
    assert {event.kind for _, events, _ in run(more) for event in events} >= {
        "swung", "used", "broke", "placed", "collected", "opened", "fired", "hurt", "died",
    }  # fmt: skip


@pytest.mark.cli
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_world_unfolds_the_same_in_another_process(method):
    here = run([7], threads=2)
    with multiprocessing.get_context(method).Pool(1) as pool:
        assert pool.apply(run, ([7],), {"threads": 2}) == here


@pytest.mark.cli
def test_worlds_that_were_stepped_on_two_threads_go_on_in_a_forked_process():
    worlds = Worlds(64, (16, 10, 16), (8, 8), threads=2)
    for i in range(64):
        worlds.load(i, busy(i))
    keys = np.zeros((64, len(CONTROLS)), dtype=np.int8)
    keys[:, INDEX["move"]] = 1
    worlds.step(keys)
    context = multiprocessing.get_context("fork")
    told: multiprocessing.Queue = context.Queue()
    child = context.Process(target=lambda: (worlds.step(keys), told.put(worlds.snapshot(5)[0].tobytes())))
    child.start()
    there = told.get(timeout=60)
    child.join()
    worlds.step(keys)
    assert worlds.snapshot(5)[0].tobytes() == there
    worlds.close()


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


def test_a_box_holds_the_feet_from_face_to_face_and_nowhere_holds_none():
    boxes = {"in": Inside((4.0, 1.0, 5.5), (5.0, 2.0, 6.5)), "beside": Inside((3.0, 1.0, 0.0), (4.4, 2.0, 8.0))}
    objectives = (*(Objective(n, "positional", box) for n, box in boxes.items()), Objective("no", "marker", NOWHERE))
    sandbox = Sandbox(ground((8, 4, 8)), (4.5, 1.0, 2.5), objectives)
    sandbox.hold(16, move=1)
    assert sandbox.worlds.met[0].tolist()[:3] == [16, -1, -1]  # 3 blocks in 16 ticks, as above
    assert sandbox.worlds.events[0] == [(16, "reached", "in", (4, 1, 6))]


def test_what_happens_often_pays_in_parts_and_ends_with_the_last():
    objectives = (
        Objective("goal", "goal", Happened("broke", "dirt", times=1, of=2), reward=3.0),
        Objective("all", "side_effect", Happened("broke", times=4)),
    )
    blocks = ground()
    blocks[4, 2, 4:7] = ID["dirt"]
    sandbox = Sandbox(blocks, (4.5, 1.0, 2.5), objectives, inventory=(Stack("golden_shovel"),))
    paid = []
    while not sandbox.worlds.ended[0]:
        paid.append(sandbox.worlds.paid[0, :2].tolist())
        sandbox.hold(attack=1)
    broke = [event.tick for event in sandbox.worlds.events[0] if event.kind == "broke"]
    assert len(broke) == 2 and sandbox.tick == broke[1] and sandbox.worlds.met[0, :2].tolist() == [broke[0], -1]
    assert paid[broke[0] - 1] == [0.0, 0.0] and paid[broke[0]] == [0.5, 0.25]
    assert sandbox.worlds.paid[0, :2].tolist() == [1.0, 0.5]
    events = sandbox.worlds.events[0]
    assert [o.paid(m, events) for o, m in zip(objectives, broke, strict=True)] == [3.0, 0.5]


@pytest.mark.parametrize(
    "change, message",
    [
        ({"spawn": (-1.0, 1.0, 3.0)}, "outside the world"),
        ({"spawn": (float("nan"), 1.0, 3.0)}, "expected three numbers"),
        ({"spawn": (4.5, -1.0, 4.5)}, "outside the world"),
        ({"blocks": np.zeros((64, 4, 8), dtype=np.uint8)}, "does not fit"),
        ({"yaw_deg": float("inf")}, "yaw inf"),
        ({"inventory": (Stack("gold_blok"),)}, "unknown item 'gold_blok'"),
        ({"inventory": (Stack("shears", 2),)}, "2 shears"),
        ({"inventory": (Stack("dirt"),) * 37}, "37 stacks in the inventory, at most 36"),
        ({"mobs": (Mob("cow", (4.5, 1.0, 4.5)),)}, "unknown mob 'cow'"),
        ({"mobs": (Mob("pig", (0.2, 1.0, 4.5)),)}, "a pig at .* outside the world"),
        ({"mobs": (Mob("pig", (4.5, 1.0, 4.5), "dance"),)}, "behaviour 'dance'"),
        ({"mobs": (Mob("pig", (4.5, 1.0, 4.5), speed=float("nan")),)}, "expected numbers"),
        ({"mobs": (Mob("pig", (4.5, 1.0, 4.5)),) * 17}, "17 mobs, at most 16"),
        ({"mobs": (Mob("pig", (4.5, 1.0, 4.5), route=((1, 2, 3),)),)}, "pairs of numbers"),
        ({"spawn": (4.5, 1e300, 4.5)}, "outside the world"),
        ({"pitch_deg": 91.0}, "-90 to 90"),
        ({"time_of_day": float("nan")}, "time_of_day=nan"),
        ({"max_ticks": 0}, "max_ticks=0"),
        ({"blocks": np.full((8, 4, 8), 250, dtype=np.uint8)}, "block id 250"),
        ({"blocks": [[1]]}, "expected an array"),
        ({"contents": (((4, 1, 4), Stack("dirt")),)}, "where no chest stands"),
        ({"contents": (((4, 9, 4), Stack("dirt")),)}, "where no chest stands"),
        ({"inventory": (Stack("dirt", 1.5),)}, "1.5 dirt: expected 1 to 64"),
        ({"inventory": (Stack("water"),)}, "water cannot be carried"),
        ({"inventory": ("key",)}, "expected Stack"),
        ({"objectives": (Objective("a", "goal", Happened("broke", times=0)),)}, "times=0, expected 1 or more"),
        ({"objectives": (Objective("a", "goal", Reach((1, 2, float("nan")), 1.0)),)}, "expected numbers"),
        ({"objectives": (Objective("a", "goal", Happened("eaten")),)}, "has the event 'eaten'"),
        ({"objectives": (Objective("a", "goal", Happened("broke", times=3, of=2)),)}, "of=2, expected 0, or times=3"),
        ({"objectives": (Objective("a", "goal", Inside((0, 0), (1, 1))),)}, "expected three numbers, twice"),
        ({"drops": (((4.5, 1.0, 4.5), Stack("key")),) * 32}, "32 mobs and dropped items, at most 31"),
        ({"drops": (((4.5, 1.0, 9.5), Stack("key")),)}, "a dropped .* is outside the world"),
        ({"drops": (((4.5, 1.0, 4.5), Stack("water")),)}, "water cannot be carried"),
        ({"objectives": (Objective("a", "goal", Happened("broke", "dirtt")),)}, "did you mean 'dirt'"),
        ({"objectives": (Objective("a", "goal", Possess("gem")),)}, "unknown item 'gem'"),
    ],
)
def test_a_mission_that_does_not_fit_is_refused(change, message):
    good = {"blocks": np.zeros((8, 4, 8), dtype=np.uint8), "spawn": (4.5, 1.0, 4.5), "objectives": ()}
    worlds = Worlds(1, (8, 4, 8), (8, 8))
    worlds.load(0, Mission(**good, max_ticks=10, layout="0"))
    before = worlds.snapshot(0)
    with pytest.raises(ValueError, match=message):
        worlds.load(0, Mission(**{"max_ticks": 10, **good, **change}, layout="0"))
    after = worlds.snapshot(0)
    assert [part.tobytes() for part in after] == [part.tobytes() for part in before]  # nothing half-loaded


def test_keys_of_another_shape_type_or_value_are_refused():
    worlds = Worlds(2, (8, 4, 8), (8, 8))
    with pytest.raises(ValueError, match=r"shape \(2, 3\)"):
        worlds.step(np.zeros((2, 3), dtype=np.int8))
    with pytest.raises(ValueError, match="float64"):
        worlds.step(np.full((2, len(CONTROLS)), np.nan))
    keys = np.zeros((2, len(CONTROLS)), dtype=np.int8)
    keys[1, INDEX["turn"]] = 3
    with pytest.raises(ValueError, match="choice 3 of turn in world 1, expected 0 to 2"):
        worlds.step(keys)
    with pytest.raises(ValueError, match="active of shape"):
        worlds.step(np.zeros((2, len(CONTROLS)), dtype=np.int8), np.ones(0, dtype=bool))
    for bad in ({"num_worlds": 0}, {"action_repeat": 0}, {"threads": 0}):
        with pytest.raises(ValueError, match="expected 1 or more"):
            Worlds(**{"num_worlds": 1, "shape": (8, 4, 8), **bad})
    with pytest.raises(ValueError, match="world -1, expected 0 to 1"):
        worlds.load(-1, busy(0))


def test_what_is_compiled_in_advance_is_what_is_used():
    for function in ("calm_steps", "steps", "meshes", "drawing"):
        getattr(precompile, f"compile_{function}")()
    run([3], steps=5)
    kernels: dict[str, Any] = {
        "run": tick.run,
        "run_calm": tick.run_calm,
        "see": tick.see,
        "draw": renderer._draw,
        "mesh": mesh._mesh,
    }
    assert {name: len(kernel.signatures) for name, kernel in kernels.items()} == dict.fromkeys(kernels, 1)
    assert len(light._light.signatures) == 1


def test_a_calm_world_unfolds_the_same_in_the_kernel_that_is_compiled_first(monkeypatch):
    keys = np.random.default_rng(0).integers(0, 2, size=(60, 4, len(CONTROLS))).astype(np.int8)
    keys[:, :, [INDEX["attack"], INDEX["use"]]] = 0
    ends = []
    for compiling in (False, True):
        monkeypatch.setattr(precompile, "is_compiling", lambda compiling=compiling: compiling)
        worlds = Worlds(4, registry.get("beacon").size, (8, 8))
        for i in range(4):
            worlds.load(i, registry.get("beacon").mission(i))
        assert worlds._kernel(keys[0]) is (tick.run_calm if compiling else tick.run)
        for row in keys:
            worlds.step(row)
        ends.append((worlds.state.tobytes(), worlds.events))
    assert ends[0] == ends[1]


@pytest.mark.parametrize("change", ["attack", "use", "timer", "body", "plate"])
def test_a_world_in_which_more_than_the_player_changes_is_not_calm(change):
    keys, state = np.zeros((1, len(CONTROLS)), dtype=np.int8), np.zeros(1, dtype=WORLD)
    blocks = np.zeros((1, 4, 4, 4), dtype=np.uint8)
    assert tick.is_calm(keys, blocks, state)
    if change in INDEX:
        keys[0, INDEX[change]] = 1
    elif change == "plate":
        blocks[0, 1, 1, 1] = ID["stone_pressure_plate"]
    else:
        state["num_timers" if change == "timer" else "num_entities"] = 1
    assert not tick.is_calm(keys, blocks, state)


def test_where_no_folder_is_writable_kernels_are_kept_in_a_temporary_one(monkeypatch, tmp_path):
    monkeypatch.setattr(numba.config, "CACHE_DIR", "")
    monkeypatch.setenv("NUMBA_CACHE_DIR", "")
    kernel_cache.ensure_folder(tmp_path)  # which is writable: numba's own rule holds
    assert os.environ["NUMBA_CACHE_DIR"] == ""
    monkeypatch.setattr(kernel_cache, "_is_writable", lambda folder: False)
    kernel_cache.ensure_folder(tmp_path)
    folder = os.environ["NUMBA_CACHE_DIR"]
    assert Path(folder).is_dir() and vars(numba.config)["CACHE_DIR"] == folder


def test_without_an_interpreter_to_start_kernels_are_compiled_when_they_are_used(monkeypatch, capsys):
    monkeypatch.setattr(precompile, "_is_done", lambda: False)
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    precompile.compile_first_step.__wrapped__()
    assert "compiling the engine" in capsys.readouterr().err
