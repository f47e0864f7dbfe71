"""The binary matrix format of the NORB files, read as a stream."""

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedIOBase
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

# Magic numbers of the types that SmallNORB uses; the format has more.
_DTYPES: dict[int, np.dtype[Any]] = {0x1E3D4C55: np.dtype("u1"), 0x1E3D4C54: np.dtype("<i4")}
_BLOCK_ROWS = 1024


class BinaryMatrix:
    """A matrix ``(N, ...)`` of bytes or 32-bit integers, gzip-compressed if the file name ends in ``.gz``.

    The file starts with little-endian 32-bit integers: the type, the number of axes, and at least three axis lengths.
    Lengths beyond the number of axes are padding.

    Args:
        path: The file.
        remedy: How the user can fix a broken file; ends error messages.

    Attributes:
        shape: Shape of the matrix.
        dtype: Dtype of the matrix.

    Raises:
        OSError: If the file cannot be decompressed or ends inside the header.
        ValueError: If it is not a matrix of these types.
    """

    def __init__(self, path: Path, remedy: str) -> None:
        self.path = path
        self._remedy = remedy
        with self._opened() as file:
            self.dtype, self.shape = self._header(file)

    def blocks(self) -> Iterator[np.ndarray[Any, Any]]:
        """Yield all rows in blocks ``(B, ...)``.

        Raises:
            OSError: If the file is damaged, or shorter or longer than stated in its header.
        """
        with self._opened() as file:
            self._header(file)
            for start in range(0, self.shape[0], _BLOCK_ROWS):
                shape = (min(_BLOCK_ROWS, self.shape[0] - start), *self.shape[1:])
                content = self._read(file, prod(shape) * self.dtype.itemsize)
                yield np.frombuffer(content, self.dtype).reshape(shape)
            if file.read(1):  # reading to the end also makes gzip verify its checksum
                raise OSError(f"{self.path} has extra bytes after its matrix of {self.shape}; {self._remedy}")

    def read(self) -> np.ndarray[Any, Any]:
        """Return the whole matrix.

        Raises:
            OSError: As :meth:`blocks`.
        """
        return np.concatenate(list(self.blocks()))

    @contextmanager
    def _opened(self) -> Iterator[BufferedIOBase]:
        try:
            with gzip.open(self.path) if self.path.suffix == ".gz" else self.path.open("rb") as file:
                yield file
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise OSError(f"{self.path} cannot be decompressed ({error}); {self._remedy}") from error

    def _header(self, file: BufferedIOBase) -> tuple[np.dtype[Any], tuple[int, ...]]:
        magic, num_axes = self._integers(file, 2)
        if magic not in _DTYPES or not 1 <= num_axes <= 8:
            raise ValueError(
                f"{self.path} is not a binary matrix of bytes or integers: it starts with {magic:#x}, {num_axes}; "
                f"{self._remedy}"
            )
        shape = self._integers(file, max(3, num_axes))[:num_axes]
        return _DTYPES[magic], shape

    def _integers(self, file: BufferedIOBase, number: int) -> tuple[int, ...]:
        return tuple(np.frombuffer(self._read(file, 4 * number), "<u4").tolist())

    def _read(self, file: BufferedIOBase, num_bytes: int) -> bytes:
        content = file.read(num_bytes)
        if len(content) != num_bytes:
            raise OSError(f"{self.path} is truncated; {self._remedy}")
        return content
