"""Checks a checkpoint before it is passed to a Trainer."""

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from lr_lightning.commands.run.archive_check import check_archive
from lr_lightning.commands.run.weights_file import is_weights_file, read_weights
from lr_lightning.common.checks import first_line


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Return a checkpoint, whose tensors are read from the file on first access, or the weights of an exported model.

    Args:
        path: A Lightning checkpoint, or a safetensors file.

    Raises:
        FileNotFoundError: If there is no such file.
        OSError: If it is not readable.
        ValueError: If it is not a checkpoint, is damaged, or contains other objects than tensors and plain values.
    """
    if not path.is_file():
        raise FileNotFoundError(f"there is no checkpoint {path}")
    with path.open("rb"):
        pass  # raises if permission is missing, as opposed to damaged content
    if is_weights_file(path):
        return read_weights(path)
    try:
        if zipfile.is_zipfile(path):  # torch maps no other files
            check_archive(path)
        checkpoint = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except Exception as error:  # a damaged pickle can raise anything
        raise ValueError(f"{path} is not a readable checkpoint ({first_line(error)})") from error
    if not isinstance(checkpoint, dict) or "state_dict" not in checkpoint:
        raise ValueError(f"{path} is not a readable checkpoint (it lacks state_dict)")
    optional = {key: kind for key, kind in _OPTIONAL.items() if key in checkpoint}
    check_kinds(path, checkpoint, {"state_dict": dict, "global_step": int} | optional)
    return checkpoint


def check_checkpoint(path: Path, model: nn.Module) -> int:
    """Return the step of a checkpoint; raise a clear error if it is unreadable or does not fit ``model``.

    Args:
        path: A Lightning checkpoint, for which weights and their step are enough, or a safetensors file.
        model: The model for the weights.

    Returns:
        The number of optimizer steps after which it was saved.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is not a checkpoint, is damaged, contains other objects than tensors and plain values, or
            does not fit.
    """
    checkpoint = read_checkpoint(path)
    weights = checkpoint["state_dict"]
    for name, value in weights.items():
        if not isinstance(value, Tensor):
            raise ValueError(f"{path} is malformed: state_dict[{name!r}] is a {type(value).__name__}, not a tensor")
    shapes = {name: tuple(value.shape) for name, value in weights.items()}
    wanted = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    differing = sorted(name for name in shapes | wanted if shapes.get(name) != wanted.get(name))
    if differing:
        name = differing[0]
        raise ValueError(
            f"{path} was saved from another model: {name} is {shapes.get(name, 'missing')} in the checkpoint and "
            f"{wanted.get(name, 'missing')} in this {type(model).__name__}; use the config.yaml of its run folder"
        )
    return int(checkpoint["global_step"])


def check_kinds(path: Path, found: Mapping[str, Any], wanted: Mapping[str, type], place: str = "") -> None:
    """Raise ``ValueError`` unless ``found``, a part of the checkpoint ``path``, has the ``wanted`` keys and types.

    Args:
        path: The checkpoint.
        found: A mapping in the checkpoint.
        wanted: The type of each key's value; numbers of type ``int`` must not be negative.
        place: Path of the mapping in the checkpoint, with a trailing dot.
    """
    for key, kind in wanted.items():
        if key not in found:
            raise ValueError(f"{path} is incomplete: it lacks {place}{key}")
        value = found[key]
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise ValueError(f"{path} is malformed: {place}{key} is a {type(value).__name__}, not a {kind.__name__}")
        if isinstance(value, int) and kind is int and value < 0:
            raise ValueError(f"{path} is malformed: {place}{key} is {value}, which is negative")


_OPTIONAL = {"pytorch-lightning_version": str, "noise_seed": int, "seeds": list, "members": list}
"""Types of entries that evaluation uses but does not need."""
