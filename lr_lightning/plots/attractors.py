"""Attractors and their basin shares."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor

from lr_lightning.assays.attractors import Attractors
from lr_lightning.assays.memorization import Memorization
from lr_lightning.plots.images import unit_range
from lr_lightning.plots.style import MISSING_COLOR, PALETTE, new_figure, tick_step, tidy

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLUMNS = 8


def attractors_figure(
    attractors: Attractors,
    images: Tensor | None = None,
    memorized: Memorization | None = None,
    *,
    title: str = "Attractors",
) -> Figure:
    """Draw decoded attractors with their basin shares or, without images, a bar chart of the shares.

    Args:
        attractors: Attractors, largest basin first.
        images: Decoded positions of the first attractors, ``(n, C, H, W)`` with 1 or 3 channels, such as
            ``decode_codes(autoencoder, attractors.positions[:16])``. The remaining attractors are not drawn.
        memorized: Distances from the attractors to the nearest codes, shown below the shares.
        title: Title of the figure.

    Raises:
        ValueError: If ``images`` has the wrong shape or more images than there are attractors, or ``memorized`` does
            not have one distance per attractor.
    """
    count = len(attractors.shares)
    if memorized is not None and len(memorized.distances) != count:
        raise ValueError(
            f"memorized must have one distance for each of {count} attractors, got {len(memorized.distances)}"
        )
    if images is not None and (images.ndim != 4 or images.shape[1] not in (1, 3) or len(images) > count):
        raise ValueError(
            f"images must have shape (n, C, H, W) with 1 or 3 channels and n at most {count}, got {tuple(images.shape)}"
        )
    moving, lost = 100 * attractors.not_converged, 100 * attractors.diverged
    heading = f"{title}: {count} found from {len(attractors.labels):,} starts, {moving:.3g} % not converged" + (
        f", {lost:.3g} % diverged" if lost else ""
    )
    if memorized is not None:
        heading += (
            f"\n$d$: distance to the nearest code [latent units]; median spacing of codes {memorized.spacing:.3g}"
        )
    if images is not None and len(images):
        return _pictures(attractors, images, memorized, heading)
    return _bars(attractors, heading)


def _pictures(attractors: Attractors, images: Tensor, memorized: Memorization | None, heading: str) -> Figure:
    """Draw the images, each under its share."""
    columns = min(COLUMNS, len(images))
    rows = -(-len(images) // columns)
    aspect = images.shape[2] / images.shape[3]
    figure = new_figure(8.0, min(14.0, 0.8 + rows * (0.95 * aspect + (0.5 if memorized else 0.3))))
    figure.suptitle(heading, fontsize=11)
    grid = figure.subplots(rows, COLUMNS, squeeze=False)  # always this many columns, so that images have the same size
    for axes in grid.flat:
        axes.set_axis_off()
    shown = unit_range(images).expand(-1, 3, -1, -1).permute(0, 2, 3, 1).numpy()
    for number, image in enumerate(shown):
        axes = grid[number // columns, number % columns]
        axes.imshow(image)
        label = f"{100 * float(attractors.shares[number]):.1f} %"
        if memorized is not None:
            label += f"\n$d$ = {float(memorized.distances[number]):.2g}"
        axes.set_title(label, fontsize=9, pad=3)
    return figure


def _bars(attractors: Attractors, heading: str) -> Figure:
    """Draw the shares as bars; the last bar, in gray, is the share of starts without an attractor."""
    shares, errors = (100 * attractors.shares).tolist(), (100 * attractors.shares_error).tolist()
    rest = 100 * (attractors.not_converged + attractors.diverged)
    figure = new_figure(8.0, 3.6)
    axes = figure.add_subplot()
    axes.bar(range(len(shares)), shares, yerr=errors, color=PALETTE[0], ecolor="black", capsize=2)
    axes.bar([len(shares)], [rest], color=MISSING_COLOR, edgecolor="#777777")
    every = tick_step(len(shares), 16) if shares else 1
    ticks = list(range(0, len(shares), every))
    axes.set_xticks([*ticks, len(shares)], [*map(str, ticks), "none"])
    axes.set_xlim(-0.6, max(len(shares), 7) + 0.6)
    axes.set(title=heading, xlabel="attractor, sorted by basin share", ylabel="share of starts [%]")
    axes.title.set_fontsize(11)
    tidy(axes, grid="y")
    return figure
