"""Worlds that run in Luanti's unmodified client; skipped where Debian's `minetest` is not installed."""

import glob
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

from mcproxy import registry
from mcproxy.env import VoxelVectorEnv
from mcproxy.errors import UserError
from mcproxy.eval.harness import evaluate
from mcproxy.eval.verify import verify
from mcproxy.luanti import assets
from mcproxy.luanti.client import REGIONS, SPACING, Client
from mcproxy.luanti.worlds import LuantiWorlds, backend, check_fits
from mcproxy.recording import Recorder, Recording
from mcproxy.scripts import _cli
from mcproxy.scripts import evaluate as evaluate_verb

needs_luanti = pytest.mark.skipif(not assets.is_installed(), reason="Luanti is not installed: scripts/setup.sh luanti")
KEYS = [(1, int(turn), int(k % 4 == 3)) for k, turn in enumerate(np.random.default_rng(0).integers(0, 3, size=40))]


def mission(seed: int):
    return registry.named("beacon").mission(seed, "separated", "eval")


def episode(client: Client, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """The positions, (41, 3), and the frames, (11, 64, 64, 3), of a walk by `KEYS`."""
    client.load(mission(seed))
    positions, frames = [client.pose().pos], [client.frame()]
    for k, keys in enumerate(KEYS):
        client.tick(*keys, read=k % 4 == 3)
        positions.append(client.pose().pos)
        if k % 4 == 3:
            frames.append(client.frame())
    return np.array(positions), np.array(frames)


@pytest.fixture(scope="module")
def client():
    client = Client()
    yield client
    client.close()


@pytest.mark.cli
@needs_luanti
def test_the_same_keys_lead_to_the_same_positions_and_frames_in_any_client(client):
    first, between, again = (episode(client, seed) for seed in (3, 4, 3))
    other = Client()
    try:
        elsewhere = episode(other, 3)
    finally:
        other.close()
    for positions, frames in (again, elsewhere):
        np.testing.assert_array_equal(positions, first[0])
        np.testing.assert_array_equal(frames, first[1])
    assert (between[1][0] != first[1][0]).any()  # another layout looks different


@pytest.mark.cli
@needs_luanti
def test_a_player_walks_at_minecrafts_speed_and_stands_where_the_mission_says(client):
    client.load(mission(3))
    assert np.abs(client.pose().pos - mission(3).spawn).max() < 0.003  # Luanti keeps positions to 0.001
    walked = [client.pose().pos]
    for _ in range(12):
        client.tick(1, 0, 0, read=False)
        walked.append(client.pose().pos)
    blocks_a_tick = np.linalg.norm(walked[-1] - walked[-2])
    assert blocks_a_tick == pytest.approx(4.317 / 20, rel=0.02)  # Minecraft's; Luanti's friction takes 1.5 % of it


@pytest.mark.cli
@needs_luanti
def test_the_picture_shows_what_the_engine_shows(client):
    env = VoxelVectorEnv(1, "beacon", arm="separated", split="eval", autoreset_mode=AutoresetMode.DISABLED)
    obs, _ = env.reset(seed=3)
    client.load(mission(3))
    difference = np.abs(client.frame().astype(int) - obs["pov"][0]).mean()
    mirrored = np.abs(client.frame()[:, ::-1].astype(int) - obs["pov"][0]).mean()
    assert difference < 20 < mirrored  # of 255: shading and sky differ, geometry does not


@pytest.mark.cli
@needs_luanti
def test_the_expert_reaches_the_gold_and_the_recording_is_verified(tmp_path):
    disabled = AutoresetMode.DISABLED
    env = VoxelVectorEnv(2, "beacon", arm="separated", split="eval", autoreset_mode=disabled, worlds=LuantiWorlds)
    try:
        with Recorder(tmp_path) as recorder:
            result = evaluate("expert:goal", seeds=range(3), env=env, record=recorder.write)
    finally:
        env.close()
    assert (result.met["goal"] >= 0).all() and (result.met["beacon"] < 0).all()
    (file,) = tmp_path.rglob("main_data.hdf5")
    with Recording(file) as recording:
        assert {recording[k].backend for k in range(3)} == {backend()}
    assert verify(file).verified == 3  # executed again, poses are equal to the last bit


@pytest.mark.cli
@needs_luanti
def test_after_a_kill_neither_process_nor_folder_is_left(tmp_path):
    program = (
        "from mcproxy.luanti.client import Client; import time; Client(); print('on', flush=True); time.sleep(600)"
    )
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, env=environment)
    assert process.stdout is not None and process.stdout.readline() == b"on\n"
    (folder,) = glob.glob(f"{tmp_path}/mcproxy-luanti-*")
    pids = Path(folder, "pids").read_text().split()
    process.send_signal(signal.SIGKILL)
    process.wait()
    deadline = time.monotonic() + 30
    while os.path.exists(folder) and time.monotonic() < deadline:
        select.select([], [], [], 0.05)  # until the guard is done
    assert not os.path.exists(folder)
    assert not [pid for pid in pids if os.path.exists(f"/proc/{pid}/exe")]


def test_a_layouts_region_lies_out_of_sight_of_every_other():
    assert SPACING - 2 * 40 > 120 and REGIONS * SPACING // 2 < 2**15 // 2  # the longest world; nodes that can be seen


@pytest.mark.parametrize("task", ["keys", "ore", "sweep"])
def test_tasks_that_need_more_than_walking_are_refused_in_one_line(task, tmp_path, capsys):
    argv = ["--backend", "luanti", "--task", task, "--policy", "random", "--out", str(tmp_path / "out")]
    assert _cli.run(evaluate_verb.main, "evaluate", argv) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("mcproxy evaluate: --backend luanti runs tasks whose agent moves, turns and jumps;")
    for name in ("beacon", "maze", "course", "banner"):
        check_fits(registry.named(name))


def test_what_is_missing_is_named_with_the_command_that_installs_it(monkeypatch):
    monkeypatch.setattr(assets, "_missing", lambda: ["minetest", "cc"])
    with pytest.raises(UserError, match="needs minetest, cc: in the checkout, scripts/setup.sh luanti, or apt-get"):
        assets.program("minetest")
