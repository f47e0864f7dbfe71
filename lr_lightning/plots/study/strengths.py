"""A score against the strength of regularization."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from lr_lightning.plots.study.panels import counted, group_colors, leftmost, legend_below, panels, short_score
from lr_lightning.plots.style import PALETTE
from lr_lightning.study.analysis.group_summaries import scores_by_strength
from lr_lightning.study.analysis.runs import directions, scores_of_runs

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MOST_POINTS = 3000
"""Above this number of runs, only means and intervals are drawn."""


def strengths_figure(table: pd.DataFrame, score: str) -> Figure:
    """Draw a score against the strength of regularization: means as lines, seeds as points, a panel per data set.

    Objectives have parameters of different units, so the axis shows the rank of the strength within its objective, from
    the weakest, 1. Objectives without a strength are at 1. If other parameters vary too, each of their combinations has
    a line. Bars are the 95 % intervals of the means over seeds.

    Args:
        table: Tidy table of a study.
        score: Name of the score.

    Raises:
        ValueError: If the score is unknown, or as :func:`scores_of_runs`.
    """
    runs = scores_of_runs(table, [score])[score].rename("value").reset_index()
    runs["rank"] = _ranks(runs)
    missing = int(runs["value"].isna().sum())
    colors = group_colors(runs["family"])
    name = short_score(score, directions(table))
    datasets = list(dict.fromkeys(runs["dataset"]))
    title = f"{name} by strength\n{counted(len(runs) - missing, missing)}"
    figure, axes = panels(datasets, title=title, height=3.0 + 0.1 * len(colors))  # with room for the legend
    means = scores_by_strength(table, [score])
    means["rank"] = _ranks(means)
    shift = dict(zip(colors, np.linspace(-0.2, 0.2, len(colors)) if len(colors) > 1 else [0.0], strict=True))
    for dataset, panel in axes.items():
        for number, (family, color) in enumerate(colors.items()):
            points = runs[(runs["dataset"] == dataset) & (runs["family"] == family)]
            if len(runs) <= _MOST_POINTS:
                panel.plot(points["rank"] + shift[family], points["value"], ".", color=color, alpha=0.6, markersize=5)
            line = means[(means["dataset"] == dataset) & (means["family"] == family)].sort_values("rank")
            reach = (line["high"] - line["mean"]).fillna(0.0)
            place = line["rank"] + shift[family]
            dashes = "-" if number < len(PALETTE) else "--"  # colors repeat
            marks: dict[str, Any] = {"marker": "o", "markersize": 4, "elinewidth": 0.7, "linestyle": dashes}
            panel.errorbar(place, line["mean"], yerr=reach, color=color, label=family, **marks)
        _keep_to(panel, runs["value"])
        most = int(runs["rank"].max())
        panel.set_xticks(range(1, most + 1))
        panel.set_xlim(0.6, most + 0.4)
        panel.set_xlabel("rank of the strength")
    legend_below(figure, panel)
    for panel in leftmost(axes):
        panel.set_ylabel(name)
    return figure


def _keep_to(axes: Axes, values: pd.Series) -> None:
    """Limit the y axis to the values: intervals over two or three seeds are much longer than the values are apart."""
    if values.notna().any():
        margin = 0.05 * (values.max() - values.min()) or 0.5
        axes.set_ylim(values.min() - margin, values.max() + margin)


def _ranks(rows: pd.DataFrame) -> pd.Series:
    """Return the rank of each row's strength among those of its family on its data set; 1 if it has none."""
    groups = rows.groupby(["dataset", "family"], sort=False, observed=True)["strength"]
    return groups.rank(method="dense").fillna(1.0)
