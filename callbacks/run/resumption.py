"""Resumes a run at the exact step of its checkpoint."""

from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.callbacks.early_stopping import EarlyStoppingReason
from pytorch_lightning.loops.evaluation_loop import RestartStage
from torch import Tensor
from typing_extensions import override

from lr_lightning.callbacks.run.run_checkpoint import RunCheckpoint


class Resumption(Callback):
    """Makes a resumed run equal to an uninterrupted one: same steps, epochs, validations and checkpoints.

    The Trainer alone achieves this only for checkpoints saved inside an epoch and not at a validation. Otherwise it
    counts the last batch twice, and with ``max_steps`` it ends an epoch twice or too early. This callback infers from
    the counters in a checkpoint when it was saved, and sets the Trainer's counters to the values of an uninterrupted
    run at that point. It also restores the metrics of the last validation, for callbacks and records.

    If ``max_steps`` or a time limit stops a run inside an epoch, the run is saved before the Trainer calls the hooks
    for the end of the last epoch, as it does in every run. Pass it to the Trainer as the first callback.
    """

    def __init__(self) -> None:
        self._metrics: dict[str, Tensor] = {}
        self._resumed = False
        self._inside_epoch = False
        self._validation_due = False

    @override
    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        checkpoint["metrics"] = {name: value.detach().cpu() for name, value in trainer.callback_metrics.items()}

    @override
    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        if trainer.state.fn != "fit":
            return
        self._metrics = checkpoint.get("metrics", {})
        self._resumed = True
        trainer.num_sanity_val_steps = 0  # otherwise the validation counters would be reset
        loops = checkpoint["loops"]
        loops["fit_loop"], self._inside_epoch, self._validation_due = _completed(loops["fit_loop"])
        steps = loops["fit_loop"]["epoch_loop.state_dict"]
        # at most one batch per step; resumed runs of earlier versions counted some twice
        steps["_batches_that_stepped"] = min(steps["_batches_that_stepped"], checkpoint["global_step"])

    @override
    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        trainer._logger_connector._callback_metrics.update(self._metrics)

    @override
    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not self._resumed:
            return
        self._resumed = False
        if any(c.stopping_reason != EarlyStoppingReason.NOT_STOPPED for c in trainer.early_stopping_callbacks):
            trainer.should_stop = True  # restored here, because the Trainer does not save it
        loop = trainer.fit_loop.epoch_loop
        trainer.fit_loop._restarting = False
        if not self._inside_epoch:
            loop.restarting = False
            return
        data = trainer.fit_loop._data_fetcher
        assert data is not None
        last_batch, validates = loop._num_ready_batches_reached(), loop._should_check_val_fx(data)
        if validates and self._validation_due:
            loop.val_loop.restarting = False
            loop.val_loop._restart_stage = RestartStage.RESTARTED_MID_EVALUATION  # resume with the validation
        elif validates and not last_batch:
            pass  # resume by skipping the validation, which counts the batch
        else:
            loop.val_loop._has_run = last_batch  # only the end of the epoch remains
            if not loop._should_accumulate():
                loop._batches_that_stepped += 1

    @override
    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        trainer.fit_loop.epoch_loop.restarting = False  # also if only the end of the epoch remained
        if not trainer.is_last_batch:
            for callback in trainer.checkpoint_callbacks:
                if isinstance(callback, RunCheckpoint) and callback.monitor is None:
                    callback.save(trainer)

    @override
    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Undo the end of an epoch that stopped before its last batch."""
        progress = trainer.fit_loop.epoch_progress
        if not trainer.is_last_batch and progress.current.completed == progress.current.ready > 0:
            for counter in (progress.current, progress.total):
                counter.load_state_dict(_counters(counter.ready, unfinished=1))


def _completed(fit_loop: dict[str, Any]) -> tuple[dict[str, Any], bool, bool]:
    """Return the state of the loop with its last batch or epoch completed, if it had finished.

    Args:
        fit_loop: State of the Trainer's fit loop, saved by any callback at any time during training.

    Returns:
        The state; whether it is inside an epoch; and whether a validation after the last batch is still due. Inside an
        epoch, ``_batches_that_stepped`` does not count the last batch yet.
    """
    epoch, batch = fit_loop["epoch_progress"], fit_loop["epoch_loop.batch_progress"]
    steps = dict(fit_loop["epoch_loop.state_dict"])
    ready, processed = epoch["current"]["ready"], epoch["current"]["processed"]
    stopped = processed >= ready > 0 and not batch["is_last_batch"]
    inside = stopped or epoch["current"]["started"] == ready > processed
    finished = batch["current"]["processed"] == batch["current"]["ready"]  # otherwise the batch is repeated
    just_now = finished and batch["current"]["completed"] < batch["current"]["processed"]
    validation = fit_loop["epoch_loop.val_loop.batch_progress"]
    validated = validation["is_last_batch"] and validation["current"]["completed"] == validation["current"]["ready"]
    if stopped or (inside and not finished):
        steps["_batches_that_stepped"] -= 1
    epochs_done = min(processed, ready) - int(stopped)
    state = fit_loop | {
        "epoch_loop.state_dict": steps,
        "epoch_progress": {
            key: _counters(counted["ready"] - ready + epochs_done + int(inside), int(inside))
            for key, counted in epoch.items()
        },
        "epoch_loop.batch_progress": batch
        | {key: _counters(batch[key]["completed"] + int(just_now)) for key in ("total", "current")},
    }
    if not inside:  # the data module stores where the next epoch begins
        state["state_dict"] = {key: value for key, value in state["state_dict"].items() if key != "combined_loader"}
    return state, inside, inside and not stopped and finished and (just_now or not validated)


def _counters(begun: int, unfinished: int = 0) -> dict[str, int]:
    """Return the Trainer's progress counters after ``begun`` starts."""
    return {
        "ready": begun,
        "started": begun,
        "processed": begun - unfinished,
        "completed": begun - unfinished,
    }
