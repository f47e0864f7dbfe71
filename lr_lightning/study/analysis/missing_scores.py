"""Scores that runs do not have."""

from collections.abc import Iterable

import pandas as pd

from lr_lightning.study.analysis.runs import scores_of_runs


def missing_scores(table: pd.DataFrame, scores: Iterable[str] | None = None) -> pd.DataFrame:
    """Count the runs that have each score on each data set.

    Args:
        table: Tidy table of a study.
        scores: Names of the scores; all if ``None``.

    Returns:
        One row for each data set and score, with the columns ``dataset``, ``score``, ``num_runs`` (with a finite
        value), ``num_missing`` (the other runs of the data set) and ``constant`` (all finite values are equal, so that
        correlations and shares of variance are undefined).

    Raises:
        ValueError: As :func:`scores_of_runs`.
    """
    runs = scores_of_runs(table, scores)
    grouped = runs.groupby("dataset", sort=False, observed=True)
    count, size = grouped.count(), grouped.size()
    parts = {
        "num_runs": count,
        "num_missing": count.rsub(size, axis=0),
        "constant": (grouped.max() == grouped.min()) & (count > 0),
    }
    columns = {name: part.rename_axis("score", axis=1).stack(future_stack=True) for name, part in parts.items()}
    return pd.DataFrame(columns).reset_index()
