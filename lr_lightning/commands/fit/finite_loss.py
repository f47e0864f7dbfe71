"""Ends a run whose loss is not finite, before assays run on its codes."""

from pytorch_lightning import Callback, LightningModule, Trainer
from typing_extensions import override

from lr_lightning.models import AutoencoderModule, SeedEnsemble
from lr_lightning.models.base import check_finite


class FiniteLoss(Callback):
    """Raises ``FloatingPointError`` after a validation or test whose mean loss is not finite.

    In an ensemble, it ends the members whose loss is not finite, and raises only if none is left. Models check this
    too, but after all callbacks. It must precede the assays in the Trainer's callbacks.
    """

    @override
    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not trainer.sanity_checking:
            self._check(trainer, pl_module)

    @override
    def on_test_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._check(trainer, pl_module)

    def _check(self, trainer: Trainer, module: LightningModule) -> None:
        if isinstance(module, SeedEnsemble):
            module.end_diverged()
        elif isinstance(module, AutoencoderModule):
            check_finite("the loss", module.evaluation_means()["loss"].item(), trainer.global_step)
