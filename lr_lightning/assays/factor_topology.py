"""Whether the codes of a factor's values are arranged as unordered categories, along a line or around a circle."""

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import torch
from torch import Tensor

from lr_lightning.assays.checks import check_traversals, checked_factor_names
from lr_lightning.assays.jackknife import jackknife_error
from lr_lightning.common.checks import check_at_least, check_choice
from lr_lightning.common.printed_result import TableFields, TabularResult

Templates: TypeAlias = Literal["geometric", "linear"]

TOPOLOGIES = ("categorical", "sequential", "periodic")
"""Names of the templates, in the order of the columns of :attr:`FactorTopology.fit`."""


@dataclass(frozen=True, eq=False, repr=False)
class FactorTopology(TabularResult):
    """Fit of each factor's codes to three shapes, as returned by :func:`factor_topology`. All tensors float64, CPU.

    Attributes:
        distances: For each factor ``(V, V)``: squared distances between the codes of its values, averaged over
            traversals and scaled to a maximum of 1.
        fit: ``(K, 3)`` in ``[0, 1]``: fit to the categorical, sequential and periodic template. NaN for a factor with
            fewer than 3 values, for which all templates coincide, and for a factor that does not move the codes.
        standard_error: ``(K, 3)``, by the jackknife over traversals; up to 1.7 times too large if the fit is close to 1
            or traversals are few. NaN for a single traversal.
        best: Name of the best-fitting template; ``None`` if the fit is NaN or the best two are tied. For 3 values,
            ``"categorical"`` and ``"periodic"`` are identical and always tied.
        margin: ``(K,)``, best fit minus second-best fit.
        margin_error: ``(K,)``, its standard error; too large where the best two are nearly tied.
        extent: ``(K,)``, root mean square distance between codes of different values, in latent units (in multiples of
            ``scale`` if given). If it is tiny compared with other factors, the fit describes noise.
        num_values: Number of values of each factor.
        templates: ``"geometric"`` or ``"linear"``.
        factor_names: Names of the factors; ``None`` if they are not known.
    """

    table_fields = TableFields(
        "factor", ("best", "margin", "margin_error", "extent", "num_values"), labels="factor_names"
    )

    distances: tuple[Tensor, ...]
    fit: Tensor
    standard_error: Tensor
    best: tuple[str | None, ...]
    margin: Tensor
    margin_error: Tensor
    extent: Tensor
    num_values: tuple[int, ...]
    templates: Templates
    factor_names: tuple[str, ...] | None = None


def topology_templates(num_values: int, templates: Templates = "geometric") -> Tensor:
    r"""Return the squared distances between ``V`` values in three shapes, each scaled to a maximum of 1.

    ``"geometric"`` templates are squared distances of points in space: the corners of a simplex (1), equal steps along
    a line (:math:`(i - j)^2`) and equal steps around a circle (:math:`\sin^2(\pi (i - j) / V)`). ``"linear"`` templates
    grow linearly instead: 1, :math:`|i - j|`, and :math:`\min(|i - j|, V - |i - j|)`. Squared distances
    :math:`|i - j|` do not belong to a straight line, but to a path whose steps are all orthogonal to each other.

    Args:
        num_values: Number of values ``V``, at least 2.
        templates: ``"geometric"`` or ``"linear"``.

    Returns:
        Shape ``(3, V, V)``, float64: categorical, sequential, periodic.

    Raises:
        ValueError: If ``num_values < 2`` or ``templates`` is unknown.

    Example:
        >>> topology_templates(4, "linear")[2, 0]
        tensor([0.0000, 0.5000, 1.0000, 0.5000], dtype=torch.float64)
    """
    check_choice("templates", templates, ("geometric", "linear"))
    check_at_least("num_values", num_values, 2)
    positions = torch.arange(num_values, dtype=torch.float64)
    gaps = (positions[:, None] - positions).abs()
    around = torch.minimum(gaps, num_values - gaps)
    line = gaps.square() if templates == "geometric" else gaps
    circle = (math.pi * around / num_values).sin().square() if templates == "geometric" else around
    stacked = torch.stack([(gaps > 0).double(), line, circle])
    return stacked / stacked.amax(dim=(1, 2), keepdim=True)


