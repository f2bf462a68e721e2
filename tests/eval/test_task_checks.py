"""Every task that ships keeps its promises, and the checks notice a task that does not."""

import dataclasses
import re
from pathlib import Path

import pytest

from mcproxy import registry
from mcproxy.eval import task_checks
from mcproxy.eval.measures.finding import is_separated
from mcproxy.mission import layout_hash
from mcproxy.task import REGISTERED

DOCUMENTED = re.search(
    r"^```python\n(.*?)^```$", (Path(__file__).parents[2] / "docs/tasks.md").read_text(), re.MULTILINE | re.DOTALL
)[1]


@pytest.fixture(params=registry.names())
def name(request):
    return request.param


def broken(checks):
    return [f"{check.name}: {check.detail}" for check in checks if not check.ok]


@pytest.mark.parametrize(
    "promise", [task_checks.docstring, task_checks.arms, task_checks.missions, task_checks.shared_layouts]
)
def test_a_task_keeps_its_promises_about_worlds(name, promise):
    assert not broken([promise(registry.get(name))])


@pytest.mark.cli
def test_a_task_draws_the_same_bytes_in_another_process(name):
    assert not broken([task_checks.deterministic(name)])


def test_the_splits_of_a_task_share_no_layout(name):
    assert not broken([task_checks.splits(registry.get(name), 400, 100)])


def test_experts_reach_what_an_arm_has_and_separated_arms_are_fair(name):
    each = registry.get(name)
    assert not broken(
        check for arm in each.arms for check in task_checks.in_arm(each, arm, levels=32 if is_separated(arm) else 8)
    )


@pytest.mark.slow
def test_a_task_keeps_its_promises_in_full(name):
    assert not broken(
        check for check in task_checks.check(name) if check.name != "generation"
    )  # how fast: mcproxy bench


# ---- tasks that break a promise each, made from the one in the documentation


def in_arm(arm):
    return lambda each: next(
        (c for c in task_checks.in_arm(each, arm, levels=24) if not c.ok), task_checks.Check("", True, "")
    )


BROKEN = [  # what is written, what instead, which promise breaks, and how that is told
    ("    shifted    the same", "    bigger     the same", task_checks.docstring, "it does not say 'shifted'"),
    ("positional)", "marker)", task_checks.docstring, "it does not say 'positional'"),
    ('"aligned", "shifted", "separated"', '"aligned", "separated"', task_checks.arms, "no arm 'shifted'"),
    ("size=(SIZE, 10, SIZE)", "size=(SIZE, 9, SIZE)", task_checks.missions, "does not fit"),
    (
        "objectives=OBJECTIVES,\n        max",
        "objectives=OBJECTIVES[:1],\n        max",
        task_checks.missions,
        "other objectives",
    ),
    ("layout_hash(pillars, np.array([spawn, heading]))", "layout_hash()", task_checks.missions, "no layout of split"),
    (
        "    pillars =",
        "    rng.random(len(arm))\n    pillars =",
        task_checks.shared_layouts,
        "aligned and separated have",
    ),
    (
        "    pillars =",
        "    rng = np.random.default_rng()\n    pillars =",
        task_checks.deterministic,
        "two different worlds",
    ),
    ("x, z = SOUTH", "x, z = (12, 15)", in_arm("separated"), "goal and north are balanced in"),
    ("blocks[x, 0, z] =", "blocks[x, 8, z] =", in_arm("aligned"), "expert:goal"),
    ("SOUTH if arm", "NORTH if arm", in_arm("separated"), "meets it alone in 0 of 24, not in seed 0"),
]


def test_worlds_that_only_their_hash_tells_apart_are_noticed():
    beacon = registry.get("beacon")
    always = beacon.mission(0)
    same = dataclasses.replace(
        beacon, build=lambda rng, arm, rho: dataclasses.replace(always, layout=layout_hash(rng.random(2)))
    )
    found = task_checks.splits(same, 8, 8)
    assert not found.ok and "1 of 8 eval worlds are among 8 of train" in found.detail


@pytest.mark.parametrize(("written", "instead", "promise", "told"), BROKEN)
def test_the_checks_notice_a_broken_promise(tmp_path, monkeypatch, written, instead, promise, told):
    assert written in DOCUMENTED
    monkeypatch.setitem(REGISTERED, "north", None)  # so that the end of the test removes what is registered here
    del REGISTERED["north"]
    file = tmp_path / "north.py"
    file.write_text(DOCUMENTED.replace(written, instead))
    each = registry.get(file)
    found = promise(str(file) if promise is task_checks.deterministic else each)
    assert not found.ok and told in found.detail
