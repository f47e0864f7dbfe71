"""The distribution of a score over the runs of each objective."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from lr_lightning.plots.study.panels import counted, group_colors, leftmost, panels, short_score
from lr_lightning.study.analysis.runs import directions, scores_of_runs

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_FEW = 40
"""Up to this number of runs, each is drawn as a point."""

_FEWEST = 8
"""From this number of runs on, their density is drawn."""


def objectives_figure(table: pd.DataFrame, score: str) -> Figure:
    """Draw the values of a score for each objective as violins, a panel for each data set.

    The number of runs stands behind the name of each objective; lines mark the quartiles and the median. Dashed and
    dotted lines across are the chance and the ceiling of the score, medians over the runs of the data set, where they
    are known.

    Args:
        table: Tidy table of a study.
        score: Name of the score.

    Raises:
        ValueError: If the score is unknown, or as :func:`scores_of_runs`.
    """
    runs = scores_of_runs(table, [score])[score]
    missing = int(runs.isna().sum())
    datasets = list(dict.fromkeys(runs.index.get_level_values("dataset")))
    colors = group_colors(runs.index.get_level_values("objective"))
    name = short_score(score, directions(table))
    figure, axes = panels(datasets, title=f"{name} by objective\n{counted(len(runs) - missing, missing)}", height=3.4)
    levels = table[table["name"] == score].groupby("dataset", observed=True)
    for dataset, panel in axes.items():
        of_dataset = runs[runs.index.get_level_values("dataset") == dataset].dropna()
        for place, (objective, color) in enumerate(colors.items()):
            values = of_dataset[of_dataset.index.get_level_values("objective") == objective].to_numpy()
            _draw(panel, place, values, color)
        counts = of_dataset.groupby("objective", observed=True).count()
        ticks = [f"{objective} ({counts.get(objective, 0):,})" for objective in colors]
        panel.set_xticks(range(len(colors)), ticks, rotation=40, ha="right", rotation_mode="anchor", fontsize=8)
        panel.set_xlim(-0.6, len(colors) - 0.4)
        _draw_levels(panel, levels.get_group(dataset) if dataset in levels.groups else table.iloc[:0])
    for panel in leftmost(axes):
        panel.set_ylabel(name)
    return figure


def _draw(axes: Axes, place: int, values: np.ndarray[tuple[int], np.dtype[np.float64]], color: str) -> None:
    """Draw the values of one objective at ``place``."""
    if len(values) >= _FEWEST and np.ptp(values) > 0:
        bodies: Any = axes.violinplot(values, [place], widths=0.85, showextrema=False)["bodies"]
        for body in bodies:
            body.set(facecolor=color, alpha=0.45, edgecolor=color)
        quartiles = np.quantile(values, (0.25, 0.5, 0.75))
        axes.vlines(place, quartiles[0], quartiles[2], color=color, linewidth=3)
        axes.plot(place, quartiles[1], "o", color="white", markeredgecolor=color, markersize=5, zorder=3)
    if len(values) <= _FEW:
        # evenly spread instead of drawn at random, so that the same table gives the same picture
        offsets = 0.12 * ((np.arange(len(values)) * 0.618) % 1 - 0.5)
        axes.plot(place + offsets, values, "o", color=color, markersize=3, alpha=0.8, linestyle="none", zorder=2)


def _draw_levels(axes: Axes, rows: pd.DataFrame) -> None:
    for column, style in (("chance", "--"), ("ceiling", ":")):
        level = rows[column].median() if column in rows.columns else np.nan
        if np.isfinite(level):
            axes.axhline(level, color="black", linewidth=0.9, linestyle=style, zorder=1)
            axes.annotate(column, (1.0, level), xycoords=("axes fraction", "data"), ha="right", va="bottom", fontsize=7)
