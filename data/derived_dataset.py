"""The base of data sets that change the images of another one."""

from collections.abc import Callable
from pathlib import Path
from typing import Self

import torch
from torch import Tensor
from typing_extensions import override

from lr_lightning.data.dataset import FactorDataset


class DerivedDataset(FactorDataset):
    """Has the factors of another data set, in the same order; subclasses define the images.

    Attributes:
        original: The other data set.
        renderer_version: Its renderer version, ``None`` if it is not rendered.
    """

    def __init__(self, original: FactorDataset) -> None:
        self.original = original
        self.factor_space = original.factor_space
        self.full_grid = original.full_grid
        self.renderer_version: int | None = getattr(original, "renderer_version", None)

    def __len__(self) -> int:
        return len(self.original)

    def factors(self, indices: Tensor) -> Tensor:
        """Return factor values ``(N, K)`` int64 of ``indices`` (N,), on the device of the original set.

        Raises:
            IndexError: If an index lies outside ``[0, len(self))``.
        """
        return self.original.factors(indices)

    @override
    def to(self, device: torch.device | str) -> Self:
        """Move the original set to ``device``, so that batches are made there; return ``self``."""
        self.original = self.original.to(device)
        return self

    @override
    def prepare(self, *, verify: bool = False, progress: Callable[[int, int], None] | None = None) -> Path | None:
        """Convert the files of the original set, if there are any."""
        return self.original.prepare(verify=verify, progress=progress)
