"""Refuses arguments of the Trainer with which no run of a study could end well."""

from collections.abc import Iterator, Mapping
from typing import Any

from lr_lightning.commands.messages import UsageError
from lr_lightning.study.manifest import Evaluation

_LEAVES_NO_CHECKPOINT = "a run without checkpoints can be neither resumed nor evaluated; remove it"


def check_trainer(trainer: Mapping[str, Any], evaluation: Evaluation) -> None:
    """Check that a cell can be trained in one process, ends, and can be evaluated, before it is trained in vain.

    Args:
        trainer: The resolved arguments of the Trainer.
        evaluation: What is measured on each run.

    Raises:
        UsageError: If it cannot.
    """
    for key, reason in _obstacles(trainer, evaluation):
        raise UsageError(f"trainer.{key} is {trainer.get(key)}: {reason}")


def _obstacles(trainer: Mapping[str, Any], evaluation: Evaluation) -> Iterator[tuple[str, str]]:
    """Yield the arguments with which a cell cannot be trained or evaluated, and why."""
    if trainer.get("enable_checkpointing") is False:
        yield "enable_checkpointing", _LEAVES_NO_CHECKPOINT
    for key in ("barebones", "fast_dev_run"):
        if trainer.get(key):
            yield key, _LEAVES_NO_CHECKPOINT
    devices = trainer.get("devices", 1)
    if not (str(devices) == "1" or (isinstance(devices, list) and len(devices) == 1)):
        yield "devices", "a run of a study uses one device; several runs use several"
    if trainer.get("num_nodes", 1) != 1:
        yield "num_nodes", "a run of a study uses one machine; several runs use several"
    for key in ("max_steps", "max_epochs", "limit_train_batches"):
        if trainer.get(key) == 0:
            yield key, "nothing would be trained"
    ends = [trainer.get("max_time"), trainer.get("callbacks")]
    if trainer.get("max_steps", -1) == trainer.get("max_epochs") == -1 and not any(ends):
        yield "max_steps", "the training would never end; set it, or trainer.max_epochs"
    tested = trainer.get("limit_test_batches")
    if tested is not None and not (isinstance(tested, float) and tested == 1):
        yield "limit_test_batches", "all runs are evaluated on the whole test set; remove it"
    if evaluation.checkpoint == "best" and trainer.get("limit_val_batches") == 0:
        yield "limit_val_batches", "without validation there is no best checkpoint; use test.checkpoint: last"
