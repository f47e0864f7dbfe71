"""A run has one metrics.csv, no matter how often it is resumed."""

import csv
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from pytorch_lightning.utilities import rank_zero_only
from torch import Tensor

from lr_lightning.loggers import RunCSVLogger
from lr_lightning.loggers.metrics_file import read_metrics
from tests.logged_rows import logged_rows


def log(folder: Path, rows: dict[int, dict[str, Tensor | float]], **options: Any) -> None:
    """Log ``rows``, by step, in one start of the run."""
    logger = RunCSVLogger(folder, **options)
    for step, metrics in rows.items():
        logger.log_metrics(metrics, step=step)
    logger.save()


def test_writes_straight_into_the_run_folder(tmp_path: Path) -> None:
    log(tmp_path / "run", {3: {"train/loss": 0.5}, 7: {"train/loss": 0.25, "val/loss": 2.0}})
    assert logged_rows(tmp_path / "run") == [
        {"step": "3", "train/loss": "0.5"},
        {"step": "7", "train/loss": "0.25", "val/loss": "2.0"},
    ]


def test_keeps_the_rows_of_earlier_starts(tmp_path: Path) -> None:
    log(tmp_path, {3: {"train/loss": 0.1}, 7: {"train/loss": 1e-7}})
    log(tmp_path, {11: {"val/loss": 2.0}})
    log(tmp_path, {15: {"train/loss": 0.0}})
    assert logged_rows(tmp_path) == [
        {"step": "3", "train/loss": "0.1"},
        {"step": "7", "train/loss": "1e-07"},
        {"step": "11", "val/loss": "2.0"},
        {"step": "15", "train/loss": "0.0"},
    ]


def test_drops_the_rows_that_a_resumed_run_writes_again(tmp_path: Path) -> None:
    log(tmp_path, {3: {"train/loss": 3.0}, 7: {"train/loss": 7.0}, 11: {"train/loss": 11.0}})
    log(tmp_path, {11: {"train/loss": 0.5}}, resume_step=7)
    assert [row["train/loss"] for row in logged_rows(tmp_path)] == ["3.0", "7.0", "0.5"]


def test_a_start_killed_before_its_first_row_loses_nothing(tmp_path: Path) -> None:
    log(tmp_path, {3: {"train/loss": 3.0}})
    for _ in range(2):
        _ = RunCSVLogger(tmp_path).experiment  # what the Trainer does before training
    assert logged_rows(tmp_path) == [{"step": "3", "train/loss": "3.0"}]


def test_drops_an_incomplete_line(tmp_path: Path) -> None:
    (tmp_path / "metrics.csv").write_text("epoch,step,train/loss\n0,3,3.0\n0,7")
    log(tmp_path, {7: {"train/loss": 7.0}})
    assert [row["train/loss"] for row in logged_rows(tmp_path)] == ["3.0", "7.0"]


