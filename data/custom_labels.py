"""Labels of a data set of one's own: which values of its factors they stand for."""

import csv
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lr_lightning.data.custom_description import CustomDescription
from lr_lightning.data.factor_space import FactorSpace
from lr_lightning.data.h5_images import h5_array, h5_header, open_h5
from lr_lightning.data.npz_images import npz_array, npz_header

_TOLERANCE = 0.01  # of the distance between neighbouring values: labels may be rounded


def read_table(description: CustomDescription) -> dict[str, list[str]]:
    """Return the columns of the CSV table of a folder: the names of the files, and a label for each factor.

    Raises:
        FileNotFoundError: If there is no such table.
        KeyError: If a column is missing; the message lists those there are.
        ValueError: If it is no text, has no rows, or a row lacks a cell.
    """
    path = description.path.parent / str(description.labels)
    if not path.is_file():
        raise FileNotFoundError(f"no table {path}; set labels in {description.path} to a CSV file, or leave it out")
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:  # spreadsheets write a mark at the beginning
            reader = csv.DictReader(file, skipinitialspace=True)
            header, rows = list(reader.fieldnames or ()), list(reader)
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{path} cannot be read as a CSV table ({error})") from error
    columns = [description.key, *description.factor_space.names]
    missing = [name for name in columns if name not in header]
    if missing:
        raise KeyError(f"{path} lacks the column {', '.join(missing)}; it has {', '.join(header) or 'none'}")
    for line, row in enumerate(rows, start=2):
        if not all(row[name] for name in columns):
            raise ValueError(f"{path} has an empty cell in line {line}")
    if not rows:
        raise ValueError(f"{path} has no rows")
    return {name: [row[name].strip() for row in rows] for name in columns}


def label_array(description: CustomDescription, num_images: int) -> dict[str, Any]:
    """Return the label of each factor in each image, from the array in the file of the images.

    Raises:
        KeyError: If the file has no array of that name; the message lists those it has.
        ValueError: If it is no array of numbers ``(num_images, K)``.
    """
    path, key, remedy = description.images, str(description.labels), description.remedy
    shape, dtype = (npz_header if path.suffix == ".npz" else h5_header)(path, key, remedy)
    names = description.factor_space.names
    if shape != (num_images, len(names)) or dtype.kind not in "iuf":
        raise ValueError(
            f"{key!r} in {path} must be numbers ({num_images}, {len(names)}), a row for each image and a column for "
            f"each of {', '.join(names)}, got {shape} {dtype}; {remedy}"
        )
    if path.suffix == ".npz":
        labels = npz_array(path, key, shape, str(dtype), remedy)
    else:
        with open_h5(path, remedy) as file:
            labels = h5_array(file, key, shape, str(dtype), remedy)[:]
    return dict(zip(names, labels.T, strict=True))


def positions(description: CustomDescription, labels: Mapping[str, Sequence[Any]]) -> Tensor:
    """Return which of its factor's values each label stands for, ``(N, K)`` int64.

    A label is a value, up to a hundredth of the distance between values, or what a value is called, or, where values
    have names, its number in their order, from 0.

    Args:
        description: The set.
        labels: For each factor, its labels: numbers, or text.

    Raises:
        ValueError: If a label stands for no value; the message names the first.
    """
    space = description.factor_space
    return torch.stack(
        [
            _column(description, name, np.array(values), labels[name])
            for name, values in zip(space.names, space.values, strict=True)
        ],
        dim=1,
    )


def grid_order(labels: Tensor, space: FactorSpace) -> Tensor | None:
    """Return the rows ``(N,)`` at which the combinations lie in order; ``None`` if not each of them occurs once."""
    combinations, rows = space.indices(labels).sort()
    return rows if torch.equal(combinations, torch.arange(len(space))) else None


def _column(description: CustomDescription, name: str, values: np.ndarray[Any, Any], labels: Sequence[Any]) -> Tensor:
    called = description.value_names.get(name, ())
    if isinstance(labels, np.ndarray):
        found = labels.astype(np.float64)
    else:
        found = np.array([called.index(label) if label in called else _number(label) for label in labels])
    unique, inverse = np.unique(found, return_inverse=True)
    distances = np.abs(unique[:, None] - values)  # (labels that differ, values)
    nearest = distances.argmin(axis=1)
    gaps = np.diff(np.sort(values))
    wrong = ~(distances.min(axis=1) <= _TOLERANCE * gaps.min(initial=1.0))  # true for NaN too
    if wrong[inverse].any():
        row = int(wrong[inverse].argmax())
        known = called or [f"{value:g}" for value in values]
        raise ValueError(
            f"{name} of image {row} is {labels[row]!s} in {description.labels}, but {description.path} has the values "
            f"{', '.join(known)}"
        )
    return torch.from_numpy(nearest[inverse])


def _number(label: Any) -> float:
    """Return the number that a label is, NaN if it is none."""
    try:
        return float(label)
    except ValueError:
        return float("nan")
