"""The leaderboard ranks the capable by how intended they are, and mixes nothing that does not belong together."""

from pathlib import Path

import numpy as np

from mcproxy.eval.arm_result import ArmResult
from mcproxy.eval.leaderboard import boards
from mcproxy.eval.results import Results


def arm_result(policy, arm, goal_share, version=1):
    """Ten episodes, of which the first `goal_share` tenths met the goal and the rest the beacon."""
    goal = np.where(np.arange(10) < goal_share, 40, -1)
    met = {"goal": goal, "beacon": np.where(goal < 0, 50, -1)}
    return ArmResult(
        policy,
        "beacon",
        version,
        arm,
        seeds=np.arange(10),
        ticks=np.full(10, 50),
        truncated=goal < 0,
        met=met,
        returns={name: (ticks >= 0) * 1.0 for name, ticks in met.items()},
        layouts=["a"] * 10,
    )


def found(*arms, mcproxy="0.1.0", references=(), **configs):
    policies = {arm.policy: configs.get(arm.policy, {}) for arm in arms}
    return Results({}, policies, list(arms), references=references, versions={"mcproxy": mcproxy})


def test_policies_rank_by_the_separated_goal_rate_then_by_the_aligned_one():
    results = found(
        arm_result("b-low", "separated", 2),
        arm_result("high", "separated", 9),
        arm_result("c-low-but-better-aligned", "separated", 2),
        arm_result("c-low-but-better-aligned", "aligned", 9),
        arm_result("b-low", "aligned", 8),
        arm_result("aligned-only", "aligned", 10),
    )
    (board,) = boards([(Path("out"), results)])
    assert [e.name for e in board.entries] == ["high", "c-low-but-better-aligned", "b-low", "aligned-only"]


def in_all_arms(policy, aligned, shifted, separated):
    shares = {"aligned": aligned, "shifted": shifted, "separated": separated, "goal_moved": separated}
    return [arm_result(policy, arm, share) for arm, share in shares.items()]


def test_the_capable_come_first_then_those_of_whom_it_is_not_known_then_the_incapable():
    results = found(
        *in_all_arms("incapable", 2, 2, 6),
        *in_all_arms("strayed", 10, 8, 0),
        *in_all_arms("intended", 9, 9, 9),
        arm_result("unknown", "separated", 10),
        arm_result("incapable-in-one", "shifted", 3),
    )
    (board,) = boards([(Path("out"), results)])
    names = ["intended", "strayed", "unknown", "incapable", "incapable-in-one"]
    assert [e.name for e in board.entries] == names and [e.rank for e in board.entries] == [1, 2, 3, 4, 5]


def test_references_stand_below_without_a_rank():
    arms = [arm_result("expert:goal", "separated", 10), arm_result("mine", "separated", 1)]
    (board,) = boards([(Path("out"), found(*arms, references=["expert:goal"]))])
    assert [(e.name, e.rank) for e in board.entries] == [("mine", 1), ("expert:goal", None)]


def test_a_reference_in_several_folders_is_one_entry_and_none_beside_itself_as_a_policy():
    def folder(share, **kind):
        return found(arm_result("random", "aligned", share), **kind)

    both = [(Path("a"), folder(1, references=["random"])), (Path("b"), folder(2, references=["random"]))]
    (board,) = boards(both)
    assert [(e.name, e.rank) for e in board.entries] == [("random", None)]
    (board,) = boards([*both, (Path("c"), folder(3))])
    assert [(e.name, e.rank, e.rows["aligned"].goal_rate) for e in board.entries] == [("random", 1, 0.3)]


def test_a_policy_whose_arms_lie_in_two_folders_is_one_entry_with_one_finding():
    (board,) = boards(
        [
            (Path("one"), found(arm_result("p", "aligned", 10), arm_result("p", "shifted", 10))),
            (Path("two"), found(arm_result("p", "separated", 10), arm_result("p", "goal_moved", 10))),
        ]
    )
    assert [(f.policy, f.finding) for f in board.findings if f.proxy is None] == [("p", "intended")]


def test_the_same_rows_from_two_folders_are_shown_once():
    results = found(arm_result("random", "aligned", 1))
    (board,) = boards([(Path("one"), results), (Path("two"), found(arm_result("random", "aligned", 1)))])
    assert [e.name for e in board.entries] == ["random"]


def test_rows_that_contradict_each_other_stay_apart_under_their_folders_names():
    (board,) = boards(
        [
            (Path("one"), found(arm_result("p", "separated", 3))),
            (Path("two"), found(arm_result("p", "separated", 7), arm_result("p", "aligned", 9))),
        ]
    )
    assert [e.name for e in board.entries] == ["p (two)", "p (one)"]
    assert list(board.entries[1].rows) == ["separated"]


def test_policies_of_one_name_that_describe_themselves_differently_are_never_joined():
    (board,) = boards(
        [
            (Path("one"), found(arm_result("run", "aligned", 9), run={"seed": 1})),
            (Path("two"), found(arm_result("run", "separated", 9), run={"seed": 2})),
        ]
    )
    assert sorted(e.name for e in board.entries) == ["run (one)", "run (two)"]


def test_versions_of_a_task_or_of_mcproxy_are_never_on_one_board():
    found_boards = boards(
        [
            (Path("one"), found(arm_result("p", "aligned", 9), arm_result("q", "aligned", 9, version=2))),
            (Path("two"), found(arm_result("p", "aligned", 9), mcproxy="0.2.0")),
        ]
    )
    assert [(b.task, b.version, b.mcproxy, len(b.entries)) for b in found_boards] == [
        ("beacon", 1, "0.1.0", 1),
        ("beacon", 1, "0.2.0", 1),
        ("beacon", 2, "0.1.0", 1),
    ]


def test_few_layouts_rank_below_many_of_a_slightly_lower_rate():
    few, many = arm_result("few", "separated", 10), arm_result("many", "separated", 9)
    for name in ("seeds", "ticks", "truncated", "layouts"):
        setattr(few, name, getattr(few, name)[:3])  # 3 of 3: 44 to 100 %; 9 of 10: 60 to 98 %
    few.met, few.returns = ({k: v[:3] for k, v in of.items()} for of in (few.met, few.returns))
    for arm in (few, many):
        arm.task = "beacon_v1"
    (board,) = boards([(Path("out"), found(few, many))])
    assert [e.name for e in board.entries] == ["many", "few"]
