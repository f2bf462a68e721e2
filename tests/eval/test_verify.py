"""Verification finds every change of a recording, names the part that was changed, and says where."""

import dataclasses
import json
import shutil

import h5py
import numpy as np
import pytest

from mcproxy.blocks import ID
from mcproxy.errors import UserError
from mcproxy.eval import harness
from mcproxy.eval import verify as module
from mcproxy.eval.verify import verify
from mcproxy.mission import GOAL, Event, Mission, Mob, Objective, Possess, layout_hash
from mcproxy.recording import Recorder, Recording, reexecute
from mcproxy.task import REGISTERED, Task
from mcproxy.viewer.playback import Playback
from tests.helpers.recorded import episodes, write


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    return write(tmp_path_factory.mktemp("recordings"), episodes())


@pytest.mark.parametrize("batch", [4, 64])
@pytest.mark.parametrize("frames", [False, True])
def test_an_untouched_recording_is_verified(written, monkeypatch, batch, frames):
    monkeypatch.setattr(module, "BATCH", batch)
    told = []
    found = verify(written, frames=frames, progress=lambda *counts: told.append(counts))
    assert (found.episodes, found.verified, found.mismatches) == (6, 6, [])
    assert told == ([(4, 6), (6, 6)] if batch == 4 else [(6, 6)])


def test_a_recording_without_frames_is_verified(tmp_path):
    assert verify(write(tmp_path, episodes(), "none"), frames=True).verified == 6


def cell(rng, arm, rho):
    """Somebody in a cell with a zombie, who does not live to see the end of the time."""
    blocks = np.zeros((5, 4, 5), dtype=np.uint8)
    blocks[:, 0] = ID["stone"]
    layout = layout_hash(rng.integers(2**31, size=4))
    return Mission(blocks, (2.5, 1.0, 2.5), CELL, 400, layout, mobs=(Mob("zombie", (2.5, 1.0, 3.0), "chase"),))


CELL = (Objective("goal", GOAL, Possess("diamond")),)


def test_a_recording_in_which_the_player_dies_is_verified_and_replayed(tmp_path, monkeypatch):
    arms = ("aligned", "shifted", "separated")
    lethal = Task("cell", 1, cell, arms, CELL, ("move", "turn"), (5, 4, 5))
    monkeypatch.setitem(REGISTERED, "cell", lethal)
    with Recorder(tmp_path) as recorder:
        harness.evaluate("random", task="cell", seeds=range(3), record=recorder.write)
    found = verify(recorder.path, frames=True)
    assert (found.episodes, found.verified, found.mismatches) == (3, 3, [])
    episode = Recording(recorder.path)[0]
    assert episode.events[-1].kind == "died" and episode.verdict == "neither"
    assert episode.terminations[-1] and not episode.truncations.any() and episode.rewards.sum() == 0
    playback = Playback(episode, 64)
    assert playback.faithful and playback.moment(playback.last_tick).died == "zombie" and playback.moment(0).died == ""
    assert len(playback.moment(3).mobs) == 1


def test_actions_lead_to_the_same_poses_alone_and_side_by_side():
    for episode, execution in zip(episodes(), reexecute(episodes()), strict=True):
        alone = reexecute([episode])[0]
        for made in (execution, alone):
            np.testing.assert_array_equal(made.poses, episode.poses)
            assert (made.met, made.events) == (episode.met, episode.events)


FIRST = episodes()[0]  # it ends at the goal, touching no beacon before
LAST = len(FIRST) - 1  # its last step
TICK = FIRST.met["goal"]
OTHER_TURN = 1 - min(1, FIRST.actions[3, 1])  # than in step 3


def test_the_episode_that_is_edited_is_what_the_tests_need():
    assert FIRST.verdict == "goal" and LAST >= 5 and len(FIRST.events) == 1


def array(name, place, value):
    return lambda group: group[name].__setitem__(place, value)


def attribute(name, value):
    return lambda group: group.attrs.__setitem__(name, value)


def edit_event(group):
    events = group["mcproxy/events"][:]
    events["tick"][0] += 1
    group["mcproxy/events"][:] = events


def edit_frame(group):
    frames = group["observations/pov"][:]
    frames[5, 3, 4, 0] ^= 1
    group["observations/pov"][:] = frames


