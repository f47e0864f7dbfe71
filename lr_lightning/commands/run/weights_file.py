"""Weights of a model in a safetensors file: the form in which models are shared, which contains no code."""

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lr_lightning.common.checks import first_line
from lr_lightning.common.files import write_atomically

WEIGHTS = "model.safetensors"
"""Name of the file in an exported folder."""
_FORMAT = 1
_VERSION, _STEP, _SEED, _CHECKSUM = "lr_lightning_format", "global_step", "noise_seed", "sha256"


def is_weights_file(path: Path) -> bool:
    """Return whether a path is that of a safetensors file, by its suffix."""
    return path.suffix == ".safetensors"


def write_weights(path: Path, weights: Mapping[str, Tensor], step: int, noise_seed: int | None) -> None:
    """Write weights to a file, complete or not at all.

    Half-precision weights are widened to float32, which changes no value; all other tensors keep their type. Beside
    the weights, the file has what an evaluation depends on: their training step and the seed of the noise.

    Args:
        path: The file.
        weights: State dict of the model.
        step: Number of optimizer steps.
        noise_seed: Seed of the model's noise, ``None`` if it is unknown.
    """
    from safetensors.torch import save

    stored = {name: _stored(value) for name, value in weights.items()}
    metadata = {"format": "pt", _VERSION: str(_FORMAT), _STEP: str(step)}
    metadata |= {} if noise_seed is None else {_SEED: str(noise_seed)}
    content = save(stored, metadata | {_CHECKSUM: _checksum(stored, metadata)})
    write_atomically(path, lambda file: file.write(content))


def read_weights(path: Path) -> dict[str, Any]:
    """Return the content of a file as a checkpoint: ``state_dict``, ``global_step`` and, if known, ``noise_seed``.

    Raises:
        ValueError: If it is no safetensors file, was not written by :func:`write_weights` or by a later version, or is
            damaged: a single changed bit is found.
    """
    from safetensors import safe_open

    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (it is no mapping)
    except Exception as error:  # a damaged header can raise anything
        raise ValueError(f"{path} is not a readable safetensors file ({first_line(error)})") from error
    if _VERSION not in metadata:
        raise ValueError(f"{path} was not written by lr-lightning export: its metadata have no {_VERSION}")
    numbers = {key: _number(path, key, metadata[key]) for key in (_VERSION, _STEP, _SEED) if key in metadata}
    if numbers.pop(_VERSION) > _FORMAT:
        raise ValueError(f"{path} was written by a later version of lr-lightning; update the package")
    if _STEP not in numbers or metadata.get(_CHECKSUM) != _checksum(weights, metadata):
        raise ValueError(f"{path} is damaged: its content does not match its checksum; copy or download it again")
    return {"state_dict": weights, **numbers}


def _stored(value: Tensor) -> Tensor:
    """Return a copy of a weight as it is stored: contiguous, and not in half precision."""
    is_half = value.dtype in (torch.float16, torch.bfloat16)
    wide = value.detach().cpu().to(torch.float32 if is_half else value.dtype)
    # a copy of each, because safetensors refuses weights that share memory
    return wide.clone(memory_format=torch.contiguous_format)


def _number(path: Path, key: str, text: str) -> int:
    if re.fullmatch(r"[0-9]{1,20}", text) is None:
        raise ValueError(f"{path} is malformed: {key} in its metadata is {text!r:.40}, not a number")
    return int(text)


def _checksum(weights: Mapping[str, Tensor], metadata: Mapping[str, str]) -> str:
    """Return the SHA-256 of names, types, shapes and values of all weights, and of the metadata."""
    known = sorted((key, value) for key, value in metadata.items() if key != _CHECKSUM)
    digest = hashlib.sha256(json.dumps(known).encode())
    for name in sorted(weights):
        value = weights[name].contiguous()
        digest.update(json.dumps([name, str(value.dtype), list(value.shape)]).encode())
        digest.update(value.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
