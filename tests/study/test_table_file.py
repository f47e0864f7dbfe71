"""Tables as files."""

import sys
from pathlib import Path

import pandas as pd
import pytest

from lr_lightning.commands.messages import UsageError
from lr_lightning.study.table_file import check_table_file, write_table
from tests.extras import needs


@pytest.fixture
def table() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "text": pd.Categorical(["a", 'with "quotes", commas\nand lines', None]),
            "number, with a comma": [0.1 + 0.2, float("nan"), 1e-300],
            "count": [1, 2, 2**53 + 1],
            "flag": pd.array([True, False, None], dtype="boolean"),
        }
    )


def test_csv_is_what_pandas_would_write(tmp_path: Path, table: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lr_lightning.study.table_file._ROWS", 2)
    monkeypatch.setitem(sys.modules, "pyarrow", None)  # not needed
    write_table(tmp_path / "t.csv", table)
    assert (tmp_path / "t.csv").read_text() == table.to_csv(index=False, lineterminator="\n")
    assert list(tmp_path.iterdir()) == [tmp_path / "t.csv"]


@needs("pyarrow")
def test_parquet_is_read_as_it_was_written(tmp_path: Path, table: pd.DataFrame) -> None:
    write_table(tmp_path / "folder" / "t.parquet", table)
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "folder" / "t.parquet"), table)


def test_other_formats_are_refused(tmp_path: Path, table: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match=r"t\.xlsx"):
        write_table(tmp_path / "t.xlsx", table)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ModuleNotFoundError, match=r"lr-lightning\[parquet\]"):
        check_table_file(tmp_path / "t.parquet")
    assert not list(tmp_path.iterdir())
