"""The choice of run folders, and the expansion of a run folder on the command line."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lr_lightning.commands.run import folder as run_folder
from lr_lightning.commands.run import lease
from lr_lightning.commands.run.folder import (
    RunFolder,
    earlier_runs,
    folder_of_checkpoint,
    is_run_of,
    new_run_folder,
    newest_run_folder,
    wandb_run_id,
)
from lr_lightning.commands.run.lease import Holder


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
    folder = new_run_folder(root)
    assert folder.path == root
    assert root.is_dir()
    make_run(root)
    make_run(root.with_name("a-1"))
    folder.is_begun = True
    folder.leave()
    assert new_run_folder(root).path == root.with_name("a-2")


def test_runs_that_start_together_get_different_folders(tmp_path: Path) -> None:
    folders = [new_run_folder(tmp_path / "a") for _ in range(3)]  # none has a config yet
    assert [folder.path.name for folder in folders] == ["a", "a-1", "a-2"]


def test_a_folder_that_another_process_removes_meanwhile_is_created_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    removed: list[Path] = []

    def acquire(folder: Path, wait: bool) -> lease.Lease:
        if not removed:
            removed.append(folder)
            folder.rmdir()
        return lease.acquire(folder, wait)

    monkeypatch.setattr(run_folder, "acquire", acquire)
    folder = RunFolder(tmp_path / "a")
    assert removed == [tmp_path / "a"]
    assert (tmp_path / "a" / lease.LEASE).is_file()
    folder.leave()


def test_a_run_that_never_began_leaves_nothing(tmp_path: Path) -> None:
    folder = new_run_folder(tmp_path / "runs" / "a")
    (folder.path / "wandb_run_id").touch()
    folder.leave()
    folder.leave()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("is_begun", [True, False])
def test_what_was_there_before_stays(tmp_path: Path, is_begun: bool) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "notes.txt").touch()
    folder = new_run_folder(tmp_path / "a")
    folder.is_begun = is_begun
    folder.leave()
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["notes.txt"]


@pytest.mark.parametrize("place", ["here", "elsewhere"])
def test_a_folder_that_a_killed_start_has_left_is_used_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    monkeypatch.setattr(lease, "STALE_AFTER", 0.1)
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        pass
    holder = vars(Holder.this_process()) | {"pid": process.pid}
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / ".lease").write_text(json.dumps(holder if place == "here" else holder | {"machine": "another"}))
    if place == "elsewhere":
        assert new_run_folder(tmp_path / "a").path.name == "a-1"  # it may live
        os.utime(tmp_path / "a" / ".lease", (0, 0))
    assert new_run_folder(tmp_path / "a").path.name == "a"


@pytest.mark.parametrize("variable", ["LOCAL_RANK", "RANK", "SLURM_PROCID"])
def test_other_processes_of_a_run_share_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    make_run(tmp_path / "a")
    first = new_run_folder(tmp_path / "a")
    monkeypatch.setenv(variable, "1")
    further = new_run_folder(tmp_path / "a")
    assert further.path == first.path == tmp_path / "a-1"
    further.leave()
    assert first.path.is_dir()


def test_a_run_keeps_its_wandb_id(tmp_path: Path) -> None:
    first = wandb_run_id(tmp_path / "a")
    assert wandb_run_id(tmp_path / "a") == first != wandb_run_id(tmp_path / "a-1")


def test_a_chosen_wandb_id_is_kept_by_a_run_that_had_none(tmp_path: Path) -> None:
    assert wandb_run_id(tmp_path / "a", "abc") == "abc"
    assert wandb_run_id(tmp_path / "a") == "abc"
    assert wandb_run_id(tmp_path / "a", "other") == "other"  # for this start alone
    assert wandb_run_id(tmp_path / "a") == "abc"


def test_runs_of_a_name(tmp_path: Path) -> None:
    assert is_run_of(tmp_path / "a", tmp_path / "a")
    assert is_run_of(tmp_path / "a", tmp_path / "a-12")
    assert not is_run_of(tmp_path / "a", tmp_path / "a-other")
    assert not is_run_of(tmp_path / "a", tmp_path / "b" / "a")


def test_a_run_that_left_no_config_is_taken_over(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "notes.txt").touch()
    assert new_run_folder(tmp_path / "a").path == tmp_path / "a"


def test_resuming_takes_the_newest_of_a_name(tmp_path: Path) -> None:
    make_run(tmp_path / "a", modified=100)
    make_run(tmp_path / "a-1", modified=300)
    make_run(tmp_path / "a-2", modified=200)
    make_run(tmp_path / "a-other", modified=400)  # another experiment
    assert newest_run_folder(tmp_path / "a") == tmp_path / "a-1"


def test_runs_before_a_new_one(tmp_path: Path) -> None:
    root = tmp_path / "a"
    assert earlier_runs(root, root) == []
    assert earlier_runs(root, tmp_path / "a-2") == [root, tmp_path / "a-1"]


def test_resuming_takes_names_literally(tmp_path: Path) -> None:
    make_run(tmp_path / "beta=[4]")
    make_run(tmp_path / "beta=4")
    assert newest_run_folder(tmp_path / "beta=[4]") == tmp_path / "beta=[4]"


def test_resuming_nothing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"last\.ckpt"):
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


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match=r"file/run.*--trainer\.default_root_dir"):
        new_run_folder(tmp_path / "file" / "run")
