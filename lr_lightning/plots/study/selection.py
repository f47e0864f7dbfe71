"""How good the runs are that scores pick."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from lr_lightning.plots.study.panels import counted_between, legend_below, panels, short_score
from lr_lightning.plots.style import PALETTE

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def model_selection_figure(
    selection: pd.DataFrame,
    target: str,
    share: float | None = 0.1,
    higher_is_better: Mapping[str, bool | None] | None = None,
) -> Figure:
    """Draw the mean target score of the runs that each selector picks, against random choice and the best.

    A bar runs from the mean of all candidates (a random choice) to that of the picked runs; the line over its end is
    the interval, and the tick the mean of the runs that the target itself picks. A question mark is at selectors that
    are tried both ways, because their direction is not known.

    Args:
        selection: As returned by :func:`lr_lightning.study.analysis.model_selection.model_selection`.
        target: The score that judges.
        share: Share of picked runs; ``None`` for the single best run.
        higher_is_better: Direction of scores.

    Raises:
        ValueError: If ``selection`` has no rows for ``target`` and ``share``.
    """
    wanted = selection["share"].isna() if share is None else np.isclose(selection["share"], share)
    rows = selection[wanted & (selection["target"] == target)]
    if rows.empty:
        raise ValueError(f"target and share: selection has no rows for {target!r} and {share}")
    selectors = list(dict.fromkeys(zip(rows["selector"], rows["picks"], strict=True)))
    both_ways = {name for name, picks in selectors if (name, "lowest") in selectors and (name, "highest") in selectors}
    labels = [f"{picks} {short_score(name)}" + (" ?" if name in both_ways else "") for name, picks in selectors]
    datasets = list(dict.fromkeys(rows["dataset"]))
    what = "the best run" if share is None else f"the best {share:.0%} of runs"
    candidates = counted_between(rows, "candidates")
    name = short_score(target, higher_is_better)
    figure, axes = panels(
        datasets, title=f"{name} of {what} by each score\n{candidates}", height=0.9 + 0.24 * len(selectors)
    )
    for dataset, panel in axes.items():
        of_dataset = rows[rows["dataset"] == dataset].set_index(["selector", "picks"]).reindex(selectors)
        places = np.arange(len(selectors))
        better = (of_dataset["recovered"] >= 0).to_numpy()
        panel.barh(
            places,
            of_dataset["chosen"] - of_dataset["random"],
            left=of_dataset["random"],
            color=np.where(better, PALETTE[0], PALETTE[5]),
            height=0.7,
        )
        panel.hlines(places, of_dataset["chosen_low"], of_dataset["chosen_high"], color="black", linewidth=1)
        panel.plot(of_dataset["random"], places, "|", color="black", markersize=9, label="random choice")
        panel.plot(of_dataset["best"], places, "|", color=PALETTE[2], markersize=9, markeredgewidth=2, label="best")
        panel.set_yticks(places, labels, fontsize=8)
        panel.grid(visible=False)
        panel.set(xlabel=name, ylim=(len(selectors) - 0.5, -0.5))
    legend_below(figure, panel)
    return figure
