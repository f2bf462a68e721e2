"""results.json is written whole, read strictly, and trusted in nothing that can be made again."""

import json

import numpy as np
import pytest

from mcproxy.errors import UserError
from mcproxy.eval import results_json
from mcproxy.eval.arm_result import ArmResult
from mcproxy.eval.results import Results


def arm_result(policy="random", arm="separated", goals=(10, -1, -1, 30), beacons=(-1, 20, -1, 20)):
    """Four episodes: goal, proxy, neither, and both together (10 ticks apart)."""
    met = {"goal": np.array(goals), "beacon": np.array(beacons)}
    return ArmResult(
        policy=policy,
        task="beacon",
        version=1,
        arm=arm,
        seeds=np.arange(4),
        ticks=np.array([10, 600, 600, 30]),
        truncated=np.array([False, True, True, False]),
        met=met,
        returns={name: (ticks >= 0).astype(float) for name, ticks in met.items()},
        layouts=["a1", "b2", "c3", "d4"],
    )


@pytest.fixture
def written(tmp_path):
    found = Results({"seed": 0}, {"random": {"kind": "random"}}, [arm_result()])
    found.arms[0].recording = "recordings/x/main_data.hdf5"
    results_json.write(found, tmp_path)
    return tmp_path


def edited(folder, change):
    """The file in the folder after `change(document)`."""
    document = json.loads((folder / "results.json").read_text())
    change(document)
    (folder / "results.json").write_text(json.dumps(document))
    return folder


def test_a_row_counts_verdicts_and_who_was_met_first_or_together_with_the_first():
    row = arm_result().row
    assert arm_result().verdicts.tolist() == ["goal", "proxy:beacon", "neither", "goal"]
    assert (row.episodes, row.goal_rate, row.neither_rate, row.mean_ticks) == (4, 0.5, 0.25, 310.0)
    assert row.proxies["beacon"]["rate"] == 0.5  # episodes 1 and 3
    assert row.goal_low == pytest.approx(0.15, abs=5e-3)  # Wilson 2 of 4: .150 to .850


def test_what_is_written_is_what_is_read(written):
    again = results_json.read(written)
    assert again.rows == [arm_result().row]
    assert again.findings[0].finding == "reference"
    assert (again.config, again.policies) == ({"seed": 0}, {"random": {"kind": "random"}})
    assert again.files == ["recordings/x/main_data.hdf5"]
    assert again.arms[0].layouts == ["a1", "b2", "c3", "d4"]
    np.testing.assert_array_equal(again.arms[0].truncated, [False, True, True, False])
    assert results_json.read(written / "results.json").rows == again.rows


def test_the_file_names_the_keys_that_others_rely_on_and_no_machine(written):
    document = json.loads((written / "results.json").read_text())
    keys = {"policy", "task", "arm", "episodes", "goal_rate", "goal_low", "goal_high", "neither_rate", "invalid"}
    assert keys < set(document["rows"][0])
    assert set(document["rows"][0]["proxies"]["beacon"]) == {"rate", "low", "high"}
    assert {"mcproxy", "numpy", "torch", "numba"} <= set(document["versions"])
    assert str(written) not in (written / "results.json").read_text()


def test_a_second_writing_replaces_the_first_whole_and_leaves_nothing_beside_it(written):
    found = results_json.read(written)
    found.arms.append(arm_result(arm="aligned"))
    results_json.write(found, written)
    assert [row.arm for row in results_json.read(written).rows] == ["separated", "aligned"]
    assert [file.name for file in written.iterdir()] == ["results.json"]


def test_a_writing_that_fails_leaves_the_former_file(written):
    found = results_json.read(written)
    found.config["seed"] = float("nan")  # which JSON cannot hold
    with pytest.raises(ValueError):
        results_json.write(found, written)
    assert results_json.read(written).config == {"seed": 0}
    assert [file.name for file in written.iterdir()] == ["results.json"]


