"""Response maps: decoded observations and codes on a slice, how far codes move, and where they converge."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from lr_lightning.assays.latent_slice import DecodedSlice
from lr_lightning.assays.response_map import ResponseMap
from lr_lightning.assays.slice_histogram import SliceHistogram
from lr_lightning.plots.slice_panels import (
    draw_decoded,
    draw_histogram,
    draw_magnitude,
    draw_signed,
    is_image,
)
from lr_lightning.plots.style import new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PANELS = ("decoded", "histogram", "magnitude", "divergence", "mean_curvature")
"""All panels, in the order in which they are drawn by default."""


def response_map_figure(
    result: ResponseMap,
    *,
    decoded: DecodedSlice | None = None,
    histogram: SliceHistogram | None = None,
    panels: Sequence[str] | None = None,
    latent_names: Sequence[str] | None = None,
    title: str = "Response map",
) -> Figure:
    """Draw a response map: the four-panel figure of the paper, or selected panels.

    Panels are ``"decoded"`` (decoded observations), ``"histogram"`` (number of codes), ``"magnitude"`` (how far codes
    move, with arrows whose length is its square root), ``"divergence"`` (negative where the map contracts, positive
    where it expands) and ``"mean_curvature"`` (positive at attracting points and curves). The color scales of the last
    two end at the 98th percentile of absolute values, because a single jump would otherwise wash out the rest; values
    beyond have the color at the end of the scale.

    Decoded observations that are not images with 1 or 3 channels are drawn as a net, the image of the slice under the
    decoder: lines along each of the two latents, in the first three coordinates, or in principal components if there
    are more.

    Args:
        result: Response map.
        decoded: Decoded grid of the same slice.
        histogram: Histogram of codes on the same slice.
        panels: Panels to draw, in this order; all five that have data if ``None``.
        latent_names: Names of all latents; ``latent 0`` and so on if ``None``.
        title: Title of the figure.

    Raises:
        ValueError: If there is no panel, a panel is unknown or lacks data, data belong to a different slice, or a name
            is missing.
    """
    sources = {"decoded": decoded, "histogram": histogram}
    chosen = [panel for panel in PANELS if sources.get(panel, result) is not None] if panels is None else list(panels)
    if not chosen or not set(chosen) <= set(PANELS):
        raise ValueError(f"panels must be some of {', '.join(PANELS)}, got {chosen}")
    missing = [panel for panel in chosen if sources.get(panel, result) is None]
    if missing:
        raise ValueError(f"panel {missing[0]!r} requires the argument {missing[0]}, got None")
    for name, source in sources.items():
        if source is not None and source.window != result.window:
            raise ValueError(f"{name} must be on the slice of the result, {result.window}, got {source.window}")
    names = _names(result.window.latents, latent_names)

    columns = len(chosen) if len(chosen) <= 3 and len(chosen) != 2 else 2 if len(chosen) <= 4 else 3
    rows = -(-len(chosen) // columns)
    figure = new_figure({1: 5.4, 2: 10.0, 3: 14.8}[columns], 0.7 + 3.9 * rows)
    for position, panel in enumerate(chosen):
        space = panel == "decoded" and decoded is not None and not is_image(decoded.observations)
        axes = figure.add_subplot(rows, columns, position + 1, projection="3d" if space else None)
        match panel:
            case "decoded":
                assert decoded is not None  # checked above
                draw_decoded(axes, decoded, names)
            case "histogram":
                assert histogram is not None  # checked above
                draw_histogram(axes, histogram, names)
            case "magnitude":
                draw_magnitude(axes, result, names)
            case "divergence":
                unit = "per grid step" if result.grid_units else "unitless"
                draw_signed(axes, result, result.divergence, "divergence", unit, names)
            case _:
                unit = "per grid step" if result.grid_units else "1 / latent unit"
                draw_signed(axes, result, result.mean_curvature, "mean curvature", unit, names)
    bases = "" if result.num_bases == 1 else f", mean over {result.num_bases} base codes"
    figure.suptitle(f"{title}\n{names[0]} and {names[1]}, void mass {_number(result.void_mass)}{bases}")
    return figure


def _names(latents: tuple[int, int], latent_names: Sequence[str] | None) -> tuple[str, str]:
    if latent_names is None:
        return f"latent {latents[0]}", f"latent {latents[1]}"
    if len(latent_names) <= max(latents):
        raise ValueError(f"latent_names must cover all latents up to {max(latents)}, got {list(latent_names)}")
    return latent_names[latents[0]], latent_names[latents[1]]


def _number(value: Tensor) -> str:
    return "undefined" if torch.isnan(value) else f"{float(value):.2f}"
