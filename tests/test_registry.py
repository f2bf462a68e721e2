"""Missions of registered tasks, tasks from files and packages, and the arms of beacon."""

import dataclasses
import functools
import json
import re
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from mcproxy import registry, task_file
from mcproxy.env import VoxelVectorEnv
from mcproxy.errors import UserError
from mcproxy.eval import task_checks
from mcproxy.mission import Origin
from mcproxy.registry import mission_of
from mcproxy.scripts import main as command_line
from mcproxy.task import REGISTERED

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
