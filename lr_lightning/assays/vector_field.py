"""Derivatives of a two-dimensional vector field on a regular grid."""

import torch
from torch import Tensor
from torch.nn import functional as F


def divergence(field: Tensor, spacing: float) -> Tensor:
    r"""Return how fast a field spreads from each node.

    .. math:: \operatorname{div} u = \partial_a u_a + \partial_b u_b

    by central differences, one-sided ones of the same (second) order at the border. Exact for fields that are quadratic
    along each axis. A jump between two nodes appears as a value of its height over ``spacing``, in place of infinity.

    Args:
        field: ``(A, B, 2)``: entry ``[i, j]`` is :math:`(u_a, u_b)` at the ``i``-th value of the first and the ``j``-th
            of the second coordinate, at least 3 of each.
        spacing: Distance between neighbouring nodes, positive, the same along both axes.

    Returns:
        Shape ``(A, B)``, in the unit of ``field`` per unit of ``spacing``; NaN beside entries that are not finite.

    Raises:
        ValueError: If ``field`` has another shape or ``spacing`` is not positive.

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
    r"""Return the mean curvature of the lines that the field crosses at right angles.

    .. math:: H = -\tfrac{1}{2} \operatorname{div} \frac{u}{\|u\|}

    positive where directions converge, as at attracting points and curves, and negative where they part, as on
    repelling ridges. Across a curve that attracts from both sides directions jump by 2, so that :math:`H` is
    ``1 / (2 * spacing)`` on a node of it and grows without bound on finer grids: its sign and place mean something
    there, its height does not.

    Args:
        field: ``(A, B, 2)`` as for :func:`divergence`.
        spacing: Distance between neighbouring nodes, positive.
        floor: Length up to which a vector has no direction; it counts as 0 in the differences. Take the round-off of
            ``field``, lest directions of nothing be drawn.

    Returns:
        Shape ``(A, B)``, per unit of ``spacing``. NaN where neither a node nor any of its four neighbours has a
        direction.

    Raises:
        ValueError: If ``field`` has another shape, ``spacing`` is not positive or ``floor`` is negative.

    Example:
        >>> inwards = -torch.stack(torch.meshgrid(torch.arange(1.0, 4), torch.arange(1.0, 4), indexing="ij"), dim=-1)
        >>> bool((mean_curvature(inwards, spacing=1.0) > 0).all())
        True
    """
    _check_field(field, spacing)
    if not floor >= 0:
        raise ValueError(f"floor must not be negative, got {floor}")
    length = field.norm(dim=-1, keepdim=True)
    still = length <= floor
    direction = torch.where(still, 0.0, field / length)
    curvature = -0.5 * divergence(direction, spacing)
    moving = F.pad((~still[..., 0]), (1, 1, 1, 1))
    near = moving[1:-1, 1:-1] | moving[2:, 1:-1] | moving[:-2, 1:-1] | moving[1:-1, 2:] | moving[1:-1, :-2]
    return curvature.masked_fill(~near, torch.nan)


def _check_field(field: Tensor, spacing: float) -> None:
    if field.ndim != 3 or field.shape[2] != 2 or min(field.shape[:2]) < 3:
        raise ValueError(f"field must have shape (A, B, 2) with A and B at least 3, got {tuple(field.shape)}")
    if not spacing > 0:
        raise ValueError(f"spacing must be positive, got {spacing}")
