"""Scores of the runs of each objective, and of each strength of its regularization."""

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from lr_lightning.study.analysis.resampling import check_level
from lr_lightning.study.analysis.runs import scores_of_runs


def scores_by_objective(table: pd.DataFrame, scores: Iterable[str] | None = None) -> pd.DataFrame:
    """Summarize each score over the runs of each objective on each data set.

    Args:
        table: Tidy table of a study.
        scores: Names of the scores; all if ``None``.

    Returns:
        One row for each data set, score and objective, with the columns ``dataset``, ``score``, ``objective``,
        ``num_runs`` (with a finite value), ``num_missing`` (runs without), ``mean``, ``sd``, ``minimum``, ``lower``
        (quartile), ``median``, ``upper`` and ``maximum``. Statistics are NaN without values, and ``sd`` with one.

    Raises:
        ValueError: As :func:`scores_of_runs`.
    """
    return _summaries(table, scores, ["objective"])


def scores_by_strength(
    table: pd.DataFrame, scores: Iterable[str] | None = None, *, level: float = 0.95
) -> pd.DataFrame:
    """Summarize each score over the seeds of each setting.

    Args:
        table: Tidy table of a study.
        scores: Names of the scores; all if ``None``.
        level: Coverage of the interval of the mean.

    Returns:
        The columns of :func:`scores_by_objective`, with ``family`` (see :func:`scores_of_runs`), ``strength``,
        ``cell`` and ``label`` after ``objective``, and
        ``low`` and ``high``, the interval of the mean by Student's t over seeds; NaN for a single seed.

    Raises:
        ValueError: As :func:`scores_of_runs`.
    """
    from scipy.stats import t

    check_level(level)
    summaries = _summaries(table, scores, ["objective", "family", "strength", "cell", "label"])
    count = summaries["num_runs"].where(summaries["num_runs"] > 1)
    reach = t.ppf((1 + level) / 2, count - 1) * summaries["sd"] / np.sqrt(count)
    return summaries.assign(low=summaries["mean"] - reach, high=summaries["mean"] + reach)


def _summaries(table: pd.DataFrame, scores: Iterable[str] | None, groups: Sequence[str]) -> pd.DataFrame:
    runs = scores_of_runs(table, scores)
    tidy = runs.melt(var_name="score", value_name="value", ignore_index=False).reset_index()
    grouped = tidy.groupby(["dataset", "score", *groups], sort=False, observed=True, dropna=False)["value"]
    count = grouped.count()
    columns = {
        "num_runs": count,
        "num_missing": grouped.size() - count,
        "mean": grouped.mean(),
        "sd": grouped.std(),
        "minimum": grouped.min(),
        "lower": grouped.quantile(0.25),
        "median": grouped.median(),
        "upper": grouped.quantile(0.75),
        "maximum": grouped.max(),
    }
    return pd.DataFrame(columns).reset_index()