def test_ignores_other_files(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("beta: 4")
    log(tmp_path, {3: {"train/loss": 3.0}})  # warnings are errors here
    log(tmp_path, {7: {"train/loss": 7.0}})
    assert (tmp_path / "config.yaml").read_text() == "beta: 4"


def test_other_processes_leave_the_file_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log(tmp_path, {3: {"train/loss": 3.0}})
    monkeypatch.setattr(rank_zero_only, "rank", 1)
    log(tmp_path, {7: {"train/loss": 7.0}})
    _ = RunCSVLogger(tmp_path).experiment
    assert logged_rows(tmp_path) == [{"step": "3", "train/loss": "3.0"}]


@pytest.mark.parametrize("half", ["0,7", "0,7,3.", "0,7,3.125\r"])
def test_incomplete_last_lines_are_dropped(tmp_path: Path, half: str) -> None:
    (tmp_path / "metrics.csv").write_text(f"epoch,step,train/loss\r\n0,3,3.0\r\n{half}", newline="")
    assert [row["step"] for row in read_metrics(tmp_path / "metrics.csv").rows] == ["3"]
    log(tmp_path, {11: {"epoch": 0, "train/loss": 11.0}})
    assert [row["step"] for row in logged_rows(tmp_path)] == ["3", "11"]


def test_damaged_lines_are_ignored_with_a_warning(tmp_path: Path) -> None:
    (tmp_path / "metrics.csv").write_text("step,train/loss\n3,3.0\n\0\0,1.0\n7\n9,9.0,9.0\n11,11.0\n")
    with pytest.warns(UserWarning, match=r"\b3\b.*metrics.csv"):
        log(tmp_path, {15: {"train/loss": 15.0}})
    assert [row["step"] for row in logged_rows(tmp_path)] == ["3", "11", "15"]


def test_rejects_another_table(tmp_path: Path) -> None:
    (tmp_path / "metrics.csv").write_text("name,value\na,1\n")
    with pytest.raises(ValueError, match=r"metrics.csv.*'step'"):
        log(tmp_path, {3: {"train/loss": 3.0}})
    assert (tmp_path / "metrics.csv").read_text() == "name,value\na,1\n"


def test_only_a_new_column_rewrites_the_file(tmp_path: Path) -> None:
    logger = RunCSVLogger(tmp_path)
    inodes = []
    for step, key in enumerate(["train/loss", "train/loss", "val/loss", "train/loss"]):
        logger.log_metrics({key: 1.0}, step=step)  # without save, as in a model
        inodes.append((tmp_path / "metrics.csv").stat().st_ino)
    assert inodes[0] == inodes[1] != inodes[2] == inodes[3]
    before = inodes[3]
    log(tmp_path, {4: {"train/loss": 1.0}}, resume_step=3)  # drops nothing
    assert (tmp_path / "metrics.csv").stat().st_ino == before
    assert [row["step"] for row in logged_rows(tmp_path)] == ["0", "1", "2", "3", "4"]
    assert [path.name for path in tmp_path.iterdir()] == ["metrics.csv"]


@pytest.mark.parametrize("written", [{"train/loss": 7.0}, {"val/loss": 7.0}])
def test_a_full_disk_leaves_whole_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: dict[str, Tensor | float]
) -> None:
    log(tmp_path, {3: {"train/loss": 3.0}})
    logger = RunCSVLogger(tmp_path)

    def full(writer: Any, rows: list[Any]) -> None:
        writer.writer.writerow(["7", "7."])
        raise OSError("disk full")

    with monkeypatch.context() as patch:
        patch.setattr(csv.DictWriter, "writerows", full)
        with pytest.raises(OSError, match="disk full"):
            logger.log_metrics(written, step=7)
    assert logged_rows(tmp_path) == [{"step": "3", "train/loss": "3.0"}]
    logger.finalize("failed")  # some space has been freed
    assert logged_rows(tmp_path) == [{"step": "3", "train/loss": "3.0"}, {"step": "7"} | dict.fromkeys(written, "7.0")]


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_run_killed_while_it_resumes_or_adds_a_column_loses_no_row(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    path.write_text("step,train/loss\n" + "".join(f"{step},{step}.0\n" for step in range(20_000)))
    for seconds in (0.01, 0.04, 0.08, 0.12, 0.16, 0.24):
        child = os.fork()
        if not child:
            for number in range(10_000):
                log(tmp_path, {19_000: {f"val/{os.getpid()}_{number}": 1.0}}, resume_step=18_999)
        time.sleep(seconds)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        steps = [int(row["step"]) for row in read_metrics(path).rows]
        assert steps[:19_000] == list(range(19_000))
    log(tmp_path, {19_000: {"train/loss": 1.0}}, resume_step=18_999)
    assert len(logged_rows(tmp_path)) == 19_001


def test_checkpoints_flush_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    logger, flushed = RunCSVLogger(tmp_path), []
    logger.after_save_checkpoint(None)  # type: ignore[arg-type]  # before the first row
    for step in (3, 7):
        logger.log_metrics({"train/loss": 3.0}, step=step)
        logger.save()
    monkeypatch.setattr(os, "fsync", lambda number: flushed.append(Path(f"/proc/self/fd/{number}").resolve().name))
    logger.after_save_checkpoint(None)  # type: ignore[arg-type]
    assert flushed == ["metrics.csv"]


def test_hyperparameters_are_written_atomically(tmp_path: Path) -> None:
    logger = RunCSVLogger(tmp_path)
    logger.log_hyperparams({"beta": 4})
    first = (tmp_path / "hparams.yaml").stat().st_ino
    logger.log_hyperparams({"lr": 0.1})
    assert yaml.safe_load((tmp_path / "hparams.yaml").read_text()) == {"beta": 4, "lr": 0.1}
    assert (tmp_path / "hparams.yaml").stat().st_ino != first
    assert [path.name for path in tmp_path.iterdir()] == ["hparams.yaml"]
