"""Wasserstein distance of the Gaussian with the covariance of the codes from one with independent latents."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.linalg import sqrtm

from lr_lightning.metrics.core.sample import Sampling
from lr_lightning.metrics.gaussian_wasserstein_correlation import (
    GaussianWassersteinCorrelation,
    gaussian_wasserstein_correlation,
)
from lr_lightning.testing import MetricTester
from tests.metrics.cases import FIRST_ROWS, IDEAL_NAMES, REFERENCE_NAMES, ideal_case, reference_case


@pytest.mark.parametrize("name", REFERENCE_NAMES)
def test_as_the_reference(name: str) -> None:
    codes, _, expected = reference_case(name)
    result = gaussian_wasserstein_correlation(codes, sampling=FIRST_ROWS)
    assert result.value == pytest.approx(expected["gaussian_wasserstein_correlation"], abs=1e-6)


@pytest.mark.parametrize(
    ("name", "expected"),
    list(zip(IDEAL_NAMES, [0.001, 0.001, 0, 0, 0.585, 0.001, 0.001, 0, 0.001, 0], strict=True)),
)
def test_ideal_cases(name: str, expected: float) -> None:
    codes, factors = ideal_case(name)
    result = gaussian_wasserstein_correlation(codes, factors, sampling=FIRST_ROWS)
    assert result["normalized"] == pytest.approx(expected, abs=0.003)


def test_squared_distance_between_the_two_gaussians() -> None:
    """By the general formula for two covariances, on unequal scales."""
    codes, _, _ = reference_case("noise_and_leak")
    codes = codes * torch.linspace(0.5, 3, codes.shape[1])
    covariance = np.cov(codes[:2000].double().numpy().T)
    root = sqrtm(covariance)
    marginals = np.diag(np.diag(covariance))
    expected = np.trace(covariance + marginals - 2 * np.real(sqrtm(root @ marginals @ root)))
    result = gaussian_wasserstein_correlation(codes, sampling=FIRST_ROWS)
    assert result.value == pytest.approx(expected, abs=1e-6)
    assert result["normalized"] == pytest.approx(expected / np.trace(covariance), abs=1e-6)
    assert result.matrix is not None
    assert np.allclose(result.matrix.numpy(), covariance, atol=1e-12)
    assert np.allclose(result.per_latent["variance"].numpy(), np.diag(covariance), atol=1e-12)


@pytest.mark.parametrize("copies", [2, 5])
def test_closed_form_of_copies(copies: int) -> None:
    """M copies of one latent of variance v: trace Mv, and the root has the trace v sqrt(M)."""
    codes = ideal_case("ident")[0][:, :1].expand(-1, copies)
    result = gaussian_wasserstein_correlation(codes, sampling=FIRST_ROWS)
    assert result["normalized"] == pytest.approx(2 - 2 / math.sqrt(copies), abs=1e-9)


@given(st.permutations(range(4)), st.lists(st.sampled_from([-1.0, 1.0]), min_size=4, max_size=4))
def test_order_and_sign_of_latents_do_not_matter_and_scale_is_squared(order: list[int], sign: list[float]) -> None:
    codes = reference_case("noise_and_leak")[0][:, :4].double()
    expected = gaussian_wasserstein_correlation(codes, sampling=FIRST_ROWS)
    changed = gaussian_wasserstein_correlation(3 * codes[:, order] * torch.tensor(sign) + 7, sampling=FIRST_ROWS)
    assert changed.value == pytest.approx(9 * expected.value, abs=1e-10)
    assert changed["normalized"] == pytest.approx(expected["normalized"], abs=1e-10)


def test_constant_latents_add_nothing() -> None:
    codes, _, expected = reference_case("noise_and_leak")
    with_constant = torch.cat([codes, torch.full((3000, 1), 0.1)], dim=1)
    value = gaussian_wasserstein_correlation(with_constant, sampling=FIRST_ROWS).value
    assert value == pytest.approx(expected["gaussian_wasserstein_correlation"], abs=1e-6)


def test_one_latent_and_fewer_rows_than_latents_have_values() -> None:
    assert gaussian_wasserstein_correlation(ideal_case("ident")[0][:, :1]).value == pytest.approx(0, abs=1e-12)
    codes = torch.randn(3, 5, generator=torch.Generator().manual_seed(0))
    assert 0 < gaussian_wasserstein_correlation(codes, sampling=Sampling(3, 0))["normalized"] < 2


def test_only_constant_latents_is_undefined() -> None:
    with pytest.warns(UserWarning, match="is undefined: it needs a latent that varies"):
        result = gaussian_wasserstein_correlation(torch.full((30, 2), 0.1))
    assert all(math.isnan(score.value) for score in result.scores.values())


class TestGaussianWassersteinCorrelation(MetricTester):
    metric_class = GaussianWassersteinCorrelation
    invariances = ["permuted latents", "dead latents"]
