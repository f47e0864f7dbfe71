"""One metrics.csv for a run, however often it is resumed."""

import csv
from pathlib import Path
from typing import Any

import pytest
from pytorch_lightning.utilities import rank_zero_only
from torch import Tensor

from lr_lightning.loggers import RunCSVLogger


def read(folder: Path) -> list[dict[str, str]]:
    """Return the rows of the file, without empty cells."""
    with (folder / "metrics.csv").open(newline="") as file:
        return [{key: value for key, value in row.items() if value} for row in csv.DictReader(file)]


def log(folder: Path, rows: dict[int, dict[str, Tensor | float]], **options: Any) -> None:
    """Write ``rows``, by step, in a start of the run."""
    logger = RunCSVLogger(folder, **options)
    for step, metrics in rows.items():
        logger.log_metrics(metrics, step=step)
    logger.save()


def test_writes_straight_into_the_run_folder(tmp_path: Path) -> None:
    log(tmp_path / "run", {3: {"train/loss": 0.5}, 7: {"train/loss": 0.25, "val/loss": 2.0}})
    assert read(tmp_path / "run") == [
        {"step": "3", "train/loss": "0.5"},
        {"step": "7", "train/loss": "0.25", "val/loss": "2.0"},
    ]


def test_keeps_the_rows_of_earlier_starts_as_they_were_written(tmp_path: Path) -> None:
    log(tmp_path, {3: {"train/loss": 0.1}, 7: {"train/loss": 1e-7}})
    log(tmp_path, {11: {"val/loss": 2.0}})
    log(tmp_path, {15: {"train/loss": 0.0}})
    assert read(tmp_path) == [
        {"step": "3", "train/loss": "0.1"},
        {"step": "7", "train/loss": "1e-07"},
        {"step": "11", "val/loss": "2.0"},
        {"step": "15", "train/loss": "0.0"},
    ]


def test_drops_the_rows_that_a_resumed_run_writes_again(tmp_path: Path) -> None:
    log(tmp_path, {3: {"train/loss": 3.0}, 7: {"train/loss": 7.0}, 11: {"train/loss": 11.0}})
    log(tmp_path, {11: {"train/loss": 0.5}}, resume_step=7)
    assert [row["train/loss"] for row in read(tmp_path)] == ["3.0", "7.0", "0.5"]


def test_a_start_that_is_killed_before_its_first_row_loses_none(tmp_path: Path) -> None:
    log(tmp_path, {3: {"train/loss": 3.0}})
    for _ in range(2):
        _ = RunCSVLogger(tmp_path).experiment  # what the Trainer does before training
    assert read(tmp_path) == [{"step": "3", "train/loss": "3.0"}]


def test_drops_half_a_line(tmp_path: Path) -> None:
    (tmp_path / "metrics.csv").write_text("epoch,step,train/loss\n0,3,3.0\n0,7")
    log(tmp_path, {7: {"train/loss": 7.0}})
    assert [row["train/loss"] for row in read(tmp_path)] == ["3.0", "7.0"]


def test_leaves_other_files_alone_and_does_not_warn_of_them(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("beta: 4")
    log(tmp_path, {3: {"train/loss": 3.0}})  # warnings are errors here
    log(tmp_path, {7: {"train/loss": 7.0}})
    assert (tmp_path / "config.yaml").read_text() == "beta: 4"


def test_other_processes_leave_the_file_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log(tmp_path, {3: {"train/loss": 3.0}})
    monkeypatch.setattr(rank_zero_only, "rank", 1)
    log(tmp_path, {7: {"train/loss": 7.0}})
    _ = RunCSVLogger(tmp_path).experiment
    assert read(tmp_path) == [{"step": "3", "train/loss": "3.0"}]
