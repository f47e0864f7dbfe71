"""Mutual information by counting."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import entropy
from sklearn.metrics import mutual_info_score

from lr_lightning.metrics.core.binning import bin_codes
from lr_lightning.metrics.core.information import (
    factor_entropies,
    information_of_counts,
    informative_latents,
    mutual_information,
    mutual_information_matrix,
)
from lr_lightning.metrics.core.reference_codes import shuffled_sample
from lr_lightning.metrics.core.sample import Sampling, draw
from tests.metrics.cases import FIRST_ROWS, ideal_case


@given(arrays(np.int64, (40, 2), elements=st.integers(0, 5)), arrays(np.int64, (40, 3), elements=st.integers(0, 3)))
def test_matrix_is_that_of_scikit_learn(bins: np.ndarray, factors: np.ndarray) -> None:
    matrix = mutual_information_matrix(bins, factors)
    expected = [[mutual_info_score(factor, column) for factor in factors.T] for column in bins.T]
    assert matrix.dtype == torch.float64
    assert matrix.numpy() == pytest.approx(np.array(expected), abs=1e-12)


def test_closed_forms() -> None:
    assert information_of_counts(np.eye(4)) == pytest.approx(np.log(4), abs=1e-12)
    assert information_of_counts(np.ones((3, 5))) == 0
    # 3/4 ln(3/2) + 1/4 ln(1/2), the capacity of a channel that errs one time in four
    expected = 0.75 * np.log(1.5) + 0.25 * np.log(0.5)
    assert information_of_counts(np.array([[3, 1], [1, 3]])) == pytest.approx(expected, abs=1e-12)
    assert information_of_counts(np.array([[0.3, 0.1], [0.1, 0.3]])) == pytest.approx(expected, abs=1e-12)


def test_a_constant_says_exactly_nothing() -> None:
    """Round-off would be taken for something by scores that look at ratios."""
    generator = np.random.default_rng(0)
    for size in range(2, 60):
        factors = generator.integers(size, size=(997, 1))
        assert mutual_information_matrix(np.full((997, 1), 3), factors).item() == 0


def test_miller_madow_takes_the_bias_of_noise_off() -> None:
    random = np.random.default_rng(0)
    bins, factors = random.integers(10, size=(2000, 60)), random.integers(6, size=(2000, 1))
    plain = mutual_information_matrix(bins, factors)
    bias = 9 * 5 / 4000  # (B - 1)(V - 1) / 2N, as all 60 pairs occur
    assert plain.mean().item() == pytest.approx(bias, rel=0.1)  # 5 standard errors of 60 estimates are 14%
    corrected = mutual_information_matrix(bins, factors, "miller_madow")
    assert corrected.numpy() == pytest.approx((plain - bias).clamp_min(0).numpy(), abs=1e-12)
    assert (corrected == 0).any()


def test_miller_madow_counts_what_occurs() -> None:
    """Three bins, two values and three of their pairs: (3 + 2 - 3 - 1) / 2N."""
    bins, factor = np.array([0, 0, 4, 9])[:, None], np.array([0, 0, 1, 1])[:, None]
    assert mutual_information_matrix(bins, factor, "miller_madow").item() == pytest.approx(np.log(2) + 1 / 8, abs=1e-12)
    with pytest.raises(ValueError, match=r"bias_correction .*got 'jackknife'"):
        mutual_information_matrix(bins, factor, "jackknife")  # type: ignore[arg-type]


def test_of_a_sample() -> None:
    sample = draw(*ideal_case("rotF"), FIRST_ROWS)
    matrix = mutual_information(sample, 15)
    assert torch.equal(matrix, mutual_information_matrix(bin_codes(sample.codes, 15), sample.factors))
    assert mutual_information(sample, 15) is matrix
    assert mutual_information(sample, 15, bias_correction="miller_madow") is not matrix
    assert mutual_information(sample, 15, "quantile") is not matrix


def test_shuffled_is_the_bias() -> None:
    """Twice N times the information of noise is chi-square with (B - 1)(V - 1) degrees of freedom."""
    sample = draw(*ideal_case("ident"), FIRST_ROWS)
    shuffled = mutual_information(shuffled_sample(sample, 0), 6)  # as many bins as values
    assert 4000 * shuffled.mean().item() == pytest.approx(25, abs=5 * np.sqrt(2 * 25 / 16))
    assert mutual_information(sample, 6).max().item() > 1.5
    again = draw(*ideal_case("ident"), FIRST_ROWS)
    assert torch.equal(mutual_information(shuffled_sample(again, 0), 6), shuffled)
    assert not torch.equal(mutual_information(shuffled_sample(again, 1), 6), shuffled)
    other = Sampling(num_train=2000, num_test=1000, order="first", seed=1)
    assert not torch.equal(mutual_information(shuffled_sample(draw(*ideal_case("ident"), other), 0), 6), shuffled)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("ident", [True] * 4),
        ("rotF", [True] * 4),
        ("dup", [True] * 8),
        ("dead", [True] * 4 + [False] * 4),
        ("nuis", [True] * 4 + [False] * 4),
        ("coll", [True] * 2 + [False] * 2),
        ("circle", [True] * 8),
        ("noise", [False] * 4),
    ],
)
def test_informative_latents(name: str, expected: list[bool]) -> None:
    for seed in range(3):
        sampling = Sampling(num_train=2000, num_test=1000, order="first", seed=seed)
        assert informative_latents(draw(*ideal_case(name), sampling)).tolist() == expected


def test_latents_are_informative_of_factors_with_few_values_beside_many() -> None:
    """Noise of a factor of 40 values seems to say more than a weak latent says of a binary one."""
    generator = torch.Generator().manual_seed(0)
    factors = torch.stack([torch.randint(size, (2000,), generator=generator) for size in (2, 40)], dim=1)
    codes = torch.randn(2000, 2, generator=generator)
    codes[:, 0] += factors[:, 0]
    sample = draw(codes, factors, Sampling(2000, 0))
    assert mutual_information(sample)[0, 0] < mutual_information(shuffled_sample(sample, 0))[:, 1].max()
    assert informative_latents(sample).tolist() == [True, False]


def test_constant_latents_and_factors_are_not_informative() -> None:
    factors = torch.stack([torch.arange(100) % 3, torch.zeros(100, dtype=torch.int64)], dim=1)
    codes = torch.stack([factors[:, 0].float(), torch.full((100,), 0.3)], dim=1)
    assert informative_latents(draw(codes, factors, Sampling(99, 0))).tolist() == [True, False]
    assert informative_latents(draw(codes, factors[:, 1:], Sampling(99, 0))).tolist() == [False, False]


def test_factor_entropies() -> None:
    sample = draw(*ideal_case("ident"), FIRST_ROWS)
    expected = [entropy(np.bincount(column)) for column in sample.factors.T]
    assert factor_entropies(sample).numpy() == pytest.approx(np.array(expected), abs=1e-12)
