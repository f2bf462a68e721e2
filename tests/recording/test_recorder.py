"""Recordings hold every bit of an episode, open in Minari, and keep what is complete, whatever ends the recording."""

import contextlib
import dataclasses
import errno
import json
import multiprocessing
import os
import signal
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from mcproxy.errors import UserError
from mcproxy.mission import Move
from mcproxy.recording import Recorder, Recording, format, recorder, rerender
from tests.helpers.recorded import episodes, write

ARRAYS = ("actions", "rewards", "terminations", "truncations", "poses", "ticks")
PLAIN = (
    "policy",
    "met",
    "events",
    "verdict",
    "resolution",
    "fov_deg",
    "action_repeat",
    "controls",
    "returns",
    "origin",
)


def recorded(folder, frames="gzip", taken=None):
    """A recording of the shared episodes, open."""
    return Recording(write(folder, episodes() if taken is None else taken, frames))


def assert_same_episode(ours, theirs):
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name), strict=True)
    for name in PLAIN:
        assert getattr(ours, name) == getattr(theirs, name), name
    assert ours.outputs.keys() == theirs.outputs.keys()
    for name, values in theirs.outputs.items():
        np.testing.assert_array_equal(ours.outputs[name], values, strict=True)
    assert ours.mission.digest() == theirs.mission.digest() and ours.limit == theirs.limit


@pytest.mark.parametrize("frames", ["gzip", "none"])
def test_what_is_read_is_what_was_written_to_the_last_bit(tmp_path, frames):
    recording = recorded(tmp_path, frames)
    assert len(recording) == len(episodes())
    for k, episode in enumerate(episodes()):
        assert_same_episode(recording[k], episode)
        assert recording[k].digests() == episode.digests()
        assert recording.has_frames(k) == (frames == "gzip")
        np.testing.assert_array_equal(recording.frames(k), episode.frames, strict=True)  # drawn again if not stored


def test_frames_can_be_drawn_again_in_any_size(tmp_path):
    recording = recorded(tmp_path, taken=episodes()[:1])
    large = recording.frames(0, size=(64, 96))
    assert large.shape == (len(episodes()[0]) + 1, 64, 96, 3)
    again = next(rerender(episodes()[0], (64, 96)))
    np.testing.assert_array_equal(large[0], again)
    blocks = large[0].reshape(32, 2, 48, 2, 3).mean(axis=(1, 3))  # every pixel of the small frame is four of the large
    assert np.abs(blocks - episodes()[0].frames[0]).mean() < 8  # of 255


def test_large_frames_share_a_chunk_with_fewer_others(tmp_path, monkeypatch):
    monkeypatch.setattr(format, "CHUNK_BYTES", 3 * 32 * 48 * 3 + 1)  # three frames and a bit
    recording = recorded(tmp_path, taken=episodes()[:1])
    *whole, last = [len(chunk) for chunk in recording.frame_chunks(0)]
    assert set(whole) == {3} and sum(whole) + last == len(episodes()[0]) + 1
    np.testing.assert_array_equal(recording.frames(0), episodes()[0].frames)


def test_any_hdf5_reader_finds_frames_attributes_and_events(tmp_path):
    path = recorded(tmp_path).path
    assert path == tmp_path / "mcproxy/Beacon-v2/walker-goal-beacon-separated-v0/data/main_data.hdf5"
    with h5py.File(path) as file:
        assert list(file) == [f"episode_{k}" for k in range(len(episodes()))]  # at the root nothing else, for Minari
        group, episode = file["episode_0"], episodes()[0]
        np.testing.assert_array_equal(group["observations/pov"][:], episode.frames)
        assert group["observations/pov"].compression == "gzip"
        assert group.attrs["verdict"] == "goal" and group.attrs["met/goal"] == episode.met["goal"]
        assert (group.attrs["task"], group.attrs["seed"]) == ("beacon", episode.origin.seed)
        event = group["mcproxy/events"][0]
        assert (event["tick"], event["what"]) == (episode.events[0].tick, b"gold_block")


