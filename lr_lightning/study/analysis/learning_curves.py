"""Learning curves of the runs of a study."""

from array import array
from collections.abc import Iterable, Mapping
from math import nan
from pathlib import Path

import numpy as np
import pandas as pd

from lr_lightning.loggers.metrics_file import METRICS_FILE, logged_values, read_metrics
from lr_lightning.study.analysis.columns import RUN


def learning_curves(runs: pd.DataFrame, folders: Mapping[tuple[str, int], Path], names: Iterable[str]) -> pd.DataFrame:
    """Read scalars that were logged during training from the ``metrics.csv`` of each run.

    Args:
        runs: Runs, one a row, with the columns ``dataset``, ``objective``, ``cell``, ``label``, ``strength`` and
            ``seed``; other rows of the same run are ignored, so that a tidy table can be given.
        folders: Run folder by cell and seed. Runs without one, or without ``metrics.csv``, are left out.
        names: Logged keys, such as ``"val/reconstruction"``.

    Returns:
        The columns of ``runs`` named above, ``name``, ``step`` and ``value``: one row for each run, key and step at
        which it was logged.
    """
    wanted = list(dict.fromkeys(names))
    distinct = runs[list(RUN)].drop_duplicates(["cell", "seed"])
    # thousands of runs have millions of values: columns of numbers, not a dictionary for each
    place, found, steps, logged = array("q"), array("q"), array("q"), array("d")
    for number, key in enumerate(zip(distinct["cell"], distinct["seed"], strict=True)):
        folder = folders.get(key)
        for line in () if folder is None else read_metrics(folder / METRICS_FILE).rows:
            for name, value in logged_values({name: line.get(name, "") for name in wanted}).items():
                place.append(number)
                found.append(wanted.index(name))
                steps.append(int(line["step"]))
                logged.append(nan if isinstance(value, str) else value)  # a text is no value
    of_runs = distinct.take(np.asarray(place)).reset_index(drop=True)
    return of_runs.assign(name=np.array(wanted, dtype=object)[np.asarray(found)], step=steps, value=logged)


def learning_curve_summary(curves: pd.DataFrame, by: str = "objective") -> pd.DataFrame:
    """Summarize learning curves over the runs of each objective, or each cell.

    Args:
        curves: As returned by :func:`learning_curves`.
        by: ``"objective"`` or ``"label"``: what runs have in common.

    Returns:
        Columns ``dataset``, ``name``, the column ``by``, ``step``, ``mean``, ``sd`` (over runs; NaN for one) and
        ``num_runs``. Values that are not finite do not count.
    """
    numbers = curves.assign(value=pd.to_numeric(curves["value"], errors="coerce"))
    numbers = numbers.replace({"value": [float("inf"), float("-inf")]}, float("nan"))
    grouped = numbers.groupby(["dataset", "name", by, "step"], sort=False, observed=True)["value"]
    summary = grouped.agg(mean="mean", sd="std", num_runs="count").reset_index()
    return summary.sort_values("step", kind="stable", ignore_index=True)
