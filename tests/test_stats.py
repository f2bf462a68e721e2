"""Intervals agree with hand-worked numbers and behave at the edges."""

import math

import numpy as np
import pytest

from mcproxy.eval.stats import bootstrap, wilson

Z2 = 1.959964**2  # squared normal quantile of 97.5 %


def test_wilson_of_8_in_10_is_49_to_94_percent():
    rate, low, high = wilson(8, 10)
    centre = (0.8 + Z2 / 20) / (1 + Z2 / 10)  # Wilson 1927: (p + z^2 / 2n) / (1 + z^2 / n)
    half = math.sqrt(Z2 * 0.8 * 0.2 / 10 + Z2**2 / 400) / (1 + Z2 / 10)
    assert rate == 0.8
    assert (low, high) == (pytest.approx(0.4902, abs=5e-5), pytest.approx(0.9433, abs=5e-5))
    assert (low, high) == (pytest.approx(centre - half, abs=1e-6), pytest.approx(centre + half, abs=1e-6))


def test_wilson_of_none_and_of_all_reaches_the_end_and_never_beyond():
    none, all_ = wilson(0, 10), wilson(10, 10)
    assert none.rate == none.low == 0.0 and none.high == pytest.approx(Z2 / (10 + Z2), abs=1e-6)  # .2775
    assert all_.rate == all_.high == 1.0 and all_.low == pytest.approx(10 / (10 + Z2), abs=1e-6)


def test_wilson_of_no_trials_knows_nothing():
    rate, low, high = wilson(0, 0)
    assert math.isnan(rate) and (low, high) == (0.0, 1.0)


def test_a_thousand_layouts_give_a_half_width_of_at_most_5_percent():
    interval = wilson(500, 1000)  # the widest
    assert (interval.high - interval.low) / 2 < 0.05


def test_bootstrap_over_training_seeds_is_as_wide_as_their_disagreement():
    agree = [np.arange(1000) < 500] * 10
    differ = [np.full(1000, s < 5) for s in range(10)]
    narrow, wide = bootstrap(agree), bootstrap(differ)
    assert narrow.rate == wide.rate == 0.5
    assert narrow.high - narrow.low == pytest.approx(2 * 1.96 * math.sqrt(0.25 / 10_000), rel=0.05)  # layouts alone
    assert wide.high - wide.low == pytest.approx(2 * 1.96 * math.sqrt(0.25 / 10), abs=0.1 + 1e-9)  # seeds alone: tenths


def test_bootstrap_weighs_training_seeds_alike_however_many_layouts_each_saw():
    assert bootstrap([np.ones(10, bool), np.zeros(1000, bool)]).rate == 0.5


def test_bootstrap_repeats_with_its_seed_and_varies_with_another():
    outcomes = [np.arange(50) < 20, np.arange(50) < 35, np.arange(50) < 30]
    assert bootstrap(outcomes, seed=1) == bootstrap(outcomes, seed=1)
    assert bootstrap(outcomes, seed=1, draws=200) != bootstrap(outcomes, seed=2, draws=200)


def test_bootstrap_of_certain_outcomes_has_no_width_and_of_none_is_an_error():
    assert bootstrap([np.ones(20, bool)] * 3) == (1.0, 1.0, 1.0)
    with pytest.raises(ValueError, match="at least one training seed"):
        bootstrap([])
    with pytest.raises(ValueError, match="a layout or more"):
        bootstrap([np.ones(3, bool), np.ones(0, bool)])
