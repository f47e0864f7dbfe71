"""A data set at a lower resolution."""

import torch
from torch import Tensor
from torch.nn import functional as F

from lr_lightning.common.checks import check_at_least
from lr_lightning.data.dataset import FactorDataset
from lr_lightning.data.derived_dataset import DerivedDataset


class Downsampled(DerivedDataset):
    """The images of another data set, each pixel the mean of a square of its pixels.

    With a factor of 2, an image has a quarter of the pixels, and a convolutional network trains about four times as
    fast. Means of uint8 images are rounded to the nearest value, halves up, with the same result on every device.

    Args:
        dataset: The data set, with images ``(C, H, W)``.
        factor: Width and height of a square in pixels, from 2; it divides H and W.

    Raises:
        ValueError: If ``factor`` is below 2 or does not divide the height and the width, or observations are no images.

    Attributes:
        name: Name of the data set with the new height appended, such as ``"rendered_dsprites_32"``.

    Example:
        >>> from lr_lightning.data import RenderedDSprites
        >>> Downsampled(RenderedDSprites(), 2).image_shape
        (1, 32, 32)
    """

    def __init__(self, dataset: FactorDataset, factor: int = 2) -> None:
        check_at_least("factor", factor, 2)
        shape = tuple(dataset.image_shape)
        if len(shape) != 3:
            raise ValueError(f"dataset must have images (C, H, W), got {dataset.name} with observations {shape}")
        channels, height, width = shape
        if height % factor or width % factor:
            raise ValueError(f"factor must divide the {height} x {width} pixels of {dataset.name}, got {factor}")
        super().__init__(dataset)
        self.factor = factor
        self.image_shape: tuple[int, ...] = (channels, height // factor, width // factor)
        self.name = f"{dataset.name}_{height // factor}"

    def images(self, indices: Tensor) -> Tensor:
        """Return images ``(N, C, H, W)`` of ``indices`` (N,), of the same type and on the same device as the originals.

        Raises:
            IndexError: If an index lies outside ``[0, len(self))``.
        """
        originals = self.original.images(indices)
        if originals.dtype != torch.uint8:
            return F.avg_pool2d(originals, self.factor)
        # exact: sums of up to 2^16 uint8 values are whole numbers that float32 represents
        return F.avg_pool2d(originals.float(), self.factor).add_(0.5).to(torch.uint8)
