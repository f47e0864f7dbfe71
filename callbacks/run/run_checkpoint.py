"""The best and the last checkpoint of a run."""

from pathlib import Path
from typing import Any, Literal

from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import ModelCheckpoint
from typing_extensions import override


class RunCheckpoint(ModelCheckpoint):
    """Saves a checkpoint at each validation and at the end of each epoch: always, or where a score is the best so far.

    A score belongs to the weights that are saved with it, those of its validation. At a validation that ends an epoch,
    the checkpoint is saved a moment later, when the epoch has ended. Before a checkpoint is saved, loggers write what
    they hold, so that no row is lost which the rest of the run will not write again.

    What is to be resumed is not saved between the batches of one update (``accumulate_grad_batches``), as a checkpoint
    holds no gradients.

    Args:
        folder: Where it is written.
        name: Its name, without ``.ckpt``.
        monitor: Key of the score; each time if ``None``.
        mode: Whether the ``"min"`` or the ``"max"`` is best.
    """

    def __init__(
        self, folder: Path, name: str, monitor: str | None = None, mode: Literal["min", "max"] = "min"
    ) -> None:
        super().__init__(folder, name, monitor, mode=mode, enable_version_counter=False)
        self._has_validated = False

    @property
    @override
    def state_key(self) -> str:
        """Name of the state in checkpoints, which another monitored score has not."""
        return f"{type(self).__qualname__}{(self.filename, self.monitor, self.mode)}"

    @override
    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Do nothing: there is no score of this moment."""

    @override
    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._has_validated |= not trainer.sanity_checking
        between_updates = not trainer.fit_loop._should_accumulate()
        # A score that is logged at the end of epochs only is not there yet
        due = between_updates if self.monitor is None else self.monitor in trainer.callback_metrics
        if due and not trainer.is_last_batch:
            self.save(trainer)

    @override
    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.is_last_batch:
            self.save(trainer)

    def save(self, trainer: Trainer) -> None:
        """Save the present state, if the score is the best so far and it is not saved already."""
        measured = self.monitor is None or self.monitor in trainer.callback_metrics
        if self._should_skip_saving_checkpoint(trainer) or not (measured or self._has_validated):
            return
        for logger in trainer.loggers:
            logger.save()
        self._save_topk_checkpoint(trainer, self._monitor_candidates(trainer))

    @override
    def state_dict(self) -> dict[str, Any]:
        return {"best_score": self.best_model_score}

    @override
    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Leave it to :meth:`on_load_checkpoint`, which knows where the run is."""

    @override
    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Take over the best score, if the checkpoint that it belongs to is there."""
        if trainer.state.fn != "fit":
            return
        states = checkpoint["callbacks"]
        score = states.get(self.state_key, {}).get("best_score")
        if score is None:  # a run of an earlier version
            earlier = super().state_key.replace(type(self).__qualname__, "ModelCheckpoint", 1)
            score = states.get(earlier, {}).get("best_model_score")
        path = self.format_checkpoint_name({})
        if score is not None and self.file_exists(path, trainer):
            self.best_k_models = {path: score}
            self.best_model_path = self.kth_best_model_path = path
            self.best_model_score = self.current_score = self.kth_value = score
