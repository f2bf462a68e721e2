"""The intervals behind every number: Wilson's within one policy, a two-level bootstrap across training seeds."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats

CONFIDENCE = 0.95
DRAWS = 10_000  # of the bootstrap: its own error in a bound is then about 0.01 of the interval's width


class Interval(NamedTuple):
    """A rate and its confidence interval, all between 0 and 1."""

    rate: float
    low: float
    high: float


def wilson(successes: int, trials: int, confidence: float = CONFIDENCE) -> Interval:
    """The share of successes with Wilson's score interval (Wilson 1927), which holds near 0 and 1 too.

    Of no trials nothing is known: the rate is nan, the interval 0 to 1.
    """
    if trials == 0 and successes == 0:
        return Interval(math.nan, 0.0, 1.0)
    interval = stats.binomtest(successes, trials).proportion_ci(confidence, method="wilson")
    return Interval(successes / trials, float(interval.low), float(interval.high))


def bootstrap(
    outcomes: Sequence[np.ndarray], seed: int = 0, draws: int = DRAWS, confidence: float = CONFIDENCE
) -> Interval:
    """The mean success rate over training seeds with its percentile interval from a two-level bootstrap.

    `outcomes` has one (L,) bool array for each training seed, an entry a layout. A draw takes as many training seeds as
    there are, with replacement, and then for each of those its layouts, with replacement. The number of successes among
    L layouts drawn so is binomial with the observed rate, so that is what is drawn.
    """
    if not outcomes or any(len(o) == 0 for o in outcomes):
        raise ValueError("the bootstrap needs at least one training seed, and a layout or more for each")
    layouts = np.array([len(o) for o in outcomes])  # (S,)
    rates = np.array([np.mean(np.asarray(o, dtype=bool)) for o in outcomes])  # (S,)
    rng = np.random.default_rng(seed)
    chosen = rng.integers(len(outcomes), size=(draws, len(outcomes)))
    means = (rng.binomial(layouts[chosen], rates[chosen]) / layouts[chosen]).mean(axis=1)  # (draws,)
    low, high = np.quantile(means, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(float(rates.mean()), float(low), float(high))
