"""`mcproxy sweep`: what plans come to, how jobs are done, skipped, retried and locked, and what is summed up."""

import fcntl
import json
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest

import mcproxy
from mcproxy.errors import UserError
from mcproxy.files import exclusive
from mcproxy.scripts.sweeps import jobs, stages, summary
from mcproxy.scripts.sweeps import plan as plans
from tests.helpers import warm_jobs
from tests.helpers.command_line import run

PLAN = """
    [[train]]
    name = "small"
    seed = [0, 1]
    steps = 64
    snapshots = true
    [train.ppo]
    num-envs = 4
    num-steps = 4
    num-minibatches = 2
    save-every = 2
    hidden = 8
    lstm = 8

    [evaluate]
    arms = ["aligned"]
    episodes = 2
    snapshots = 1
"""


@pytest.fixture
def plan(tmp_path):
    def write(text):
        path = tmp_path / "plan.toml"
        path.write_text(textwrap.dedent(text))
        return path

    return write


def test_every_list_is_an_axis_and_any_beginning_has_about_as_many_seeds_of_every_group(plan):
    read = plans.read(
        plan("""
        [[train]]
        name = "dose"
        task = "beacon"
        mixture = [1.0, 0.5]
        seed = [0, 1]
        ppo.ent-coef = 0.02
        [[train]]
        name = "memory"
        arch = ["lstm", "ff"]
        seed = [7]
        """)
    )
    assert [run.name for run in read.runs] == [
        *("dose-mixture1.0-s0", "dose-mixture0.5-s0", "memory-lstm-s7", "memory-ff-s7"),
        *("dose-mixture1.0-s1", "dose-mixture0.5-s1"),
    ]
    assert read.runs[1].group == "dose-mixture0.5" and read.runs[1].seed == 0
    flags = ("--task", "beacon", "--mixture", "0.5", "--seed", "0", "--ppo.ent-coef", "0.02")
    assert sorted(read.runs[1].flags) == sorted(flags)
    assert (read.arms, read.episodes, read.snapshots) == (["finding"], 200, 0)


@pytest.mark.parametrize("path", sorted((Path(__file__).parents[2] / "plans").glob("*.toml")), ids=lambda p: p.stem)
def test_the_plans_that_come_with_the_project_can_be_run(path, tmp_path):
    demo = plans.read(path)
    assert len(stages.configs_of(demo, tmp_path)) == len(demo.runs) >= 4


@pytest.mark.parametrize(
    "text, said",
    [
        ("train = 3", "expected at least one [[train]] table"),
        ("[train]", "expected [[train]] in double brackets"),
        ("[[train]]\nmixture = 1.5", "run beacon-s0: mixture = 1.5: expected a probability"),
        ("[[train]]\nsnapshots = 1", "snapshots = 1: expected true or false"),
        ("[[train]]\n[evaluate]\nsnapshots = 50", "expected snapshots = true in a [[train]] table too"),
        ("[[train]]\nseeds = [1]", "unknown setting in [[train]] table 1"),
        ("[[train]]\nseed = []", "a list is empty, so there is nothing to train"),
        ("[[train]]\nname = 'a/b'", "expected letters, digits"),
        ("[[train]]\ntask = ['beacon', 'maze']", "several tasks: expected a name"),
        ("[[train]]\n" + "".join(f"ppo.x{k} = {[*range(10)]}\n" for k in range(9)), "expected at most 10,000 runs"),
        ("[[train]]\n[[train]]", "two runs are named beacon-s0"),
        ("[[train]]\n[evaluate]\nepisodes = 'many'", "expected a value like 200"),
        ("[[train]]\n[evaluate]\narms = ['sideways']", "unknown arm of task 'beacon' 'sideways'"),
        ("[[train]]\n[evaluate]\narms = [1]", "arms = [1] in [evaluate]: expected a list of names"),
        ("[[train]]\n[evaluate]\nepisodes = 0", "otherwise nothing is evaluated"),
        ("[[train]]\nppo = 3", "expected settings, such as ppo.ent-coef"),
        ("[[train]]\nseed = [0, true]", "expected whole numbers"),
        ("[[train]]\nseed = 0\n[[train]]\nseed = 1\nmixture = 0.5", "differ in more than the seed"),
        ("[[train]]\ntask = 'beaco'", "did you mean 'beacon'?"),
        ("[[train]]\nsteps = 3", "run beacon-s0: steps = 3: expected at least one roll-out"),
        ("[[train", "is not TOML"),
    ],
)
def test_plans_that_cannot_be_run_are_told_in_one_line_before_anything_is_done(plan, tmp_path, capsys, text, said):
    assert run("sweep", plan(text), "--out", tmp_path / "out") == 2
    told = capsys.readouterr().err
    assert said in told and told.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.cli
