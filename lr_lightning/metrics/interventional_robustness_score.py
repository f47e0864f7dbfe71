"""Interventional robustness score."""

import warnings

import numpy as np
import torch
from torch import Tensor

from lr_lightning.common.checks import check_at_least
from lr_lightning.metrics.core.binning import bin_codes
from lr_lightning.metrics.core.result import MetricResult, Score
from lr_lightning.metrics.core.sample import (
    Floats,
    Integers,
    Sample,
    Sampling,
    as_sample,
    warn_of_constant_factors,
)
from lr_lightning.metrics.function_metric import FunctionMetric


def interventional_robustness_score(
    codes: Tensor | Sample,
    factors: Tensor | None = None,
    *,
    quantile: float = 0.99,
    num_bins: int | None = 20,
    sampling: Sampling | None = None,
) -> MetricResult:
    r"""Score how little each latent changes while one factor is fixed and all others vary (IRS).

    .. math:: \mathrm{IRS}_{jk} = 1 - \frac{1}{w_j V_k} \sum_v Q_q\left(|z_j - \bar z_j(v)| \mid y_k = v\right),
        \qquad \mathrm{IRS} = \frac{\sum_j w_j \max_k \mathrm{IRS}_{jk}}{\sum_j w_j}

    where :math:`\bar z_j(v)` is the mean of latent :math:`j` given :math:`y_k = v`, :math:`Q_q` the quantile over rows,
    and the weight :math:`w_j` the largest deviation of the latent from its mean over all rows.

    Args:
        codes: Codes, shape ``(N, D)``, or a :class:`.Sample`.
        factors: Factor indices, shape ``(N, K)``.
        quantile: Quantile :math:`q` of the deviations, linear between rows; .99 in the study, 1 (their maximum) in the
            paper.
        num_bins: Number of equal-width bins for the values of each factor, as in the study; ``None``: one bin per
            value, as in the paper.
        sampling: Which rows; only the training rows are used.

    Returns:
        Score ``irs_q99``, named after the quantile, at most 1, no unit; higher is better. Chance is not 0: about .35
        for normal codes, whose extreme rows deviate more than the quantile, and slightly negative for uniform codes. A
        perfect code scores below 1 if bins contain several values of a factor. ``matrix``: :math:`\mathrm{IRS}_{jk}`
        ``(D, K)``. ``per_latent``: ``weight``, ``max``, ``factor`` (the index :math:`k` of the maximum). Computed in
        the precision of the codes, as in disentanglement_lib: for float32 codes with a round-off of about 1e-6, and
        more if the mean is far larger than the deviations.

        Blind to factors that are not encoded (a code that lost half of them scores .997) and to duplicates; noise
        latents added to a perfect code lower the score. One outlier raises both the robustness of its latent and its
        weight. Rescaling all codes has no effect, but the relative scale of a latent sets its weight. Constant latents
        have weight 0 and NaN in ``matrix`` and ``max``. Factors with one value are left out with a warning; NaN with a
        warning if no factor or no latent varies.

    Raises:
        ValueError: As :func:`draw`; or if ``quantile`` is not in ``(0, 1]`` or ``num_bins < 2``.

    References:
        Suter et al., Robustly Disentangled Causal Mechanisms: Validating Deep Representations for Interventional
        Robustness, ICML 2019, arXiv:1811.00007; parameters of Locatello et al., Challenging Common Assumptions, ICML
        2019, arXiv:1811.12359.

    Example:
        >>> grid = torch.cartesian_prod(torch.arange(4), torch.arange(5))
        >>> sampling = Sampling(num_train=20, num_test=0)
        >>> round(interventional_robustness_score(grid.float(), grid, sampling=sampling).value, 6)
        1.0
    """
    check_quantile(quantile)
    if num_bins is not None:
        check_at_least("num_bins", num_bins, 2)
    sample = as_sample(codes, factors, sampling)
    warn_of_constant_factors(sample)
    latents = sample.codes  # in their own precision, for equal numbers with disentanglement_lib
    grouped = {k: _groups(sample.factors[:, k], num_bins) for k in sample.varying_factors}
    matrix, weights = _robustness(latents, grouped, sample.num_factors, quantile)
    largest, parents = _best_factor(matrix)
    value = _weighted_mean(largest, weights)
    if np.isnan(value):
        warnings.warn("irs is undefined: it needs a latent and a factor that vary", stacklevel=2)
    return MetricResult(
        metric="irs",
        scores={f"irs_q{100 * quantile:g}": Score(value)},
        num_train=len(latents),
        matrix=torch.from_numpy(matrix),
        matrix_label="interventional robustness",
        per_latent={
            "weight": torch.from_numpy(weights),
            "max": torch.from_numpy(largest),
            "factor": torch.from_numpy(parents),
        },
        parameters={"quantile": quantile, "num_bins": num_bins},
        active=torch.from_numpy(sample.active),
        codes=sample.kind,
    )


def check_quantile(quantile: float) -> None:
    """Raise ``ValueError`` for a ``quantile`` outside ``(0, 1]``."""
    if not 0 < quantile <= 1:
        raise ValueError(f"quantile must be above 0 and at most 1, got {quantile}")


def _groups(factor: Integers, num_bins: int | None) -> list[Integers]:
    """Return the rows of each value of a factor, or of each bin that is not empty."""
    values = factor if num_bins is None else bin_codes(factor[:, None].astype(np.float64), num_bins)[:, 0]
    starts = np.cumsum(np.unique(values, return_counts=True)[1])[:-1]
    return np.split(np.argsort(values, kind="stable"), starts)


def _robustness(
    latents: Floats, grouped: dict[int, list[Integers]], num_factors: int, quantile: float
) -> tuple[Floats, Floats]:
    """Return the matrix ``(D, K)``, NaN for a constant latent or factor, and the largest deviations ``(D,)``."""
    largest = np.abs(latents - latents.mean(axis=0)).max(axis=0).astype(np.float64)
    largest[np.ptp(latents, axis=0) == 0] = 0.0  # round-off of the mean
    matrix = np.full((latents.shape[1], num_factors), np.nan)
    for k, groups in grouped.items():
        deviations = np.zeros(len(largest))
        for rows in groups:
            group = latents[rows]
            deviations += np.quantile(np.abs(group - group.mean(axis=0)), quantile, axis=0)
        moving = largest > 0
        matrix[moving, k] = 1 - deviations[moving] / len(groups) / largest[moving]
    return matrix, largest


def _best_factor(matrix: Floats) -> tuple[Floats, Floats]:
    """Return the largest entry of each row of the matrix and its column, NaN for a row without entries."""
    known = np.where(np.isnan(matrix), -np.inf, matrix)
    empty = np.isneginf(known).all(axis=1)
    return np.where(empty, np.nan, known.max(axis=1)), np.where(empty, np.nan, known.argmax(axis=1))


def _weighted_mean(parts: Floats, weights: Floats) -> float:
    """Return the mean of the parts that are known; NaN if there are none."""
    known = ~np.isnan(parts)
    return float(np.average(parts[known], weights=weights[known])) if known.any() else np.nan


class InterventionalRobustnessScore(FunctionMetric, function=interventional_robustness_score):
    """How little latents change while one factor is fixed; see :func:`.functional.interventional_robustness_score`."""

    metric = "irs"
    aliases = ("interventional_robustness_score",)
    higher_is_better = True
