"""A write makes the probe read what is wanted, by the least change; the random write is as long and reads otherwise."""

import json

import numpy as np
import pytest

from mcproxy.eval.inside.steer import NONE, PROBE, RANDOM, SteeredPolicy
from tests.helpers.command_line import run

RNG = np.random.default_rng(0)
WEIGHTS, OFFSET = RNG.normal(size=(16, 2)), np.array([0.1, -0.2])
VALUES, WANTED = RNG.normal(size=(5, 16)).astype(np.float32), RNG.normal(size=(8, 2)).astype(np.float32)
WORLDS = np.array([1, 2, 3, 5, 7])


class Agent:
    name = "agent"


def written(kind, wanted=WANTED):
    policy = SteeredPolicy(Agent(), "lstm.h", "goal.bearing", (WEIGHTS, OFFSET), kind)
    return policy._write(wanted)(VALUES, WORLDS)


def test_after_the_write_the_probe_reads_what_was_wanted():
    np.testing.assert_allclose(written(PROBE) @ WEIGHTS + OFFSET, WANTED[WORLDS], atol=1e-4)


def test_the_change_lies_in_the_probes_directions_alone():
    change, span = written(PROBE) - VALUES, WEIGHTS @ np.linalg.pinv(WEIGHTS)  # projects on the two weight vectors
    np.testing.assert_allclose(change, change @ span, atol=1e-4)


def test_the_random_write_is_as_long_and_does_not_read_as_wanted():
    there, aside = written(PROBE) - VALUES, written(RANDOM) - VALUES
    np.testing.assert_allclose(np.linalg.norm(there, axis=1), np.linalg.norm(aside, axis=1), rtol=1e-4)
    assert np.abs(written(RANDOM) @ WEIGHTS + OFFSET - WANTED[WORLDS]).max() > 0.5


@pytest.mark.parametrize("kind", [PROBE, RANDOM])
def test_a_world_without_the_place_is_left_alone(kind):
    wanted = WANTED.copy()
    wanted[2] = np.nan
    np.testing.assert_array_equal(written(kind, wanted)[1], VALUES[1])


@pytest.mark.parametrize(
    "flags, told",
    [
        (("--proxy", "becon", "--layer", "lstm.h"), "did you mean 'beacon'?"),
        (("--proxy", "beacon", "--layer", "lstm.x"), "did you mean 'lstm.h'?"),
        (("--proxy", "beacon", "--layer", "lstm.h", "--towards", "beacon"), "unknown objective to steer to"),
        (("--proxy", "beacon", "--layer", "lstm.h", "--episodes", 2), "--episodes 2: expected 10 or more"),
        (("--proxy", "beacon", "--layer", "lstm.h", "--strength", 0), "--strength 0.0: expected more than 0"),
    ],
)
def test_bad_input_is_one_line(flags, told, capsys):
    assert run("steer", "beacon_v1-confounded", *flags) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert told in line


@pytest.mark.slow
def test_the_verb_prints_three_writes_in_three_arms(capsys):
    command = ("--proxy", "beacon", "--layer", "lstm.h", "--episodes", 10, "--json")
    assert run("steer", "beacon_v1-confounded", *command) == 0
    rows = json.loads(capsys.readouterr().out)["steered"]
    assert [row["write"] for row in rows] == [NONE, PROBE, RANDOM] * 3
