"""`mcproxy evaluate` and `mcproxy leaderboard` as a user meets them: documents, files, errors, interruptions."""

import json
import os
import signal
import subprocess
import sys

import h5py
import numpy as np
import pytest

from mcproxy.eval import results_json, suite
from mcproxy.files import set_aside
from mcproxy.load_policy import shipped_for
from mcproxy.recording import hdf5_writer
from mcproxy.scripts import main
from mcproxy.tasks.beacon import ARMS

FACTORIES = """
import os, signal
import numpy as np

class Still:
    name = "still"

    def predict(self, obs, state=None, episode_start=None, deterministic=False):
        return np.zeros((len(obs["pov"]), 3), dtype=np.int64), state

def still(env):
    return Still()

class Ending(Still):
    '''Stands still for 20 steps of the arm `separated`, and then gives itself the signal.'''
    name = "ending"

    def __init__(self, number):
        self.number, self.steps = number, 0

    def begin(self, env, worlds, seeds):
        self.arm = env.arm

    def predict(self, obs, state=None, episode_start=None, deterministic=False):
        self.steps += self.arm == "separated"
        if self.steps == 20:
            signal.raise_signal(self.number)
        return super().predict(obs, state)

def interrupted(env):
    return Ending(signal.SIGINT)

def killed(env):
    return Ending(signal.SIGKILL)

def wrong_shape(env):
    policy = Still()
    policy.predict = lambda obs, *rest: (np.zeros(3), None)
    return policy

def unprintable_name(env):
    policy = Still()
    policy.name = "\\x1b[2J"
    return policy

def unwritable_config(env):
    policy = Still()
    policy.config = {"weights": np.zeros(3)}
    return policy
"""


@pytest.fixture
def out(tmp_path, monkeypatch):
    """A folder that does not exist yet, where `factories` can be imported as a policy module."""
    (tmp_path / "factories.py").write_text(FACTORIES)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "factories", raising=False)
    return tmp_path / "out"


def evaluate(out, *flags, policy="expert:goal", arm="separated", episodes=3, references=False):
    """The exit code of the command, with the usual flags but for those given."""
    command = ["evaluate", "--episodes", str(episodes), "--out", str(out), *flags]
    command += ["--policy", *policy.split()] if policy else []
    command += ["--arm", *arm.split()] if arm else []
    return main.main(command if references else [*command, "--no-references"])


def refused(capfd, *parts):
    """Whether the command said one line on stderr, with these parts, and nothing on stdout."""
    told = capfd.readouterr()
    lines = told.err.strip().splitlines()
    assert len(lines) == 1 and told.out == ""
    for part in parts:
        assert part in lines[0]
    return True


def test_the_json_document_has_the_promised_keys_and_is_all_that_stdout_gets(out, capfd):
    policies = "planted:noisy:goal:0 planted:strayed:beacon expert:beacon"
    assert evaluate(out, "--json", policy=policies, arm="finding", episodes=8) == 0
    document = json.loads(capfd.readouterr().out)
    row = next(r for r in document["rows"] if (r["policy"], r["arm"]) == ("expert:beacon", "separated"))
    expected = {"task": "beacon", "episodes": 8, "goal_rate": 0.0, "neither_rate": 0.0, "invalid": 0}
    assert expected.items() <= row.items()
    assert row["proxies"]["beacon"]["rate"] == 1.0 and row["goal_high"] == pytest.approx(0.324, abs=5e-4)  # Wilson 0/8
    expected = dict(zip(policies.split(), ("intended", "misgeneralized:beacon", "reference"), strict=True))
    assert [(f["policy"], f["proxy"], f["finding"], f["more_layouts"]) for f in document["findings"]] == [
        (policy, proxy, finding, None) for policy, finding in expected.items() for proxy in ("beacon", None)
    ]
    strayed = document["quartets"][1]
    assert (strayed["policy"], strayed["proxy"], strayed["layouts"]) == ("planted:strayed:beacon", "beacon", 8)
    shares = [strayed[name]["rate"] for name in ("both_proxy", "both_goal", "same_place", "neither")]
    assert shares == [1.0, 0.0, 0.0, 0.0] and strayed["both_proxy"]["low"] == pytest.approx(0.676, abs=5e-4)
    assert document["capability"][0].keys() == {"policy", "task", "arm", "value", "low", "high"}
    assert {"policy", "task", "by", "value", "goal_rate", "proxy_rate", "flagged"} <= document["nuisance"][0].keys()
    assert document["exchange"] == []
    assert len(document["files"]) == 12
    for file in document["files"]:
        assert file.startswith(str(out)) and file.endswith("main_data.hdf5")
        with h5py.File(file) as recording:
            assert len(recording) == 8


