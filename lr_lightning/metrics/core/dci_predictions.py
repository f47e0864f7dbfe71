"""How well factors are predicted from codes, and by which latents."""

from typing import NamedTuple

import numpy as np

from lr_lightning.metrics.core.dci_estimators import Estimator, EstimatorOptions, Fit, prepare
from lr_lightning.metrics.core.sample import Floats, Integers, Sample


class Predictions(NamedTuple):
    """Results of predicting each factor; NaN for factors with one value, and without held-out rows.

    Attributes:
        importances: Importance ``(D, K)`` of each latent for each factor, not negative.
        train: Informativeness ``(K,)`` on the rows to train on: accuracy, or R squared.
        test: The same on the rows held out.
    """

    importances: Floats
    train: Floats
    test: Floats


def predict_factors(
    sample: Sample, estimator: Estimator, options: EstimatorOptions, num_permutations: int
) -> Predictions:
    """Fit one estimator a factor.

    Args:
        sample: Rows to train and to test on.
        estimator: Kind of the estimators.
        options: Their parameters.
        num_permutations: Shuffles of each latent to average over; if 0, importances are the estimator's own.
    """
    regression = estimator == "lasso"
    seeds = sample.random(f"dci {estimator}").integers(2**31 - 1, size=sample.num_factors)
    fit = prepare(estimator, sample.codes, options)
    importances = np.full((sample.latent_dim, sample.num_factors), np.nan)
    informativeness = np.full((2, sample.num_factors), np.nan)  # train and test
    for k in sample.varying_factors:
        train, test = sample.factors[:, k], sample.test_factors[:, k]
        fitted = fit(train, int(seeds[k]))
        informativeness[:, k] = [
            informativeness_of(fitted.fitted, train, regression),
            informativeness_of(fitted.predict(sample.test_codes), test, regression) if len(test) else np.nan,
        ]
        if not num_permutations:
            importances[:, k] = fitted.importances
        elif len(test):
            random = sample.random(f"permutations of dci {k}")
            importances[:, k] = _fall_of_informativeness(
                fitted, sample.test_codes, test, regression, num_permutations, random
            )
    return Predictions(importances, *informativeness)


def informativeness_of(predicted: Floats | Integers, factor: Integers, regression: bool) -> float:
    """Return the share of correct values, or for a ``regression`` R squared, NaN if the factor is constant."""
    if not regression:
        return float((predicted == factor).mean())
    total = float(((factor - factor.mean()) ** 2).sum())
    return 1 - float(((factor - predicted) ** 2).sum()) / total if total > 0 else np.nan


def _fall_of_informativeness(
    fitted: Fit, codes: Floats, factor: Integers, regression: bool, num_permutations: int, random: np.random.Generator
) -> Floats:
    """Return how much informativeness falls ``(D,)``, on average over shuffles of each latent; at least 0."""
    whole = informativeness_of(fitted.predict(codes), factor, regression)
    falls = np.zeros((num_permutations, codes.shape[1]))
    for fall in falls:
        for j in range(codes.shape[1]):
            order = random.permutation(len(codes))
            if fitted.importances[j] > 0:  # else no prediction looks at it
                changed = codes.copy()
                changed[:, j] = codes[order, j]
                fall[j] = whole - informativeness_of(fitted.predict(changed), factor, regression)
    mean: Floats = np.maximum(np.nan_to_num(falls.mean(axis=0)), 0)  # nothing to lose on a constant factor
    return mean
