"""Turn the targets of a data set of torchvision into factors."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from lr_lightning.data.factor_space import FactorSpace
from lr_lightning.data.from_torchvision.construction import MapDataset, is_of_torchvision

_REMEDY = "choose others with `arguments` of the class, or read none with targets: none"

_COORDINATES = ("annotation", "bbox", "landmarks")
"""Targets of torchvision's classes that consist of integers, but are coordinates."""

_CLASS_NAMES = ("classes", "categories", "_characters")
"""Attributes of torchvision's classes with the names of the labels; the last is Omniglot's."""

_CLASS_NAMES_OF = {"category": "classes", "binary-category": "bin_classes"}
"""The same for targets that have a name."""

_MOST_CAPTIONS = 100
"""More different texts than this, which are almost all different, are captions rather than labels."""


class Labels(NamedTuple):
    """Factors of all samples.

    Attributes:
        factors: ``(N, K)`` uint8, int16 or int32.
        space: The factors.
    """

    factors: NDArray[Any]
    space: FactorSpace


class _Column(NamedTuple):
    """A target of all samples: ``(N,)`` integers or text, and the names of the values 0, 1, ... if they have any."""

    values: NDArray[Any]
    names: tuple[str, ...] | None


class _UnsuitableError(Exception):
    """Describes a target that cannot be a factor."""


def read_labels(parts: Sequence[MapDataset], title: str) -> Labels:
    """Return the factors of the samples of ``parts``, one after another.

    Integers are indices of the classes of the data set, if it names them. Otherwise, the factor has the integers that
    occur as values, in increasing order, and both 0 and 1 if there are no others. Text is sorted, and names the values.
    A part whose labels are all -1, or ``None``, is unlabeled.

    Args:
        parts: The data sets.
        title: What they are, for messages.

    Raises:
        ValueError: If a target contains anything but integers, booleans and text, differs in structure between samples
            or parts, is missing for some samples, or is not one of the named classes.
    """
    try:
        tables = [_columns(part) for part in parts]
        if len({tuple(table) for table in tables}) > 1:
            different = " and ".join(", ".join(table) or "none" for table in tables)
            raise _UnsuitableError(f"{different} in different splits")
        factors = {name: _factor(name, [table[name] for table in tables]) for name in tables[0]}
    except _UnsuitableError as error:
        raise ValueError(f"targets of {title} must be integers, booleans or text, got {error}; {_REMEDY}") from error
    indices = [each for each, _, _ in factors.values()]
    space = FactorSpace(
        list(factors),
        [len(values) for _, values, _ in factors.values()],
        [values for _, values, _ in factors.values()],
        {name: names for name, (_, _, names) in factors.items() if names is not None},
    )
    largest = max(space.sizes, default=1)
    dtype = np.uint8 if largest <= 1 << 8 else np.int16 if largest <= 1 << 15 else np.int32
    stacked = np.stack(indices, axis=1) if indices else np.empty((sum(map(len, parts)), 0))
    return Labels(stacked.astype(dtype), space)


def _columns(dataset: MapDataset) -> dict[str, _Column]:
    """Return the targets of one data set by name."""
    arrays = _celeba_arrays(dataset) or _sampled_arrays(dataset)
    columns = {
        name: _Column(values, None if values.dtype.kind == "U" else _class_names(dataset, name, len(arrays)))
        for name, values in arrays.items()
    }
    # STL10 gives -1 to unlabeled images
    return {name: each for name, each in columns.items() if each.names is None or not (each.values == -1).all()}


def _celeba_arrays(dataset: Any) -> dict[str, NDArray[Any]] | None:
    """Return the targets of CelebA by name, which would otherwise open 202,599 images; ``None`` for other sets."""
    if not (is_of_torchvision(type(dataset)) and type(dataset).__name__ == "CelebA"):
        return None
    found = dict[str, NDArray[Any]]()
    for kind in dataset.target_type:
        table = np.asarray(getattr(dataset, {"landmarks": "landmarks_align"}.get(kind, kind)))  # (N, columns)
        names = ["identity"] if kind == "identity" else _part_names(kind, table.shape[1], dataset)
        if kind in _COORDINATES:
            raise _UnsuitableError(f"coordinates in {kind}")
        found |= dict(zip(names, table.T, strict=True))
    return found


def _sampled_arrays(dataset: MapDataset) -> dict[str, NDArray[Any]]:
    """Return the targets by name, read from one sample after another."""
    names: list[str] = []
    rows = []
    with _without_images(dataset):
        for index in range(len(dataset)):
            sample = dataset[index]
            row = list(_scalars(sample[1] if is_pair(sample) else None, "", dataset))
            if index == 0:
                names = [name for name, _ in row]
            elif [name for name, _ in row] != names:
                found = ", ".join(name for name, _ in row) or "none"
                raise _UnsuitableError(f"{found} for sample {index} and {', '.join(names) or 'none'} for sample 0")
            rows.append([value for _, value in row])
    columns = zip(*rows, strict=True) if names else ()
    arrays = {}
    for name, values in zip(names, columns, strict=True):
        if len(kinds := {type(value) for value in values}) > 1:
            raise _UnsuitableError(f"both {' and '.join(sorted(kind.__name__ for kind in kinds))} in {name}")
        arrays[name] = np.array(values)
    return arrays


