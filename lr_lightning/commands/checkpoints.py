"""Checks a checkpoint before a Trainer is given it."""

import pickle
from pathlib import Path

import torch
from torch import nn


def check_checkpoint(path: Path, model: nn.Module) -> None:
    """Raise a clear error if ``path`` cannot be read or holds the weights of another model than ``model``.

    Args:
        path: A checkpoint of Lightning.
        model: The model that its weights are meant for.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no checkpoint, is damaged, holds more than tensors and plain values, or does not fit.
    """
    if not path.is_file():
        raise FileNotFoundError(f"there is no checkpoint {path}")
    try:
        weights = torch.load(path, map_location="cpu", weights_only=True, mmap=True)["state_dict"]
    except (RuntimeError, KeyError, EOFError, TypeError, ValueError, pickle.UnpicklingError) as error:
        raise ValueError(f"{path} is no readable checkpoint ({str(error).splitlines()[0]})") from error
    shapes = {name: tuple(value.shape) for name, value in weights.items()}
    wanted = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    differing = sorted(name for name in shapes | wanted if shapes.get(name) != wanted.get(name))
    if differing:
        name = differing[0]
        raise ValueError(
            f"{path} was saved from another model: {name} is {shapes.get(name, 'missing')} there and "
            f"{wanted.get(name, 'missing')} in this {type(model).__name__}; use the config.yaml of its run folder"
        )
