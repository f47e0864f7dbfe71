"""Joint distributions of each latent's bin and each factor, from posterior means or from whole posteriors."""

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from lr_lightning.common.checks import check_at_least
from lr_lightning.metrics.core.binning import binned
from lr_lightning.metrics.core.information import information_of_counts
from lr_lightning.metrics.core.sample import Floats, Integers, Sample

BinRange = tuple[float, float]
_NUM_DEVIATIONS = 3.0  # of each posterior from its mean that lie within the bins unless a range is given
_CHUNK = 1024  # rows; with 100 bins their masses stay in a processor's cache


class BinnedInformation(NamedTuple):
    """Information that each latent's bin and each factor share.

    Attributes:
        information: Mutual information ``(D, K)`` float64 in nats.
        joint_entropy: Entropy of bin and factor together ``(D, K)`` float64 in nats.
    """

    information: Tensor
    joint_entropy: Tensor


def binned_information(sample: Sample, num_bins: int = 20, bin_range: BinRange | None = None) -> BinnedInformation:
    """Return information and joint entropies of the rows to train on, computed once per sample.

    Args:
        sample: Rows. With log-variances, each row is spread over the bins by its posterior; otherwise it falls into the
            bin of its mean.
        num_bins: Bins of equal width per latent.
        bin_range: Range of the bins for all latents; see :func:`joint_tables`.
    """

    def compute() -> BinnedInformation:
        information, entropy = np.empty((2, sample.latent_dim, sample.num_factors))
        for j, tables in enumerate(joint_tables(sample, sample.factors, num_bins, bin_range)):
            information[j] = [information_of_counts(table) for table in tables]
            entropy[j] = [_entropy(table) for table in tables]
        return BinnedInformation(torch.from_numpy(information), torch.from_numpy(entropy))

    return sample.shared(("binned posterior", num_bins, bin_range), compute)


def joint_tables(
    sample: Sample, factors: Integers, num_bins: int, bin_range: BinRange | None
) -> Iterator[list[Floats]]:
    r"""Yield, latent by latent, how the rows spread over its bins and the values of each factor.

    .. math:: N\, p(b, v) = \sum_n q(z_j \in b \mid x_n)\, [y_{nk} = v]

    With log-variances :math:`q` is normal, and the sum exact where sampling would be noisy.

    Args:
        sample: Rows.
        factors: Factor values to pair them with, shape ``(N, K)``, renumbered from 0.
        num_bins: Number of bins.
        bin_range: Range of the bins; values outside count in the outermost bins. ``None``: the range of the latent's
            means, or of its means ± 3 standard deviations if there are log-variances.

    Yields:
        ``K`` tables ``(B, V_k)`` float64, each of sum ``N``.

    Raises:
        ValueError: If ``num_bins < 2`` or ``bin_range`` is not two finite numbers in order.
    """
    check_posterior_bins(num_bins, bin_range)
    if sample.log_variances is not None:
        yield from _spread(sample.codes, sample.log_variances, factors, num_bins, bin_range)
        return
    if bin_range is None:
        bins = binned(sample, num_bins, "equal_width")
    else:
        bins = np.digitize(sample.codes, np.linspace(*bin_range, num_bins + 1)[1:-1])
    sizes = factors.max(axis=0) + 1
    for column in bins.T:
        counts = [
            np.bincount(column * size + factor, minlength=num_bins * size)
            for size, factor in zip(sizes, factors.T, strict=True)
        ]
        yield [count.reshape(num_bins, size).astype(np.float64) for count, size in zip(counts, sizes, strict=True)]


def check_posterior_bins(num_bins: int, bin_range: BinRange | None) -> None:
    """Raise ``ValueError`` if ``num_bins`` is below 2, or the range is not two finite numbers, the lower one first."""
    check_at_least("num_bins", num_bins, 2)
    if bin_range is not None and not (-math.inf < bin_range[0] < bin_range[1] < math.inf):
        raise ValueError(f"bin_range must be two finite numbers, the lower one first, got {bin_range}")


def _spread(
    codes: Floats, log_variances: Floats, factors: Integers, num_bins: int, bin_range: BinRange | None
) -> Iterator[list[Floats]]:
    chunks = [slice(start, start + _CHUNK) for start in range(0, len(codes), _CHUNK)]
    groups = [_rows_by_value(factors[rows]) for rows in chunks]
    sizes = factors.max(axis=0) + 1
    for j in range(codes.shape[1]):
        means = torch.from_numpy(codes[:, j]).double()
        # neither 0 nor infinite, whatever the log-variance
        deviations = (torch.from_numpy(log_variances[:, j]).double() / 2).clamp(-600, 600).exp()
        low, high = _own_range(means, deviations) if bin_range is None else bin_range
        inner_edges = torch.linspace(low, high, num_bins + 1, dtype=torch.float64)[1:-1]
        tables = [np.zeros((size, num_bins)) for size in sizes]
        for rows, by_value in zip(chunks, groups, strict=True):
            masses = _bin_masses(means[rows], deviations[rows], inner_edges)  # (R, B)
            for table, (values, order, starts) in zip(tables, by_value, strict=True):
                table[values] += np.add.reduceat(masses[order], starts, axis=0)
        yield [table.T for table in tables]


def _rows_by_value(factors: Integers) -> list[tuple[Integers, Integers, Integers]]:
    """Return for each factor the values that occur, an order of the rows by value, and where in it each begins."""
    groups = []
    for column in factors.T:
        order = np.argsort(column, kind="stable")
        values, starts = np.unique(column[order], return_index=True)
        groups.append((values, order, starts))
    return groups


def _own_range(means: Tensor, deviations: Tensor) -> BinRange:
    low = (means - _NUM_DEVIATIONS * deviations).min().item()
    high = (means + _NUM_DEVIATIONS * deviations).max().item()
    return low, high if high > low else low + 1  # so that a constant lies in the first bin, on no inner edge


def _bin_masses(means: Tensor, deviations: Tensor, inner_edges: Tensor) -> Floats:
    """Return the probability ``(R, B)`` of each bin under each posterior, the outer bins with the tails."""
    below = torch.special.ndtr((inner_edges - means[:, None]) / deviations[:, None])
    edge = below.new_ones(len(below), 1)
    masses: Floats = torch.diff(torch.cat([0 * edge, below, edge], dim=1), dim=1).numpy()
    return masses


def _entropy(table: Floats) -> float:
    shares = table[table > 0] / table.sum()
    return float(-(shares * np.log(shares)).sum())