def factor_topology(
    traversals: Sequence[Tensor],
    *,
    scale: Tensor | None = None,
    templates: Templates = "geometric",
    factor_names: Sequence[str] | None = None,
) -> FactorTopology:
    r"""Compare the distances between codes along each factor with those of categories, a sequence and a circle.

    .. math:: \mathrm{fit} = \frac{\left(\sum_{i<j} D_{ij} S_{ij}\right)^2}
        {\sum_{i<j} D_{ij}^2 \, \sum_{i<j} S_{ij}^2}

    with the squared distances :math:`D_{ij}` between the codes of values ``i`` and ``j``, averaged over traversals, and
    those of the template :math:`S_{ij}`. The fit is the fraction of :math:`\sum D^2` explained by the best multiple of
    the template, and 1 for distances proportional to it.

    The order of a factor's values matters, except for the categorical template. Curved sequences lie between the
    templates: half a circle still fits the line better (0.94 versus 0.72 for 8 values), three quarters of a circle fit
    the circle better (0.95 versus 0.69). With ``"linear"`` templates, even a straight line only reaches 0.90. Latents
    that the factor barely moves barely count. Independent noise in the codes adds the same amount to all squared
    distances and so favors the categorical template, regardless of the number of traversals.

    Args:
        traversals: For each factor, codes of shape ``(T, V, D)``: ``T`` traversals through its ``V`` values. From
            :func:`sample_traversals` or :func:`traversals_from_codes`; not modified.
        scale: Positive unit of each latent by which codes are divided, shape ``(D,)``; 1 if ``None``.
        templates: ``"geometric"`` or ``"linear"``, see :func:`topology_templates`.
        factor_names: Names of the factors, one for each, for figures and tables of the result.

    Returns:
        The fits; higher is better. NaN with one warning for factors that do not move the codes.

    Raises:
        TypeError: If codes are not tensors.
        ValueError: If there are no traversals, codes have the wrong shape, dtype or non-finite entries, ``scale`` is
            not ``D`` positive numbers, or there is not one name for each factor.

    Example:
        >>> angles = torch.arange(6) * (2 * math.pi / 6)
        >>> hue = torch.stack([angles.cos(), angles.sin()], dim=1)
        >>> result = factor_topology([hue[None]])
        >>> result.best[0], round(result.fit[0, 2].item(), 6)
        ('periodic', 1.0)
    """
    check_choice("templates", templates, ("geometric", "linear"))
    check_traversals(traversals)
    names = checked_factor_names(factor_names, len(traversals))
    rows = [_fit(_squared_distances(codes, scale), templates) for codes in traversals]
    collapsed = [factor for factor, row in enumerate(rows) if row.num_values > 2 and row.fit.isnan().any()]
    if collapsed:
        warnings.warn(f"the topology of factors {collapsed} is undefined: they do not move the codes", stacklevel=2)
    return FactorTopology(
        distances=tuple(row.distances for row in rows),
        fit=torch.stack([row.fit for row in rows]),
        standard_error=torch.stack([row.standard_error for row in rows]),
        best=tuple(row.best for row in rows),
        margin=torch.stack([row.margin for row in rows]),
        margin_error=torch.stack([row.margin_error for row in rows]),
        extent=torch.stack([row.extent for row in rows]),
        num_values=tuple(row.num_values for row in rows),
        templates=templates,
        factor_names=names,
    )


@dataclass(frozen=True, eq=False)
class _FactorFit:
    """One row of a :class:`FactorTopology`."""

    distances: Tensor
    fit: Tensor
    standard_error: Tensor
    best: str | None
    margin: Tensor
    margin_error: Tensor
    extent: Tensor
    num_values: int


def _squared_distances(codes: Tensor, scale: Tensor | None) -> Tensor:
    """Return the squared distances (T, V, V) between codes (T, V, D), float64 on the CPU."""
    points = codes.detach().double().cpu()
    if scale is not None:
        unit = scale.detach().double().cpu()
        if unit.shape != points.shape[-1:] or not unit.isfinite().all() or (unit <= 0).any():
            raise ValueError(f"scale must be {points.shape[-1]} positive numbers, got {scale}")
        points = points / unit
    # By matrix products, distances between codes that are close together but far from the origin would lose digits.
    return torch.cdist(points, points, compute_mode="donot_use_mm_for_euclid_dist").square()


def _fit(squares: Tensor, templates: Templates) -> _FactorFit:
    """Fit the templates to squared distances (T, V, V)."""
    num_values = squares.shape[1]
    total = squares.sum(dim=0)
    undefined = torch.full((3,), torch.nan, dtype=torch.float64)
    extent = (total.sum() / (len(squares) * num_values * max(1, num_values - 1))).sqrt()
    distances = total / total.max() if total.max() > 0 else total
    if num_values < 3 or not total.max() > 0:
        return _FactorFit(distances, undefined, undefined, None, undefined[0], undefined[0], extent, num_values)
    shapes = topology_templates(num_values, templates)
    fit = _explained(total, shapes)
    first, second = fit.topk(2).indices.tolist()
    margin = fit[first] - fit[second]
    without = _explained(total - squares, shapes)  # (T, 3): each traversal left out in turn
    gaps = without[:, first] - without[:, second]
    best = TOPOLOGIES[first] if margin > 1e-9 else None  # a smaller margin is round-off of a tie
    return _FactorFit(distances, fit, jackknife_error(without), best, margin, jackknife_error(gaps), extent, num_values)


def _explained(distances: Tensor, shapes: Tensor) -> Tensor:
    """Return the fraction of ``sum D^2`` of distances (..., V, V) that each of the shapes (3, V, V) explains, (..., 3).

    This is the squared cosine between the two matrices. Sums run over both (i, j) and (j, i), which cancels.
    """
    products = torch.einsum("...ij,sij->...s", distances, shapes)
    return products.square() / (distances.square().sum(dim=(-2, -1))[..., None] * shapes.square().sum(dim=(-2, -1)))
