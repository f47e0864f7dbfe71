"""How close points of the latent space, such as attractors, are to the codes of a data set."""

import warnings
from dataclasses import dataclass

import torch
from torch import Tensor

from lr_lightning.assays.checks import check_codes
from lr_lightning.common.checks import check_at_least
from lr_lightning.common.printed_result import TableFields, TabularResult

SPACING_SAMPLES = 1000
"""Maximum number of codes whose nearest neighbors determine the spacing."""


@dataclass(frozen=True, eq=False, repr=False)
class Memorization(TabularResult):
    """Distances from points to their nearest codes, as returned by :func:`memorization`. All tensors are on the CPU.

    Attributes:
        distances: ``(A,)`` float64 in latent units, distance from each point to the nearest code.
        nearest: ``(A,)`` int64, row of that code.
        spacing: Median distance from a code to its nearest neighbor among the codes, in latent units, over at most 1000
            evenly spaced rows. NaN if there is a single code.
    """

    table_fields = TableFields("point", ("distances", "nearest"))

    distances: Tensor
    nearest: Tensor
    spacing: float


def memorization(points: Tensor, codes: Tensor, *, chunk_size: int = 1024) -> Memorization:
    r"""Measure how close points are to the codes of a data set.

    .. math:: d_a = \min_i \| p_a - z_i \|

    A model that memorizes observations has attractors at their codes, with :math:`d_a` far below the ``spacing`` of the
    codes. If codes are dense, every attractor on the manifold is close to one, memorized or not.

    Args:
        points: Shape ``(A, D)``, for example the ``positions`` of :func:`find_attractors`; ``A`` may be 0.
        codes: Codes of the training data, shape ``(N, D)``.
        chunk_size: Number of rows compared with all codes at a time.

    Returns:
        Distances and nearest codes. Warns once if there is a single code, whose spacing is undefined.

    Raises:
        TypeError: If ``points`` or ``codes`` is not a tensor.
        ValueError: If a shape or dtype is wrong, entries are not finite, or ``chunk_size < 1``.

    References:
        Radhakrishnan et al., Overparameterized neural networks implement associative memory, PNAS 2020,
        arXiv:1909.12362. Fumero et al., Navigating the Latent Space Dynamics of Neural Models, 2025, arXiv:2505.22785.

    Example:
        >>> memorization(torch.tensor([[0.0, 1.0]]), torch.tensor([[9.0, 9.0], [0.0, 0.0]])).nearest
        tensor([1])
    """
    check_at_least("chunk_size", chunk_size, 1)
    codes = check_codes("codes", codes, None).double()
    points = check_codes("points", points, codes.shape[1], minimum=0).to(codes)
    distances, nearest = codes.new_empty(0), torch.empty(0, dtype=torch.int64)
    if len(points):
        found = [torch.cdist(chunk, codes).min(dim=1) for chunk in torch.split(points, chunk_size)]
        distances, nearest = (torch.cat(parts) for parts in zip(*found, strict=True))
    return Memorization(distances.cpu(), nearest.cpu(), _spacing(codes, chunk_size))


def _spacing(codes: Tensor, chunk_size: int) -> float:
    """Return the median distance of ``codes`` (N, D) to their nearest neighbors."""
    if len(codes) < 2:
        warnings.warn("the spacing of the codes is undefined: there is a single code", stacklevel=3)
        return torch.nan
    parts = []
    sample = torch.linspace(0, len(codes) - 1, min(len(codes), SPACING_SAMPLES), dtype=torch.float64).round().long()
    for rows in torch.split(sample.to(codes.device), chunk_size):
        apart = torch.cdist(codes[rows], codes)
        apart[torch.arange(len(rows)), rows] = torch.inf  # the distance of each code to itself
        parts.append(apart.amin(dim=1))
    return float(torch.cat(parts).median())
