"""Ranks of weighted values."""

import numpy as np

from lr_lightning.study.analysis.resampling import Floats


def weighted_ranks(values: Floats, weights: Floats) -> Floats:
    r"""Return the rank of each value in each of several weighted samples; tied values share their mean rank.

    .. math:: r_i = \sum_j w_j \left( [x_j < x_i] + \tfrac{1}{2} [x_j = x_i] \right)

    With weights of 1 these are the usual ranks from 1 to ``N``, less one half. Divided by the sum of the weights, a
    rank is the probability that a random member of the sample has a lower value, where ties count one half.

    Args:
        values: Finite values ``(N,)``.
        weights: Weights ``(B, N)`` of the values in each sample, not negative.

    Returns:
        Ranks ``(B, N)``.

    Example:
        >>> weighted_ranks(np.array([5.0, 3.0, 5.0]), np.ones((1, 3)))
        array([[2. , 0.5, 2. ]])
    """
    order = np.argsort(values, kind="stable")
    ascending = values[order]
    first = np.searchsorted(ascending, values, side="left")
    last = np.searchsorted(ascending, values, side="right")
    cumulative = np.zeros((len(weights), len(values) + 1))
    np.cumsum(weights[:, order], axis=1, out=cumulative[:, 1:])
    ranks: Floats = (cumulative[:, first] + cumulative[:, last]) / 2
    return ranks
