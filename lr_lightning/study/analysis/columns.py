"""The columns of a study's tidy table that its analysis uses."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

import pandas as pd

RUN = ("dataset", "objective", "cell", "label", "strength", "seed")
"""Columns that describe a run: the same in all rows of the run."""

SCORE = ("name", "value", "higher_is_better")
"""Columns that describe a score of a run."""


def check_table(table: pd.DataFrame) -> None:
    """Raise ``ValueError`` if ``table`` is not the tidy table of a study, or has no rows."""
    missing = [column for column in (*RUN, *SCORE) if column not in table.columns]
    if missing:
        raise ValueError(f"table must have the columns of a study's table; it lacks {', '.join(missing)}")
    if table.empty:
        raise ValueError("table has no rows: none of the study's runs is done")


def chosen_scores(table: pd.DataFrame, scores: Iterable[str] | None) -> list[str]:
    """Return the names in ``scores``, or by default all names of the table in their order.

    Raises:
        ValueError: If a name is not in the table, or there are no names.
    """
    known = list(dict.fromkeys(table["name"]))
    chosen = known if scores is None else list(dict.fromkeys(scores))
    for name in chosen:
        if name not in known:
            raise ValueError(f"scores: the table has no score {name!r}; {_closest(name, known)}")
    if not chosen:
        raise ValueError("scores must name at least one score")
    return chosen


def _closest(name: str, known: Sequence[str]) -> str:
    close = get_close_matches(name, known, n=1)
    return f"did you mean {close[0]}?" if close else f"it has {', '.join(known)}"
