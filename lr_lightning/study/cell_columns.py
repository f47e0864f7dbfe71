"""The cells of a study as a table."""

import json
from collections.abc import Sequence

import pandas as pd

from lr_lightning.study.manifest import Manifest, Value
from lr_lightning.study.strength import strengths


def cell_columns(manifest: Manifest) -> pd.DataFrame:
    """Return one row for each cell of a study, in its order.

    Returns:
        A table with the columns ``study``, ``cell``, ``label``, ``objective``, ``dataset``, one for each key of the
        grid, and ``strength``. Text is categorical. A value is missing where the cell's block does not set the key.
        Values that are neither numbers nor booleans are text, lists and mappings as JSON.
    """
    cells, strength = manifest.cells, strengths(manifest)
    columns: dict[str, pd.Series] = {
        "study": text_column([manifest.name] * len(cells)),
        "cell": text_column([cell.identity for cell in cells]),
        "label": text_column([cell.label for cell in cells]),
        "objective": text_column([cell.objective for cell in cells]),
        "dataset": text_column([cell.dataset for cell in cells]),
    }
    for key in dict.fromkeys(key for cell in cells for key in cell.parameters):
        columns[key] = _parameter_column([cell.parameters.get(key) for cell in cells])
    columns["strength"] = pd.Series([strength[cell.identity] for cell in cells], dtype="float64")
    return pd.DataFrame(columns)


def text_column(values: Sequence[str | None]) -> pd.Series:
    """Return a categorical column whose categories are in the order of their first appearance."""
    return pd.Series(
        pd.Categorical(values, categories=list(dict.fromkeys(value for value in values if value is not None)))
    )


def _parameter_column(values: Sequence[Value]) -> pd.Series:
    kinds = {type(value) for value in values}
    if kinds <= {int}:
        return pd.Series(values, dtype="int64")
    if kinds <= {int, float, type(None)}:
        return pd.Series(values, dtype="float64")
    if kinds <= {bool, type(None)}:
        return pd.Series(values, dtype="boolean")
    return text_column([value if isinstance(value, str | None) else json.dumps(value) for value in values])
