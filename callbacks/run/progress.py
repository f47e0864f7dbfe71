"""The progress bar, which reads the loss terms without ``self.log``."""

from typing import Any

from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import TQDMProgressBar
from typing_extensions import override


class RunProgressBar(TQDMProgressBar):
    """Lightning's progress bar with the latest terms of the training loss.

    Args:
        refresh_rate: Batches between updates.
    """

    def __init__(self, refresh_rate: int = 10) -> None:
        super().__init__(refresh_rate=refresh_rate)

    @override
    def get_metrics(self, trainer: Trainer, pl_module: LightningModule) -> dict[str, Any]:
        terms = getattr(pl_module, "train_terms", {})
        return {name: f"{value.item():.1f}" for name, value in terms.items()}
