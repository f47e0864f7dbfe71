"""Scaling down with Lanczos against the filter written out as a matrix."""

import numpy as np
import pytest
from numpy.typing import NDArray

from lr_lightning.data.storage.lanczos import resize


def lanczos_matrix(size: int, scaled: int) -> NDArray[np.float64]:
    """Weights (scaled, size) of a sinc with three lobes, windowed by a sinc three times as wide; rows sum to 1."""
    scale = size / scaled
    centers = (np.arange(scaled) + 0.5) * scale
    distance = (np.arange(size) + 0.5 - centers[:, None]) / scale
    weights: np.ndarray[tuple[int, int], np.dtype[np.float64]] = np.where(
        abs(distance) < 3, np.sinc(distance) * np.sinc(distance / 3), 0
    )
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


@pytest.mark.parametrize(("side", "channels"), [(128, 3), (96, None)])
def test_is_the_filter_in_both_directions(side: int, channels: int | None) -> None:
    shape = (2, side, side) if channels is None else (2, side, side, channels)
    images = np.random.default_rng(0).integers(256, size=shape, dtype=np.uint8)
    matrix = lanczos_matrix(side, 64)
    rows = np.einsum("xw,nhw...->nhx...", matrix, images.astype(float)).clip(0, 255)
    expected = np.einsum("yh,nhx...->nyx...", matrix, rows).clip(0, 255)
    # Both passes round by up to 1/2, and the second multiplies the error of the first by at most the absolute weights
    # of a row; weights are multiples of 2^-22, which adds less than .01.
    tolerance = 0.5 * abs(matrix).sum(axis=1).max() + 0.5 + 0.01
    scaled = resize(images, 64)
    assert scaled.dtype == np.uint8
    assert scaled.shape == (2, 64, 64, *shape[3:])
    assert abs(scaled - expected).max() <= tolerance
    assert abs(scaled - expected).mean() < 0.5  # bilinear and box filters are off by about 10 on noise


def test_keeps_what_is_constant_and_what_is_of_that_size() -> None:
    gray = np.full((3, 96, 96), 77, np.uint8)
    np.testing.assert_array_equal(resize(gray, 64), np.full((3, 64, 64), 77))
    noise = np.random.default_rng(0).integers(256, size=(2, 64, 64, 3), dtype=np.uint8)
    np.testing.assert_array_equal(resize(noise, 64), noise)


def test_takes_no_images() -> None:
    assert resize(np.empty((0, 96, 96), np.uint8), 64).shape == (0, 64, 64)