def is_pair(sample: Any) -> bool:
    """Return whether a sample is an image and a target."""
    return isinstance(sample, tuple | list) and len(sample) == 2


@contextmanager
def _without_images(dataset: Any) -> Iterator[None]:
    """Make classes of torchvision return an empty picture for each image, if they load it with their ``loader``."""
    if not (is_of_torchvision(type(dataset)) and hasattr(dataset, "loader")):
        yield
        return
    loader, dataset.loader = dataset.loader, lambda _: Image.new("L", (1, 1))
    try:
        yield
    finally:
        dataset.loader = loader


def _scalars(target: Any, name: str, dataset: Any) -> Iterator[tuple[str, int | str]]:
    """Yield the name and value of each number or text in the target of one sample."""
    where = f" in {name}" if name else ""
    if name in _COORDINATES:
        raise _UnsuitableError(f"coordinates in {name}")
    if isinstance(target, torch.Tensor):
        target = target.numpy()
    if isinstance(target, np.ndarray | np.generic):
        if target.dtype.kind not in "iubU" or target.ndim > 1:
            raise _UnsuitableError(f"{f'an array {target.shape} of ' * bool(target.ndim)}{target.dtype}{where}")
        if target.ndim == 1:
            parts = zip(_part_names(name, target.size, dataset), target.tolist(), strict=True)
            yield from ((part, value if isinstance(value, str) else int(value)) for part, value in parts)
            return
        target = target.item()
    if isinstance(target, str):
        yield name or "label", target
    elif isinstance(target, int):
        yield name or "label", int(target)
    elif isinstance(target, dict):
        for key, part in target.items():
            yield from _scalars(part, str(key), dataset)
    elif isinstance(target, tuple | list):
        for key, part in zip(_part_names(name, len(target), dataset), target, strict=True):
            yield from _scalars(part, key, dataset)
    elif target is not None:
        raise _UnsuitableError(f"{type(target).__name__}{where}")


def _part_names(name: str, number: int, dataset: Any) -> list[str]:
    """Return names for the parts of a target: those that torchvision's classes have for them, otherwise numbered."""
    for attribute in (f"{name}_names",) if name else ("target_type", "_target_types"):
        known = getattr(dataset, attribute, None)
        names = [each for each in known if each] if isinstance(known, list | tuple) else []  # CelebA's end with ""
        if len(names) == number and all(isinstance(each, str) for each in names):
            return names
    return [f"{name or 'target'}_{place}" for place in range(number)]


def _class_names(dataset: Any, name: str, num_targets: int) -> tuple[str, ...] | None:
    """Return the names of the values of a target of integers, if the data set has any."""
    if name not in _CLASS_NAMES_OF and num_targets > 1:
        return None  # which of the targets the classes belong to is unknown
    for attribute in (_CLASS_NAMES_OF[name],) if name in _CLASS_NAMES_OF else _CLASS_NAMES:
        known = getattr(dataset, attribute, None)
        if isinstance(known, list | tuple) and known:
            # several names of one class are synonyms, as in ImageNet
            names = [", ".join(map(str, each)) if isinstance(each, tuple | list) else str(each) for each in known]
            return tuple(f"{each} ({place})" if names.count(each) > 1 else each for each, place in zip(names, count()))
    return None


def _factor(name: str, parts: Sequence[_Column]) -> tuple[NDArray[Any], Sequence[float], Sequence[str] | None]:
    """Return the index of the value of each sample ``(N,)``, the values, and their names if they have any."""
    if all(part.names is not None for part in parts):
        return _named_factor(name, parts)
    values = np.concatenate([part.values for part in parts])
    occurring, indices = np.unique(values, return_inverse=True)
    if values.dtype.kind == "U":
        if len(occurring) > max(_MOST_CAPTIONS, len(values) // 2):
            raise _UnsuitableError(f"{len(occurring):,} different texts, as captions are, in {name}")
        return indices, range(len(occurring)), occurring.tolist()
    if set(occurring.tolist()) <= {0, 1}:
        return values.astype(np.int64), (0, 1), None
    return indices, occurring.tolist(), None


def _named_factor(name: str, parts: Sequence[_Column]) -> tuple[NDArray[Any], Sequence[float], Sequence[str]]:
    """Return the factor of indices of named classes; parts may name different classes, as those of Omniglot do."""
    union = list(dict.fromkeys(each for part in parts for each in part.names or ()))
    positions = {each: place for place, each in enumerate(union)}
    indices = []
    for values, names in parts:
        names = names or ()
        if len(values) and not (values.min() >= 0 and values.max() < len(names)):
            wrong = values[(values < 0) | (values >= len(names))]
            raise _UnsuitableError(
                f"{wrong[0]}, which is none of {len(names)} classes, for {len(wrong):,} samples in {name}"
            )
        indices.append(np.array([positions[each] for each in names])[values])
    return np.concatenate(indices), range(len(union)), union
