"""Figure of the step sizes of codes under repeated decoding and encoding."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from lr_lightning.assays.idempotence import IdempotenceCurve
from lr_lightning.plots.style import PALETTE, new_figure, tick_step, tidy

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def idempotence_figure(curve: IdempotenceCurve, *, title: str = "Movement under decoding and encoding") -> Figure:
    """Draw the idempotence curve on a log scale: the mean with its standard error, the longest step, and each latent.

    Steps of exactly 0, such as those of a projection, cannot be drawn on a log scale and are omitted.

    Args:
        curve: Idempotence curve.
        title: Title of the figure.
    """
    number = range(len(curve.total))
    figure = new_figure(8.0, 4.2)
    axes = figure.add_subplot()
    for latent, steps in enumerate(_positive(curve.latents).T.tolist()):
        name = f"each of {curve.latents.shape[1]} latents (mean)" if latent == 0 else None
        axes.plot(number, steps, color="#AAAAAA", linewidth=0.8, label=name, zorder=1)
    axes.plot(
        number, _positive(curve.largest).tolist(), color=PALETTE[1], linestyle="--", marker=".", label="longest step"
    )
    total = _positive(curve.total)
    axes.plot(number, total.tolist(), color=PALETTE[0], marker="o", label="mean length", zorder=3)
    error = curve.standard_error.nan_to_num(nan=0.0)
    low, high = (total - error).maximum(total / 100), total + error
    axes.fill_between(number, low.tolist(), high.tolist(), color=PALETTE[0], alpha=0.25, linewidth=0)
    if bool((curve.largest > 0).any()):
        axes.set_yscale("log")
    unit = "multiples of scale" if curve.scaled else "latent units"
    axes.set(
        title=f"{title}\n{curve.num_samples:,} starts",
        xlabel="repetition $n$",
        ylabel=f"step $|h^{{n+1}}(z) - h^n(z)|$ [{unit}]",
    )
    axes.set_xticks(range(0, len(number), tick_step(len(number), 20)))
    tidy(axes)
    axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return figure


def _positive(steps: torch.Tensor) -> torch.Tensor:
    """Replace values that a log scale cannot show by NaN, which is not drawn."""
    return steps.where((steps > 0) & steps.isfinite(), torch.nan)
