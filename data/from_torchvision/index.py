"""The factors of a data set of torchvision, kept in a file beside its cached images."""

import hashlib
import json
import os
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lr_lightning.common.files import write_atomically
from lr_lightning.data.factor_space import FactorSpace
from lr_lightning.data.from_torchvision.construction import MapDataset, Progress
from lr_lightning.data.from_torchvision.recipe import Recipe
from lr_lightning.data.from_torchvision.samples import first_row
from lr_lightning.data.from_torchvision.targets import Labels, read_labels
from lr_lightning.data.storage.memory_mapped_cache import CACHE_REMEDY, cache_folder
from lr_lightning.data.storage.random_state import kept_random_state
from lr_lightning.data.storage.write_lock import write_lock

_VERSION = 1


class Index(NamedTuple):
    """What is known about the samples without reading them.

    Attributes:
        labels: The factors.
        image_shape: Shape of one image after transforms.
        channels: Number of channels before transforms.
        sources: Path, size and modification time of the files and folders that were read.
        content: Hash of names, sizes and modification times of all files in these folders.
    """

    labels: Labels
    image_shape: tuple[int, ...]
    channels: int
    sources: list[tuple[str, int, int]]
    content: str


def read_samples(recipe: Recipe, progress: Progress | None = None) -> tuple[Index, Sequence[MapDataset]]:
    """Construct a data set and read its targets and its first image.

    Returns:
        The index, and the constructed data sets.

    Raises:
        ConnectionError, OSError, ImportError, ValueError: As :class:`~lr_lightning.data.TorchvisionDataset`.
    """
    with kept_random_state():  # otherwise, a run that converts a set would differ from later ones
        parts, read = recipe.construct(progress)
        channels, row, opened = first_row(parts, recipe)
        if recipe.labeled:
            labels = read_labels(parts, recipe.title)
        else:
            labels = Labels(np.empty((sum(map(len, parts)), 0), np.uint8), FactorSpace([], []))
    read += opened
    # classes that know their files from a list do not list the folder that contains them
    read += [path.parent for path in opened if path.is_relative_to(recipe.root.absolute())]
    read = list(dict.fromkeys(read))
    return Index(labels, tuple(row.shape), channels, _states(read, recipe.root), _content(read)), parts


def index_path(recipe: Recipe) -> Path:
    """Return the path of the index, whether it exists or not; cached images are beside it."""
    return cache_folder(recipe.root) / f"{recipe.key}.index.npz"


def open_index(recipe: Recipe, *, verify: bool = False) -> tuple[Index, Sequence[MapDataset] | None]:
    """Return the index from its file, which is written if it does not exist or is outdated.

    Opening it compares the size and modification time of the files that the data set read when it was constructed, and
    the modification time of the folders. Single images are compared too, except for published data sets: nobody edits
    their images, and there may be hundreds of thousands.

    Args:
        recipe: The data set.
        verify: Read the data set again, and compare all that is known about it.

    Returns:
        The index, and the constructed data sets if they were needed.

    Raises:
        ConnectionError, OSError, ImportError, ValueError: As :class:`~lr_lightning.data.TorchvisionDataset`.

    Warns:
        UserWarning: If the file is outdated or damaged, with the reason.
    """
    path = index_path(recipe)
    if not verify:
        try:
            return _read_current(path, recipe), None
        except (FileNotFoundError, _OutdatedError):
            pass  # checked again under the lock, as another process may be writing it
    with write_lock(path, CACHE_REMEDY) as lock:
        found = None
        try:
            found = _read_current(path, recipe)
        except FileNotFoundError:
            pass
        except _OutdatedError as error:
            warnings.warn(f"reading {recipe.title} again: {error}", stacklevel=3)
        if found is not None and not verify:
            return found, None
        index, parts = read_samples(recipe)
        if found is None or not _equal(found, index):
            rows_path(path).unlink(missing_ok=True)  # frees its disk space, and it will not be used again
            _write(path, index)
        lock.unlink(missing_ok=True)
        return index, parts


def check_unchanged(recipe: Recipe, index: Index) -> None:
    """Check that cached images are those of ``index``, which may have been read long ago.

    Raises:
        ValueError: If files of the data set or the index have changed since.
    """
    try:
        found = _read(index_path(recipe), recipe.root)
    except (FileNotFoundError, _OutdatedError):
        found = None
    if found is None or not _equal(found, index):
        raise ValueError(f"{recipe.title} changed while it was open; open it again")


