"""Reads ``metrics.csv``."""

import csv
import io
import warnings
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

METRICS_FILE = "metrics.csv"


class MetricsFile(NamedTuple):
    """Content of a ``metrics.csv``.

    Attributes:
        columns: Names in its header; empty if there is no file.
        rows: Its rows as text; quantities that were not logged at a step are empty.
        has_dropped_lines: Whether the file has other lines: later rows, or damaged ones.
    """

    columns: list[str]
    rows: list[dict[str, str]]
    has_dropped_lines: bool


def read_metrics(path: Path, last_step: int | None = None) -> MetricsFile:
    """Return the rows of a ``metrics.csv``, none if there is no file.

    An incomplete last line, left by a killed process, is dropped.

    Args:
        path: The file.
        last_step: Drop rows of later steps; ``None`` keeps all rows.

    Raises:
        ValueError: If there are rows but no column ``step``.
    """
    content = path.read_bytes() if path.is_file() else b""
    end = content.rfind(b"\n") + 1  # the rest is an incomplete line, even if it has a cell for each column
    reader = csv.DictReader(io.StringIO(content[:end].decode(errors="replace"), newline=""))
    columns, found = list(reader.fieldnames or []), list(reader)
    if found and "step" not in columns:
        raise ValueError(f"{path} has no column 'step', so it does not belong to a run; move it elsewhere")
    whole = [row for row in found if None not in row and None not in row.values() and row["step"].isdigit()]
    if len(whole) < len(found):
        warnings.warn(f"{len(found) - len(whole)} damaged lines of {path} are ignored", stacklevel=2)
    rows = [row for row in whole if last_step is None or int(row["step"]) <= last_step]
    return MetricsFile(columns, rows, end < len(content) or len(rows) < len(found))


def logged_values(row: Mapping[str, str]) -> dict[str, Any]:
    """Return the logged values of a row of ``metrics.csv``, without the step."""
    return {key: _number(text) for key, text in row.items() if text and key != "step"}


def _number(text: str) -> int | float | str:
    for kind in (int, float):
        with suppress(ValueError):
            return kind(text)
    return text
