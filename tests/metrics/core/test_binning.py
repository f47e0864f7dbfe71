"""Codes in bins."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import DTypeLike

from lr_lightning.metrics.core.binning import (
    Binning,
    bin_codes,
    binned,
    binned_factor_ceiling,
    binned_factor_ceilings,
    entropy_of,
)
from lr_lightning.metrics.core.sample import Sampling, draw


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("num_bins", [2, 7, 20])
def test_equal_width_bins_are_those_of_numpy(dtype: DTypeLike, num_bins: int) -> None:
    codes = np.random.default_rng(0).normal(size=(500, 3)).astype(dtype)
    bins = bin_codes(codes, num_bins)
    for j, column in enumerate(codes.T):
        counts, edges = np.histogram(column, num_bins)
        assert np.bincount(bins[:, j], minlength=num_bins).tolist() == counts.tolist()
        expected = np.minimum(np.digitize(column, edges[:-1]) - 1, num_bins - 1)  # without the last edge
        assert np.array_equal(bins[:, j], expected)


@given(arrays(np.float64, (30, 1), elements=st.floats(-1e3, 1e3)), st.integers(2, 30))
def test_bins_keep_the_order_of_codes(codes: np.ndarray, num_bins: int) -> None:
    binnings: tuple[Binning, ...] = ("equal_width", "quantile")
    for binning in binnings:
        bins = bin_codes(codes, num_bins, binning)[:, 0]
        assert bins.min() >= 0
        assert bins.max() < num_bins
        assert (np.diff(bins[np.argsort(codes[:, 0], kind="stable")]) >= 0).all()


def test_quantile_bins_are_even() -> None:
    codes = np.random.default_rng(0).lognormal(sigma=3, size=(1000, 1))
    assert np.bincount(bin_codes(codes, 20, "quantile")[:, 0]).tolist() == [50] * 20


def test_ties_share_a_quantile_bin() -> None:
    """Seven zeros of ten fill the places of bins 0 to 3, the next code begins at 7 of 10: bin 3 of 5."""
    codes = np.array([0.0] * 7 + [1, 2, 3])[:, None]
    assert bin_codes(codes, 5, "quantile")[:, 0].tolist() == [0] * 7 + [3, 4, 4]


@pytest.mark.parametrize("binning", ["equal_width", "quantile"])
@pytest.mark.parametrize("value", [0.0, 0.5, -3e7, 1e-320])
def test_constant_latent_lies_in_one_bin(binning: Binning, value: float) -> None:
    assert len(np.unique(bin_codes(np.full((50, 1), value), 20, binning))) == 1


@pytest.mark.parametrize(
    "codes",
    [
        np.array([0.5, np.nextafter(np.float32(0.5), np.float32(1))], dtype=np.float32),
        np.array([0.5, np.nextafter(0.5, 1)]),
        np.array([-3e38, 3e38], dtype=np.float32),
        np.array([-1.7e308, 1.7e308]),
    ],
    ids=["last digit", "last digit, double", "widest", "widest, double"],
)
def test_ranges_without_room_for_edges(codes: np.ndarray) -> None:
    assert bin_codes(codes[[0, 1, 1, 0], None], 20)[:, 0].tolist() == [0, 19, 19, 0]


def test_smallest_number_there_is() -> None:
    assert len(np.unique(bin_codes(np.array([[0.0], [5e-324]]), 20))) <= 2


def test_wrong_arguments() -> None:
    with pytest.raises(ValueError, match=r"num_bins .*got 1"):
        bin_codes(np.zeros((3, 1)), 1)
    with pytest.raises(ValueError, match=r"binning .*got 'width'"):
        bin_codes(np.zeros((3, 1)), 20, "width")  # type: ignore[arg-type]


def test_binned_once_per_sample() -> None:
    sample = draw(torch.randn(50, 2, generator=torch.Generator().manual_seed(0)), None, Sampling(40, 10))
    assert binned(sample, 20, "equal_width") is binned(sample, 20, "equal_width")
    assert binned(sample, 20, "quantile") is not binned(sample, 20, "equal_width")
    assert len(binned(sample, 20, "quantile")) == 40


@pytest.mark.parametrize(("size", "expected"), [(2, 1), (6, 1), (20, 1), (24, 0.927), (32, 0.850), (40, 0.812)])
def test_ceilings(size: int, expected: float) -> None:
    assert binned_factor_ceiling(np.arange(size), 20) == pytest.approx(expected, abs=5e-4)


def test_ceiling_of_a_constant_factor_is_undefined() -> None:
    factors = torch.stack([torch.arange(24), torch.zeros(24, dtype=torch.int64)], dim=1)
    ceilings = binned_factor_ceilings(draw(torch.zeros(24, 1), factors, Sampling(24, 0)), 20)
    assert ceilings[0].item() == pytest.approx(0.927, abs=5e-4)
    assert ceilings[1].isnan()


def test_entropy() -> None:
    assert entropy_of(np.array([3, 3, 9, 9])) == pytest.approx(np.log(2), abs=1e-12)
    assert entropy_of(np.array([5, 5])) == 0
