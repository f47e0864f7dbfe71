"""Chance and ceiling of any score: the scores of noise and of a perfect code on the same rows."""

import math
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import TypeAlias

import numpy as np

from lr_lightning.common.checks import check_at_least
from lr_lightning.metrics.core.reference_codes import noise_sample, perfect_samples, shuffled_sample
from lr_lightning.metrics.core.result import MetricResult, mean_of_known
from lr_lightning.metrics.core.sample import Sample

Metric: TypeAlias = Callable[[Sample], MetricResult]


def with_levels(metric: Metric, sample: Sample, num_draws: int = 5) -> MetricResult:
    """Return the result of ``metric`` for ``sample``, each score with its chance and ceiling.

    Args:
        metric: Any metric that compares codes with factors, e.g. :func:`.functional.mutual_information_gap`; parameters
            are set with :func:`functools.partial`.
        sample: Rows as :func:`draw` returns them.
        num_draws: Ways of pairing codes and factors at random that chance is the mean over; the metric runs
            ``num_draws`` times for it, and once or twice for the ceiling.

    Raises:
        ValueError: As ``metric``, or if ``num_draws < 1``.

    Example:
        >>> import torch
        >>> from lr_lightning.metrics.mean_correlation_coefficient import mean_correlation_coefficient
        >>> from lr_lightning.metrics.core.sample import draw
        >>> grid = torch.cartesian_prod(torch.arange(4), torch.arange(5)).repeat(50, 1)
        >>> score = with_levels(mean_correlation_coefficient, draw(grid.float(), grid)).scores["mcc_pearson"]
        >>> round(score.ceiling, 6), 0 < score.chance < 0.1
        (1.0, True)
    """
    result = metric(sample)
    return fill_levels(result, chance_of_shuffles(metric, sample, num_draws), ceilings(metric, sample))


def chance_of_shuffles(metric: Metric, sample: Sample, num_draws: int) -> dict[str, float]:
    """Return the mean of each score over ``num_draws`` ways of pairing codes and factors at random; NaN if undefined.

    Raises:
        ValueError: As ``metric``, or if ``num_draws < 1``.
    """
    check_at_least("num_draws", num_draws, 1)
    return _mean(metric, (shuffled_sample(sample, number) for number in range(num_draws)))


def chance_of_noise(metric: Metric, sample: Sample, num_draws: int) -> dict[str, float]:
    """Return the mean of each score over ``num_draws`` draws of noise for codes, see :func:`noise_sample`.

    The same for all codes of a data set with as many latents, unlike :func:`chance_of_shuffles`, which keeps the
    distribution of the codes at hand.

    Raises:
        ValueError: As ``metric``, or if ``num_draws < 1``.
    """
    check_at_least("num_draws", num_draws, 1)
    return _mean(metric, (noise_sample(sample, number) for number in range(num_draws)))


def ceilings(metric: Metric, sample: Sample, *, try_without_spare: bool = True) -> dict[str, float]:
    """Return the scores of a perfect code, see :func:`perfect_samples`; NaN if undefined.

    It has as many latents as ``sample``. To latents left over some scores are blind, some (completeness) rise with
    them, and some (a mean over all latents) fall: the better score of both is its ceiling.

    Args:
        metric: The metric.
        sample: Rows.
        try_without_spare: Whether to also try codes without the spare latents, for scores that are lowered by them.
    """
    codes = perfect_samples(sample)
    results = [_quietly(metric, perfect) for perfect in (codes if try_without_spare else codes[:1])]
    found = {}
    for name, score in results[0].scores.items():
        values = np.array([result.scores[name].value for result in results])
        known = values[~np.isnan(values)]
        best = known.max if score.higher_is_better else known.min
        found[name] = float(best()) if len(known) else math.nan
    return found


def fill_levels(result: MetricResult, chance: Mapping[str, float], ceiling: Mapping[str, float]) -> MetricResult:
    """Return ``result`` with the given levels of its scores, by name; missing and NaN levels change nothing."""

    def known(levels: Mapping[str, float], name: str, otherwise: float | None) -> float | None:
        return otherwise if math.isnan(levels.get(name, math.nan)) else levels[name]

    scores = {
        name: score._replace(chance=known(chance, name, score.chance), ceiling=known(ceiling, name, score.ceiling))
        for name, score in result.scores.items()
    }
    return replace(result, scores=scores)


def _mean(metric: Metric, samples: Iterable[Sample]) -> dict[str, float]:
    results = [_quietly(metric, sample) for sample in samples]
    return {
        name: mean_of_known(np.array([result.scores[name].value for result in results])) for name in results[0].scores
    }


def _quietly(metric: Metric, sample: Sample) -> MetricResult:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what is wrong with the factors was said of the sample itself
        return metric(sample)
