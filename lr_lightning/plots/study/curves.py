"""Learning curves of many runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from lr_lightning.plots.study.panels import counted, group_colors, leftmost, legend_below, panels, short_score

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def learning_curves_figure(curves: pd.DataFrame, name: str, num_missing: int = 0) -> Figure:
    """Draw the mean of a logged scalar over the runs of each objective, with its standard deviation as a band.

    Args:
        curves: As returned by :func:`lr_lightning.study.analysis.learning_curves.learning_curves`.
        name: The logged key.
        num_missing: Runs without this scalar, for the title.

    Raises:
        ValueError: If no run has logged ``name``.
    """
    from lr_lightning.study.analysis.learning_curves import learning_curve_summary

    chosen = curves[curves["name"] == name]
    if chosen.empty:
        raise ValueError(f"name: no run has logged {name!r}")
    num_runs = len(chosen.drop_duplicates(["dataset", "cell", "seed"]))
    summary = learning_curve_summary(chosen)
    colors = group_colors(chosen["objective"])
    datasets = list(dict.fromkeys(chosen["dataset"]))
    title = f"{short_score(name)}, mean and standard deviation over the runs of an objective\n"
    figure, axes = panels(datasets, title=title + counted(num_runs, num_missing, "without this curve"))
    for dataset, panel in axes.items():
        for objective, color in colors.items():
            line = summary[(summary["dataset"] == dataset) & (summary["objective"] == objective)]
            panel.plot(line["step"], line["mean"], color=color, label=objective)
            spread = line["sd"].fillna(0.0)
            panel.fill_between(line["step"], line["mean"] - spread, line["mean"] + spread, color=color, alpha=0.15)
        panel.set_xlabel("step")
    legend_below(figure, panel)
    for panel in leftmost(axes):
        panel.set_ylabel(short_score(name))
    return figure
