"""Bar charts of distances between distributions of codes, with standard errors and chance levels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor

from lr_lightning.assays.maximum_mean_discrepancy import MeanDiscrepancy
from lr_lightning.assays.prior_gap import PriorGap
from lr_lightning.assays.structure_score import StructureScore
from lr_lightning.plots.style import PALETTE, latent_ticks, new_figure, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def structure_score_figure(score: StructureScore, *, title: str = "Structure score") -> Figure:
    """Draw the three discrepancies with their standard errors and the 95th percentile of chance.

    Args:
        score: Structure score; NaN discrepancies have no bar.
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
            label = None if labeled else "95th percentile\nof chance"
            axes.plot((position - 0.36, position + 0.36), (level, level), "k--", linewidth=1.2, label=label)
            labeled = True
    names = [f"{name}\n{value:.4f} ± {error:.4f}" for name, value, error in zip(pairs, values, errors, strict=True)]
    axes.set_xticks(range(3), names)
    count = score.prior_posterior.num_samples
    axes.set(ylabel="squared MMD", title=f"{title}\n{count:,} samples each, error bars: standard error")
    axes.axhline(0, color="black", linewidth=0.8)
    if labeled:
        axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    tidy(axes, grid="y")
    return figure


def prior_gap_figure(gap: PriorGap, *, title: str = "Aggregate posterior vs. prior") -> Figure:
    """Draw the Wasserstein and Kolmogorov-Smirnov distance of each latent from the standard normal prior.

    Dashed lines show the expected distance of the same number of samples from the prior itself.

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
    smirnov.set_xlabel("latent (dashed: expected for samples from the prior)")
    found = gap.discrepancy
    figure.suptitle(
        f"{title} ({gap.num_samples:,} samples)\nall latents jointly: squared MMD {float(found.squared):.4f} ± "
        f"{float(found.standard_error):.4f}{_chance_text(found)}"
    )
    return figure


def _latent_bars(axes: Axes, heights: Tensor, label: str, noise: float, color: str) -> None:
    axes.bar(range(len(heights)), heights.tolist(), color=color, width=0.8)
    axes.axhline(noise, color="black", linewidth=1.0, linestyle="--")
    axes.set_ylabel(label)
    latent_ticks(axes, range(len(heights)))
    tidy(axes, grid="y")


def _chance_level(found: MeanDiscrepancy) -> float | None:
    """Return the 95th percentile of the null distribution, or ``None`` if there is none."""
    if not len(found.null) or found.null.isnan().any():
        return None
    return float(found.null.quantile(0.95))


def _chance_text(found: MeanDiscrepancy) -> str:
    level = _chance_level(found)
    return "" if level is None else f" (95th percentile of chance: {level:.4f})"
