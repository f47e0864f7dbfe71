"""Downsampled images are rounded means of squares of the originals."""

from fractions import Fraction
from math import floor
from pathlib import Path

import pytest
import torch

from lr_lightning.data import DoubleHelix, Downsampled, RenderedDSprites, RenderedShapes3D
from lr_lightning.data.factor_space import FactorSpace
from lr_lightning.data.storage.tensor_dataset import TensorFactorDataset
from lr_lightning.study.data_content import data_content
from lr_lightning.testing.data_set_tester import DataSetTester


class TestDownsampled(DataSetTester):
    def make(self, folder: Path) -> Downsampled:
        return Downsampled(RenderedDSprites())


def of(pixels: torch.Tensor) -> TensorFactorDataset:
    factors = torch.arange(len(pixels))[:, None]
    return TensorFactorDataset("small", pixels, factors, FactorSpace(["x"], [len(pixels)]))


@pytest.mark.parametrize("factor", [2, 3, 6])
def test_pixels_are_means_rounded_half_up(factor: int) -> None:
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(256, (20, 2, 12, 6), generator=generator).to(torch.uint8)
    pixels[0] = torch.tensor([[0, 1] * 3, [1, 0] * 3] * 6)  # means of exactly one half
    small = Downsampled(of(pixels), factor)
    assert small.image_shape == (2, 12 // factor, 6 // factor)
    found = small.images(torch.arange(20))
    assert found.dtype == torch.uint8
    for image, channel, row, column in torch.ones(20, *small.image_shape).nonzero().tolist():
        square = pixels[image, channel, row * factor : (row + 1) * factor, column * factor : (column + 1) * factor]
        mean = Fraction(int(square.long().sum()), factor**2)
        assert found[image, channel, row, column] == floor(mean + Fraction(1, 2))


def test_float_images_are_not_rounded() -> None:
    pixels = torch.rand(3, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    found = Downsampled(of(pixels)).images(torch.tensor([2]))
    torch.testing.assert_close(found[0, 0, 1, 0], pixels[2, 0, 2:, :2].mean())


def test_all_else_is_that_of_the_data_set() -> None:
    original = RenderedShapes3D()
    small = Downsampled(original, 4)
    assert (small.name, small.image_shape) == ("rendered_shapes3d_16", (3, 16, 16))
    assert small.factor_space == original.factor_space
    assert (small.full_grid, len(small)) == (True, len(original))
    assert small.renderer_version == original.renderer_version
    contents = [data_content(each) for each in (original, small, Downsampled(original, 2))]
    assert all(contents[i] != contents[j] for i, j in [(0, 1), (0, 2), (1, 2)])


def test_wrong_arguments() -> None:
    sprites = RenderedDSprites()
    with pytest.raises(ValueError, match=r"factor must be at least 2"):
        Downsampled(sprites, 1)
    with pytest.raises(ValueError, match=r"factor must divide the 64 x 64 pixels of rendered_dsprites, got 3"):
        Downsampled(sprites, 3)
    with pytest.raises(ValueError, match=r"must have images.*double_helix"):
        Downsampled(DoubleHelix())
