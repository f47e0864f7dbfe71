"""Labeled observations held in memory."""

from typing import Self

import torch
from torch import Tensor

from lr_lightning.data.dataset import FactorDataset
from lr_lightning.data.factor_space import FactorSpace, check_range


class TensorFactorDataset(FactorDataset):
    """A data set from two tensors.

    Args:
        name: Short name of the set.
        observations: ``(N, *image_shape)``: uint8 images in 0..255, or float32 data.
        factors: Factor values ``(N, K)`` int64.
        factor_space: The factors; combinations may be missing or repeated.

    Raises:
        ValueError: If the lengths differ, or the factors do not fit the factor space.
        IndexError: If a factor value lies outside its range.
    """

    full_grid = False

    def __init__(self, name: str, observations: Tensor, factors: Tensor, factor_space: FactorSpace) -> None:
        if len(observations) != len(factors):
            raise ValueError(
                f"{name} must have as many observations as factors, got {len(observations)} and {len(factors)}"
            )
        factor_space.indices(factors)  # raises for a wrong number of columns or values out of range
        self.name = name
        self.factor_space = factor_space
        self.image_shape: tuple[int, ...] = tuple(observations.shape[1:])
        self._observations = observations
        self._factors = factors

    def __len__(self) -> int:
        return len(self._observations)

    def images(self, indices: Tensor) -> Tensor:
        """Return observations ``(N, *image_shape)`` of ``indices`` (N,), on the set's device.

        Raises:
            IndexError: If an index lies outside ``[0, len(self))``.
        """
        return self._observations[self._checked(indices)]

    def factors(self, indices: Tensor) -> Tensor:
        """Return factor values ``(N, K)`` int64 of ``indices`` (N,), on the set's device.

        Raises:
            IndexError: If an index lies outside ``[0, len(self))``.
        """
        return self._factors[self._checked(indices)]

    def to(self, device: torch.device | str) -> Self:
        """Move observations and factors to ``device`` and return ``self``."""
        self._observations, self._factors = self._observations.to(device), self._factors.to(device)
        return self

    def _checked(self, indices: Tensor) -> Tensor:
        check_range("indices", indices, len(self))
        return indices.to(self._observations.device)
