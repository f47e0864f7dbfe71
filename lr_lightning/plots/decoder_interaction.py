"""Figure of the variance of decoded observations due to latents and pairs of latents."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lr_lightning.assays.decoder_interaction import DecoderInteraction
from lr_lightning.plots.matrix import matrix_heatmap

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def decoder_interaction_figure(result: DecoderInteraction, *, title: str = "Decoder interaction") -> Figure:
    """Draw the shares of single latents on the diagonal, and those of pairs of latents off the diagonal.

    Args:
        result: Shares of latents and pairs.
        title: Title of the figure.
    """
    return matrix_heatmap(
        result.matrix,
        title=f"{title}\nmean order {result.mean_order:.2f}, {result.num_samples:,} codes",
        colorbar_label="share of the variance of decoded observations",
        row_axis="latent",
        column_axis="latent",
        signed=False,
    )
