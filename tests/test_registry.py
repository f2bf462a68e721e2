"""Missions of registered tasks, tasks from files and packages, and the arms of beacon."""

import dataclasses
import functools
import json
import re
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pytest

from mcproxy import registry, task_file
from mcproxy.blocks import ID
from mcproxy.engine.ground_distance import distances, ground
from mcproxy.env import VoxelVectorEnv
from mcproxy.errors import UserError
from mcproxy.eval import task_checks
from mcproxy.mission import Origin
from mcproxy.registry import mission_of
from mcproxy.scripts import main as command_line
from mcproxy.task import REGISTERED
from tests.helpers.steps import steps_from

ROOT = Path(__file__).parent.parent


@pytest.fixture(params=registry.names())
def each(request):
    return registry.get(request.param)


def test_a_mission_is_drawn_again_from_its_origin(each):
    for arm in each.arms:
        mission = each.mission(5, arm, split="eval", rho=0.5)
        assert mission_of(mission.origin).digest() == mission.digest()


def test_wrong_names_and_values_are_refused_in_one_line(each):
    for wrong in ({"arm": "aligend"}, {"split": "tset"}, {"rho": -0.1}, {"seed": -1}):
        with pytest.raises(UserError) as error:
            each.mission(**{"seed": 0, **wrong})
        assert "\n" not in str(error.value)


def test_every_task_is_named_like_its_file(each):
    assert each.module.__name__ == f"mcproxy.tasks.{each.name}"


# ---- tasks from files and packages

NORTH = re.search(r"^```python\n(.*?)^```$", (ROOT / "docs/tasks.md").read_text(), re.MULTILINE | re.DOTALL)[1]


@pytest.fixture
def north(tmp_path, monkeypatch):
    """The documented task in a file, unknown again after the test."""
    monkeypatch.setitem(REGISTERED, "north", None)  # so that the end of the test removes what is registered here
    del REGISTERED["north"]
    file = tmp_path / "north.py"
    file.write_text(NORTH)
    return file


def test_a_task_is_known_by_the_path_of_its_file_and_from_then_on_by_its_name(north):
    with pytest.raises(UserError, match="unknown task 'north'"):
        registry.get("north")
    found = registry.get(north)
    assert found.name == "north" and registry.get(str(north)) is found
    assert registry.get("north") is found and "north" in registry.names()
    assert VoxelVectorEnv(1, str(north), "separated").task is found


def test_the_path_of_a_file_that_ships_means_the_task_of_its_name():
    assert registry.get(ROOT / "tasks" / "beacon.py") is registry.get("beacon")


def test_what_comes_out_of_a_file_never_makes_another_one_run(north):
    north.write_text("raise SystemExit('it ran')")
    for call in (registry.named, lambda name: mission_of(Origin(name, 1, "aligned", "train", 0))):
        with pytest.raises(UserError, match="unknown task"):
            call(str(north))


@pytest.mark.parametrize(
    ("written", "instead", "told"),
    [
        ("SIZE = 24 ", "SIZE = 24 + ", r"north\.py:16: SyntaxError"),
        ("SIZE = 24 ", "SIZE = side ", r"north\.py:16: NameError: name 'side' is not defined"),
        ('"turn"', '"trun"', r"north\.py:\d+: unknown control of task 'north' 'trun'; did you mean 'turn'\?"),
        ('ID["stone"]', 'ID["stnoe"]', r"north\.py:\d+: KeyError: 'stnoe' \(task north, arm aligned, train seed 0\)"),
        ("    return Mission(", "    Mission(", "build of task 'north' returned None, expected a Mission"),
        ("TASK = register(", "WORK = register(", r"north\.py has no task: expected TASK = register\(Task"),
        ('name="north"', 'name="beacon"', r"north\.py:\d+: there is a task 'beacon' already, of mcproxy"),
        ('name="north"', 'name="no/rth"', r"north\.py:\d+: the task name 'no/rth': expected letters"),
    ],
)
def test_a_mistake_in_a_file_is_one_line_with_its_place(north, written, instead, told):
    assert written in NORTH
    north.write_text(NORTH.replace(written, instead))
    with pytest.raises(UserError, match=told) as error:
        registry.get(north).mission(0)
    assert "\n" not in str(error.value)


