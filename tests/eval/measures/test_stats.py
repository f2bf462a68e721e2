"""Intervals agree with hand-worked numbers, behave at the edges, and cover what they promise to cover."""

import math

import numpy as np
import pytest

from mcproxy.eval.measures.stats import (
    MAX_LAYOUTS,
    Interval,
    bootstrap,
    clopper_pearson,
    crossed,
    crossed_bounds,
    iqm,
    layouts_to_clear,
    paired_difference,
    smallest_difference,
    wilson,
)

Z2 = 1.959964**2  # squared normal quantile of 97.5 %
T9 = 2.262157  # Student's, of 97.5 %, for 10 seeds
SIMULATIONS = 2000
COVERED = (0.93, 0.97)  # of a 95 % interval; 1,000 of 2,000 simulations off by chance alone: 0.940 to 0.960


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


@pytest.mark.parametrize("rate", [0.05, 0.35, 0.8])
def test_wilson_covers_the_true_rate(rate):
    successes = np.random.default_rng(0).binomial(200, rate, size=SIMULATIONS)
    assert COVERED[0] <= covered((wilson(int(n), 200) for n in successes), rate) <= COVERED[1]


def test_a_paired_difference_counts_only_the_layouts_that_differ():
    both, first, second, none = 30, 10, 2, 8  # layouts in which both arms succeed, only the first, only the second
    a = np.repeat([True, True, False, False], [both, first, second, none])
    b = np.repeat([True, False, True, False], [both, first, second, none])
    difference = paired_difference(a, b)
    centre = (10.5 - 2.5) / 52  # Agresti and Min 2005: half a layout more of each kind
    half = math.sqrt(Z2 * (10.5 + 2.5 - 8**2 / 52)) / 52
    assert difference.rate == 8 / 50
    assert (difference.low, difference.high) == (pytest.approx(centre - half), pytest.approx(centre + half))
    assert paired_difference(b, a).high == pytest.approx(-difference.low)


def test_a_paired_difference_is_narrower_than_two_rates_that_share_their_luck():
    a = np.arange(200) < 100
    b = np.arange(200) < 90  # fails wherever the first does
    difference, apart = paired_difference(a, b), wilson(100, 200)
    assert difference.high - difference.low < (apart.high - apart.low) / 2


def test_outcomes_that_are_no_pairs_are_refused():
    for second in (np.ones(3, bool), np.ones((4, 1), bool)):
        with pytest.raises(ValueError, match="twice, by layout"):
            paired_difference(np.ones(4, bool), second)


@pytest.mark.parametrize("kinds", [(0.6, 0.15, 0.05), (0.1, 0.02, 0.4)])  # both, only the first, only the second
def test_a_paired_difference_covers_the_true_one(kinds):
    counts = np.random.default_rng(0).multinomial(100, [*kinds, 1 - sum(kinds)], size=SIMULATIONS)
    found = (paired_difference(np.repeat([1, 1, 0, 0], c), np.repeat([1, 0, 1, 0], c)) for c in counts)
    assert COVERED[0] <= covered(found, kinds[1] - kinds[2]) <= COVERED[1]


def test_the_interquartile_mean_leaves_out_a_quarter_at_either_end():
    assert iqm([100, 0, 1, 2, 3, 4, 5, -50]) == 2.5  # of 1, 2, 3, 4
    assert iqm([3, 1, 2]) == 2.0  # of three, a quarter is none


def test_bootstrap_over_training_seeds_is_as_wide_as_their_disagreement():
    agree = [np.arange(1000) < 500] * 10
    differ = [np.full(1000, s < 5) for s in range(10)]
    narrow, wide = bootstrap(agree), bootstrap(differ)
    assert narrow.rate == wide.rate == 0.5
    for_ten = T9 / math.sqrt(Z2) * math.sqrt(10 / 9)  # what ten seeds are widened by
    alone = 2 * math.sqrt(Z2) * math.sqrt(0.25 / 10_000)  # if layouts alone made the difference
    assert narrow.high - narrow.low == pytest.approx(for_ten * alone, rel=0.05)
    between = 2 * T9 * math.sqrt(10 / 9 * 0.25 / 10)  # Student's interval of five zeros and five ones
    assert wide.high - wide.low == pytest.approx(between, abs=0.1 * for_ten + 1e-9)  # bootstrap means are tenths


def test_bootstrap_does_not_count_the_luck_of_the_layouts_twice():
    """Of many seeds alike but for their layouts, the interval is that of all layouts together."""
    rng = np.random.default_rng(0)
    outcomes = [np.arange(100) < n for n in rng.binomial(100, 0.5, size=400)]
    interval, together = bootstrap(outcomes, draws=2000), wilson(sum(int(o.sum()) for o in outcomes), 40_000)
    assert interval.high - interval.low == pytest.approx(together.high - together.low, rel=0.1)


