"""Reads weights that another project saved with ``torch.save``, and gives them the names of a network here."""

import zipfile
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn


def read_weights(path: Path) -> dict[str, Tensor]:
    """Return the state dict in a file, in float32 on the CPU.

    Only tensors and plain values are loaded, whatever the file contains. Files written before PyTorch 1.6 are no
    archives, but are read as well.

    Raises:
        FileNotFoundError: If there is no such file.
        OSError: If it is not readable.
        ValueError: If it is damaged, contains other objects, or is not a state dict of finite numbers.
    """
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}")
    with path.open("rb"):
        pass  # raises if permission is missing, as opposed to damaged content
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                damaged = archive.testzip()  # torch does not compare checksums
            if damaged is not None:
                raise ValueError(f"the checksum of {damaged} is wrong")
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged pickle can raise anything; torch's own text suggests to execute it
        raise ValueError(
            f"{path} cannot be read as weights: it is damaged, or contains other objects than tensors, which are never "
            "loaded"
        ) from error
    if not isinstance(content, dict) or not all(isinstance(value, Tensor) for value in content.values()):
        raise ValueError(f"{path} is not a state dict: it must map names to tensors, and nothing else")
    for name, value in content.items():
        if not (value.is_floating_point() and value.isfinite().all()):
            raise ValueError(f"{path} is malformed: {name} must be finite numbers")
    return {str(name): value.float() for name, value in content.items()}


def with_names_of(
    network: nn.Module, weights: dict[str, Tensor], layers: Sequence[str], path: Path
) -> dict[str, Tensor]:
    """Return foreign weights by the names of ``network``, after checking that they fit.

    Args:
        network: A network of this package.
        weights: Weights and biases of the foreign layers, e.g. ``"encoder.conv1.weight"``.
        layers: Names of the foreign layers, in the order of the layers with parameters of ``network``.
        path: Where they are from, for messages.

    Raises:
        ValueError: If a layer is missing, has another shape, or is left over.
    """
    own = [name for name, layer in network.named_modules() if any(True for _ in layer.parameters(recurse=False))]
    fitting = network.state_dict()
    renamed = {}
    for name, layer in zip(own, layers, strict=True):
        for kind in ("weight", "bias"):
            found, wanted = weights.get(f"{layer}.{kind}"), tuple(fitting[f"{name}.{kind}"].shape)
            if found is None or tuple(found.shape) != wanted:
                shape = "missing" if found is None else tuple(found.shape)
                raise ValueError(
                    f"{path} has another architecture: {layer}.{kind} is {shape}, and {wanted} in "
                    f"{type(network).__name__}"
                )
            renamed[f"{name}.{kind}"] = found
    known = {f"{layer}.{kind}" for layer in layers for kind in ("weight", "bias")}
    unknown = [name for name in weights if name not in known]
    if unknown:
        raise ValueError(
            f"{path} has another architecture: {type(network).__name__} has no counterpart of {unknown[0]}"
        )
    return renamed


def size_of(weights: dict[str, Tensor], name: str, axis: int, dimensions: int, path: Path) -> int:
    """Return the size of a tensor along ``axis``, from which an argument of the network follows.

    Raises:
        ValueError: If there is no such tensor, or it has another number of dimensions.
    """
    found = weights.get(name)
    if found is None or found.ndim != dimensions:
        described = "missing" if found is None else f"{tuple(found.shape)}"
        raise ValueError(f"{path} has another architecture: {name} is {described}, but needs {dimensions} dimensions")
    return found.shape[axis]
