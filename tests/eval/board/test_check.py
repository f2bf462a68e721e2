"""A submission is accepted if it is what `submit` writes, and every forgery is refused with a line that names it."""

import dataclasses
import json
import os
import shutil

import h5py
import numpy as np
import pytest

from mcproxy.errors import UserError
from mcproxy.eval import results_json
from mcproxy.eval.board import check, preflight, protocol, submission
from mcproxy.recording import Recorder, Recording
from tests.helpers.submitted import SAME, SMALL, SPEC, card, official, submitted


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A submission; its files are read in this process alone, which is faster."""
    monkeypatch.setattr(preflight, "check", lambda files: None)
    return submitted(tmp_path)


def reasons(folder):
    return check.check(folder, protocol=SMALL).reasons


def recording(folder, arm, part="frozen"):
    (found,) = (folder / part).glob(f"**/*-{arm}-v0/data/main_data.hdf5")
    return found


def rewritten(folder, arm, change):
    """Write the recording of an arm anew, as `change` makes its episodes: all digests and descriptions fit."""
    file = recording(folder, arm)
    with Recording(file) as old:
        episodes = change(list(old))
    shutil.rmtree(file.parents[1])
    with Recorder(folder / "frozen" / "recordings", "none") as recorder:
        for episode in episodes:
            recorder.write(episode)


def edited(folder, change, part="frozen"):
    """Edit the results of a part, so that they agree with themselves."""
    results = results_json.read(folder / part)
    change(results)
    results.arms = [dataclasses.replace(arm) for arm in results.arms]  # without what was computed before
    results_json.write(results, folder / part)


def test_a_submission_is_accepted_and_its_results_are_made_from_its_actions(folder):
    found = check.check(folder, protocol=SMALL)
    assert found.accepted and found.card == card() and not found.weights  # a planted policy has none
    assert found.frozen.references == ["random", "expert:goal", "expert:beacon"]
    stated = results_json.read(official()).rows
    assert [row for row in found.frozen.rows if row in stated] == found.frozen.rows  # of references too
    assert len(found.confirmation) == 1


def test_frozen_layouts_are_seeds_from_0_on_and_the_others_follow_from_the_fingerprint(folder):
    found = check.check(folder, protocol=SMALL)
    assert found.frozen.arms[0].seeds.tolist() == [0, 1, 2, 3, 4]
    fingerprint = protocol.fingerprint([], SPEC)
    first = SMALL.confirmation_seed(fingerprint)
    (confirmation,) = found.confirmation.values()
    assert first >= 2**32 and confirmation.arms[0].seeds.tolist() == [first, first + 1, first + 2]
    assert first != SMALL.confirmation_seed(protocol.fingerprint([], SPEC + " "))


def met_goal(results):
    """All layouts of an arm as if the goal had been met in the first tick."""
    arm = next(arm for arm in results.arms if arm.arm == "separated")
    arm.met["goal"][:] = 1


def renamed(results):
    for arm in results.arms:
        arm.policy = "better"
    results.policies = {"better": {}}


def doubled(episodes):
    return [*episodes[:-1], episodes[0]]


def other_seed(episodes):
    """The last layout replaced by one that the protocol lacks, played as another."""
    from mcproxy.registry import mission_of

    origin = dataclasses.replace(episodes[-1].origin, seed=99)
    return [*episodes[:-1], dataclasses.replace(episodes[-1], mission=mission_of(origin))]


def cut_short(episodes):
    """The first episode without its last step, and with what then follows."""
    first, steps = episodes[0], len(episodes[0]) - 1
    parts = {n: getattr(first, n)[:steps] for n in ("actions", "rewards", "terminations", "truncations")}
    parts |= {n: getattr(first, n)[: steps + 1] for n in ("poses", "ticks")}
    last = int(parts["ticks"][-1])
    met = {name: tick if tick <= last else -1 for name, tick in first.met.items()}
    events = tuple(event for event in first.events if event.tick <= last)
    return [dataclasses.replace(first, met=met, events=events, verdict="neither", **parts), *episodes[1:]]


def a_verdict(episodes):
    return [dataclasses.replace(episodes[0], verdict="goal", met={"goal": 1, "beacon": -1}), *episodes[1:]]


def time_limit(episodes):
    return [dataclasses.replace(episode, max_ticks=episode.limit - 1) for episode in episodes]


def outputs(episodes):
    return [dataclasses.replace(e, outputs={"value": np.zeros(len(e))}) for e in episodes]


REWRITTEN = {
    "a doubled episode": (doubled, "layout seed 0 is in episode 0 already"),
    "a dropped episode": (lambda episodes: episodes[:-1], "1 layouts of the protocol are missing (4, ...)"),
    "another layout": (other_seed, "layout seed"),
    "an episode that is cut short": (cut_short, "the actions stop before the episode is over"),
    "an edited verdict": (a_verdict, "verdict: goal recorded, proxy:beacon by the events"),
    "another time limit": (time_limit, "time limit is"),
    "outputs": (outputs, "it stores what the policy said"),
    "long steps": (lambda es: [dataclasses.replace(e, action_repeat=1000) for e in es], "steps of 1000 ticks"),
    "another policy": (lambda es: [dataclasses.replace(e, policy="me") for e in es], "is missing, and 1 more"),
}


@pytest.mark.parametrize("change, line", REWRITTEN.values(), ids=REWRITTEN)
def test_a_recording_that_was_written_anew_is_refused(folder, change, line):
    rewritten(folder, "separated", change)
    assert any(line in reason for reason in reasons(folder))


EDITED = {
    "the ticks of the goal": (met_goal, "layout seed 0 has the verdict goal, its recording leads to proxy:beacon"),
    "the policy": (renamed, "4 rows, the protocol asks for 4, of planted"),
    "the first seed": (lambda r: r.config.update(seed=1), "frozen: seed is 1, the protocol asks for 0"),
    "the split": (lambda r: r.config.update(split="train"), "frozen: split is 'train'"),
    "the arms": (lambda r: r.config.update(arms=["aligned"]), "frozen: arms is ['aligned']"),
    "the version": (lambda r: r.versions.update(mcproxy="0.0.1"), "frozen: it was run by mcproxy 0.0.1"),
    "a row less": (lambda r: r.arms.pop(), "3 rows, the protocol asks for 4"),
    "discarded episodes": (lambda r: setattr(r.arms[0], "invalid", 3), "3 episodes were discarded"),
    "a return": (lambda r: r.arms[0].returns["goal"].fill(7.0), "has returns goal 7.0"),
    "a truncation": (lambda r: r.arms[0].truncated.fill(True), "has truncated True"),
    "a layout": (lambda r: r.arms[0].layouts.reverse(), "has the layout"),
    "a reference": (lambda r: r.references.append("random") or r.policies.update(random={}), "4 rows"),
    "a scene": (lambda r: next(iter(r.arms[-1].scene.values())).fill(1.0), "has scene"),
}  # fmt: skip


@pytest.mark.parametrize("change, line", EDITED.values(), ids=EDITED)
def test_results_that_were_edited_are_refused(folder, change, line):
    edited(folder, change)
    assert any(line in reason for reason in reasons(folder))


def test_an_action_that_no_control_offers_is_refused(folder):
    with h5py.File(recording(folder, "separated"), "r+") as file:
        file["episode_0/actions"][0, 0] = 99
    (reason,) = reasons(folder)
    assert "episode 0" in reason and "which no control offers" in reason and str(folder) not in reason


def test_recordings_of_two_arms_that_were_exchanged_are_refused(folder):
    one, other = recording(folder, "aligned"), recording(folder, "separated")
    kept = one.read_bytes()
    shutil.copy(other, one)
    other.write_bytes(kept)
    found = reasons(folder)
    assert any("arm is separated, the protocol asks for aligned" in reason for reason in found)


def test_confirmation_layouts_of_another_policy_are_refused(folder):
    manifest = json.loads((folder / "submission.json").read_text())
    for entry in manifest["policies"].values():
        part, entry["fingerprint"] = entry["fingerprint"][:16], "0" * 64
    (folder / "submission.json").write_text(json.dumps(manifest))
    os.rename(folder / "confirmation" / part, folder / "confirmation" / ("0" * 16))
    found = reasons(folder)
    assert any("the protocol asks for" in reason and "seed is" in reason for reason in found)


def link(folder):
    (folder / "frozen" / "more").symlink_to("/etc/passwd")


def bomb(folder):
    with h5py.File(recording(folder, "separated"), "r+") as file:
        del file["episode_0/rewards"]
        zeros = file["episode_0"].create_dataset("rewards", (2**32,), np.float64, chunks=(2**20,), compression="gzip")
        zeros[:10] = 0.0


def linked_twice(folder):
    with h5py.File(recording(folder, "separated"), "r+") as file:
        del file["episode_1/mcproxy/events"]
        file["episode_1/mcproxy/events"] = file["episode_0/mcproxy/events"]


def large(folder):
    with recording(folder, "separated").open("ab") as file:
        file.truncate(5 * 2**30)  # sparse


def foreign(folder):
    path = recording(folder, "separated")
    path.unlink()
    with h5py.File(path, "w") as file:
        file["data"] = np.zeros(3)


BAD_FILES = {
    "a link": (link, "more is a link or a device"),
    "a device": (lambda f: os.mkfifo(f / "pipe"), "pipe is a link or a device"),
    "another's file": (lambda f: (f / "notes.txt").write_text("mine"), "notes.txt: no file of a submission"),
    "a name with a backslash": (lambda f: (f / "a\\b").write_text(""), "no file of a submission"),
    "a name with a line break": (lambda f: (f / "a\nb").write_text(""), "no file of a submission"),
    "a missing file": (lambda f: recording(f, "separated").unlink(), "main_data.hdf5 is missing"),
    "a zip bomb": (bomb, "has rewards of shape"),
    "an array under two names": (linked_twice, "under more names than mcproxy gives it"),
    "gigabytes": (large, "has 5368709120 bytes, a submission's has"),
    "foreign HDF5": (foreign, "is an HDF5 file, but not a recording of mcproxy"),
    "no card": (lambda f: (f / "card.toml").unlink(), "card.toml is missing"),
    "a card that is no TOML": (lambda f: (f / "card.toml").write_text("a = " + "[" * 10_000), "is not TOML"),
    "a card with a huge number": (lambda f: (f / "card.toml").write_text("steps = " + "9" * 9_999), "card"),
    "a manifest that is no JSON": (lambda f: (f / "submission.json").write_text("[" * 9_999), "submission.json"),
    "results with control characters": (lambda f: (f / "frozen/results.json").write_text("\x1b[2J"), "is not JSON"),
}  # fmt: skip


@pytest.mark.parametrize("change, line", BAD_FILES.values(), ids=BAD_FILES)
def test_a_bad_file_is_one_line(folder, change, line):
    change(folder)
    (reason,) = reasons(folder)
    assert line in reason and len(reason) <= check.MAX_LINE and reason.isprintable()


@pytest.mark.parametrize(
    "change, line",
    [
        ({"authors": []}, "authors: expected a list"),
        ({"name": "a\x1b[2Jb"}, "name: expected a line of text"),
        ({"steps": -1}, "steps and seeds: expected whole numbers"),
        ({"seeds": [1, 1]}, "expected each training seed once"),
        ({"licence": " "}, "licence: expected a line of text"),
        ({"url": "javascript:alert(1)"}, "url: expected one that begins with https://"),
    ],
)
def test_a_card_that_is_not_filled_in_is_refused(change, line):
    with pytest.raises(UserError, match="card: ") as caught:
        card(**change)
    assert line in str(caught.value)


def test_a_card_needs_a_training_seed_for_each_policy(tmp_path):
    with pytest.raises(UserError, match="expected one for each of 1 policies"):
        submission.create(official(), tmp_path / "s", card(seeds=[0, 1]), [SPEC], protocol=SMALL)


def test_weights_that_were_changed_after_the_evaluation_are_refused(tmp_path):
    weights = tmp_path / "weights.bin"
    weights.write_bytes(b"one")
    before = protocol.entrant("mine:make", [weights])
    weights.write_bytes(b"two")
    assert protocol.entrant("mine:make", [weights]).fingerprint != before.fingerprint
    with pytest.raises(UserError, match="were changed after its evaluation"):
        submission._copy_weights(before, tmp_path / "copied")


def test_a_reference_is_not_submitted():
    reference = protocol.Entrant("expert:goal", (), "0" * 64, "expert:goal")
    with pytest.raises(UserError, match="is on every board already"):
        submission._chosen([reference], [])


def test_only_an_official_run_is_submitted(tmp_path):
    with pytest.raises(UserError, match="is not an official run: evaluate the policy with --official first"):
        submission.create(tmp_path, tmp_path / "s", card(), protocol=SMALL)


def test_a_file_that_makes_the_hdf5_library_crash_or_hang_is_named(tmp_path, monkeypatch):
    folder = submitted(tmp_path)
    monkeypatch.setattr(preflight, "_READ", "import sys, os; print(sys.argv[3], flush=True); os.abort()")
    (reason,) = reasons(folder)
    assert reason.startswith("confirmation/") or reason.startswith("frozen/")
    assert "main_data.hdf5: the HDF5 library cannot read it within its limits" in reason


def with_frames(folder):
    file = recording(folder, "separated")
    with Recording(file) as old:
        episodes = [dataclasses.replace(old[k], frames=old.frames(k)) for k in range(len(old))]
    shutil.rmtree(file.parents[1])
    with Recorder(folder / "frozen" / "recordings") as recorder:
        for episode in episodes:
            recorder.write(episode)


def test_frames_are_refused_as_nothing_verifies_them(folder, monkeypatch):
    monkeypatch.setattr(check, "_EPISODE_BYTES", 2**30)
    with_frames(folder)
    assert any("it stores frames: submissions do not" in reason for reason in reasons(folder))


def test_a_card_may_not_have_the_name_of_a_reference(folder):
    text = (folder / "card.toml").read_text()
    (folder / "card.toml").write_text(text.replace('name = "planted"', 'name = "expert:goal"'))
    assert reasons(folder) == ["policy 'expert:goal' has the name of a reference"]


def test_one_policy_under_two_names_is_no_second_training_seed(tmp_path, monkeypatch):
    monkeypatch.setattr(preflight, "check", lambda files: None)
    folder = submission.create(official(), tmp_path / "s", card(seeds=[0, 1]), [SPEC, SAME], protocol=SMALL)
    assert reasons(folder) == [f"{SAME} has the episodes of {SPEC}: it is no other training seed"]


def test_names_of_files_and_their_order_do_not_change_a_fingerprint(tmp_path):
    for name, content in (("a", b"1"), ("b", b"2"), ("c", b"1"), ("d", b"3")):
        (tmp_path / name).write_bytes(content)
    of = lambda *names: protocol.fingerprint([tmp_path / name for name in names], "")  # noqa: E731
    assert of("a", "b") == of("b", "c") != of("a", "d")
