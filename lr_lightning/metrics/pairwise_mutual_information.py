"""Mutual information between latents."""

import warnings

import numpy as np
import torch
from torch import Tensor

from lr_lightning.metrics.core.binning import Binning, binned, check_bins
from lr_lightning.metrics.core.information import mutual_information_matrix
from lr_lightning.metrics.core.result import MetricResult, Score
from lr_lightning.metrics.core.sample import Sample, Sampling, as_sample
from lr_lightning.metrics.function_metric import FunctionMetric


def pairwise_mutual_information(
    codes: Tensor | Sample,
    factors: Tensor | None = None,
    *,
    num_bins: int = 20,
    binning: Binning = "equal_width",
    sampling: Sampling | None = None,
) -> MetricResult:
    r"""Score how much information pairs of latents share.

    .. math:: \frac{1}{D (D - 1)} \sum_{i \ne j} I(z_i; z_j)

    counted on codes in bins.

    Args:
        codes: Codes, shape ``(N, D)``, or a :class:`.Sample`.
        factors: Not used; may be ``None``.
        num_bins: Number of bins per latent.
        binning: ``"equal_width"`` as in the study; ``"quantile"`` if outliers would widen the bins.
        sampling: Which rows; only the training rows are used.

    Returns:
        Score ``pairwise_mutual_information`` in ``[0, log num_bins]`` nats; lower is better. ``chance``, and the
        ceiling, is the score after shuffling the rows of each latent: the bias of the estimate, about
        ``(num_bins - 1)**2 / 2N`` nats for latents that fill their bins. Independent latents score this, not 0.
        ``matrix``: mutual information
        ``(D, D)`` in nats, latents with latents; its diagonal, not averaged, is their entropies. ``per_latent``:
        ``mean`` information with the others.

        Blind to the factors and to collapse: constant latents add zeros, which lower it. It sees rotations of
        latents that are not Gaussian, which scores from covariances do not. NaN with a warning if ``D = 1``.

    Raises:
        ValueError: As :func:`draw`; or if ``num_bins < 2`` or ``binning`` is unknown.

    References:
        Locatello et al., Challenging Common Assumptions, ICML 2019, arXiv:1811.12359.

    Example:
        >>> grid = torch.cartesian_prod(torch.arange(4), torch.arange(5)).float()
        >>> round(pairwise_mutual_information(grid, sampling=Sampling(20, 0)).value, 6)
        0.0
    """
    check_bins(num_bins, binning)
    sample = as_sample(codes, factors, sampling, factors_needed=False)
    bins = binned(sample, num_bins, binning)
    matrix = mutual_information_matrix(bins, bins)
    if sample.latent_dim < 2:
        warnings.warn("pairwise_mutual_information is undefined: it needs two latents", stacklevel=2)
    shuffled = sample.random("pairwise mutual information").permuted(bins, axis=0)
    per_latent = _mean_with_others(matrix)
    apart = _mean_with_others(mutual_information_matrix(shuffled, shuffled)).mean().item()
    independent = None if np.isnan(apart) else apart
    return MetricResult(
        metric="pairwise_mutual_information",
        scores={
            "pairwise_mutual_information": Score(
                per_latent.mean().item(), ceiling=independent, chance=independent, higher_is_better=False
            )
        },
        num_train=len(sample.codes),
        matrix=matrix,
        matrix_label="mutual information [nats]",
        matrix_axes=("latent", "latent"),
        per_latent={"mean": per_latent},
        parameters={"num_bins": num_bins, "binning": binning, "seed": sample.seed},
        active=torch.from_numpy(sample.active),
        codes=sample.kind,
    )


def _mean_with_others(matrix: Tensor) -> Tensor:
    """Return the mean ``(D,)`` of each row of a matrix ``(D, D)`` but for its diagonal; NaN if ``D = 1``."""
    others = matrix.clone().fill_diagonal_(0)
    return others.sum(dim=1) / (len(matrix) - 1)


class PairwiseMutualInformation(FunctionMetric, function=pairwise_mutual_information):
    """How much information pairs of latents share; see :func:`.functional.pairwise_mutual_information`."""

    metric = "pairwise_mutual_information"
    needs_factors = False
    higher_is_better = False
