"""Explicitness."""

import warnings

import numpy as np
import torch
from torch import Tensor

from lr_lightning.metrics.core.quiet_fit import fit_in_threads
from lr_lightning.metrics.core.result import MetricResult, Score, mean_of_known
from lr_lightning.metrics.core.sample import (
    Floats,
    Integers,
    Sample,
    Sampling,
    as_sample,
    warn_of_constant_factors,
)
from lr_lightning.metrics.function_metric import FunctionMetric


def explicitness(
    codes: Tensor | Sample, factors: Tensor | None = None, *, sampling: Sampling | None = None
) -> MetricResult:
    r"""Score how well a linear classifier predicts each factor from the whole code.

    .. math:: \mathrm{explicitness} = \frac{1}{K} \sum_k \frac{1}{V_k} \sum_v \mathrm{AUC}(\hat p(y_k = v \mid z))

    with the probabilities of a multinomial logistic regression on standardized codes, one a factor, and the area under
    the receiver operating characteristic of each value against all others.

    Args:
        codes: Codes, shape ``(N, D)``, or a :class:`.Sample`.
        factors: Factor indices, shape ``(N, K)``.
        sampling: Which rows.

    Returns:
        Scores ``explicitness_auc_test`` on the held-out rows and ``explicitness_auc_train`` on the training rows, in
        ``[0, 1]``, no unit; higher is better. Chance is .5 on held-out rows, and higher on few training rows. A perfect
        code scores below 1 if a factor has many values for the number of rows: the penalty keeps the classifier from
        separating neighboring values. Some authors rescale to ``2 AUC - 1``. ``per_factor``: ``auc_test``,
        ``auc_train``. Codes are standardized with the statistics of the training rows; constant latents become 0. The
        classifier is scikit-learn's with its default penalty (``C=1``), solved to ``tol=1e-4`` with up to ten times the
        default of 100 iterations.

        Blind to rotations, duplicates and any other spread of a factor over latents. A lost factor costs only half of
        its share, as chance is .5. Values that all rows or no rows have are excluded from the mean; a value without
        training rows has a predicted probability of 0 and an area of .5. Factors with one value are left out with a
        warning; NaN with a warning if no factor varies, and for the test score if there are no held-out rows.

    Raises:
        ValueError: As :func:`draw`.

    References:
        Ridgeway and Mozer, Learning Deep Disentangled Embeddings with the F-Statistic Loss, NeurIPS 2018,
        arXiv:1802.05312; parameters of Locatello et al., Challenging Common Assumptions, ICML 2019, arXiv:1811.12359.

    Example:
        >>> grid = torch.cartesian_prod(torch.arange(4), torch.arange(5)).repeat(6, 1)
        >>> result = explicitness(grid.float(), grid, sampling=Sampling(num_train=80, num_test=40))
        >>> result["auc_test"] > 0.99
        True
    """
    sample = as_sample(codes, factors, sampling)
    warn_of_constant_factors(sample)
    mean, deviation = sample.codes.mean(axis=0, dtype=np.float64), sample.codes.std(axis=0, dtype=np.float64)
    deviation[np.ptp(sample.codes, axis=0) == 0] = 1.0
    train, test = (sample.codes - mean) / deviation, (sample.test_codes - mean) / deviation
    areas = np.full((2, sample.num_factors), np.nan)
    areas[:, sample.varying_factors] = np.reshape(
        fit_in_threads(
            lambda k: _areas(train, sample.factors[:, k], test, sample.test_factors[:, k]), sample.varying_factors
        ),
        (-1, 2),
    ).T
    on_test, on_train = mean_of_known(areas[0]), mean_of_known(areas[1])
    if np.isnan(on_train):
        warnings.warn("explicitness is undefined: it needs a factor that varies", stacklevel=2)
    elif np.isnan(on_test):
        warnings.warn(
            "explicitness on the test is undefined: it needs a factor that varies in the rows held out; raise num_test",
            stacklevel=2,
        )
    return MetricResult(
        metric="explicitness",
        scores={
            "explicitness_auc_test": Score(on_test, scored_on="test"),
            "explicitness_auc_train": Score(on_train),
        },
        num_train=len(sample.codes),
        num_test=len(sample.test_codes),
        per_factor={"auc_test": torch.from_numpy(areas[0]), "auc_train": torch.from_numpy(areas[1])},
        parameters={"classifier": "logistic regression", "C": 1.0, "solver": "lbfgs", "tol": 1e-4, "max_iter": 1000},
        active=torch.from_numpy(sample.active),
        codes=sample.kind,
    )


def _areas(codes: Floats, factor: Integers, test_codes: Floats, test_factor: Integers) -> tuple[float, float]:
    """Return the areas of a classifier fitted to ``codes``, on the test and on ``codes`` themselves."""
    from sklearn.linear_model import LogisticRegression

    classifier = LogisticRegression(C=1.0, solver="lbfgs", tol=1e-4, max_iter=1000)
    classifier.fit(codes, factor)
    areas = []
    for rows, values in ((test_codes, test_factor), (codes, factor)):
        if not len(rows):
            areas.append(np.nan)
            continue
        num_values = 1 + max(int(factor.max()), int(values.max()))
        probabilities = np.zeros((len(rows), num_values))
        probabilities[:, classifier.classes_] = classifier.predict_proba(rows)
        areas.append(area_under_curve(probabilities, values))
    return areas[0], areas[1]


def area_under_curve(scores: Floats, values: Integers) -> float:
    """Return how often a row with a value has a higher score for it than one without, ties counting half.

    Args:
        scores: Score ``(N, V)`` of each row for each value.
        values: Values of the rows ``(N,)`` in ``[0, V)``.

    Returns:
        The mean over all values that some rows have and some have not; NaN if there are none.
    """
    from scipy.stats import rankdata

    ranks = rankdata(scores, axis=0)
    has_value = values[:, None] == np.arange(scores.shape[1])
    with_it = has_value.sum(axis=0)
    pairs = with_it * (len(values) - with_it)
    above = (ranks * has_value).sum(axis=0) - with_it * (with_it + 1) / 2
    return mean_of_known(above[pairs > 0] / pairs[pairs > 0])


class Explicitness(FunctionMetric, function=explicitness):
    """How well a linear classifier predicts each factor from the whole code; see :func:`.functional.explicitness`."""

    metric = "explicitness"
    higher_is_better = True
    refits = True
    num_chance_draws = 3
