"""Ends a run whose loss is not finite, before assays run on its codes."""

from pytorch_lightning import Callback, LightningModule, Trainer
from typing_extensions import override

from lr_lightning.models import AutoencoderModule, SeedEnsemble
from lr_lightning.models.base import check_finite


class FiniteLoss(Callback):
    """Raises ``FloatingPointError`` after a validation or test whose mean loss is not finite.

    Models check this too, but after all callbacks. It must precede the assays in the Trainer's callbacks.
    """

    @override
    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not trainer.sanity_checking:
            self._check(trainer, pl_module)

    @override
    def on_test_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._check(trainer, pl_module)

    def _check(self, trainer: Trainer, module: LightningModule) -> None:
        models = {"the loss": module}
        if isinstance(module, SeedEnsemble):
            models = {f"the loss of seed {seed}": m for seed, m in zip(module.seeds, module.members, strict=True)}
        for name, model in models.items():
            if isinstance(model, AutoencoderModule):
                check_finite(name, model.evaluation_means()["loss"].item(), trainer.global_step)