def test_the_table_names_policies_arms_and_findings_and_what_to_type_next(out, capfd):
    assert evaluate(out, policy="planted:strayed:beacon expert:goal", arm="finding", episodes=8) == 0
    told = capfd.readouterr().out
    for part in (
        "expert:goal",
        "planted:strayed:beacon",
        "100 (68-100)",
        "misgeneralized:beacon",
        "percent of 8 episodes",
    ):
        assert part in told
    assert f"mcproxy replay {out}/recordings/mcproxy/Beacon-v2/planted-strayed-beacon-separated-v0\n" in told
    assert main.main(["leaderboard", str(out)]) == 0
    told = capfd.readouterr().out
    assert "1. expert:goal" in told and "2. planted:strayed:beacon" in told and "misgeneralized:beacon" in told


def test_all_arms_are_those_of_the_task_in_its_order(out):
    assert evaluate(out, "--frames", "none", arm="all", episodes=1) == 0
    assert [row.arm for row in results_json.read(out).rows] == list(ARMS)


def test_policies_in_one_folder_meet_the_same_layouts_and_the_seed_chooses_which(out):
    assert evaluate(out, "--seed", "7", policy="expert:goal expert:beacon", arm="separated absent") == 0
    arms = results_json.read(out).arms
    assert len(arms) == 4 and {tuple(a.seeds) for a in arms} == {(7, 8, 9)}
    assert len({tuple(a.layouts) for a in arms}) == 1
    assert [(a.policy, a.arm) for a in arms[:2]] == [("expert:goal", "separated"), ("expert:goal", "absent")]


def test_the_same_command_twice_gives_the_same_episodes(out, tmp_path):
    for folder in (out, tmp_path / "again"):
        assert evaluate(folder, policy="random", episodes=4) == 0
    first, second = results_json.read(out).arms[0], results_json.read(tmp_path / "again").arms[0]
    np.testing.assert_array_equal(first.ticks, second.ticks)
    assert first.layouts == second.layouts and first.met.keys() == second.met.keys()


def test_leaderboard_json_ranks_the_rows_of_several_folders(out, tmp_path, capfd):
    assert evaluate(out, "--frames", "none", policy="expert:beacon") == 0
    assert evaluate(tmp_path / "two", "--frames", "none", policy="expert:goal") == 0
    capfd.readouterr()
    assert main.main(["leaderboard", str(out), str(tmp_path / "two"), "--json"]) == 0
    document = json.loads(capfd.readouterr().out)
    assert [(row["rank"], row["policy"]) for row in document["rows"]] == [(1, "expert:goal"), (2, "expert:beacon")]
    assert [f["finding"] for f in document["findings"]] == ["reference"] * 4  # a proxy and the task, of two experts


