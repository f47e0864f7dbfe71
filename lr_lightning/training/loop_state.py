"""The counters of the Trainer's training loop in checkpoints, of one model and of an ensemble."""

from collections.abc import Mapping
from typing import Any

_AUTOMATIC = "epoch_loop.automatic_optimization.optim_progress"
_MANUAL = "epoch_loop.manual_optimization.optim_step_progress"
_SCHEDULERS = "epoch_loop.scheduler_progress"


def of_automatic_optimization(loops: Mapping[str, Any], num_schedulers: int) -> dict[str, Any]:
    """Return the loops of a checkpoint as if the Trainer had taken the steps, one for each batch.

    Args:
        loops: Loops with manual optimization, which count each step.
        num_schedulers: Number of learning-rate schedules that are stepped after each batch.
    """
    fit_loop = loops["fit_loop"]
    # the Trainer counts its own steps in the whole run and in the current epoch; manual ones in the whole run only
    counts = {
        "total": fit_loop[_MANUAL]["total"]["completed"],
        "current": fit_loop["epoch_loop.batch_progress"]["current"]["processed"],
    }
    steps = {key: _ready_and_completed(count) for key, count in counts.items()}
    zero_grads = {key: {"ready": count, "started": count, "completed": count} for key, count in counts.items()}
    optimizer = {"step": steps, "zero_grad": zero_grads}
    schedulers = {key: _ready_and_completed(count * num_schedulers) for key, count in counts.items()}
    return _with(loops, {_AUTOMATIC: {"optimizer": optimizer}, _MANUAL: _steps(0), _SCHEDULERS: schedulers})


def of_manual_optimization(loops: Mapping[str, Any]) -> dict[str, Any]:
    """Return the loops of a checkpoint as if the model had taken the steps itself, as members of an ensemble do.

    Args:
        loops: Loops with automatic or manual optimization.
    """
    fit_loop = loops["fit_loop"]
    taken = fit_loop[_AUTOMATIC]["optimizer"]["step"]["total"]["completed"] + fit_loop[_MANUAL]["total"]["completed"]
    return _with(loops, {_MANUAL: _steps(taken)})


def _steps(count: int) -> dict[str, dict[str, int]]:
    return {key: _ready_and_completed(count) for key in ("total", "current")}


def _ready_and_completed(count: int) -> dict[str, int]:
    return {"ready": count, "completed": count}


def _with(loops: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    return {**loops, "fit_loop": loops["fit_loop"] | changes}
