"""Arrays in an ``.npz`` archive, read as a stream and without unpickling anything."""

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import IO, Any

import numpy as np
import torch
from numpy.lib import format as npy
from torch import Tensor

_BLOCK_ROWS = 4096


def npz_array(path: Path, key: str, shape: tuple[int, ...], dtype: str, remedy: str) -> np.ndarray[Any, Any]:
    """Read array ``key`` of the archive ``path``; no other member is touched.

    Args:
        path: The ``.npz`` file.
        key: Name of the array.
        shape: Shape it must have.
        dtype: Dtype it must have, as NumPy writes it.
        remedy: What the user can do where the file is missing or broken; ends the error message.

    Raises:
        FileNotFoundError: If there is no such file.
        OSError: If it is no zip archive, or a damaged one.
        KeyError: If the archive has no array of that name; the message lists those it has.
        ValueError: If the member is no array, is pickled, or has another shape or dtype.
    """
    with _member(path, key, shape, dtype, remedy) as member:
        return _read(member, shape, dtype)


def npz_header(path: Path, key: str, remedy: str) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Return shape and dtype of array ``key`` of the archive ``path``.

    Raises:
        FileNotFoundError, OSError, KeyError, ValueError: As :func:`npz_array`.
    """
    with _opened(path, key, remedy) as (_, shape, _, dtype):
        return shape, dtype


class NpzImages:
    """One array of an ``.npz`` archive, which can only be read whole: the compression has no random access.

    Args:
        path: The ``.npz`` file.
        key: Name of the array.
        shape: Its shape ``(N, ...)``.
        dtype: Its dtype, as NumPy writes it.
        remedy: Ends error messages; see :func:`npz_array`.

    Raises:
        FileNotFoundError, OSError, KeyError, ValueError: As :func:`npz_array`.
    """

    def __init__(self, path: Path, key: str, shape: tuple[int, ...], dtype: str, remedy: str) -> None:
        self.paths = (path,)
        self.key = key
        self.shape = shape
        self._arguments = (path, key, shape, dtype, remedy)
        self._dtype = dtype
        with _member(*self._arguments):
            pass  # opening it has checked it

    def blocks(self) -> Iterator[Tensor]:
        """Yield all rows, some ``(B, ...)`` at a time.

        Raises:
            OSError: If the file is damaged.
        """
        num_rows, *row_shape = self.shape
        with _member(*self._arguments) as member:
            for start in range(0, num_rows, _BLOCK_ROWS):
                shape = (min(_BLOCK_ROWS, num_rows - start), *row_shape)
                yield torch.from_numpy(_read(member, shape, self._dtype))


@contextmanager
def _member(path: Path, key: str, shape: tuple[int, ...], dtype: str, remedy: str) -> Iterator[IO[bytes]]:
    """Open array ``key`` behind its header, which has been checked."""
    with _opened(path, key, remedy) as (member, found_shape, fortran_order, found_dtype):
        if (found_shape, found_dtype) != (shape, np.dtype(dtype)) or fortran_order:
            found = f"{found_shape} {found_dtype}{' in Fortran order' if fortran_order else ''}"
            raise ValueError(f"{key!r} in {path} must be {shape} {dtype}, got {found}; {remedy}")
        yield member


@contextmanager
def _opened(path: Path, key: str, remedy: str) -> Iterator[tuple[IO[bytes], tuple[int, ...], bool, np.dtype[Any]]]:
    """Open array ``key`` behind its header; yields the member, its shape, whether in Fortran order, and its dtype."""
    if not path.is_file():
        raise FileNotFoundError(f"no file {path}; {remedy}")
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name.removesuffix(".npy") for name in archive.namelist()]
            if key not in names:
                raise KeyError(f"no array {key!r} in {path}, which has {', '.join(names) or 'none'}; {remedy}")
            with archive.open(f"{key}.npy") as member:
                yield member, *_header(member, path, key, remedy)
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise OSError(f"{path} cannot be read as an .npz archive ({error}); {remedy}") from error


def _header(member: IO[bytes], path: Path, key: str, remedy: str) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    try:
        version = npy.read_magic(member)
        read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, fortran_order, dtype = read(member)
    except ValueError as error:
        raise ValueError(f"{key!r} in {path} is no array ({error}); {remedy}") from error
    if dtype.hasobject:
        raise ValueError(f"{key!r} in {path} holds pickled objects, which are never loaded; {remedy}")
    return shape, fortran_order, dtype


def _read(member: IO[bytes], shape: tuple[int, ...], dtype: str) -> np.ndarray[Any, Any]:
    """Read the next array of this shape."""
    num_bytes = prod(shape) * np.dtype(dtype).itemsize
    content = member.read(num_bytes)
    if len(content) != num_bytes:
        raise EOFError(f"got {len(content)} of {num_bytes} bytes")
    return np.frombuffer(bytearray(content), dtype).reshape(shape)
