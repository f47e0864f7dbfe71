"""Strong generalization: accuracy of a classifier when another factor takes values not seen in training."""

import math
import warnings
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from lr_lightning.common.checks import check_at_least, check_choice
from lr_lightning.metrics.core.predictors import (
    PREDICTORS,
    Predictor,
    accuracy_held_out,
    fit,
    majority_shares,
    predictor_parameters,
)
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


def strong_generalization(
    codes: Tensor | Sample,
    factors: Tensor | None = None,
    *,
    predictor: Predictor = "lightgbm",
    num_interventions: int = 2,
    sampling: Sampling | None = None,
) -> MetricResult:
    r"""Score the accuracy of a classifier when another factor takes values not seen in training.

    To predict factor :math:`k`, another factor and one of its values are drawn. A classifier is trained only on rows
    with that value, and tested on rows with all other values. Its accuracy is compared with that of a classifier
    trained on the same number of unrestricted rows:

    .. math:: \text{gap} = 1 - \frac{\text{accuracy under the shift}}{\text{accuracy without}}

    Args:
        codes: Codes, shape ``(N, D)``, or a :class:`.Sample`.
        factors: Factor indices, shape ``(N, K)``.
        predictor: ``"lightgbm"``, gradient boosted trees; ``"gbt"``, scikit-learn's trees as in the study, which take
            minutes; ``"logistic"``, logistic regression on standardized codes.
        num_interventions: Number of draws for each predicted factor, with one fit each. Every other factor is drawn
            once before any is drawn again.
        sampling: Which rows. With the order ``"random"``, rows with a value are drawn from the whole table, up to the
            numbers of training and test rows; with ``"first"``, from the training and the held-out rows.

    Returns:
        With ``p`` the predictor: scores ``strong_generalisation_p_accuracy`` under the shift, in ``[0, 1]``, and
        ``strong_generalisation_p_unshifted_accuracy``, both higher is better; and ``strong_generalisation_p_gap``, at
        most 1 and about 0 at best, lower is better. ``per_factor``: ``accuracy`` and ``unshifted_accuracy`` of
        predicting it, ``majority_share``, the accuracy of always predicting the most frequent value.

        The gap is blind to factors that are never learned: an uninformative code has almost no gap. The score depends
        on the factors and values drawn; more interventions, or repeats, show how much. Factors with one value are left
        out with a warning; NaN with a warning if fewer than two vary, no two rows share a value of a factor to fix, or
        there are no rows to test on.

    Raises:
        ValueError: As :func:`draw`; or if ``predictor`` is unknown, or ``num_interventions < 1``.

    References:
        Locatello et al., Weakly-Supervised Disentanglement Without Compromises, ICML 2020, arXiv:2002.02886.

    Example:
        >>> grid = torch.cartesian_prod(torch.arange(4), torch.arange(5)).repeat(20, 1)
        >>> result = strong_generalization(grid.float(), grid, predictor="logistic")
        >>> result["strong_generalisation_logistic_gap"]
        0.0
    """
    check_choice("predictor", predictor, PREDICTORS)
    check_at_least("num_interventions", num_interventions, 1)
    sample = as_sample(codes, factors, sampling)
    warn_of_constant_factors(sample)
    shifted, unshifted = _accuracies(sample, predictor, num_interventions)
    majority = majority_shares(sample)
    accuracy, reference = mean_of_known(shifted), mean_of_known(unshifted)
    name = f"strong_generalisation_{predictor}"
    gap = 1 - accuracy / reference if reference else math.nan
    return MetricResult(
        metric="strong_generalisation",
        scores={
            f"{name}_accuracy": Score(accuracy, scored_on="test"),
            f"{name}_unshifted_accuracy": Score(reference, scored_on="test"),
            f"{name}_gap": Score(gap, higher_is_better=False, scored_on="test"),
        },
        num_train=len(sample.codes),
        num_test=len(sample.test_codes),
        per_factor={
            "accuracy": torch.from_numpy(shifted),
            "unshifted_accuracy": torch.from_numpy(unshifted),
            "majority_share": torch.from_numpy(majority),
        },
        parameters={"num_interventions": num_interventions, **predictor_parameters(sample, predictor)},
        active=torch.from_numpy(sample.active),
        codes=sample.kind,
    )


class _Shift(NamedTuple):
    """Training rows with one value of another factor, and test rows with its other values."""

    train: Integers
    test: Integers


def _accuracies(sample: Sample, predictor: Predictor, num_interventions: int) -> tuple[Floats, Floats]:
    """Return the accuracies ``(K,)`` with and without a shift, means over interventions; NaN where undefined."""
    shifted, unshifted = np.full((2, sample.num_factors), np.nan)
    if len(sample.varying_factors) < 2 or not len(sample.test_codes):
        few = len(sample.varying_factors) < 2
        reason = "it needs two factors that vary" if few else "it needs rows held out; raise num_test"
        warnings.warn(f"strong_generalisation is undefined: {reason}", stacklevel=3)
        return shifted, unshifted
    (codes, factors), (test_codes, test_factors) = sample.pool, sample.test_pool
    for k in sample.varying_factors:
        with_shift, without = [], []
        for train, test in _shifts(sample, k, num_interventions):
            predict = fit(sample, predictor, codes[train], factors[train, k])
            with_shift.append((predict(test_codes[test]) == test_factors[test, k]).mean())
            without.append(accuracy_held_out(sample, predictor, k, len(train)))
        if with_shift:
            shifted[k], unshifted[k] = np.mean(with_shift), np.mean(without)
    if np.isnan(shifted).all():
        warnings.warn(
            "strong_generalisation is undefined: it needs two rows to train on that share a value", stacklevel=3
        )
    return shifted, unshifted


def _shifts(sample: Sample, target: int, num_shifts: int) -> Iterator[_Shift]:
    """Draw shifts of factors other than ``target`` that have values with both training and test rows."""
    random = sample.random(f"strong_generalisation {target}")
    train_factors, test_factors = sample.pool[1], sample.test_pool[1]
    shiftable = {k: _values_to_fix(train_factors[:, k], test_factors[:, k]) for k in sample.varying_factors}
    others = random.permutation([k for k, values in shiftable.items() if k != target and len(values)])
    for each in range(num_shifts if len(others) else 0):
        factor = others[each % len(others)]
        value = random.choice(shiftable[factor])
        train = np.flatnonzero(train_factors[:, factor] == value)
        test = np.flatnonzero(test_factors[:, factor] != value)
        yield _Shift(
            random.choice(train, size=min(len(sample.codes), len(train)), replace=False),
            random.choice(test, size=min(len(sample.test_codes), len(test)), replace=False),
        )


def _values_to_fix(train: Integers, test: Integers) -> Integers:
    """Return the values that at least two rows of ``train`` (N,), but not all rows of ``test`` (M,), have."""
    counts = np.bincount(train)
    test_counts = np.bincount(test, minlength=len(counts))[: len(counts)]
    return np.flatnonzero((counts > 1) & (test_counts < len(test)))


class StrongGeneralization(FunctionMetric, function=strong_generalization):
    """Accuracy of classifiers for unseen values of other factors; see :func:`.functional.strong_generalization`."""

    metric = "strong_generalisation"
    aliases = (
        "strong_downstream_task",
        "strong_generalization",
    )
    higher_is_better = True
    refits = True
    num_chance_draws = 1
