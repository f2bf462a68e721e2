"""The intervals behind every number: Wilson's within one policy, a two-level bootstrap across training seeds.

`scripts/calibrate.py` holds the verdicts to account; these are held to theirs by simulation
(`tests/eval/test_stats.py`): of 2,000 simulated experiments, 93 to 97 % must lie within their own 95 %
interval. What that takes is said of each.
"""

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from scipy import special, stats

CONFIDENCE = 0.95
MAX_LAYOUTS = 100_000  # that are ever asked for: more than an evaluation may have
DRAWS = 10_000  # of the bootstrap: its own error in a bound is then about 0.01 of the interval's width

Statistic = Literal["mean", "iqm"]


class Interval(NamedTuple):
    """A rate and its confidence interval, all between 0 and 1; of a difference, between -1 and 1."""

    rate: float
    low: float
    high: float


def wilson(successes: float, trials: int, confidence: float = CONFIDENCE) -> Interval:
    """The share of successes with Wilson's score interval (Wilson 1927), which holds near 0 and 1 too.

    Of no trials nothing is known: the rate is nan, the interval 0 to 1. Successes may be halves.
    """
    if trials == 0 and successes == 0:
        return Interval(math.nan, 0.0, 1.0)
    if not 0 <= successes <= trials:
        raise ValueError(f"{successes} successes in {trials} trials")
    rate = successes / trials
    return Interval(rate, *_score(rate, trials, _normal(confidence)))


def paired_difference(first: np.ndarray, second: np.ndarray, confidence: float = CONFIDENCE) -> Interval:
    """How much more often one policy succeeds in one arm than in another, layout by layout, with its interval.

    `first` and `second` are (L,) bool, entry k of both from the same layout. Only layouts with different outcomes bear
    on the difference. Half a layout is added to each of the four kinds (Agresti and Min 2005), without which the
    interval is too narrow where few differ. Its coverage is right from about 30 layouts on.
    """
    first, second = np.asarray(first, dtype=bool), np.asarray(second, dtype=bool)
    if first.shape != second.shape or first.ndim != 1 or len(first) == 0:
        raise ValueError(f"outcomes of shapes {first.shape} and {second.shape}: expected (L,) twice, by layout")
    gained, lost, layouts = int((first & ~second).sum()), int((~first & second).sum()), len(first)
    more, less, total = gained + 0.5, lost + 0.5, layouts + 2.0
    centre = (more - less) / total
    half = _normal(confidence) * math.sqrt(more + less - (more - less) ** 2 / total) / total
    return Interval((gained - lost) / layouts, max(-1.0, centre - half), min(1.0, centre + half))


def clopper_pearson(successes: int, trials: int, confidence: float = CONFIDENCE) -> Interval:
    """The share of successes with the exact interval of Clopper and Pearson (1934), for counts of training seeds.

    It never covers less than `confidence`, whatever the count: 10 of 10 seeds mean at least 69 %.
    """
    if not 0 <= successes <= trials:
        raise ValueError(f"{successes} successes in {trials} trials")
    if trials == 0:
        return Interval(math.nan, 0.0, 1.0)
    tail = (1 - confidence) / 2
    low = 0.0 if successes == 0 else float(stats.beta.ppf(tail, successes, trials - successes + 1))
    high = 1.0 if successes == trials else float(stats.beta.ppf(1 - tail, successes + 1, trials - successes))
    return Interval(successes / trials, low, high)


def crossed(outcomes: np.ndarray, confidence: float = CONFIDENCE) -> Interval:
    """The mean over training seeds that all met the same layouts, with its interval over both: (S, L) outcomes.

    Entries are bool for rates, or -1, 0 and 1 for contrasts between two arms, layout by layout. The interval is that of
    `crossed_bounds`; of a single seed it is one over layouts alone.
    """
    values = np.asarray(outcomes, dtype=float)
    if values.ndim != 2 or values.size == 0:
        raise ValueError(f"outcomes of shape {values.shape}: expected (S, L), a seed or more and a layout or more")
    contrast = bool((values < 0).any())
    rate, low, high = (float(x) for x in crossed_bounds((values + 1) / 2 if contrast else values, confidence))
    return Interval(2 * rate - 1, 2 * low - 1, 2 * high - 1) if contrast else Interval(rate, low, high)


