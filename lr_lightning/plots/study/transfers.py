"""Transfer of settings between data sets and scores."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import pandas as pd
import torch

from lr_lightning.plots.matrix import matrix_heatmap
from lr_lightning.plots.study.panels import short_score

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def transfer_figure(transfers: pd.DataFrame, between: Literal["datasets", "scores"]) -> Figure:
    """Draw the probability that the setting chosen on a source beats a random run on a target, as a heat map.

    Args:
        transfers: As returned by :func:`lr_lightning.study.analysis.transfer.transfer`.
        between: ``"datasets"``: from data set to data set by the same score, the mean over scores; ``"scores"``: from
            score to score on the same data set, the mean over data sets.
    """
    column, fixed = ("dataset", "score") if between == "datasets" else ("score", "dataset")
    same = transfers[transfers[f"source_{fixed}"] == transfers[f"target_{fixed}"]]
    wide = same.pivot_table(
        index=f"source_{column}", columns=f"target_{column}", values="beats_random", sort=False, dropna=False
    )
    wide = wide[wide.index]
    count = same[f"source_{fixed}"].nunique()
    over = f"mean over {count} {fixed.replace('dataset', 'data set')}{'' if count == 1 else 's'}"
    ends = same[(same["source_dataset"] == same["target_dataset"]) & (same["source_score"] == same["target_score"])]
    missing = ends["num_missing"].sum()
    sizes = ", ".join(_between(same[f"num_{name}"], name) for name in ("settings", "seeds"))
    labels = [short_score(name) for name in wide.index]
    return matrix_heatmap(
        torch.tensor(wide.to_numpy(dtype=float)),
        title=f"Best setting of the source against a random run of the target\n{over}; n = {sizes}"
        + (f"; {missing:,} score{'' if missing == 1 else 's'} missing" if missing else ", none missing"),
        colorbar_label="beats a random run\n(chance: 0.5)",
        row_axis="source",
        column_axis="target",
        row_labels=labels,
        column_labels=labels,
        limit=1.0,
    )


def _between(numbers: pd.Series, name: str) -> str:
    least, most = numbers.min(), numbers.max()
    return f"{most:,} {name}" if least == most else f"{least:,} to {most:,} {name}"
