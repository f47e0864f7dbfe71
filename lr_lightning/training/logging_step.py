"""The step that scalars and media of one moment share."""

from pytorch_lightning import Trainer


def logging_step(trainer: Trainer) -> int:
    """Return the step under which the Trainer itself logs at this moment.

    It counts batches that stepped, from 0, and during validation still names the last training batch:
    ``trainer.global_step`` is one ahead of it there, so media logged at that step would miss their scalars.
    """
    return trainer.fit_loop.epoch_loop._batches_that_stepped


def is_logging_due(trainer: Trainer, num_updates: int) -> bool:
    """Return whether one of the last ``num_updates`` training steps is one of ``log_every_n_steps``."""
    done, every = logging_step(trainer) + 1, trainer.log_every_n_steps  # type: ignore[attr-defined]
    return bool(done // every > (done - num_updates) // every)


def set_logging_step(trainer: Trainer, num_steps: int) -> None:
    """Let an evaluation outside of training log under the last of the ``num_steps`` steps of its checkpoint."""
    trainer.fit_loop.epoch_loop._batches_that_stepped = max(num_steps - 1, 0)
