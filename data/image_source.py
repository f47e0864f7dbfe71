"""What a reader of a public file offers to whatever keeps its images."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

from torch import Tensor


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