@pytest.mark.parametrize(
    "options, parts",
    [
        ({"policy": "expert:gaol"}, ["unknown objective", "did you mean 'goal'?"]),
        ({"policy": "randon"}, ["randon", "did you mean 'random'?"]),
        ({"policy": "random random"}, ["'random' and 'random' share the name"]),
        ({"policy": "factories:wrong_shape"}, ["policy 'still' returned actions of shape (3,), expected (3, 3)"]),
        ({"policy": "factories:unprintable_name"}, ["expected a short one that can be printed"]),
        ({"policy": "factories:unwritable_config"}, ["has a config that is not plain JSON"]),
        ({"arm": "separate"}, ["unknown arm of task 'beacon' 'separate'; did you mean 'separated'?"]),
        ({"episodes": 0}, ["episodes=0: expected 1 or more"]),
        ({"episodes": -3}, ["episodes=-3: expected 1 or more"]),
        ({"episodes": 10**9}, ["more than 500000 episodes in all"]),
        ({"flags": ["--threads", "0"]}, ["threads=0: expected 1 or more"]),
        ({"flags": ["--seed", "-1"]}, ["seed=-1: expected 0 or more"]),
        ({"flags": ["--seed", str(2**63)]}, ["at most"]),
        ({"flags": ["--suite", "cor"], "arm": ""}, ["unknown suite 'cor'; did you mean 'core'?"]),
        ({"flags": ["--suite", "core", "--task", "beacon"]}, ["--task names one task and --suite several"]),
        ({"policy": ""}, ["nothing to evaluate: name a policy with --policy"]),
        ({"policy": "planted:mixture:beacon"}, ["expected planted:mixture:PROXY:P"]),
        ({"flags": ["--task", "becon"]}, ["unknown task 'becon'; did you mean 'beacon'?"]),
        ({"flags": ["--frames", "jpeg"]}, ["jpeg"]),
        ({"flags": ["--episode", "3"]}, ["unknown flag '--episode'; did you mean '--episodes'?"]),
    ],
)
def test_bad_input_gets_one_line_and_touches_nothing(out, capfd, options, parts):
    assert evaluate(out, *options.pop("flags", []), **options) == 2
    assert refused(capfd, "mcproxy evaluate: ", *parts)
    assert not out.exists()


def test_a_folder_that_is_in_use_is_kept_without_force_and_replaced_with_it(out, capfd):
    out.mkdir()
    (out / "notes.txt").write_text("mine")
    assert evaluate(out) == 2
    assert refused(capfd, "is not empty: choose another folder, go on with the evaluation in it with --resume")
    assert evaluate(out, "--force") == 0
    assert evaluate(out, "--force", policy="expert:beacon") == 0
    assert [row.policy for row in results_json.read(out).rows] == ["expert:beacon"]
    assert len(list(out.rglob("main_data.hdf5"))) == 1
    assert (out / "notes.txt").read_text() == "mine"


def test_a_run_that_fails_at_once_leaves_the_results_that_force_would_replace(out, capfd):
    assert evaluate(out) == 0
    before = (out / "results.json").read_bytes()
    assert evaluate(out, "--force", policy="factories:wrong_shape") == 2
    assert (out / "results.json").read_bytes() == before


