"""Media are logged at the same step as their scalars."""

from pathlib import Path
from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.loggers import CSVLogger
from typing_extensions import override

from lr_lightning.data import FactorDataset
from lr_lightning.testing.tiny_runs import tiny_data, tiny_model, tiny_trainer
from lr_lightning.training.logging_step import logging_step, set_logging_step


class Steps(Callback):
    """Keeps the logging step at the end of each validation."""

    def __init__(self) -> None:
        self.values: list[int] = []

    @override
    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not trainer.sanity_checking:
            self.values.append(logging_step(trainer))


def logged_steps(logger: CSVLogger) -> list[Any]:
    """Steps at which the Trainer itself logged validation scalars."""
    logger.save()
    rows = (Path(logger.log_dir) / "metrics.csv").read_text().splitlines()
    header = rows[0].split(",")
    cells = [dict(zip(header, row.split(","), strict=True)) for row in rows[1:]]
    return [int(row["step"]) for row in cells if row["val/loss"]]


def test_is_that_of_the_trainer_in_validation(tmp_path: Path, bars: FactorDataset) -> None:
    steps, logger = Steps(), CSVLogger(tmp_path)
    tiny_trainer(tmp_path, steps, max_epochs=3, logger=logger).fit(tiny_model(), datamodule=tiny_data(bars))
    assert steps.values == logged_steps(logger) == [3, 7, 11]  # epochs of four batches, counted from 0


def test_evaluation_outside_of_training_can_take_the_step_of_its_checkpoint(tmp_path: Path) -> None:
    trainer = tiny_trainer(tmp_path)
    assert logging_step(trainer) == 0
    set_logging_step(trainer, 12)
    assert logging_step(trainer) == 11
    set_logging_step(trainer, 0)
    assert logging_step(trainer) == 0
