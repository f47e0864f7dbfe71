"""Rows of one array in an HDF5 file, gathered on demand or read whole."""

from collections.abc import Iterator
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch
from torch import Tensor

from lr_lightning.data.storage.image_source import block_rows

# Rows per block when all are read; rounded up to whole chunks, so that no chunk is decompressed twice.
_BLOCK_ROWS = 4096
# Chunks of at most this many whole rows are read row by row: for 128 rows of 64 x 64 x 3 in chunks of one row, this
# takes 9 ms, and h5py's index lists 88 ms. Larger chunks, or chunks with parts of many rows (the public dSprites file
# has (23040, 2, 4)), are read by index list: it decompresses each chunk once, not once per row.
_MAX_ROWS_PER_CHUNK = 64
_LARGEST_CHUNK, _LARGEST_TABLE = 1 << 28, 1 << 30  # bytes
_MOST_NAMES = 50


def open_h5(path: Path, remedy: str) -> h5py.File:
    """Open ``path`` for reading.

    Args:
        path: The file.
        remedy: How the user can fix a missing or broken file; ends the error message.

    Raises:
        FileNotFoundError: If there is no such file.
        OSError: If it is not an HDF5 file, or is truncated.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no file {path}; {remedy}")
    try:
        return h5py.File(path, "r")
    except OSError as error:
        raise OSError(f"{path} cannot be read as HDF5 ({error}); {remedy}") from error


def h5_header(path: Path, key: str, remedy: str) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Return shape and dtype of array ``key`` of the file ``path``.

    Raises:
        FileNotFoundError, OSError, KeyError, ValueError: As :func:`open_h5` and :func:`h5_array`.
    """
    with open_h5(path, remedy) as file, _named(path, key, remedy):
        array = _array(file, key, remedy)
        return array.shape, array.dtype


def h5_array(file: h5py.File, key: str, shape: tuple[int, ...], dtype: str, remedy: str) -> h5py.Dataset:
    """Return array ``key`` of ``file`` after checking its shape and dtype.

    Raises:
        OSError: If the file is damaged.
        KeyError: If the file has no array of that name; the message lists its arrays.
        ValueError: If the shape or the dtype differs, or the chunks of the array are too large to decompress.
    """
    path = Path(file.filename)
    with _named(path, key, remedy):
        array = _array(file, key, remedy)
        found, chunks = (array.shape, array.dtype), array.chunks
    if found != (shape, np.dtype(dtype)):
        raise ValueError(f"{key!r} in {path} must be {shape} {dtype}, got {found[0]} {found[1]}; {remedy}")
    if chunks is not None and (size := prod(chunks) * found[1].itemsize) > _LARGEST_CHUNK:
        raise ValueError(
            f"{key!r} in {path} has chunks of {size:,} bytes, which must be decompressed whole; rewrite it with chunks "
            f"of at most {_LARGEST_CHUNK:,}"
        )
    return array


def h5_table(file: h5py.File, key: str, shape: tuple[int, ...], dtype: str, remedy: str) -> np.ndarray[Any, Any]:
    """Read array ``key`` of ``file``, such as labels, after checking it.

    Raises:
        OSError, KeyError, ValueError: As :func:`h5_array`; also if it is larger than 1 GiB.
    """
    array, path = h5_array(file, key, shape, dtype, remedy), Path(file.filename)
    if (size := prod(shape) * np.dtype(dtype).itemsize) > _LARGEST_TABLE:
        raise ValueError(f"{key!r} in {path} must be at most {_LARGEST_TABLE:,} bytes, got {size:,}; {remedy}")
    with _named(path, key, remedy):
        return np.asarray(array[:])


def h5_renderer(file: h5py.File, remedy: str) -> tuple[bool, int | None]:
    """Return whether the images in ``file`` were rendered, and the version of the renderer, from its attributes.

    Raises:
        OSError: If the attributes are damaged.
    """
    with _named(Path(file.filename), "renderer_version", remedy):
        version = file.attrs.get("renderer_version")
        return bool(file.attrs.get("rendered", False)), None if version is None else int(version)


