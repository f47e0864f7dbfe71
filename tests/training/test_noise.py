"""Noise depends on seed and step alone."""

import itertools

import torch
from hypothesis import given
from hypothesis import strategies as st

from lr_lightning.training.noise import reparameterize, step_seed

CPU = torch.device("cpu")


@given(st.integers(0, 2**63), st.integers(0, 2**40))
def test_equal_seed_and_step_give_equal_draws(seed: int, step: int) -> None:
    state = torch.get_rng_state()
    first = torch.randn(5, generator=torch.Generator(CPU).manual_seed(step_seed(seed, step)))
    torch.rand(3)  # what others draw
    assert torch.equal(torch.randn(5, generator=torch.Generator(CPU).manual_seed(step_seed(seed, step))), first)
    torch.set_rng_state(state)


def test_leaves_the_global_generator_alone() -> None:
    state = torch.get_rng_state()
    torch.randn(5, generator=torch.Generator(CPU).manual_seed(step_seed(0, 1)))
    assert torch.equal(torch.get_rng_state(), state)


def test_seeds_and_steps_near_each_other_give_different_draws() -> None:
    draws = [
        torch.randn(5, generator=torch.Generator(CPU).manual_seed(step_seed(seed, step)))
        for seed in range(20)
        for step in range(20)
    ]
    assert not any(torch.equal(a, b) for a, b in itertools.combinations(draws, 2))


def test_sample_has_the_mean_and_variance_of_the_posterior() -> None:
    means, log_variances = torch.tensor([[2.0, -1.0]]), torch.tensor([[1.0, 4.0]]).log()
    samples = reparameterize(means.expand(10_000, 2), log_variances.expand(10_000, 2), torch.Generator().manual_seed(0))
    std = torch.tensor([1.0, 2.0])
    # Standard errors over 10,000 draws: std / 100 of the mean and std / sqrt(20,000) of the standard deviation; five.
    assert ((samples.mean(dim=0) - means[0]).abs() < 5 * std / 100).all()
    assert ((samples.std(dim=0) - std).abs() < 5 * std / 141).all()


def test_sample_passes_gradients_to_both_parameters() -> None:
    means = torch.zeros(1, 3, requires_grad=True)
    log_variances = torch.full((1, 3), 0.5, requires_grad=True)
    noise = torch.randn(1, 3, generator=torch.Generator().manual_seed(4))
    reparameterize(means, log_variances, torch.Generator().manual_seed(4)).sum().backward()  # type: ignore[no-untyped-call]
    assert means.grad is not None
    assert log_variances.grad is not None
    assert means.grad.tolist() == [[1.0, 1.0, 1.0]]
    # d/dv of noise * exp(v / 2); products of a few numbers of order 1
    torch.testing.assert_close(log_variances.grad, 0.5 * noise * 2.718281828**0.25, rtol=1e-6, atol=0)
