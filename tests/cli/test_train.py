"""`mcproxy train`: what it leaves and says, what it refuses, and that Ctrl-C and kills cost ten updates at most."""

import csv
import json
import os
import signal
import subprocess
import sys

import pytest
from safetensors.numpy import load_file

from mcproxy.agent import checkpoint, ppo, run_folder
from mcproxy.errors import UserError
from mcproxy.files import exclusive
from mcproxy.scripts import train
from tests.helpers.command_line import run

SMALL = {"num-envs": 4, "num-steps": 4, "num-minibatches": 2, "hidden": 8, "lstm": 8, "save-every": 2}
TINY = ["--resolution", "36", "36", *(part for name, n in SMALL.items() for part in (f"--ppo.{name}", str(n)))]


def weights_of(folder):
    return {name: weight.tobytes() for name, weight in load_file(folder / "model.safetensors").items()}


def test_a_run_leaves_a_checkpoint_a_table_and_a_summary(tmp_path, capsys):
    out = tmp_path / "run"
    assert run("train", "--steps", 70, "--seed", 3, "--mixture", 0.25, "--out", out, *TINY, "--json") == 0
    told = capsys.readouterr()
    summary = json.loads(told.out)
    assert summary == json.loads((out / "summary.json").read_text())
    assert (summary["steps"], summary["arm"], summary["rho"], summary["seed"]) == (64, "mixture", 0.25, 3)
    assert list(summary["time_split"]) == ["env", "render", "forward", "update", "save"]
    assert sum(summary["time_split"].values()) == pytest.approx(1.0, abs=0.001) and all(summary["time_split"].values())
    assert "32 of 64 steps" in told.err and "64 of 64 steps" in told.err
    _, config = checkpoint.load(out)
    assert config["steps"] == 64 and config["run"]["ppo"]["num_envs"] == 4 and config["run"]["ppo"]["bf16"] is not None
    with (out / "progress.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [r["global_step"] for r in rows] == ["16", "32", "48", "64"]
    assert float(rows[-1]["charts/learning_rate"]) == pytest.approx(5e-4 / 4)
    assert all(float(r["losses/entropy"]) > 0 for r in rows)


def test_a_finished_run_says_so_and_is_not_overwritten_unless_forced(tmp_path, capsys):
    out = tmp_path / "run"
    assert run("train", "--steps", 32, "--out", out, *TINY) == 0
    assert f"mcproxy evaluate --policy {out}" in capsys.readouterr().out
    weights = weights_of(out)
    assert run("train", "--steps", 32, "--seed", 1, "--out", out, *TINY) == 2
    assert "already exists; resume it with --resume, or replace it with --force" in capsys.readouterr().err
    assert run("train", "--resume", "--out", out) == 0
    assert "is complete" in capsys.readouterr().err and weights_of(out) == weights
    (out / "notes.txt").write_text("mine")
    assert run("train", "--steps", 32, "--seed", 1, "--out", out, *TINY, "--force") == 0
    assert weights_of(out) != weights and (out / "notes.txt").exists()


def test_like_takes_the_settings_of_another_run_where_no_flag_says_otherwise(tmp_path, capsys):
    first, second = tmp_path / "first", tmp_path / "second"
    assert run("train", "--steps", 32, "--seed", 3, "--mixture", 0.5, "--ppo.gamma", 0.9, "--out", first, *TINY) == 0
    assert run("train", "--like", first, "--seed", 4, "--ppo.ent-coef=0.02", "--out", second) == 0
    one, two = (checkpoint.read_config(folder)["run"] for folder in (first, second))
    assert two == one | {"seed": 4, "ppo": one["ppo"] | {"ent_coef": 0.02}}
    capsys.readouterr()
    assert run("train", "--like", "becon-confounded", "--out", tmp_path / "third") == 2
    assert "unknown agent 'becon-confounded'; did you mean 'beacon-confounded'" in capsys.readouterr().err


@pytest.mark.cli
def test_an_interrupted_and_then_killed_run_ends_with_the_weights_of_an_unbroken_one(tmp_path, capsys):
    out, settings = tmp_path / "broken", ["--steps", "960", *TINY, "--ppo.save-every", "5"]
    command = [sys.executable, "-m", "mcproxy.scripts.train", "--out", str(out)]

    def stop(signal_number, *more):
        process = subprocess.Popen([*command, *more], stderr=subprocess.PIPE, text=True)
        assert any("of 960 steps" in line for line in process.stderr)  # a checkpoint was written
        process.send_signal(signal_number)
        told = process.communicate()[1]
        return process.returncode, told

    code, told = stop(signal.SIGINT, *settings)
    assert code == 130 and told.endswith(f"of 960; resume with: mcproxy train --out {out} --resume\n")
    code, _ = stop(signal.SIGKILL, "--resume")
    assert code == -signal.SIGKILL and not (out / "summary.json").exists()
    with (out / "progress.csv").open("a") as file:
        file.write("39,62")  # a row that a kill cut short
    assert run("train", "--resume", "--out", out) == 0
    assert run("train", "--out", tmp_path / "unbroken", *settings) == 0
    assert weights_of(out) == weights_of(tmp_path / "unbroken")
    with (out / "progress.csv").open(newline="") as file:
        assert [int(r["update"]) for r in csv.DictReader(file)] == list(range(1, 61))


@pytest.mark.parametrize(
    "argv, said",
    [
        ("--task becon", "unknown task 'becon'; did you mean 'beacon'?"),
        ("--step 10", "did you mean '--steps'"),
        ("--steps 0", "--steps 0: expected at least one roll-out of 16 steps"),
        ("--steps -5", "expected at least one roll-out of 16 steps"),
        ("--steps many", "expected a whole number"),
        ("--seed -1", "--seed -1: expected 0 or more"),
        ("--mixture 1.5", "--mixture 1.5: expected a probability between 0 and 1"),
        ("--threads 0", "--threads 0: expected 1 or more"),
        ("--ppo.num-envs 0", "--ppo.num-envs 0: expected 1 or more"),
        ("--ppo.num-envs 7", "--ppo.num-envs 7: expected a multiple of num_minibatches x num_groups = 4"),
        ("--resolution 20 20", "expected 36 pixels a side or more"),
        ("--device tpu", "expected one of 'cpu', 'cuda'"),
        ("--resume", "holds no training run"),
        ("--resume --force", "give only one of them"),
    ],
)
def test_bad_arguments_are_told_in_one_line_and_leave_no_folder(tmp_path, capsys, argv, said):
    assert run("train", "--out", tmp_path / "run", *TINY, *argv.split()) == 2
    told = capsys.readouterr().err
    assert said in told and told.count("\n") == 1 and not (tmp_path / "run").exists()


def test_folders_that_cannot_be_used_are_told(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert run("train", "--out", tmp_path / "file", *TINY) == 2
    assert "is a file" in capsys.readouterr().err
    assert run("train", "--resume", "--out", tmp_path) == 2
    assert "holds no training run" in capsys.readouterr().err
    assert run("train", "--out", "/proc/run", *TINY) == 2
    assert "mcproxy train: /proc/run: " in capsys.readouterr().err


def test_a_run_like_another_is_named_after_that_and_its_seed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run("train", "--steps", 32, "--seed", 3, "--out", tmp_path / "other", *TINY) == 0
    assert run("train", "--like", tmp_path / "other") == 0
    assert (tmp_path / "runs" / "other-3" / "summary.json").is_file()


@pytest.mark.parametrize("flags", [("--resume",), ("--steps", 64, *TINY), ("--steps", 64, *TINY, "--force")])
def test_a_run_that_another_process_is_at_is_left_alone(flags, tmp_path, capsys):
    out = tmp_path / "run"
    assert run("train", "--steps", 32, "--out", out, *TINY) == 0
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    with exclusive(out) as is_ours:  # a lock is an open file's, so that this process excludes itself
        assert is_ours and run("train", "--out", out, *flags) == 2
    assert "another process is training here" in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    assert run("train", "--out", out, *(flags if "--resume" in flags else (*flags, "--force"))) == 0  # it is free again


def test_a_resumed_run_goes_on_as_it_began(tmp_path, capsys):
    out = tmp_path / "run"
    assert run("train", "--steps", 32, "--seed", 4, "--out", out, *TINY) == 0
    (out / "summary.json").unlink()
    for flags in (["--seed", "0"], ["--ppo.gamma=0.5"], ["--steps", 64]):
        assert run("train", "--resume", "--out", out, *flags) == 2
        assert "keeps its settings" in capsys.readouterr().err
    assert run("train", "--resume", "--seed", 4, "--out", out, *TINY) == 0
    (out / "summary.json").unlink()
    (out / "resume.pt").write_bytes(b"half")
    assert run("train", "--resume", "--out", out) == 2
    assert "cannot be resumed from" in capsys.readouterr().err


def test_a_run_that_force_would_replace_stays_until_the_new_one_has_a_checkpoint(tmp_path, capsys, monkeypatch):
    out = tmp_path / "run"
    assert run("train", "--steps", 32, "--out", out, *TINY) == 0
    before = {file.name: file.read_bytes() for file in out.iterdir()}
    monkeypatch.setattr(checkpoint, "save", full_disk)
    assert run("train", "--steps", 64, "--out", out, *TINY, "--force") == 2
    assert {file.name: file.read_bytes() for file in out.iterdir()} == before


@pytest.mark.parametrize("new_has_a_checkpoint", [False, True])
def test_after_a_kill_the_run_that_force_would_replace_stays_only_without_a_new_checkpoint(
    tmp_path, capsys, new_has_a_checkpoint
):
    out, aside = tmp_path / "run", tmp_path / "run" / ".replaced"
    assert run("train", "--steps", 32, "--out", out, *TINY) == 0
    old = weights_of(out)
    aside.mkdir()
    for file in [f for f in out.iterdir() if f.is_file()]:
        file.rename(aside / file.name)
    if new_has_a_checkpoint:
        assert run("train", "--steps", 32, "--seed", 1, "--out", tmp_path / "new", *TINY) == 0
        for file in (tmp_path / "new").iterdir():
            file.rename(out / file.name)
    assert run("train", "--steps", 32, "--out", out, *TINY) == 2  # what is there is in use, whichever it is
    assert (weights_of(out) != old) == new_has_a_checkpoint and not aside.exists()


def test_a_kill_while_a_run_is_put_back_leaves_it_to_be_put_back(tmp_path, monkeypatch):
    out, aside = tmp_path / "run", tmp_path / "run" / ".replaced"
    assert run("train", "--steps", 32, "--out", out, *TINY) == 0
    files = {file.name: file.read_bytes() for file in out.glob("[!.]*")}
    real = os.replace
    for kills in range(len(files)):
        aside.mkdir()
        for name in files:
            (out / name).rename(aside / name)
        moves = iter(range(kills))  # so many files are moved, then comes the kill

        def replace(source, target, moves=moves):
            if next(moves, None) is None:
                raise KeyboardInterrupt
            real(source, target)

        monkeypatch.setattr(os, "replace", replace)
        with pytest.raises(KeyboardInterrupt):
            run_folder.recover(out)
        monkeypatch.setattr(os, "replace", real)
        run_folder.recover(out)
        assert {file.name: file.read_bytes() for file in out.glob("[!.]*")} == files and not aside.exists()


def test_snapshots_go_on_when_a_run_is_resumed(tmp_path, monkeypatch):
    out = tmp_path / "run"
    real, saves = run_folder.Run._save, iter(range(3))

    def cut(self):
        if next(saves, None) is None:
            raise KeyboardInterrupt
        real(self)

    monkeypatch.setattr(run_folder.Run, "_save", cut)
    assert run("train", "--steps", 128, "--snapshots", "--out", out, *TINY) == 130
    monkeypatch.setattr(run_folder.Run, "_save", real)
    assert run("train", "--resume", "--out", out) == 0
    # of 8 updates of 16 steps, saved every 2: after 0, 1, 2, 3 and 4 times as many
    assert sorted(int(kept.name[-9:]) for kept in (out / "snapshots").iterdir()) == [0, 32, 64, 96, 128]


def test_a_run_that_diverges_keeps_the_agent_of_its_latest_checkpoint(tmp_path, capsys, monkeypatch):
    out, real = tmp_path / "run", ppo.Trainer.update

    def update(self):
        if self.updates == 3:
            raise UserError("training diverged in update 3")
        return real(self)

    monkeypatch.setattr(ppo.Trainer, "update", update)
    assert run("train", "--steps", 128, "--out", out, *TINY) == 2
    assert f"training diverged in update 3; {out} holds the agent at step 32" in capsys.readouterr().err
    assert checkpoint.load(out)[1]["steps"] == 32


def test_like_leaves_the_precision_to_the_machine(tmp_path):
    assert train.configured({}, like="beacon-confounded").ppo.bf16 is None
    assert train.configured({"ppo.bf16": True}, like="beacon-confounded").ppo.bf16 is True


def full_disk(*_):
    raise OSError(28, "No space left on device")


def test_frames_beyond_any_memory_are_refused_in_one_line(tmp_path, capsys):
    assert run("train", "--steps", 32, "--out", tmp_path / "run", "--resolution", 100_000, 100_000) == 2
    assert capsys.readouterr().err.count("\n") == 1
