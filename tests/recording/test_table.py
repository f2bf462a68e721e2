"""A recording can be asked: its episodes are columns, and expressions over these choose and order them."""

import dataclasses
import re

import numpy as np
import pytest

from mcproxy.errors import UserError
from mcproxy.recording import Recording
from mcproxy.recording.table import framed, matching, value_of
from tests.helpers.command_line import run
from tests.helpers.recorded import SEEDS, episodes, write

COLUMNS = {
    "seed": np.array([0, 1, 2]),
    "verdict": np.array(["goal", "proxy:beacon", "goal"]),
    "closest/goal": np.array([0.5, 2.0, np.nan]),
}


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    return Recording(write(tmp_path_factory.mktemp("table"), reversed(episodes()), "none"))


def test_episodes_are_in_the_order_of_their_seeds_and_not_of_their_ends(recording):
    assert [episode.seed for episode in recording] == list(SEEDS)
    assert recording.by_seed == {seed: k for k, seed in enumerate(SEEDS)}


def test_the_table_has_a_row_for_each_episode_and_says_what_the_episode_says(recording):
    table = recording.table()
    assert list(table)[:6] == ["seed", "task", "arm", "policy", "verdict", "ticks"]
    for k, episode in enumerate(recording):
        assert (table["seed"][k], table["verdict"][k]) == (episode.seed, episode.verdict)
        assert table["met/beacon"][k] == episode.met["beacon"] and table["ticks"][k] == episode.ticks[-1]


def test_closest_is_the_least_distance_over_the_ground_to_the_middle_of_a_target(recording):
    episode = recording[1]
    ((x, _, z),) = episode.targets("goal")
    away = [np.hypot(px - x - 0.5, pz - z - 0.5) for px, _, pz, _, _ in episode.poses]
    assert recording.table()["closest/goal"][1] == min(away)


def test_episodes_and_recordings_say_in_a_line_what_they_are(recording):
    assert repr(recording).endswith("main_data.hdf5', 6 episodes)")
    told = f"<Episode of walker: goal, beacon in beacon separated seed 0: {recording[0].verdict} after "
    assert repr(recording[0]).startswith(told)
    assert repr(dataclasses.replace(recording[0], mission=dataclasses.replace(recording[0].mission, origin=None)))


@pytest.mark.parametrize(
    "expression, rows",
    [
        ('verdict == "goal"', [0, 2]),
        ('verdict == "proxy:beacon" and closest.goal < 3', [1]),
        ("not seed in [0, 2]", [1]),
        ("0 < seed <= 2", [1, 2]),
        ("closest.goal < 3", [0, 1]),  # no comparison holds of NaN
        ("seed * 2 - 1 == 3 or -seed == 0", [0, 2]),
    ],
)
def test_an_expression_chooses_rows(expression, rows):
    assert np.flatnonzero(matching(COLUMNS, expression)).tolist() == rows


@pytest.mark.parametrize(
    "expression, told",
    [
        ("seeds == 1", "unknown column 'seeds'; did you mean 'seed'?"),
        ("seed ==", "is no expression"),
        ("seed + 1", "expected a condition"),
        ("__import__('os')", "cannot be used here"),
        ("seed.__class__ == 1", "unknown column"),
        ("(lambda: 1)() == 1", "cannot be used here"),
        ("verdict < 3", "cannot be computed"),
        ("verdict * 1000000000 == 1", "cannot be computed"),
        ("seed and seed > 1", "'seed' is not true or false"),
        ("1 " + "+ 1" * 1000 + " == 1", "1000 at most"),
    ],
)
def test_a_mistake_in_an_expression_is_one_line_and_runs_nothing(expression, told):
    with pytest.raises(UserError, match=re.escape(told)):
        matching(COLUMNS, expression)


def test_a_value_of_an_expression_is_there_for_every_row():
    assert value_of(COLUMNS, "7").tolist() == [7, 7, 7]


def test_a_table_library_that_is_unknown_or_missing_is_one_line(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pandas", None)
    for library, told in (("pandas", "pip install pandas"), ("panda", "did you mean 'pandas'")):
        with pytest.raises(UserError, match=told):
            framed(COLUMNS, library)


def test_replay_lists_the_episodes_that_were_asked_for_nearest_first(recording, capsys):
    table = recording.table()
    wanted = np.flatnonzero(table["closest/beacon"] < 100)
    nearest = wanted[np.argsort(table["closest/beacon"][wanted])][:2]
    command = ("replay", recording.path, "--where", "closest.beacon < 100", "--sort", "closest.beacon", "--first", 2)
    assert run(*command, "--list") == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [int(line[0]) for line in lines if len(line) == 7 and line[0].isdigit()] == table["seed"][nearest].tolist()


def test_replay_shows_the_first_of_the_chosen_episodes(recording, tmp_path, capsys):
    out = tmp_path / "picture.png"
    assert run("replay", recording.path, "--where", "seed > 3", "--export", out) == 0 and out.exists()
    assert run("replay", recording.path, "--where", "seed > 99", "--list") == 2
    assert run("replay", recording.path, "--where", "seed > 3", "--seed", 0, "--export", tmp_path / "b.png") == 2
    told = capsys.readouterr().err.splitlines()
    assert told[0].endswith("matches 'seed > 99'") and told[1].endswith("is not among the 2 that were chosen")
