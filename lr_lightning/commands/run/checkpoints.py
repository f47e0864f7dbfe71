"""Checks a checkpoint before a Trainer is given it."""

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from lr_lightning.commands.run.archive_check import check_archive
from lr_lightning.common.checks import first_line


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Return a checkpoint, whose tensors are read from the file when they are looked at.

    Raises:
        FileNotFoundError: If there is no such file.
        OSError: If it may not be read.
        ValueError: If it is no checkpoint, is damaged, or holds more than tensors and plain values.
    """
    if not path.is_file():
        raise FileNotFoundError(f"there is no checkpoint {path}")
    with path.open("rb"):
        pass  # raises if it may not be read, which says nothing of its contents
    try:
        if zipfile.is_zipfile(path):  # torch refuses to map any other file
            check_archive(path)
        checkpoint = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except Exception as error:  # whatever the bytes of a strange pickle lead to
        raise ValueError(f"{path} is no readable checkpoint ({first_line(error)})") from error
    if not isinstance(checkpoint, dict) or "state_dict" not in checkpoint:
        raise ValueError(f"{path} is no readable checkpoint (it lacks state_dict)")
    optional = {key: kind for key, kind in _OPTIONAL.items() if key in checkpoint}
    check_kinds(path, checkpoint, {"state_dict": dict, "global_step": int} | optional)
    return checkpoint


def check_checkpoint(path: Path, model: nn.Module) -> int:
    """Return the step of a checkpoint; raise a clear error if it is unreadable or of another model than ``model``.

    Args:
        path: A checkpoint of Lightning; weights and their step are enough.
        model: The model that its weights are meant for.

    Returns:
        The number of optimizer steps after which it was saved.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no checkpoint, is damaged, holds more than tensors and plain values, or does not fit.
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
            f"{path} was saved from another model: {name} is {shapes.get(name, 'missing')} there and "
            f"{wanted.get(name, 'missing')} in this {type(model).__name__}; use the config.yaml of its run folder"
        )
    return int(checkpoint["global_step"])


def check_kinds(path: Path, found: Mapping[str, Any], wanted: Mapping[str, type], place: str = "") -> None:
    """Raise ``ValueError`` unless ``found``, a part of the checkpoint ``path``, has the ``wanted`` keys and types.

    Args:
        path: The checkpoint.
        found: A mapping in it.
        wanted: The type of each key's value; numbers of type ``int`` must not be negative.
        place: What the mapping is called in the checkpoint, with a dot behind.
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
"""Types of what evaluation makes use of, but can do without."""
