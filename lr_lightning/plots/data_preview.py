"""Previews of a data set: rows of captioned images, or points colored by factor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from lr_lightning.plots.images import GAP, image_mosaic, unit_range
from lr_lightning.plots.points import scatter_groups
from lr_lightning.plots.style import new_figure, tick_step

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class ImageRow(NamedTuple):
    """A labeled row of images.

    Attributes:
        label: Label of the row.
        images: ``(S, C, H, W)``, as for :func:`~lr_lightning.plots.image_grid`.
        captions: A caption for each image; empty for no captions.
    """

    label: str
    images: Tensor
    captions: Sequence[str] = ()


def image_rows_figure(rows: Sequence[ImageRow], *, title: str) -> Figure:
    """Draw rows of images at the same scale, with a label beside each row and a caption below each image.

    Args:
        rows: The rows; their numbers of images may differ.
        title: Title of the figure.

    Raises:
        ValueError: If there are no images, images do not have 1 or 3 channels or differ in shape, or there is not one
            caption per image.
    """
    shapes = {tuple(row.images.shape[1:]) for row in rows}
    if len(shapes) != 1 or not rows[0].images.ndim == 4 or rows[0].images.shape[1] not in (1, 3):
        raise ValueError(f"rows must have images of the same shape (C, H, W), 1 or 3 channels, got {sorted(shapes)}")
    for row in rows:
        if row.captions and len(row.captions) != len(row.images):
            raise ValueError(
                f"captions of {row.label} must be one per image, {len(row.images)}, got {len(row.captions)}"
            )
    _, height, width = rows[0].images.shape[1:]
    num_columns = max(len(row.images) for row in rows)
    cell = min(0.75, 7.0 / num_columns)  # inches
    captioned = 0.22 if any(row.captions for row in rows) else 0.0
    figure = new_figure(1.4 + cell * num_columns, 0.5 + len(rows) * (cell * height / width + captioned + 0.05))
    figure.suptitle(title)
    for axes, row in zip(figure.subplots(len(rows), 1, squeeze=False)[:, 0], rows, strict=True):
        strip = torch.ones(1, num_columns, 3, height, width)  # white where there is no image
        strip[0, : len(row.images)] = unit_range(row.images)
        axes.imshow(image_mosaic(strip).numpy())
        centers = [GAP + width / 2 - 0.5 + (width + GAP) * column for column in range(len(row.captions))]
        axes.set_xticks(centers, row.captions)
        axes.set_yticks([GAP + height / 2 - 0.5], [row.label])
        axes.tick_params(length=0, labelsize=8)
        axes.tick_params(axis="x", labelsize=7, pad=1)
        axes.spines[:].set_visible(False)
    return figure


def factor_scatter_figure(
    points: Tensor, factors: Tensor, names: Sequence[str], values: Sequence[Sequence[str]], *, title: str
) -> Figure:
    """Draw points in two or three dimensions, in one panel per factor, colored by the factor's value.

    Args:
        points: Shape ``(N, 2)`` or ``(N, 3)``.
        factors: Value index of each factor for each point, shape ``(N, K)`` int64.
        names: Names of the ``K`` factors.
        values: For each factor, the names of its values.
        title: Title of the figure.

    Raises:
        ValueError: If ``points`` has the wrong shape or is empty.
    """
    if points.ndim != 2 or points.shape[1] not in (2, 3) or not len(points):
        raise ValueError(f"points must have shape (N, 2) or (N, 3), got {tuple(points.shape)}")
    projection = "3d" if points.shape[1] == 3 else None
    # Constrained layout does not make room for the label of the third axis and would cut it off.
    figure = new_figure(4.6 * len(names), 4.8, constrained=False)
    figure.subplots_adjust(left=0.1, right=0.92, bottom=0.12, top=0.84)
    figure.suptitle(title)
    for k, name in enumerate(names):
        axes = figure.add_subplot(1, len(names), k + 1, projection=projection)
        scatter_groups(axes, points.detach().float().cpu(), factors[:, k].cpu(), dict(enumerate(values[k])))
        axes.set(xlabel="$x_1$", ylabel="$x_2$")
        if projection:
            axes.set(zlabel="$x_3$")
        handles, labels = axes.get_legend_handles_labels()
        step = tick_step(len(handles), 8)
        axes.legend(handles[::step], labels[::step], title=name, fontsize=8, markerscale=2, loc="upper right")
    return figure