def test_minari_opens_a_recording_and_makes_its_environment(tmp_path, monkeypatch):
    minari = pytest.importorskip("minari")
    recorded(tmp_path)
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    dataset = minari.load_dataset("mcproxy/Beacon-v2/walker-goal-beacon-separated-v0")
    assert dataset.total_episodes == len(episodes()) and dataset.total_steps == sum(map(len, episodes()))
    for stored, episode in zip(dataset.iterate_episodes(), episodes(), strict=True):
        np.testing.assert_array_equal(stored.observations["pov"], episode.frames)
        np.testing.assert_array_equal(stored.infos["tick"], episode.ticks)
        for name in ("actions", "rewards", "terminations", "truncations"):
            np.testing.assert_array_equal(getattr(stored, name), getattr(episode, name))
        repr(stored)
    metadata = list(dataset.storage.get_episode_metadata([0]))[0]
    assert metadata["returns"] == {"goal": 1.0, "beacon": 0.0} and metadata["seed"] == episodes()[0].origin.seed
    env = dataset.recover_environment()
    assert env.observation_space == dataset.observation_space and env.action_space == dataset.action_space
    obs, _ = env.reset(seed=metadata["seed"])
    np.testing.assert_array_equal(obs["pov"], episodes()[0].frames[0])


def test_minari_opens_a_recording_without_frames_and_finds_the_poses(tmp_path, monkeypatch):
    minari = pytest.importorskip("minari")
    recorded(tmp_path, "none")
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    dataset = minari.load_dataset("mcproxy/Beacon-v2/walker-goal-beacon-separated-v0")
    np.testing.assert_array_equal(dataset[1].observations["pose"], episodes()[1].poses)


def test_a_recording_that_is_still_written_can_be_read(tmp_path):
    with Recorder(tmp_path, "none") as recorder:
        recorder.write(episodes()[0])
        with recorder._room:  # notified whenever an episode is written
            assert recorder._room.wait_for(lambda: recorder.episodes == 1, timeout=60)
        assert_same_episode(Recording(recorder.path)[0], episodes()[0])
        recorder.write(episodes()[1])
    assert len(Recording(recorder.path)) == 2


def test_few_bytes_wait_if_few_may(tmp_path, monkeypatch):
    monkeypatch.setattr(recorder, "MAX_WAITING_BYTES", 1)  # less than any episode: one at a time
    assert len(recorded(tmp_path, taken=episodes() * 3)) == 18


def test_an_exception_in_the_evaluation_keeps_the_complete_episodes(tmp_path):
    with contextlib.suppress(KeyboardInterrupt), Recorder(tmp_path, "none") as recorder:
        for episode in episodes():
            recorder.write(episode)
        raise KeyboardInterrupt
    assert len(Recording(recorder.path)) == len(episodes())


@pytest.mark.parametrize("room", [0, 5_000, 200_000, 260_000])
def test_a_full_disk_is_one_line_and_keeps_the_complete_episodes(tmp_path, monkeypatch, room):
    def pwrite(file, data, offset):
        if offset + len(data) > room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(file, data, offset)

    real = os.pwrite
    monkeypatch.setattr(os, "pwrite", pwrite)
    with pytest.raises(UserError, match="cannot write .*main_data.hdf5: No space left on device") as refusal:
        recorded(tmp_path, taken=episodes() * 5)
    monkeypatch.undo()
    assert "\n" not in str(refusal.value)
    if room == 0:
        assert not list(tmp_path.rglob("*.hdf5"))
    if room > 200_000:  # the groups made ahead are in it, and some episodes
        recording = Recording(tmp_path)
        assert f"{len(recording)} complete episodes" in str(refusal.value) and 0 < len(recording) < 30
        assert_same_episode(recording[0], episodes()[0])


def test_a_folder_that_cannot_be_made_is_an_error_that_names_it(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        Recorder(tmp_path / "file", "none").write(episodes()[0])


@pytest.mark.cli
def test_a_recorder_that_nobody_closes_keeps_its_episodes_and_no_process_alive(tmp_path):
    program = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parents[2])!r})
from tests.helpers.recorded import episodes
from mcproxy.recording import Recorder
recorder = Recorder({str(tmp_path)!r}, "none")
recorder.write(episodes()[0])
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=120)
    assert_same_episode(Recording(tmp_path)[0], episodes()[0])


