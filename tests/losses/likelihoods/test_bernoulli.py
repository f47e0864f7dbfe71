"""Bernoulli likelihood against torch.distributions."""

import itertools
import math

import pytest
import torch
from torch import Tensor
from torch.autograd import gradgradcheck
from torch.distributions import Bernoulli as TorchBernoulli
from torch.nn import functional

from lr_lightning.losses import Bernoulli
from lr_lightning.losses.likelihoods.bernoulli import cross_entropy
from tests.losses.likelihoods.sums import assert_equal_sums


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


@pytest.mark.parametrize("value", [-0.01, 1.01])
def test_refuses_observations_without_a_bound(gray: Tensor, value: float) -> None:
    Bernoulli().check(gray)
    with pytest.raises(ValueError, match=rf"Bernoulli .*{value}.*Gaussian"):
        Bernoulli().check(torch.cat([gray.flatten(), torch.tensor([value])]))


@pytest.mark.parametrize("scale", [0.1, 3.0, 40.0])
def test_errors_and_gradients_are_those_of_the_exact_cross_entropy(scale: float) -> None:
    generator = torch.Generator().manual_seed(0)
    logits = (scale * torch.randn(4000, generator=generator)).requires_grad_()
    observations = torch.rand(4000, generator=generator).requires_grad_()
    found = cross_entropy(logits, observations)
    exact = functional.binary_cross_entropy_with_logits(logits.double(), observations.double(), reduction="none")
    # each of four operations rounds by at most half an ulp of the largest term, or of the sigmoid near 1
    bound = 2 * torch.finfo(torch.float32).eps * (1 + logits.abs().max().item())
    assert (found - exact).abs().max() < bound
    for gradient, other in zip(
        torch.autograd.grad(found.sum(), [logits, observations]),
        torch.autograd.grad(exact.sum(), [logits, observations]),
        strict=True,
    ):
        torch.testing.assert_close(gradient, other, rtol=1e-6, atol=2e-7)


def test_logits_of_zero_and_of_any_size() -> None:
    logits = torch.tensor([0.0, 200.0, -200.0], requires_grad=True)
    found = cross_entropy(logits, torch.tensor([0.25, 1.0, 0.0]))
    assert found.tolist() == pytest.approx([math.log(2), 0.0, 0.0])
    [gradient] = torch.autograd.grad(found.sum(), logits)
    assert gradient.tolist() == [0.25, 0.0, 0.0]


def test_second_derivatives_and_batches_of_functions() -> None:
    logits = torch.randn(3, 4, dtype=torch.float64, requires_grad=True)
    observations = torch.rand(3, 4, dtype=torch.float64)
    assert gradgradcheck(lambda raw: cross_entropy(raw, observations), logits)
    each = torch.vmap(cross_entropy)(logits.detach(), observations)
    assert torch.equal(each, cross_entropy(logits.detach(), observations))


def test_results_do_not_depend_on_the_layout_in_memory() -> None:
    generator = torch.Generator().manual_seed(0)
    logits, observations = (torch.rand(2, 3, 4, 5, generator=generator) for _ in range(2))
    layouts = [torch.contiguous_format, torch.channels_last]
    expected = cross_entropy(logits, observations)
    for one, other in itertools.product(layouts, layouts):
        raw = logits.clone(memory_format=one).requires_grad_()
        targets = observations.clone(memory_format=other).requires_grad_()
        values = cross_entropy(raw, targets)
        assert torch.equal(values, expected)
        assert values.is_contiguous(memory_format=one)  # that of the logits, so that the backward pass has one layout
        by_raw, by_targets = torch.autograd.grad(values.sum(), [raw, targets])
        torch.testing.assert_close(by_raw, logits.sigmoid() - observations)
        torch.testing.assert_close(by_targets, -logits)
