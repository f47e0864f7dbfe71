"""Labels of a custom data set, matched to the values of its factors."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lr_lightning.data.custom.description import CustomDescription
from lr_lightning.data.custom.strict_yaml import as_number
from lr_lightning.data.factor_space import FactorSpace
from lr_lightning.data.storage.h5_images import h5_header, h5_table, open_h5
from lr_lightning.data.storage.npz_member import npz_array, npz_header

Floats = NDArray[np.float64]

# Both as fractions of the smallest distance between two values of the factor:
_TOLERANCE = 0.01  # a label may differ from its value by this much, as it may be rounded
_ROUND_OFF = 1e-4  # labels of the same value may differ from each other by this much
_MOST_SHOWN = 20
_LARGEST_TABLE = 1 << 26  # bytes


def read_table(description: CustomDescription) -> dict[str, list[str]]:
    """Return the columns of the CSV table of a folder: file names, and the labels of each factor.

    Raises:
        FileNotFoundError: If there is no such table.
        KeyError: If a column is missing; the message lists the existing ones.
        ValueError: If the table is not text, is too large, is empty, or has a duplicate column or an empty cell.
    """
    path = description.path.parent / str(description.labels)
    if not path.is_file():
        raise FileNotFoundError(f"no table {path}; set labels in {description.path} to a CSV file, or remove it")
    if (size := path.stat().st_size) > _LARGEST_TABLE:
        raise ValueError(f"{path} must be at most {_LARGEST_TABLE:,} bytes, got {size:,}; store the labels in an array")
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:  # spreadsheets write a byte order mark
            return _columns(description, path, csv.DictReader(file, skipinitialspace=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{path} cannot be read as a CSV table ({error})") from error


def _columns(description: CustomDescription, path: Path, reader: "csv.DictReader[str]") -> dict[str, list[str]]:
    header = list(reader.fieldnames or ())
    names = [description.key, *description.factor_space.names]
    missing = [name for name in names if name not in header]
    if missing:
        raise KeyError(f"{path} has no column {', '.join(missing)}; its columns are {', '.join(header[:20]) or 'none'}")
    if twice := [name for name in names if header.count(name) > 1]:
        raise ValueError(f"{path} has the column {', '.join(twice)} more than once")
    columns: dict[str, list[str]] = {name: [] for name in names}
    for row in reader:
        for name, cells in columns.items():
            if not row[name]:
                raise ValueError(f"{path} has an empty cell in line {reader.line_num}")
            cells.append(row[name].strip())
    if not columns[description.key]:
        raise ValueError(f"{path} has no rows")
    return columns


def label_array(description: CustomDescription, num_images: int) -> dict[str, Any]:
    """Return the labels of each factor, from the array of labels in the file of images.

    Raises:
        KeyError: If the file has no array of that name; the message lists its arrays.
        ValueError: If it is not an array of numbers ``(num_images, K)``.
    """
    path, key, remedy = description.images, str(description.labels), description.remedy
    shape, dtype = (npz_header if path.suffix == ".npz" else h5_header)(path, key, remedy)
    names = description.factor_space.names
    if shape != (num_images, len(names)) or dtype.kind not in "iuf":
        raise ValueError(
            f"{key!r} in {path} must be numbers ({num_images}, {len(names)}), one row per image and one column per "
            f"factor ({', '.join(names)}), got {shape} {dtype}; {remedy}"
        )
    if path.suffix == ".npz":
        labels = npz_array(path, key, shape, str(dtype), remedy)
    else:
        with open_h5(path, remedy) as file:
            labels = h5_table(file, key, shape, str(dtype), remedy)
    return dict(zip(names, labels.T, strict=True))


def positions(description: CustomDescription, labels: Mapping[str, Sequence[Any]]) -> Tensor:
    """Convert labels to indices of factor values, ``(N, K)`` int64.

    If the values of a factor are listed as numbers, a label is a value, up to 1 % of the distance between values.
    Otherwise it is the index of a value, from 0, or its name.

    Args:
        description: Description of the set.
        labels: Labels of each factor: numbers, or text.

    Raises:
        ValueError: If a label matches no value, or clearly different labels match the same value; the message names
            the first.
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
    """Return the row of each combination in order ``(N,)``; ``None`` unless every combination occurs exactly once."""
    combinations, rows = space.indices(labels).sort()
    return rows if torch.equal(combinations, torch.arange(len(space))) else None


def _column(description: CustomDescription, name: str, values: Floats, labels: Sequence[Any]) -> Tensor:
    """Return the index in a factor's ``values`` (V,) of each label."""
    if isinstance(labels, np.ndarray):
        numbers = labels.astype(np.float64)
    else:
        called = {text: i for i, text in enumerate(description.factor_space.value_names.get(name, ()))}
        numbers = np.array([float(called[label]) if label in called else _number(label) for label in labels])
    unique, inverse = np.unique(numbers, return_inverse=True)
    nearest = _nearest(values, unique)
    tolerance = _TOLERANCE * _scale(values) if name in description.listed else 0.0
    wrong = ~(np.abs(unique - values[nearest]) <= tolerance)  # true for NaN too
    if wrong.any():
        row = int(wrong[inverse].argmax())
        known = description.factor_space.value_names.get(name) or [f"{value:g}" for value in values[: _MOST_SHOWN + 1]]
        more = ", ..." if len(known) > _MOST_SHOWN else ""
        raise ValueError(
            f"{name} of image {row} is {labels[row]!s:.100} in {description.labels}, but {description.path} has the "
            f"values {', '.join(known[:_MOST_SHOWN])}{more}"
        )
    # Labels of one value may differ by round-off. If they differ by more, distinct values were merged by mistake.
    apart = (np.diff(unique) > _ROUND_OFF * _scale(values)) & (np.diff(nearest) == 0)
    if apart.any():
        first = int(apart.argmax())
        raise ValueError(
            f"{name} is {unique[first]:g} and {unique[first + 1]:g} in {description.labels}, which both match the "
            f"value {values[nearest[first]]:g}; list its values in {description.path} exactly as in the labels"
        )
    return torch.from_numpy(nearest[inverse])


def _nearest(values: Floats, points: Floats) -> NDArray[np.int64]:
    """Return the index in ``values`` (V,) of the value nearest to each of ``points``, by binary search."""
    order = np.argsort(values)
    increasing = values[order]
    above = np.searchsorted(increasing, points).clip(max=len(values) - 1)
    below = (above - 1).clip(min=0)
    nearer_below = np.abs(points - increasing[below]) < np.abs(points - increasing[above])
    nearest: NDArray[np.int64] = order[np.where(nearer_below, below, above)]
    return nearest


def _scale(values: Floats) -> float:
    """Return the smallest distance between values, or the magnitude of a single value; at most 1."""
    gaps = np.diff(np.sort(values)) if len(values) > 1 else np.abs(values[values != 0])
    return float(gaps.min(initial=1.0))


def _number(label: str) -> float:
    """Return a label as a number; NaN if it is not one."""
    number = as_number(label)
    return float("nan") if number is None else number
