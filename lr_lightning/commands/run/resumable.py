"""Checks that a checkpoint contains everything needed to resume training as if it had not been interrupted."""

import traceback
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import LightningDataModule, LightningModule, Trainer
from pytorch_lightning.trainer.connectors import checkpoint_connector
from torch import Tensor, nn
from torch.optim import Optimizer

from lr_lightning.commands.run.checkpoints import check_kinds
from lr_lightning.models import AutoencoderModule, SeedEnsemble

_TRAINING = {"epoch": int, "loops": dict, "callbacks": dict, "optimizer_states": list, "lr_schedulers": list}
_COUNTERS = (
    "epoch_progress",
    "epoch_loop.state_dict",
    "epoch_loop.batch_progress",
    "epoch_loop.automatic_optimization.optim_progress",
    "epoch_loop.manual_optimization.optim_step_progress",
    "epoch_loop.val_loop.batch_progress",
    "state_dict",
)
"""Parts of the state of the Trainer's loop that a resumed run needs."""


def check_resumable(
    path: Path, checkpoint: Mapping[str, Any], trainer: Trainer, model: LightningModule, data: LightningDataModule
) -> None:
    """Raise ``ValueError`` if training cannot resume from a checkpoint; the message names the faulty part.

    Args:
        path: The checkpoint's file.
        checkpoint: Its content, with weights that fit the model.
        trainer: The Trainer that is to resume, before its start.
        model: The model under training.
        data: The training data.
    """
    try:
        check_kinds(path, checkpoint, _TRAINING)
        if "metrics" in checkpoint:
            check_kinds(path, checkpoint, {"metrics": dict})
        _check_loops(path, checkpoint["loops"], trainer)
        _check_model_state(path, checkpoint, model)
        key, state = type(data).__qualname__, data.state_dict()
        if state:
            check_kinds(path, checkpoint, {key: dict})
            _check_alike(path, key, checkpoint[key], state)
        optimizers, schedulers = _configured(model)
        _check_optimizers(path, checkpoint["optimizer_states"], optimizers, checkpoint["global_step"])
        _check_number(path, "lr_schedulers", checkpoint["lr_schedulers"], len(schedulers))
        for i, scheduler in enumerate(schedulers):
            _check_alike(path, f"lr_schedulers[{i}]", checkpoint["lr_schedulers"][i], scheduler.state_dict())
    except ValueError as error:
        raise ValueError(f"{error}; it can be evaluated, but training cannot resume from it") from error


def while_restoring(error: BaseException) -> bool:
    """Return whether ``error`` was raised while the Trainer restored a checkpoint."""
    return any(
        frame.f_code.co_filename == checkpoint_connector.__file__ and "restore" in frame.f_code.co_name
        for frame, _ in traceback.walk_tb(error.__traceback__)
    )


def _check_loops(path: Path, loops: Mapping[str, Any], trainer: Trainer) -> None:
    check_kinds(path, loops, {"fit_loop": dict}, "loops.")
    found, fresh = loops["fit_loop"], trainer.fit_loop.state_dict()
    check_kinds(path, found, dict.fromkeys(_COUNTERS, dict), "loops.fit_loop.")
    for key in found.keys() & fresh.keys():
        _check_alike(path, f"loops.fit_loop.{key}", found[key], fresh[key])


def _check_model_state(path: Path, checkpoint: Mapping[str, Any], model: LightningModule) -> None:
    """Check the entries of this package's models: the noise seed and the random state."""
    if isinstance(model, SeedEnsemble):
        check_kinds(path, checkpoint, {"seeds": list, "members": list})
        _check_number(path, "members", checkpoint["members"], len(model.members))
        for i, member in enumerate(checkpoint["members"]):
            _check_random_state(path, member, f"members[{i}]")
    elif isinstance(model, AutoencoderModule):
        _check_random_state(path, checkpoint, "")


def _check_random_state(path: Path, state: Any, place: str) -> None:
    if not isinstance(state, Mapping):
        raise ValueError(f"{path} is malformed: {place} is a {type(state).__name__}, not a dict")
    place = place and f"{place}."
    check_kinds(path, state, {"noise_seed": int, "random_state": dict}, place)
    check_kinds(path, state["random_state"], {"cpu": Tensor, "cuda": list}, f"{place}random_state.")
    known, found = torch.get_rng_state(), state["random_state"]["cpu"]
    if found.shape != known.shape or found.dtype != known.dtype:
        raise ValueError(
            f"{path} is malformed: {place}random_state.cpu must be {tuple(known.shape)} {known.dtype}, "
            f"got {tuple(found.shape)} {found.dtype}"
        )
    if not all(isinstance(each, Tensor) and each.dtype == torch.uint8 for each in state["random_state"]["cuda"]):
        raise ValueError(f"{path} is malformed: {place}random_state.cuda must be a list of uint8 tensors")


def _configured(model: LightningModule) -> tuple[list[Optimizer], list[Any]]:
    """Return new optimizers and schedulers of the model; none for models of other packages."""
    if not isinstance(model, AutoencoderModule | SeedEnsemble):
        return [], []
    configured = model.configure_optimizers()
    entries = [
        entry if isinstance(entry, dict) else {"optimizer": entry}
        for entry in (configured if isinstance(configured, list) else [configured])
    ]
    schedulers = [entry["lr_scheduler"]["scheduler"] for entry in entries if "lr_scheduler" in entry]
    return [entry["optimizer"] for entry in entries], schedulers


