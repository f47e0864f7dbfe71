"""The sentence with which training starts."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
import torch

from lr_lightning.commands.run.folder import RunFolder
from lr_lightning.commands.run.start_note import note_of_new_run, note_of_resumed_run


def make_run(name: str, step: int | None, ended_at: int | None = None, modified: float = 0, **limits: Any) -> Path:
    """Make the folder of a run whose epochs have 10 steps, with a checkpoint at a step unless it is ``None``."""
    folder = Path(name)
    (folder / "checkpoints").mkdir(parents=True)
    (folder / "config.yaml").write_text(json.dumps({"trainer": {"max_steps": -1, "max_epochs": None, **limits}}))
    if step is not None:
        last = folder / "checkpoints" / "last.ckpt"
        loops = {"fit_loop": {"epoch_progress": {"current": {"ready": step // 10, "processed": step // 10}}}}
        torch.save({"state_dict": {}, "global_step": step, "loops": loops}, last)
        os.utime(last, (modified, modified))
    if ended_at is not None:
        (folder / "results.json").write_text(json.dumps({"fit": {"step": ended_at}}))
    return folder


def test_a_first_run_needs_no_note() -> None:
    assert note_of_new_run(Path("runs/a"), Path("runs/a")) is None


@pytest.mark.parametrize(
    ("ended_at", "limits", "state", "command"),
    [
        (None, {}, "interrupted, with its last checkpoint at step 30", "lr-lightning fit runs/a"),
        (
            20,
            {},
            "interrupted, with its last checkpoint at step 30",
            "lr-lightning fit runs/a",
        ),  # resumed after its end
        (30, {"max_steps": 30}, "ended at step 30", "lr-lightning fit runs/a --trainer.max_steps N"),
        (30, {"max_epochs": 3}, "ended at step 30", "lr-lightning fit runs/a --trainer.max_epochs N"),
    ],
)
def test_a_second_run_learns_of_the_first(ended_at: int | None, limits: Any, state: str, command: str) -> None:
    root = make_run("runs/a", 30, ended_at, **limits)
    note = note_of_new_run(root, Path("runs/a-1"))
    assert note is not None
    assert note.startswith(f"runs/a has a run already, which {'was ' if 'inter' in state else ''}{state}; ")
    assert "this one goes to runs/a-1; " in note
    assert note.endswith(f": {command}")


def test_a_command_is_written_for_the_shell_and_short() -> None:
    root = make_run("runs/my run", 30).absolute()
    note = note_of_new_run(root, root.with_name("my run-1"))
    assert note is not None
    assert note.endswith("lr-lightning fit 'runs/my run'")
    assert "goes to runs/my run-1;" in note


def test_of_several_runs_the_newest_is_described() -> None:
    root = make_run("runs/a", 30, modified=100)
    make_run("runs/a-1", 20, modified=300)
    make_run("runs/a-2", 10, modified=200)
    note = note_of_new_run(root, Path("runs/a-3"))
    assert note is not None
    assert "runs/a and 2 more have runs already; the newest, runs/a-1, was interrupted" in note
    assert "step 20" in note
    assert note.endswith("lr-lightning fit runs/a-1")


def test_a_run_that_cannot_be_continued_has_no_command() -> None:
    root = make_run("runs/a", None)
    note = note_of_new_run(root, Path("runs/a-1"))
    assert note is not None
    assert "no checkpoint" in note
    assert "lr-lightning fit" not in note
    (root / "checkpoints" / "last.ckpt").write_bytes(b"PK nothing")
    note = note_of_new_run(root, Path("runs/a-1"))
    assert note is not None
    assert "last.ckpt has no readable state" in note
    assert "lr-lightning fit" not in note


def test_a_run_in_use_is_not_to_be_continued() -> None:
    root = make_run("runs/a", 30)
    held = RunFolder(root)
    try:
        note = note_of_new_run(root, Path("runs/a-1"))
    finally:
        held.leave()
    assert note is not None
    assert f"in use by process {os.getpid()}" in note
    assert "lr-lightning fit" not in note


def test_a_resumed_run_is_named_with_its_step() -> None:
    root = make_run("runs/a", 1030)
    last = root / "checkpoints" / "last.ckpt"
    assert note_of_resumed_run(root, "last", root, last, 1030) == "continuing runs/a at step 1,030"
    here = note_of_resumed_run(root.absolute(), str(last), root.absolute(), last, 1030)
    assert here == "continuing runs/a at step 1,030"
    best = note_of_resumed_run(root, "best", root, last.with_name("best.ckpt"), 7)
    assert best == "continuing runs/a at step 7, from best.ckpt"


def test_of_several_runs_it_is_said_which_one_continues() -> None:
    root, newer = make_run("runs/a", 30, modified=100), make_run("runs/a-1", 20, modified=200)
    note = note_of_resumed_run(root, "last", newer, newer / "checkpoints" / "last.ckpt", 20)
    assert note.startswith("continuing runs/a-1 at step 20, the newest of 2 runs; ")
    assert note.endswith("lr-lightning fit runs/a")
    note = note_of_resumed_run(root, "last", root, root / "checkpoints" / "last.ckpt", 30)
    assert note.startswith("continuing runs/a at step 30, in the folder that was named; runs/a-1 is newer; ")
    assert note.endswith("lr-lightning fit runs/a-1")


def test_a_checkpoint_of_another_run_is_continued_in_a_new_one() -> None:
    last = make_run("runs/a", 30) / "checkpoints" / "last.ckpt"
    note = note_of_resumed_run(Path("runs/b"), str(last), Path("runs/b"), last, 30)
    assert note == "runs/b is a new run that continues runs/a/checkpoints/last.ckpt, step 30"
