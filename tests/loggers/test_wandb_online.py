"""Runs with a W&B server: responsive, refusing, hanging or failing ones, none of which stops a run."""

import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import wandb

from lr_lightning.loggers import RunCSVLogger, RunWandbLogger
from tests.loggers.wandb_server import WandbServer
from tests.wandb_history import history, parts

FOLDER = Path("run")


@pytest.fixture(autouse=True)
def _login(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Set a key, which is sent to the test's server only."""
    end_wandb()
    monkeypatch.delenv("WANDB_MODE", raising=False)
    monkeypatch.setenv("WANDB_API_KEY", "0123456789" * 4)
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:1")
    yield
    end_wandb()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[WandbServer]:
    server = WandbServer()
    monkeypatch.setenv("WANDB_BASE_URL", server.url)
    yield server
    end_wandb()
    server.close()


def end_wandb() -> None:
    """Forget W&B's run, its service and its login."""
    for end in (wandb.finish, wandb.teardown):
        with suppress(Exception):
            end()
        wandb.run = None


def log(*steps: int, resume_step: int | None = None, **options: float) -> RunWandbLogger:
    """Log at ``steps`` in one start of the run."""
    first = RunWandbLogger(FOLDER, run_id="abc", resume_step=resume_step, **options)  # type: ignore[arg-type]
    loggers = first, RunCSVLogger(FOLDER, resume_step)
    for step in steps:
        for logger in loggers:
            logger.log_metrics({"train/loss": step / 2}, step=step)
            logger.save()
    return first


def rows(server: WandbServer) -> list[tuple[int, int, float]]:
    """Return row, training step and loss of the server's history."""
    lines = [server.history[number] for number in sorted(server.history)]
    return [(line["_step"], line["trainer/global_step"], line["train/loss"]) for line in lines]


def test_only_missing_rows_are_sent(server: WandbServer) -> None:
    assert log(4, 9, 14, 19).finish() is None
    assert rows(server) == [(step, step, step / 2) for step in (4, 9, 14, 19)]
    resumed = log(14, 19, 24, resume_step=9)  # the run was killed after its checkpoint
    assert str(resumed.outcome).startswith(server.url)
    assert resumed.finish() is None
    assert rows(server) == [(step, step, step / 2) for step in (4, 9, 14, 19, 24)]
    server.history = {0: server.history[0], 1: server.history[1]}  # as if the other rows had not arrived
    assert log(29, resume_step=24).finish() is None
    assert rows(server) == [(step, step, step / 2) for step in (4, 9, 14, 19, 24, 29)]
    evaluation = log(9)
    assert evaluation.finish() is None
    assert rows(server)[-1] == (30, 9, 4.5)


def test_a_differently_numbered_history_is_continued(server: WandbServer) -> None:
    log(4, 9).finish()
    server.history = {i: {"_step": i, "trainer/global_step": 5 * i + 4, "train/loss": 0.0} for i in range(2)}
    log(14, resume_step=9).finish()
    assert rows(server) == [(0, 4, 0.0), (1, 9, 0.0), (14, 14, 7.0)]


@pytest.mark.parametrize("trouble", ["refuse", "hang", "500"])
def test_a_silent_server_does_not_delay_a_start(monkeypatch: pytest.MonkeyPatch, trouble: str) -> None:
    server = None if trouble == "refuse" else WandbServer(trouble)
    with socket.socket() as bound:  # not listening
        bound.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{bound.getsockname()[1]}" if server is None else server.url
        monkeypatch.setenv("WANDB_BASE_URL", address)
        start = time.perf_counter()
        logger = log(4, 9, timeout=1.0)
        assert logger.finish() is None
        assert time.perf_counter() - start < 30
    assert logger.folder is not None
    end_wandb()
    if server is not None:
        server.close()
    assert [row["_step"] for row in history(parts(FOLDER)[-1])] == [4, 9]


@pytest.mark.parametrize("trouble", ["hang", "500"])
def test_a_server_that_falls_silent_does_not_delay_the_end(server: WandbServer, trouble: str) -> None:
    logger = log(4, upload_timeout=1.0)
    server.mode = trouble
    for step in (9, 14):
        logger.log_metrics({"train/loss": step / 2}, step=step)
    start = time.perf_counter()
    told = logger.finish()
    assert time.perf_counter() - start < 30
    assert told is not None
    assert re.search(r"\b1 s\b.*wandb sync --include-online ", told)
    assert list(Path(told.split()[-1]).glob("run-abc.wandb"))


def test_an_offline_run_is_complete_after_a_sync(server: WandbServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_MODE", "offline")
    log(4, 9, 14, 19).finish()
    resumed = log(14, 24, 29, resume_step=9)
    last = str(resumed.folder)
    resumed.finish()
    end_wandb()
    monkeypatch.delenv("WANDB_MODE")
    for arguments in (
        [str(FOLDER / "wandb")],
        ["--include-synced", last],
    ):  # all parts; the last one
        server.history = {}
        command = [sys.executable, "-m", "wandb", "sync", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=100)
        assert done.returncode == 0, done.stderr
        assert rows(server) == [(step, step, step / 2) for step in (4, 9, 14, 24, 29)]
