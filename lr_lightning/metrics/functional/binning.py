"""Codes in bins, for metrics that count."""

from typing import Literal, TypeAlias

import numpy as np

from lr_lightning.metrics.functional.checks import check_at_least, check_choice
from lr_lightning.metrics.functional.sample import Floats, Integers, Sample

Binning: TypeAlias = Literal["equal_width", "quantile"]


def bin_codes(codes: Floats, num_bins: int = 20, binning: Binning = "equal_width") -> Integers:
    """Return the bin of each code.

    Args:
        codes: Codes ``(N, D)``, finite.
        num_bins: Number of bins per latent; Locatello et al. (2019) use 20.
        binning: ``"equal_width"``: bins of one width over the range of each latent, as in that study; one outlier
            widens them all. ``"quantile"``: bins with as equal a number of samples as ties allow.

    Returns:
        Bins ``(N, D)`` int64 in ``[0, num_bins)``; a constant latent lies in one bin.

    Raises:
        ValueError: If ``num_bins < 2`` or ``binning`` is unknown.
    """
    check_at_least("num_bins", num_bins, 2)
    check_choice("binning", binning, ("equal_width", "quantile"))
    bins = np.empty(codes.shape, dtype=np.int64)
    for j, column in enumerate(codes.T):
        if binning == "equal_width":
            inner_edges = np.histogram_bin_edges(column, num_bins)[1:-1]
            bins[:, j] = np.digitize(column, inner_edges)
        else:
            smaller = np.searchsorted(np.sort(column), column)  # samples below each, the same for equal codes
            bins[:, j] = smaller * num_bins // len(column)
    return bins


def binned(sample: Sample, num_bins: int, binning: Binning) -> Integers:
    """Return the bins ``(N, D)`` of the rows to train on, computed once per sample."""
    return sample.shared(("bins", num_bins, binning), lambda: bin_codes(sample.codes, num_bins, binning))


def binned_factor_ceiling(factor: Integers, num_bins: int) -> float:
    """Return how much of a factor's entropy a perfect ordinal code keeps in bins of equal width, in ``[0, 1]``.

    Args:
        factor: Values of a factor ``(N,)``, renumbered from 0, at least two different ones.
        num_bins: Number of bins.
    """
    kept = bin_codes(factor[:, None].astype(np.float64), num_bins)[:, 0]
    return entropy_of(kept) / entropy_of(factor)


def entropy_of(labels: Integers) -> float:
    """Return the plug-in entropy of ``labels`` (N,), in nats."""
    shares = np.unique(labels, return_counts=True)[1] / len(labels)
    return float(-(shares * np.log(shares)).sum())