@contextmanager
def _named(path: Path, key: str, remedy: str) -> Iterator[None]:
    """Turn errors of HDF5 and h5py into ``OSError`` with the path of the damaged file."""
    try:
        yield
    except _NoArrayError:
        raise
    except (OSError, RuntimeError, LookupError, ValueError, TypeError, AttributeError, MemoryError) as error:
        raise OSError(f"{path} is damaged inside {key!r} ({error}); {remedy}") from error


class _NoArrayError(KeyError):
    """The file has no array of that name; a separate class, because a plain ``KeyError`` of h5py means damage."""


def _array(file: h5py.File, key: str, remedy: str) -> h5py.Dataset:
    array = file.get(key)
    if not isinstance(array, h5py.Dataset) or array.shape is None:
        names: list[str] = []
        file.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
        has = ", ".join(sorted(names)[:_MOST_NAMES]) or "none"
        raise _NoArrayError(f"no array {key!r} in {file.filename}, which has {has}; {remedy}")
    return array


class H5Images:
    """One array ``(N, ...)`` of an HDF5 file as rows.

    The file is opened on the first read, and the handle is not pickled, so each spawned worker opens the file again.
    Forked workers share a handle opened before the fork. This is safe, because HDF5 reads with ``pread``, which does
    not move a shared file position.

    Args:
        path: HDF5 file.
        key: Name of the array.
        shape: Expected shape ``(N, ...)``.
        dtype: Expected dtype, as a NumPy name.
        remedy: Ends error messages; see :func:`open_h5`.

    Raises:
        FileNotFoundError, OSError, KeyError, ValueError: As :func:`open_h5` and :func:`h5_array`.
    """

    def __init__(self, path: Path, key: str, shape: tuple[int, ...], dtype: str, remedy: str) -> None:
        self.path = path
        self.paths = (path,)
        self.key = key
        self.shape = shape
        self._remedy = remedy
        self._file: h5py.File | None = None
        with open_h5(path, remedy) as file:
            array = h5_array(file, key, shape, dtype, remedy)
            with _named(path, key, remedy):
                chunks = array.chunks or (1, *shape[1:])
        self._chunk_rows = int(chunks[0])
        self._row_by_row = chunks[1:] == shape[1:] and self._chunk_rows <= _MAX_ROWS_PER_CHUNK

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_file": None}

    def gather(self, indices: Tensor) -> Tensor:
        """Return rows ``(B, ...)`` of ``indices`` (B,) int64 on the CPU, in any order and with repeats.

        Raises:
            OSError: If the file is damaged at one of the rows.
        """
        unique, inverse = torch.unique(indices, return_inverse=True)  # HDF5 only selects strictly increasing rows
        array = self._array()
        with _named(self.path, self.key, self._remedy):
            return torch.from_numpy(self._read(array, unique.numpy()))[inverse]

    def blocks(self) -> Iterator[Tensor]:
        """Yield all rows in blocks ``(B, ...)`` of whole chunks.

        Raises:
            OSError: If the file is damaged.
        """
        array = self._array()
        # rounded up to whole chunks
        block = -(-block_rows(self.shape[1:], _BLOCK_ROWS) // self._chunk_rows) * self._chunk_rows
        for start in range(0, self.shape[0], block):
            with _named(self.path, self.key, self._remedy):
                rows = array[start : start + block]
            yield torch.from_numpy(rows)

    def _array(self) -> h5py.Dataset:
        if self._file is None:
            self._file = open_h5(self.path, self._remedy)
        with _named(self.path, self.key, self._remedy):
            return self._file[self.key]

    def _read(self, array: h5py.Dataset, rows: np.ndarray[Any, np.dtype[np.int64]]) -> np.ndarray[Any, Any]:
        """Return ``rows`` of ``array``; ``rows`` must be strictly increasing."""
        if not self._row_by_row:
            return np.asarray(array[rows])
        out = np.empty((len(rows), *self.shape[1:]), array.dtype)
        breaks = np.flatnonzero(np.diff(rows) != 1) + 1
        for start, stop in zip([0, *breaks], [*breaks, len(rows)], strict=True):  # one read per run of adjacent rows
            if start < stop:
                array.read_direct(out, np.s_[rows[start] : rows[stop - 1] + 1], np.s_[start:stop])
        return out
