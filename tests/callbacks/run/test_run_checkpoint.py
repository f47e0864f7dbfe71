"""The best checkpoint contains the weights with which its score was measured."""

from pathlib import Path
from typing import Any

import pytest
import torch
from pytorch_lightning import Trainer

from lr_lightning.callbacks import RunCheckpoint
from lr_lightning.models import BetaVAE
from lr_lightning.networks import MLP
from lr_lightning.testing.tiny_runs import tiny_data, tiny_trainer
from tests.conftest import Bars
from tests.models.test_base import Recorder

pytestmark = [
    pytest.mark.filterwarnings("ignore:Checkpoint directory .* exists"),
    pytest.mark.filterwarnings("ignore:Be aware that when using `ckpt_path`"),  # an evaluation saves none
]


def rough_model() -> BetaVAE:
    """Return a model that a large learning rate makes better and worse again."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return BetaVAE(MLP(3, (3, 8, 8), widths=(16,)), optimizer=lambda p: torch.optim.Adam(p, lr=0.3))


def fit(folder: Path, resume: Path | None = None, **options: Any) -> tuple[Trainer, list[tuple[int, float]]]:
    """Train with epochs of six batches; return the Trainer and the validation losses by step."""
    recorder = Recorder()
    callbacks = [RunCheckpoint(folder, "best", "val/loss"), RunCheckpoint(folder, "last")]
    trainer = tiny_trainer(folder, *callbacks, logger=recorder, enable_checkpointing=True, **options)
    data = tiny_data(Bars(), batches_per_epoch=6)
    trainer.fit(rough_model(), datamodule=data, ckpt_path=resume, weights_only=True)
    return trainer, [(step or 0, row["val/loss"]) for step, row in recorder.rows if "val/loss" in row]


@pytest.mark.parametrize(
    "options",
    [
        {"max_epochs": 4},
        {"max_epochs": 3, "val_check_interval": 2},
        {"max_epochs": 3, "val_check_interval": 4},
        {"max_steps": 20, "val_check_interval": 5, "check_val_every_n_epoch": None},
        {"max_steps": 15, "val_check_interval": 3, "accumulate_grad_batches": 4},
    ],
)
def test_the_best_score_is_that_of_the_weights_saved_with_it(options: dict[str, Any], tmp_path: Path) -> None:
    _, losses = fit(tmp_path, **options)
    step, best = min(losses, key=lambda row: row[1])
    assert best < losses[-1][1]  # the run got worse again
    checkpoint = torch.load(tmp_path / "best.ckpt", weights_only=True)
    if "accumulate_grad_batches" not in options:  # else rows between two updates have the step of the next
        assert checkpoint["global_step"] == step + 1
    assert checkpoint["callbacks"][RunCheckpoint(tmp_path, "best", "val/loss").state_key]["best_score"] == best
    [found] = tiny_trainer(tmp_path).validate(rough_model(), tiny_data(Bars()), tmp_path / "best.ckpt", verbose=False)
    assert found["val/loss"] == pytest.approx(best, rel=1e-6)


def test_a_long_epoch_is_saved_at_its_validations(tmp_path: Path) -> None:
    steps = []

    class Look(RunCheckpoint):
        def save(self, trainer: Trainer) -> None:
            super().save(trainer)
            if not trainer.sanity_checking:
                steps.append(torch.load(tmp_path / "last.ckpt", weights_only=True)["global_step"])

    options: dict[str, Any] = {"enable_checkpointing": True, "max_epochs": 1, "val_check_interval": 2}
    trainer = tiny_trainer(tmp_path, Look(tmp_path, "last"), **options)
    trainer.fit(rough_model(), datamodule=tiny_data(Bars(), batches_per_epoch=5))
    assert steps == [2, 4, 5]


def test_a_resumed_run_knows_the_best_score_where_its_checkpoint_is_there(tmp_path: Path) -> None:
    _, losses = fit(tmp_path, max_epochs=3, val_check_interval=2)
    best = (tmp_path / "best.ckpt").read_bytes()
    fit(tmp_path, tmp_path / "last.ckpt", max_epochs=4)
    assert (tmp_path / "best.ckpt").read_bytes() == best  # later losses are worse
    (tmp_path / "elsewhere").mkdir()
    _, later = fit(tmp_path / "elsewhere", tmp_path / "last.ckpt", max_epochs=5)
    saved = torch.load(tmp_path / "elsewhere" / "best.ckpt", weights_only=True)
    assert later[-1][1] > min(losses)[1]
    assert saved["global_step"] == later[0][0] + 1 == 30


def test_the_best_score_of_an_earlier_version_is_known(tmp_path: Path) -> None:
    fit(tmp_path, max_epochs=3, val_check_interval=2)
    checkpoint = torch.load(tmp_path / "last.ckpt", weights_only=True)
    score = checkpoint["callbacks"].pop(RunCheckpoint(tmp_path, "best", "val/loss").state_key)["best_score"]
    key = (
        "ModelCheckpoint{'monitor': 'val/loss', 'mode': 'min', 'every_n_train_steps': 0, 'every_n_epochs': 1, "
        "'train_time_interval': None}"
    )
    checkpoint["callbacks"][key] = {"best_model_score": score, "monitor": "val/loss"}
    torch.save(checkpoint, tmp_path / "last.ckpt")
    best = (tmp_path / "best.ckpt").read_bytes()
    fit(tmp_path, tmp_path / "last.ckpt", max_epochs=4)
    assert (tmp_path / "best.ckpt").read_bytes() == best
