"""Checks a checkpoint before a Trainer is given it."""

import pickle
from pathlib import Path
from typing import Any

import torch
from torch import nn


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Return a checkpoint, whose tensors are read from the file when they are looked at.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no checkpoint, is damaged, or holds more than tensors and plain values.
    """
    if not path.is_file():
        raise FileNotFoundError(f"there is no checkpoint {path}")
    try:
        checkpoint: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        _ = checkpoint["state_dict"], int(checkpoint["global_step"])
    except (RuntimeError, KeyError, EOFError, TypeError, ValueError, pickle.UnpicklingError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ValueError(f"{path} is no readable checkpoint ({reason})") from error
    return checkpoint


def check_checkpoint(path: Path, model: nn.Module) -> int:
    """Return the step of a checkpoint; raise a clear error if it is unreadable or of another model than ``model``.

    Args:
        path: A checkpoint of Lightning.
        model: The model that its weights are meant for.

    Returns:
        The number of optimizer steps after which it was saved.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no checkpoint, is damaged, holds more than tensors and plain values, or does not fit.
    """
    checkpoint = read_checkpoint(path)
    shapes = {name: tuple(value.shape) for name, value in checkpoint["state_dict"].items()}
    wanted = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    differing = sorted(name for name in shapes | wanted if shapes.get(name) != wanted.get(name))
    if differing:
        name = differing[0]
        raise ValueError(
            f"{path} was saved from another model: {name} is {shapes.get(name, 'missing')} there and "
            f"{wanted.get(name, 'missing')} in this {type(model).__name__}; use the config.yaml of its run folder"
        )
    return int(checkpoint["global_step"])
