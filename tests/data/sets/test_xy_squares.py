"""Squares on a grid."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lr_lightning.data.sets.xy_squares import XYSquares
from lr_lightning.testing import DataSetTester


class TestXYSquares(DataSetTester):
    def make(self, folder: Path) -> XYSquares:
        """Return the set, which needs no folder."""
        return XYSquares()


@settings(max_examples=30, deadline=None)
@given(
    st.integers(1, 9),
    st.integers(9, 24),
    st.integers(1, 6),
    st.integers(1, 3),
    st.booleans(),
    st.sampled_from([1, 255]),
)
def test_as_drawn_one_by_one(
    square_size: int, image_size: int, spacing: int, num_squares: int, rgb: bool, fill_value: int
) -> None:
    dataset = XYSquares(square_size, image_size, None, spacing, num_squares, rgb, fill_value)
    size = (image_size - square_size) // spacing + 1
    offset = (image_size - (square_size + (size - 1) * spacing)) // 2
    assert len(dataset) == size ** (2 * num_squares)
    indices = torch.randint(len(dataset), (5,), generator=torch.Generator().manual_seed(0))
    for index, image in zip(indices.tolist(), dataset.images(indices).numpy(), strict=True):
        expected = np.zeros((3 if rgb else 1, image_size, image_size), np.uint8)
        places = np.array(np.unravel_index(index, [size] * (2 * num_squares))).reshape(-1, 2)
        for square, (x, y) in enumerate(offset + spacing * places):
            expected[square if rgb else 0, y : y + square_size, x : x + square_size] = fill_value
        assert (image == expected).all()


def test_pixels_of_disent() -> None:
    # of XYSquaresData(square_size=8, grid_spacing=5, grid_size=7)[98765] in disent 0.8
    dataset = XYSquares(grid_spacing=5, grid_size=7)
    image = dataset.images(torch.tensor([98_765]))[0]
    corners = [tuple(channel.nonzero()[0].tolist()) for channel in image]
    assert corners == [(43, 38), (43, 13), (23, 33)]
    assert image.sum(dim=(1, 2)).tolist() == [64 * 255] * 3


def test_equal_errors_at_the_default_spacing() -> None:
    dataset = XYSquares(num_squares=1)
    images = dataset.images(torch.arange(64)).flatten(1).double() / 255
    distances = torch.cdist(images, images).square()
    assert torch.equal(distances.round(), 128.0 * (1 - torch.eye(64)))
    overlapping = XYSquares(num_squares=1, grid_spacing=4)
    first, second, third = overlapping.images(torch.arange(3)).flatten(1).double() / 255
    assert (first - second).square().sum() < (first - third).square().sum()


def test_values_are_pixels() -> None:
    dataset = XYSquares(grid_size=4)
    assert dataset.factor_space.values is not None
    assert list(dataset.factor_space.values[0]) == [16, 24, 32, 40]
    assert XYSquares().factor_space == XYSquares.records[0].factor_space


@pytest.mark.parametrize(
    "wrong",
    [
        {"square_size": 0},
        {"image_size": 7},
        {"grid_size": 9},
        {"grid_size": 0},
        {"grid_spacing": 0},
        {"num_squares": 0},
        {"num_squares": 4},
        {"fill_value": 0},
        {"fill_value": 256},
    ],
)
def test_wrong_arguments_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        XYSquares(**wrong)
