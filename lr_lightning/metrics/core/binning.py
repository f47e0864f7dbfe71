"""Codes in bins, for metrics that count."""

from typing import Literal, TypeAlias

import numpy as np
import torch
from torch import Tensor

from lr_lightning.common.checks import check_at_least, check_choice
from lr_lightning.metrics.core.sample import Floats, Integers, Sample

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
    check_bins(num_bins, binning)
    bins = np.empty(codes.shape, dtype=np.int64)
    for j, column in enumerate(codes.T):
        if binning == "equal_width":
            bins[:, j] = _equal_width_bins(column, num_bins)
        else:
            smaller = np.searchsorted(np.sort(column), column)  # samples below each, the same for equal codes
            bins[:, j] = smaller * num_bins // len(column)
    return bins


def check_bins(num_bins: int, binning: Binning) -> None:
    """Raise ``ValueError`` if ``num_bins`` is below 2 or ``binning`` unknown."""
    check_at_least("num_bins", num_bins, 2)
    check_choice("binning", binning, ("equal_width", "quantile"))


def _equal_width_bins(column: Floats, num_bins: int) -> Integers:
    try:
        with np.errstate(over="ignore", invalid="ignore"):
            bins: Integers = np.digitize(column, np.histogram_bin_edges(column, num_bins)[1:-1])
    except ValueError:
        # The range is too narrow or too wide for edges in the precision of the codes: a dead latent may vary in its
        # last digit only. Do without edges.
        quarter = column.astype(np.float64) / 4  # whose range is finite
        if quarter.max() == quarter.min():  # of the smallest number there is nothing left
            return np.zeros(len(column), dtype=np.int64)
        position = (quarter - quarter.min()) / (quarter.max() - quarter.min())
        bins = np.minimum((position * num_bins).astype(np.int64), num_bins - 1)
    return bins


def binned(sample: Sample, num_bins: int, binning: Binning) -> Integers:
    """Return the bins ``(N, D)`` of the rows to train on, computed once per sample."""
    return sample.shared(("bins", num_bins, binning), lambda: bin_codes(sample.codes, num_bins, binning))


def binned_factor_ceiling(factor: Integers, num_bins: int, binning: Binning = "equal_width") -> float:
    """Return how much of a factor's entropy a perfect ordinal code keeps in bins, in ``[0, 1]``.

    Args:
        factor: Values of a factor ``(N,)``, renumbered from 0, at least two different ones.
        num_bins: Number of bins.
        binning: As in :func:`bin_codes`.
    """
    kept = bin_codes(factor[:, None].astype(np.float64), num_bins, binning)[:, 0]
    return entropy_of(kept) / entropy_of(factor)


def binned_factor_ceilings(sample: Sample, num_bins: int, binning: Binning = "equal_width") -> Tensor:
    """Return :func:`binned_factor_ceiling` of each factor ``(K,)`` float64, NaN for one that does not vary."""
    ceilings = torch.full((sample.num_factors,), torch.nan, dtype=torch.float64)
    for k in sample.varying_factors:
        ceilings[k] = binned_factor_ceiling(sample.factors[:, k], num_bins, binning)
    return ceilings


def entropy_of(labels: Integers) -> float:
    """Return the plug-in entropy of ``labels`` (N,), in nats."""
    shares = np.unique(labels, return_counts=True)[1] / len(labels)
    return float(-(shares * np.log(shares)).sum())
