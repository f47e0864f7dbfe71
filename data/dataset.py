"""What every data set offers, and the batch that a loader makes of it."""

from abc import ABC, abstractmethod
from typing import NamedTuple, Self

import torch
from torch import Tensor

from lr_lightning.data.factor_space import FactorSpace


class FactorBatch(NamedTuple):
    """Observations with their ground-truth factors.

    Attributes:
        images: ``(B, C, H, W)``; uint8 as stored, float32 in ``[0, 1]`` once on the device.
            Data that are no images keep their shape and float dtype.
        factors: ``(B, K)`` int64, the index of each factor's value.
    """

    images: Tensor
    factors: Tensor


class FactorDataset(ABC):
    """Labelled observations, gathered by index tensor, a whole batch in one call.

    Attributes:
        name: Short name that says whether the set is rendered, such as ``"rendered_shapes3d"``.
        factor_space: The factors. Where ``full_grid`` holds, observation ``i`` is combination ``i``.
        full_grid: Whether every combination of factor values occurs exactly once, in row-major order.
        image_shape: Shape of one observation, ``(C, H, W)`` for images.
    """

    name: str
    factor_space: FactorSpace
    full_grid: bool
    image_shape: tuple[int, ...]

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
        """Keep what the set holds in memory on ``device``, where later batches are then gathered.

        A set that holds nothing in memory returns itself.
        """
        return self


def as_float(images: Tensor) -> Tensor:
    """Convert uint8 images to float32 in ``[0, 1]``; return any other dtype unchanged."""
    return images.float().div_(255) if images.dtype == torch.uint8 else images
