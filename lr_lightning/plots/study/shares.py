"""Shares of the variance of scores."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pandas as pd

from lr_lightning.plots.study.panels import counted_between, legend_below, panels, short_score
from lr_lightning.plots.style import PALETTE

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_COLORS = {"objective": PALETTE[0], "strength": PALETTE[4], "seed": PALETTE[1]}


def variance_shares_figure(shares: pd.DataFrame, higher_is_better: Mapping[str, bool | None] | None = None) -> Figure:
    """Draw the shares of objective, strength and seed as stacked bars, a row for each score, a panel per data set.

    The adjusted shares are drawn, from 0 where they are negative. Scores whose shares are undefined have no bar.

    Args:
        shares: As returned by :func:`lr_lightning.study.analysis.variance_shares.variance_shares`.
        higher_is_better: Direction of scores.
    """
    datasets = list(dict.fromkeys(shares["dataset"]))
    names = list(dict.fromkeys(shares["score"]))
    undefined = int((shares["adjusted"].isna() & (shares["source"] == "seed")).sum())
    title = f"Share of variance, adjusted\n{counted_between(shares, per=' for each score')}"
    figure, axes = panels(
        datasets, title=title + (f"; {undefined} undefined" if undefined else ""), height=0.6 + 0.24 * len(names)
    )
    for dataset, panel in axes.items():
        wide = shares[shares["dataset"] == dataset].pivot(index="score", columns="source", values="adjusted")
        wide, left = wide.reindex(names), pd.Series(0.0, index=names)
        for source, color in _COLORS.items():
            width = wide[source].clip(lower=0.0)
            panel.barh(range(len(names)), width, left=left, color=color, label=source, height=0.75)
            left += width
        panel.set_yticks(range(len(names)), [short_score(name, higher_is_better) for name in names], fontsize=8)
        panel.grid(visible=False)
        panel.set(xlim=(0, 1), ylim=(len(names) - 0.5, -0.5))
    legend_below(figure, panel)
    return figure
