"""Reads what a run has logged."""

import csv
from pathlib import Path


def logged_rows(folder: Path) -> list[dict[str, str]]:
    """Return the rows of ``metrics.csv`` in ``folder`` as text, without empty cells."""
    with (folder / "metrics.csv").open(newline="") as file:
        return [{key: value for key, value in row.items() if value} for row in csv.DictReader(file)]
