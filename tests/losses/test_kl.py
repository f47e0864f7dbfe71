"""KL terms compared with torch.distributions and with the formula of the released code."""

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given
from torch import Tensor
from torch.distributions import Normal, kl_divergence

from lr_lightning.losses import KL_FORMS, gaussian_kl, leeb2022_kl

NUMBERS = st.floats(-4, 4, width=32)


@pytest.fixture
def posterior() -> tuple[Tensor, Tensor]:
    """Means and log-variances (50, 4) in float64, variances from far below to far above 1."""
    generator = torch.Generator().manual_seed(0)
    means, log_variances = torch.randn(2, 50, 4, generator=generator, dtype=torch.float64)
    return means, 3 * log_variances


def test_gaussian_matches_torch_distributions(posterior: tuple[Tensor, Tensor]) -> None:
    means, log_variances = posterior
    expected = kl_divergence(Normal(means, log_variances.exp().sqrt()), Normal(0.0, 1.0))
    torch.testing.assert_close(gaussian_kl(means, log_variances), expected, rtol=1e-12, atol=1e-12)  # round-off


@given(NUMBERS, NUMBERS)
def test_gaussian_is_not_negative_and_even_in_the_mean(mean: float, log_variance: float) -> None:
    means, log_variances = torch.tensor([[mean, -mean]]).double(), torch.full((1, 2), log_variance).double()
    positive, negative = gaussian_kl(means, log_variances)[0].tolist()
    assert positive == negative
    assert positive >= -1e-15  # round-off of 1 - 1


def test_gaussian_is_zero_for_the_prior_alone() -> None:
    assert gaussian_kl(torch.zeros(1, 1), torch.zeros(1, 1)).item() == 0
    assert gaussian_kl(torch.zeros(1, 2), torch.tensor([[0.1, -0.1]])).min() > 0


def test_leeb2022_uses_the_standard_deviation(posterior: tuple[Tensor, Tensor]) -> None:
    means, log_variances = posterior
    std = log_variances.exp().sqrt()
    expected = (means**2 + std - std.log() - 1) / 2
    torch.testing.assert_close(leeb2022_kl(means, log_variances), expected, rtol=1e-12, atol=1e-12)  # round-off
    assert not torch.allclose(expected, gaussian_kl(means, log_variances))


def test_forms_have_the_names_of_the_config() -> None:
    assert {"gaussian": gaussian_kl, "leeb2022": leeb2022_kl} == KL_FORMS
