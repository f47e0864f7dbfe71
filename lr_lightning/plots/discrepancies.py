"""Bars of distances between distributions of codes, with their errors and what chance alone would show."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor

from lr_lightning.assays.maximum_mean_discrepancy import MeanDiscrepancy
from lr_lightning.assays.prior_gap import PriorGap
from lr_lightning.assays.structure_score import StructureScore
from lr_lightning.plots.style import PALETTE, new_figure, tick_step

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def structure_score_figure(score: StructureScore, *, title: str = "Structure score") -> Figure:
    """Draw the three discrepancies with their standard errors, and the 95 % level of chance on each.

    Args:
        score: Structure score; discrepancies that are NaN have no bar.
        title: Title of the figure.
    """
    figure = new_figure(6.4, 3.8)
    axes = figure.add_subplot()
    pairs = score.pairs
    values = [float(pair.squared) for pair in pairs.values()]
    errors = [float(pair.standard_error) for pair in pairs.values()]
    axes.bar(range(3), values, yerr=errors, color=PALETTE[:3], width=0.6, capsize=4, ecolor="#444444")
    labeled = False
    for position, pair in enumerate(pairs.values()):
        level = _chance_level(pair)
        if level is not None:
            label = None if labeled else "95 % of chance"
            axes.plot((position - 0.36, position + 0.36), (level, level), "k--", linewidth=1.2, label=label)
            labeled = True
    names = [f"{name}\n{value:.4f} ± {error:.4f}" for name, value, error in zip(pairs, values, errors, strict=True)]
    axes.set_xticks(range(3), names)
    count = score.prior_posterior.num_samples
    axes.set(ylabel="squared MMD", title=f"{title}\n{count:,} samples each, bars: standard error")
    axes.axhline(0, color="black", linewidth=0.8)
    if labeled:
        axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    _tidy(axes)
    return figure


def prior_gap_figure(gap: PriorGap, *, title: str = "Aggregate posterior against the prior") -> Figure:
    """Draw the Wasserstein and Kolmogorov-Smirnov distance of each latent from the standard normal prior.

    Dashed lines show what as many draws from the prior itself would have on average.

    Args:
        gap: Distances from the prior.
        title: Title of the figure.
    """
    figure = new_figure(8.0, 5.2)
    wasserstein = figure.add_subplot(2, 1, 1)
    smirnov = figure.add_subplot(2, 1, 2, sharex=wasserstein)
    _latent_bars(wasserstein, gap.wasserstein, "Wasserstein-1\n[latent units]", gap.wasserstein_noise, PALETTE[0])
    _latent_bars(smirnov, gap.kolmogorov_smirnov, "Kolmogorov-Smirnov", gap.kolmogorov_smirnov_noise, PALETTE[1])
    wasserstein.tick_params(labelbottom=False)
    smirnov.set_xlabel("latent (dashed: mean of as many draws from the prior)")
    found = gap.discrepancy
    figure.suptitle(
        f"{title} ({gap.num_samples:,} samples)\nall latents together: squared MMD {float(found.squared):.4f} ± "
        f"{float(found.standard_error):.4f}{_chance_text(found)}"
    )
    return figure


def _latent_bars(axes: Axes, heights: Tensor, label: str, noise: float, color: str) -> None:
    axes.bar(range(len(heights)), heights.tolist(), color=color, width=0.8)
    axes.axhline(noise, color="black", linewidth=1.0, linestyle="--")
    axes.set_ylabel(label)
    axes.set_xticks(range(0, len(heights), tick_step(len(heights), 26)))
    axes.set_xlim(-0.6, len(heights) - 0.4)
    _tidy(axes)


def _chance_level(found: MeanDiscrepancy) -> float | None:
    """Return the value that one in twenty draws of the null exceeds; ``None`` without a null."""
    if not len(found.null) or found.null.isnan().any():
        return None
    return float(found.null.quantile(0.95))


def _chance_text(found: MeanDiscrepancy) -> str:
    level = _chance_level(found)
    return "" if level is None else f" (95 % of chance: {level:.4f})"


def _tidy(axes: Axes) -> None:
    axes.grid(axis="y", color="#DDDDDD", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
