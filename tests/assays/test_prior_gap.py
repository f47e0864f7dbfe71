"""Distances of codes from the standard normal prior."""

import math

import pytest
import torch
from scipy import stats
from torch import Tensor

from lr_lightning.assays.prior_gap import prior_gap


def quantiles(count: int) -> Tensor:
    """Return the normal quantiles at the middle of ``count`` equal shares, a column."""
    levels = (torch.arange(count, dtype=torch.float64) + 0.5) / count
    column: Tensor = torch.special.ndtri(levels)[:, None]
    return column


def test_closed_forms() -> None:
    sample = quantiles(2000)
    codes = torch.cat([sample, sample + 3, 2.5 * sample, torch.zeros_like(sample)], dim=1)
    gap = prior_gap(codes, num_permutations=0, max_samples=10)
    # a shift moves all mass by 3; a stretch by |x| (2.5 - 1); everything to 0 by E|x|. Steps cost about 1 / N.
    mean_absolute = math.sqrt(2 / math.pi)
    expected = torch.tensor([0.0, 3.0, 1.5 * mean_absolute, mean_absolute], dtype=torch.float64)
    torch.testing.assert_close(gap.wasserstein, expected, rtol=0, atol=2e-3)
    assert gap.wasserstein[3].item() == pytest.approx(mean_absolute, abs=1e-12)
    assert gap.kolmogorov_smirnov[0].item() == pytest.approx(0.5 / 2000, abs=1e-12)
    # F(x) = Phi(x - 3) is farthest from Phi at 1.5
    assert gap.kolmogorov_smirnov[1].item() == pytest.approx(2 * stats.norm.cdf(1.5) - 1, abs=1e-3)
    assert gap.kolmogorov_smirnov[3].item() == 0.5
    assert gap.num_samples == 2000


def test_agrees_with_scipy() -> None:
    codes = torch.randn(80, 3, generator=torch.Generator().manual_seed(0)) * torch.tensor([1.0, 0.3, 2.0]) + 0.2
    gap = prior_gap(codes)
    fine = quantiles(200_000)[:, 0].numpy()
    for latent in range(3):
        column = codes[:, latent].double().numpy()
        assert gap.wasserstein[latent].item() == pytest.approx(stats.wasserstein_distance(column, fine), abs=1e-4)
        test = stats.kstest(column, "norm", method="exact")
        assert gap.kolmogorov_smirnov[latent].item() == pytest.approx(test.statistic, abs=1e-12)
        assert gap.p_value[latent].item() == pytest.approx(test.pvalue, rel=1e-6)


def test_noise_is_that_of_draws_from_the_prior() -> None:
    codes = torch.randn(400, 300, generator=torch.Generator().manual_seed(0))  # 300 latents: as many repetitions
    gap = prior_gap(codes, num_permutations=0, max_samples=3)
    # the distances spread by about 40 and 30 %: means of 300 are good to 2.3 %; the limit for large N adds 2 %
    assert gap.wasserstein.mean().item() == pytest.approx(gap.wasserstein_noise, rel=0.1)
    assert gap.kolmogorov_smirnov.mean().item() == pytest.approx(gap.kolmogorov_smirnov_noise, rel=0.1)


def test_only_the_discrepancy_sees_dependence_between_latents() -> None:
    first = torch.randn(500, 1, generator=torch.Generator().manual_seed(0))
    gap = prior_gap(torch.cat([first, first], dim=1))
    assert (gap.p_value > 0.01).all()
    assert gap.discrepancy.p_value.item() < 0.01
    assert prior_gap(torch.randn(500, 2, generator=torch.Generator().manual_seed(1))).discrepancy.p_value.item() > 0.01


def test_draws_are_those_of_the_seed_and_bounded(codes: Tensor) -> None:
    before = codes.clone()
    first = prior_gap(codes, max_samples=20, generator=torch.Generator().manual_seed(1))
    assert first.discrepancy.num_samples == 20
    again = prior_gap(codes, max_samples=20, generator=torch.Generator().manual_seed(1))
    assert torch.equal(first.discrepancy.null, again.discrepancy.null)
    assert torch.equal(codes, before)


def test_order_of_the_codes(codes: Tensor) -> None:
    assert torch.equal(prior_gap(codes).wasserstein, prior_gap(codes.flip(0)).wasserstein)


def test_rejects(codes: Tensor) -> None:
    with pytest.raises(ValueError, match=r"codes .*got 2"):
        prior_gap(codes[:2])
    with pytest.raises(ValueError, match=r"max_samples .*got 2"):
        prior_gap(codes, max_samples=2)
