"""Mixtures of discretized logistic distributions against SciPy and exact cases."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import logistic
from torch import Tensor

from lr_lightning.losses import DiscretizedLogisticMixture
from tests.losses.likelihoods.test_base import LEVELS, probabilities

K = 3


def drawn(spread: float, log_scale: float) -> Tensor:
    """Return parameters (1, 9, 1) of one value: logits, means and log-scales of three components, as differences."""
    draws = torch.randn(3, K, generator=torch.Generator().manual_seed(0))
    return torch.stack([draws[0], spread * draws[1], log_scale + draws[2]]).view(1, 3 * K, 1)


@pytest.mark.parametrize(("spread", "log_scale"), [(0.5, -4.0), (0.5, -1.0), (2.0, 0.0), (0.1, 3.0)])
def test_is_the_mixture_of_bins(spread: float, log_scale: float) -> None:
    raw = drawn(spread, log_scale)
    logits, means, log_scales = raw.double().view(3, K, 1).numpy()
    means, log_scales = means + np.array([[-2 / 3], [0], [2 / 3]]), log_scales - np.log(3)
    weights = np.exp(logits) / np.exp(logits).sum()
    edges = np.concatenate([[-np.inf], 2 * (np.arange(255) + 0.5) / 255 - 1, [np.inf]])
    expected = (weights * np.diff(logistic.cdf(edges, means, np.exp(log_scales)))).sum(axis=0)
    found = probabilities(DiscretizedLogisticMixture(K), raw)
    torch.testing.assert_close(found, torch.from_numpy(expected), rtol=1e-4, atol=1e-9)


def test_two_values_of_equal_probability_cost_one_bit() -> None:
    raw = torch.tensor([[0.0, 0.0], [2 * 51 / 255 - 0.5, 2 * 204 / 255 - 1.5], [-9.0, -9.0]]).view(1, 6, 1)
    likelihood = DiscretizedLogisticMixture(2)
    images = torch.tensor([[[51.0]], [[204.0]], [[51.0]]]) / 255
    nats = likelihood.negative_log_likelihood(raw.expand(3, -1, -1), images)
    # The smallest scale is an eighth of a level: a bin extends four scales to each side.
    outside = 2 * logistic.sf(0.5 / (255 / 2 * math.exp(-7)))
    torch.testing.assert_close(nats / math.log(2), torch.full((3,), 1 - math.log2(1 - outside)), rtol=1e-5, atol=0)
    others = probabilities(likelihood, raw)
    others[[51, 204]] = 0
    assert others.sum().item() == pytest.approx(outside, rel=1e-3)


def test_observations_count_as_the_nearest_level() -> None:
    raw = drawn(0.5, -2.0).expand(3, -1, -1)
    images = (torch.tensor([99.6, 100.0, 100.4]) / 255).view(3, 1, 1)
    first, second, third = DiscretizedLogisticMixture(K).negative_log_likelihood(raw, images)
    assert first == second == third


@pytest.mark.parametrize(("mean", "log_scale"), [(1e4, 0.0), (-1e4, -100.0), (0.0, 100.0), (1e30, -1e30), (0.2, 1e30)])
def test_stays_finite_for_extreme_parameters(mean: float, log_scale: float) -> None:
    raw = torch.tensor([0.0, 1e4, -1e4, mean, 0.0, -mean, log_scale, 0.0, -log_scale]).view(1, 9, 1)
    raw = raw.repeat(256, 1, 1).requires_grad_()
    likelihood = DiscretizedLogisticMixture(K)
    loss = likelihood.negative_log_likelihood(raw, LEVELS.view(-1, 1, 1))
    loss.sum().backward()  # type: ignore[no-untyped-call]
    assert loss.isfinite().all()
    assert raw.grad is not None
    assert raw.grad.isfinite().all()
    assert likelihood.mean(raw).isfinite().all()


@pytest.mark.parametrize("spread", [0.1, 1.0, 10.0])
@pytest.mark.parametrize("log_scale", [-12.0, -6.0, -3.0, 0.0, 4.0])
def test_mean_is_the_expectation_over_the_values(spread: float, log_scale: float) -> None:
    raw, likelihood = drawn(spread, log_scale), DiscretizedLogisticMixture(K)
    mean = likelihood.mean(raw).item()
    expectation = (probabilities(likelihood, raw) * LEVELS).sum().item()
    assert 0 <= mean <= 1
    # Scales of more than a level: the sum over bins is the integral, up to round-off
    tolerance = 2e-5 if log_scale >= 0 else 0.5 / 255
    assert mean == pytest.approx(expectation, abs=tolerance)


@pytest.mark.parametrize("num_components", [1, 2, 5, 10, 30])
def test_outputs_of_zero_are_almost_uniform(num_components: int) -> None:
    likelihood = DiscretizedLogisticMixture(num_components)
    found = probabilities(likelihood, torch.zeros(1, 3 * num_components, 1))
    inner = found[1:-1] * 256
    assert inner.min() > 0.35
    assert inner.max() < 1.1
    torch.testing.assert_close(found, found.flip(0), rtol=1e-4, atol=0)
    torch.testing.assert_close(likelihood.mean(torch.zeros(1, 3 * num_components, 1)), torch.full((1, 1, 1), 0.5))


def test_channels_have_their_own_mixtures() -> None:
    """The parameters of a channel affect this channel alone, whatever is observed in others."""
    raw = torch.randn(2, 3 * K * 3, 2, 2, generator=torch.Generator().manual_seed(1))
    other = raw.clone()
    other.view(2, 3, K, 3, 2, 2)[:, :, :, 1] += 1.0  # green
    change = DiscretizedLogisticMixture(K).mean(other) - DiscretizedLogisticMixture(K).mean(raw)
    assert (change[:, 1] != 0).all()
    assert torch.equal(change[:, [0, 2]], torch.zeros(2, 2, 2, 2))


def test_training_finds_the_distribution_of_gray_values() -> None:
    values = torch.tensor([0, 0, 0, 60, 60, 61, 200, 255]) / 255
    raw = torch.randn(1, 3 * 5, 1, generator=torch.Generator().manual_seed(0)).requires_grad_()
    likelihood, optimizer = DiscretizedLogisticMixture(5), torch.optim.Adam([raw], lr=0.05)
    for _ in range(400):
        loss = likelihood.negative_log_likelihood(raw.expand(8, -1, -1), values.view(-1, 1, 1)).mean()
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    entropy = -sum(p * math.log(p) for p in (3 / 8, 2 / 8, 1 / 8, 1 / 8, 1 / 8))
    assert entropy < loss.item() < entropy + 0.15


@pytest.mark.parametrize("num_components", [0, -1])
def test_rejects_no_components(num_components: int) -> None:
    with pytest.raises(ValueError, match=rf"num_components.*{num_components}"):
        DiscretizedLogisticMixture(num_components)


def test_refuses_observations_outside_the_unit_interval(gray: Tensor) -> None:
    DiscretizedLogisticMixture().check(gray)
    with pytest.raises(ValueError, match=r"DiscretizedLogisticMixture .*2.*Gaussian"):
        DiscretizedLogisticMixture().check(2 * gray)
