"""Mutual-information-based entropy disentanglement."""

import math
import warnings

import torch
from torch import Tensor

from lr_lightning.common.checks import check_at_least, check_choice
from lr_lightning.metrics.core.aggregations import (
    completeness_per_factor,
    dci_completeness,
    dci_disentanglement,
    disentanglement_per_latent,
)
from lr_lightning.metrics.core.binning import Binning, check_bins
from lr_lightning.metrics.core.information import BIAS_CORRECTIONS, BiasCorrection, mutual_information
from lr_lightning.metrics.core.result import MetricResult, Score, are_undefined
from lr_lightning.metrics.core.sample import Sample, Sampling, as_sample, warn_of_constant_factors
from lr_lightning.metrics.function_metric import FunctionMetric


def mutual_information_based_entropy_disentanglement(
    codes: Tensor | Sample,
    factors: Tensor | None = None,
    *,
    num_bins: int = 20,
    binning: Binning = "equal_width",
    bias_correction: BiasCorrection = "none",
    topk: int | None = None,
    sampling: Sampling | None = None,
) -> MetricResult:
    r"""Score disentanglement and completeness as in DCI, with mutual information as importance (MED).

    .. math:: R_{jk} = \frac{I(z_j; y_k)}{\sum_j I(z_j; y_k)}

    is aggregated by :func:`.functional.dci_disentanglement` and :func:`.functional.dci_completeness`. No predictor is
    fitted, so the score is suitable for codes with many latents.

    Args:
        codes: Codes, shape ``(N, D)``, or a :class:`.Sample`.
        factors: Factor indices, shape ``(N, K)``.
        num_bins: Number of bins per latent.
        binning: ``"equal_width"``, or ``"quantile"`` if outliers would widen the bins.
        bias_correction: ``"miller_madow"`` subtracts the expected bias from each estimate of information. This raises
            the scores of good codes to their values for many rows, but also those of noise, whose remaining information
            is 0 for some factors but not for others. Compare with chance.
        topk: If given, also score only the ``topk`` most disentangled of the latents that are most informative about
            each factor.
        sampling: Which rows; only the training rows are used.

    Returns:
        Scores ``med_disentanglement``, ``med_completeness``, and with ``topk=5`` ``med_top5_disentanglement`` and
        ``med_top5_completeness``, in ``[0, 1]``, no unit; higher is better.
        ``matrix``: :math:`R` ``(D, K)``; columns sum to 1 (0 for a factor without any information).
        ``per_latent``: ``disentanglement``, ``importance``, and ``kept`` with ``topk``. ``per_factor``:
        ``completeness``.

        Zero information is estimated as positive, so a perfect code scores below 1: .92 with 2,000 rows and factors of
        six values; use 10,000 rows. Disentanglement is blind to duplicated latents. Both scores are blind to the amount
        of information about a factor, since columns sum to 1: a factor that is not encoded counts as much as any other,
        with the noise of its estimates. Factors with one value are left out with a warning. With a warning,
        disentanglement is NaN if fewer than two factors vary, completeness for a single latent, and both without any
        information.

    Raises:
        ValueError: As :func:`draw`; or if ``num_bins < 2``, ``topk < 1``, or ``binning`` or ``bias_correction`` is
            unknown.

    References:
        Cao et al., An Empirical Study on Disentanglement of Negative-free Contrastive Learning, NeurIPS 2022,
        arXiv:2206.04756.

    Example:
        >>> grid = torch.cartesian_prod(torch.arange(4), torch.arange(5))
        >>> codes = torch.cat([grid, grid], dim=1).float()
        >>> sampling = Sampling(num_train=20, num_test=0)
        >>> result = mutual_information_based_entropy_disentanglement(codes, grid, topk=1, sampling=sampling)
        >>> [round(result[name], 2) for name in ("disentanglement", "completeness", "top1_completeness")]
        [1.0, 0.5, 1.0]
    """
    if topk is not None:
        check_at_least("topk", topk, 1)
    check_bins(num_bins, binning)
    check_choice("bias_correction", bias_correction, BIAS_CORRECTIONS)
    sample = as_sample(codes, factors, sampling)
    warn_of_constant_factors(sample)
    matrix = _shares(mutual_information(sample, num_bins, binning, bias_correction))
    varying = sample.varying_factors
    values = _aggregate(matrix[:, varying], topk)
    undefined = [name for name, value in values.items() if math.isnan(value)]
    if undefined:
        warnings.warn(
            f"{are_undefined(undefined)}: disentanglement needs two factors that vary, completeness two latents, and "
            "both some information",
            stacklevel=2,
        )
    return MetricResult(
        metric="med",
        scores={name: Score(value) for name, value in values.items()},
        num_train=len(sample.codes),
        matrix=matrix,
        matrix_label="share of the mutual information",
        per_factor={"completeness": _completeness_per_factor(matrix, varying)},
        per_latent=_per_latent(matrix, varying, topk),
        parameters={
            "num_bins": num_bins,
            "binning": binning,
            "bias_correction": bias_correction,
            "topk": topk,
        },
        active=torch.from_numpy(sample.active),
        codes=sample.kind,
    )


def _shares(information: Tensor) -> Tensor:
    """Return ``information`` (D, K) divided by the sum of each column, 0 where the sum is 0."""
    total = information.sum(dim=0)
    return torch.where(total > 0, information / total, 0.0)


def _aggregate(matrix: Tensor, topk: int | None) -> dict[str, float]:
    """Return all scores by name, NaN where undefined."""
    rows = {"": matrix}
    if topk is not None:
        rows[f"top{topk}_"] = matrix[_most_disentangled(matrix, topk)]
    values = {}
    for prefix, part in rows.items():
        latents, factors = part.shape
        known = bool(part.sum() > 0)
        disentanglement = dci_disentanglement(part).item() if known and factors > 1 else math.nan
        values[f"med_{prefix}disentanglement"] = disentanglement
        values[f"med_{prefix}completeness"] = dci_completeness(part).item() if known and latents > 1 else math.nan
    return values


def _most_disentangled(matrix: Tensor, topk: int) -> Tensor:
    """Return a mask ``(D,)`` of the ``topk`` most disentangled latents among those with the same main factor.

    Latents without information belong to no factor.
    """
    kept = torch.zeros(len(matrix), dtype=torch.bool)
    if not matrix.shape[1]:
        return kept
    factor = torch.where(matrix.sum(dim=1) > 0, matrix.argmax(dim=1), -1)
    order = disentanglement_per_latent(matrix).argsort(descending=True, stable=True)
    for k in range(matrix.shape[1]):
        kept[order[factor[order] == k][:topk]] = True
    return kept


def _per_latent(matrix: Tensor, varying: list[int], topk: int | None) -> dict[str, Tensor]:
    parts = {"importance": matrix.sum(dim=1), "disentanglement": torch.full((len(matrix),), math.nan).double()}
    if varying:
        parts["disentanglement"] = disentanglement_per_latent(matrix[:, varying])
    if topk is not None:
        parts["kept"] = _most_disentangled(matrix[:, varying], topk).double()
    return parts


def _completeness_per_factor(matrix: Tensor, varying: list[int]) -> Tensor:
    parts = torch.full((matrix.shape[1],), math.nan, dtype=torch.float64)
    if varying:
        parts[varying] = completeness_per_factor(matrix[:, varying])
    return parts


class MED(FunctionMetric, function=mutual_information_based_entropy_disentanglement):
    """Disentanglement and completeness as in DCI, with mutual information as importance.

    See :func:`.functional.mutual_information_based_entropy_disentanglement`.
    """

    metric = "med"
    higher_is_better = True
