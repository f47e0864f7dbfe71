"""How near points of a latent space, attractors for instance, are to the codes of a data set."""

import warnings
from dataclasses import dataclass

import torch
from torch import Tensor

from lr_lightning.assays.checks import check_codes

SPACING_SAMPLES = 1000
"""Number of codes whose nearest neighbours are looked for."""


@dataclass(frozen=True, eq=False)
class Memorization:
    """Points beside the codes that are nearest to them; made by :func:`memorization`. All tensors are on the CPU.

    Attributes:
        distances: ``(A,)`` float64 in latent units, distance from each point to the nearest code.
        nearest: ``(A,)`` int64, row of that code.
        spacing: Median over the codes (at most 1000 of them, evenly spaced rows) of the distance to the nearest other
            code, in latent units. NaN for one code.
    """

    distances: Tensor
    nearest: Tensor
    spacing: float


def memorization(points: Tensor, codes: Tensor, *, chunk_size: int = 1024) -> Memorization:
    r"""Measure how near points are to the codes of a data set.

    .. math:: d_a = \min_i \| p_a - z_i \|

    A model that has memorised observations has attractors at their codes: :math:`d_a` far below the ``spacing`` of the
    codes. Where the codes lie dense, every attractor on the manifold is near to one, whether or not it was memorised.

    Args:
        points: Shape ``(A, D)``, such as ``positions`` of :func:`find_attractors`; none are allowed.
        codes: Codes of the training data, shape ``(N, D)``.
        chunk_size: Rows compared with all codes at a time.

    Returns:
        Distances, and which codes are nearest. Warns once if there is a single code, whose spacing is undefined.

    Raises:
        TypeError: If one of them is no tensor.
        ValueError: If a shape or dtype is wrong, entries are not finite, or ``chunk_size < 1``.

    References:
        Radhakrishnan et al., Overparameterized neural networks implement associative memory, PNAS 2020,
        arXiv:1909.12362. Fumero et al., Navigating the Latent Space Dynamics of Neural Models, 2025, arXiv:2505.22785.

    Example:
        >>> memorization(torch.tensor([[0.0, 1.0]]), torch.tensor([[9.0, 9.0], [0.0, 0.0]])).nearest
        tensor([1])
    """
    if chunk_size < 1:
        raise ValueError(f"chunk_size must be at least 1, got {chunk_size}")
    codes = check_codes("codes", codes, None).double()
    points = check_codes("points", points, codes.shape[1], minimum=0).to(codes)
    distances, nearest = codes.new_empty(0), torch.empty(0, dtype=torch.int64)
    if len(points):
        found = [torch.cdist(chunk, codes).min(dim=1) for chunk in torch.split(points, chunk_size)]
        distances, nearest = (torch.cat(parts) for parts in zip(*found, strict=True))
    return Memorization(distances.cpu(), nearest.cpu(), _spacing(codes, chunk_size))


def _spacing(codes: Tensor, chunk_size: int) -> float:
    """Return the median distance of ``codes`` (N, D) to their nearest neighbours."""
    if len(codes) < 2:
        warnings.warn("the spacing of the codes is undefined: there is one code", stacklevel=3)
        return torch.nan
    parts = []
    sample = torch.linspace(0, len(codes) - 1, min(len(codes), SPACING_SAMPLES), dtype=torch.float64).round().long()
    for rows in torch.split(sample.to(codes.device), chunk_size):
        apart = torch.cdist(codes[rows], codes)
        apart[torch.arange(len(rows)), rows] = torch.inf
        parts.append(apart.amin(dim=1))
    return float(torch.cat(parts).median())
