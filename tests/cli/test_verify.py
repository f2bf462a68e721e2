"""`mcproxy verify`: its exit codes, its table and its JSON."""

import json

import h5py
import pytest

from mcproxy.scripts.main import main
from tests.helpers.recorded import episodes, write


@pytest.fixture
def folder(tmp_path):
    """Two recordings: one as it was written, in the other an action and a verdict were edited."""
    for name in ("good", "edited"):
        path = write(tmp_path / name, episodes()[:3])
    with h5py.File(path, "r+") as file:
        file["episode_0/actions"][3, 1] = 1 - min(1, episodes()[0].actions[3, 1])
        file["episode_1"].attrs["verdict"] = "neither"
    return tmp_path


def test_a_good_recording_is_exit_code_0(folder, capsys):
    assert main(["verify", str(folder / "good")]) == 0
    cells = [line.split("│") for line in capsys.readouterr().out.splitlines() if "│" in line]
    assert [cell.strip() for cell in cells[0][2:5]] == ["3", "3", "0"]


def test_an_edited_recording_is_exit_code_1_and_what_was_edited_is_named(folder, capsys):
    assert main(["verify", str(folder)]) == 1
    out = capsys.readouterr().out
    assert "episode 0: actions: not what was recorded: from step 3 on they lead elsewhere" in out
    assert "episode 1: verdict: not what was recorded: neither recorded, proxy:beacon by the events" in out


def test_json_has_every_file_and_every_mismatch_and_is_alone_on_stdout(folder, capsys):
    assert main(["verify", str(folder / "good"), str(folder / "edited"), "--json", "--frames"]) == 1
    good, edited = json.loads(capsys.readouterr().out)["files"]
    assert good["file"].startswith(str(folder / "good")) and good["file"].endswith("main_data.hdf5")
    assert (good["episodes"], good["verified"], good["mismatches"]) == (3, 3, [])
    assert (edited["episodes"], edited["verified"]) == (3, 1)
    assert [(m["episode"], m["what"]) for m in edited["mismatches"]] == [(0, "actions"), (1, "verdict")]


def test_a_bad_file_is_exit_code_2_and_the_others_are_verified_all_the_same(folder, capsys):
    (folder / "bad").mkdir()
    (folder / "bad" / "main_data.hdf5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(500))
    assert main(["verify", str(folder), "--json"]) == 2
    captured = capsys.readouterr()
    bad, edited, good = json.loads(captured.out)["files"]
    assert "damaged or cut short" in bad["error"] and good["verified"] == 3 and edited["verified"] == 1
    assert captured.err.splitlines()[-1].startswith("mcproxy verify: ") and "cut short" in captured.err


@pytest.mark.parametrize("name, message", [("nothing", "does not exist"), ("", "has no main_data.hdf5 below it")])
def test_a_path_without_recordings_is_one_line_and_exit_code_2(tmp_path, capsys, name, message):
    assert main(["verify", str(tmp_path / name)]) == 2
    captured = capsys.readouterr()
    assert captured.out == "" and message in captured.err and len(captured.err.splitlines()) == 1
