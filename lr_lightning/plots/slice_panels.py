"""The panels of a slice of latent space, each drawn into given axes: first latent to the right, second upwards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn import functional as F

from lr_lightning.assays.latent_slice import DecodedSlice, LatentSlice
from lr_lightning.assays.response_map import ResponseMap
from lr_lightning.assays.slice_histogram import SliceHistogram
from lr_lightning.plots.style import MISSING_COLOR, PALETTE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import QuadMesh

ARROWS = 15
"""Largest number of arrows along an axis that remain distinguishable."""

CLIPPED = 0.98
"""Fraction of the nodes that a diverging color scale covers."""


def is_image(observations: Tensor) -> bool:
    """Return whether a decoded slice (n, n, C, H, W) can be shown as images."""
    return observations.ndim == 5 and observations.shape[2] in (1, 3)


def draw_decoded(axes: Axes, decoded: DecodedSlice, names: tuple[str, str]) -> None:
    """Draw decoded images side by side over the slice; observations other than images as a net, in 3D axes."""
    observations = decoded.observations.detach().float().cpu()
    if not is_image(observations):
        return _draw_net(axes, observations.flatten(2), names)
    images = _square(observations.nan_to_num(nan=0.5).clamp(0, 1)).expand(-1, -1, 3, -1, -1)
    upwards = images.transpose(0, 1).flip(0)  # second latent from top to bottom, first from left to right
    mosaic = upwards.permute(0, 3, 1, 4, 2).flatten(2, 3).flatten(0, 1)  # (n * H, n * W, 3)
    axes.imshow(mosaic.numpy(), extent=_extent(decoded.window, len(images)), aspect="auto", interpolation="antialiased")
    _finish(axes, "decoded", names)
    return None


def draw_histogram(axes: Axes, histogram: SliceHistogram, names: tuple[str, str]) -> None:
    """Draw the number of codes in each cell; empty cells are white."""
    counts = histogram.counts.masked_fill(histogram.counts == 0, torch.nan)
    mesh = _mesh(axes, histogram.window, counts, cmap="viridis", vmin=0, vmax=max(1.0, float(histogram.counts.max())))
    axes.set_facecolor("white")
    _finish(axes, f"codes ({histogram.inside:.0%} of {histogram.num_samples:,} inside)", names, mesh, "codes per cell")


def draw_magnitude(axes: Axes, result: ResponseMap, names: tuple[str, str]) -> None:
    """Draw how far codes move, with arrows in that direction; their square-root length keeps short ones visible."""
    finite = result.magnitude[result.magnitude.isfinite()]
    top = float(finite.max()) if finite.numel() else 0.0
    mesh = _mesh(axes, result.window, result.magnitude, cmap="viridis", vmin=0, vmax=top or 1.0)
    step = -(-len(result.magnitude) // ARROWS)
    kept = slice(step // 2, None, step)
    if top:
        length = (result.magnitude[kept, kept, None] / top).sqrt()
        arrows = (
            step * result.window.spacing(len(result.magnitude)) * length * F.normalize(result.field[kept, kept], dim=-1)
        )
        axes.quiver(
            *result.values[:, kept].numpy(),
            *arrows.permute(2, 1, 0).numpy(),
            color="white",
            edgecolor="black",
            linewidth=0.3,
            angles="xy",
            scale_units="xy",
            scale=1,
            width=0.006,
        )
    _finish(axes, "response - code", names, mesh, "magnitude [latent units]")


def draw_signed(axes: Axes, result: ResponseMap, values: Tensor, name: str, unit: str, names: tuple[str, str]) -> None:
    """Draw a signed quantity with a diverging color scale that is centered at 0 and ends at a percentile."""
    sizes = values[values.isfinite()].abs()
    top = float(sizes.quantile(CLIPPED)) if sizes.numel() else 0.0
    beyond = bool((sizes > top).any()) and top > 0
    mesh = _mesh(axes, result.window, values, cmap="PuOr_r", vmin=-(top or 1.0), vmax=top or 1.0)
    _finish(axes, name, names, mesh, f"{name} [{unit}]", "both" if beyond else "neither")


def _draw_net(axes: Any, points: Tensor, names: tuple[str, str]) -> None:
    """Draw the decoded slice (n, n, P) as a net, with the lines along each latent in the same color."""
    from matplotlib.lines import Line2D

    coordinates, labels = _three_coordinates(points)
    for column, line in enumerate(coordinates.transpose(0, 1)):
        axes.plot(*line.T.numpy(), color=PALETTE[0], alpha=0.4 + 0.5 * column / len(points), linewidth=1.0)
    for row, line in enumerate(coordinates):
        axes.plot(*line.T.numpy(), color=PALETTE[1], alpha=0.4 + 0.5 * row / len(points), linewidth=1.0)
    axes.set(title="decoded", xlabel=labels[0], ylabel=labels[1], zlabel=labels[2])
    handles = [Line2D([], [], color=color, label=f"along {name}") for color, name in zip(PALETTE, names, strict=False)]
    axes.legend(handles=handles, loc="upper left", fontsize=8)


def _three_coordinates(points: Tensor) -> tuple[Tensor, list[str]]:
    """Return three coordinates (n, n, 3) of points (n, n, P), and their names."""
    dim = points.shape[2]
    if dim <= 3:
        return F.pad(points, (0, 3 - dim)), [f"$x_{axis + 1}$" if axis < dim else "" for axis in range(3)]
    centered = points.flatten(0, 1) - points.flatten(0, 1).mean(dim=0)
    _, _, directions = torch.linalg.svd(centered.nan_to_num(), full_matrices=False)
    return (centered @ directions[:3].T).view(*points.shape[:2], 3), [f"component {axis + 1}" for axis in range(3)]


def _square(images: Tensor) -> Tensor:
    """Center images (..., H, W) on white squares, as the panel is square: otherwise they would be stretched."""
    height, width = images.shape[-2:]
    rows, columns = max(width - height, 0), max(height - width, 0)
    return F.pad(images, (columns // 2, columns - columns // 2, rows // 2, rows - rows // 2), value=1.0)


def _extent(window: LatentSlice, num_steps: int) -> tuple[float, float, float, float]:
    """Return the outer edges of the cells: left, right, bottom, top."""
    reach = window.radius + window.spacing(num_steps) / 2
    first, second = window.center
    return first - reach, first + reach, second - reach, second + reach


def _mesh(axes: Axes, window: LatentSlice, values: Tensor, **options: Any) -> QuadMesh:
    """Draw values (n, n) with the first latent to the right; undefined values are gray."""
    axes.set_facecolor(MISSING_COLOR)
    first, second = window.values(len(values)).numpy()
    return axes.pcolormesh(first, second, values.T.numpy(), shading="nearest", rasterized=True, **options)


def _finish(
    axes: Axes,
    title: str,
    names: tuple[str, str],
    mesh: QuadMesh | None = None,
    label: str = "",
    extend: str = "neither",
) -> None:
    axes.set(title=title, xlabel=names[0], ylabel=names[1])
    axes.set_box_aspect(1)
    if mesh is not None:
        bar = axes.inset_axes((1.03, 0.0, 0.045, 1.0))  # as high as the panel, and the layout makes room for it
        axes.figure.colorbar(mesh, cax=bar, label=label, extend=extend)
