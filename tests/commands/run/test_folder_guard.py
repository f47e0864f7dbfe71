"""A run whose folder is removed or taken over ends with an error."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from pytorch_lightning import Callback
from typing_extensions import override

from lr_lightning.commands.run.folder import CONFIG, RunFolder, new_run_folder
from lr_lightning.commands.run.folder_guard import FolderGuard
from lr_lightning.commands.run.lease import LEASE, LeaseLostError
from lr_lightning.testing.tiny_runs import tiny_data, tiny_model, tiny_trainer
from tests.conftest import Bars


class Remove(Callback):
    """Removes a file or folder at the second batch."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @override
    def on_train_batch_start(self, *arguments: Any) -> None:
        if arguments[-1] == 1 and self.path.exists():
            shutil.rmtree(self.path) if self.path.is_dir() else self.path.unlink()


def train(folder: RunFolder, bars: Bars, removed: Path) -> None:
    (folder.path / CONFIG).touch()
    trainer = tiny_trainer(folder.path, FolderGuard(folder), Remove(removed), max_epochs=1)
    try:
        trainer.fit(tiny_model(), tiny_data(bars))
    finally:
        folder.leave()


def test_a_removed_folder_ends_training(tmp_path: Path, bars: Bars) -> None:
    folder = new_run_folder(tmp_path / "run")
    with pytest.raises(LeaseLostError, match=r"run\b.*removed"):
        train(folder, bars, folder.path)
    assert not folder.path.exists()


def test_a_removed_config_is_told(tmp_path: Path, bars: Bars) -> None:
    folder = new_run_folder(tmp_path / "run")
    with pytest.raises(FileNotFoundError, match=r"config\.yaml.*removed"):
        train(folder, bars, folder.path / CONFIG)


def test_a_run_that_has_begun_keeps_its_folder_and_gives_it_back(tmp_path: Path, bars: Bars) -> None:
    folder = new_run_folder(tmp_path / "run")
    train(folder, bars, tmp_path / "nothing")
    assert (folder.path / CONFIG).exists()
    assert not (folder.path / LEASE).exists()
