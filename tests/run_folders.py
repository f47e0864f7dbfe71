"""Compares two run folders."""

import csv
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from torch import Tensor

_NOT_COMPARED = ("seconds", "default_root_dir", "ckpt_path", "git_commit")
"""Ends of keys whose values depend on the moment, or on where the folder is."""


def differences(first: Path, second: Path) -> list[str]:
    """Return the files of two runs that differ, and where; times, the place of the folder and W&B do not count.

    Args:
        first: A run folder.
        second: Another.
    """
    files = [{path.relative_to(folder) for path in _files(folder)} for folder in (first, second)]
    found = [f"{path} is missing" for path in sorted(files[0] ^ files[1])]
    for path in sorted(files[0] & files[1]):
        found += _differing(_content(first / path), _content(second / path), str(path))
    return found


def _files(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        if path.is_file() and path.name != "wandb_run_id" and "wandb" not in path.relative_to(folder).parts:
            yield path


def _content(path: Path) -> Any:
    match path.suffix:
        case ".ckpt":
            return torch.load(path, weights_only=True)
        case ".json":
            return json.loads(path.read_text())
        case ".yaml":
            return yaml.safe_load(path.read_text())
        case ".csv":
            return list(csv.DictReader(path.read_text().splitlines()))
        case ".npz":
            with np.load(path, allow_pickle=False) as arrays:
                return {name: torch.as_tensor(arrays[name]) for name in arrays}
    return path.read_bytes()


def _differing(first: Any, second: Any, place: str) -> Iterator[str]:
    if place.endswith(_NOT_COMPARED):
        return
    if isinstance(first, Mapping) and isinstance(second, Mapping):
        for key in first.keys() | second.keys():
            if key in first and key in second:
                yield from _differing(first[key], second[key], f"{place}.{key}")
            else:
                yield f"{place}.{key} is missing"
    elif isinstance(first, list) and isinstance(second, list) and len(first) == len(second):
        for index, (one, other) in enumerate(zip(first, second, strict=True)):
            yield from _differing(one, other, f"{place}[{index}]")
    elif isinstance(first, Tensor) and isinstance(second, Tensor):
        if not (first.shape == second.shape and first.dtype == second.dtype and _equal(first, second)):
            yield place
    elif first != second:
        yield f"{place}: {str(first)[:80]} and {str(second)[:80]}"


def _equal(first: Tensor, second: Tensor) -> bool:
    return torch.equal(first, second) or bool(torch.isclose(first, second, rtol=0, atol=0, equal_nan=True).all())
