"""The interface between readers of image files and the storage of their images."""

from collections.abc import Iterator, Sequence
from math import prod
from pathlib import Path
from typing import Protocol

from torch import Tensor

_BLOCK_BYTES = 1 << 26


def block_rows(row_shape: Sequence[int], most: int) -> int:
    """Return how many uint8 rows to read at a time: ``most``, or fewer to stay within 64 MiB, but at least 1."""
    return max(1, min(most, _BLOCK_BYTES // max(1, prod(row_shape))))


class ImageSource(Protocol):
    """All images of one set, as rows in the order of the set.

    Attributes:
        paths: The files that contain the rows.
        key: Identifies the array or part of the files, as one file can have several sources.
        shape: ``(N, ...)``, rows first.
    """

    @property
    def paths(self) -> Sequence[Path]: ...  # noqa: D102

    @property
    def key(self) -> str: ...  # noqa: D102

    @property
    def shape(self) -> tuple[int, ...]: ...  # noqa: D102

    def blocks(self) -> Iterator[Tensor]:
        """Yield all rows in order, in blocks ``(B, ...)``.

        Raises:
            OSError: If a file is damaged.
        """
        ...
