"""Permutations of latents, and the discriminator's estimates compared with closed forms."""

import math

import pytest
import torch
from scipy.stats import chisquare, multivariate_normal, norm
from torch import Tensor
from torch.nn import functional as F

from lr_lightning.losses import (
    density_ratio_total_correlation,
    discriminator_accuracy,
    discriminator_loss,
    permute_latents,
)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def logits() -> tuple[Tensor, Tensor]:
    """Logits of five codes as they are and of three permuted ones."""
    return torch.randn(5, 2, generator=generator(1)), torch.randn(3, 2, generator=generator(2))


def test_permutation_keeps_the_values_of_each_latent() -> None:
    codes = torch.randn(64, 5, generator=generator())
    permuted = permute_latents(codes, generator(1))
    assert torch.equal(permuted.sort(dim=0).values, codes.sort(dim=0).values)
    assert not (permuted == codes).all(dim=0).any()


def test_each_latent_has_its_own_uniform_permutation() -> None:
    draws, source = 7200, generator()
    codes = torch.arange(3.0).repeat(2, 1).T  # (3, 2), the same values in both latents
    counts: dict[tuple[float, ...], int] = {}
    for _ in range(draws):
        key = tuple(permute_latents(codes, source).flatten().tolist())
        counts[key] = counts.get(key, 0) + 1
    # 6 permutations of either latent in all 36 pairs, about 200 times each; whole codes permuted would give 6 pairs.
    assert len(counts) == 36
    assert chisquare(list(counts.values())).pvalue > 1e-3


def test_permutation_depends_on_the_generator_alone() -> None:
    codes = torch.randn(8, 3, generator=generator())
    state = torch.get_rng_state()
    first, second, other = (permute_latents(codes, generator(seed)) for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(first, second)
    assert not torch.equal(first, other)


def test_single_code_stays_as_it_is() -> None:
    assert torch.equal(permute_latents(torch.ones(1, 4), generator()), torch.ones(1, 4))


@pytest.mark.parametrize("correlation", [0.0, 0.5, -0.9])
def test_optimal_discriminator_of_gaussians(correlation: float) -> None:
    matrix = torch.tensor([[1.0, correlation], [correlation, 1.0]], dtype=torch.float64)
    codes = torch.randn(20_000, 2, generator=generator(), dtype=torch.float64) @ torch.linalg.cholesky(matrix).T
    densities = multivariate_normal(cov=matrix.numpy()).logpdf(codes), norm.logpdf(codes).sum(axis=1)
    logits = torch.stack([torch.from_numpy(density) for density in densities], dim=1)
    # The log ratio has a standard deviation of |correlation|, so that five standard errors are 0.036 at most.
    found = density_ratio_total_correlation(logits).item()
    assert found == pytest.approx(-0.5 * math.log(1 - correlation**2), abs=1e-6 + 5 * abs(correlation) / 20_000**0.5)


def test_total_correlation_is_the_logit_difference() -> None:
    assert density_ratio_total_correlation(torch.tensor([[3.0, 1.0], [0.0, 6.0]])).item() == -2.0


def test_loss_averages_both_cross_entropies(logits: tuple[Tensor, Tensor]) -> None:
    joint, permuted = logits
    expected = F.cross_entropy(joint, torch.zeros(5).long()) / 2 + F.cross_entropy(permuted, torch.ones(3).long()) / 2
    torch.testing.assert_close(discriminator_loss(joint, permuted), expected)


def test_loss_of_the_paper(logits: tuple[Tensor, Tensor]) -> None:
    joint, permuted = logits[0][:3], logits[1]
    probability = (joint[:, 0] - joint[:, 1]).sigmoid(), (permuted[:, 0] - permuted[:, 1]).sigmoid()
    expected = -(probability[0].log().sum() + (1 - probability[1]).log().sum()) / (2 * 3)
    torch.testing.assert_close(discriminator_loss(joint, permuted), expected)


def test_loss_of_an_uninformative_discriminator() -> None:
    assert discriminator_loss(torch.zeros(4, 2), torch.zeros(6, 2)).item() == pytest.approx(math.log(2))


def test_loss_has_gradients_at_extreme_logits() -> None:
    logits = torch.tensor([[-20.0, 20.0]], requires_grad=True)
    loss = discriminator_loss(logits, logits.detach())
    torch.autograd.backward(loss)
    # Sure and wrong about one of two codes: (40 + 0) / 2 nats. With probabilities clipped at 1e-6, as in peers' code,
    # it would be 6.9, without a gradient.
    assert loss.item() == pytest.approx(20.0)
    torch.testing.assert_close(logits.grad, torch.tensor([[-0.5, 0.5]]))


def test_accuracy_is_the_mean_over_both_kinds() -> None:
    joint = torch.tensor([[1.0, 0.0], [0.0, 1.0], [3.0, 2.0], [2.0, 1.0]])  # three of four right
    permuted = torch.tensor([[1.0, 0.0], [0.0, 1.0]])  # one of two right
    assert discriminator_accuracy(joint, permuted).item() == (3 / 4 + 1 / 2) / 2


def test_all_are_float32_for_logits_of_lower_precision(logits: tuple[Tensor, Tensor]) -> None:
    joint, permuted = (x.bfloat16() for x in logits)
    results = [
        density_ratio_total_correlation(joint),
        discriminator_loss(joint, permuted),
        discriminator_accuracy(joint, permuted),
    ]
    assert {result.dtype for result in results} == {torch.float32}
    torch.testing.assert_close(results[1], discriminator_loss(joint.float(), permuted.float()))
