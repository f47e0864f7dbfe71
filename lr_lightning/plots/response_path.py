"""Paths through a latent space compared with straight lines: on a map, as decoded images, and by cost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from lr_lightning.assays.response_path import PathComparison
from lr_lightning.plots.images import image_grid
from lr_lightning.plots.style import new_figure, tidy

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PATH_COLOR, LINE_COLOR = "#0072B2", "#D55E00"


def path_map_figure(
    magnitude: Tensor,
    first_values: Tensor,
    second_values: Tensor,
    paths: Mapping[str, Tensor],
    *,
    latent_names: tuple[str, str] = ("first latent", "second latent"),
    title: str = "Paths on the response map",
) -> Figure:
    """Draw paths on a map of how far decoding and encoding moves the codes of a slice.

    Args:
        magnitude: Displacement at the nodes of a grid, in latent units, shape ``(A, B)``. The first latent runs along
            the rows, and is drawn from left to right.
        first_values: Values of the first latent, shape ``(A,)``.
        second_values: Values of the second latent, shape ``(B,)``.
        paths: Points ``(P, 2)`` of each path by name, at most 3 paths.
        latent_names: Names of the two latents.
        title: Title of the figure.

    Raises:
        ValueError: If the shape of ``magnitude`` does not match the values, there are more than 3 paths, or a path does
            not have shape ``(P, 2)``.
    """
    if magnitude.shape != (first_values.numel(), second_values.numel()):
        raise ValueError(
            f"magnitude must have shape {(first_values.numel(), second_values.numel())}, got {tuple(magnitude.shape)}"
        )
    if len(paths) > 3:
        raise ValueError(f"paths must be at most 3, to be distinguishable, got {len(paths)}: {list(paths)}")
    figure = new_figure(8.0, 6.2)
    axes = figure.add_subplot()
    mesh = axes.pcolormesh(
        first_values.detach().cpu().numpy(),
        second_values.detach().cpu().numpy(),
        magnitude.detach().double().cpu().T.numpy(),
        cmap="viridis",
        vmin=0.0,
        shading="nearest",
        rasterized=True,
    )
    styles = (("white", "-"), (LINE_COLOR, "--"), ("#CC79A7", ":"))
    for (name, points), (color, style) in zip(paths.items(), styles, strict=False):
        if points.ndim != 2 or points.shape[1] != 2:
            raise ValueError(f"path {name!r} must have shape (P, 2), got {tuple(points.shape)}")
        x, y = points.detach().cpu().T.numpy()
        axes.plot(x, y, color="black", linewidth=4.0, solid_capstyle="round")  # outline, visible on any background
        axes.plot(x, y, color=color, linewidth=2.2, linestyle=style, label=name)
        axes.plot(x[[0, -1]], y[[0, -1]], "o", color="white", markeredgecolor="black", markersize=8)
    axes.set(title=title, xlabel=latent_names[0], ylabel=latent_names[1])
    axes.set_aspect("equal")
    if paths:
        figure.legend(facecolor="#888888", labelcolor="white", loc="outside lower center", ncols=3)
    figure.colorbar(mesh, ax=axes, label="displacement $|h(z) - z|$ [latent units]")
    return figure


def path_strip_figure(comparison: PathComparison, *, title: str = "Along the path and the straight line") -> Figure:
    """Draw decoded images along the path, above those along the straight line.

    Args:
        comparison: Path and straight line, for a model of images with 1 or 3 channels.
        title: Title of the figure.

    Raises:
        ValueError: If the observations are not such images.
    """
    images = torch.stack([comparison.path.images, comparison.line.images])
    last = images.shape[1] - 1
    return image_grid(
        images,
        title=title,
        row_labels=["path", "straight\nline"],
        column_labels=[f"{100 * number / last:.0f} %" for number in range(last + 1)],
        column_axis="fraction of the length",
    )


def path_cost_figure(comparison: PathComparison, *, title: str = "Cost along the path") -> Figure:
    """Draw the squared displacement along the path and along the straight line, against the fraction of their lengths.

    Args:
        comparison: Path and straight line.
        title: Title of the figure.
    """
    figure = new_figure(8.0, 3.8)
    axes = figure.add_subplot()
    for name, profile, color, style in (
        ("path", comparison.path, PATH_COLOR, "-"),
        ("straight line", comparison.line, LINE_COLOR, "--"),
    ):
        label = f"{name}\nmean {profile.mean_cost:.3g}, length {profile.length:.3g}"
        share = 100 * profile.positions / profile.length
        axes.plot(share.numpy(), profile.costs.numpy(), color=color, linestyle=style, label=label)
        axes.axhline(profile.mean_cost, color=color, linestyle=style, linewidth=0.8, alpha=0.6)
    axes.set(
        title=title,
        xlabel="fraction of the length [%]",
        ylabel="$|h(z) - z|^2$ [squared latent units]",
        xlim=(0, 100),
    )
    axes.set_ylim(bottom=-0.03 * axes.get_ylim()[1])  # keeps a path with zero cost from being hidden by the axis
    tidy(axes)
    axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0), labelspacing=1.0)
    return figure
