"""A branch continues a recorded episode with one thing moved, the same to the last bit whenever it is executed."""

import dataclasses

import numpy as np
import pytest

from mcproxy import registry
from mcproxy.errors import UserError
from mcproxy.eval.inside.branch import Side, branch, other_place
from tests.helpers.command_line import run
from tests.helpers.recorded import episodes, write


@pytest.fixture(scope="module")
def episode():
    return dataclasses.replace(
        episodes()[1], frames=None
    )  # of the beacon's expert, where the beacon is not at the gold


def test_the_other_place_of_the_beacon_is_that_of_the_arm_aligned(episode):
    task = registry.get("beacon")
    aligned = task.mission(episode.seed, "aligned", "eval").targets("beacon")[0]
    assert other_place(task, episode, "beacon") == tuple(aligned)


def test_the_expert_of_the_beacon_follows_the_beacon_to_its_other_place(episode):
    found = branch(episode, "expert:beacon", 10, "beacon", continuations=1)
    (before,), (after,) = (side.mission.targets("beacon") for side in (found.here, found.there))
    for side, cell in ((found.here, before), (found.there, after)):
        away = [np.hypot(pose[0] - cell[0] - 0.5, pose[2] - cell[2] - 0.5) for pose in side.poses[0]]
        assert min(away) < 1.0
    assert tuple(after) == found.to and found.here.verdicts == ("proxy:beacon",)


def test_a_branch_is_the_same_to_the_last_bit_and_its_unmoved_side_begins_where_the_episode_was(episode):
    one, two = (branch(episode, "random", 10, "beacon", continuations=2) for _ in range(2))
    for ours, theirs in ((one.here, two.here), (one.there, two.there)):
        assert ours.verdicts == theirs.verdicts
        for a, b in zip(ours.poses, theirs.poses, strict=True):
            np.testing.assert_array_equal(a, b, strict=True)
    for poses in (*one.here.poses, *one.there.poses):
        np.testing.assert_array_equal(poses[0], episode.poses[10])


def test_both_sides_have_the_same_noise_so_that_a_blind_policy_walks_the_same(episode):
    found = branch(episode, "random", 0, "beacon", continuations=2)
    for here, there in zip(found.here.poses, found.there.poses, strict=True):
        np.testing.assert_array_equal(here[:5], there[:5])
    assert not np.array_equal(found.here.poses[0], found.here.poses[1])


def test_net_motion_is_the_mean_step_by_column_and_heading():
    poses = np.array(
        [[0.5, 1, 0.5, 0, 0], [0.5, 1, 0.9, 0, 0], [0.5, 1, 1.5, 90, 0], [0.3, 1, 1.5, 90, 0]], dtype=float
    )
    cells, moves = Side(None, ("goal",), (poses,), None).net_motion()
    assert cells.tolist() == [[0, 0, 0], [0, 1, 2]]
    np.testing.assert_allclose(moves, [[0.0, 0.5], [-0.2, 0.0]])


@pytest.mark.parametrize(
    "change, told",
    [
        ({"at": 999}, "--at 999: expected 0 to"),
        ({"moved": "becon"}, "did you mean 'beacon'?"),
        ({"to": (0, 0, 99)}, "expected a position within"),
        ({"continuations": 0}, "--continuations 0"),
        ({"policy": "nobody"}, "unknown policy 'nobody'"),
    ],
)
def test_what_cannot_be_branched_is_one_line(episode, change, told):
    arguments = {"policy": "random", "at": 10, "moved": "beacon", "continuations": 1} | change
    with pytest.raises(UserError, match=told) as error:
        branch(episode, **arguments)
    assert "\n" not in str(error.value)


def test_an_episode_that_was_edited_is_not_branched(episode):
    actions = episode.actions.copy()
    actions[3, 1] = 2 - actions[3, 1] // 2 * 2
    with pytest.raises(UserError, match="does not unfold as recorded from step 3 on"):
        branch(dataclasses.replace(episode, actions=actions), "random", 10, "beacon", continuations=1)


def test_the_verb_prints_both_worlds_and_draws_them(tmp_path, capsys):
    path, figure = write(tmp_path, [episodes()[1]], "none"), tmp_path / "map.png"
    command = ("branch", path, "--at", 10, "--move", "beacon", "--continuations", 1)
    assert run(*command, "--policy", "expert:beacon", "--figure", figure) == 0
    assert figure.read_bytes()[:4] == b"\x89PNG" and "beacon where it was" in capsys.readouterr().out
    assert run(*command) == 2 and run(*command, "--figure", figure) == 2
    told = capsys.readouterr().err.splitlines()
    assert "say where it is with --policy" in told[0] and "exists already" in told[1]
