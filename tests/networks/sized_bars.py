"""Tiny data of images of any size."""

from typing import Any

import torch
from torch import Tensor
from typing_extensions import override

from lr_lightning.testing.bars import Bars


class SizedBars(Bars):
    """The 48 images of :class:`Bars`, enlarged by repeated pixels and cropped.

    Args:
        image_size: Height and width.
        channels: 1 or 3; the only channel is the largest of the three.
    """

    def __init__(self, image_size: tuple[int, int], channels: int = 3) -> None:
        super().__init__()
        self.image_shape: Any = (channels, *image_size)

    @override
    def images(self, indices: Tensor) -> Tensor:
        channels, height, width = self.image_shape
        images = super().images(indices) if channels == 3 else super().images(indices).amax(dim=1, keepdim=True)
        rows, columns = (torch.arange(side) * 8 // side for side in (height, width))
        return images[:, :, rows[:, None], columns]
