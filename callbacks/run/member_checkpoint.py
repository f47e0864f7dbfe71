"""Checkpoints of one member of an ensemble, as if it was trained alone, and the way back to the ensemble."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, cast
from weakref import proxy

import torch
from pytorch_lightning import Callback, Trainer
from typing_extensions import override

from lr_lightning.callbacks.ensemble_assay import EnsembleAssay
from lr_lightning.callbacks.run.adaptive_threads import AdaptiveThreads
from lr_lightning.callbacks.run.member_record import MemberRecord
from lr_lightning.callbacks.run.run_checkpoint import RunCheckpoint
from lr_lightning.training.loop_state import of_manual_optimization
from lr_lightning.training.member_statistics import member_statistics, scalars_of_member

_THREADS = AdaptiveThreads().state_key
_OF_THE_ENSEMBLE = ("state_dict", "callbacks", "optimizer_states", "lr_schedulers", "loops", "metrics")


class MemberCheckpoint(RunCheckpoint):
    """Saves the checkpoints of one member of a :class:`~lr_lightning.models.SeedEnsemble` as a run of its own would.

    They have everything that training needs, so that the member can be resumed alone. Nothing is saved of a member that
    has diverged.

    Args:
        folder: Folder of the checkpoint.
        name: Name of the checkpoint, without ``.ckpt``.
        index: Index of the member in the ensemble.
        member: Name of the member.
        monitor: Key of the score in a run of this member alone; ``None`` to save every time.
        mode: Whether ``"min"`` or ``"max"`` is best.
        check: Called before a file is written; an error prevents it.
    """

    def __init__(
        self,
        folder: Path,
        name: str,
        index: int,
        member: str,
        monitor: str | None = None,
        mode: Literal["min", "max"] = "min",
        check: Callable[[], object] = lambda: None,
    ) -> None:
        super().__init__(folder, name, None if monitor is None else f"{member}/{monitor}", mode)
        self.index = index
        self.member = member
        self.key_alone = RunCheckpoint(folder, name, monitor, mode).state_key
        self._check = check

    @property
    @override
    def state_key(self) -> str:
        """Key of the state in checkpoints of the ensemble."""
        return f"{self.member}/{self.key_alone}"

    @override
    def save(self, trainer: Trainer) -> None:
        if self.member not in cast(Any, trainer.lightning_module).diverged:
            super().save(trainer)

    @override
    def _save_checkpoint(self, trainer: Trainer, filepath: str) -> None:
        self._check()
        checkpoint = member_checkpoint(trainer, self.index)
        trainer.strategy.checkpoint_io.save_checkpoint(checkpoint, filepath)
        # what else the method of the base class does
        self._last_global_step_saved = trainer.global_step
        self._last_checkpoint_saved = filepath
        for logger in trainer.loggers:
            logger.after_save_checkpoint(proxy(self))


def member_checkpoint(trainer: Trainer, index: int) -> dict[str, Any]:
    """Return the checkpoint that a run of one member alone would save now.

    Args:
        trainer: Trainer of an ensemble.
        index: Index of the member in the ensemble.
    """
    ensemble = cast(Any, trainer.lightning_module)
    name = ensemble.names[index]
    checkpoint: dict[str, Any] = ensemble.member_checkpoint(index) | ensemble.member_training_state(index)
    states = _states_alone(trainer.callbacks, index, name)  # type: ignore[attr-defined]
    metrics = {name: value.detach().cpu() for name, value in trainer.callback_metrics.items()}
    return checkpoint | {"callbacks": dict(states), "metrics": scalars_of_member(metrics, name, ensemble.names)}


def ensemble_checkpoint(checkpoints: Mapping[str, Mapping[str, Any]], seeds: Sequence[int]) -> dict[str, Any]:
    """Return the checkpoint of an ensemble from those of its members, each saved alone or by :class:`MemberCheckpoint`.

    Args:
        checkpoints: A checkpoint of each member by its name, all of one architecture at the same step.
        seeds: The seed of each member.
    """
    names, alone = list(checkpoints), list(checkpoints.values())
    first = alone[0]
    callbacks: dict[str, Any] = {}
    for key, state in first["callbacks"].items():
        copies = [own["callbacks"][key] for own in alone]
        if "last_scalars" in state:  # an assay
            scalars = member_statistics(names, [own["last_scalars"] for own in copies])
            callbacks[f"EnsembleAssay of {key}"] = state | {"last_scalars": scalars, "copies": copies}
        elif key == _THREADS:
            callbacks[key] = state  # one process, one number
        else:
            callbacks |= {f"{name}/{key}": own for name, own in zip(names, copies, strict=True)}
    hyperparameters = ("hparams_name", "hyper_parameters")
    return {
        **{key: value for key, value in first.items() if key not in hyperparameters},
        "state_dict": {
            f"members.{index}.{key}": value
            for index, own in enumerate(alone)
            for key, value in own["state_dict"].items()
        },
        "loops": of_manual_optimization(first["loops"]),
        "callbacks": callbacks,
        "optimizer_states": [state for own in alone for state in own["optimizer_states"]],
        "lr_schedulers": [state for own in alone for state in own["lr_schedulers"]],
        "metrics": _metrics(names, [own.get("metrics", {}) for own in alone]),
        "seeds": list(seeds),
        "names": names,
        "diverged": {},
        "members": [{key: value for key, value in own.items() if key not in _OF_THE_ENSEMBLE} for own in alone],
    }


def _states_alone(callbacks: Sequence[Callback], index: int, member: str) -> Iterator[tuple[str, Any]]:
    """Yield the name and state of each callback in a run of one member alone."""
    for callback in callbacks:
        if isinstance(callback, EnsembleAssay):
            yield callback.copies[index].state_key, callback.copies[index].state_dict()
        elif isinstance(callback, MemberCheckpoint) and callback.member == member:
            yield callback.key_alone, callback.state_dict()
        elif isinstance(callback, MemberRecord) and callback.member == member:
            yield callback.state_key.removeprefix(f"{member}/"), callback.state_dict()
        elif isinstance(callback, AdaptiveThreads):
            yield _THREADS, callback.state_dict()


def _metrics(names: Sequence[str], metrics: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the metrics of an ensemble, tensors, from those of its members."""
    shared = {key for key in metrics[0] if "/" not in key}  # such as the epoch
    own = [{key: value for key, value in each.items() if key not in shared} for each in metrics]
    found = member_statistics(names, own)
    return {key: torch.as_tensor(value) for key, value in found.items()} | {key: metrics[0][key] for key in shared}
