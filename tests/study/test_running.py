"""How far runs are."""

import os
import time
from pathlib import Path

import pytest
import yaml

from lr_lightning.callbacks.run.run_record import RESULTS
from lr_lightning.loggers import RunCSVLogger
from lr_lightning.loggers.metrics_file import METRICS_FILE
from lr_lightning.study.layout import cell_folder, note_step, run_folder
from lr_lightning.study.running import RunProgress, last_logged_step, run_progress, running_run
from tests.study.test_run_states import write_lease


def test_the_step_is_the_last_one_that_was_logged(tmp_path: Path) -> None:
    path = tmp_path / METRICS_FILE
    assert last_logged_step(path) is None
    logger = RunCSVLogger(tmp_path)
    logger.log_metrics({"train/loss": 0.5}, step=9)
    assert last_logged_step(path) == 10
    for step in range(19, 20_000, 10):  # more than the part of the file that is read
        logger.experiment.metrics.append({"train/loss": 0.25, "step": step, "name, with a comma": "x" * 50})
    logger.save()
    assert path.stat().st_size > 2**16
    assert last_logged_step(path) == 20_000
    with path.open("a") as file:
        file.write("x,20009")  # being written
    assert last_logged_step(path) == 20_000


@pytest.mark.parametrize("text", ["", "step", "step\n", "loss\n1\n", "step,loss\n,1\n", "step,loss\n7\n"])
def test_a_file_without_a_complete_row_has_no_step(tmp_path: Path, text: str) -> None:
    (tmp_path / METRICS_FILE).write_text(text)
    assert last_logged_step(tmp_path / METRICS_FILE) is None


@pytest.mark.parametrize(
    ("trainer", "total"), [({"max_steps": 500}, 500), ({"max_steps": -1}, None), ({}, None), (None, None)]
)
def test_a_run_that_trains(tmp_path: Path, trainer: object, total: int | None) -> None:
    assert running_run(tmp_path, "c", "label", 3) is None
    folder = run_folder(tmp_path, "c", 3)
    write_lease(folder, silence=7)
    found = running_run(tmp_path, "c", "label", 3)
    assert found is not None
    assert (found.cell, found.label, found.seed, found.folder, found.host) == ("c", "label", 3, folder, "node7")
    assert 7 <= found.silence < 60
    assert found.step is found.total_steps is None
    (cell_folder(tmp_path, "c") / "config.yaml").write_text(yaml.safe_dump({"trainer": trainer}))
    (folder / METRICS_FILE).write_text("step,train/loss\n49,0.5\n")
    found = running_run(tmp_path, "c", "label", 3)
    assert found is not None
    assert (found.step, found.total_steps) == (50, total)


def test_the_progress_of_a_run(tmp_path: Path) -> None:
    folder = run_folder(tmp_path, "c", 3)
    assert run_progress(folder) == RunProgress(0, 0, 0.0, is_trained=False)
    write_lease(folder, pid=os.getpid(), since=time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(1e9)))
    assert run_progress(folder) == RunProgress(0, 0, 0.0, is_trained=False, since=1e9)
    (folder / METRICS_FILE).write_text("step,train/loss\n49,0.5\n")
    os.utime(folder / METRICS_FILE, (2e9, 2e9))
    note_step(folder, 20)
    assert run_progress(folder) == RunProgress(50, 20, 2e9, is_trained=False, since=1e9)
    (folder / RESULTS).touch()
    write_lease(folder, pid=os.getpid(), born="0")  # its process has ended
    assert run_progress(folder) == RunProgress(50, 20, 2e9, is_trained=True)
    note_step(folder, 0)
    assert run_progress(folder).first_step == 0


@pytest.mark.parametrize("since", ["9999-01-01 00:00:00", "yesterday"])
def test_a_start_that_cannot_be_is_now(tmp_path: Path, since: str) -> None:
    """Such as by the clock of another machine."""
    folder = run_folder(tmp_path, "c", 3)
    write_lease(folder, pid=os.getpid(), since=since)
    found = run_progress(folder).since
    assert found is not None
    assert abs(time.time() - found) < 60
