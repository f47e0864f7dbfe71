"""Score tables as files."""

import csv
import io
import json
import math
from pathlib import Path

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
        rows = [{key: _json_value(value) for key, value in row._asdict().items()} for row in table.rows]
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


def _json_value(value: object) -> object:
    return None if isinstance(value, float) and not math.isfinite(value) else value


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
