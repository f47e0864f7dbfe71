"""Tables of studies as files."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from lr_lightning.commands.messages import UsageError
from lr_lightning.common.files import check_table_format, replaced_atomically

FORMATS = (".parquet", ".csv")
_ROWS = 50_000
"""Rows that are turned into text at a time, which bounds the memory."""


def check_table_file(path: Path) -> None:
    """Raise an error if no table can be written to ``path``: before thousands of files are read, not after.

    Raises:
        UsageError: If the suffix is not one of :data:`FORMATS`.
        ModuleNotFoundError: If it is ``.parquet`` and pyarrow is not installed.
    """
    try:
        check_table_format(path, FORMATS)
    except ValueError as error:
        raise UsageError(f"--out: {error}") from error


def write_table(path: Path, table: pd.DataFrame) -> None:
    """Write a table to a ``.parquet`` or ``.csv`` file, complete or not at all.

    In CSV, numbers are written in full, and missing values are empty.
    """
    check_table_file(path)
    with replaced_atomically(path) as unfinished:
        if path.suffix == ".parquet":
            table.to_parquet(unfinished, index=False, engine="pyarrow")
            return
        with unfinished.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file, lineterminator="\n").writerow(table.columns)
            for start in range(0, len(table), _ROWS):
                file.write(_csv_lines(table.iloc[start : start + _ROWS]))


def _csv_lines(table: pd.DataFrame) -> str:
    """Return rows as CSV.

    Each distinct value of a column is turned into text once: most columns repeat the same few values, and
    ``DataFrame.to_csv`` would take eight times as long.
    """
    columns = [_texts(table[name]) for name in table.columns]
    return "".join(f"{','.join(row)}\n" for row in zip(*columns, strict=True))


def _texts(column: pd.Series) -> Sequence[str]:
    codes, values = pd.factorize(column)  # -1 for missing values
    texts = np.array([*map(_text, values.tolist()), ""], dtype=object)
    chosen: list[str] = texts[codes].tolist()
    return chosen


def _text(value: object) -> str:
    if not isinstance(value, str):
        return repr(value)
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow([value])  # quotes it if necessary
    return line.getvalue()
