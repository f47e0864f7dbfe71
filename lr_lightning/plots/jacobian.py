"""Distributions over codes of quantities derived from the Jacobians of response map and decoder."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from lr_lightning.assays.decoder_geometry import DecoderGeometry
from lr_lightning.assays.response_jacobian import ResponseJacobian
from lr_lightning.plots.style import PALETTE, new_figure, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure


def response_jacobian_figure(result: ResponseJacobian, *, title: str = "Jacobian of the response map") -> Figure:
    """Draw the eigenvalues in the complex plane, and histograms of divergence, growth and rank over the codes.

    Directions with eigenvalues inside the solid unit circle shrink under repetition; eigenvalues outside the dashed
    circle count towards the rank. Dotted lines are medians.

    Args:
        result: Jacobians at some codes; non-finite ones are not drawn.
        title: Title of the figure.
    """
    figure = new_figure(9.6, 8.0)
    axes = figure.subplots(2, 2)
    _draw_spectrum(axes[0, 0], result)
    growth = {"spectral radius": result.spectral_radius, "operator norm": result.operator_norm}
    _draw_distribution(axes[0, 1], growth, "growth", "growth factor")
    _draw_distribution(axes[1, 0], {"divergence": result.divergence}, "divergence (trace - D)", "divergence")
    _draw_ranks(axes[1, 1], result)
    figure.suptitle(f"{title}\n{len(result.trace):,} codes, {len(result.mean)} latents")
    return figure


def decoder_geometry_figure(result: DecoderGeometry, *, title: str = "Geometry of the decoder") -> Figure:
    """Draw the singular values of the decoder's Jacobian, and histograms over codes of quantities derived from them.

    Dotted lines are medians. Rank-deficient metrics are omitted from magnification and condition number; the title has
    their number.

    Args:
        result: Metrics at some codes; non-finite ones are not drawn.
        title: Title of the figure.
    """
    figure = new_figure(9.6, 8.0)
    axes = figure.subplots(2, 2)
    _draw_singular_values(axes[0, 0], result)
    _draw_distribution(
        axes[0, 1], {"log magnification": result.log_magnification}, "log magnification (½ log det G)", "nats"
    )
    condition = {"log10": result.condition_number.log10()}
    _draw_distribution(axes[1, 0], condition, "condition number of G", "log10 of condition number")
    _draw_distribution(
        axes[1, 1], {"off-diagonal share": result.off_diagonal_share}, "off-diagonal share of G", "share"
    )
    deficient = int((result.rank < len(result.latents)).sum())
    lacking = f", {deficient:,} of them rank-deficient" if deficient else ""
    figure.suptitle(f"{title}\n{len(result.rank):,} codes{lacking}, {len(result.latents)} latents")
    return figure


def _draw_spectrum(axes: Axes, result: ResponseJacobian) -> None:
    from matplotlib.patches import Circle

    values = result.eigenvalues[result.trace.isfinite()].flatten()
    axes.scatter(
        values.real.numpy(), values.imag.numpy(), s=12, color=PALETTE[0], alpha=0.4, linewidths=0, rasterized=True
    )
    axes.add_patch(Circle((0, 0), 1, fill=False, color="black", linewidth=1))
    axes.add_patch(Circle((0, 0), result.threshold, fill=False, color="black", linewidth=0.8, linestyle="--"))
    reach = 1.1 * max([1.0, result.threshold, *values.abs().tolist()])
    axes.set(xlim=(-reach, reach), ylim=(-reach, reach))
    axes.set(title="eigenvalues", xlabel="real part", ylabel="imaginary part")
    axes.set_aspect("equal")
    axes.grid(color="#DDDDDD", linewidth=0.6)
    axes.set_axisbelow(True)


def _draw_ranks(axes: Axes, result: ResponseJacobian) -> None:
    ranks = result.rank[result.rank.isfinite()].long()
    counts = torch.bincount(ranks, minlength=len(result.mean) + 1).tolist()
    axes.bar(range(len(counts)), counts, color=PALETTE[0], width=0.8)
    axes.set(title=f"rank (eigenvalues above {result.threshold:g})", xlabel="rank", ylabel="number of codes")
    _whole_numbers(axes.xaxis)
    tidy(axes, grid="y")


def _draw_singular_values(axes: Axes, result: DecoderGeometry) -> None:
    values = result.singular_values[result.rank.isfinite()]
    numbers = list(range(1, values.shape[1] + 1))
    positive = values > 0
    if positive.any():
        shown = values.masked_fill(~positive, float(values[positive].min()))
        low, middle, high = shown.quantile(torch.tensor([0.1, 0.5, 0.9]).double(), dim=0).tolist()
        axes.fill_between(numbers, low, high, color=PALETTE[0], alpha=0.25, linewidth=0, label="80 % of the codes")
        axes.plot(numbers, middle, color=PALETTE[0], marker="o", markersize=4, label="median")
        axes.set_yscale("log")
        axes.legend(loc="upper right")
    axes.set(title="singular values of the Jacobian", xlabel="index, largest first", ylabel="data units / latent unit")
    _whole_numbers(axes.xaxis)
    tidy(axes, grid="y")


def _draw_distribution(axes: Axes, samples: dict[str, Tensor], title: str, unit: str) -> None:
    """Draw histograms with common bins, each with its median."""
    finite = {name: values[values.isfinite()] for name, values in samples.items()}
    everything = torch.cat(list(finite.values()))
    if len(everything):
        low, high = everything.aminmax()
        margin = 0.0 if high > low else 1e-3 * max(1.0, float(high.abs()))  # center the bar of a single value
        bins = torch.linspace(float(low) - margin, float(high) + margin, 31).tolist()
        for color, (name, values) in zip(PALETTE, finite.items(), strict=False):
            median = float(values.median())
            axes.hist(values.numpy(), bins=bins, color=color, alpha=0.55, label=f"{name} (median {median:.3g})")
            axes.axvline(median, color=color, linestyle=":", linewidth=1.6)
        axes.legend(fontsize=8, loc="upper right")
    axes.set(title=title, xlabel=unit, ylabel="number of codes")
    axes.margins(y=0.2)  # room for the legend
    axes.locator_params(axis="x", nbins=6)  # the narrow range around a single value has long labels
    _whole_numbers(axes.yaxis)
    tidy(axes, grid="y")


def _whole_numbers(axis: Axis) -> None:
    from matplotlib.ticker import MaxNLocator

    axis.set_major_locator(MaxNLocator(integer=True))
