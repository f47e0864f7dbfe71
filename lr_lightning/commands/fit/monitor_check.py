"""Rejects a monitored key that will not be logged, before the first step."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import cast

from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.callbacks import EarlyStopping, LearningRateMonitor, ModelCheckpoint

from lr_lightning.callbacks import AssayCallback, RunCheckpoint
from lr_lightning.commands.messages import UsageError
from lr_lightning.models import AutoencoderModule, SeedEnsemble

_LOGGING_HOOKS = ("validation_step", "on_validation_batch_end", "on_validation_epoch_end", "on_train_epoch_end")


def check_monitored(trainer: Trainer, model: LightningModule) -> None:
    """Raise ``UsageError`` if a callback of ``trainer`` monitors a key that no validation of ``model`` will log.

    The terms of the loss are found by computing it once on random observations; assays declare their quantities.
    Nothing is rejected if callbacks or hooks of other packages may log more.
    """
    callbacks = [*trainer.callbacks, *model.configure_callbacks()]  # type: ignore[attr-defined, misc]
    monitored = list(_monitored(callbacks))
    if not monitored or _others_may_log(callbacks, model):
        return
    patterns = logged_keys(callbacks, model, trainer)
    for what, key in monitored:
        if not any(fnmatchcase(key, pattern) for pattern in patterns):
            close = get_close_matches(key, [pattern for pattern in patterns if "*" not in pattern], n=1)
            hint = f"did you mean {close[0]}? " if close else ""
            raise UsageError(f"{what} {key!r} is not logged; {hint}logged keys: {', '.join(patterns)}")


def logged_keys(callbacks: Sequence[Callback], module: LightningModule, trainer: Trainer) -> list[str]:
    """Return the keys that validations will log, with ``*`` for parts that depend on the model or data."""
    model = cast(AutoencoderModule, module.members[0] if isinstance(module, SeedEnsemble) else module)
    with _attached(model, trainer):
        keys = [f"val/{name}" for name in _terms(model)]
    for callback in callbacks:
        if isinstance(callback, AssayCallback):
            keys += assay_keys(callback)
    if isinstance(module, SeedEnsemble):
        deviations = [f"{key}_sd" for key in keys] if len(module.names) > 1 else []
        keys += deviations + [f"{name}/{key}" for name in module.names for key in keys]
    return keys + ["lr-*"] * any(isinstance(callback, LearningRateMonitor) for callback in callbacks)


@contextmanager
def _attached(model: AutoencoderModule, trainer: Trainer) -> Iterator[None]:
    """Attach ``model`` to ``trainer`` within this context: some objectives need its data module."""
    before = model._trainer
    model.trainer = trainer
    try:
        yield
    finally:
        model._trainer = before


def assay_keys(assay: AssayCallback) -> list[str]:
    """Return the keys under which an assay logs."""
    quantities = ("*",) if assay.quantities is None else assay.quantities
    return [f"{assay.prefix}/{quantity}" for quantity in quantities] + [f"assay/{assay.name}/seconds"]


def _terms(model: AutoencoderModule) -> Sequence[str]:
    try:
        return model.term_names()
    except Exception:  # an objective of another package that needs more than observations
        return ["*"]


def _monitored(callbacks: Sequence[Callback]) -> Iterator[tuple[str, str]]:
    """Yield the key that each callback requires, with a name for it in messages."""
    for callback in callbacks:
        if isinstance(callback, ModelCheckpoint) and callback.monitor not in (None, "epoch", "step"):
            own = isinstance(callback, RunCheckpoint)
            yield "checkpoint.monitor" if own else "monitor of ModelCheckpoint", str(callback.monitor)
        elif isinstance(callback, EarlyStopping) and callback.strict:
            yield "monitor of EarlyStopping", callback.monitor


def _others_may_log(callbacks: Sequence[Callback], module: LightningModule) -> bool:
    """Return whether callbacks or hooks of other packages may log keys."""
    known = ("lr_lightning.", "pytorch_lightning.")
    others = [callback for callback in callbacks if not type(callback).__module__.startswith(known)]
    if not all(isinstance(callback, AssayCallback) for callback in others):
        return True
    model = type(module.members[0] if isinstance(module, SeedEnsemble) else module)
    return any(getattr(model, hook) is not getattr(AutoencoderModule, hook) for hook in _LOGGING_HOOKS)