@pytest.mark.cli
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("frames", ["gzip", "none"])
def test_killed_at_any_moment_a_recording_keeps_all_complete_episodes(tmp_path, frames):
    episodes()
    for attempt in range(4):
        folder = tmp_path / str(attempt)
        ours, theirs = multiprocessing.Pipe(duplex=False)
        process = multiprocessing.get_context("fork").Process(target=_write_for_ever, args=(folder, frames, theirs))
        process.start()
        theirs.close()
        for _ in range(1 + 7 * attempt):  # episodes
            told = ours.recv()
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        with contextlib.suppress(EOFError):
            while True:
                told = ours.recv()
        recording = Recording(folder)
        assert len(recording) >= told
        seeds = sorted(k % 6 for k in range(len(recording)))
        for k in (0, len(recording) - 1):
            assert_same_episode(recording[k], episodes()[seeds[k]])
            np.testing.assert_array_equal(recording.frames(k), episodes()[seeds[k]].frames)
        metadata = json.loads((recording.path.parent / "metadata.json").read_bytes())
        assert metadata["total_episodes"] <= len(recording)  # those that Minari opens are all complete


def _write_for_ever(folder, frames, pipe):
    recorder.MAX_WAITING_BYTES = 1
    written, told = Recorder(folder, frames), 0
    while True:
        for episode in episodes():
            written.write(episode)
            if written.episodes > told:
                told = written.episodes
                pipe.send(told)


def test_an_existing_recording_is_left_alone(tmp_path):
    path = recorded(tmp_path, "none").path
    before = path.read_bytes()
    with pytest.raises(UserError, match="exists already"):
        recorded(tmp_path, "none")
    assert path.read_bytes() == before


def test_episodes_that_do_not_belong_together_are_refused(tmp_path):
    with Recorder(tmp_path, "none") as recorder:
        recorder.write(episodes()[0])
        with pytest.raises(ValueError, match="cannot take an episode of"):
            recorder.write(dataclasses.replace(episodes()[0], policy="another"))


STEPS = len(episodes()[0])


@pytest.mark.parametrize(
    "change, message",
    [
        ({"actions": np.zeros((STEPS, 2), dtype=np.int64)}, r"actions of shape \(\d+, 2\)"),
        ({"rewards": np.zeros(STEPS, dtype=np.float32)}, "rewards of shape .* float32"),
        ({"poses": np.zeros((STEPS, 5))}, "poses of shape"),
        ({"frames": None}, "without frames"),
        ({"met": {"goal": 1}}, "an entry for each objective"),
        ({"outputs": {"value": np.zeros(STEPS + 1)}}, "output 'value' of shape"),
        ({"outputs": {"value": np.array(["x"] * STEPS)}}, "output 'value' of shape"),
        ({"outputs": {"value": np.zeros((STEPS, 10_000))}}, "bytes a step"),
        ({"mission": dataclasses.replace(episodes()[0].mission, origin=None)}, "no origin"),
    ],
)
def test_an_episode_of_other_shapes_is_refused_before_anything_is_written(tmp_path, change, message):
    with Recorder(tmp_path) as recorder, pytest.raises(ValueError, match=message):
        recorder.write(dataclasses.replace(episodes()[0], **change))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("change", [{"resumed": True}, {"moved": (Move("beacon", (1, 2, 3)),)}])
def test_an_episode_that_was_restored_or_edited_is_refused(tmp_path, change):
    episode = episodes()[0]
    edited = dataclasses.replace(episode, mission=dataclasses.replace(episode.mission, **change))
    with Recorder(tmp_path) as recorder, pytest.raises(UserError, match="restored or edited cannot be recorded"):
        recorder.write(edited)
    assert not list(tmp_path.iterdir())


def test_unknown_kinds_of_frames_and_a_closed_recorder_are_refused(tmp_path):
    with pytest.raises(UserError, match="unknown frames 'gzp'; did you mean 'gzip'"):
        Recorder(tmp_path, "gzp")
    recorder = Recorder(tmp_path)
    recorder.close()
    recorder.close()
    with pytest.raises(ValueError, match="closed"):
        recorder.write(episodes()[0])
