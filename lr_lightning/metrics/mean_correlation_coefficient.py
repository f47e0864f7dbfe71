"""Mean correlation coefficient."""

import warnings
from typing import ClassVar, Literal, TypeAlias

import numpy as np
import torch
from torch import Tensor

from lr_lightning.common.checks import check_choice
from lr_lightning.metrics.base import Variants
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

Correlation: TypeAlias = Literal["pearson", "spearman"]


def mean_correlation_coefficient(
    codes: Tensor | Sample,
    factors: Tensor | None = None,
    *,
    correlation: Correlation = "pearson",
    sampling: Sampling | None = None,
) -> MetricResult:
    r"""Score how well factors correlate with latents when each factor is matched to one latent (MCC).

    .. math:: \mathrm{MCC} = \frac{1}{K} \max_\pi \sum_k |\mathrm{corr}(z_{\pi(k)}, y_k)|

    over all assignments :math:`\pi` of different latents to factors.

    Args:
        codes: Codes, shape ``(N, D)``, or a :class:`.Sample`.
        factors: Factor indices, shape ``(N, K)``; their order is that of the values.
        correlation: ``"pearson"``, or ``"spearman"``, which is of ranks and the same for all monotone changes.
        sampling: Which rows; only the training rows are used.

    Returns:
        Score ``mcc_pearson`` or ``mcc_spearman`` in ``[0, 1]``, no unit; higher is better. Chance is about .03 with
        2000 rows and four factors; with fewer latents than factors the maximum is ``D / K``. ``"spearman"`` reaches 1
        only if a factor's value determines the code exactly: any noise breaks ties, which limits it to .986 for six
        values. ``matrix``: absolute correlations ``(D, K)``, 0 for constant latents. ``per_factor``:
        ``correlation``, and ``latent``, the index of the latent assigned.

        Blind to other factors in the same latent: two factors rotated into each other by 45 degrees still score .71,
        and unmatched latents cost nothing. Factors without a matched latent count 0; some implementations instead fill
        missing columns with noise, which adds its correlations, or require ``D >= K``. Factors on a circle cannot reach
        1, and the score of unordered factors depends on their numbering. Factors with one value are left out with a
        warning; NaN with a warning if none varies.

    Raises:
        ValueError: As :func:`draw`; or if ``correlation`` is unknown.

    References:
        Hyvarinen and Morioka, Unsupervised Feature Extraction by Time-Contrastive Learning and Nonlinear ICA, NeurIPS
        2016, arXiv:1605.06336; for disentanglement Klindt et al., Towards Nonlinear Disentanglement in Natural Data
        with Temporal Sparse Coding, ICLR 2021, arXiv:2007.10930.

    Example:
        >>> grid = torch.cartesian_prod(torch.arange(4), torch.arange(5))
        >>> codes = -grid[:, [1, 0]].float()
        >>> sampling = Sampling(num_train=20, num_test=0)
        >>> round(mean_correlation_coefficient(codes, grid, sampling=sampling).value, 6)
        1.0
    """
    check_choice("correlation", correlation, ("pearson", "spearman"))
    sample = as_sample(codes, factors, sampling)
    warn_of_constant_factors(sample)
    varying = sample.varying_factors
    latents, values = _standardized(sample.codes, correlation), _standardized(sample.factors, correlation)
    matrix = np.full((sample.latent_dim, sample.num_factors), np.nan)
    matrix[:, varying] = _absolute_correlations(latents, values[:, varying])
    matched, assigned = (np.full(sample.num_factors, np.nan) for _ in range(2))
    matched[varying], assigned[varying] = _match(matrix[:, varying])
    value = float(matched[varying].mean()) if varying else np.nan
    if not varying:
        warnings.warn("mcc is undefined: it needs a factor that varies", stacklevel=2)
    return MetricResult(
        metric="mcc",
        scores={f"mcc_{correlation}": Score(value)},
        num_train=len(latents),
        matrix=torch.from_numpy(matrix),
        matrix_label=f"absolute correlation ({correlation})",
        per_factor={"correlation": torch.from_numpy(matched), "latent": torch.from_numpy(assigned)},
        parameters={"correlation": correlation},
        active=torch.from_numpy(sample.active),
        codes=sample.kind,
    )


def _standardized(columns: Floats | Integers, correlation: Correlation) -> Floats:
    """Return each column, or its ranks, with mean 0 and length 1; one that is constant correlates with nothing."""
    from scipy.stats import rankdata

    columns = rankdata(columns, axis=0) if correlation == "spearman" else columns.astype(np.float64)
    deviations = columns - columns.mean(axis=0)
    lengths = np.linalg.norm(deviations, axis=0)
    standardized: Floats = deviations / np.where(lengths > 0, lengths, 1.0)
    return standardized


def _absolute_correlations(latents: Floats, values: Floats) -> Floats:
    return np.minimum(np.abs(latents.T @ values), 1.0)  # round-off


def _match(matrix: Floats) -> tuple[Floats, Floats]:
    """Return the correlation ``(K,)`` of each factor with its own latent, and which; 0 and NaN if none is left."""
    from scipy.optimize import linear_sum_assignment

    matched, assigned = np.zeros(matrix.shape[1]), np.full(matrix.shape[1], np.nan)
    latents, columns = linear_sum_assignment(matrix, maximize=True)
    matched[columns], assigned[columns] = matrix[latents, columns], latents
    return matched, assigned


class MeanCorrelationCoefficient(FunctionMetric, function=mean_correlation_coefficient):
    """How well factors correlate with matched latents; see :func:`.functional.mean_correlation_coefficient`."""

    metric = "mcc"
    variants: ClassVar[Variants] = {
        "mcc_pearson": {"correlation": "pearson"},
        "mcc_spearman": {"correlation": "spearman"},
    }
    higher_is_better = True