def test_bootstrap_of_differences_takes_layouts_that_got_worse():
    better, worse, same = 30, 10, 60
    layouts = np.repeat([1, -1, 0], [better, worse, same])
    one = bootstrap([layouts])  # one seed: of the layouts alone
    assert one.rate == pytest.approx(0.2)
    assert one.high - one.low == pytest.approx(2 * math.sqrt(Z2 * (0.4 - 0.2**2) / 100), rel=0.05)
    assert bootstrap([-layouts] * 3).low < -0.2 < bootstrap([-layouts] * 3).high < 0


@pytest.mark.parametrize(
    "seeds, statistic, shape",
    [(10, "mean", (1, 1)), (10, "mean", (4, 4)), (20, "iqm", (2, 1))],
)
def test_bootstrap_covers_the_true_mean_from_ten_seeds_on(seeds, statistic, shape):
    rng = np.random.default_rng(0)
    rates = rng.beta(*shape, size=(SIMULATIONS, seeds))  # of the agents that training gives
    successes = rng.binomial(200, rates)
    layouts = np.arange(200)
    found = (
        bootstrap([layouts < n for n in row], seed=k, draws=200, statistic=statistic) for k, row in enumerate(successes)
    )
    population = rng.beta(*shape, size=400_000)
    true = shape[0] / sum(shape) if statistic == "mean" else iqm(population)
    assert COVERED[0] <= covered(found, true) <= COVERED[1]


def covered(intervals, true):
    """The share of intervals that the true value lies in."""
    return np.mean([low <= true <= high for _, low, high in intervals])


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


def test_ten_of_ten_seeds_mean_at_least_69_percent():
    rate, low, high = clopper_pearson(10, 10)
    assert (rate, high) == (1.0, 1.0) and low == pytest.approx(0.025 ** (1 / 10))  # Clopper and Pearson 1934: .6915
    assert clopper_pearson(0, 10).high == pytest.approx(1 - 0.025 ** (1 / 10))


def test_two_rows_of_100_layouts_show_differences_of_14_points():
    half = wilson(50, 100)
    assert smallest_difference(half, half) == pytest.approx(math.sqrt(2) * (half.high - half.low) / 2)
    assert smallest_difference(half, half) == pytest.approx(0.136, abs=1e-3)
    assert smallest_difference(half, Interval(0.5, 0.5, 0.5)) == pytest.approx((half.high - half.low) / 2)


def test_the_layouts_that_clear_a_bound_are_the_fewest_that_do():
    few = layouts_to_clear(0.73, 2 / 3)
    assert wilson(0.73 * few, few).low > 2 / 3 >= wilson(0.73 * (few - 1), few - 1).low
    assert layouts_to_clear(2 / 3, 2 / 3) == MAX_LAYOUTS


def test_a_crossed_interval_of_seeds_that_differ_is_as_wide_as_students():
    interval = crossed(np.repeat([[0.4], [0.5], [0.6]], 50, axis=1))
    half = 4.302653 * math.sqrt(0.01 / 2)  # t of 2 degrees of freedom; variance .01, over S - 1
    low = 1 / (1 + math.exp(half / 0.25))  # symmetric in logits: 0 -+ half / (p (1 - p))
    assert (interval.low, interval.high) == (pytest.approx(low, abs=1e-6), pytest.approx(1 - low, abs=1e-6))


def test_a_crossed_interval_has_the_luck_of_shared_layouts_in_it():
    alike = np.tile(np.arange(100) < 50, (10, 1))  # ten seeds that do the same on every layout
    interval, one = crossed(alike), wilson(50, 100)
    assert interval.high - interval.low == pytest.approx(one.high - one.low, rel=0.05)  # as of one seed


def test_a_crossed_contrast_is_minus_that_of_the_arms_exchanged():
    rng = np.random.default_rng(0)
    values = rng.integers(-1, 2, size=(5, 80))
    one, other = crossed(values), crossed(-values)
    assert one.low == pytest.approx(-other.high) and one.rate == pytest.approx(values.mean())


@pytest.mark.parametrize("seeds, layouts, layout_sd", [(3, 50, 0.0), (3, 50, 3.0), (10, 50, 1.5)])
def test_crossed_intervals_cover_the_true_mean(seeds, layouts, layout_sd):
    rng = np.random.default_rng(0)
    effects = rng.standard_normal((SIMULATIONS, seeds, 1)) + layout_sd * rng.standard_normal((SIMULATIONS, 1, layouts))
    rates = 1 / (1 + np.exp(-effects))  # symmetric: the true mean is 1/2
    _, low, high = crossed_bounds((rng.random(rates.shape) < rates).astype(float))
    assert 0.93 <= np.mean((low <= 0.5) & (high >= 0.5)) <= 0.98
