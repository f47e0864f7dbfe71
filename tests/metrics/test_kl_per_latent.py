"""Divergence of each latent's posterior from the prior."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.distributions import Normal, kl_divergence

from lr_lightning.metrics.core.sample import Sampling, draw
from lr_lightning.metrics.kl_per_latent import KLPerLatent, kl_per_latent
from lr_lightning.testing import MetricTester
from tests.metrics.cases import FIRST_ROWS, IDEAL_NAMES, ideal_case

ALL_ROWS = Sampling(num_train=200, num_test=0)


@pytest.mark.parametrize("name", IDEAL_NAMES)
def test_as_torch_distributions(name: str) -> None:
    codes, factors = ideal_case(name)
    log_variances = torch.randn(codes.shape, generator=torch.Generator().manual_seed(0)) - 2
    posterior = Normal(codes[:2000].double(), (log_variances[:2000].double() / 2).exp())
    expected = kl_divergence(posterior, Normal(0.0, 1.0)).mean(dim=0)
    result = kl_per_latent(codes, factors, log_variances=log_variances, sampling=FIRST_ROWS)
    assert torch.allclose(result.per_latent["kl"], expected, atol=1e-10)
    assert result["total"] == pytest.approx(expected.sum().item(), abs=1e-9)
    assert result["mean"] == pytest.approx(expected.mean().item(), abs=1e-9)
    assert list(result.scores) == ["kl_per_latent_total", "kl_per_latent_mean"]


def test_digits_of_a_posterior_next_to_the_prior() -> None:
    """With variance 1 + e the divergence is e^2 / 4, which 1 + e - log(1 + e) - 1 loses to round-off."""
    codes = torch.zeros(200, 1, dtype=torch.float64)
    result = kl_per_latent(codes, log_variances=torch.full_like(codes, 1e-9), sampling=ALL_ROWS)
    assert result.value == pytest.approx(1e-18 / 4, rel=1e-3, abs=0)


@given(st.integers(-30, 30), st.integers(-80, 30))
def test_zero_only_at_the_prior(mean: int, log_variance: int) -> None:
    codes = torch.full((200, 1), mean / 10, dtype=torch.float64)
    value = kl_per_latent(codes, log_variances=torch.full_like(codes, log_variance / 10), sampling=ALL_ROWS).value
    assert (value > 1e-3) if (mean or log_variance) else (value == 0)


def test_of_a_sample_that_has_log_variances() -> None:
    codes, factors = ideal_case("ident")
    sample = draw(codes, factors, FIRST_ROWS, torch.zeros_like(codes))
    assert kl_per_latent(sample).value == pytest.approx((codes[:2000] ** 2).sum(dim=1).mean().item() / 2, rel=1e-5)
    with pytest.raises(ValueError, match="a Sample has its factors, log_variances"):
        kl_per_latent(sample, log_variances=torch.zeros_like(codes))


def test_without_log_variances_is_undefined() -> None:
    with pytest.warns(UserWarning, match="kl_per_latent is undefined: it needs log_variances"):
        result = kl_per_latent(ideal_case("ident")[0])
    assert all(math.isnan(score.value) for score in result.scores.values())
    assert result.per_latent["kl"].isnan().tolist() == [True] * 4


def test_log_variances_of_another_shape_are_refused() -> None:
    codes, _ = ideal_case("ident")
    with pytest.raises(ValueError, match="log_variances must have the shape of codes"):
        kl_per_latent(codes, log_variances=torch.zeros(3000, 3))


class TestKLPerLatent(MetricTester):
    metric_class = KLPerLatent
    invariances = ["permuted latents"]