EDITS = {  # what is done to the first episode, the part that is named, and where
    "an action": (array("actions", (3, 1), OTHER_TURN), "actions", "from step 3 on they lead elsewhere"),
    "an event": (edit_event, "events", f"event 0 is touched gold_block at tick {TICK + 1}, "),
    "the verdict": (attribute("verdict", "proxy:beacon"), "verdict", "proxy:beacon recorded, goal by the events"),
    "a pose": (array("mcproxy/poses", (4, 0), 3.0), "poses", "pose 4 is [3.0, "),
    "a tick": (array("mcproxy/ticks", 2, 9), "ticks", "state 2 is 9 recorded, 8 re-executed"),
    "when it was met": (attribute("met/goal", 3), "met", "{'goal': 3, "),
    "a reward": (array("rewards", 2, 1.0), "rewards", "step 2 is 1.0 recorded, 0.0 re-executed"),
    "its end": (array("truncations", LAST, True), "ends", f"step {LAST} is [True, True] recorded"),
    "a return": (attribute("returns/beacon", 1.0), "returns", "'beacon': 1.0"),
    "an output": (array("mcproxy/outputs/value", 0, 9.0), "outputs", "not what was recorded"),
    "the policy's name": (attribute("policy", "expert:goal"), "policy", "not what was recorded"),
    "the time limit": (attribute("max_ticks", 500), "view", "not what was recorded"),
    "the layout's hash": (attribute("layout", "0123456789abcdef"), "layout", "0123456789abcdef recorded"),
    "the mission's digest": (attribute("mission", "0123456789abcdef"), "mission", "0123456789abcdef recorded"),
    "the seed": (attribute("seed", 99), "layout", "drawn again from beacon separated, eval seed 99"),
    "the arm": (attribute("arm", "absent"), "mission", "drawn again from beacon absent, eval seed"),
    "a pixel": (edit_frame, "frames", "frame 5 differs in 1 of 1536 pixels"),
    "no frames": (lambda group: group["observations"].__delitem__("pov"), "frames", "not what was recorded"),
    "a digest": (attribute("digests", "{}"), "actions", "not what was recorded"),
}


@pytest.mark.parametrize("change, part, where", EDITS.values(), ids=EDITS)
def test_an_edit_is_named(written, tmp_path, change, part, where):
    path = shutil.copy(written, tmp_path)
    with h5py.File(path, "r+") as file:
        change(file["episode_0"])
    found = verify(path)
    assert (found.episodes, found.verified) == (6, 5)
    assert {mismatch.episode for mismatch in found.mismatches} == {
        5 if part == "layout" and "seed 99" in where else 0
    }  # in the order of the seeds as they are now
    named = {mismatch.what: mismatch.detail for mismatch in found.mismatches}
    assert where in named[part]
    assert set(named) == {part} or change is EDITS["a digest"][0]


def forged(**change):
    """The first episode, changed and written anew: all its digests fit."""
    return dataclasses.replace(FIRST, **change)


def changed(name, place, value):
    values = getattr(FIRST, name).copy()
    values[place] = value
    return {name: values}


EVENT = Event(8, "touched", "beacon", (1, 2, 3))
FORGERIES = {
    "an action": (changed("actions", (3, 1), OTHER_TURN), ["actions"], "step 3 does not lead where the recording goes"),
    "the last action": (
        changed("actions", (LAST, 1), 1 - min(1, FIRST.actions[LAST, 1])),
        ["actions"],
        f"step {LAST} does not lead where",
    ),
    "a pose": (changed("poses", (4, 0), 3.0), ["poses"], "pose 4 is [3.0, "),
    "one event more": ({"events": (EVENT, *FIRST.events)}, ["events"], "event 0 is touched beacon at tick 8, "),
    "no event": ({"events": ()}, ["events"], "event 0 is missing recorded, touched gold_block at tick "),
    "the verdict": ({"verdict": "neither"}, ["verdict"], "neither recorded, goal by the events"),
    "met, return and verdict": (
        {"met": {"goal": -1, "beacon": 3}, "verdict": "proxy:beacon"},
        ["met", "verdict"],
        f"{{'goal': -1, 'beacon': 3}} recorded, {{'goal': {TICK}, 'beacon': -1}} re-executed",
    ),
    "a reward": (changed("rewards", 2, 1.0), ["rewards"], "step 2 is 1.0 recorded"),
}


@pytest.mark.parametrize("change, parts, where", FORGERIES.values(), ids=FORGERIES)
def test_a_forgery_is_named_even_if_its_digests_fit(tmp_path, change, parts, where):
    found = verify(write(tmp_path, [forged(**change), episodes()[1]]))
    assert [(mismatch.episode, mismatch.what) for mismatch in found.mismatches] == [(0, part) for part in parts]
    assert where in found.mismatches[0].detail and found.verified == 1


def test_forged_frames_are_found_when_they_are_drawn_again(tmp_path):
    path = write(tmp_path, [forged(**changed("frames", 5, 0)), episodes()[1]])
    assert verify(path).verified == 2  # their digest fits
    (mismatch,) = verify(path, frames=True).mismatches
    assert (mismatch.episode, mismatch.what) == (0, "frames")
    assert mismatch.detail.startswith("frame 5 differs in ") and mismatch.detail.endswith(" drawn again")


def test_single_pixels_that_another_processor_draws_differently_are_let_pass(tmp_path):
    frames = FIRST.frames.copy()
    frames[:, 0, :7] ^= 1  # 7 of 32 x 48: below one in 200
    assert verify(write(tmp_path, [forged(frames=frames)]), frames=True).verified == 1


