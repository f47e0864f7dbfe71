"""Provenance of results: versions, data set and commit."""

import hashlib
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

_PACKAGES = ("lr-lightning", "torch", "torchvision", "pytorch-lightning", "torchmetrics", "numpy", "wandb")


def versions() -> dict[str, str]:
    """Return the versions of Python, this package and its main dependencies, if installed."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def data_record(dataset: Any) -> dict[str, Any] | None:
    """Return name, factors and a hash of a data set, ``None`` without one.

    The hash is the SHA-256 of 64 evenly spaced observations and their factors: the same for all storage formats,
    and cheap for data sets that are rendered on demand.
    """
    if dataset is None:
        return None
    indices = torch.linspace(0, len(dataset) - 1, 64, dtype=torch.float64).long()
    digest = hashlib.sha256(dataset.images(indices).cpu().contiguous().numpy().tobytes())
    digest.update(dataset.factors(indices).cpu().contiguous().numpy().tobytes())
    space = dataset.factor_space
    return {
        "name": dataset.name,
        "renderer_version": getattr(dataset, "renderer_version", None),
        "num_samples": len(dataset),
        "factors": dict(zip(space.names, space.sizes, strict=True)),
        "sha256_of_64": digest.hexdigest(),
    }


def git_commit() -> str | None:
    """Return the commit of this package's checkout, with ``-dirty`` if it has changes; ``None`` outside a checkout."""
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None
