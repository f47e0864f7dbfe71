"""Figures of data that are points in space."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from lr_lightning.plots.style import PALETTE, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def scatter_reconstruction(
    points: Tensor,
    reconstructions: Tensor,
    groups: Tensor | None = None,
    *,
    title: str = "Reconstruction",
    group_name: str = "strand",
) -> Figure:
    """Draw points in space next to their reconstructions, with the same axis limits.

    Args:
        points: Observations, shape ``(N, 3)``.
        reconstructions: Their reconstructions, shape ``(N, 3)``.
        groups: Group of each point, shape ``(N,)`` int64, such as the strand of a double helix; determines its color.
        title: Title of the figure.
        group_name: Singular noun for a group, used in the legend.

    Raises:
        ValueError: If a shape is wrong.
    """
    if points.ndim != 2 or points.shape[1] != 3 or points.shape != reconstructions.shape or not len(points):
        raise ValueError(
            "points and reconstructions must have shape (N, 3), got "
            f"{tuple(points.shape)} and {tuple(reconstructions.shape)}"
        )
    labels = torch.zeros(len(points), dtype=torch.int64) if groups is None else groups.detach().cpu().flatten()
    if len(labels) != len(points):
        raise ValueError(f"groups must have one entry for each of {len(points)} points, got {len(labels)}")
    names = {number: f"{group_name} {number}" for number in labels.tolist()}
    original, decoded = points.detach().float().cpu(), reconstructions.detach().float().cpu()
    both = torch.cat([original, decoded])
    low, high = (ends.tolist() for ends in both[both.isfinite().all(dim=1)].aminmax(dim=0))
    error = (original - decoded).square().sum(dim=1).mean().sqrt()

    # Constrained layout does not make room for the label of the third axis and would cut it off.
    figure = new_figure(8.0, 4.4, constrained=False)
    figure.subplots_adjust(left=0.0, right=0.94, bottom=0.1, top=0.88, wspace=0.1)
    figure.suptitle(f"{title} (root mean square error {error:.3f})")
    for position, (what, cloud) in enumerate((("observations", original), ("reconstructions", decoded))):
        axes = figure.add_subplot(1, 2, position + 1, projection="3d")
        scatter_groups(axes, cloud, labels, names)
        axes.patch.set_visible(False)  # the background would hide a label of the axes to the left
        axes.set(title=what, xlabel="$x_1$", ylabel="$x_2$", zlabel="$x_3$")
        axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), zlim=(low[2], high[2]))
    if groups is not None:
        handles, texts = axes.get_legend_handles_labels()
        figure.legend(handles, texts, loc="lower center", ncols=len(texts), markerscale=2)
    return figure


def scatter_groups(axes: Axes, points: Tensor, groups: Tensor, names: Mapping[int, str]) -> None:
    """Draw points in two or three dimensions, each group in its own color and labeled for a legend.

    Args:
        axes: Axes to draw into, with the dimension of the points.
        points: Shape ``(N, 2)`` or ``(N, 3)``.
        groups: Group of each point, shape ``(N,)`` int64. If there are more groups than distinct colors, their colors
            run from dark to light in order.
        names: Names of the groups.
    """
    from matplotlib import colormaps

    numbers = torch.unique(groups).tolist()
    few = numbers[-1] < len(PALETTE)
    for place, number in enumerate(numbers):
        color = PALETTE[number] if few else colormaps["viridis"](place / max(1, len(numbers) - 1))
        scatter: Any = axes.scatter  # of two or three coordinates
        scatter(*points[groups == number].T.numpy(), s=7, color=color, alpha=0.7, linewidths=0, label=names[number])
