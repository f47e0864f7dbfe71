"""Ends a run whose folder has been removed or taken over."""

from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer
from typing_extensions import override

from lr_lightning.commands.run.folder import CONFIG, RunFolder


class FolderGuard(Callback):
    """Raises ``LeaseLostError`` if the run folder has been removed or taken over, before the run writes there again.

    Args:
        folder: The folder locked by this process.
    """

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder

    @override
    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        self._check()  # before the config is written

    @override
    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.folder.is_begun = True

    @override
    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.folder.is_begun = True  # it has results, even if there was no step left to train

    @override
    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._begin_evaluation(trainer)

    @override
    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._begin_evaluation(trainer)

    @override
    def on_predict_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._begin_evaluation(trainer)

    @override
    def on_train_batch_end(self, *args: Any, **kwargs: Any) -> None:
        if self.folder.lease is not None:
            self.folder.lease.raise_if_lost()

    @override
    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._check()  # before scores and checkpoints are written

    @override
    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._check()
        config = self.folder.path / CONFIG
        if trainer.is_global_zero and not trainer.fast_dev_run and not config.exists():  # type: ignore[attr-defined]
            raise FileNotFoundError(f"{config} was removed during training; the run folder is incomplete")

    @override
    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._check()

    @override
    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        self._check()

    def _begin_evaluation(self, trainer: Trainer) -> None:
        if not trainer.sanity_checking:
            self.folder.is_begun = True

    def _check(self) -> None:
        if self.folder.lease is not None:
            self.folder.lease.check()
