"""Rendered dSprites against original frames, an independent polygon fill, and facts about the set."""

import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib.path import Path as Outline
from torch import Tensor

from lr_lightning.data.drawing.dsprites_outlines import glyph_outlines, outline_crossings
from lr_lightning.data.sets.rendered_dsprites import RenderedDSprites
from lr_lightning.testing.data_set_tester import DataSetTester

REFERENCE = Path(__file__).parent / "references" / "dsprites_320.npz"


@pytest.fixture(scope="module")
def dataset() -> RenderedDSprites:
    return RenderedDSprites()


class TestRenderedDSprites(DataSetTester):
    def make(self, folder: Path) -> RenderedDSprites:
        return RenderedDSprites()


def draw(dataset: RenderedDSprites, factors: list[list[int]] | Tensor) -> Tensor:
    """Images ``(N, 64, 64)`` bool of factor values (N, 6)."""
    return dataset.images(dataset.factor_space.indices(torch.as_tensor(factors)))[:, 0] > 0


def test_meets_the_original_frames(dataset: RenderedDSprites) -> None:
    with np.load(REFERENCE, allow_pickle=False) as file:
        originals = torch.from_numpy(np.unpackbits(file["images"], axis=-1)).bool()
        factors = torch.from_numpy(file["factors"]).long()
    wrong = (draw(dataset, factors) != originals).sum(dim=(1, 2))
    # What the outlines were fitted to: 186 wrong pixels in all, of 77,010 white ones.
    assert wrong.sum() <= 186
    assert wrong.max() <= 4


def test_fills_outlines_as_matplotlib_does(dataset: RenderedDSprites) -> None:
    indices = torch.randint(len(dataset), (60,), generator=torch.Generator().manual_seed(0))
    _, _, scales, orientations, _, _ = dataset.factor_space.values
    outlines = [outline.numpy() for shape in glyph_outlines(scales, orientations) for outline in shape]
    row, column = np.mgrid[:64, :64] + 0.5
    for index, image in zip(indices.tolist(), dataset.images(indices), strict=True):
        glyph, pos_x, pos_y = np.unravel_index(index, (720, 32, 32))
        center = 16 + 32 * np.array([pos_x, pos_y]) / 31
        pixels = np.stack([column, row], axis=-1).reshape(-1, 2)
        inside = Outline(np.vstack([outlines[glyph], outlines[glyph][:1]]) + center, closed=True).contains_points(
            pixels
        )
        assert np.array_equal(image[0].numpy() > 0, inside.reshape(64, 64)), index


def test_a_line_through_a_corner_crosses_once() -> None:
    diamond = torch.tensor([[[0.0, -1.0], [1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]]], dtype=torch.float64)
    polygon, line, x = outline_crossings(diamond, torch.tensor([-2.0, -1.0, 0.0, 0.5, 1.0], dtype=torch.float64))
    assert polygon.tolist() == [0] * 6
    crossings = sorted(zip(line.tolist(), x.tolist(), strict=True))
    assert crossings == [(1, 0.0), (1, 0.0), (2, -1.0), (2, 1.0), (3, -0.5), (3, 0.5)]


def test_positions_run_right_and_down(dataset: RenderedDSprites) -> None:
    images = draw(dataset, [[0, 0, 2, 0, 0, 0], [0, 0, 2, 0, 31, 0], [0, 0, 2, 0, 0, 31]])
    row, column = (torch.arange(64) + 0.5).expand(64, 64).T, (torch.arange(64) + 0.5).expand(64, 64)
    centers = [(column[image].mean().item(), row[image].mean().item()) for image in images]
    for center, expected in zip(centers, [(16, 16), (48, 16), (16, 48)], strict=True):
        assert center == pytest.approx(expected, abs=0.5)  # at most half a pixel of the square is cut off


def test_first_and_last_orientation_are_the_same(dataset: RenderedDSprites) -> None:
    factors = torch.tensor([[0, shape, 5, 0, 11, 20] for shape in range(3)])
    turned = factors + torch.tensor([0, 0, 0, 39, 0, 0])
    assert torch.equal(draw(dataset, factors), draw(dataset, turned))


def test_brightness_is_that_of_the_original_set(dataset: RenderedDSprites) -> None:
    # Mean, and mean over images of the standard deviation, of all the originals. An image in 101 is taken, coprime to
    # the factor sizes; the standard errors are 0.0002 and 0.0005, and three of the larger are allowed.
    white = (dataset.images(torch.arange(0, len(dataset), 101)) > 0).double().mean(dim=(1, 2, 3))
    assert white.mean().item() == pytest.approx(0.04249, abs=0.0015)
    assert (white * (1 - white)).sqrt().mean().item() == pytest.approx(0.19517, abs=0.0015)


def test_version_stands_for_these_images(dataset: RenderedDSprites) -> None:
    # An image that changes on purpose raises the version.
    images = dataset.images(torch.arange(0, len(dataset), 997))
    assert dataset.renderer_version == 1
    assert zlib.crc32(images.numpy().tobytes()) == 1_008_773_009
