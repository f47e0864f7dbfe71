"""Adapts the number of threads to the free cores while a run is in progress."""

import warnings
from typing import Any, cast

import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from typing_extensions import override

from lr_lightning.common.cores import CoreMeter
from lr_lightning.common.thread_limit import fitting, limit_threads
from lr_lightning.models import AutoencoderModule, SeedEnsemble
from lr_lightning.training.thread_choice import ThreadChoice
from lr_lightning.training.thread_trial import ThreadTrial, candidates, try_threads

_PERIOD = 1.0
"""Seconds between two measurements of free cores."""
_SHORTEST = 0.5
"""Seconds below which a measurement would be too coarse."""


class AdaptiveThreads(Callback):
    """Chooses how many threads compute each operation, and gives threads up when other processes need the cores.

    Threads that wait for each other spin, so that one thread more than there are free cores makes a run several times
    as slow. At the first batch, it tries its work with several numbers of threads, up to the free cores and to the
    number that PyTorch was set to, and takes the fewest that are about as fast as the fastest. Afterwards it measures
    the free cores about once a second and before each assay. It changes only between numbers for which losses and
    gradients of a batch were equal to the bit, so that training does not depend on what else runs in the meantime. If
    all others differ, it keeps the number, and warns once if the run suffers. A resumed run begins with the number of
    its checkpoint.

    A model on a GPU or that is compiled, a module of another kind and a run of several processes keep the number that
    the libraries chose.

    Attributes:
        history: Step and number of threads, at the beginning and after each change.

    Args:
        meter: Measures the free cores; ``None`` to keep the number of threads as it is.
    """

    def __init__(self, meter: CoreMeter | None = None) -> None:
        self._meter = meter
        self._choice: ThreadChoice | None = None
        self._recorded: int | None = None
        self._free: float | None = None
        self._limit = 1
        self._has_warned = False
        self.history: list[dict[str, int]] = []

    @override
    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        if not _is_adaptable(trainer, pl_module):
            self._meter = None
        # all cores, unless somebody has chosen fewer; this callback may have done so in an earlier stage
        self._limit = max(self._limit, torch.get_num_threads())
        if self._meter is not None:  # for what comes before the first batch, such as the sanity check
            limit_threads(min(fitting(self._free_cores(self._meter)), self._limit))

    @override
    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self._meter is None:
            self._note(trainer)

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
    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        if self._is_trial_due():
            self._try(trainer, pl_module, batch)
        self.adapt(trainer)

    @override
    def on_validation_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, *_: Any) -> None:
        self._before_evaluation(trainer, pl_module, batch)

    @override
    def on_test_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, *_: Any) -> None:
        self._before_evaluation(trainer, pl_module, batch)

    @override
    def on_predict_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, *_: Any) -> None:
        self._before_evaluation(trainer, pl_module, batch)

    @override
    def state_dict(self) -> dict[str, Any]:
        return {"threads": torch.get_num_threads(), "history": self.history}

    @override
    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._recorded, self.history = state_dict["threads"], list(state_dict["history"])

    def adapt(self, trainer: Trainer) -> None:
        """Change the number of threads if the free cores have changed, at most about once a second."""
        if self._meter is None or self._choice is None or self._meter.seconds < _PERIOD:
            return
        free = min(self._meter.read(), self._limit)  # more threads are never tried
        threads = self._choice.review(free)
        if threads != torch.get_num_threads():
            limit_threads(threads)
            self._note(trainer)
        if self._choice.is_crowded and not self._has_warned:
            self._has_warned = True
            warnings.warn(
                f"other processes need the cores: {threads} threads share {free:.1f} of them, and wait for each other. "
                "Their number stays, because this model's results depend on it in the last digits; to change it all "
                f"the same, stop this run and resume it with --threads {fitting(free)}",
                stacklevel=2,
            )

    def _begin_evaluation(self, trainer: Trainer) -> None:
        """Forget the numbers of training, which come from the checkpoint, in an evaluation that is no part of it."""
        if trainer.state.fn != "fit":
            self._choice, self._recorded, self.history = None, None, []
            if self._meter is None:
                self._note(trainer)

    def _free_cores(self, meter: CoreMeter) -> float:
        """Return the number of free cores; the last one if that has just been measured."""
        if self._free is None or meter.seconds >= _SHORTEST:
            self._free = meter.read()
        return self._free

    def _is_trial_due(self) -> bool:
        return self._meter is not None and (self._choice is None or self._choice.is_trial_due)

    def _before_evaluation(self, trainer: Trainer, module: LightningModule, batch: Any) -> None:
        """Try an evaluation that is no part of training; in training, its number of threads applies."""
        if trainer.state.fn != "fit" and self._is_trial_due():
            self._try(trainer, module, batch)
        self.adapt(trainer)

    def _try(self, trainer: Trainer, module: LightningModule, batch: Any) -> None:
        """Try the work on a batch with different numbers of threads, and choose one."""
        assert self._meter is not None
        keep = self._recorded if self._choice is None else self._choice.threads
        if keep is not None and keep > self._limit:
            warnings.warn(
                f"this run was trained with {keep} threads, but may use {self._limit} now, so that results may differ "
                f"from those of a run that was not interrupted in the last digits; set --threads {keep} for the same",
                stacklevel=2,
            )
            keep = None
        numbers = set(candidates(min(fitting(self._free_cores(self._meter)), self._limit)))
        numbers |= set() if keep is None else {keep}
        model = _model(module)
        while isinstance(batch, list) and batch:  # several batches for one update each
            batch = batch[0]
        training = trainer.state.fn == "fit"
        trial = try_threads(lambda: model.trial(batch, training), sorted(numbers)) if len(numbers) > 1 else None
        self._choice = ThreadChoice(trial or ThreadTrial.of_one(*numbers), keep)
        limit_threads(self._choice.threads)
        self._note(trainer)

    def _note(self, trainer: Trainer) -> None:
        """Add the number of threads to the history if it has changed."""
        threads = torch.get_num_threads()
        if not self.history or self.history[-1]["threads"] != threads:
            self.history.append({"step": trainer.global_step, "threads": threads})


def adapt_threads(trainer: Trainer) -> None:
    """Let the :class:`AdaptiveThreads` of a Trainer, if there is one, adapt the number of threads."""
    for callback in trainer.callbacks:  # type: ignore[attr-defined]
        if isinstance(callback, AdaptiveThreads):
            callback.adapt(trainer)


def threads_of(trainer: Trainer) -> list[dict[str, int]]:
    """Return steps and numbers of threads of a run; the current number alone without :class:`AdaptiveThreads`."""
    for callback in trainer.callbacks:  # type: ignore[attr-defined]
        if isinstance(callback, AdaptiveThreads) and callback.history:
            return callback.history
    return [{"step": trainer.global_step, "threads": torch.get_num_threads()}]


def _is_adaptable(trainer: Trainer, module: LightningModule) -> bool:
    # a compiled network contains the number of threads
    return (
        trainer.world_size == 1
        and trainer.strategy.root_device.type == "cpu"
        and isinstance(module, AutoencoderModule | SeedEnsemble)
        and not _model(module).hparams.get("compile_network")
    )


def _model(module: LightningModule) -> AutoencoderModule:
    """Return the model, or the first of an ensemble, whose members are of the same size."""
    return cast(AutoencoderModule, module.members[0] if isinstance(module, SeedEnsemble) else module)
