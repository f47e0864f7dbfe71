"""What a reader of a public file offers to whatever keeps its images."""

from collections.abc import Iterator, Sequence
from math import prod
from pathlib import Path
from typing import Protocol

from torch import Tensor

_BLOCK_BYTES = 1 << 26


def block_rows(row_shape: Sequence[int], most: int) -> int:
    """Return how many rows of bytes of this shape to read at a time: ``most``, or as many as take 64 MiB, but one."""
    return max(1, min(most, _BLOCK_BYTES // max(1, prod(row_shape))))


class ImageSource(Protocol):
    """All images of one set, as rows in the order of the set.

    Attributes:
        paths: The files that the rows come from.
        key: Name of the array or part of the files, so that two sources of the same files differ.
        shape: ``(N, ...)``, rows first.
    """

    @property
    def paths(self) -> Sequence[Path]: ...  # noqa: D102

    @property
    def key(self) -> str: ...  # noqa: D102

    @property
    def shape(self) -> tuple[int, ...]: ...  # noqa: D102

    def blocks(self) -> Iterator[Tensor]:
        """Yield all rows in order, some ``(B, ...)`` at a time.

        Raises:
            OSError: If a file is damaged.
        """
        ...
