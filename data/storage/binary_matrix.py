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

# Of the format's types, those that SmallNORB uses.
_DTYPES: dict[int, np.dtype[Any]] = {0x1E3D4C55: np.dtype("u1"), 0x1E3D4C54: np.dtype("<i4")}
_BLOCK_ROWS = 1024


class BinaryMatrix:
    """A matrix ``(N, ...)`` of bytes or of 32-bit integers, packed with gzip if the file's name ends in ``.gz``.

    The file begins with little-endian 32-bit numbers: one for the type, one for the number of axes, and the lengths of
    the axes, at least three of them, where those beyond the number of axes mean nothing.

    Args:
        path: The file.
        remedy: What the user can do where the file is broken; ends error messages.

    Attributes:
        shape: Its shape.
        dtype: Its dtype.

    Raises:
        OSError: If the file cannot be unpacked or ends inside the header.
        ValueError: If it is no matrix of these types.
    """

    def __init__(self, path: Path, remedy: str) -> None:
        self.path = path
        self._remedy = remedy
        with self._opened() as file:
            self.dtype, self.shape = self._header(file)

    def blocks(self) -> Iterator[np.ndarray[Any, Any]]:
        """Yield all rows, some ``(B, ...)`` at a time.

        Raises:
            OSError: If the file is damaged, or not as long as its header says.
        """
        with self._opened() as file:
            self._header(file)
            for start in range(0, self.shape[0], _BLOCK_ROWS):
                shape = (min(_BLOCK_ROWS, self.shape[0] - start), *self.shape[1:])
                content = self._read(file, prod(shape) * self.dtype.itemsize)
                yield np.frombuffer(content, self.dtype).reshape(shape)
            if file.read(1):  # also has gzip compare its checksum
                raise OSError(f"{self.path} goes on after its matrix of {self.shape}; {self._remedy}")

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
            raise OSError(f"{self.path} cannot be unpacked ({error}); {self._remedy}") from error

    def _header(self, file: BufferedIOBase) -> tuple[np.dtype[Any], tuple[int, ...]]:
        magic, num_axes = self._integers(file, 2)
        if magic not in _DTYPES or not 1 <= num_axes <= 8:
            raise ValueError(
                f"{self.path} is no binary matrix of bytes or integers: it begins with {magic:#x}, {num_axes}; "
                f"{self._remedy}"
            )
        shape = self._integers(file, max(3, num_axes))[:num_axes]
        return _DTYPES[magic], shape

    def _integers(self, file: BufferedIOBase, number: int) -> tuple[int, ...]:
        return tuple(np.frombuffer(self._read(file, 4 * number), "<u4").tolist())

    def _read(self, file: BufferedIOBase, num_bytes: int) -> bytes:
        content = file.read(num_bytes)
        if len(content) != num_bytes:
            raise OSError(f"{self.path} ends too early; {self._remedy}")
        return content
