"""Grids of images: latent traversals, and originals with their reconstructions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional as F

from lr_lightning.assays.latent_traversal import LatentTraversal
from lr_lightning.plots.style import new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

GAP = 2  # pixels between images


def image_grid(
    images: Tensor,
    *,
    title: str,
    row_labels: Sequence[str] | None = None,
    column_labels: Sequence[str] | None = None,
    row_axis: str = "",
    column_axis: str = "",
) -> Figure:
    """Draw images in rows and columns, all at the same scale.

    Args:
        images: Shape ``(R, S, C, H, W)`` with 1 or 3 channels: floating point, clipped to [0, 1], or uint8 in 0..255.
        title: Title of the figure.
        row_labels: Label of each row.
        column_labels: Label of each column.
        row_axis: Label of the row axis.
        column_axis: Label of the column axis.

    Raises:
        ValueError: If ``images`` has the wrong shape or is empty, or there is not one label per row or column.
    """
    if images.ndim != 5 or images.shape[2] not in (1, 3) or not images.numel():
        raise ValueError(f"images must have shape (R, S, C, H, W) with 1 or 3 channels, got {tuple(images.shape)}")
    num_rows, num_columns, _, height, width = images.shape
    for what, labels, count in (("row", row_labels, num_rows), ("column", column_labels, num_columns)):
        if labels is not None and len(labels) != count:
            raise ValueError(f"{what}_labels must have {count} labels, got {list(labels)}")

    aspect = (num_rows * height) / (num_columns * width)
    longest = max((len(line) for label in row_labels or [] for line in label.split("\n")), default=0)
    beside = 0.2 + 0.083 * longest + (0.25 if row_axis else 0.0)  # inches
    around = 0.45 + (0.22 if column_labels else 0.0) + (0.25 if column_axis else 0.0)
    tall = around + (8.0 - beside) * aspect
    figure = new_figure(8.0, min(14.0, max(1.6, tall)), equal_aspect=True)
    axes = figure.add_subplot()
    axes.imshow(image_mosaic(images).numpy())
    axes.set(title=title, xlabel=column_axis, ylabel=row_axis)
    column_centers = [GAP + width / 2 - 0.5 + (width + GAP) * column for column in range(num_columns)]
    row_centers = [GAP + height / 2 - 0.5 + (height + GAP) * row for row in range(num_rows)]
    axes.set_xticks(column_centers if column_labels else [], column_labels or [])
    axes.set_yticks(row_centers if row_labels else [], row_labels or [])
    axes.tick_params(length=0, labelsize=9)
    axes.spines[:].set_visible(False)
    return figure


def traversal_figure(traversal: LatentTraversal, *, title: str = "Latent traversals") -> Figure:
    """Draw decoded images along latents, one latent per row.

    Args:
        traversal: Result of a latent traversal of images with 1 or 3 channels.
        title: Title of the figure.

    Raises:
        ValueError: If the observations are not such images.
    """
    values = traversal.values
    if bool((values == values[0]).all()):
        rows = [f"{latent}" for latent in traversal.latents]
        columns = [f"{value:.1f}" for value in values[0].tolist()]
        axis = "value of the latent"
    else:  # each latent has its own range
        rows = [
            f"{latent}\n[{low:.1f}, {high:.1f}]"
            for latent, low, high in zip(traversal.latents, values[:, 0].tolist(), values[:, -1].tolist(), strict=True)
        ]
        columns, axis = None, "value of the latent, over the range given for its row"
    return image_grid(
        traversal.images, title=title, row_labels=rows, column_labels=columns, row_axis="latent", column_axis=axis
    )


def reconstruction_figure(
    images: Tensor, reconstructions: Tensor, *, title: str = "Reconstructions", num_columns: int = 8
) -> Figure:
    """Draw originals, each above its reconstruction.

    Args:
        images: Originals ``(N, C, H, W)``, uint8 or floating point in [0, 1].
        reconstructions: Reconstructions of the same shape, floating point.
        title: Title of the figure.
        num_columns: Number of images per row. If there are several rows, an incomplete last row is omitted.

    Raises:
        ValueError: If the shapes differ or are not those of images with 1 or 3 channels.
    """
    if images.shape != reconstructions.shape or images.ndim != 4 or not len(images):
        raise ValueError(
            "reconstructions must have the shape (N, C, H, W) of images, "
            f"got {tuple(reconstructions.shape)} and {tuple(images.shape)}"
        )
    columns = min(num_columns, len(images))
    pairs = torch.stack([unit_range(images), unit_range(reconstructions)])[:, : len(images) // columns * columns]
    rows = (
        torch.unflatten(pairs, 1, (-1, columns)).transpose(0, 1).flatten(0, 1)
    )  # original, reconstruction, original, ...
    return image_grid(rows, title=title, row_labels=["original", "reconstruction"] * (len(rows) // 2))


def unit_range(images: Tensor) -> Tensor:
    """Return images as float32 in [0, 1] on the CPU; undefined (NaN) pixels become gray."""
    images = images.detach().cpu()
    return images.float() / 255 if images.dtype == torch.uint8 else images.float().nan_to_num(nan=0.5).clamp(0, 1)


def image_mosaic(images: Tensor) -> Tensor:
    """Return images (R, S, C, H, W) as a single RGB image (height, width, 3) with white gaps."""
    from torchvision.utils import make_grid  # takes a second to import

    cells = unit_range(images).flatten(0, 1)
    grid: Tensor = make_grid(cells, nrow=images.shape[1], padding=GAP, pad_value=1.0)
    if len(cells) == 1:  # make_grid returns a single image without a frame
        grid = F.pad(grid, [GAP] * 4, value=1.0)
    return grid.permute(1, 2, 0)
