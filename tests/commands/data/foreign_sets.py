"""Data sets as defined in another package: one reads a public file, the other is rendered."""

from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor

from lr_lightning.data import DataSetRecord, FactorDataset, FactorSpace, PublicFile
from lr_lightning.data.storage.file_dataset import FileFactorDataset, Storage
from lr_lightning.data.storage.npz_images import NpzImages

SPACE = FactorSpace(["shade", "side"], [3, 2], value_names={"side": ["left", "right"]})


class Shades(FileFactorDataset):
    """Six gray images from a file."""

    records = (
        DataSetRecord(
            name="shades",
            title="Gray squares",
            num_samples=6,
            image_shape=(1, 8, 8),
            factor_space=SPACE,
            license="MIT",
            files=(PublicFile("shades.npz", "http://127.0.0.1:9/shades.npz", None),),
            path="shades.npz",
        ),
    )
    image_shape = (1, 8, 8)

    def __init__(self, path: str | Path, storage: Storage = "cache") -> None:
        images = NpzImages(Path(path), "images", (6, 8, 8), "uint8", "run lr-lightning data prepare shades")
        super().__init__("shades", SPACE, images, storage)

    def _display(self, stored: Tensor) -> Tensor:
        return stored[:, None]


class Halves(FactorDataset):
    """Six images with one half lit, drawn on demand."""

    records: ClassVar[tuple[DataSetRecord, ...]] = (
        DataSetRecord(
            name="halves",
            title="Lit halves",
            num_samples=6,
            image_shape=(1, 8, 8),
            factor_space=SPACE,
            license="MIT",
            bits_per_value=0,
        ),
    )
    name = "halves"
    factor_space = SPACE
    full_grid = True
    image_shape = (1, 8, 8)

    def __init__(self, brightness: int = 100) -> None:
        self.brightness = brightness

    def __len__(self) -> int:
        return len(SPACE)

    def images(self, indices: Tensor) -> Tensor:
        """Light the left or the right half."""
        shade, side = self.factors(indices).unbind(1)
        lit = torch.arange(8) // 4 == side[:, None]  # (N, W)
        levels = (self.brightness * shade)[:, None, None, None] * lit[:, None, None]
        return levels.expand(-1, 1, 8, 8).to(torch.uint8)

    def factors(self, indices: Tensor) -> Tensor:
        """Return shade and side."""
        return SPACE.factors(indices)


class Undescribed(Halves):
    """A set without a record."""

    records = ()