def test_frames_that_cannot_be_unpacked_are_named(written, tmp_path):
    path = shutil.copy(written, tmp_path)
    with h5py.File(path, "r+") as file:
        file["episode_5/observations/pov"].id.write_direct_chunk((32, 0, 0, 0), b"damage")
    (mismatch,) = verify(path).mismatches
    assert (mismatch.episode, mismatch.what) == (5, "frames")
    assert mismatch.detail == "not what was recorded: they cannot be unpacked from frame 32 on"


def test_a_recording_that_cannot_be_read_is_a_user_error(tmp_path):
    (tmp_path / "main_data.hdf5").write_bytes(json.dumps({}).encode())
    with pytest.raises(UserError, match="is not a recording"):
        verify(tmp_path / "main_data.hdf5")


def test_episodes_are_held_in_memory_by_their_steps_and_events(written, monkeypatch):
    sizes = [len(episode) + len(episode.events) for episode in episodes()]
    monkeypatch.setattr(module, "MAX_HELD", max(sizes[0], sizes[1] + sizes[2]))
    with Recording(written) as recording:
        batches = list(module._batches(recording))
    assert [*range(6)] == [k for batch in batches for k in batch]
    assert all(len(batch) == 1 or sum(sizes[k] for k in batch) <= module.MAX_HELD for batch in batches)
    assert len(batches) > 1


def regrouped(taken):
    """One episode twice, and one of another policy."""
    return [*taken[:2], taken[1], dataclasses.replace(taken[2], policy="other")]


def test_repeated_layouts_and_episodes_of_another_kind_are_named(tmp_path, monkeypatch):
    monkeypatch.setattr("mcproxy.recording.recorder._kind", lambda episode: ())
    found = verify(write(tmp_path, regrouped(episodes())))
    assert [(m.episode, m.what) for m in found.mismatches] == [(2, "seed"), (3, "recording")]
    assert found.mismatches[1].detail == "it is of another kind than the others: policy other, not walker: goal, beacon"


def test_an_episode_that_stops_before_its_end_is_named(tmp_path):
    parts = {n: getattr(FIRST, n)[:-1] for n in ("actions", "rewards", "terminations", "truncations", "poses", "ticks")}
    parts["outputs"] = {name: values[:-1] for name, values in FIRST.outputs.items()}
    short = forged(met=dict.fromkeys(FIRST.met, -1), verdict="neither", events=(), frames=FIRST.frames[:-1], **parts)
    found = verify(write(tmp_path, [short]))
    assert [(m.what, m.detail) for m in found.mismatches] == [("ends", "the actions stop before the episode is over")]


def metadata(path, **change):
    file = path.parent / "metadata.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | change))


@pytest.mark.parametrize(
    "change, line",
    [
        ({"total_episodes": 7}, "it describes 7 episodes, 6 are complete"),
        ({"total_steps": 1}, "it describes 1 steps, "),
        ({"algorithm_name": "mine"}, "algorithm_name is not that of the episodes"),
        ({"env_spec": "{}"}, "env_spec is not that of the episodes"),
        ({"dataset_id": "mcproxy/Mine/a-b-v0"}, "dataset_id is not that of the episodes"),
    ],
)
def test_a_description_that_says_something_else_is_named(tmp_path, change, line):
    path = write(tmp_path, episodes())
    metadata(path, **change)
    (mismatch,) = verify(path).mismatches
    assert mismatch.what == "metadata" and mismatch.detail.startswith(line)


def test_parts_that_minari_reads_are_verified(tmp_path):
    path = write(tmp_path, episodes(), "none")
    with h5py.File(path, "r+") as file:
        file["episode_0"].attrs["id"] = 5
        for k, name, other in ((1, "infos/tick", "mcproxy/ticks"), (2, "observations/pose", "mcproxy/poses")):
            values = file[f"episode_{k}/{other}"][()] + 1
            del file[f"episode_{k}/{name}"]
            file[f"episode_{k}/{name}"] = values
    assert [(m.episode, m.what, m.detail) for m in verify(path).mismatches] == [
        (0, "minari", f"id and total_steps are not 0 and {len(FIRST)}"),
        (1, "minari", "infos/tick differs from mcproxy/ticks"),
        (2, "minari", "observations/pose differs from mcproxy/poses"),
    ]


def test_a_recording_of_a_task_that_was_renamed_since_is_verified(tmp_path, monkeypatch):
    taken = []
    harness.evaluate("expert:goal", task="beacon_v1", seeds=range(2), record=taken.append)
    old = [dataclasses.replace(e.origin, task="beacon") for e in taken]  # as it was called while it was the newest
    with monkeypatch.context() as before:
        before.setattr("mcproxy.env_id", lambda task: "mcproxy/Beacon-v1")
        missions = [dataclasses.replace(e.mission, origin=origin) for e, origin in zip(taken, old, strict=True)]
        path = write(
            tmp_path, [dataclasses.replace(e, mission=m) for e, m in zip(taken, missions, strict=True)], "none"
        )
    assert Recording(path)[0].origin.task == "beacon_v1" and Recording(path).origin(0).task == "beacon"
    assert verify(path).mismatches == []
