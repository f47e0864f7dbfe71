"""Whether codes along a factor lie like unordered categories, on a line or on a circle."""

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import torch
from torch import Tensor

from lr_lightning.assays.checks import check_codes
from lr_lightning.common.checks import check_choice

Templates: TypeAlias = Literal["geometric", "linear"]

TOPOLOGIES = ("categorical", "sequential", "periodic")
"""Names of the templates, in the order of the columns of :attr:`FactorTopology.fit`."""


@dataclass(frozen=True, eq=False)
class FactorTopology:
    """Fit of each factor's codes to three shapes; made by :func:`factor_topology`. All tensors on the CPU, float64.

    Attributes:
        distances: For each factor ``(V, V)``: squared distances of its codes, averaged over traversals, the largest 1.
        fit: ``(K, 3)`` in ``[0, 1]``: to the categorical, sequential and periodic template. NaN for a factor with fewer
            than 3 values, to which all templates are alike, and for one that does not move the codes.
        standard_error: ``(K, 3)``, by the jackknife over traversals; up to 1.7 times too large where the fit is
            almost 1 or traversals are few. NaN for a single traversal.
        best: Name of the template that fits best; ``None`` where the fit is NaN or two fit equally, such as
            ``"categorical"`` and ``"periodic"`` for 3 values, which are the same.
        margin: ``(K,)``, fit of the best minus that of the second.
        margin_error: ``(K,)``, its standard error; too large where the best two are about to change places.
        extent: ``(K,)``, root mean squared distance between codes of different values, in latent units (in multiples of
            ``scale``). Where it is tiny against that of other factors, noise alone was fitted.
        num_values: Number of values of each factor.
        templates: ``"geometric"`` or ``"linear"``.
    """

    distances: tuple[Tensor, ...]
    fit: Tensor
    standard_error: Tensor
    best: tuple[str | None, ...]
    margin: Tensor
    margin_error: Tensor
    extent: Tensor
    num_values: tuple[int, ...]
    templates: Templates


def topology_templates(num_values: int, templates: Templates = "geometric") -> Tensor:
    r"""Return squared distances between ``V`` values in three shapes, the largest of each 1.

    With ``"geometric"`` they are those of points in space: corners of a simplex (1), equal steps on a line
    (:math:`(i - j)^2`) and on a circle (:math:`\sin^2(\pi (i - j) / V)`). With ``"linear"`` gaps take the place of
    squared distances: 1, :math:`|i - j|`, and :math:`\min(|i - j|, V - |i - j|)`. No straight line has squared
    distances :math:`|i - j|`, but a path whose steps are at right angles to each other.

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
    if num_values < 2:
        raise ValueError(f"num_values must be at least 2, got {num_values}")
    positions = torch.arange(num_values, dtype=torch.float64)
    gaps = (positions[:, None] - positions).abs()
    around = torch.minimum(gaps, num_values - gaps)
    line = gaps.square() if templates == "geometric" else gaps
    circle = (math.pi * around / num_values).sin().square() if templates == "geometric" else around
    stacked = torch.stack([(gaps > 0).double(), line, circle])
    return stacked / stacked.amax(dim=(1, 2), keepdim=True)


def factor_topology(
    traversals: Sequence[Tensor], *, scale: Tensor | None = None, templates: Templates = "geometric"
) -> FactorTopology:
    r"""Compare the distances of codes along each factor with those of categories, a sequence and a circle.

    .. math:: \mathrm{fit} = \frac{\left(\sum_{i<j} D_{ij} S_{ij}\right)^2}
        {\sum_{i<j} D_{ij}^2 \, \sum_{i<j} S_{ij}^2}

    with the squared distances :math:`D_{ij}` of the codes of values ``i`` and ``j``, averaged over traversals, and
    those of the template :math:`S_{ij}`: the share of :math:`\sum D^2` that a multiple of the template explains. It is
    1 for distances proportional to the template.

    The order of a factor's values matters, except to the categorical template. Bent sequences lie between the
    templates: half a circle still fits the line better (for 8 values .94 against .72), three quarters of one the
    circle (.95 against .69). With ``"linear"`` templates, a straight line fits by .90 only. Latents that the factor
    moves little count little. Noise in single codes adds the same to all distances and so favours the categorical
    template, however many traversals there are.

    Args:
        traversals: For each factor, codes of shape ``(T, V, D)``: ``T`` traversals through its ``V`` values. From
            :func:`sample_traversals` or :func:`traversals_from_codes`; not written to.
        scale: Unit of each latent, shape ``(D,)``, positive, by which codes are divided; 1 if ``None``.
        templates: ``"geometric"`` or ``"linear"``, see :func:`topology_templates`.

    Returns:
        The fits, higher is better. NaN with one warning for factors that do not move the codes.

    Raises:
        TypeError: If codes are no tensors.
        ValueError: If there are no traversals, codes have the wrong shape, dtype or entries that are not finite, or
            ``scale`` is not ``D`` positive numbers.

    Example:
        >>> angles = torch.arange(6) * (2 * math.pi / 6)
        >>> hue = torch.stack([angles.cos(), angles.sin()], dim=1)
        >>> result = factor_topology([hue[None]])
        >>> result.best[0], round(result.fit[0, 2].item(), 6)
        ('periodic', 1.0)
    """
    if not traversals:
        raise ValueError("there are no traversals")
    check_choice("templates", templates, ("geometric", "linear"))
    rows = []
    for position, codes in enumerate(traversals):
        if not isinstance(codes, Tensor):
            raise TypeError(f"traversals of factor {position} must be a torch.Tensor, got {type(codes).__name__}")
        if codes.ndim != 3 or not codes.numel():
            raise ValueError(f"traversals of factor {position} must have shape (T, V, D), got {tuple(codes.shape)}")
        dim = traversals[0].shape[-1]
        check_codes(f"traversals of factor {position}", codes.flatten(0, 1), dim)
        rows.append(_fit(_squared_distances(codes, scale), templates))
    collapsed = [number for number, row in enumerate(rows) if row.num_values > 2 and row.fit.isnan().any()]
    if collapsed:
        warnings.warn(f"no topology for factors {collapsed}: they do not move the codes", stacklevel=2)
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
    """Return squared distances (T, V, V) of codes (T, V, D), float64 on the CPU."""
    points = codes.detach().double().cpu()
    if scale is not None:
        unit = scale.detach().double().cpu()
        if unit.shape != points.shape[-1:] or not unit.isfinite().all() or (unit <= 0).any():
            raise ValueError(f"scale must be {points.shape[-1]} positive numbers, got {scale}")
        points = points / unit
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
    without = _explained(total - squares, shapes)  # (T, 3): one traversal left out
    gaps = without[:, first] - without[:, second]
    best = TOPOLOGIES[first] if margin > 1e-9 else None
    return _FactorFit(distances, fit, _jackknife(without), best, margin, _jackknife(gaps), extent, num_values)


def _explained(distances: Tensor, shapes: Tensor) -> Tensor:
    """Return the share of the squares of distances (..., V, V) that each of the shapes (3, V, V) explains, (..., 3)."""
    products = torch.einsum("...ij,sij->...s", distances, shapes)
    return products.square() / (distances.square().sum(dim=(-2, -1))[..., None] * shapes.square().sum(dim=(-2, -1)))


def _jackknife(without: Tensor) -> Tensor:
    """Return the standard error of a statistic from its values (T, ...) with one traversal left out."""
    if len(without) < 2:
        return torch.full_like(without[0], torch.nan)
    return ((len(without) - 1) * (without - without.mean(dim=0)).square().mean(dim=0)).sqrt()
