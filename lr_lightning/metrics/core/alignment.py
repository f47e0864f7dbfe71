"""One latent for each factor, by their mutual information."""

from typing import NamedTuple

import numpy as np
from scipy.optimize import linear_sum_assignment

from lr_lightning.metrics.core.information import information_of_counts
from lr_lightning.metrics.core.sample import Floats, Integers, Sample


class Alignment(NamedTuple):
    """Which latent stands for each factor.

    Attributes:
        latents: Latent ``(K,)`` of each factor; -1 for a factor with one value.
        information: Mutual information ``(D, K)`` of latents in bins and factors, in nats; NaN for such a factor.
    """

    latents: Integers
    information: Floats


def align(sample: Sample) -> Alignment:
    """Return the one-to-one assignment of latents to factors with the largest total information, once per sample.

    Latents are counted in as many bins as the factor has values, see :func:`equal_bins`. With fewer latents than
    factors, latents are assigned to several factors, as evenly as possible.
    """
    return sample.shared("alignment", lambda: _align(sample))


def _align(sample: Sample) -> Alignment:
    information = np.full((sample.latent_dim, sample.num_factors), np.nan)
    varying = sample.varying_factors
    for k in varying:
        for j, column in enumerate(sample.codes.T):
            bins, _ = equal_bins(column, column[:0], len(np.unique(sample.factors[:, k])))
            information[j, k] = information_of_counts(joint_counts(bins, sample.factors[:, k]))
    latents = np.full(sample.num_factors, -1, dtype=np.int64)
    if varying:
        copies = -(-len(varying) // sample.latent_dim)
        table = np.tile(information[:, varying].T, (1, copies))
        rows, columns = linear_sum_assignment(table, maximize=True)
        latents[np.array(varying)[rows]] = columns % sample.latent_dim
    return Alignment(latents, information)


def equal_bins(codes: Floats, test_codes: Floats, num_bins: int) -> tuple[Integers, Integers]:
    """Return bins of a latent that hold equally many of ``codes``.

    Equal codes lie in one bin, that of their middle rank, so that a code that takes one value for each of ``num_bins``
    values of a factor, about equally often, has them in different bins.

    Args:
        codes: Codes ``(N,)`` that the bins are made from.
        test_codes: Further codes ``(M,)``; each lies in the bin of the largest of ``codes`` that it is not below.
        num_bins: Number of bins.

    Returns:
        Bins ``(N,)`` and ``(M,)`` in ``[0, num_bins)``, in ascending order of the codes.
    """
    values, inverse, counts = np.unique(codes, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    middles = (2 * ends - counts - 1) // 2  # of the ranks ends - counts ... ends - 1
    cuts = np.arange(1, num_bins) * len(codes) // num_bins
    bins = np.searchsorted(cuts, middles, side="right")
    below = np.searchsorted(values, test_codes, side="right") - 1
    return bins[inverse], bins[np.maximum(below, 0)]


def joint_counts(bins: Integers, factor: Integers) -> Integers:
    """Return how often each bin and value occur together, ``(B, V)``, of ``bins`` (N,) and ``factor`` (N,)."""
    num_bins, num_values = int(bins.max()) + 1, int(factor.max()) + 1
    counts = np.bincount(bins * num_values + factor, minlength=num_bins * num_values)
    return counts.reshape(num_bins, num_values)
