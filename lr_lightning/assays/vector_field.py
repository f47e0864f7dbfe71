"""Derivatives of a two-dimensional vector field on a regular grid."""

import torch
from torch import Tensor
from torch.nn import functional as F

from lr_lightning.common.checks import check_at_least, check_positive


def divergence(field: Tensor, spacing: float) -> Tensor:
    r"""Return the divergence of a field at each node.

    .. math:: \operatorname{div} u = \partial_a u_a + \partial_b u_b

    It uses central differences, with one-sided differences of the same (second) order at the border. Exact for fields
    that are quadratic along each axis. A jump between two nodes shows up as its height divided by ``spacing``, not as
    infinity.

    Args:
        field: ``(A, B, 2)``: entry ``[i, j]`` is :math:`(u_a, u_b)` at the ``i``-th value of the first and the ``j``-th
            of the second coordinate, at least 3 of each.
        spacing: Distance between adjacent nodes, positive, the same along both axes.

    Returns:
        Shape ``(A, B)``, in the unit of ``field`` per unit of ``spacing``; NaN next to non-finite entries.

    Raises:
        ValueError: If ``field`` has the wrong shape or ``spacing`` is not positive.

    Example:
        >>> first = torch.linspace(0, 2, 3)[:, None].expand(3, 3)
        >>> divergence(torch.stack([5 * first, first], dim=-1), spacing=1.0)[1]
        tensor([5., 5., 5.])
    """
    _check_field(field, spacing)
    (first,) = torch.gradient(field[..., 0], spacing=spacing, dim=0, edge_order=2)
    (second,) = torch.gradient(field[..., 1], spacing=spacing, dim=1, edge_order=2)
    return first + second


def mean_curvature(field: Tensor, spacing: float, *, floor: float = 0.0) -> Tensor:
    r"""Return the mean curvature of the curves orthogonal to the field.

    .. math:: H = -\tfrac{1}{2} \operatorname{div} \frac{u}{\|u\|}

    It is positive where directions converge, as at attracting points and curves, and negative where they diverge, as at
    repelling ridges. Across a curve that attracts from both sides, the unit vector jumps by 2, so :math:`H` is
    ``1 / (2 * spacing)`` at a node on the curve and grows without bound on finer grids. There, only its sign and
    location are meaningful, not its magnitude.

    Args:
        field: ``(A, B, 2)`` as for :func:`divergence`.
        spacing: Distance between adjacent nodes, positive.
        floor: Vectors up to this length have no direction and count as 0 in the differences. Use the round-off of
            ``field``, so that noise is not mistaken for directions.

    Returns:
        Shape ``(A, B)``, per unit of ``spacing``. NaN if neither a node nor any of its four neighbors has a direction.

    Raises:
        ValueError: If ``field`` has the wrong shape, ``spacing`` is not positive or ``floor`` is negative.

    Example:
        >>> inwards = -torch.stack(torch.meshgrid(torch.arange(1.0, 4), torch.arange(1.0, 4), indexing="ij"), dim=-1)
        >>> bool((mean_curvature(inwards, spacing=1.0) > 0).all())
        True
    """
    _check_field(field, spacing)
    check_at_least("floor", floor, 0)
    length = field.norm(dim=-1, keepdim=True)
    still = length <= floor
    direction = torch.where(still, 0.0, field / length)
    curvature = -0.5 * divergence(direction, spacing)
    moving = F.pad((~still[..., 0]), (1, 1, 1, 1))  # a border of False, so that every node has four neighbors
    near = moving[1:-1, 1:-1] | moving[2:, 1:-1] | moving[:-2, 1:-1] | moving[1:-1, 2:] | moving[1:-1, :-2]
    return curvature.masked_fill(~near, torch.nan)


def _check_field(field: Tensor, spacing: float) -> None:
    if field.ndim != 3 or field.shape[2] != 2 or min(field.shape[:2]) < 3:
        raise ValueError(f"field must have shape (A, B, 2) with A and B at least 3, got {tuple(field.shape)}")
    check_positive("spacing", spacing)
