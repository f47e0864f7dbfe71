"""The rows of ``metrics.csv``, as they were written."""

import csv
import io
import warnings
from pathlib import Path
from typing import NamedTuple

METRICS_FILE = "metrics.csv"


class MetricsFile(NamedTuple):
    """What a ``metrics.csv`` holds.

    Attributes:
        columns: Names in its header, none if there is no file.
        rows: Its rows as text; a quantity that was not logged at a step is empty.
        left_out: Whether the file holds more: later rows, or lines that are damaged.
    """

    columns: list[str]
    rows: list[dict[str, str]]
    left_out: bool


def read_metrics(path: Path, last_step: int | None = None) -> MetricsFile:
    """Return the rows of a ``metrics.csv``, none if there is no file.

    A killed process may leave half of a last line, which is left out.

    Args:
        path: The file.
        last_step: Leave out rows of later steps; ``None`` for all rows.

    Raises:
        ValueError: If there are rows but no column ``step``.
    """
    content = path.read_bytes() if path.is_file() else b""
    end = content.rfind(b"\n") + 1  # what follows is half a line, even if it has a cell for each column
    reader = csv.DictReader(io.StringIO(content[:end].decode(errors="replace"), newline=""))
    columns, found = list(reader.fieldnames or []), list(reader)
    if found and "step" not in columns:
        raise ValueError(f"{path} has no column 'step' and is of no run; move it elsewhere")
    whole = [row for row in found if None not in row and None not in row.values() and row["step"].isdigit()]
    if len(whole) < len(found):
        warnings.warn(f"{len(found) - len(whole)} damaged lines of {path} are left out", stacklevel=2)
    rows = [row for row in whole if last_step is None or int(row["step"]) <= last_step]
    return MetricsFile(columns, rows, end < len(content) or len(rows) < len(found))