def test_a_sweep_trains_evaluates_and_sums_up_and_does_nothing_twice(plan, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(jobs, "attempt", warm_jobs.attempt)
    path, out = plan(PLAN), tmp_path / "out"
    assert run("sweep", path, "--out", out, "--json") == 0
    summary = json.loads(capsys.readouterr().out)
    assert summary == json.loads((out / "summary.json").read_text())
    goal, *references = [
        r for r in summary["rates"] if (r["arm"], r["objective"], r["snapshot"]) == ("aligned", "goal", None)
    ]  # fmt: skip
    assert goal["group"] == "small" and goal["layouts"] == 2 and list(goal["seeds"]) == ["0", "1"]
    assert goal["rate"] == sum(goal["seeds"].values()) / 2
    assert {r["group"]: r["seeds"] for r in references} == {
        "random": {},
        "indifferent": {},
        "expert:goal": {},
        "expert:beacon": {},
    }
    assert {r["group"]: r["rate"] for r in references}["expert:goal"] == 1.0
    agents = [f for f in summary["findings"] if f["seed"] is not None]
    assert [(f["steps"], f["mcproxy"]) for f in agents] == [(64, mcproxy.__version__)] * 2
    # checkpoints every 2 updates of 16 steps; the log grid takes those after 0, 1 and 2 times as many, and the last
    assert sorted({r["snapshot"] for r in summary["rates"]} - {None}) == [0, 32, 64]
    random = json.loads((out / "evaluate" / "beacon-references" / "results.json").read_text())
    assert {row["policy"] for row in random["rows"]} == {"random", "indifferent", "expert:goal", "expert:beacon"}

    assert run("sweep", path, "--out", out) == 0
    told = capsys.readouterr()
    assert "starts" not in told.err and "small" in told.out and "expert:goal" in told.out
    assert run("sweep", path, "--out", out, "--dry-run") == 0
    assert "small-s0" in (told := capsys.readouterr().out) and "[complete]" in told and "nothing is left to do" in told
    results = out / "evaluate" / "small-s0" / "results.json"
    results.write_text("")  # as a full disk or a power cut leaves it
    (out / "train" / "small-s1" / "resume.pt").unlink()  # a kill before the first checkpoint leaves this
    (out / "train" / "small-s1" / "summary.json").unlink()
    assert run("sweep", path, "--out", out, "--dry-run") == 0
    told = capsys.readouterr().out  # progress.csv still has 64 steps of the second run, which begins anew
    assert (
        "[trained, 1 of 2 evaluations left]" in told and "[0 of 64 steps]" in told and "left: about 0 h 1 min" in told
    )
    assert run("sweep", path, "--out", out) == 0
    told = capsys.readouterr().err
    assert sorted(line for line in told.splitlines() if "starts" in line) == [
        "evaluate small-s0: starts",
        "train small-s1: starts",
    ]
    assert json.loads(results.read_text())["rows"]
    assert run("sweep", plan(PLAN.replace('["aligned"]', '["aligned", "shifted"]')), "--out", out) == 0
    assert {row["arm"] for row in json.loads(results.read_text())["rows"]} == {"aligned", "shifted"}
    assert run("sweep", plan(PLAN.replace("steps = 64", "steps = 80")), "--out", out) == 2
    assert "holds a run with other settings (steps 64, the plan has 80)" in capsys.readouterr().err


@pytest.mark.cli
def test_a_sweep_that_was_killed_is_gone_on_with_beside_the_job_that_outlived_it(plan, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(jobs, "_AGAIN", 0.1)
    text = PLAN.replace("[0, 1]", "[0]").replace("snapshots = true", "").replace("snapshots = 1", "")
    path, out = plan(text), tmp_path / "out"
    command = [sys.executable, "-m", "mcproxy.scripts.sweep", str(path), "--out", str(out), "--jobs", "1"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as sweeping:
        assert any("train small-s0: starts" in line for line in sweeping.stderr)
        sweeping.kill()
    assert run("sweep", path, "--out", out, "--json") == 0
    summary = json.loads(capsys.readouterr().out)
    assert summary["rates"] and (out / "train" / "small-s0" / "summary.json").exists()
    assert (out / "logs" / "train-small-s0.log").read_text().count("64 of 64 steps") == 1  # nobody did it again


def job(tmp_path, is_complete, name="job"):
    return jobs.Job(name, lambda: ["--version"], is_complete, tmp_path / f"{name}.log")


def done(chains, attempts, width=2):
    told = []
    return jobs.work(chains, attempts, width, told.append, lambda: None), told


def test_what_fails_is_attempted_three_times_and_the_rest_of_its_chain_is_left(tmp_path):
    attempted, complete = [], set()

    def attempts(job, stop):
        attempted.append(job.name)
        job.log.write_text("boom\n")
        if job.name == "flaky" and attempted.count("flaky") == 3:
            complete.add("flaky")
        return 1

    named = {
        name: job(tmp_path, lambda name=name: name in complete, name) for name in ("flaky", "bad", "after bad", "after")
    }
    left, told = done([[named["bad"], named["after bad"]], [named["flaky"]]], attempts)
    assert left == ["bad", "after bad"]
    assert sorted(attempted) == ["bad"] * 3 + ["flaky"] * 3
    assert sum("failed (boom; see" in line for line in told) == 5


def test_a_job_whose_log_is_elsewhere_is_reported_as_any_other(tmp_path):
    left, told = done([[job(tmp_path, lambda: False)]], lambda job, stop: 0)
    assert left == ["job"] and sum("do all nodes see this folder?" in line for line in told) == 3


def test_a_group_whose_agents_differ_in_more_than_the_seed_is_told():
    same = {"group": "a", "bf16": True, "mcproxy": "1"}
    agents = [same, same, {**same, "group": "b"}, {**same, "group": "b", "bf16": False}]
    assert summary.mixed({"findings": agents}) == ["b: its agents differ in bf16 (False, True)"]


def test_what_is_complete_is_not_attempted(tmp_path):
    def attempts(job, stop):
        raise AssertionError

    assert done([[job(tmp_path, lambda: True)]], attempts) == ([], [])


@pytest.mark.cli
def test_a_job_that_another_process_has_is_waited_for(tmp_path, monkeypatch):
    log = tmp_path / "job.log"
    assert jobs.attempt(job(tmp_path, lambda: False), threading.Event()) == 0 and "mcproxy" in log.read_text()
    with log.open("a") as theirs:
        fcntl.flock(theirs, fcntl.LOCK_EX)
        monkeypatch.setattr(jobs, "_AGAIN", 0.01)
        looks = iter([False, False, False, True])  # the other process is done when it is looked for the fourth time
        left, told = done([[job(tmp_path, lambda: next(looks))]], jobs.attempt)
    assert left == [] and told == ["job: starts", "job: another process runs it"]


@pytest.mark.cli
def test_a_training_that_somebody_typed_by_hand_is_waited_for(tmp_path):
    theirs = jobs.Job("job", lambda: ["--version"], lambda: False, tmp_path / "job.log", folder=tmp_path / "run")
    assert jobs.attempt(theirs, threading.Event()) == 0  # nobody has made the folder
    theirs.folder.mkdir()
    with exclusive(theirs.folder):
        assert jobs.attempt(theirs, threading.Event()) == jobs.BUSY
    assert jobs.attempt(theirs, threading.Event()) == 0
    assert theirs.log.read_text().count("$ mcproxy") == 2


def test_while_another_process_has_a_job_other_chains_are_gone_on_with(tmp_path, monkeypatch):
    monkeypatch.setattr(jobs, "_AGAIN", 0.01)
    attempted = []

    def attempts(job, stop):
        attempted.append(job.name)
        return jobs.BUSY if attempted == ["theirs"] else 0

    def is_complete(name):
        return name in attempted[1:]

    chains = [[job(tmp_path, lambda name=name: is_complete(name), name)] for name in ("theirs", "ours", "ours too")]
    assert done(chains, attempts, 1)[0] == []
    assert attempted == ["theirs", "ours", "ours too", "theirs"]


def test_the_dry_run_tells_what_is_left_and_touches_nothing(plan, tmp_path, capsys):
    assert run("sweep", plan(PLAN), "--out", tmp_path / "out", "--dry-run") == 0
    told = capsys.readouterr().out
    assert "small-s1" in told and "[0 of 64 steps]" in told and "left: about 0 h" in told
    assert not (tmp_path / "out").exists()
    assert run("sweep", plan(PLAN), "--dry-run", "--json") == 2


@pytest.mark.cli
def test_ray_does_jobs_too(tmp_path):
    pytest.importorskip("ray", reason='Ray is not installed: pip install "mcproxy[ray]"')
    with jobs.ray("local", 1) as (attempts, width):
        assert width >= 1
        works = job(tmp_path, lambda: False)
        assert attempts(works, threading.Event()) == 0 and "mcproxy" in works.log.read_text()
        refused = jobs.Job("bad", lambda: ["no-such-verb"], lambda: False, tmp_path / "bad.log")
        assert attempts(refused, threading.Event()) == 2 and "unknown verb" in refused.log.read_text()
        long = training(tmp_path / "long")
        assert attempts(long, OnceSaved(tmp_path / "long")) == jobs.KILLED
        assert "interrupted; saved at step" in long.log.read_text()


class OnceSaved(threading.Event):
    """Set as soon as a run has its first checkpoint."""

    def __init__(self, folder):
        super().__init__()
        self.folder = folder

    def is_set(self):
        return (self.folder / "resume.pt").exists()


def training(folder):
    """The job of a run that goes on for hours."""
    small = "--ppo.num-envs 4 --ppo.num-steps 4 --ppo.num-minibatches 2 --ppo.hidden 8 --ppo.lstm 8 --threads 1"
    argv = ["train", "--steps", "100000000", *small.split(), "--out", str(folder)]
    return jobs.Job("train", lambda: argv, lambda: False, folder.with_suffix(".log"))


@pytest.mark.cli
def test_a_job_that_is_interrupted_saves_what_it_has(tmp_path):
    long = training(tmp_path / "long")
    assert jobs.attempt(long, OnceSaved(tmp_path / "long")) == jobs.KILLED
    assert "interrupted; saved at step" in long.log.read_text()


def test_without_ray_the_flag_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UserError, match=r'pip install "mcproxy\[ray\]"'), jobs.ray("local", 1):
        pass
