"""Rank correlations between scores."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import torch

from lr_lightning.plots.matrix import matrix_heatmap
from lr_lightning.plots.study.panels import counted_between, short_score

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_ANNOTATED = 26
"""Largest number of scores for which numbers are written into the cells."""


def rank_correlation_figure(
    correlations: pd.DataFrame, dataset: str, higher_is_better: Mapping[str, bool | None] | None = None
) -> Figure:
    """Draw the rank correlations between scores on one data set as a heat map with numbers.

    Pairs with an undefined correlation are crossed out. Scores of which lower is better have an arrow: with such a
    score, agreement is a negative correlation.

    Args:
        correlations: As returned by :func:`lr_lightning.study.analysis.rank_correlation.rank_correlations`.
        dataset: The data set.
        higher_is_better: Direction of scores.

    Raises:
        ValueError: If there are no correlations for the data set.
    """
    pairs = correlations[correlations["dataset"] == dataset]
    if pairs.empty:
        raise ValueError(f"dataset: there are no correlations for {dataset!r}")
    names = list(dict.fromkeys([*pairs["score"], *pairs["other"]]))
    place = {name: number for number, name in enumerate(names)}
    matrix = np.eye(len(names))
    rows, columns = pairs["score"].map(place).to_numpy(), pairs["other"].map(place).to_numpy()
    matrix[rows, columns] = matrix[columns, rows] = pairs["correlation"]
    off_diagonal = np.where(np.eye(len(names)) == 1, np.nan, matrix)
    matrix[np.diag(np.isnan(off_diagonal).all(axis=1))] = np.nan  # nor does an undefined score correlate with itself
    runs = counted_between(pairs, per=" for each pair")
    undefined = int(pairs["correlation"].isna().sum())
    labels = [short_score(name, higher_is_better) for name in names]
    return matrix_heatmap(
        torch.from_numpy(matrix),
        title=f"Rank correlation on {dataset}\n{runs}" + (f"; {undefined} pairs undefined" if undefined else ""),
        colorbar_label="Spearman's rho",
        row_labels=labels,
        column_labels=labels,
        signed=True,
        limit=1.0,
        annotate=len(names) <= _ANNOTATED,
        width=max(8.0, 3.0 + 0.45 * min(len(names), _ANNOTATED)),
    )
