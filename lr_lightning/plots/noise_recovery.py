"""Figure of the latent noise that survives a decode-encode round trip."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lr_lightning.assays.noise_recovery import NoiseRecovery
from lr_lightning.plots.style import PALETTE, new_figure, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def noise_recovery_figure(result: NoiseRecovery, *, title: str = "Noise recovery") -> Figure:
    """Plot the fraction of noise that survives against the noise level, jointly for active latents and for each latent.

    Args:
        result: Noise recovery at several noise levels.
        title: Title of the figure.
    """
    multiples = result.multiples.numpy()
    figure = new_figure(8.0, 4.2)
    axes = figure.add_subplot()
    axes.axhline(1.0, color="black", linewidth=0.8, linestyle="--", label="noise is passed on")
    _draw_ratios(axes, result)
    axes.set_xscale("log")
    axes.set_xticks(multiples, [f"{multiple:g}" for multiple in multiples])
    axes.minorticks_off()
    axes.set_ylim(bottom=0.0)
    axes.set(
        title=f"{title}\n{result.num_samples:,} codes",
        xlabel=r"noise level $m$ [multiples of $\sigma$]",
        ylabel=r"$|h(z + \delta) - h(z)| \,/\, |\delta|$",
    )
    tidy(axes)
    axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return figure


def _draw_ratios(axes: Axes, result: NoiseRecovery) -> None:
    """Draw a thin curve for each latent, and above them the median and joint ratio of the active latents."""
    multiples = result.multiples.numpy()
    active = [True] * result.latents.shape[1] if result.active is None else result.active.tolist()
    kinds = (("" if all(active) else "active ", True, "#777777", "-"), ("passive ", False, "#BBBBBB", ":"))
    for kind, wanted, color, style in kinds:
        chosen = [ratios for ratios, on in zip(result.latents.T.numpy(), active, strict=True) if on == wanted]
        for position, ratios in enumerate(chosen):
            name = f"each of {len(chosen)} {kind}latents" if position == 0 else None
            axes.plot(multiples, ratios, color=color, linestyle=style, linewidth=0.8, label=name, zorder=1)
    axes.plot(
        multiples,
        result.median.numpy(),
        color=PALETTE[5],
        marker="s",
        markersize=4,
        label="median over latents" if all(active) else "median over active latents",
        zorder=2,
    )
    axes.errorbar(
        multiples,
        result.ratio.numpy(),
        yerr=result.standard_error.nan_to_num(nan=0.0).numpy(),
        color=PALETTE[0],
        marker="o",
        capsize=3,
        label="all latents jointly" if all(active) else "active latents jointly",
        zorder=3,
    )
