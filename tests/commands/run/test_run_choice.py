"""How commands find their folder and checkpoint."""

import os
from pathlib import Path

import pytest

from lr_lightning.commands.run.lease import FolderInUseError
from lr_lightning.commands.run.run_choice import choose_run


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A run with a last checkpoint."""
    folder = tmp_path / "run 1"
    (folder / "checkpoints").mkdir(parents=True)
    (folder / "config.yaml").touch()
    (folder / "checkpoints" / "last.ckpt").touch()
    return folder


@pytest.mark.parametrize(
    ("subcommand", "named", "given", "expected"),
    [
        ("fit", "run 1", None, "run 1-1"),  # another run of that name
        ("fit", "run 1", "last", "run 1"),
        ("fit", "run 1", "path", "run 1"),
        ("fit", "other", "path", "other"),  # a run of another name starts from it
        ("test", "other", "path", "run 1"),  # an evaluation belongs to what it evaluates
        ("test", "run 1", "last", "run 1"),
    ],
)
def test_folder_and_checkpoint(root: Path, subcommand: str, named: str, given: str | None, expected: str) -> None:
    last = root / "checkpoints" / "last.ckpt"
    folder, checkpoint = choose_run(subcommand, root.with_name(named), str(last) if given == "path" else given)
    folder.leave()
    assert folder.path.name == expected
    assert checkpoint == (None if given is None else last)


@pytest.mark.parametrize("given", ["last", "best"])
def test_a_folder_named_for_this_start_takes_precedence_over_a_newer_run(root: Path, given: str) -> None:
    newer = root.with_name("run 1-1")
    (newer / "checkpoints").mkdir(parents=True)
    for folder, modified in ((root, 100), (newer, 200)):
        for name in ("last", "best"):
            path = folder / "checkpoints" / f"{name}.ckpt"
            path.touch()
            os.utime(path, (modified, modified))

    def chosen(is_named: bool) -> tuple[str, Path | None]:
        folder, checkpoint = choose_run("fit", root, given, is_named)
        folder.leave()
        return folder.path.name, checkpoint

    assert chosen(is_named=False) == (newer.name, newer / "checkpoints" / f"{given}.ckpt")
    assert chosen(is_named=True) == (root.name, root / "checkpoints" / f"{given}.ckpt")
    (root / "checkpoints" / f"{given}.ckpt").unlink()  # killed before its first checkpoint
    assert chosen(is_named=True) == (newer.name, newer / "checkpoints" / f"{given}.ckpt")


def test_an_evaluation_needs_a_run(root: Path) -> None:
    with pytest.raises(ValueError, match="lr-lightning predict RUN_FOLDER"):
        choose_run("predict", root, None)


def test_training_does_not_resume_an_exported_model(root: Path) -> None:
    with pytest.raises(ValueError, match=r"--initial_weights a/model\.safetensors"):
        choose_run("fit", root, "a/model.safetensors")


def test_an_evaluation_of_an_exported_model_is_a_run_of_its_own(root: Path) -> None:
    weights = root.with_name("shared") / "model.safetensors"
    folder, checkpoint = choose_run("test", root, str(weights))
    folder.leave()
    assert folder.path.name == "run 1-1"
    assert checkpoint == weights


def test_a_run_in_use_is_refused_with_what_can_be_done(root: Path) -> None:
    held, _ = choose_run("fit", root, "last")
    try:
        with pytest.raises(FolderInUseError, match="without --ckpt_path"):
            choose_run("fit", root, "last")
        with pytest.raises(FolderInUseError, match=r"lr-lightning assay '.*run 1' --out FOLDER"):
            choose_run("test", root, "last")
    finally:
        held.leave()
