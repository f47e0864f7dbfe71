"""Mutual information between binned codes and factors."""

import numpy as np
import torch
from torch import Tensor

from lr_lightning.metrics.functional.binning import Binning, binned, entropy_of
from lr_lightning.metrics.functional.sample import Integers, Sample


def mutual_information_matrix(bins: Integers, factors: Integers) -> Tensor:
    r"""Estimate the mutual information of each latent with each factor by counting.

    .. math:: I_{jk} = \sum_{b,v} p(b, v) \log \frac{p(b, v)}{p(b)\, p(v)}

    Args:
        bins: Bin of each code, shape ``(N, D)``, not negative.
        factors: Factor values, shape ``(N, K)``, not negative.

    Returns:
        Matrix ``(D, K)`` float64 in nats, not negative. With ``B`` bins and ``V`` values it is biased upwards by about
        ``(B - 1)(V - 1) / 2N`` nats.
    """
    matrix = np.empty((bins.shape[1], factors.shape[1]))
    sizes = factors.max(axis=0) + 1
    for j, column in enumerate(bins.T):
        num_bins = int(column.max()) + 1
        for k, factor in enumerate(factors.T):
            counts = np.bincount(column * sizes[k] + factor, minlength=num_bins * sizes[k])
            matrix[j, k] = information_of_counts(counts.reshape(num_bins, sizes[k]))
    return torch.from_numpy(matrix)


def information_of_counts(counts: np.ndarray) -> float:
    """Return the mutual information, in nats, of a table of joint counts or weights ``(B, V)``."""
    joint = counts / counts.sum()
    independent = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0, keepdims=True)
    present = joint > 0
    information = float((joint[present] * np.log(joint[present] / independent[present])).sum())
    return max(information, 0.0)  # round-off


def mutual_information(sample: Sample, num_bins: int = 20, binning: Binning = "equal_width") -> Tensor:
    """Return the matrix ``(D, K)`` of the rows to train on in nats, computed once per sample."""
    return sample.shared(
        ("mutual information", num_bins, binning),
        lambda: mutual_information_matrix(binned(sample, num_bins, binning), sample.factors),
    )


def shuffled_mutual_information(sample: Sample, num_bins: int = 20, binning: Binning = "equal_width") -> Tensor:
    """Return the matrix ``(D, K)`` in nats with codes and factors paired at random: its bias, and the chance level."""

    def compute() -> Tensor:
        order = sample.random("shuffled mutual information").permutation(len(sample.codes))
        return mutual_information_matrix(binned(sample, num_bins, binning)[order], sample.factors)

    return sample.shared(("shuffled mutual information", num_bins, binning), compute)


def factor_entropies(sample: Sample) -> Tensor:
    """Return the entropy ``(K,)`` float64 of each factor over the rows to train on, in nats."""
    entropies = [entropy_of(column) for column in sample.factors.T]
    return torch.tensor(entropies, dtype=torch.float64)
