"""The style that all figures share, with colors that are safe for color-blind readers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PALETTE = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#000000")
"""Okabe and Ito's colors for categories."""

REGIME_COLORS = {"active": "#0072B2", "mixed": "#E69F00", "passive": "#999999"}
"""Colors of the regimes of latents."""

MISSING_COLOR = "#D9D9D9"
"""Fill for undefined values, a color that is in no color map used here."""


def tick_step(count: int, most: int) -> int:
    """Return the smallest step among 1, 2, 5, 10, 20, 50, ... for which ``count`` items have at most ``most`` ticks.

    Labels with more than two digits need more room, so there are fewer ticks.
    """
    most = max(1, 2 * most // max(2, len(str(count - 1))))
    step = 1
    while -(-count // step) > most:
        step = step * 5 // 2 if str(step).startswith("2") else step * 2
    return step


def new_figure(width: float, height: float, constrained: bool = True, equal_aspect: bool = False) -> Figure:
    """Return an empty figure of ``width`` by ``height`` inches at 100 dpi, without pyplot, which would keep it alive.

    Notebooks show it once, where it is the value of a cell. Matplotlib is imported here so that importing
    ``lr_lightning.plots`` is fast. With ``constrained``, the layout makes room for labels; ``equal_aspect`` does so for
    axes with a fixed aspect ratio.
    """
    from lr_lightning.plots.notebook_figure import NotebookFigure

    layout: Literal["constrained", "compressed"] = "compressed" if equal_aspect else "constrained"
    return NotebookFigure(figsize=(width, height), dpi=100, layout=layout if constrained else None)


def tidy(axes: Axes, grid: Literal["both", "y"] = "both") -> None:
    """Draw light grid lines behind the data and hide the top and right spines."""
    axes.grid(axis=grid, color="#DDDDDD", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def latent_ticks(axes: Axes, latents: Sequence[int]) -> None:
    """Label the x axis of bars at 0, 1, ... with the numbers of their latents, as many as there is room for."""
    step = tick_step(len(latents), 26)
    axes.set_xticks(range(0, len(latents), step), [str(latent) for latent in latents[::step]])
    axes.set_xlim(-0.6, len(latents) - 0.4)
