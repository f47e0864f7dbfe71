"""Unreachable objects are not searched for while a command starts, and only then."""

import gc
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lr_lightning import cli
from lr_lightning.commands.collection import pause_collection, resume_collection


@pytest.fixture(autouse=True)
def _collecting() -> Iterator[None]:
    yield
    resume_collection()
    gc.enable()
    gc.unfreeze()


def test_collection_resumes_without_the_objects_of_the_start() -> None:
    pause_collection()
    assert not gc.isenabled()
    before = gc.get_freeze_count()
    resume_collection()
    assert gc.isenabled()
    assert gc.get_freeze_count() > before


def test_resuming_without_a_pause_changes_nothing() -> None:
    gc.disable()
    resume_collection()
    assert not gc.isenabled()
    assert gc.get_freeze_count() == 0


def test_a_process_that_does_not_collect_is_left_alone() -> None:
    gc.disable()
    pause_collection()
    resume_collection()
    assert not gc.isenabled()


def test_a_command_within_a_program_does_not_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    states = []
    monkeypatch.setattr(cli, "_run", lambda _: states.append(gc.isenabled()))
    with pytest.raises(SystemExit):
        cli.main(["fit"])
    assert states == [True]


_CALLBACK = """
import gc
from pytorch_lightning import Callback

class Report(Callback):
    def setup(self, trainer, pl_module, stage):
        print("enabled", gc.isenabled(), "frozen", gc.get_freeze_count() > 100_000)
"""
_PROGRAM = """
import gc, sys
from lr_lightning import cli

run = cli._run
def report_and_run(arguments):
    print("paused", not gc.isenabled(), "before torch", "torch" not in sys.modules)
    return run(arguments)

cli._run = report_and_run
cli.main()
"""


def test_a_process_of_the_command_pauses_before_its_imports_and_resumes_before_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "reporting.py").write_text(_CALLBACK)
    (tmp_path / "program.py").write_text(_PROGRAM)
    monkeypatch.setenv("WANDB_MODE", "disabled")
    words = ["fit", "--config", "helix", "--trainer.max_steps=1", "--trainer.limit_val_batches=0", "--assays=null"]
    words += ["--trainer.callbacks+=reporting.Report"]
    command = [sys.executable, "program.py", *words]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "paused True before torch True" in done.stdout, done.stderr
    assert "enabled True frozen True" in done.stdout, done.stderr
