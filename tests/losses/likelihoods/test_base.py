"""What all likelihoods have in common: precision, finite gradients, and probabilities of 8-bit values."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from scipy.stats import laplace, logistic, norm
from torch import Tensor

from lr_lightning.losses import LIKELIHOODS, Bernoulli, DiscretizedLogisticMixture, Gaussian, Laplace, Likelihood

ALL = [
    Bernoulli(),
    Bernoulli(subtract_entropy=True),
    Gaussian(0.1),
    Gaussian(optimal_std=True),
    Laplace(0.1),
    DiscretizedLogisticMixture(2),
]
LEVELS = torch.arange(256) / 255
"""The values of 8-bit images, each a batch entry of a single value."""


def parameters(likelihood: Likelihood, raw: Tensor) -> Tensor:
    """Return an output of a decoder with as many parameters as the likelihood has."""
    return torch.cat([raw.roll(i, dims=-1) for i in range(likelihood.parameters_per_value)], dim=1)


def logistic_of(scale: float, mean: float) -> tuple[Likelihood, Tensor]:
    """Return a mixture of one logistic distribution, and its parameters, for a mean and a scale in data units."""
    raw = torch.tensor([0.0, 2 * mean - 1, 2 * scale]).view(1, 3, 1)
    raw[:, 2].log_()
    return DiscretizedLogisticMixture(1), raw


KINDS: dict[str, tuple[Callable[[float, float], tuple[Likelihood, Tensor]], Any]] = {
    "gaussian": (lambda scale, mean: (Gaussian(scale), torch.full((1, 1, 1), mean)), norm),
    "optimal": (lambda scale, mean: (Gaussian(scale, optimal_std=True).eval(), torch.full((1, 1, 1), mean)), norm),
    "laplace": (lambda scale, mean: (Laplace(scale), torch.full((1, 1, 1), mean)), laplace),
    "logistic": (logistic_of, logistic),
}
"""Makers of a likelihood and the parameters of one value from scale and mean, and the distribution in SciPy."""


def probabilities(likelihood: Likelihood, raw: Tensor) -> Tensor:
    """Return the probabilities of the 256 values for the parameters (1, P, 1) of a single value, float64."""
    log_probability = likelihood.negative_log_probability(raw.expand(256, -1, -1), LEVELS.view(-1, 1, 1))
    assert log_probability is not None
    assert log_probability.isfinite().all()
    return (-log_probability.double()).exp()


def test_every_likelihood_is_here() -> None:
    assert {type(likelihood).__name__ for likelihood in ALL} == {*LIKELIHOODS}


@pytest.mark.parametrize("likelihood", ALL, ids=lambda x: type(x).__name__)
def test_computes_in_float32(likelihood: Likelihood, raw: Tensor, gray: Tensor) -> None:
    half = parameters(likelihood, raw).bfloat16()
    loss = likelihood.negative_log_likelihood(half, gray)
    assert (loss.dtype, likelihood.mean(half).dtype) == (torch.float32, torch.float32)
    # The same numbers, first in float32: equal to the bit, where sums in bfloat16 would be off by 0.4%.
    assert torch.equal(loss, likelihood.negative_log_likelihood(half.float(), gray))


@pytest.mark.parametrize("likelihood", ALL, ids=lambda x: type(x).__name__)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_observations_in_lower_precision(likelihood: Likelihood, dtype: torch.dtype, raw: Tensor, gray: Tensor) -> None:
    observations, output = gray.to(dtype), parameters(likelihood, raw)
    loss = likelihood.negative_log_likelihood(output, observations)
    # Sums in bfloat16 would be off by 0.4%; float32 rounds each of some dozen terms by 6e-8 of it.
    torch.testing.assert_close(
        loss.double(), likelihood.negative_log_likelihood(output, observations.float()).double(), rtol=1e-5, atol=1e-5
    )


@pytest.mark.parametrize("likelihood", ALL, ids=lambda x: type(x).__name__)
def test_memory_format_does_not_matter(likelihood: Likelihood, raw: Tensor, gray: Tensor) -> None:
    output = parameters(likelihood, raw)
    losses = [
        likelihood.negative_log_likelihood(output.contiguous(memory_format=form), gray)
        for form in (torch.contiguous_format, torch.channels_last)
    ]
    torch.testing.assert_close(losses[0], losses[1], rtol=1e-6, atol=0)


def test_means_are_in_data_range(raw: Tensor) -> None:
    torch.testing.assert_close(Bernoulli().mean(raw), 1 / (1 + (-raw).exp()), rtol=0, atol=1e-6)  # values below 1
    assert torch.equal(Gaussian().mean(raw), raw)
    assert torch.equal(Laplace().mean(raw), raw)


@pytest.mark.parametrize("size", [1e-3, 1.0, 1e3])
@pytest.mark.parametrize("likelihood", ALL, ids=lambda x: type(x).__name__)
def test_gradients_are_finite_at_the_ends(likelihood: Likelihood, size: float, raw: Tensor, gray: Tensor) -> None:
    for ends in (gray.round(), gray, torch.zeros_like(gray), torch.ones_like(gray)):
        output = (size * parameters(likelihood, raw)).requires_grad_()
        likelihood.negative_log_likelihood(output, ends).sum().backward()  # type: ignore[no-untyped-call]
        assert output.grad is not None
        assert output.grad.isfinite().all()
        assert output.grad.abs().max() > 0


@pytest.mark.parametrize("mean", [-3.0, 0.0, 0.5 / 255, 0.3, 1.0, 1.5])
@pytest.mark.parametrize("scale", [1e-12, 1e-6, 5e-4, 1e-2, 0.1, 1.0, 1e2, 1e9, 1e25])
@pytest.mark.parametrize("kind", KINDS)
def test_probabilities_sum_to_one(kind: str, scale: float, mean: float) -> None:
    likelihood, raw = KINDS[kind][0](scale, mean)
    # float32 rounds the distance from the mean, in units of the scale
    assert probabilities(likelihood, raw).sum().item() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("mean", [-0.5, 0.0, 0.3, 1.0])
@pytest.mark.parametrize("scale", [2e-3, 0.03, 0.5, 4.0])
@pytest.mark.parametrize("kind", KINDS)
def test_probabilities_are_those_of_the_bins(kind: str, scale: float, mean: float) -> None:
    make, distribution = KINDS[kind]
    edges = [-float("inf"), *((torch.arange(255, dtype=torch.float64) + 0.5) / 255).tolist(), float("inf")]
    likelihood, raw = make(scale, mean)
    # The smaller of the two tails keeps its digits
    left, right = (torch.tensor(f(edges, mean, scale)) for f in (distribution.cdf, distribution.sf))
    expected = torch.where(left[1:] < 0.5, left.diff(), -right.diff())
    torch.testing.assert_close(probabilities(likelihood, raw), expected, rtol=2e-4, atol=1e-14)


@pytest.mark.parametrize("kind", KINDS)
def test_all_values_of_an_image_count(kind: str) -> None:
    likelihood, raw = KINDS[kind][0](0.1, 0.4)
    images = LEVELS[torch.randint(256, (5, 3, 4, 4), generator=torch.Generator().manual_seed(0))]
    found = likelihood.negative_log_probability(raw[..., None].repeat_interleave(3, dim=1).expand(5, -1, 4, 4), images)
    log_probabilities = probabilities(likelihood, raw).log()
    expected = -log_probabilities[(images * 255).round().long()].sum(dim=(1, 2, 3))
    assert found is not None
    torch.testing.assert_close(found.double(), expected, rtol=1e-5, atol=0)


def test_there_is_no_probability_of_gray_values_without_a_distribution(raw: Tensor, gray: Tensor) -> None:
    assert Bernoulli().negative_log_probability(raw, gray) is None
    assert Likelihood().negative_log_probability(raw, gray) is None
