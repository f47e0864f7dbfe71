"""Images decoded from the prior, the aggregate posterior and the product of its marginals."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from lr_lightning.assays.latent_sampling import DecodedSamples
from lr_lightning.plots.images import image_mosaic
from lr_lightning.plots.style import new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SAMPLER_TITLES = {
    "prior": "prior\n$z \\sim N(0, I)$",
    "posterior": "aggregate posterior\n$z \\sim q(z)$",
    "hybrid": "hybrid\n$z_j \\sim q(z_j)$, independent",
}


def decoded_samples_figure(samples: DecodedSamples, *, title: str = "Samples") -> Figure:
    """Draw the decoded samples of each sampler as three square grids side by side.

    Args:
        samples: Decoded samples; an incomplete last row of a grid is omitted.
        title: Title of the figure.

    Raises:
        ValueError: If the observations are not images with 1 or 3 channels.
    """
    images = samples.observations
    if images.ndim != 5 or images.shape[2] not in (1, 3) or not images.numel():
        raise ValueError(
            f"observations must have shape (3, S, C, H, W) with 1 or 3 channels, got {tuple(images.shape)}"
        )
    columns = math.isqrt(images.shape[1])
    rows = images.shape[1] // columns
    grids = torch.unflatten(images[:, : rows * columns], 1, (rows, columns))  # (3, R, S, C, H, W)
    aspect = (rows * images.shape[3]) / (columns * images.shape[4])
    figure = new_figure(9.0, min(9.0, 0.9 + 2.85 * aspect))
    figure.suptitle(title)
    for position, (name, grid) in enumerate(zip(samples.samplers, grids, strict=True)):
        axes = figure.add_subplot(1, len(grids), position + 1)
        axes.imshow(image_mosaic(grid).numpy())
        axes.set_title(SAMPLER_TITLES.get(name, name), fontsize=10)
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
    return figure
