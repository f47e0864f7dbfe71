"""Score tables as files."""

import csv
import io
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lr_lightning.common.files import check_table_format, write_atomically
from lr_lightning.metrics.score_table import ScoreRow, ScoreTable

FORMATS = (".json", ".csv", ".parquet")


def check_table_path(path: Path) -> None:
    """Raise ``ValueError`` if no table can be written to ``path``: before hours of computing, not after.

    Raises:
        ValueError: If the suffix is not one of :data:`FORMATS`.
        ModuleNotFoundError: If it is ``.parquet`` and pyarrow is not installed.
    """
    check_table_format(path, FORMATS)


def write_score_table(path: Path, table: ScoreTable) -> None:
    """Write a table to a file, complete or not at all.

    Args:
        path: Name with the suffix ``.json`` (a list of objects, one a row; ``null`` for what is undefined, infinite
            or not known), ``.csv`` or ``.parquet``.
        table: Scores.

    Raises:
        ValueError: If the suffix is another.
        ModuleNotFoundError: If it is ``.parquet`` and pyarrow is not installed.
    """
    check_table_path(path)
    if path.suffix == ".json":
        rows = [json_row(row) for row in table.rows]
        content = json.dumps(rows, indent=1, allow_nan=False).encode()
    elif path.suffix == ".csv":
        text = io.StringIO(newline="")
        writer = csv.writer(text)
        writer.writerow(ScoreRow._fields)
        writer.writerows(table.rows)
        content = text.getvalue().encode()
    else:
        content = _parquet(table)
    write_atomically(path, lambda file: file.write(content))


def json_row(row: ScoreRow) -> dict[str, object]:
    """Return a row as JSON can represent it: ``None`` for what is undefined, infinite or not known."""
    return {
        key: None if isinstance(value, float) and not math.isfinite(value) else value
        for key, value in row._asdict().items()
    }


def row_of_json(values: Mapping[str, Any]) -> ScoreRow:
    """Return the row that :func:`json_row` has converted; unknown keys, of later versions, are left out.

    Raises:
        KeyError, TypeError, ValueError: If a field is missing or the value is not a number.
    """
    known = {key: value for key, value in values.items() if key in ScoreRow._fields}
    return ScoreRow(**known | {"value": math.nan if values["value"] is None else float(values["value"])})


def _parquet(table: ScoreTable) -> bytes:
    import pyarrow
    from pyarrow import parquet

    columns = {key: [getattr(row, key) for row in table.rows] for key in ScoreRow._fields}
    numbers = ("value", "standard_error", "ceiling", "chance", "low", "high")
    types = {**dict.fromkeys(numbers, pyarrow.float64()), "error_over": pyarrow.string()}  # also where all are None
    typed = {key: pyarrow.array(column, types.get(key)) for key, column in columns.items()}
    buffer = io.BytesIO()
    parquet.write_table(pyarrow.table(typed), buffer)
    return buffer.getvalue()
