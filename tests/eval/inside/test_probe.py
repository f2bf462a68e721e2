"""A probe finds what features carry, on layouts that it was not fitted on, and nothing where there is nothing."""

import json

import numpy as np
import pytest

from mcproxy.errors import UserError
from mcproxy.eval.inside.probe import Samples, _probed, fit, probe
from tests.helpers.command_line import run

RNG = np.random.default_rng(0)
LAYOUTS, EACH, WIDTH = 40, 20, 12


def samples_with(carried):
    """Layouts at random bearings; the layer carries them as sine and cosine if `carried`, else noise alone."""
    bearing = RNG.uniform(-180, 180, (2, LAYOUTS * EACH))
    noise = RNG.normal(size=(4, LAYOUTS * EACH, WIDTH)).astype(np.float32)
    if carried:
        noise[0, :, 0], noise[0, :, 1] = np.sin(np.radians(bearing[0])), np.cos(np.radians(bearing[0]))
    features = dict(zip(("layer", "untrained layer", "pixels"), noise, strict=False))
    labels, others = ({"goal.bearing": values, "goal.pixels": values > 0} for values in bearing)
    return Samples(np.repeat(np.arange(LAYOUTS), EACH), labels, others, features)


def test_ridge_without_a_penalty_is_least_squares_in_either_form():
    for count, width in ((50, 4), (4, 50)):
        x, y = RNG.normal(size=(count, width)), RNG.normal(size=(count, 1))
        weights, offset = fit(x, y, 1e-9)
        expected = np.linalg.lstsq(x - x.mean(axis=0), y - y.mean(), rcond=None)[0]
        np.testing.assert_allclose(x @ weights + offset, (x - x.mean(axis=0)) @ expected + y.mean(), atol=1e-5)


def test_a_bearing_that_the_layer_carries_is_read_from_it_and_from_no_control():
    found = _probed(samples_with(True), "a", 0, "layer", "goal.bearing", None)
    assert found.kind == "R2" and found.probe.low > 0.99
    assert max(found.pixels.value, found.untrained.value, found.random.value) < 0.05


def test_noise_carries_no_bearing():
    found = _probed(samples_with(False), "a", 0, "layer", "goal.bearing", None)
    assert found.probe.low < 0.05 and found.probe.value < 0.05


def test_a_condition_is_scored_by_its_auroc():
    found = _probed(samples_with(True), "a", 0, "layer", "goal.bearing > 0", None)
    assert found.kind == "AUROC" and found.probe.low > 0.95  # sine > 0 exactly
    assert found.random.low < 0.5 < found.random.high


def test_where_chooses_the_steps():
    found = _probed(samples_with(True), "a", 0, "layer", "goal.bearing", "goal.bearing > 0")
    assert 300 < found.samples < 500 and found.layouts == LAYOUTS


@pytest.mark.parametrize(
    "change, told",
    [
        ({"--label": "goal.baring"}, "did you mean 'goal.bearing'?"),
        ({"--layer": "lstm.x"}, "did you mean 'lstm.h'?"),
        ({"--episodes": 3}, "--episodes 3: expected 10 or more"),
        ({"run": "nowhere"}, "nowhere: no such run"),
        ({"--arm": "sepparated"}, "did you mean 'separated'?"),
        ({"--figure": "figure.gif"}, "ends with .png"),
    ],
)
def test_bad_input_is_one_line(change, told, capsys):
    arguments = {"run": "beacon_v1-confounded", "--label": "goal.bearing", "--layer": "lstm.h"} | change
    flags = [x for name, value in arguments.items() if name != "run" for x in (name, value)]
    if "--label" in change:
        with pytest.raises(UserError, match="did you mean"):
            _probed(samples_with(False), "a", 0, "layer", "goal.baring", None)
        return
    assert run("probe", arguments["run"], *flags) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert told in line


def test_the_verb_probes_a_shipped_agent(capsys, monkeypatch):
    from mcproxy.eval import harness

    monkeypatch.setattr(harness, "NUM_WORLDS", 10)
    command = ("--label", "goal.bearing", "beacon.pixels > 0", "--layer", "lstm.h", "--episodes", 10)
    assert run("probe", "beacon_v1-decorrelated", *command, "--json") == 0
    rows = json.loads(capsys.readouterr().out)["probes"]
    assert [(row["label"], row["kind"]) for row in rows] == [("goal.bearing", "R2"), ("beacon.pixels > 0", "AUROC")]
    assert all(row["steps"] > 0 and 10 <= row["samples"] <= 400 for row in rows)
    assert callable(probe)  # the library's name for it
