"""Simulate how often the crossed 95 % interval contains the true mean: python docs/interval_coverage.py [SIMULATIONS].

A success has the logit mu + a seed's effect + a layout's effect, both normal and independent; the true mean is the
integral over them. Prints one row of the table in docs/validity.md for each number of seeds and layouts, a column for
each standard deviation of the layouts' effects, averaged over `MEANS` and `SEED_SDS`, and the least and mean coverage.
"""

import itertools
import sys

import numpy as np
from scipy.special import expit

from mcproxy.eval.measures.stats import crossed_bounds

SEEDS, LAYOUTS, LAYOUT_SDS = (3, 5, 10), (50, 1000), (0.0, 1.0, 2.0, 3.0)  # the last in logits
MEANS, SEED_SDS = (0.0, 1.5), (0.5, 1.5)  # in logits
_AT_ONCE = 2_000_000  # outcomes


def true_mean(mean: float, sd: float) -> float:
    """The expectation of a logistic-normal rate, by Gauss-Hermite quadrature."""
    points, weights = np.polynomial.hermite_e.hermegauss(101)
    return float((weights * expit(mean + sd * points)).sum() / weights.sum())


def covered(rng: np.random.Generator, shape: tuple[int, int], mean: float, sds: tuple[float, float], count: int) -> int:
    """How many of so many simulated experiments have the true mean in their interval."""
    (seeds, layouts), (of_seeds, of_layouts) = shape, sds
    true, hits = true_mean(mean, float(np.hypot(*sds))), 0
    while count > 0:
        part = min(count, max(1, _AT_ONCE // (seeds * layouts)))
        effects = mean + of_seeds * rng.standard_normal((part, seeds, 1))
        rates = expit(effects + of_layouts * rng.standard_normal((part, 1, layouts)))
        _, low, high = crossed_bounds((rng.random(rates.shape) < rates).astype(float))
        hits += int(((low <= true) & (true <= high)).sum())
        count -= part
    return hits


def main(simulations: int = 2000) -> None:
    """Print the table."""
    rng, every = np.random.default_rng(0), []
    each = simulations // (len(MEANS) * len(SEED_SDS))
    for shape in itertools.product(SEEDS, LAYOUTS):
        cells = []
        for sd in LAYOUT_SDS:
            kinds = list(itertools.product(MEANS, SEED_SDS))
            hits = [covered(rng, shape, mean, (of_seeds, sd), each) for mean, of_seeds in kinds]
            cells.append(sum(hits) / (each * len(hits)))
        every += cells
        print(f"| {shape[0]} | {shape[1]:,} | {' | '.join(f'{100 * cell:.1f}' for cell in cells)} |", flush=True)
    print(f"least {100 * min(every):.1f} %, mean {100 * np.mean(every):.1f} %, {simulations:,} simulations a cell")


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
