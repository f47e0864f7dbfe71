"""The tidy table as one row per run, with a column for each score."""

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from lr_lightning.study.analysis.columns import RUN, check_table, chosen_scores
from lr_lightning.study.analysis.families import families


def scores_of_runs(table: pd.DataFrame, scores: Iterable[str] | None = None) -> pd.DataFrame:
    """Return one row per run and one column per score.

    Args:
        table: Tidy table of a study: one row per run and score.
        scores: Names of the scores; all if ``None``.

    Returns:
        Values of the scores, indexed by data set, objective, cell, label, strength, seed and family (the objective and
        the parameters that vary apart from the strength). Scores that a run does not have, and scores that are not
        finite, are NaN. Runs that have none of the scores keep their row.

    Raises:
        ValueError: If columns are missing, there are no rows, a score is unknown, or a run has a score twice.
    """
    check_table(table)
    chosen = chosen_scores(table, scores)
    place = table.groupby(["dataset", "cell", "seed"], sort=False, observed=True).ngroup().to_numpy()
    runs = table[~pd.Series(place).duplicated().to_numpy()].reset_index(drop=True)
    index = runs[list(RUN)].assign(family=families(runs))
    kept = table["name"].isin(chosen).to_numpy()
    rows = table[kept]
    twice = pd.DataFrame({"run": place[kept], "name": rows["name"].to_numpy()}).duplicated().to_numpy()
    if twice.any():
        row = rows[twice].iloc[0]
        raise ValueError(f"the run {row['label']!r} with seed {row['seed']} has two rows for the score {row['name']!r}")
    columns = pd.Index(chosen).get_indexer(pd.Index(rows["name"].astype(object)))
    values = np.full((len(runs), len(chosen)), np.nan)
    values[place[kept], columns] = rows["value"].to_numpy(dtype=np.float64, na_value=np.nan)
    values[~np.isfinite(values)] = np.nan
    return pd.DataFrame(values, index=pd.MultiIndex.from_frame(index), columns=chosen)


def directions(table: pd.DataFrame, given: Mapping[str, bool] | None = None) -> dict[str, bool | None]:
    """Return whether higher values of each score of the table are better; ``None`` if neither it nor ``given`` says."""
    stated = table.dropna(subset=["higher_is_better"]).drop_duplicates("name").set_index("name")["higher_is_better"]
    found = {name: bool(stated[name]) if name in stated.index else None for name in dict.fromkeys(table["name"])}
    return found | dict(given or {})


def known_directions(
    table: pd.DataFrame, scores: Iterable[str], given: Mapping[str, bool] | None = None
) -> dict[str, bool]:
    """Return whether higher values of each of ``scores`` are better.

    Raises:
        ValueError: If neither the table nor ``given`` says it for one of them.
    """
    found = directions(table, given)
    known = {name: better for name in scores if (better := found.get(name)) is not None}
    for name in scores:
        if found.get(name, True) is None:
            raise ValueError(f"higher_is_better must give the direction of {name!r}, for which the table has none")
    return known