def rows_path(index: Path) -> Path:
    """Return the path of the cached images that belong to an index."""
    return index.with_name(index.name.removesuffix(".index.npz") + ".rows")


class _OutdatedError(Exception):
    """Explains why an index cannot be used."""


def _read_current(path: Path, recipe: Recipe) -> Index:
    """Return the index, after comparing single images if the files are the user's."""
    index = _read(path, recipe.root)
    if not recipe.is_published and _content(recipe.root / name for name, *_ in index.sources) != index.content:
        raise _OutdatedError(f"images in {recipe.root} changed")
    return index


def _read(path: Path, root: Path) -> Index:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            description = json.loads(str(arrays["description"]))
            factors: NDArray[Any] = arrays["factors"]
        names, sizes, values, value_names = description["factors"]
        labels = Labels(factors, FactorSpace(names, sizes, values, value_names))
        sources = [(name, size, changed) for name, size, changed in description["sources"]]
        index = Index(labels, tuple(description["shape"]), description["channels"], sources, description["content"])
        version = description["version"]
        _check_factors(factors, labels.space)
    except FileNotFoundError:
        raise
    except Exception as error:  # NumPy raises many types for damaged files
        raise _OutdatedError(f"{path} is damaged ({error})") from error
    if version != _VERSION:
        raise _OutdatedError(f"{path} has format {version}")
    for source in index.sources:
        if _state(root / source[0]) != source[1:]:
            raise _OutdatedError(f"{root / source[0]} changed")
    return index


def _check_factors(factors: Any, space: FactorSpace) -> None:
    """Raise ``ValueError`` unless factors ``(N, K)`` are indices of values in the space."""
    if not isinstance(factors, np.ndarray) or factors.dtype.kind not in "iu" or factors.ndim != 2:
        raise ValueError("its factors are not an array of integers")
    if factors.shape[1] != space.num_factors or not len(factors):
        raise ValueError(f"its factors have shape {factors.shape}, not (N, {space.num_factors})")
    if (factors < 0).any() or (factors.max(axis=0) >= np.array(space.sizes)).any():
        raise ValueError("its factors are out of range")


def _write(path: Path, index: Index) -> None:
    description = np.array(json.dumps(_description(index)))
    write_atomically(path, lambda file: np.savez(file, description=description, factors=index.labels.factors))


def _description(index: Index) -> dict[str, Any]:
    """Return all but the factors of the samples, as JSON stores it."""
    space = index.labels.space
    return {
        "version": _VERSION,
        "factors": [space.names, space.sizes, space.values, space.value_names],
        "shape": index.image_shape,
        "channels": index.channels,
        "sources": index.sources,
        "content": index.content,
    }


def _equal(first: Index, second: Index) -> bool:
    factors = first.labels.factors, second.labels.factors
    return _description(first) == _description(second) and np.array_equal(*factors)


def _states(paths: Sequence[Path], root: Path) -> list[tuple[str, int, int]]:
    """Return path, size and modification time; paths in ``root`` are relative, so that it can be moved."""
    root = root.absolute()
    names = [path.relative_to(root) if path.is_relative_to(root) else path.absolute() for path in paths]
    return [(str(name), *_state(path)) for name, path in zip(names, paths, strict=True)]


def _state(path: Path) -> tuple[int, int]:
    """Return size (0 for folders) and modification time in nanoseconds; -1 for both if the path does not exist."""
    try:
        found = path.stat()
    except OSError:
        return -1, -1
    return 0 if path.is_dir() else found.st_size, found.st_mtime_ns


def _content(paths: Iterable[Path]) -> str:
    """Return a hash of the states of all files in the folders among ``paths``."""
    digest = hashlib.blake2b(digest_size=16)
    for folder in filter(Path.is_dir, paths):
        with os.scandir(folder) as entries:
            for entry in sorted(entries, key=lambda entry: entry.name):
                if entry.is_file():
                    state = entry.stat()
                    digest.update(f"{entry.name}\0{state.st_size}\0{state.st_mtime_ns}\0".encode())
    return digest.hexdigest()
