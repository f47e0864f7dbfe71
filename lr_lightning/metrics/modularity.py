"""Modularity."""

import warnings

import torch
from torch import Tensor

from lr_lightning.metrics.core.aggregations import modularity_per_latent
from lr_lightning.metrics.core.binning import Binning, check_bins
from lr_lightning.metrics.core.information import informative_latents, mutual_information
from lr_lightning.metrics.core.result import MetricResult, Score
from lr_lightning.metrics.core.sample import Sample, Sampling, as_sample, warn_of_constant_factors
from lr_lightning.metrics.function_metric import FunctionMetric


def modularity_score(
    codes: Tensor | Sample,
    factors: Tensor | None = None,
    *,
    num_bins: int = 20,
    binning: Binning = "equal_width",
    sampling: Sampling | None = None,
) -> MetricResult:
    r"""Score whether each latent is informative about one factor only, by squared information.

    .. math:: \frac{1}{|J|} \sum_{j \in J}
        \left(1 - \frac{\sum_{k \ne k^*(j)} I(z_j; y_k)^2}{(K - 1)\, I(z_j; y_{k^*(j)})^2}\right)

    where :math:`k^*(j)` is the factor that latent :math:`j` is most informative about. The mean is over all latents, as
    in the paper and the study, or over the informative ones :math:`J`, see ``informative_latents``. All of them
    have the same weight: weights by information would favor latents of factors with many values.

    Args:
        codes: Codes, shape ``(N, D)``, or a :class:`.Sample`.
        factors: Factor indices, shape ``(N, K)``.
        num_bins: Number of bins per latent.
        binning: ``"equal_width"`` as in the study; ``"quantile"`` if outliers would widen the bins.
        sampling: Which rows; only the training rows are used.

    Returns:
        Scores ``modularity``, over all latents, and ``modularity_informative``, in ``[0, 1]``, no unit; higher is
        better. Chance is not 0: estimates of zero information are positive and unequal, so noise scores about 1/3, and
        more if factors differ in their number of values. Chance of ``modularity_informative`` is undefined, as no
        latent of noise is informative.
        A constant latent scores 0. ``matrix``: mutual information ``(D, K)`` in nats. ``per_latent``: ``modularity``
        and ``informative``, 0 or 1.

        Blind to duplicated latents and to factors that are not encoded; however, ``modularity`` is lowered by the dead
        latents that such factors often leave behind. Also lenient: a latent that is equally informative about two
        factors, as after a rotation by 45 degrees, still scores ``1 - 1 / (K - 1)``. Factors with one value are left
        out with a warning; NaN with a warning if fewer than two vary; ``modularity_informative`` alone is NaN with a
        warning if no latent is informative.

    Raises:
        ValueError: As :func:`draw`; or if ``num_bins < 2`` or ``binning`` is unknown.

    References:
        Ridgeway and Mozer, Learning Deep Disentangled Embeddings with the F-Statistic Loss, NeurIPS 2018,
        arXiv:1802.05312; parameters of Locatello et al., Challenging Common Assumptions, ICML 2019, arXiv:1811.12359.

    Example:
        >>> grid = torch.cartesian_prod(torch.arange(4), torch.arange(5)).repeat(50, 1)
        >>> codes = torch.cat([grid, torch.zeros(1000, 2)], dim=1)
        >>> result = modularity_score(codes, grid, sampling=Sampling(num_train=1000, num_test=0))
        >>> round(result["modularity"], 6), round(result["informative"], 6)
        (0.5, 1.0)
    """
    check_bins(num_bins, binning)
    sample = as_sample(codes, factors, sampling)
    warn_of_constant_factors(sample)
    matrix, informative = mutual_information(sample, num_bins, binning), informative_latents(sample, num_bins, binning)
    parts = _per_latent(matrix, sample)
    if parts.isnan().all():
        warnings.warn("modularity is undefined: it needs two factors that vary", stacklevel=2)
    elif not informative.any():
        warnings.warn(
            "modularity_informative is undefined: it needs a latent with more information about a factor than chance",
            stacklevel=2,
        )
    return MetricResult(
        metric="modularity",
        scores={
            "modularity": Score(parts.mean().item()),
            "modularity_informative": Score(parts[informative].mean().item()),
        },
        num_train=len(sample.codes),
        matrix=matrix,
        matrix_label="mutual information [nats]",
        per_latent={"modularity": parts, "informative": informative.double()},
        parameters={"num_bins": num_bins, "binning": binning, "seed": sample.seed},
        active=torch.from_numpy(sample.active),
        codes=sample.kind,
    )


def _per_latent(matrix: Tensor, sample: Sample) -> Tensor:
    """Return the modularity ``(D,)`` of each latent over the varying factors; NaN if fewer than two vary."""
    varying = sample.varying_factors
    if len(varying) < 2:
        return torch.full((len(matrix),), torch.nan, dtype=torch.float64)
    return modularity_per_latent(matrix[:, varying])


class Modularity(FunctionMetric, function=modularity_score):
    """Whether each latent is informative about one factor only; see :func:`.functional.modularity_score`."""

    metric = "modularity"
    higher_is_better = True
