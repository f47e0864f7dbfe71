"""The last lines of a run: paths printed verbatim, and commands that work."""

import shlex
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lr_lightning.callbacks.run.next_steps import next_steps
from tests.commands.fit.test_training import HELIX, run

ODD = "runs/my run=1 [a] [/b] :smile: it's"


def trainer(folder: str, *keys: str) -> Any:
    """Return what is read of a Trainer at the end of a run without W&B."""
    return SimpleNamespace(default_root_dir=folder, loggers=[], callback_metrics=dict.fromkeys(keys, 0.0))


def make_checkpoints(folder: str, *names: str) -> None:
    for name in names:
        path = Path(folder, "checkpoints", f"{name}.ckpt")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def test_the_best_checkpoint_is_tested_else_the_last() -> None:
    make_checkpoints("a b", "last", "best")
    assert next_steps(trainer("a b", "val/loss"), "fit")[-1] == "Next:  lr-lightning test 'a b'"
    Path("a b/checkpoints/best.ckpt").unlink()
    lines = next_steps(trainer("a b"), "fit")
    assert "no validation ran" in lines[-2]
    assert lines[-1] == "Next:  lr-lightning test 'a b/checkpoints/last.ckpt'"


def test_without_a_checkpoint_no_command_is_shown() -> None:
    lines = next_steps(trainer("a", "val/loss"), "fit")
    assert "no checkpoint was saved" in lines[-1]
    assert not any("lr-lightning" in line for line in lines)
    assert next_steps(trainer("a"), "test") == [f"Files: {Path.cwd() / 'a'}"]


def test_a_folder_that_looks_like_an_option() -> None:
    make_checkpoints("-a", "best")
    assert next_steps(trainer("-a"), "fit")[-1] == f"Next:  lr-lightning test {Path.cwd() / '-a'}"


def test_what_is_printed_works_in_a_folder_of_any_name(capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--trainer.max_steps=2", "--assays=null"]
    assert run("fit", *HELIX, *options, f"--trainer.default_root_dir={ODD}") == 0
    printed = capsys.readouterr().out
    assert f"Files: {Path(ODD).absolute()}\n" in printed
    assert "no validation ran" in printed
    [upload] = [line.partition("with: ")[2] for line in printed.splitlines() if line.startswith("W&B:")]
    [part] = shlex.split(upload.removeprefix("wandb sync "))
    assert list(Path(part).glob("run-*.wandb"))
    [command] = [line.removeprefix("Next:") for line in printed.splitlines() if line.startswith("Next:")]
    words = shlex.split(command)
    assert words[0] == "lr-lightning"
    assert run(*words[1:], "--trainer.logger=false", "--assays.disentanglement=null") == 0
