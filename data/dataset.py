"""The interface of data sets, and the batches that loaders return."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar, NamedTuple, Self

import torch
from torch import Tensor

from lr_lightning.data.data_set_record import DataSetRecord
from lr_lightning.data.factor_space import FactorSpace


class FactorBatch(NamedTuple):
    """Observations with their ground-truth factors.

    Attributes:
        images: ``(B, C, H, W)``; uint8 as stored, float32 in ``[0, 1]`` once on the device.
            Observations other than images keep their shape and float dtype.
        factors: ``(B, K)`` int64, the index of each factor's value; ``(B, 0)`` without labels.
    """

    images: Tensor
    factors: Tensor


class FactorDataset(ABC):
    """Labeled observations, indexed by a tensor: one call returns a whole batch.

    Attributes:
        records: Facts about the sets that this class opens, used by ``lr-lightning data``.
        name: Short name; rendered sets start with ``"rendered_"``.
        factor_space: The factors; none for observations without labels. If ``full_grid`` is true, observation ``i`` is
            combination ``i``.
        full_grid: Whether every combination of factor values occurs exactly once, in row-major order.
        image_shape: Shape of one observation, ``(C, H, W)`` for images.
    """

    records: ClassVar[tuple[DataSetRecord, ...]] = ()

    name: str
    factor_space: FactorSpace
    full_grid: bool
    image_shape: tuple[int, ...]

    def __repr__(self) -> str:
        """Return what the data set holds, without reading any observation."""
        space = self.factor_space
        factors = [f"{name} {size}" for name, size in zip(space.names, space.sizes, strict=True)]
        shown = [*factors[:12], *([f"{len(factors) - 12} more"] if len(factors) > 12 else [])]
        what = f"factors: {', '.join(shown)}" if factors else "no factors"
        grid = "; every combination once" if factors and self.full_grid else ""
        shape = " x ".join(map(str, self.image_shape))
        return f"{type(self).__name__}({self.name}: {len(self):,} observations of {shape}; {what}{grid})"

    @abstractmethod
    def __len__(self) -> int:
        """Return the number of observations."""

    @abstractmethod
    def images(self, indices: Tensor) -> Tensor:
        """Return observations ``(N, *image_shape)`` of ``indices`` (N,) int64: uint8 images, or float32 data."""

    @abstractmethod
    def factors(self, indices: Tensor) -> Tensor:
        """Return factor values ``(N, K)`` int64 of ``indices`` (N,)."""

    def to(self, device: torch.device | str) -> Self:
        """Move the data to ``device``, so that later batches are gathered there, and return ``self``.

        The base class does nothing.
        """
        return self

    def prepare(self, *, verify: bool = False, progress: Callable[[int, int], None] | None = None) -> Path | None:
        """Convert the files of the set once, so that later runs read them fast.

        The base class does nothing.

        Args:
            verify: Verify the checksums of an existing conversion, which reads the whole file, and convert again if
                they do not match.
            progress: Called with the number of observations converted so far and in total.

        Returns:
            The converted file; ``None`` if there is nothing to convert.
        """
        return None


def as_float(images: Tensor) -> Tensor:
    """Convert uint8 images to float32 in ``[0, 1]``; return any other dtype unchanged."""
    return images.float().div_(255) if images.dtype == torch.uint8 else images
