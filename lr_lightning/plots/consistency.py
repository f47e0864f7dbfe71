"""Figures of invariance, equivariance and self-consistency."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lr_lightning.assays.consistency import Consistency
from lr_lightning.plots.matrix import matrix_heatmap
from lr_lightning.plots.style import PALETTE, latent_ticks, new_figure, tick_step, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def invariance_figure(result: Consistency, *, title: str = "Invariance to hard interventions (INV)") -> Figure:
    """Draw the invariance of each latent to interventions on each latent.

    Args:
        result: Consistency scores. If there are negative entries, where a latent moves further than the one that was
            set, the color scale diverges around 0.
        title: Title of the figure.
    """
    return matrix_heatmap(
        result.invariance,
        title=f"{title}\n{len(result.values)} values per latent, {result.num_samples:,} samples",
        colorbar_label="INV (1: does not move)",
        row_axis="intervened latent",
        column_axis="responding latent",
        row_labels=[str(latent) for latent in result.latents],
        limit=max(1.0, float(result.invariance.abs().nan_to_num(nan=0.0).max())),
    )


def equivariance_figure(result: Consistency, *, title: str = "Equivariance to hard interventions (EQV)") -> Figure:
    """Draw the equivariance of each latent as a bar with its standard error; 1 is ideal.

    Args:
        result: Consistency scores.
        title: Title of the figure.
    """
    figure = new_figure(8.0, 3.4)
    axes = figure.add_subplot()
    count = len(result.latents)
    axes.bar(
        range(count),
        result.equivariance.tolist(),
        yerr=result.equivariance_error.tolist(),
        color=PALETTE[0],
        width=0.8,
        capsize=3 if count <= 24 else 0,
        ecolor="#444444",
    )
    latent_ticks(axes, result.latents)
    axes.set(title=title, xlabel="intervened latent (error bars: standard error)", ylabel="EQV")
    _reference(axes)
    return figure


def self_consistency_figure(
    result: Consistency, *, title: str = "Self-consistency under repeated responses (SCN)", max_latents: int = 7
) -> Figure:
    """Draw the self-consistency of the whole code and of single latents after 1, 2, ... responses.

    Args:
        result: Consistency scores.
        title: Title of the figure.
        max_latents: Number of latents, at most 7, to label and draw in color: those that are least consistent at the
            end. The others are thin gray lines.
    """
    figure = new_figure(8.0, 4.0)
    axes = figure.add_subplot()
    steps = range(1, len(result.self_consistency) + 1)
    last = result.self_consistency_per_latent[-1].nan_to_num(nan=2.0)  # constant latents last
    named = last.argsort()[: min(max_latents, len(PALETTE) - 1)].sort().values.tolist()
    axes.errorbar(
        steps,
        result.self_consistency.tolist(),
        yerr=result.self_consistency_error.tolist(),
        color="black",
        linewidth=2.4,
        marker="o",
        capsize=3,
        label="all latents",
        zorder=3,
    )
    for latent, curve in enumerate(result.self_consistency_per_latent.T.tolist()):
        if latent in named:
            color = PALETTE[named.index(latent)]
            axes.plot(steps, curve, color=color, linewidth=1.2, marker=".", label=f"latent {latent}")
        else:
            axes.plot(steps, curve, color="#BBBBBB", linewidth=0.7, zorder=1)
    axes.set_xticks(range(1, len(steps) + 1, tick_step(len(steps), 20)))
    axes.set(title=title, xlabel="number of responses $l$", ylabel="SCN (1: codes do not move)")
    figure.legend(loc="outside right upper", frameon=False)
    _reference(axes)
    return figure


def _reference(axes: Axes) -> None:
    axes.axhline(1, color="black", linewidth=1.0, linestyle="--", zorder=0)
    axes.axhline(0, color="black", linewidth=0.8, zorder=0)
    tidy(axes, grid="y")
