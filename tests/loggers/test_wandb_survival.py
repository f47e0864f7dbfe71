"""The W&B history survives a killed W&B service or run."""

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import wandb
from PIL import Image

from lr_lightning.loggers import RunCSVLogger, RunWandbLogger
from tests.logged_rows import logged_rows
from tests.wandb_history import history, parts

FOLDER = Path("run")


@pytest.fixture(autouse=True)
def _end_wandb(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("WANDB_MODE", "offline")
    yield
    end_wandb()


def start(resume_step: int | None = None, **options: Any) -> tuple[RunWandbLogger, RunCSVLogger]:
    """Return the loggers of one start of the run."""
    wandb_logger = RunWandbLogger(FOLDER, run_id="abc", resume_step=resume_step, **options)
    return wandb_logger, RunCSVLogger(FOLDER, resume_step)


def log(loggers: tuple[RunWandbLogger, RunCSVLogger], *steps: int, kind: str = "train") -> None:
    """Log as a run does at ``steps``, with a figure and a table at every tenth step."""
    for step in steps:
        if step % 10 == 9:
            path = FOLDER / "figures" / f"{kind}-{step}.png"
            path.parent.mkdir(exist_ok=True, parents=True)
            Image.new("L", (2, 2), step).save(path)
            loggers[0].log_figure(f"{kind}/figure", path, step)
            loggers[0].log_table(f"{kind}/table", columns=["latent", "kl"], data=[["0", step / 8]], step=step)
        for logger in loggers:
            logger.log_metrics({"epoch": step // 10, f"{kind}/loss": 1 / (step + 1)}, step=step)
            logger.save()


def last_history() -> list[dict[str, Any]]:
    """Return the history of the last start, without the random addresses of tables."""
    end_wandb()  # the service writes the last rows when it ends
    rows = history(parts(FOLDER)[-1])
    return [{key: value for key, value in row.items() if "artifact" not in key and "path" not in key} for row in rows]


def kill_service() -> None:
    """Kill W&B's own process, as a memory limit would."""
    for task in Path("/proc/self/task").iterdir():
        for child in map(int, (task / "children").read_text().split()):
            if Path(f"/proc/{child}/comm").read_text().strip().startswith("wandb"):
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)


def kill_run() -> None:
    """Discard a start except for its files."""
    kill_service()
    end_wandb()


def end_wandb() -> None:
    """Forget W&B's run and its service, dead or alive."""
    for end in (wandb.finish, wandb.teardown):
        with suppress(Exception):
            end()
        wandb.run = None


@pytest.fixture
def whole(tmp_path: Path) -> list[dict[str, Any]]:
    """Return the history of an uninterrupted run, and remove its files."""
    loggers = start()
    log(loggers, *range(4, 40, 5))
    loggers[0].finish()
    rows = last_history()
    shutil.rmtree(FOLDER)
    return rows


def test_one_row_per_step(whole: list[dict[str, Any]]) -> None:
    assert [row["_step"] for row in whole] == list(range(4, 40, 5))
    assert [row["trainer/global_step"] for row in whole] == list(range(4, 40, 5))
    assert whole[0].keys() == {"_step", "trainer/global_step", "epoch", "train/loss"}
    assert whole[1]["train/loss"] == 0.1
    assert whole[1]["train/figure._type"] == "image-file"
    assert whole[1]["train/table.ncols"] == 2


def test_the_last_part_has_the_whole_history(whole: list[dict[str, Any]]) -> None:
    loggers = start()
    log(loggers, *range(4, 30, 5))
    kill_run()
    for steps in (range(0), range(24, 35, 5), range(24, 40, 5)):  # the first is killed before its first row
        loggers = start(resume_step=19)
        _ = [logger.experiment for logger in loggers]
        log(loggers, *steps)
        if len(steps) < 4:
            kill_run()
    assert loggers[0].finish() is None
    assert last_history() == whole
    assert [int(row["step"]) for row in logged_rows(FOLDER)] == [row["_step"] for row in whole]


def test_an_evaluation_adds_rows(whole: list[dict[str, Any]]) -> None:
    loggers = start()
    log(loggers, *range(4, 40, 5))
    loggers[0].finish()
    for _ in range(2):  # the best checkpoint, from step 20
        evaluation = start()
        log(evaluation, 19, kind="test")
        evaluation[0].finish()
    rows = last_history()
    assert rows[: len(whole)] == whole
    [added] = rows[len(whole) :]  # one row, with the numbers of the last evaluation
    assert (added["_step"], added["trainer/global_step"], added["test/loss"]) == (40, 19, 0.05)
    assert added["test/figure._type"] == "image-file"


def test_removed_figures_are_skipped(whole: list[dict[str, Any]]) -> None:
    loggers = start()
    log(loggers, *range(4, 40, 5))
    loggers[0].finish()
    shutil.rmtree(FOLDER / "figures")
    evaluation = start()
    log(evaluation, 44)
    evaluation[0].finish()
    rows = last_history()
    assert [row["_step"] for row in rows] == list(range(4, 45, 5))
    assert [row["train/table.ncols"] for row in rows if "train/table.ncols" in row] == [2, 2, 2, 2]
    assert not any("train/figure._type" in row for row in rows)


def test_another_run_in_the_same_folder_starts_empty() -> None:
    loggers = start()
    log(loggers, 4, 9)
    loggers[0].finish()
    other = RunWandbLogger(FOLDER)
    other.log_metrics({"a": 1.0}, step=3)
    other.finish()
    assert len(last_history()) == 1


def test_rows_logged_by_user_code() -> None:
    loggers = start()
    log(loggers, 4)
    for value in (1, 2):
        loggers[0].experiment.log({"own": value})
    log(loggers, 4, 9)
    loggers[0].finish()
    rows = last_history()
    assert [row.get("own") for row in rows] == [1, 2, None, None]  # the first joins the current row
    assert [row.get("train/loss") for row in rows] == [0.2, None, 0.2, 0.1]


@pytest.mark.parametrize("moment", ["between", "at the end"])
def test_a_killed_service_is_replaced(whole: list[dict[str, Any]], moment: str) -> None:
    loggers = start()
    loggers[0].log_hyperparams({"beta": 4})
    log(loggers, *range(4, 20, 5))
    if moment == "between":
        kill_service()
        with pytest.warns(UserWarning, match=r"W&B .*offline"):
            log(loggers, 24)
        log(loggers, *range(29, 40, 5))
        assert loggers[0].experiment.config["beta"] == 4
        assert loggers[0].finish() is None
        assert f"wandb sync {loggers[0].folder}" in str(loggers[0].outcome)
    else:
        log(loggers, *range(24, 40, 5))
        kill_service()
        with pytest.warns(UserWarning, match="offline"):
            told = loggers[0].finish()
        assert f"wandb sync {loggers[0].folder}" in str(told)
    assert loggers[0].folder == parts(FOLDER)[-1].absolute()
    assert last_history() == whole


def test_a_second_killed_service_ends_wandb_only() -> None:
    loggers = start()
    log(loggers, 4)
    kill_service()
    with pytest.warns(UserWarning, match="offline"):
        log(loggers, 9)
    kill_service()
    with pytest.warns(UserWarning, match=r"W&B"):
        log(loggers, 14)
    log(loggers, 19)  # warnings are errors here
    assert loggers[0].finish() is None
    assert loggers[0].outcome
    wandb.teardown()
    evaluation = start()
    log(evaluation, 24)
    evaluation[0].finish()
    assert [row["_step"] for row in last_history()] == [4, 9, 14, 19, 24]


def test_a_missing_temporary_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    from wandb.sdk.data_types._private import MEDIA_TMP

    monkeypatch.setattr(MEDIA_TMP, "name", "/proc/none")
    loggers = start()
    _ = loggers[0].experiment
    monkeypatch.setattr(tempfile, "tempdir", "/proc/none")
    log(loggers, 9)  # warnings are errors here
    assert tempfile.gettempdir() == "/proc/none"
    loggers[0].finish()
    [row] = last_history()
    assert row["train/table.ncols"] == 2
    assert MEDIA_TMP.name == "/proc/none"  # unchanged for other code


def test_a_rejected_value_causes_one_warning() -> None:
    loggers = start()
    with pytest.warns(UserWarning, match="W&B"):
        loggers[0].log_figure("train/figure", FOLDER / "none.png", 9)
    loggers[0].log_figure("train/figure", FOLDER / "none.png", 9)
    log(loggers, 9)
    loggers[0].finish()
    assert [row["_step"] for row in last_history()] == [9]