def crossed_bounds(values: np.ndarray, confidence: float = CONFIDENCE) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The means and bounds of any number of experiments, each (S, L) values between 0 and 1: three arrays of (...).

    The variance is that of the pigeonhole bootstrap, which draws seeds and layouts independently (Owen 2007), less the
    two of the three times that it counts the noise, in closed form, so that an interval is the same each time:

        var = S / (S - 1) var(seed means) / S + var(layout means) / L - noise / (S L)

    S / (S - 1) makes up for seeds that are few. The quantile is Student's t with Satterthwaite's degrees of freedom
    (1946): few seeds widen the interval where seeds differ, and not where layouts do. It is symmetric on the scale of
    logits, so that it stays within 0 and 1. Simulated coverage: docs/validity.md.
    """
    seeds, layouts = values.shape[-2:]
    by_seed, by_layout, rate = values.mean(axis=-1), values.mean(axis=-2), values.mean(axis=(-2, -1))
    of_seeds = by_seed.var(axis=-1, ddof=1) / (seeds - 1) if seeds > 1 else np.zeros_like(rate)
    of_layouts = by_layout.var(axis=-1, ddof=1) / layouts if layouts > 1 else np.zeros_like(rate)
    of_noise = np.zeros_like(rate)
    if seeds > 1 and layouts > 1:
        left = values - by_seed[..., None] - by_layout[..., None, :] + rate[..., None, None]
        of_noise = (left**2).sum(axis=(-2, -1)) / ((seeds - 1) * (layouts - 1) * seeds * layouts)
    variance = np.maximum(of_seeds + of_layouts - of_noise, np.maximum(of_seeds, of_layouts))
    spread = of_seeds**2 / max(seeds - 1, 1) + of_layouts**2 / max(layouts - 1, 1)
    freedom = np.maximum(variance**2 / np.maximum(spread, 1e-300), max(seeds - 1, 1))
    half = stats.t.ppf((1 + confidence) / 2, freedom) * np.sqrt(variance)
    inner = np.clip(rate, 0.5 / (seeds * layouts), 1 - 0.5 / (seeds * layouts))
    logit, half = np.log(inner / (1 - inner)), half / (inner * (1 - inner))
    return rate, np.minimum(rate, special.expit(logit - half)), np.maximum(rate, special.expit(logit + half))


def _score(rate: float, trials: float, quantile: float) -> tuple[float, float]:
    """Wilson's score interval of a rate from so many trials, with any quantile."""
    z2 = quantile**2
    centre = (rate + z2 / (2 * trials)) / (1 + z2 / trials)
    half = quantile * math.sqrt(rate * (1 - rate) / trials + z2 / (4 * trials**2)) / (1 + z2 / trials)
    low = 0.0 if rate == 0 else max(0.0, centre - half)  # rounding must not lead beyond the ends
    return float(low), float(1.0 if rate == 1 else min(1.0, centre + half))


def smallest_difference(first: Interval, second: Interval) -> float:
    """The smallest difference that two independent rows can show: beyond it the interval of the difference excludes 0.

    It is the root of the summed squares of the half-widths (Zou and Donner 2008). Rows that share their layouts show
    smaller ones: use `paired_difference`.
    """
    return math.hypot((first.high - first.low) / 2, (second.high - second.low) / 2)


def layouts_to_clear(rate: float, bound: float) -> int:
    """How many layouts it takes until Wilson's interval of a rate that stays as it is leaves out a bound.

    A rate at the bound never does: then it is `MAX_LAYOUTS`.
    """

    def clear(n: int) -> bool:
        interval = wilson(rate * n, n)
        return not interval.low <= bound < interval.high

    if not clear(MAX_LAYOUTS):
        return MAX_LAYOUTS
    few, enough = 0, MAX_LAYOUTS
    while enough - few > 1:
        middle = (few + enough) // 2
        few, enough = (few, middle) if clear(middle) else (middle, enough)
    return enough


def iqm(values: np.ndarray) -> float:
    """The interquartile mean: that of the middle half, a quarter of the values left out at either end.

    Of n values it leaves out the n // 4 lowest and highest, as Agarwal et al. 2021 do.
    """
    return float(_statistic(np.asarray(values, dtype=float), "iqm"))


