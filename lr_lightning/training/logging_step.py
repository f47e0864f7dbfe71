"""The step under which scalars and media are logged."""

from pytorch_lightning import Trainer


def logging_step(trainer: Trainer) -> int:
    """Return the step under which the Trainer currently logs.

    It counts training batches from 0. During validation it is still the number of the last training batch, where
    ``trainer.global_step`` is already one higher: media logged under the latter would not line up with their scalars.
    """
    return trainer.fit_loop.epoch_loop._batches_that_stepped


def is_logging_due(trainer: Trainer, num_updates: int) -> bool:
    """Return whether any of the last ``num_updates`` training steps is a multiple of ``log_every_n_steps``."""
    done, every = logging_step(trainer) + 1, trainer.log_every_n_steps  # type: ignore[attr-defined]
    return bool(done // every > (done - num_updates) // every)


def set_logging_step(trainer: Trainer, num_steps: int) -> None:
    """Make an evaluation outside training log under the last of its checkpoint's ``num_steps`` steps."""
    trainer.fit_loop.epoch_loop._batches_that_stepped = max(num_steps - 1, 0)
