"""Ranks of weighted values."""

import numpy as np
from scipy.stats import rankdata

from lr_lightning.study.analysis.ranks import weighted_ranks


def test_ranks_of_repeated_values() -> None:
    """Weights that are whole numbers stand for repetitions."""
    generator = np.random.default_rng(0)
    values = generator.integers(0, 5, size=30).astype(float)
    weights = generator.multinomial(30, np.full(30, 1 / 30), size=4)
    ranks = weighted_ranks(values, weights.astype(float))
    for of_sample, count in zip(ranks, weights, strict=True):
        repeated = np.repeat(np.arange(30), count)
        np.testing.assert_allclose(of_sample[repeated], rankdata(values[repeated]) - 0.5)
