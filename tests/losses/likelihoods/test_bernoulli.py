"""Bernoulli likelihood against torch.distributions."""

import pytest
import torch
from torch import Tensor
from torch.distributions import Bernoulli as TorchBernoulli

from lr_lightning.losses import Bernoulli
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
