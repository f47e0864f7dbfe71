"""Bar charts of how much each latent is used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lr_lightning.assays.latent_statistics import LatentStatistics
from lr_lightning.plots.style import PALETTE, REGIME_COLORS, latent_ticks, new_figure, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def latent_statistics_figure(statistics: LatentStatistics, *, title: str = "Use of the latents") -> Figure:
    """Draw the KL divergence of each latent, colored by regime, above the standard deviation of its posterior means.

    For a deterministic code, only the standard deviation is drawn.

    Args:
        statistics: Statistics of the latents.
        title: Title of the figure.
    """
    from matplotlib.patches import Patch

    regimes = statistics.regimes or ("active",) * len(statistics.std)
    colors = [REGIME_COLORS[regime] if statistics.regimes else PALETTE[0] for regime in regimes]
    panels = 1 if statistics.kl is None else 2
    figure = new_figure(8.0, 1.2 + 2.0 * panels)
    spread = figure.add_subplot(panels, 1, panels)
    _bars(spread, statistics.std.tolist(), colors, "std. of means\n[latent units]")
    spread.axhline(statistics.active_threshold**0.5, color="black", linewidth=0.8, linestyle="--")
    spread.set_xlabel("latent (dashed: threshold for active units)")
    if statistics.kl is not None:
        divergence = figure.add_subplot(panels, 1, 1, sharex=spread)
        _bars(divergence, statistics.kl.tolist(), colors, "KL divergence\n[nats]")
        divergence.tick_params(labelbottom=False)
        counts = {regime: regimes.count(regime) for regime in REGIME_COLORS}
        handles = [Patch(color=REGIME_COLORS[name], label=f"{name} ({count})") for name, count in counts.items()]
        figure.legend(handles=handles, title="regime", loc="outside right upper")
    figure.suptitle(f"{title} ({statistics.num_active} active units, {statistics.num_samples:,} samples)")
    return figure


def _bars(axes: Axes, heights: list[float], colors: list[str], label: str) -> None:
    # With many bars, gaps would be about a pixel wide and form a moire pattern.
    axes.bar(range(len(heights)), heights, color=colors, width=0.8 if len(heights) <= 100 else 1.0)
    axes.set_ylabel(label)
    latent_ticks(axes, range(len(heights)))
    tidy(axes, grid="y")
