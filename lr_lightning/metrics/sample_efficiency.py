"""Sample efficiency: how soon a classifier learns the factors from the codes."""

import math
import warnings
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from lr_lightning.common.checks import check_at_least, check_choice
from lr_lightning.metrics.core.predictors import (
    PREDICTORS,
    Predictor,
    accuracy_held_out,
    majority_shares,
    predictor_parameters,
)
from lr_lightning.metrics.core.result import MetricResult, Score, mean_of_known
from lr_lightning.metrics.core.sample import Floats, Sample, Sampling, as_sample, warn_of_constant_factors
from lr_lightning.metrics.function_metric import FunctionMetric


def sample_efficiency(
    codes: Tensor | Sample,
    factors: Tensor | None = None,
    *,
    train_sizes: Sequence[int] = (100, 1000, 10_000),
    predictor: Predictor = "lightgbm",
    sampling: Sampling | None = None,
) -> MetricResult:
    r"""Score how soon a classifier learns the factors from the codes.

    .. math:: \text{efficiency}_n = \frac{\sum_k A_k(n)}{\sum_k A_k(n_\text{max})}

    where :math:`A_k(n)` is the accuracy, on rows held out, of predicting factor :math:`k` with a classifier trained on
    :math:`n` rows. The study compares 100 rows with 10,000.

    Args:
        codes: Codes, shape ``(N, D)``, or a :class:`.Sample`.
        factors: Factor indices, shape ``(N, K)``.
        train_sizes: Numbers of rows to train on. Each uses the first of the training rows, so larger sets contain the
            smaller ones.
        predictor: ``"lightgbm"``, gradient boosted trees; ``"gbt"``, scikit-learn's trees as in the study, which take
            minutes; ``"logistic"``, logistic regression on standardized codes.
        sampling: Which rows; ``num_train`` should be at least the largest of ``train_sizes``.

    Returns:
        With ``p`` the predictor: scores ``sample_efficiency_p_100_over_10000`` and so on, the mean accuracy at each
        size over that at the largest, no unit, higher is better; and ``sample_efficiency_p_accuracy_100`` and so on, in
        ``[0, 1]``. ``per_factor``: ``accuracy_100`` and so on, ``majority_share``, the accuracy of always
        predicting the most frequent value.

        Blind to factors that are never learned: an uninformative code is as accurate after 100 rows as after 10,000, so
        chance is about 1. Read it together with the accuracies. If the smallest size suffices, the score can exceed 1
        by about .01, as fits vary. Factors with one value are left out with a warning. NaN, with one warning, for sizes
        above the number of training rows, and for all sizes if no factor varies or there are no rows to test on.

    Raises:
        ValueError: As :func:`draw`; or if there are fewer than two distinct ``train_sizes``, one is less than 2, or
            ``predictor`` is unknown.

    References:
        Locatello et al., Challenging Common Assumptions in the Unsupervised Learning of Disentangled Representations,
        ICML 2019, arXiv:1811.12359.

    Example:
        >>> grid = torch.cartesian_prod(torch.arange(4), torch.arange(5)).repeat(20, 1)
        >>> result = sample_efficiency(grid.float(), grid, train_sizes=(50, 200), predictor="logistic")
        >>> list(result.scores)[0], result["sample_efficiency_logistic_accuracy_200"]
        ('sample_efficiency_logistic_50_over_200', 1.0)
    """
    sizes = sorted(set(train_sizes))
    if len(sizes) < 2:
        raise ValueError(f"train_sizes must have two different numbers at least, got {tuple(train_sizes)}")
    check_at_least("train_sizes", sizes[0], 2)
    check_choice("predictor", predictor, PREDICTORS)
    sample = as_sample(codes, factors, sampling)
    warn_of_constant_factors(sample)
    accuracies = _accuracies(sample, predictor, sizes)
    means = [mean_of_known(row) for row in accuracies]
    majority = majority_shares(sample)
    name = f"sample_efficiency_{predictor}"
    scores = {
        f"{name}_{size}_over_{sizes[-1]}": Score(mean / means[-1] if means[-1] else math.nan, scored_on="test")
        for size, mean in zip(sizes[:-1], means[:-1], strict=True)
    }
    scores |= {
        f"{name}_accuracy_{size}": Score(mean, scored_on="test") for size, mean in zip(sizes, means, strict=True)
    }
    parts = {f"accuracy_{size}": torch.from_numpy(row) for size, row in zip(sizes, accuracies, strict=True)}
    return MetricResult(
        metric="sample_efficiency",
        scores=scores,
        num_train=min(sizes[-1], len(sample.codes)),
        num_test=len(sample.test_codes),
        per_factor={**parts, "majority_share": torch.from_numpy(majority)},
        parameters={"train_sizes": tuple(sizes), **predictor_parameters(sample, predictor)},
        active=torch.from_numpy(sample.active),
        codes=sample.kind,
    )


def _accuracies(sample: Sample, predictor: Predictor, sizes: list[int]) -> Floats:
    """Return accuracies ``(len(sizes), K)``, NaN and one warning where they are undefined."""
    accuracies = np.full((len(sizes), sample.num_factors), np.nan)
    if not sample.varying_factors or not len(sample.test_codes):
        reason = "it needs rows held out; raise num_test" if sample.varying_factors else "it needs a factor that varies"
        warnings.warn(f"sample_efficiency is undefined: {reason}", stacklevel=3)
        return accuracies
    missing = [size for size in sizes if size > len(sample.codes)]
    if missing:
        warnings.warn(
            f"train_sizes {', '.join(map(str, missing))} exceed the {len(sample.codes)} rows to train on and give NaN",
            stacklevel=3,
        )
    for row, size in zip(accuracies, sizes, strict=True):
        if size not in missing:
            for k in sample.varying_factors:
                row[k] = accuracy_held_out(sample, predictor, k, size)
    return accuracies


class SampleEfficiency(FunctionMetric, function=sample_efficiency):
    """How soon a classifier learns the factors from the codes; see :func:`.functional.sample_efficiency`."""

    metric = "sample_efficiency"
    aliases = ("downstream_task",)
    higher_is_better = True
    refits = True
    num_chance_draws = 1
