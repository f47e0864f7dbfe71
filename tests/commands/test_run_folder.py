"""Which folder a run gets, and what a run folder given by itself stands for."""

import atexit
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from lr_lightning.commands.run_folder import (
    expand_run_argument,
    folder_of_checkpoint,
    is_run_of,
    new_run_folder,
    newest_run_folder,
    wandb_run_id,
)


def make_run(folder: Path, modified: float | None = None) -> Path:
    """Make what a finished run leaves in ``folder``."""
    (folder / "checkpoints").mkdir(parents=True)
    (folder / "config.yaml").touch()
    for name in ("best.ckpt", "last.ckpt"):
        (folder / "checkpoints" / name).touch()
        if modified is not None:
            os.utime(folder / "checkpoints" / name, (modified, modified))
    return folder


@pytest.fixture(autouse=True)
def _first_process(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOCAL_RANK", "RANK", "SLURM_PROCID", "LR_LIGHTNING_RUN_FOLDER"):
        monkeypatch.delenv(name, raising=False)


def test_a_new_run_takes_the_first_free_folder(tmp_path: Path) -> None:
    root = tmp_path / "runs" / "a"
    assert new_run_folder(root) == root
    assert root.is_dir()
    make_run(root)
    make_run(root.with_name("a-1"))
    assert new_run_folder(root) == root.with_name("a-2")


def test_runs_that_start_together_get_different_folders(tmp_path: Path) -> None:
    folders = [new_run_folder(tmp_path / "a") for _ in range(3)]  # none has a config yet
    assert [folder.name for folder in folders] == ["a", "a-1", "a-2"]


def test_a_process_that_ends_without_a_run_gives_its_folder_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_exit: list[Callable[[], object]] = []
    monkeypatch.setattr(atexit, "register", lambda function, **options: at_exit.append(partial(function, **options)))
    assert new_run_folder(tmp_path / "a") == tmp_path / "a"
    for function in at_exit * 2:  # also if somebody has deleted the mark
        function()
    assert list((tmp_path / "a").iterdir()) == []
    assert new_run_folder(tmp_path / "a") == tmp_path / "a"


@pytest.mark.parametrize("variable", ["LOCAL_RANK", "RANK", "SLURM_PROCID"])
def test_other_processes_of_a_run_share_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    make_run(tmp_path / "a")
    first = new_run_folder(tmp_path / "a")
    monkeypatch.setenv(variable, "1")
    assert new_run_folder(tmp_path / "a") == first == tmp_path / "a-1"


def test_a_run_keeps_its_wandb_id(tmp_path: Path) -> None:
    first = wandb_run_id(tmp_path / "a")
    assert wandb_run_id(tmp_path / "a") == first != wandb_run_id(tmp_path / "a-1")


def test_runs_of_a_name(tmp_path: Path) -> None:
    assert is_run_of(tmp_path / "a", tmp_path / "a")
    assert is_run_of(tmp_path / "a", tmp_path / "a-12")
    assert not is_run_of(tmp_path / "a", tmp_path / "a-other")
    assert not is_run_of(tmp_path / "a", tmp_path / "b" / "a")


def test_a_run_that_left_no_config_is_taken_over(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "notes.txt").touch()
    assert new_run_folder(tmp_path / "a") == tmp_path / "a"


def test_resuming_takes_the_newest_of_a_name(tmp_path: Path) -> None:
    make_run(tmp_path / "a", modified=100)
    make_run(tmp_path / "a-1", modified=300)
    make_run(tmp_path / "a-2", modified=200)
    make_run(tmp_path / "a-other", modified=400)  # another experiment
    assert newest_run_folder(tmp_path / "a") == tmp_path / "a-1"


def test_resuming_takes_names_literally(tmp_path: Path) -> None:
    make_run(tmp_path / "beta=[4]")
    make_run(tmp_path / "beta=4")
    assert newest_run_folder(tmp_path / "beta=[4]") == tmp_path / "beta=[4]"


def test_resuming_nothing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no run to resume: .*last\.ckpt does not exist; leave out"):
        newest_run_folder(tmp_path / "a")


def test_folder_of_a_checkpoint(tmp_path: Path) -> None:
    make_run(tmp_path / "a")
    assert folder_of_checkpoint(tmp_path / "a" / "checkpoints" / "best.ckpt") == tmp_path / "a"
    assert folder_of_checkpoint(tmp_path / "a" / "best.ckpt") is None
    assert folder_of_checkpoint(tmp_path / "a" / "copies" / "best.ckpt") is None
    assert folder_of_checkpoint(tmp_path / "checkpoints" / "best.ckpt") is None


def test_folder_of_a_checkpoint_in_the_present_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(make_run(tmp_path / "a") / "checkpoints")
    assert folder_of_checkpoint(Path("best.ckpt")) == tmp_path / "a"


def test_a_folder_or_checkpoint_stands_for_its_config_and_checkpoint(tmp_path: Path) -> None:
    run = make_run(tmp_path / "a")
    config = f"--config={run / 'config.yaml'}"
    best, last = run / "checkpoints" / "best.ckpt", run / "checkpoints" / "last.ckpt"
    assert expand_run_argument(["test", str(run), "--x=1"]) == ["test", config, f"--ckpt_path={best}", "--x=1"]
    assert expand_run_argument(["test", str(last)]) == ["test", config, f"--ckpt_path={last}"]
    assert expand_run_argument(["fit", str(run)]) == ["fit", config, f"--ckpt_path={last}"]
    assert expand_run_argument(["fit", "--config=c.yaml"]) == ["fit", "--config=c.yaml"]
    assert expand_run_argument(["fit"]) == ["fit"]


def test_what_is_no_run_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"is not a run folder .*: there is no .*config\.yaml"):
        expand_run_argument(["test", str(tmp_path)])


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match=r"cannot write to the run folder .*file/run .*--trainer\.default_root_dir"):
        new_run_folder(tmp_path / "file" / "run")
