"""The part of a validation or test set that was evaluated."""

from typing import NamedTuple

from pytorch_lightning import Trainer

from lr_lightning.data.loading.batch_loader import BatchLoader


class EvaluatedPart(NamedTuple):
    """Number of observations in an evaluation.

    Attributes:
        num_evaluated: Evaluated observations, over all processes.
        num_available: Observations in the set; more than ``num_evaluated`` if ``limit_val_batches`` or
            ``limit_test_batches`` applies.
    """

    num_evaluated: int
    num_available: int


def evaluated_part(trainer: Trainer, stage: str) -> EvaluatedPart | None:
    """Return the evaluated part of the last evaluation of ``trainer``; ``None`` for other data modules.

    Args:
        trainer: The Trainer after the evaluation.
        stage: ``"fit"``, ``"validate"`` or ``"test"``.
    """
    loader = trainer.test_dataloaders if stage == "test" else trainer.val_dataloaders
    batches = trainer.num_test_batches if stage == "test" else trainer.num_val_batches
    if not isinstance(loader, BatchLoader) or len(batches) != 1:
        return None
    most = batches[0] * loader.batch_size
    shares = [len(range(rank, len(loader.indices), loader.world_size)) for rank in range(loader.world_size)]
    return EvaluatedPart(int(sum(min(share, most) for share in shares)), len(loader.indices))
