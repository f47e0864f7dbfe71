"""One array of an ``.npz`` archive: its header is checked before any memory is taken, and nothing is unpickled."""

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
"""Bytes of the largest array that is read whole."""

ZIP_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    OSError,
    RuntimeError,  # encrypted; NotImplementedError, of an unknown compression, is one too
    OverflowError,
    LookupError,
    ValueError,
)
"""What :mod:`zipfile` raises for an archive that is damaged, encrypted or packed in an unknown way."""

_PACKED_BY_NUMPY = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}  # others unpack a few kilobytes to gigabytes at once
_BLOCK_BYTES = 1 << 20
_MOST_NAMES = 50


class NpzMember:
    """An array of an archive, open behind its header.

    Attributes:
        shape: Its shape.
        dtype: Its dtype, of numbers.
        fortran_order: Whether the first axis is the fastest.
    """

    def __init__(self, file: IO[bytes], num_bytes: int, path: Path, key: str, remedy: str) -> None:
        self._file, self._path, self._remedy = file, path, remedy
        try:
            self.shape, self.fortran_order, self.dtype = _read_header(file)
        except (zipfile.BadZipFile, zlib.error, EOFError) as error:
            raise self._damage(error) from error
        except Exception as error:  # whatever the parsers of Python and NumPy stumble over
            raise ValueError(f"{key!r} in {path} is no array ({error}); {remedy}") from error
        if self.dtype.hasobject:
            raise ValueError(f"{key!r} in {path} holds pickled objects, which are never loaded; {remedy}")
        self._num_bytes = num_bytes - file.tell()

    def check_size(self) -> None:
        """Raise ``OSError`` if the archive says that the array has another size than its header says."""
        claimed = prod(self.shape) * self.dtype.itemsize
        if claimed != self._num_bytes:
            raise self._damage(f"got {self._num_bytes} of {claimed} bytes")

    def read(self, shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
        """Return the next entries, as an array of this ``shape``.

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
    """Open array ``key`` of the archive ``path``; no other member is touched.

    Args:
        path: The ``.npz`` file.
        key: Name of the array.
        remedy: What the user can do where the file is missing or broken; ends the error message.

    Raises:
        FileNotFoundError: If there is no such file.
        OSError: If it is no zip archive, or damaged, encrypted or packed in an unknown way; also where it is read.
        KeyError: If the archive has no array of that name; the message lists those it has.
        ValueError: If the member is no array, or pickled.
    """
    with _open_archive(path, remedy) as archive:
        names = {name.removesuffix(".npy"): name for name in archive.namelist()}
        if key not in names:
            more = ", ..." if len(names) > _MOST_NAMES else ""
            has = ", ".join(list(names)[:_MOST_NAMES]) or "none"
            raise KeyError(f"no array {key!r} in {path}, which has {has}{more}; {remedy}")
        info = archive.getinfo(names[key])
        if info.compress_type not in _PACKED_BY_NUMPY:
            raise _damage(path, f"{info.filename} is packed in a way that NumPy does not read or write", remedy)
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
    """Read array ``key`` of the archive ``path``; no other member is touched.

    Args:
        path: The ``.npz`` file.
        key: Name of the array.
        shape: Shape it must have.
        dtype: Dtype it must have, as NumPy writes it.
        remedy: What the user can do where the file is missing or broken; ends the error message.

    Raises:
        FileNotFoundError, OSError, KeyError, ValueError: As :func:`open_member`.
        ValueError: Also if the array has another shape or dtype, or is larger than :data:`LARGEST_ARRAY`.
    """
    with open_member(path, key, remedy) as member:
        if (member.shape, member.dtype) != (shape, np.dtype(dtype)):
            raise ValueError(f"{key!r} in {path} must be {shape} {dtype}, got {member.shape} {member.dtype}; {remedy}")
        member.check_size()
        if (size := prod(shape) * member.dtype.itemsize) > LARGEST_ARRAY:
            raise ValueError(f"{key!r} in {path} has {size:,} bytes, and may have {LARGEST_ARRAY:,} at most; {remedy}")
        if member.fortran_order:
            return member.read(shape[::-1]).T
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
