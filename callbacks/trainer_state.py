"""Queries of a Trainer's state."""

from typing import Any

from pytorch_lightning import Trainer


def dataset_of(trainer: Trainer) -> Any:
    """Return the data set of the Trainer's data module, or ``None``."""
    return getattr(getattr(trainer, "datamodule", None), "dataset", None)


def is_last_validation(trainer: Trainer) -> bool:
    """Return whether training ends with this validation; also ``True`` outside training."""
    if trainer.state.fn != "fit":
        return True
    steps_done = 0 <= trainer.max_steps <= trainer.global_step
    epochs_done = trainer.max_epochs is not None and 0 <= trainer.max_epochs <= trainer.current_epoch + 1
    return steps_done or epochs_done or trainer.should_stop
