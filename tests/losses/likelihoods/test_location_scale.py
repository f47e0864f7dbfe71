"""Gaussian and Laplace likelihoods against torch.distributions and exact cases; the optimal variance."""

import math

import pytest
import torch
from torch import Tensor
from torch.distributions import Laplace as TorchLaplace
from torch.distributions import Normal

from lr_lightning.losses import Gaussian, Laplace
from tests.losses.likelihoods.sums import assert_equal_sums


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


@pytest.mark.parametrize("std", [0.0, -1.0, float("nan")])
def test_rejects_a_std_that_is_not_positive(std: float) -> None:
    with pytest.raises(ValueError, match=rf"std.*{std}"):
        Gaussian(std)


@pytest.mark.parametrize("scale", [0.0, -1.0, float("nan")])
def test_rejects_a_scale_that_is_not_positive(scale: float) -> None:
    with pytest.raises(ValueError, match=rf"scale.*{scale}"):
        Laplace(scale)


# The optimal variance


def test_optimal_loss_is_that_of_the_mean_squared_error(raw: Tensor, gray: Tensor) -> None:
    errors = raw.double() - gray.double()
    variance = errors.square().mean()
    expected = 24 * variance.log() + errors.square().sum(dim=(1, 2, 3)) / (2 * variance)
    likelihood = Gaussian(optimal_std=True)
    likelihood.negative_log_likelihood(3 * raw, gray)  # an earlier batch does not matter
    found = likelihood.negative_log_likelihood(raw, gray)
    assert_equal_sums(found, expected)
    assert found.double().mean().item() == pytest.approx((24 * variance.log() + 24).item(), rel=3e-6)
    # No other standard deviation has a lower loss
    for factor in (0.9, 1.1):
        other = Gaussian(factor * variance.sqrt().item(), learn_std=True).negative_log_likelihood(raw, gray)
        assert other.mean() > found.mean()


def test_optimal_gradient_is_that_of_the_log_error(raw: Tensor, gray: Tensor) -> None:
    """The gradient through the variance is 0, because it is a minimum."""
    first, second = (raw.clone().requires_grad_() for _ in range(2))
    Gaussian(optimal_std=True).negative_log_likelihood(first, gray).mean().backward()  # type: ignore[no-untyped-call]
    (24 * (second - gray).square().mean().log()).backward()  # type: ignore[no-untyped-call]
    torch.testing.assert_close(first.grad, second.grad, rtol=1e-5, atol=1e-7)


def test_optimal_std_has_a_minimum(gray: Tensor) -> None:
    output = (gray + 1e-4).requires_grad_()
    limited, fixed = Gaussian(optimal_std=True, min_std=0.01), Gaussian(0.01)
    gradients = []
    for likelihood in (limited, fixed):
        likelihood.negative_log_likelihood(output, gray).sum().backward()  # type: ignore[no-untyped-call]
        gradients.append(output.grad)
        output.grad = None
    torch.testing.assert_close(gradients[0], gradients[1])
    assert limited.log_scale.exp().item() == pytest.approx(0.01)
    loss = Gaussian(optimal_std=True).negative_log_likelihood(gray, gray)
    torch.testing.assert_close(loss, torch.full((5,), 48 * math.log(0.0025)))


def test_evaluation_uses_the_running_variance_of_training(raw: Tensor, gray: Tensor) -> None:
    likelihood = Gaussian(0.7, optimal_std=True)
    assert_equal_sums(
        likelihood.eval().negative_log_likelihood(raw, gray),
        Gaussian(0.7, True).negative_log_likelihood(raw, gray).double(),
    )
    variances = []
    for batch in range(14):
        likelihood.train().negative_log_likelihood(raw * (1 + batch), gray)
        variances.append((raw.double() * (1 + batch) - gray.double()).square().mean().item())
    expected = sum(variances[:10]) / 10
    for variance in variances[10:]:
        expected += 0.1 * (variance - expected)
    std = likelihood.log_scale.exp().item()
    assert std == pytest.approx(math.sqrt(expected), rel=1e-5)
    state = {name: value.clone() for name, value in likelihood.state_dict().items()}
    whole = likelihood.eval().negative_log_likelihood(raw, gray)
    alone = torch.cat([likelihood.negative_log_likelihood(r[None], g[None]) for r, g in zip(raw, gray, strict=True)])
    torch.testing.assert_close(whole, alone)
    torch.testing.assert_close(whole, Gaussian(std, learn_std=True).negative_log_likelihood(raw, gray))
    assert all(torch.equal(value, state[name]) for name, value in likelihood.state_dict().items())


def test_checkpoints_of_other_variances_stay_as_they_were() -> None:
    assert [*Gaussian(0.5).state_dict()] == [*Gaussian(0.5, learn_std=True).state_dict()] == ["log_scale"]
    assert [*Gaussian(optimal_std=True).state_dict()] == ["log_scale", "num_batches"]
    assert not [*Gaussian(optimal_std=True).parameters()]


def test_a_std_is_either_learned_or_optimal() -> None:
    with pytest.raises(ValueError, match=r"learn_std=True.*optimal_std=True"):
        Gaussian(learn_std=True, optimal_std=True)


@pytest.mark.parametrize("min_std", [0.0, -1.0])
def test_rejects_a_minimum_that_is_not_positive(min_std: float) -> None:
    with pytest.raises(ValueError, match=rf"min_std.*{min_std}"):
        Gaussian(optimal_std=True, min_std=min_std)