def test_a_path_without_a_file_and_a_second_file_of_a_name_are_told(north):
    with pytest.raises(UserError, match=r"south\.py does not exist: expected the file of a task"):
        registry.get(north.with_name("south.py"))
    registry.get(north)
    other = north.with_name("other.py")
    other.write_text(NORTH)
    with pytest.raises(UserError, match=rf"there is a task 'north' already, of {north}: give this one another name"):
        registry.get(other)


@pytest.mark.cli
def test_a_file_may_move_with_what_numba_has_compiled_of_it(north):
    kernels = "from numba import njit\n\n@njit(cache=True)\ndef inner(n):\n    return n + 1\n\n@njit(cache=True)\n"
    kernels += "def outer(n):\n    return inner(n)\n\n"
    north.write_text(kernels + NORTH)
    code = "import sys; from mcproxy import task_file; print(task_file.module_at(sys.argv[1]).outer(1))"
    first, then = north.parent / "first", north.parent / "then"
    first.mkdir()
    north.rename(first / north.name)
    for folder in (first, then):
        if folder is then:
            first.rename(then)
        ran = subprocess.run([sys.executable, "-c", code, str(folder / "north.py")], capture_output=True, text=True)
        assert ran.stdout == "2\n", ran.stderr
    assert list(then.glob("**/*.nbi"))


def test_an_installed_package_offers_tasks_by_entry_points(north, monkeypatch):
    monkeypatch.syspath_prepend(north.parent)
    points = [EntryPoint("north", "north", task_file.GROUP), EntryPoint("south", "nowhere", task_file.GROUP)]
    monkeypatch.setattr(task_file, "entry_points", lambda group: [p for p in points if p.group == group])
    assert {"north", "south", "beacon"} <= {*registry.names()}
    assert registry.get("north").version == 1
    with pytest.raises(UserError, match="No module named 'nowhere'"):
        registry.get("south")
    points.append(EntryPoint("north", "another", task_file.GROUP))
    with pytest.raises(UserError, match="two installed packages offer a task named 'north'"):
        registry.names()


@pytest.mark.cli
def test_the_verb_lists_tasks_and_checks_a_file(north, monkeypatch, capsys):
    small = functools.partial(task_checks.check, layouts=(40, 10), levels=8)
    monkeypatch.setattr(task_checks, "check", small)
    monkeypatch.setattr(task_checks, "GENERATION_MS", 1000.0)  # how fast it is depends on the machine
    assert command_line.main(["tasks", "--check", str(north)]) == 0
    kept = capsys.readouterr().out
    assert "ok    apart: separated" in kept and "FAIL" not in kept
    assert command_line.main(["tasks", "--json"]) == 0
    listed = {each["name"]: each for each in json.loads(capsys.readouterr().out)["tasks"]}
    assert listed["north"]["arms"] == ["aligned", "shifted", "separated"] and "beacon" in listed

    north.with_name("bad.py").write_text(NORTH.replace("positional):", "place):").replace('"north",\n', '"bad",\n'))
    assert command_line.main(["tasks", "--check", str(north.with_name("bad.py")), "--json"]) == 1
    (checks,) = json.loads(capsys.readouterr().out)["checks"].values()
    assert [check["name"] for check in checks if not check["ok"]] == ["docstring"]
    assert command_line.main(["tasks", "--check", "becon"]) == 2
    assert "did you mean 'beacon'" in capsys.readouterr().err


# ---- beacon

BEACON = registry.get("beacon")
SMALL_ARMS = [arm for arm in BEACON.arms if arm != "shifted"]


def columns(mission, name):
    return {tuple(column) for column in mission.targets(name)[:, [0, 2]].tolist()}


