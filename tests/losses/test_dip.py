"""Covariance of the codes compared with NumPy, and its distance from the identity with explicit sums."""

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given
from torch import Tensor

from lr_lightning.losses import covariance_of_means, covariance_of_samples, covariance_penalties


@pytest.fixture
def posterior() -> tuple[Tensor, Tensor]:
    """Means and log-variances (7, 4) in float64, with correlated means far from 0."""
    means, log_variances = torch.randn(2, 7, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    means[:, 1] += 0.7 * means[:, 0]
    return means + 5, log_variances


def assert_equal(actual: Tensor, expected: object) -> None:
    torch.testing.assert_close(actual, torch.as_tensor(expected), rtol=1e-12, atol=1e-12)  # float64 round-off


def test_covariance_of_means_agrees_with_numpy(posterior: tuple[Tensor, Tensor]) -> None:
    means = posterior[0]
    assert_equal(covariance_of_means(means), np.cov(means.numpy(), rowvar=False, ddof=0))
    assert not np.allclose(covariance_of_means(means), np.cov(means.numpy(), rowvar=False))


def test_covariance_of_samples_is_that_of_many_samples(posterior: tuple[Tensor, Tensor]) -> None:
    means, log_variances = posterior
    noise = torch.randn(20_000, 7, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    samples = (means + noise * log_variances.exp().sqrt()).reshape(-1, 4)
    # Entries of order 3 over 140,000 samples: standard errors of 3 * sqrt(2 / 140,000) = 0.011 at most; five.
    expected = np.cov(samples.numpy(), rowvar=False, ddof=0)
    np.testing.assert_allclose(covariance_of_samples(means, log_variances), expected, rtol=0, atol=0.055)


def test_variances_are_added_to_the_diagonal_alone(posterior: tuple[Tensor, Tensor]) -> None:
    means, log_variances = posterior
    added = covariance_of_samples(means, log_variances) - covariance_of_means(means)
    assert_equal(added, np.diag(np.exp(log_variances.numpy()).mean(axis=0)))


def test_peers_variances_give_another_number(posterior: tuple[Tensor, Tensor]) -> None:
    means, log_variances = posterior
    # torch.diag of a matrix (B, D) is its main diagonal, whose mean, a number, is added to all entries
    peers = covariance_of_means(means) + torch.diag(log_variances.exp()).mean(dim=0)
    ours = covariance_penalties(covariance_of_samples(means, log_variances))
    assert all(abs(a - b) > 0.1 for a, b in zip(ours, covariance_penalties(peers), strict=True))


def test_penalties_are_sums_over_entries() -> None:
    covariance = torch.tensor([[2.0, 0.5, 0.0], [0.5, 0.25, -1.0], [0.0, -1.0, 1.0]])
    off_diagonal, diagonal = covariance_penalties(covariance)
    assert off_diagonal.item() == 2 * (0.25 + 1)  # each pair twice; powers of two are exact
    assert diagonal.item() == 1 + 0.75**2


def test_identity_costs_nothing() -> None:
    assert [penalty.item() for penalty in covariance_penalties(torch.eye(5))] == [0, 0]


@pytest.mark.parametrize(("batch", "latents"), [(1, 3), (6, 1)])
def test_one_observation_and_one_latent_will_do(batch: int, latents: int) -> None:
    means = torch.arange(float(batch * latents)).view(batch, latents)
    covariance = covariance_of_means(means)
    assert covariance.shape == (latents, latents)
    assert covariance.trace().item() == pytest.approx(0 if batch == 1 else 35 / 12)  # variance of 0..5
    assert covariance_penalties(covariance).off_diagonal.item() == 0


@given(st.permutations(range(4)), st.floats(-100, 100))
def test_shifts_and_the_order_of_latents_do_not_matter(order: list[int], shift: float) -> None:
    means = torch.randn(9, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    expected = torch.stack(covariance_penalties(covariance_of_means(means)))
    found = torch.stack(covariance_penalties(covariance_of_means(means[:, order] + shift)))
    # Means of up to 100 in float64 lose 100 * 1e-16 of themselves, and more in squares of sums.
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-12)


def test_autocast_changes_nothing(posterior: tuple[Tensor, Tensor]) -> None:
    means, log_variances = (part.float() for part in posterior)
    expected = covariance_of_samples(means, log_variances)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(covariance_of_samples(means, log_variances), expected)


def test_gradients_are_those_of_finite_differences(posterior: tuple[Tensor, Tensor]) -> None:
    inputs = [part.requires_grad_() for part in posterior]
    assert torch.autograd.gradcheck(lambda *parts: covariance_penalties(covariance_of_samples(*parts)), inputs)
