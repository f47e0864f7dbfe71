"""Fairness: whether predictions of one factor change with another."""

import math
import warnings
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from lr_lightning.common.checks import check_at_least, check_choice
from lr_lightning.metrics.core.predictors import (
    PREDICTORS,
    Predict,
    Predictor,
    accuracy_held_out,
    fitted,
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


def fairness(
    codes: Tensor | Sample,
    factors: Tensor | None = None,
    *,
    predictor: Predictor = "lightgbm",
    num_points_per_value: int = 100,
    sampling: Sampling | None = None,
) -> MetricResult:
    r"""Score how much predictions of one factor change with another, the sensitive one.

    .. math:: u_{ts} = \sum_{v} p(y_s = v)\; \tfrac{1}{2} \sum_{\hat y}
        \left| p(\hat y_t = \hat y \mid y_s = v) - p(\hat y_t = \hat y) \right|

    is the total variation distance between the predictions of target :math:`t` in each group of a sensitive factor
    :math:`s` and over all groups. Targets are predicted by a classifier trained on the codes.

    If the rows to draw from contain each combination of factor values, groups are made by intervention, as in the
    study: the same samples with the sensitive factor set to each of its values in turn. Otherwise groups are the
    held-out rows with each value, and the names of the scores contain ``conditioned``. These scores are larger: groups
    differ by chance, and by everything correlated with the sensitive factor in the data.

    Args:
        codes: Codes, shape ``(N, D)``, or a :class:`.Sample`.
        factors: Factor indices, shape ``(N, K)``.
        predictor: ``"lightgbm"``, gradient boosted trees; ``"gbt"``, scikit-learn's trees as in the study, which take
            minutes; ``"logistic"``, logistic regression on standardized codes.
        num_points_per_value: Number of samples to intervene on for each pair of factors.
        sampling: Which rows. Interventions need the order ``"random"``, which draws from the whole table; in repeats,
            also a table that contains each combination exactly once.

    Returns:
        With ``p`` the predictor: scores ``fairness_p_mean_unfairness``, the mean of :math:`u_{ts}` over pairs of
        factors, and ``fairness_p_max_unfairness``, the largest; or ``fairness_p_conditioned_...``. In ``[0, 1]``, no
        unit, **lower is better**. Noise is fair: the chance level is the random difference between groups. A perfect
        code is no better than that if groups are conditioned, and scores 0 if they are made by intervention.
        ``matrix``: :math:`u_{ts}`, shape ``(K, K)``, rows are targets, NaN on the diagonal. ``per_factor``, as target:
        ``accuracy`` on the held-out rows and ``unfairness``, the mean over sensitive factors.

        Blind to factors that are not predicted at all: an uninformative code is fair. Read it together with the
        accuracies. Factors with one value are left out with a warning; NaN with a warning if fewer than two vary, or if
        a combination is missing and there are no held-out rows.

    Raises:
        ValueError: As :func:`draw`; or if ``predictor`` is unknown, or ``num_points_per_value < 1``.

    References:
        Locatello et al., On the Fairness of Disentangled Representations, NeurIPS 2019, arXiv:1905.13662.

    Example:
        >>> grid = torch.cartesian_prod(torch.arange(4), torch.arange(5))
        >>> result = fairness(grid.float(), grid, predictor="logistic", sampling=Sampling(num_train=20, num_test=0))
        >>> result["fairness_logistic_mean_unfairness"]
        0.0
    """
    check_choice("predictor", predictor, PREDICTORS)
    check_at_least("num_points_per_value", num_points_per_value, 1)
    sample = as_sample(codes, factors, sampling)
    warn_of_constant_factors(sample)
    groups = _intervened_groups(sample, num_points_per_value) or _conditioned_groups(sample)
    unfairness, accuracies = _unfairness(sample, predictor, groups)
    intervened = groups.kind == "intervened"
    name = f"fairness_{predictor}" if intervened else f"fairness_{predictor}_conditioned"
    scores = {
        f"{name}_{kind}_unfairness": Score(aggregate(unfairness), higher_is_better=False, scored_on="test")
        for kind, aggregate in (("mean", mean_of_known), ("max", _largest_of_known))
    }
    return MetricResult(
        metric="fairness",
        scores=scores,
        num_train=len(sample.codes),
        num_test=num_points_per_value if intervened else len(sample.test_codes),
        matrix=torch.from_numpy(unfairness),
        matrix_label="unfairness",
        matrix_axes=("target factor", "sensitive factor"),
        per_factor={
            "accuracy": torch.from_numpy(accuracies),
            "unfairness": torch.from_numpy(np.array([mean_of_known(row) for row in unfairness])),
        },
        parameters={
            "groups": groups.kind,
            "num_points_per_value": num_points_per_value,
            **predictor_parameters(sample, predictor),
        },
        active=torch.from_numpy(sample.active),
        codes=sample.kind,
    )


class _Groups(NamedTuple):
    """Groups of rows that differ in a sensitive factor.

    Attributes:
        kind: ``"intervened"`` or ``"conditioned"``.
        codes: Code table that ``rows`` index.
        rows: Function from a target and a sensitive factor to rows ``(M,)`` and the group of each row ``(M,)``.
    """

    kind: str
    codes: Floats
    rows: Callable[[int, int], tuple[Integers, Integers]]


def _intervened_groups(sample: Sample, num_points: int) -> _Groups | None:
    """Return groups that differ only in the sensitive factor; ``None`` if a combination is missing."""
    codes, factors = sample.test_pool
    # the rows of one repeat may hold each combination and those of another not
    if sample.is_repeat or math.prod(sample.factor_sizes) > len(factors):
        return None
    row_of = np.full(sample.factor_sizes, -1)
    row_of[tuple(factors.T)] = np.arange(len(factors))
    if (row_of < 0).any():
        return None

    def rows(target: int, sensitive: int) -> tuple[Integers, Integers]:
        random = sample.random(f"fairness {target} {sensitive}")
        num_values = sample.factor_sizes[sensitive]
        changed = np.tile(factors[random.integers(len(factors), size=num_points)], (num_values, 1))
        values = np.repeat(np.arange(num_values), num_points)
        changed[:, sensitive] = values
        return row_of[tuple(changed.T)], values

    return _Groups("intervened", codes, rows)


def _conditioned_groups(sample: Sample) -> _Groups:
    """Return groups of the rows held out."""
    every = np.arange(len(sample.test_codes))
    return _Groups("conditioned", sample.test_codes, lambda _, sensitive: (every, sample.test_factors[:, sensitive]))


def _unfairness(sample: Sample, predictor: Predictor, groups: _Groups) -> tuple[Floats, Floats]:
    """Return unfairness ``(K, K)`` and the accuracies ``(K,)``."""
    varying, num_factors = sample.varying_factors, sample.num_factors
    unfairness = np.full((num_factors, num_factors), np.nan)
    accuracies = np.full(num_factors, np.nan)
    if len(varying) < 2 or not len(groups.codes):
        reason = "it needs two factors that vary" if len(varying) < 2 else "it needs rows to test on; raise num_test"
        warnings.warn(f"fairness is undefined: {reason}", stacklevel=3)
        return unfairness, accuracies
    for target in varying:
        predict = fitted(sample, predictor, target, len(sample.codes))
        if len(sample.test_codes):
            accuracies[target] = accuracy_held_out(sample, predictor, target, len(sample.codes))
        others = [sensitive for sensitive in varying if sensitive != target]
        drawn = [groups.rows(target, sensitive) for sensitive in others]
        for sensitive, predicted, (_, values) in zip(
            others, _predict(predict, groups.codes, drawn), drawn, strict=True
        ):
            unfairness[target, sensitive] = _total_variation(predicted, values)
    return unfairness, accuracies


def _predict(predict: Predict, codes: Floats, drawn: list[tuple[Integers, Integers]]) -> list[Integers]:
    """Return the predictions for the rows of each draw; rows in several draws are predicted once."""
    distinct, inverse = np.unique(np.concatenate([rows for rows, _ in drawn]), return_inverse=True)
    ends = np.cumsum([len(rows) for rows, _ in drawn])[:-1]
    return np.split(predict(codes[distinct])[inverse], ends)


def _total_variation(predicted: Integers, values: Integers) -> float:
    """Return the mean over rows of the distance between predictions ``(M,)`` in the row's group and in all groups."""
    counts = np.zeros((predicted.max() + 1, values.max() + 1))
    np.add.at(counts, (predicted, values), 1)
    sizes = counts.sum(axis=0)
    overall = counts.sum(axis=1, keepdims=True) / len(values)
    distances = np.abs(counts / np.maximum(sizes, 1) - overall).sum(axis=0) / 2
    return float((distances * sizes).sum() / len(values))


def _largest_of_known(parts: Floats) -> float:
    """Return the largest non-NaN entry of ``parts``; NaN if there is none."""
    return math.nan if np.isnan(parts).all() else float(np.nanmax(parts))


class Fairness(FunctionMetric, function=fairness):
    """How much predictions of one factor change with another; see :func:`.functional.fairness`."""

    metric = "fairness"
    higher_is_better = False
    refits = True
    num_chance_draws = 1
