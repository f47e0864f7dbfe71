"""Score tables as files."""

import csv
import json
import sys
from importlib import import_module
from pathlib import Path

import pytest

from lr_lightning.metrics.score_files import check_table_path, write_score_table
from lr_lightning.metrics.score_table import ScoreRow, ScoreTable
from tests.extras import needs

ROWS = (
    ScoreRow("mig", "mig", "score", 0.25, 0.01, 1.0, 0.0, True, 100, 0, 1.5, low=0.22, high=0.28, error_over="rows"),
    ScoreRow("dci_gbt_completeness", "dci", "gbt_completeness", float("nan"), None, None, None, True, 100, 50, 2.0),
    ScoreRow(
        "gaussian_total_correlation",
        "gaussian_total_correlation",
        "score",
        float("inf"),
        None,
        None,
        None,
        False,
        9,
        0,
        1,
    ),
)
TABLE = ScoreTable(ROWS, {})


def test_json_is_a_list_of_rows_with_null_for_what_is_undefined(tmp_path: Path) -> None:
    write_score_table(tmp_path / "folder" / "table.json", TABLE)
    rows = json.loads((tmp_path / "folder" / "table.json").read_text())
    assert rows[0] == ROWS[0]._asdict()
    assert [row["value"] for row in rows] == [0.25, None, None]
    assert rows[1]["name"] == "dci_gbt_completeness"


def test_csv_has_a_line_for_each_score(tmp_path: Path) -> None:
    write_score_table(tmp_path / "table.csv", TABLE)
    with (tmp_path / "table.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["name"] for row in rows] == [row.name for row in ROWS]
    assert [rows[0]["value"], rows[0]["standard_error"], rows[1]["value"], rows[1]["ceiling"]] == [
        "0.25",
        "0.01",
        "nan",
        "",
    ]
    assert [rows[0][key] for key in ("low", "high", "error_over")] == ["0.22", "0.28", "rows"]
    assert [rows[1][key] for key in ("low", "high", "error_over")] == ["", "", ""]


@needs("pyarrow")
def test_parquet_is_read_back(tmp_path: Path) -> None:
    parquet = import_module("pyarrow.parquet")
    write_score_table(tmp_path / "table.parquet", TABLE)
    rows = parquet.read_table(tmp_path / "table.parquet").to_pylist()
    assert rows[0] == ROWS[0]._asdict()
    assert [rows[0]["low"], rows[0]["high"], rows[0]["error_over"]] == [0.22, 0.28, "rows"]
    assert rows[1]["standard_error"] is rows[1]["low"] is rows[1]["error_over"] is None
    assert rows[2]["value"] == float("inf")
    write_score_table(tmp_path / "unknown.parquet", ScoreTable(ROWS[1:], {}))  # files of one study have one schema
    schemas = [parquet.read_schema(tmp_path / name) for name in ("table.parquet", "unknown.parquet")]
    assert schemas[0] == schemas[1]


def test_other_formats_are_refused_before_anything_is_computed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match=r"to .json, .csv, .parquet, not to 'table.txt'"):
        check_table_path(tmp_path / "table.txt")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'lr-lightning\[parquet\]'"):
        check_table_path(tmp_path / "table.parquet")
    check_table_path(tmp_path / "table.csv")
