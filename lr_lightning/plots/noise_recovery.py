"""How much noise of codes is left after decoding and encoding."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lr_lightning.assays.noise_recovery import NoiseRecovery
from lr_lightning.plots.style import PALETTE, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def noise_recovery_figure(result: NoiseRecovery, *, title: str = "Recovery from noise") -> Figure:
    """Draw the part of the noise that is left against its size: mean with its standard error, and each latent.

    Args:
        result: Result of the assay of noise recovery.
        title: Title of the figure.
    """
    multiples = result.multiples.numpy()
    figure = new_figure(8.0, 4.2)
    axes = figure.add_subplot()
    axes.axhline(1.0, color="black", linewidth=0.8, linestyle="--", label="noise is passed on")
    for latent, ratios in enumerate(result.latents.T.numpy()):
        name = f"each of {result.latents.shape[1]} latents" if latent == 0 else None
        axes.plot(multiples, ratios, color="#AAAAAA", linewidth=0.8, label=name, zorder=1)
    error = result.standard_error.nan_to_num(nan=0.0).numpy()
    axes.errorbar(
        multiples,
        result.ratio.numpy(),
        yerr=error,
        color=PALETTE[0],
        marker="o",
        capsize=3,
        label="all latents",
        zorder=3,
    )
    axes.set_xscale("log")
    axes.set_xticks(multiples, [f"{multiple:g}" for multiple in multiples])
    axes.minorticks_off()
    axes.set_ylim(bottom=0.0)
    axes.set(
        title=f"{title}\n{result.num_samples:,} codes",
        xlabel=r"size of the noise $m$ [multiples of $\sigma$]",
        ylabel=r"$|h(z + \delta) - h(z)| \,/\, |\delta|$",
    )
    axes.grid(color="#DDDDDD", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return figure
