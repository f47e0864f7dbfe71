"""Weights of a torchvision model from a file; nothing is downloaded."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from lr_lightning.common.checks import first_line

_SKIPPED = ContextVar("_SKIPPED", default=False)


@contextmanager
def without_pretrained_weights() -> Iterator[None]:
    """Within this context, networks are constructed without their files: a checkpoint is about to replace all weights.

    Runs can therefore be evaluated and resumed without these files.
    """
    token = _SKIPPED.set(True)
    try:
        yield
    finally:
        _SKIPPED.reset(token)


def load_pretrained_weights(network: nn.Module, model: str, path: Path, ignored: tuple[str, ...]) -> None:
    """Load a state dict into ``network``, except within :func:`without_pretrained_weights`.

    Args:
        network: The network, changed in place.
        model: Its name in ``torchvision.models``.
        path: A file written by ``torch.save``.
        ignored: Beginnings of the names of weights that are not loaded.

    Raises:
        FileNotFoundError: If there is no such file; the message shows how to download the weights once.
        ValueError: If it is no state dict, or does not fit the network.
    """
    if _SKIPPED.get():
        return
    if not path.is_file():
        raise FileNotFoundError(
            f"weights must be null or a file with the weights of {model}, and there is no file {path}; this downloads "
            f'those of torchvision once: python -c "import torch, torchvision; torch.save(torchvision.models.get_model('
            f"'{model}', weights='DEFAULT').state_dict(), '{model}.pth')\""
        )
    found = _without(_read_state_dict(path), ignored)
    wanted = _without(network.state_dict(), ignored)
    missing, unexpected = sorted(wanted.keys() - found.keys()), sorted(found.keys() - wanted.keys())
    if missing or unexpected:
        raise ValueError(
            f"weights {path} are not those of {model}: {_listed(missing)} missing, {_listed(unexpected)} unexpected"
        )
    for name, value in wanted.items():
        if value.shape != found[name].shape:
            raise ValueError(
                f"weights {path} are not those of {model}: {name} is {tuple(found[name].shape)} in the file and "
                f"{tuple(value.shape)} in the model"
            )
    for name, value in wanted.items():
        value.copy_(found[name])


def _read_state_dict(path: Path) -> Mapping[str, Tensor]:
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged pickle can raise anything
        raise ValueError(f"weights {path} cannot be read as a state dict ({first_line(error)})") from error
    if not isinstance(state, Mapping) or not all(isinstance(value, Tensor) for value in state.values()):
        raise ValueError(f"weights {path} contain no state dict, which maps names to tensors; save model.state_dict()")
    return state


def _without(state: Mapping[str, Any], prefixes: tuple[str, ...]) -> dict[str, Any]:
    return {name: value for name, value in state.items() if not name.startswith(prefixes)}


def _listed(names: list[str]) -> str:
    rest = f" and {len(names) - 1} more" if len(names) > 1 else ""
    return f"{names[0]}{rest}" if names else "none"
