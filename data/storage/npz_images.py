"""Images in an ``.npz`` archive, read as a stream."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from lr_lightning.data.storage.image_source import block_rows
from lr_lightning.data.storage.npz_member import NpzMember, open_member

_BLOCK_ROWS = 4096


class NpzImages:
    """One array of an ``.npz`` archive, read from start to end: the compression allows no random access.

    Args:
        path: The ``.npz`` file.
        key: Name of the array.
        shape: Expected shape ``(N, ...)``.
        dtype: Expected dtype, as a NumPy name.
        remedy: How the user can fix a missing or broken file; ends error messages.

    Raises:
        FileNotFoundError, OSError, KeyError, ValueError: As :func:`~lr_lightning.data.storage.npz_member.open_member`.
        ValueError: Also if the shape or dtype differs, or the array is in Fortran order.
    """

    def __init__(self, path: Path, key: str, shape: tuple[int, ...], dtype: str, remedy: str) -> None:
        self.paths = (path,)
        self.key = key
        self.shape = shape
        self._dtype = dtype
        self._remedy = remedy
        with self._opened():
            pass  # opening it checks shape and dtype

    def blocks(self) -> Iterator[Tensor]:
        """Yield all rows in blocks ``(B, ...)``.

        Raises:
            OSError: If the file is damaged.
        """
        num_rows, *row_shape = self.shape
        rows = block_rows(row_shape, _BLOCK_ROWS)
        with self._opened() as member:
            for start in range(0, num_rows, rows):
                yield torch.from_numpy(member.read((min(rows, num_rows - start), *row_shape)))

    @contextmanager
    def _opened(self) -> Iterator[NpzMember]:
        path, wanted = self.paths[0], (self.shape, np.dtype(self._dtype))
        with open_member(path, self.key, self._remedy) as member:
            if (member.shape, member.dtype) != wanted or member.fortran_order:
                found = f"{member.shape} {member.dtype}{' in Fortran order' if member.fortran_order else ''}"
                raise ValueError(
                    f"{self.key!r} in {path} must be {self.shape} {self._dtype}, got {found}; {self._remedy}"
                )
            yield member
