"""The user's checkpoint callbacks, next to those of a run."""

from pathlib import Path
from typing import Any

import pytest
from pytorch_lightning.callbacks import EarlyStopping, ModelCheckpoint

from lr_lightning.commands.fit.own_checkpoints import place_checkpoints
from tests.commands.fit.test_training import HELIX, run


def test_they_write_to_the_run_unless_they_name_a_folder(tmp_path: Path) -> None:
    placed, elsewhere = ModelCheckpoint(), ModelCheckpoint(tmp_path / "own", filename="best", every_n_train_steps=2)
    place_checkpoints([placed, EarlyStopping("val/loss"), elsewhere], tmp_path / "checkpoints")
    assert placed.dirpath == str(tmp_path / "checkpoints")
    assert elsewhere.dirpath == str(tmp_path / "own")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ([{}, {"filename": "x"}], "ModelCheckpoint.*--checkpoint.monitor"),
        ([{"save_last": True}], "save_last.*last.ckpt.*--checkpoint.monitor"),
        ([{"filename": "best"}], "filename 'best'.*best.ckpt"),
        ([{"dirpath": "runs/checkpoints", "filename": "last"}], "filename 'last'.*last.ckpt"),
    ],
)
def test_what_would_be_in_the_way_is_refused(given: list[dict[str, Any]], words: str) -> None:
    callbacks = [ModelCheckpoint(**arguments) for arguments in given]
    with pytest.raises(ValueError, match=words):
        place_checkpoints(callbacks, Path("runs/checkpoints"))


def test_one_from_the_command_line() -> None:
    own = ["--trainer.callbacks+=ModelCheckpoint", "--trainer.callbacks.every_n_train_steps=3"]
    assert run("fit", *HELIX, "--trainer.logger=false", "--assays=null", "--trainer.max_epochs=1", *own) == 0
    names = {path.name for path in Path("runs/helix/checkpoints").iterdir()}
    assert names == {"best.ckpt", "last.ckpt", "epoch=0-step=3.ckpt"}
