"""Cells that differ in nothing but their strength."""

import pandas as pd

_NOT_SETTINGS = ("data.dataset",)


def families(cells: pd.DataFrame) -> pd.Series:
    """Return the family of each cell: its objective, and the parameters that vary apart from the strength.

    A family and a strength stand for the same setting on every data set.

    Args:
        cells: Rows of a study's table, each with its own index: cells, or runs of them. Parameters are the columns with
            a dot in their name; those of the data set do not count.

    Returns:
        Names such as ``"BetaVAE"``, or ``"BetaVAE latent_dim=12"`` in a grid over β and the number of latents.
    """
    keys = [key for key in cells.columns if "." in str(key) and not str(key).startswith(_NOT_SETTINGS)]
    names = cells["objective"].astype(str)
    for _, rows in cells.groupby("objective", sort=False, observed=True):
        for key in keys:
            if _varies(rows[key], rows["dataset"]) and not _is_strength(rows[key], rows["strength"]):
                name = key.rpartition(".")[2]
                words = [f" {name}={_text(value)}" if pd.notna(value) else "" for value in rows[key]]
                names.loc[rows.index] += words
    return names


def _varies(values: pd.Series, datasets: pd.Series) -> bool:
    """Return whether a parameter has several values, or is set in some cells of a data set only.

    That cells of one data set have it and those of others do not, such as the number of channels, is no other setting.
    """
    is_set = values.notna().groupby(datasets, observed=True)
    return values.nunique() > 1 or bool((is_set.nunique() > 1).any())


def _is_strength(values: pd.Series, strength: pd.Series) -> bool:
    """Return whether a parameter is the one that the strength was taken from: equal wherever it is set."""
    numbers = pd.to_numeric(values.astype(object), errors="coerce")
    return bool(values.notna().any() and (numbers == strength)[values.notna()].all())


def _text(value: object) -> str:
    return f"{value:g}" if isinstance(value, int | float) else str(value)
