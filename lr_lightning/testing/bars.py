"""A tiny data set with three factors."""

import torch
from torch import Tensor

from lr_lightning.data.dataset import FactorDataset
from lr_lightning.data.factor_space import FactorSpace


class Bars(FactorDataset):
    """48 tiny images ``(3, 8, 8)`` of a bar: every combination of its color, row and column once.

    Args:
        num_columns: Number of columns that a bar can lie in, at most 8.
    """

    def __init__(self, num_columns: int = 4) -> None:
        self.name = "bars"
        self.factor_space = FactorSpace(["colour", "row", "column"], [3, 4, num_columns])
        self.full_grid = True
        self.image_shape = (3, 8, 8)

    def __len__(self) -> int:
        return len(self.factor_space)

    def images(self, indices: Tensor) -> Tensor:
        """Return bars on black, two pixels high and one column wide."""
        images = torch.zeros(len(indices), 3, 8, 8, dtype=torch.uint8)
        for image, (color, row, column) in zip(images, self.factors(indices).tolist(), strict=True):
            image[color, 2 * row : 2 * row + 2, column] = 255
        return images

    def factors(self, indices: Tensor) -> Tensor:
        """Return color, row and column."""
        return self.factor_space.factors(indices)