@pytest.mark.parametrize(
    "change, reason",
    [
        (lambda d: d.update(schema=3), "has schema 3, this mcproxy reads 2: upgrade mcproxy"),
        (lambda d: d.update(kind="other"), "is not a results file of mcproxy"),
        (lambda d: d.pop("episodes"), "'episodes' is missing"),
        (lambda d: d["rows"][0].update(goal_rate=0.9), "the row of random in separated is not what its episodes say"),
        (lambda d: d["rows"][0].update(episodes=4.0), "is not what its episodes say"),
        (lambda d: d["rows"].clear(), "0 rows for 1 policies and arms"),
        (lambda d: d["episodes"][0]["verdicts"].__setitem__(1, "goal"), "are not what the ticks say"),
        (lambda d: d["episodes"][0]["met"]["goal"].__setitem__(1, 5.5), "expected 4 integers from -1 on"),
        (lambda d: d["episodes"][0]["met"].pop("goal"), "the objectives are not the goal and named proxies"),
        (lambda d: d["episodes"][0]["ticks"].pop(), "expected 4 integers from 0 on"),
        (lambda d: d["episodes"][0].update(seeds=[]), "a row without episodes"),
        (lambda d: d["episodes"][0].update(seeds=[10**30] * 4), "expected 4 integers"),
        (lambda d: d["episodes"][0]["returns"].update(goal=[True] * 4), "expected 4 numbers"),
        (lambda d: d["episodes"].append(d["episodes"][0]), "a policy is there twice in the same arm"),
        (lambda d: d["policies"].clear(), "a row's policy is not among the policies"),
        (lambda d: d["files"].append("../../etc/passwd"), "lies outside the folder of the results"),
        (lambda d: d["files"].append("/etc/passwd"), "lies outside the folder of the results"),
        (lambda d: d["files"].append("another.hdf5"), "the files are not the recordings of the rows"),
        (lambda d: d["episodes"][0].update(recording="../x"), "lies outside the folder of the results"),
        (lambda d: d.update(references=["expert:goal"]), "a row's policy is not among the policies"),
        (lambda d: d.update(platform="\x1b[2J"), "expected a short name"),
        (lambda d: d["episodes"][0].update(policy="x" * 1000), "expected a short name"),
    ],
)
def test_a_foreign_future_or_edited_file_is_refused_in_one_line(written, change, reason):
    with pytest.raises(UserError) as refusal:
        results_json.read(edited(written, change))
    assert reason in str(refusal.value) and "\n" not in str(refusal.value)


@pytest.mark.parametrize("content", [b"", b"\x89HDF\r\n", b"[" * 100_000, b"[1, 2]", b'{"kind": NaN}', b"\xff\xfe{}"])
def test_a_file_that_is_no_results_file_at_all_is_refused_in_one_line(tmp_path, content):
    (tmp_path / "results.json").write_bytes(content)
    with pytest.raises(UserError, match="is not") as refusal:
        results_json.read(tmp_path)
    assert "\n" not in str(refusal.value)


def test_a_missing_or_oversized_file_is_refused_before_it_is_read(tmp_path):
    with pytest.raises(UserError, match="has no results.json: expected a folder that mcproxy evaluate wrote"):
        results_json.read(tmp_path)
    with open(tmp_path / "results.json", "wb") as file:
        file.truncate(results_json.MAX_BYTES + 1)  # sparse: no disk is used
    with pytest.raises(UserError, match="larger than results ever are"):
        results_json.read(tmp_path)


def test_references_are_policies_that_were_not_asked_for_and_need_no_recording(written):
    found = results_json.read(written)
    found.policies["expert:goal"], found.references = {}, ["expert:goal"]
    found.arms.append(arm_result("expert:goal"))
    results_json.write(found, written)
    again = results_json.read(written)
    assert again.references == ["expert:goal"] and again.files == ["recordings/x/main_data.hdf5"]
    assert [arm.recording for arm in again.arms] == ["recordings/x/main_data.hdf5", ""]


def test_a_file_of_version_0_1_0_names_its_recordings_in_the_order_of_the_rows(written):
    def old(document):
        del document["references"], document["accidental_contact"], document["twins"]
        del document["episodes"][0]["recording"]

    assert results_json.read(edited(written, old)).arms[0].recording == "recordings/x/main_data.hdf5"


def test_contact_by_accident_is_what_the_goals_expert_met_well_before_the_goal():
    goals, beacons = (100, 100, -1, 100), (80, 95, 30, -1)  # before; together (12 ticks at most); before; never
    (contact,) = Results({}, {}, [arm_result("expert:goal", "aligned", goals, beacons), arm_result()]).accidental
    assert (contact.task, contact.arm, contact.proxy, contact.rate) == ("beacon", "aligned", "beacon", 0.5)
    assert (contact.low, contact.high) == (pytest.approx(0.150, abs=5e-4), pytest.approx(0.850, abs=5e-4))  # Wilson 2/4


def test_fields_that_a_later_version_adds_are_ignored(written):
    assert results_json.read(edited(written, lambda d: d["rows"][0].update(note="new"))).rows == [arm_result().row]


def test_a_file_of_schema_1_is_read_and_says_what_it_lacks(written):
    file = written / results_json.FILE
    document = json.loads(file.read_text())
    for key in ("quartets", "capability", "nuisance", "exchange"):
        del document[key]
    file.write_text(json.dumps(document | {"schema": 1}))
    assert results_json.read(written).rows == [arm_result().row]


def test_scenes_stand_with_the_first_policy_of_an_arm_and_are_read_for_all(tmp_path):
    first, second = arm_result(), arm_result()
    second.policy = "other"
    first.scene = second.scene = {"heading": np.array([0.0, 90.0, 15.0, -30.0])}
    results_json.write(Results({}, {"random": {}, "other": {}}, [first, second]), tmp_path)
    episodes = json.loads((tmp_path / results_json.FILE).read_text())["episodes"]
    assert [("scene" in columns) for columns in episodes] == [True, False]
    for arm in results_json.read(tmp_path).arms:
        np.testing.assert_array_equal(arm.scene["heading"], first.scene["heading"])
