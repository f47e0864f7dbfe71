"""Arrays of ``.npz`` archives: headers are checked before any memory is allocated, and nothing is unpickled."""

import lzma
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy

LARGEST_ARRAY = 1 << 30
"""Size limit in bytes of an array that is read whole."""

ZIP_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    OSError,
    RuntimeError,  # encrypted archives; its subclass NotImplementedError for unknown compression
    OverflowError,
    LookupError,
    ValueError,
)
"""Exceptions of :mod:`zipfile` for archives that are damaged, encrypted or compressed by an unknown method."""

_PACKED_BY_NUMPY = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}  # others can expand kilobytes to gigabytes in one call
_BLOCK_BYTES = 1 << 20
_MOST_NAMES = 50


class NpzMember:
    """An open array of an archive, positioned after its header.

    Attributes:
        shape: Shape of the array.
        dtype: Dtype of the array; never ``object``.
        fortran_order: Whether the first axis is the fastest.
    """

    def __init__(self, file: IO[bytes], num_bytes: int, path: Path, key: str, remedy: str) -> None:
        self._file, self._path, self._remedy = file, path, remedy
        try:
            self.shape, self.fortran_order, self.dtype = _read_header(file)
        except (zipfile.BadZipFile, zlib.error, EOFError) as error:
            raise self._damage(error) from error
        except Exception as error:  # a damaged header raises many types from the parsers of Python and NumPy
            raise ValueError(f"{key!r} in {path} is not an array ({error}); {remedy}") from error
        if self.dtype.hasobject:
            raise ValueError(f"{key!r} in {path} contains pickled objects, which are never loaded; {remedy}")
        self._num_bytes = num_bytes - file.tell()

    def check_size(self) -> None:
        """Raise ``OSError`` if the size in the archive's directory differs from the size in the array's header."""
        claimed = prod(self.shape) * self.dtype.itemsize
        if claimed != self._num_bytes:
            raise self._damage(f"got {self._num_bytes} of {claimed} bytes")

    def read(self, shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
        """Read the next ``prod(shape)`` entries into an array of this ``shape``.

        Raises:
            OSError: If the archive is damaged.
        """
        array = np.empty(shape, self.dtype)
        content, done = array.reshape(-1).view(np.uint8), 0
        while done < len(content):
            try:
                block = self._file.read(min(_BLOCK_BYTES, len(content) - done))
            except ZIP_DAMAGE as error:
                raise self._damage(error) from error
            if not block:
                raise self._damage(f"got {done} of {len(content)} bytes")
            content[done : done + len(block)] = np.frombuffer(block, np.uint8)
            done += len(block)
        return array

    def _damage(self, reason: Exception | str) -> OSError:
        return _damage(self._path, reason, self._remedy)


@contextmanager
def open_member(path: Path, key: str, remedy: str) -> Iterator[NpzMember]:
    """Open array ``key`` of the archive ``path`` without reading any other member.

    Args:
        path: The ``.npz`` file.
        key: Name of the array.
        remedy: How the user can fix a missing or broken file; ends the error message.

    Raises:
        FileNotFoundError: If there is no such file.
        OSError: If it is not a zip archive, or is damaged, encrypted or compressed by an unknown method; damage may
            only show when the array is read.
        KeyError: If the archive has no array of that name; the message lists its arrays.
        ValueError: If the member is not an array, or is pickled.
    """
    with _open_archive(path, remedy) as archive:
        names = {name.removesuffix(".npy"): name for name in archive.namelist()}
        if key not in names:
            more = ", ..." if len(names) > _MOST_NAMES else ""
            has = ", ".join(list(names)[:_MOST_NAMES]) or "none"
            raise KeyError(f"no array {key!r} in {path}, which has {has}{more}; {remedy}")
        info = archive.getinfo(names[key])
        if info.compress_type not in _PACKED_BY_NUMPY:
            raise _damage(path, f"{info.filename} is compressed by a method that NumPy does not support", remedy)
        try:
            file = archive.open(info)
        except ZIP_DAMAGE as error:
            raise _damage(path, error, remedy) from error
        with file:
            yield NpzMember(file, info.file_size, path, key, remedy)


def npz_names(path: Path, remedy: str) -> list[str]:
    """Return the names of the arrays in the archive ``path``.

    Raises:
        FileNotFoundError, OSError: As :func:`open_member`.
    """
    with _open_archive(path, remedy) as archive:
        return [name.removesuffix(".npy") for name in archive.namelist()]


def npz_header(path: Path, key: str, remedy: str) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Return shape and dtype of array ``key`` of the archive ``path``.

    Raises:
        FileNotFoundError, OSError, KeyError, ValueError: As :func:`open_member`.
    """
    with open_member(path, key, remedy) as member:
        member.check_size()
        return member.shape, member.dtype


def npz_array(path: Path, key: str, shape: tuple[int, ...], dtype: str, remedy: str) -> np.ndarray[Any, Any]:
    """Read array ``key`` of the archive ``path`` without reading any other member.

    Args:
        path: The ``.npz`` file.
        key: Name of the array.
        shape: Expected shape.
        dtype: Expected dtype, as a NumPy name.
        remedy: How the user can fix a missing or broken file; ends the error message.

    Raises:
        FileNotFoundError, OSError, KeyError, ValueError: As :func:`open_member`.
        ValueError: Also if the shape or dtype differs, or the array is larger than :data:`LARGEST_ARRAY`.
    """
    with open_member(path, key, remedy) as member:
        if (member.shape, member.dtype) != (shape, np.dtype(dtype)):
            raise ValueError(f"{key!r} in {path} must be {shape} {dtype}, got {member.shape} {member.dtype}; {remedy}")
        member.check_size()
        if (size := prod(shape) * member.dtype.itemsize) > LARGEST_ARRAY:
            raise ValueError(f"{key!r} in {path} must be at most {LARGEST_ARRAY:,} bytes, got {size:,}; {remedy}")
        if member.fortran_order:
            return member.read(shape[::-1]).T  # Fortran order is C order with reversed axes
        return member.read(shape)


@contextmanager
def _open_archive(path: Path, remedy: str) -> Iterator[zipfile.ZipFile]:
    if not path.is_file():
        raise FileNotFoundError(f"no file {path}; {remedy}")
    try:
        archive = zipfile.ZipFile(path)
    except ZIP_DAMAGE as error:
        raise _damage(path, error, remedy) from error
    with archive:
        yield archive


def _damage(path: Path, reason: Exception | str, remedy: str) -> OSError:
    return OSError(f"{path} cannot be read as an .npz archive ({reason}); {remedy}")


def _read_header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = npy.read_magic(file)
    if version not in ((1, 0), (2, 0)):
        raise ValueError(f"its format has version {version[0]}.{version[1]}")
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, fortran_order, dtype = read(file)
    if any(not 0 <= size < 1 << 63 for size in shape):
        raise ValueError(f"its shape is {shape}")
    return shape, fortran_order, dtype
