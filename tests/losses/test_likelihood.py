"""Likelihoods against torch.distributions, exact cases and precision."""

import math

import pytest
import torch
from torch import Tensor
from torch.distributions import Bernoulli as TorchBernoulli
from torch.distributions import Laplace as TorchLaplace
from torch.distributions import Normal

from lr_lightning.losses import Bernoulli, Gaussian, Laplace, Likelihood


@pytest.fixture
def raw() -> Tensor:
    """What a decoder gives for 5 images (3, 4, 4)."""
    return 3 * torch.randn(5, 3, 4, 4, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def gray() -> Tensor:
    """Five images (3, 4, 4) with values between 0 and 1, both included."""
    images = torch.rand(5, 3, 4, 4, generator=torch.Generator().manual_seed(1))
    images[:, 0, 0] = torch.tensor([0.0, 1.0, 0.0, 1.0])
    return images


def assert_equal_sums(actual: Tensor, expected: Tensor) -> None:
    """A sum of 48 float32 terms is off by at most 48 half round-offs of its size, 48 * 6e-8 = 3e-6 of it."""
    torch.testing.assert_close(actual.double(), expected, rtol=3e-6, atol=1e-6)


def test_bernoulli_of_binary_data_is_the_log_probability(raw: Tensor, gray: Tensor) -> None:
    binary = (gray > 0.5).float()
    pixels = TorchBernoulli(logits=raw.double()).log_prob(binary.double())  # type: ignore[no-untyped-call]
    expected = -pixels.sum(dim=(1, 2, 3))
    assert_equal_sums(Bernoulli().negative_log_likelihood(raw, binary), expected)


def test_bernoulli_of_gray_data_is_the_cross_entropy(raw: Tensor, gray: Tensor) -> None:
    p, x = raw.double().sigmoid(), gray.double()
    expected = -(x * p.log() + (1 - x) * (1 - p).log()).sum(dim=(1, 2, 3))
    assert_equal_sums(Bernoulli().negative_log_likelihood(raw, gray), expected)


def test_subtracting_the_entropy(gray: Tensor) -> None:
    logits = gray.logit(eps=1e-7)  # finite for the pixels that are 0 or 1
    likelihood = Bernoulli(subtract_entropy=True)
    # The difference of two sums of at most 48 log 2 = 33 nats, each with the round-off of assert_equal_sums; what the
    # finite logits leave out, 1e-7 a pixel, is far less.
    torch.testing.assert_close(likelihood.negative_log_likelihood(logits, gray), torch.zeros(5), rtol=0, atol=2e-4)
    assert Bernoulli().negative_log_likelihood(logits, gray).min() > 10


def test_subtracting_the_entropy_does_not_depend_on_the_model(raw: Tensor, gray: Tensor) -> None:
    entropy = [
        Bernoulli().negative_log_likelihood(r, gray) - Bernoulli(subtract_entropy=True).negative_log_likelihood(r, gray)
        for r in (raw, torch.zeros_like(raw))
    ]
    pixels = TorchBernoulli(probs=gray.double()).entropy()  # type: ignore[no-untyped-call]
    expected = pixels.sum(dim=(1, 2, 3))
    # The losses are below 200 nats, whose float32 round-off of 48 terms is 200 * 3e-6.
    for found in entropy:
        torch.testing.assert_close(found.double(), expected, rtol=0, atol=6e-4)


@pytest.mark.parametrize("std", [1.0, 0.3])
def test_gaussian_is_the_log_probability_up_to_its_constant(raw: Tensor, gray: Tensor, std: float) -> None:
    pixels = Normal(raw.double(), std).log_prob(gray.double())  # type: ignore[no-untyped-call]
    expected = -pixels.sum(dim=(1, 2, 3)) - 24 * math.log(2 * math.pi)
    learned = Gaussian(std, learn_std=True).negative_log_likelihood(raw, gray)
    fixed = Gaussian(std).negative_log_likelihood(raw, gray)
    assert_equal_sums(learned, expected)
    assert_equal_sums(fixed, expected - 48 * math.log(std))


def test_learned_std_is_the_rms_residual(raw: Tensor, gray: Tensor) -> None:
    likelihood = Gaussian(std=1.0, learn_std=True)
    optimizer = torch.optim.LBFGS(likelihood.parameters(), line_search_fn="strong_wolfe", max_iter=50)

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = likelihood.negative_log_likelihood(raw, gray).mean()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    optimizer.step(closure)  # type: ignore[no-untyped-call]
    expected = (raw.double() - gray.double()).square().mean().sqrt().log()
    # The loss is 2 n = 96 times the squared distance from the optimum of log_scale; below a round-off of 3e-6 of a
    # loss of about 80 nats it is flat, which leaves sqrt(80 * 3e-6 / 96) = 0.0016.
    assert likelihood.log_scale.item() == pytest.approx(expected.item(), abs=0.002)


@pytest.mark.parametrize("scale", [1.0, 0.3])
def test_laplace_is_the_log_probability_up_to_its_constant(raw: Tensor, gray: Tensor, scale: float) -> None:
    pixels = TorchLaplace(raw.double(), scale).log_prob(gray.double())  # type: ignore[no-untyped-call]
    expected = -pixels.sum(dim=(1, 2, 3)) - 48 * math.log(2)
    learned = Laplace(scale, learn_scale=True).negative_log_likelihood(raw, gray)
    fixed = Laplace(scale).negative_log_likelihood(raw, gray)
    assert_equal_sums(learned, expected)
    assert_equal_sums(fixed, expected - 48 * math.log(scale))


def test_learned_scale_is_the_mean_absolute_error(raw: Tensor, gray: Tensor) -> None:
    error = (raw.double() - gray.double()).abs().mean().item()
    slopes = []
    for scale in (0.5 * error, error, 2 * error):
        likelihood = Laplace(scale, learn_scale=True)
        likelihood.negative_log_likelihood(raw, gray).mean().backward()  # type: ignore[no-untyped-call]
        assert likelihood.log_scale.grad is not None
        slopes.append(likelihood.log_scale.grad.item())
    # d/d log b of sum |x| / b + n log b is n (1 - error / b), with the round-off of 48 float32 terms.
    assert slopes == pytest.approx([-48, 0, 24], abs=1e-3)


def test_fixed_scale_is_not_trained(raw: Tensor, gray: Tensor) -> None:
    likelihood = Laplace(0.5)
    likelihood.negative_log_likelihood(raw.requires_grad_(), gray).sum().backward()  # type: ignore[no-untyped-call]
    assert likelihood.log_scale.grad is None
    assert likelihood.state_dict()["log_scale"].exp().item() == pytest.approx(0.5)


def test_fixed_std_is_not_trained(raw: Tensor, gray: Tensor) -> None:
    likelihood = Gaussian(0.5)
    likelihood.negative_log_likelihood(raw.requires_grad_(), gray).sum().backward()  # type: ignore[no-untyped-call]
    assert likelihood.log_scale.grad is None
    assert likelihood.state_dict()["log_scale"].exp().item() == pytest.approx(0.5)


def test_means_are_in_data_range(raw: Tensor) -> None:
    torch.testing.assert_close(Bernoulli().mean(raw), 1 / (1 + (-raw).exp()), rtol=0, atol=1e-6)  # values below 1
    assert torch.equal(Gaussian().mean(raw), raw)
    assert torch.equal(Laplace().mean(raw), raw)


@pytest.mark.parametrize("likelihood", [Bernoulli(), Bernoulli(subtract_entropy=True), Gaussian(0.1), Laplace(0.1)])
def test_computes_in_float32(likelihood: Likelihood, raw: Tensor, gray: Tensor) -> None:
    half = raw.bfloat16()
    loss = likelihood.negative_log_likelihood(half, gray)
    assert (loss.dtype, likelihood.mean(half).dtype) == (torch.float32, torch.float32)
    # The same numbers, first in float32: equal to the bit, where sums in bfloat16 would be off by 0.4%.
    assert torch.equal(loss, likelihood.negative_log_likelihood(half.float(), gray))


@pytest.mark.parametrize("likelihood", [Bernoulli(), Bernoulli(subtract_entropy=True), Gaussian(0.1), Laplace(0.1)])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_observations_in_lower_precision(likelihood: Likelihood, dtype: torch.dtype, raw: Tensor, gray: Tensor) -> None:
    observations = gray.to(dtype)
    loss = likelihood.negative_log_likelihood(raw, observations)
    # Sums in bfloat16 would be off by 0.4%; float32 rounds each of some dozen terms by 6e-8 of it.
    torch.testing.assert_close(
        loss.double(), likelihood.negative_log_likelihood(raw, observations.float()).double(), rtol=1e-5, atol=1e-5
    )


@pytest.mark.parametrize("std", [0.0, -1.0, float("nan")])
def test_rejects_a_std_that_is_not_positive(std: float) -> None:
    with pytest.raises(ValueError, match=rf"std.*{std}"):
        Gaussian(std)


@pytest.mark.parametrize("scale", [0.0, -1.0, float("nan")])
def test_rejects_a_scale_that_is_not_positive(scale: float) -> None:
    with pytest.raises(ValueError, match=rf"scale.*{scale}"):
        Laplace(scale)
