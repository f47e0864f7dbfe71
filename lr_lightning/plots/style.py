"""What all figures share: how one is made, and colors that color-blind readers tell apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PALETTE = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#000000")
"""Okabe and Ito's colors for categories."""

REGIME_COLORS = {"active": "#0072B2", "mixed": "#E69F00", "passive": "#999999"}
"""Colors of the regimes of latents."""

MISSING_COLOR = "#D9D9D9"
"""Fill of undefined values, as neither end of a color map."""


def tick_step(count: int, most: int) -> int:
    """Return the smallest of 1, 2, 5, 10, 20, 50, ... at which ``count`` items get at most ``most`` ticks.

    Numbers of more than two digits take the room of more ticks.
    """
    most = max(1, 2 * most // max(2, len(str(count - 1))))
    step = 1
    while -(-count // step) > most:
        step = step * 5 // 2 if str(step).startswith("2") else step * 2
    return step


def new_figure(width: float, height: float, constrained: bool = True, equal_aspect: bool = False) -> Figure:
    """Return an empty figure of ``width`` by ``height`` inches at 100 dpi, unknown to pyplot, which would keep it.

    Matplotlib is imported here, so that importing the plots costs nothing. With ``constrained``, labels make room for
    themselves; with ``equal_aspect`` around axes whose shape is fixed.
    """
    from matplotlib.figure import Figure

    layout: Literal["constrained", "compressed"] = "compressed" if equal_aspect else "constrained"
    return Figure(figsize=(width, height), dpi=100, layout=layout if constrained else None)