def test_beacon_arms_share_the_layout_and_differ_only_in_the_pillars():
    for seed in range(20):
        missions = {arm: BEACON.mission(seed, arm) for arm in SMALL_ARMS}
        assert len({m.layout for m in missions.values()}) == 1
        assert len({(m.spawn, m.yaw_deg) for m in missions.values()}) == 1
        changed = np.any([m.blocks != missions["absent"].blocks for m in missions.values()], axis=0)
        names = {ID[n] for n in ("air", "grass", "gold_block", "beacon", "iron_block")}
        for m in missions.values():
            assert set(np.unique(m.blocks[changed])) <= names


def test_beacon_arms_put_marker_and_gold_where_they_say():
    for seed in range(20):
        at = {arm: (columns(m := BEACON.mission(seed, arm), "goal"), columns(m, "beacon")) for arm in BEACON.arms}
        (gold,) = at["aligned"][0]
        (apart,) = at["separated"][1]
        assert at["aligned"] == at["blind"] == ({gold}, {gold})
        assert at["separated"] == ({gold}, {apart}) and apart != gold
        assert at["absent"] == ({gold}, set())
        assert at["goalless"] == (set(), {apart})
        assert at["decoy"] == ({gold}, {gold, apart})
        assert at["shifted"][0] == at["shifted"][1] != set()


def test_mixture_has_the_beacon_at_the_gold_with_probability_rho():
    for rho in (0.0, 0.3, 1.0):
        missions = [BEACON.mission(seed, "mixture", rho=rho) for seed in range(500)]
        share = np.mean([columns(m, "goal") == columns(m, "beacon") for m in missions])
        assert abs(share - rho) <= 3 * np.sqrt(rho * (1 - rho) / 500)  # three standard errors; exact at 0 and 1


def test_separated_places_are_apart_balanced_and_off_each_others_ways_on_1000_seeds():
    for seed in range(1000):
        mission = BEACON.mission(seed, "separated", split="eval")
        spawn = (int(mission.spawn[0]), int(mission.spawn[2]))
        (gold,), (beacon,) = columns(mission, "goal"), columns(mission, "beacon")
        assert np.hypot(gold[0] - beacon[0], gold[1] - beacon[1]) >= 6
        far = [np.hypot(p[0] - spawn[0], p[1] - spawn[1]) for p in (gold, beacon)]
        assert max(far) <= 1.25 * min(far)
        heights = ground(BEACON.mission(seed, "goalless", split="eval").blocks)
        heights[beacon] = 1  # the meadow without its pillars
        fields = [distances(heights, np.array([p]), 0).astype(int) for p in (spawn, gold, beacon)]
        for place, other, field in ((gold, beacon, fields[1]), (beacon, gold, fields[2])):
            length = fields[0][place]
            assert length < 2**30
            near = np.hypot(*(np.indices(heights.shape) - np.reshape(other, (2, 1, 1)))) <= 2
            assert (fields[0] + field)[near].min() > length
        ways = [fields[0][gold], fields[0][beacon]]
        assert max(ways) <= 1.25 * min(ways)
        if seed < 50:
            steps = steps_from(spawn, heights.shape, lambda here, there: heights[here] == heights[there])  # noqa: B023
            assert gold in steps and beacon in steps


@pytest.mark.parametrize(
    "change, message",
    [
        ({"controls": ("move", "look")}, "unknown control of task 'wrong' 'look'"),
        ({"controls": ()}, "one at least"),
        ({"controls": ("move", "move")}, "each once"),
        ({"items": ("iron_spade",)}, "unknown item of task 'wrong' 'iron_spade'"),
        ({"objectives": registry.get("beacon").objectives[::-1]}, "one goal, first"),
        ({"objectives": registry.get("beacon").objectives[:1] * 2}, "one goal, first"),
    ],
)
def test_a_task_that_names_what_there_is_not_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(registry.get("beacon"), name="wrong", **change)
