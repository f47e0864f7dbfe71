"""The best and the last checkpoint of a run."""

from pathlib import Path
from typing import Any, Literal

from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import ModelCheckpoint
from typing_extensions import override


class RunCheckpoint(ModelCheckpoint):
    """Saves a checkpoint at each validation and at the end of each epoch, either always or only for a new best score.

    A score is always saved with the weights it was measured with. If a validation ends an epoch, the checkpoint is
    saved right after the end of the epoch. Loggers flush buffered rows before a checkpoint is saved, so a run resumed
    from it has all earlier rows on disk.

    No checkpoint for resuming is saved between the batches of one update (``accumulate_grad_batches``), because
    checkpoints do not contain gradients.

    Args:
        folder: Folder of the checkpoint.
        name: Name of the checkpoint, without ``.ckpt``.
        monitor: Key of the score; ``None`` to save every time.
        mode: Whether ``"min"`` or ``"max"`` is best.
    """

    def __init__(
        self, folder: Path, name: str, monitor: str | None = None, mode: Literal["min", "max"] = "min"
    ) -> None:
        super().__init__(folder, name, monitor, mode=mode, enable_version_counter=False)
        self._has_validated = False

    @property
    @override
    def state_key(self) -> str:
        """Key of the state in checkpoints, which differs between monitored scores."""
        return f"{type(self).__qualname__}{(self.filename, self.monitor, self.mode)}"

    @override
    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Do nothing: a batch yields no new score."""

    @override
    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._has_validated |= not trainer.sanity_checking
        between_updates = not trainer.fit_loop._should_accumulate()
        # scores logged at the end of the epoch are not available yet
        due = between_updates if self.monitor is None else self.monitor in trainer.callback_metrics
        if due and not trainer.is_last_batch:
            self.save(trainer)

    @override
    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.is_last_batch:
            self.save(trainer)

    def save(self, trainer: Trainer) -> None:
        """Save the current state unless it has been saved already or its score is not the best so far."""
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
        """Do nothing: the state is restored in :meth:`on_load_checkpoint`, which knows the run folder."""

    @override
    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Restore the best score if its checkpoint exists."""
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