def _check_optimizers(path: Path, states: Sequence[Any], optimizers: Sequence[Optimizer], step: int) -> None:
    if optimizers:
        _check_number(path, "optimizer_states", states, len(optimizers))
    for i, (state, optimizer) in enumerate(zip(states, optimizers, strict=False)):
        place = f"optimizer_states[{i}]"
        if not isinstance(state, Mapping):
            raise ValueError(f"{path} is malformed: {place} is a {type(state).__name__}, not a dict")
        check_kinds(path, state, {"state": dict, "param_groups": list}, f"{place}.")
        fresh = optimizer.state_dict()["param_groups"]
        _check_number(path, f"{place}.param_groups", state["param_groups"], len(fresh))
        for j, group in enumerate(fresh):
            _check_alike(path, f"{place}.param_groups[{j}]", state["param_groups"][j], group)
            numbers = state["param_groups"][j]["params"]
            if not isinstance(numbers, list) or any(type(number) is not int for number in numbers):
                raise ValueError(f"{path} is malformed: {place}.param_groups[{j}].params is not a list of integers")
            if numbers != group["params"]:
                raise ValueError(f"{path} belongs to another optimizer: {place}.param_groups[{j}] differs")
        if step > 0:
            _check_moments(path, place, state["state"], optimizer)


def _check_moments(path: Path, place: str, state: Mapping[Any, Any], optimizer: Optimizer) -> None:
    """Check that the state of each parameter is complete and has the shape of the parameter."""
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    wanted = _kept_for_a_parameter(optimizer)
    if wanted and not state:
        raise ValueError(f"{path} is incomplete: {place} lacks {', '.join(wanted)} for all parameters")
    missing = [i for i in range(len(parameters)) if wanted and i not in state]
    if missing:  # also the case for parameters that do not affect the loss
        text = (
            f"{path} has no state for {len(missing)} of {len(parameters)} parameters in {place}, first for {missing[0]}"
        )
        warnings.warn(text, stacklevel=2)
    for i, kept in state.items():
        if not isinstance(i, int) or not 0 <= i < len(parameters) or not isinstance(kept, Mapping):
            raise ValueError(f"{path} is malformed: {place}.state[{i!r}] belongs to no parameter")
        check_kinds(path, kept, dict.fromkeys(wanted, object), f"{place}.state[{i}].")
        for name, like_parameter in wanted.items():
            shape = parameters[i].shape if like_parameter else torch.Size([])
            value = kept[name]
            if not isinstance(value, Tensor) or value.shape != shape:
                got = tuple(value.shape) if isinstance(value, Tensor) else f"a {type(value).__name__}"
                raise ValueError(
                    f"{path} is malformed: {place}.state[{i}].{name} must have shape {tuple(shape)}, got {got}"
                )


def _kept_for_a_parameter(optimizer: Optimizer) -> dict[str, bool]:
    """Return the names of the tensors in an optimizer's state of a parameter, and whether each has its shape.

    They are determined by one step on a temporary parameter, which does not change the others. Tensors that have
    neither the shape of the parameter nor are scalar are ignored.
    """
    probe, groups = nn.Parameter(torch.zeros(2, 3)), optimizer.param_groups
    probe.grad = torch.zeros_like(probe)
    try:
        optimizer.add_param_group({"params": [probe]})
        optimizer.param_groups = [groups.pop()]
        optimizer.step()
    except (AssertionError, RuntimeError, TypeError, ValueError):  # LBFGS needs a single group and a closure
        return {}
    finally:
        optimizer.param_groups = groups
    kept = {name: value.shape for name, value in optimizer.state[probe].items() if isinstance(value, Tensor)}
    return {name: shape == probe.shape for name, shape in kept.items() if shape in (probe.shape, torch.Size([]))}


def _check_number(path: Path, place: str, found: Sequence[Any], wanted: int) -> None:
    if len(found) != wanted:
        raise ValueError(f"{path} does not fit: it has {len(found)} entries in {place}, this model {wanted}")


def _check_alike(path: Path, place: str, found: Any, fresh: Any) -> None:
    """Raise ``ValueError`` unless ``found`` has the keys of ``fresh``, at any depth, and values of similar types."""
    if isinstance(fresh, Mapping):
        if not isinstance(found, Mapping):
            raise ValueError(f"{path} is malformed: {place} is a {type(found).__name__}, not a dict")
        for key, value in fresh.items():
            if key not in found:
                raise ValueError(f"{path} is incomplete: it lacks {place}.{key}")
            _check_alike(path, f"{place}.{key}", found[key], value)
    elif not _is_alike(found, fresh):
        raise ValueError(f"{path} is malformed: {place} is {found!r:.40}, expected a value like {fresh!r:.40}")


def _is_alike(found: Any, fresh: Any) -> bool:
    """Return whether the types of ``found`` and ``fresh`` are similar; ``None`` matches anything but numbers."""
    if isinstance(fresh, int) and not isinstance(fresh, bool) and fresh >= 0:
        return isinstance(found, int) and not isinstance(found, bool) and found >= 0
    if isinstance(fresh, float):
        scalar = isinstance(found, Tensor) and found.numel() == 1
        return scalar or (isinstance(found, int | float) and not isinstance(found, bool))
    if found is None or fresh is None:
        return True
    if isinstance(fresh, list | tuple):
        return isinstance(found, list | tuple) and (len(found) == len(fresh) or not fresh)
    kinds = ((int, float, Tensor), (str,))
    return any(isinstance(found, kind) and isinstance(fresh, kind) for kind in kinds)
