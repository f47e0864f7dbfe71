"""Mutual information between a continuous and a discrete variable, from distances to nearest neighbors."""

import numpy as np

from lr_lightning.metrics.core.sample import Floats, Integers


def neighbor_information(code: Floats, labels: Integers, num_neighbors: int = 10) -> float:
    r"""Estimate the mutual information of one continuous latent with a factor.

    .. math:: \psi(N) - \langle\psi(N_v)\rangle + \langle\psi(k)\rangle - \langle\psi(m)\rangle

    where :math:`N_v` rows have the same value as the row at hand, and :math:`m` rows of any value, itself included,
    lie closer to it than the :math:`k`-th nearest of those. Rows whose value no other row has are left out; of values
    with no more than :math:`k` rows all others count as neighbors.

    The latent is one-dimensional: neighbors are near in its sorted order, and no tree is needed.

    Args:
        code: Codes ``(N,)`` float64, in which ties should be broken: with more than ``num_neighbors`` equal ones the
            estimate is far too low.
        labels: Factor values ``(N,)``.
        num_neighbors: Number :math:`k` of neighbors.

    Returns:
        Nats, not negative: estimates below 0 are returned as 0.

    References:
        Ross, Mutual Information between Discrete and Continuous Data Sets, PLoS ONE 9(2), 2014,
        doi:10.1371/journal.pone.0087357.
    """
    from scipy.special import digamma

    order = np.argsort(code, kind="stable")
    code, labels = code[order], labels[order]
    _, labels, counts = np.unique(labels, return_inverse=True, return_counts=True)
    repeated = counts[labels] > 1
    if not repeated.any():
        return 0.0
    code, labels = code[repeated], labels[repeated]
    radii = np.empty(len(code))
    for label in np.flatnonzero(counts > 1):
        rows = labels == label
        radii[rows] = _distances_to_neighbor(code[rows], min(num_neighbors, counts[label] - 1))
    closer = _counts_within(code, np.nextafter(radii, 0.0))
    neighbors = np.minimum(num_neighbors, counts[labels] - 1)
    information = digamma(len(code)) - digamma(counts[labels]).mean() + digamma(neighbors).mean()
    return max(float(information - digamma(closer).mean()), 0.0)


def _distances_to_neighbor(code: Floats, num_neighbors: int) -> Floats:
    """Return the distance of each entry of the sorted ``code`` to the nearest neighbor with that number.

    It and its nearest are one run of ``num_neighbors + 1`` entries: of all runs around it the narrowest reach.
    """
    edge = np.full(num_neighbors, np.inf)
    below, above = np.concatenate([-edge, code]), np.concatenate([code, edge])
    distances = np.full(len(code), np.inf)
    for left in range(num_neighbors + 1):
        start = num_neighbors - left
        reach_left = code - below[start : start + len(code)]
        reach_right = above[start : start + len(code)] - code
        distances = np.minimum(distances, np.maximum(reach_left, reach_right))
    return distances


def _counts_within(code: Floats, radii: Floats) -> Integers:
    """Return how many entries of the sorted ``code`` lie within each entry's radius, edge and itself included."""
    first = np.searchsorted(code, code - radii, side="left")
    last = np.searchsorted(code, code + radii, side="right") - 1
    # Sums are rounded to include what lies on the edge; the distance itself decides.
    while (outside := code - code[first] > radii).any():
        first += outside
    while (outside := code[last] - code > radii).any():
        last -= outside
    return last - first + 1