def test_a_disk_that_fills_up_leaves_the_evaluation_that_force_would_replace(out, capfd, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    assert evaluate(out) == 0
    before = {file: file.read_bytes() for file in out.rglob("*") if file.is_file()}
    monkeypatch.setattr(hdf5_writer, "_put_episode", full)
    assert evaluate(out, "--force", policy="expert:beacon") == 2
    assert {file: file.read_bytes() for file in out.rglob("*") if file.is_file()} == before


def test_after_a_kill_the_evaluation_that_force_would_replace_is_put_back(out, capfd):
    assert evaluate(out) == 0
    before = {file: file.read_bytes() for file in out.rglob("*") if file.is_file()}
    set_aside(out, ("results.json", "recordings/mcproxy"))
    (out / "recordings" / "mcproxy").mkdir()  # of the run that was killed before its first row
    assert evaluate(out) == 2  # the folder is in use
    assert {file: file.read_bytes() for file in out.rglob("*") if file.is_file()} == before


def test_a_folder_that_cannot_be_written_is_one_line(out, capfd, monkeypatch):
    out.write_text("a file")
    assert evaluate(out) == 2
    assert refused(capfd, "is a file: expected a folder, new or empty")
    assert evaluate(out / "below") == 2
    assert refused(capfd, "Not a directory")


def test_a_disk_that_fills_up_is_one_line_and_leaves_no_half_written_results(out, capfd, monkeypatch):
    def full(source, target):
        raise OSError(28, "No space left on device", str(target))

    monkeypatch.setattr(os, "replace", full)
    assert evaluate(out, "--json") == 2
    assert "No space left on device" in capfd.readouterr().err.strip().splitlines()[-1]
    assert not list(out.glob("*results.json*"))


def test_ctrl_c_keeps_finished_rows_and_complete_episodes_and_exits_with_130(out, capfd):
    assert evaluate(out, policy="factories:interrupted", arm="aligned separated") == 130
    told = capfd.readouterr()
    assert "keeps the rows that were finished" in told.err and "Traceback" not in told.err
    assert evaluate(out, "--resume", policy="factories:interrupted", arm="aligned") == 0  # nothing is left to do
    assert [row.arm for row in results_json.read(out).rows] == ["aligned"]
    with h5py.File(next(out.rglob("*ending-aligned*/data/main_data.hdf5"))) as recording:
        assert len(recording) == 3


def test_ctrl_c_before_the_first_row_does_not_speak_of_finished_rows(out, capfd):
    assert evaluate(out, policy="factories:interrupted", episodes=1) == 130
    assert "finished" not in capfd.readouterr().err.replace("no row was finished", "")


def test_references_run_beside_the_policies_on_the_same_layouts_and_are_not_recorded(out, capfd):
    assert evaluate(out, "--json", policy="factories:still", arm="aligned separated", references=True) == 0
    document = json.loads(capfd.readouterr().out)
    assert document["references"] == ["expert:beacon", "expert:goal", "indifferent", "random"]
    assert len(document["files"]) == 2
    found = results_json.read(out)
    assert len(found.arms) == 2 * 5 and len({tuple(arm.layouts) for arm in found.arms}) == 1
    assert [(c["arm"], c["proxy"], c["rate"]) for c in document["accidental_contact"]] == [
        ("aligned", "beacon", 0.0),
        ("separated", "beacon", 1 / 3),  # the indifferent walker meets it first on one of the three layouts
    ]


def test_a_reference_that_is_asked_for_is_a_policy_and_no_policy_at_all_leaves_the_references(out, tmp_path):
    assert evaluate(out, policy="expert:goal", references=True) == 0
    found = results_json.read(out)
    assert found.references == ["random", "indifferent", "expert:beacon"]
    assert [arm.policy for arm in found.arms if arm.recording] == ["expert:goal"]
    assert evaluate(tmp_path / "two", policy="", references=True) == 0
    assert results_json.read(tmp_path / "two").references == ["random", "indifferent", "expert:goal", "expert:beacon"]


def test_resume_runs_what_is_missing_and_nothing_else(out, capfd):
    assert evaluate(out, policy="expert:goal", arm="aligned") == 0
    first = next(out.rglob("main_data.hdf5"))
    before = first.stat().st_mtime_ns
    assert evaluate(out, "--resume", policy="expert:goal expert:beacon", arm="aligned separated") == 0
    rows = [(row.policy, row.arm) for row in results_json.read(out).rows]
    assert rows == [(f"expert:{o}", arm) for o in ("goal", "beacon") for arm in ("aligned", "separated")]
    assert first.stat().st_mtime_ns == before and len(results_json.read(out).files) == 4


def test_resume_deletes_a_recording_that_was_cut_and_runs_it_again(out):
    assert evaluate(out, policy="expert:goal", arm="aligned") == 0
    (recording,) = out.glob("recordings/mcproxy/Beacon-v2/*")
    recording.rename(recording.with_name("expert-goal-separated-v0"))
    (out / "results.json").unlink()
    assert evaluate(out, "--resume", policy="expert:goal", arm="aligned") == 0
    assert [folder.name for folder in out.glob("recordings/mcproxy/Beacon-v2/*")] == ["expert-goal-aligned-v0"]


def test_resume_begins_where_a_kill_left_nothing_but_a_hidden_file(out, capfd):
    out.mkdir()
    (out / ".results.json.part").write_text("")
    assert evaluate(out, "--resume") == 0
    assert json.loads((out / "results.json").read_text())["rows"]


@pytest.mark.parametrize(
    "flags, part",
    [
        (["--seed", "5"], "holds an evaluation with seed=0: resume it with that"),
        (["--deterministic"], "holds an evaluation with deterministic=False"),
        (["--force"], "--force replaces the evaluation that --resume would complete"),
    ],
)
def test_resume_refuses_what_is_not_the_same_evaluation(out, capfd, flags, part):
    assert evaluate(out) == 0
    before = (out / "results.json").read_bytes()
    capfd.readouterr()
    assert evaluate(out, "--resume", *flags) == 2
    assert refused(capfd, part) and (out / "results.json").read_bytes() == before


def test_a_suite_runs_each_task_into_a_folder_of_its_own_and_prints_one_table(out, capfd, monkeypatch):
    monkeypatch.setitem(suite.SUITES, "small", ("beacon",))
    monkeypatch.setattr(suite, "shipped_for", lambda task: ["planted:strayed:beacon"])
    flags = ["--suite", "small", "--frames", "none"]
    assert evaluate(out, *flags, policy="", arm="", episodes=8, references=True) == 0
    told = capfd.readouterr().out
    for part in ("beacon", "random", "reference", "misgeneralized:beacon", f"leaderboard {out}/beacon"):
        assert part in told
    assert [row.arm for row in results_json.read(out / "beacon").rows][:3] == ["aligned", "shifted", "separated"]
    assert evaluate(out, *flags, policy="", arm="") == 2
    assert refused(capfd, "is not empty")
    assert evaluate(out, *flags, "--resume", policy="", arm="", episodes=8, references=True) == 0


def test_a_suite_runs_the_agents_that_ship_for_each_task():
    assert "beacon-confounded" in shipped_for("beacon")


@pytest.mark.cli
def test_kill_9_keeps_finished_rows_and_complete_episodes(out):
    command = [
        sys.executable,
        "-m",
        "mcproxy.scripts.main",
        "evaluate",
        "--policy",
        "factories:killed",
        "--out",
        str(out),
        "--no-references",
    ]
    killed = subprocess.run(
        [*command, "--arm", "aligned", "separated", "--episodes", "3"],
        env={**os.environ, "PYTHONPATH": str(out.parent)},
        capture_output=True,
    )
    assert killed.returncode == -signal.SIGKILL
    assert [row.arm for row in results_json.read(out).rows] == ["aligned"]
    with h5py.File(out / results_json.read(out).files[0]) as recording:
        assert len(recording) == 3


@pytest.mark.parametrize("content, part", [(None, "has no results.json"), ("{}", "is not a results file of mcproxy")])
def test_leaderboard_refuses_a_folder_without_results_in_one_line(tmp_path, capfd, content, part):
    if content is not None:
        (tmp_path / "results.json").write_text(content)
    assert main.main(["leaderboard", str(tmp_path)]) == 2
    assert refused(capfd, "mcproxy leaderboard: ", part)


@pytest.mark.parametrize(
    "flags, told",
    [
        (("--policy", "random", "--record", "lstm.h"), "policy 'random' has no layers to record"),
        (("--policy", "beacon_v1-confounded", "--record", "lstm"), "did you mean 'lstm.h'?"),
        (("--policy", "random", "--labels", "--no-recordings"), "leave out --no-recordings"),
    ],
)
def test_what_cannot_be_recorded_is_one_line_and_nothing_is_written(flags, told, tmp_path, capsys):
    out = tmp_path / "run"
    assert main.main(["evaluate", "--task", "beacon_v1", "--episodes", "1", "--out", str(out), *flags]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert told in line and not out.exists()


def test_labels_are_recorded_beside_the_episode_and_survive_verification(tmp_path, capsys):
    command = ["evaluate", "--policy", "random", "--arm", "absent", "--episodes", "1", "--no-references", "--labels"]
    assert main.main([*command, "--frames", "none", "--out", str(tmp_path / "run")]) == 0
    (path,) = (tmp_path / "run").glob("**/main_data.hdf5")
    with h5py.File(path) as file:
        outputs = file["episode_0/mcproxy/outputs"]
        assert outputs["label.goal.bearing"].dtype == np.float32 and np.isnan(outputs["label.beacon.bearing"][:]).all()
    assert main.main(["verify", str(path)]) == 0