def bootstrap(
    outcomes: Sequence[np.ndarray],
    seed: int = 0,
    draws: int = DRAWS,
    confidence: float = CONFIDENCE,
    statistic: Statistic = "mean",
) -> Interval:
    """The mean (or interquartile mean) over training seeds with its interval from a two-level bootstrap.

    `outcomes` has one (L,) array for each training seed, an entry a layout: bool for rates, -1, 0 or 1 for differences
    between two arms (`paired_difference` by layout). A draw takes as many training seeds as there are, with
    replacement, and then for each of those its layouts, with replacement. Two things are made up for, without which
    such intervals are wrong (Davison and Hinkley 1997, 3.8; Hesterberg 2015, 5.3):

    - The seeds' observed means already differ by the luck of their layouts, which drawing layouts would add once more;
      so the means are first drawn together, until they differ as much as the training seeds themselves seem to.
    - A few seeds differ less among themselves than those they stand for; so the draws are spread about the estimate by
      t / z * sqrt(S / (S - 1)), for S seeds.

    Simulated coverage is 93 to 97 % from 10 seeds on (of 5: 92 to 95 %), where training seeds differ by more than the
    luck of their layouts; where they do not, the interval is cautious (97 to 99 %), and so is that of the interquartile
    mean (95 to 98 %). Of a single seed it describes the layouts alone. Each seed must have layouts of its own: where
    all seeds met the same ones, use `crossed`.
    """
    if not outcomes or any(len(o) == 0 for o in outcomes):
        raise ValueError("the bootstrap needs at least one training seed, and a layout or more for each")
    seeds = len(outcomes)
    layouts = np.array([len(o) for o in outcomes])  # (S,)
    shares = np.array([[np.mean(np.asarray(o, dtype=np.int8) == v) for v in (1, -1)] for o in outcomes])  # (S, 2)
    means = shares[:, 0] - shares[:, 1]  # (S,)
    estimate = float(_statistic(means, statistic))
    rng = np.random.default_rng(seed)
    chosen = rng.integers(seeds, size=(draws, seeds))
    luck = _drawn(rng, layouts[chosen], shares[chosen]) / layouts[chosen] - means[chosen]  # (draws, S)
    drawn = _statistic(_drawn_together(means, shares, layouts)[chosen] + luck, statistic)  # (draws,)
    spread = 1.0
    if seeds > 1:
        quantile = (1 + confidence) / 2
        spread = stats.t.ppf(quantile, seeds - 1) / stats.norm.ppf(quantile) * math.sqrt(seeds / (seeds - 1))
    low, high = np.quantile(drawn, [(1 - confidence) / 2, (1 + confidence) / 2]).tolist()
    least = -1.0 if (shares[:, 1] > 0).any() else 0.0
    return Interval(
        estimate, max(least, estimate + spread * (low - estimate)), min(1.0, estimate + spread * (high - estimate))
    )


def _drawn(rng: np.random.Generator, layouts: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """The sum of so many layouts drawn with replacement, of which given shares are 1 and -1: int64, as `layouts`."""
    more, less = shares[..., 0], shares[..., 1]
    gained = rng.binomial(layouts, more)
    if not less.any():
        return gained
    return gained - rng.binomial(layouts - gained, np.minimum(1.0, less / np.maximum(1.0 - more, 1e-12)))


def _statistic(values: np.ndarray, statistic: Statistic) -> np.ndarray | float:
    """The mean or the interquartile mean along the last axis."""
    if statistic == "mean":
        return values.mean(axis=-1)
    cut = values.shape[-1] // 4
    return np.sort(values, axis=-1)[..., cut : values.shape[-1] - cut].mean(axis=-1)


def _drawn_together(means: np.ndarray, shares: np.ndarray, layouts: np.ndarray) -> np.ndarray:
    """The seeds' means, drawn towards their mean by what the luck of the layouts adds to their variance: (S,)."""
    if len(means) < 2:
        return means
    luck = ((shares[:, 0] + shares[:, 1] - means**2) / layouts).mean()
    between = means.var(ddof=1)
    kept = math.sqrt(max(0.0, 1.0 - luck / between)) if between > 0 else 0.0
    return means.mean() + kept * (means - means.mean())


def _normal(confidence: float) -> float:
    return float(stats.norm.ppf((1 + confidence) / 2))
