"""MIG-sup, the mutual information gap by latent."""

import warnings

import torch
from torch import Tensor

from lr_lightning.metrics.core.aggregations import gap_per_latent
from lr_lightning.metrics.core.binning import Binning, check_bins
from lr_lightning.metrics.core.information import (
    factor_entropies,
    informative_latents,
    mutual_information,
)
from lr_lightning.metrics.core.result import MetricResult, Score
from lr_lightning.metrics.core.sample import Sample, Sampling, as_sample, warn_of_constant_factors
from lr_lightning.metrics.function_metric import FunctionMetric


def mig_sup(
    codes: Tensor | Sample,
    factors: Tensor | None = None,
    *,
    num_bins: int = 20,
    binning: Binning = "equal_width",
    sampling: Sampling | None = None,
) -> MetricResult:
    r"""Score whether each latent encodes a single factor (MIG-sup).

    .. math:: \frac{1}{|J|} \sum_{j \in J} \left(N_{j(1)} - N_{j(2)}\right), \qquad
        N_{jk} = \frac{I(z_j; y_k)}{H(y_k)}

    where :math:`(1), (2)` are the two factors about which latent :math:`j` has most information. The mean is over the
    latents :math:`J` that are informative about a factor at all, see ``informative_latents``, or over all of them.

    Args:
        codes: Codes, shape ``(N, D)``, or a :class:`.Sample`.
        factors: Factor indices, shape ``(N, K)``.
        num_bins: Number of bins per latent.
        binning: ``"equal_width"``, or ``"quantile"`` if outliers would widen the bins.
        sampling: Which rows; only the training rows are used.

    Returns:
        Scores ``mig_sup``, over informative latents, and ``mig_sup_all``, in ``[0, 1]``, no unit; higher is better.
        Each noise latent adds a 0 to the mean over all latents: a perfect code with an equal number of noise latents
        scores 1/2. By chance ``mig_sup_all`` is about 0, and ``mig_sup`` undefined, as no latent is informative.
        ``matrix``: mutual information ``(D, K)`` in nats. ``per_latent``: ``gap``, and ``informative``, 0 or 1.

        Blind to duplicated latents and to factors that are not encoded; unlike the mutual information gap, which is 0
        for duplicates. Factors with one value are left out with a warning; NaN with a warning if fewer than two vary;
        ``mig_sup`` alone is NaN with a warning if no latent is informative.

    Raises:
        ValueError: As :func:`draw`; or if ``num_bins < 2`` or ``binning`` is unknown.

    References:
        Li et al., Progressive Learning and Disentanglement of Hierarchical Representations, ICLR 2020,
        arXiv:2002.10549.

    Example:
        >>> grid = torch.cartesian_prod(torch.arange(4), torch.arange(5)).repeat(50, 1)
        >>> codes = torch.cat([grid, grid, torch.zeros(1000, 2)], dim=1)
        >>> result = mig_sup(codes, grid, sampling=Sampling(num_train=1000, num_test=0))
        >>> round(result["mig_sup"], 3), round(result["mig_sup_all"], 3)
        (1.0, 0.667)
    """
    check_bins(num_bins, binning)
    sample = as_sample(codes, factors, sampling)
    warn_of_constant_factors(sample)
    matrix, informative = mutual_information(sample, num_bins, binning), informative_latents(sample, num_bins, binning)
    gaps = _gaps(matrix, sample)
    if gaps.isnan().all():
        warnings.warn("mig_sup is undefined: it needs two factors that vary", stacklevel=2)
    elif not informative.any():
        warnings.warn(
            "mig_sup is undefined: it needs a latent with more information about a factor than chance", stacklevel=2
        )
    return MetricResult(
        metric="mig_sup",
        scores={
            "mig_sup": Score(gaps[informative].mean().item()),
            "mig_sup_all": Score(gaps.mean().item()),
        },
        num_train=len(sample.codes),
        matrix=matrix,
        matrix_label="mutual information [nats]",
        per_latent={"gap": gaps, "informative": informative.double()},
        parameters={"num_bins": num_bins, "binning": binning, "seed": sample.seed},
        active=torch.from_numpy(sample.active),
        codes=sample.kind,
    )


def _gaps(matrix: Tensor, sample: Sample) -> Tensor:
    """Return the gap ``(D,)`` of each latent between factors, NaN if fewer than two vary."""
    varying = sample.varying_factors
    if len(varying) < 2:
        return torch.full((len(matrix),), torch.nan, dtype=torch.float64)
    return gap_per_latent(matrix[:, varying] / factor_entropies(sample)[varying])


class MIGSup(FunctionMetric, function=mig_sup):
    """Whether each latent encodes a single factor; see :func:`.functional.mig_sup`."""

    metric = "mig_sup"
    higher_is_better = True
