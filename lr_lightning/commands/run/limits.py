"""The limits of training, ``max_steps``, ``max_epochs`` and ``max_time``, compared with how far a run has got."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from pytorch_lightning import Trainer
from pytorch_lightning.callbacks import Timer
from pytorch_lightning.callbacks.early_stopping import EarlyStoppingReason

from lr_lightning.commands.run.folder import folder_of_checkpoint
from lr_lightning.common.files import quoted_path, shown_path


class Progress(NamedTuple):
    """How far a run has got.

    Attributes:
        steps: Number of optimizer steps.
        epochs: Number of complete epochs.
        begun: Number of epochs, including one that is not complete.
    """

    steps: int
    epochs: int
    begun: int

    @classmethod
    def of_checkpoint(cls, checkpoint: Mapping[str, Any]) -> "Progress":
        """Return the progress of a run from a checkpoint with the state of its training."""
        epochs = checkpoint["loops"]["fit_loop"]["epoch_progress"]["current"]
        return cls(checkpoint["global_step"], epochs["processed"], epochs["ready"])


def check_limits(path: Path, progress: Progress, limits: Mapping[str, Any], recorded: Mapping[str, Any]) -> None:
    """Refuse a limit that is lower than what a run has reached, before its config is overwritten.

    The config would otherwise end training at another step than that of the weights. A limit that was not changed is
    accepted.

    Args:
        path: The checkpoint to resume.
        progress: How far it is.
        limits: The part ``trainer`` of the new config.
        recorded: The part ``trainer`` of the config of the run; empty if unknown.

    Raises:
        ValueError: If a limit is lower; the message has the step, the limit and the remedy.
    """
    reached = {"max_steps": progress.steps, "max_epochs": progress.begun}
    below = {
        name: limits[name]
        for name, number in reached.items()
        if _is_limit(limits.get(name)) and limits[name] < number and limits[name] != recorded.get(name)
    }
    if not below:
        return
    where = f"at step {progress.steps:,}" + (f", in epoch {progress.begun:,}" if "max_epochs" in below else "")
    asked = " and ".join(f"--trainer.{name} {value}" for name, value in below.items())
    known = ", ".join(f"{name} {recorded[name]}" for name in below if _is_limit(recorded.get(name)))
    more = " and ".join(f"--trainer.{name} above {reached[name]}" for name in below)
    run = folder_of_checkpoint(path)
    own = "" if run is None else f", or keep the limits of the run: lr-lightning fit {quoted_path(shown_path(run))}"
    raise ValueError(
        f"{path} is {where}, beyond {asked}{f' (the run had {known})' if known else ''}; set {more} to train on{own}"
    )


def reached_limits(progress: Progress, limits: Mapping[str, Any]) -> dict[str, Any]:
    """Return the limits that end training at this point, of ``max_steps`` and ``max_epochs``, with their values.

    Args:
        progress: How far the run is.
        limits: The part ``trainer`` of its config.
    """
    reached = {"max_steps": progress.steps, "max_epochs": progress.epochs}
    return {
        name: limits[name] for name, number in reached.items() if _is_limit(limits.get(name)) and limits[name] <= number
    }


def why_it_ended(trainer: Trainer, limits: Mapping[str, Any]) -> str:
    """Return why a resumed run had no step left, and how to train further.

    Args:
        trainer: The Trainer at the end of the run.
        limits: The part ``trainer`` of its config.
    """
    epochs = trainer.fit_loop.epoch_progress.current
    progress = Progress(trainer.global_step, epochs.processed, epochs.ready)  # type: ignore[attr-defined]
    reached = reached_limits(progress, limits)
    if _is_time_over(trainer):
        reached["max_time"] = limits.get("max_time") or "the duration of the Timer in trainer.callbacks"
    ended = f"This run ended at step {progress.steps:,}"
    if any(each.stopping_reason != EarlyStoppingReason.NOT_STOPPED for each in trainer.early_stopping_callbacks):
        return f"{ended} by EarlyStopping; remove it from trainer.callbacks to train on"
    if not reached:
        return f"{ended}; there is no step left to train"
    what = " and ".join(f"{name} is {value}" for name, value in reached.items())
    how = " and ".join(f"--trainer.{name}" for name in reached)
    return f"{ended}: {what}; increase {how} to train on"


def _is_time_over(trainer: Trainer) -> bool:
    timers = [callback for callback in trainer.callbacks if isinstance(callback, Timer)]  # type: ignore[attr-defined]
    remaining = [timer.time_remaining() for timer in timers]
    return any(seconds is not None and seconds <= 0 for seconds in remaining)


def _is_limit(value: Any) -> bool:
    """Return whether a value of the config is a limit; ``None`` and -1 are none."""
    return value is not None and value >= 0
