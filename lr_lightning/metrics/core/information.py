"""Mutual information between binned codes and factors."""

from typing import Literal, TypeAlias

import numpy as np
import torch
from torch import Tensor

from lr_lightning.common.checks import check_choice
from lr_lightning.metrics.core.binning import Binning, binned, entropy_of
from lr_lightning.metrics.core.sample import Integers, Sample

BiasCorrection: TypeAlias = Literal["none", "miller_madow"]
BIAS_CORRECTIONS = ("none", "miller_madow")
_NUM_SHUFFLES, _MARGIN = 10, 2.0
_ROUND_OFF = 1e-12  # nats; far above that of the sum, far below the resolution of counts of any data set


def mutual_information_matrix(bins: Integers, factors: Integers, bias_correction: BiasCorrection = "none") -> Tensor:
    r"""Estimate the mutual information of each latent with each factor by counting.

    .. math:: I_{jk} = \sum_{b,v} p(b, v) \log \frac{p(b, v)}{p(b)\, p(v)}

    Args:
        bins: Bin of each code, shape ``(N, D)``, not negative.
        factors: Factor values, shape ``(N, K)``, not negative.
        bias_correction: ``"miller_madow"`` adds ``(B + V - C - 1) / 2N``, where ``B`` bins, ``V`` values and ``C``
            pairs of them occur.

    Returns:
        Matrix ``(D, K)`` float64 in nats, not negative. Without correction it is biased upwards by about
        ``(B - 1)(V - 1) / 2N`` nats.

    Raises:
        ValueError: If ``bias_correction`` is unknown.

    References:
        Miller, Note on the Bias of Information Estimates, Information Theory in Psychology, 1955, for the correction.
    """
    check_choice("bias_correction", bias_correction, BIAS_CORRECTIONS)
    matrix = np.empty((bins.shape[1], factors.shape[1]))
    sizes = factors.max(axis=0) + 1
    for j, column in enumerate(bins.T):
        num_bins = int(column.max()) + 1
        for k, factor in enumerate(factors.T):
            counts = np.bincount(column * sizes[k] + factor, minlength=num_bins * sizes[k])
            counts = counts.reshape(num_bins, sizes[k])
            matrix[j, k] = information_of_counts(counts)
            if bias_correction == "miller_madow":
                matrix[j, k] = max(matrix[j, k] + _miller_madow(counts), 0.0)
    return torch.from_numpy(matrix)


def information_of_counts(counts: np.ndarray) -> float:
    """Return the mutual information, in nats, of a table of joint counts or weights ``(B, V)``."""
    joint = counts / counts.sum()
    independent = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0, keepdims=True)
    present = joint > 0
    information = float((joint[present] * np.log(joint[present] / independent[present])).sum())
    return information if information > _ROUND_OFF else 0.0  # so that a constant has none


def _miller_madow(counts: np.ndarray) -> float:
    bins, values = (np.count_nonzero(counts.any(axis=axis)) for axis in (1, 0))
    return float((bins + values - np.count_nonzero(counts) - 1) / (2 * counts.sum()))


def mutual_information(
    sample: Sample, num_bins: int = 20, binning: Binning = "equal_width", bias_correction: BiasCorrection = "none"
) -> Tensor:
    """Return the matrix ``(D, K)`` of the rows to train on in nats, computed once per sample."""
    return sample.shared(
        ("mutual information", num_bins, binning, bias_correction),
        lambda: mutual_information_matrix(binned(sample, num_bins, binning), sample.factors, bias_correction),
    )


def informative_latents(sample: Sample, num_bins: int = 20, binning: Binning = "equal_width") -> Tensor:
    """Return which latents ``(D,)`` bool are informative about a factor.

    They are those whose information on some factor is above twice the largest that any latent has on it when codes and
    factors are paired at random, ten times over. That none of several latents of noise in 20 bins passes is as good as
    certain; where latents and factors are binary, and the information of noise scatters most, one passes in up to 3 of
    100 samples. The information needed to pass is small, about .06 nats of a factor of six values in 2,000 rows, and
    falls with the number of rows.
    """

    def compute() -> Tensor:
        bins, random = binned(sample, num_bins, binning), sample.random("informative latents")
        shuffled = [
            mutual_information_matrix(bins[random.permutation(len(bins))], sample.factors) for _ in range(_NUM_SHUFFLES)
        ]
        limits = _MARGIN * torch.stack(shuffled).amax(dim=(0, 1))  # (K,)
        return (mutual_information(sample, num_bins, binning) > limits).any(dim=1)

    return sample.shared(("informative latents", num_bins, binning), compute)


def factor_entropies(sample: Sample) -> Tensor:
    """Return the entropy ``(K,)`` float64 of each factor over the rows to train on, in nats."""
    entropies = [entropy_of(column) for column in sample.factors.T]
    return torch.tensor(entropies, dtype=torch.float64)
