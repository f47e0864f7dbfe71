"""Discrepancy from the prior: independent sums, bias, closed form, gradients and precision."""

import math

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given, settings
from scipy.special import exp1
from torch import Tensor

from lr_lightning.losses import discrepancy_from_prior, squared_discrepancy

SCALES = (0.1, 0.2, 0.5, 1, 2, 5, 10)  # of the authors' code


def draws(count: int, dim: int, seed: int, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(count, dim, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def kernel(a: Tensor, b: Tensor) -> float:
    squared = float((a - b).square().sum())
    return sum(2 * len(a) * s / (2 * len(a) * s + squared) for s in SCALES)


def plain(x: Tensor, y: Tensor) -> float:
    pairs = [(i, j) for i in range(len(x)) for j in range(len(x))]
    apart = [(i, j) for i, j in pairs if i != j]
    within = sum(kernel(x[i], x[j]) + kernel(y[i], y[j]) for i, j in apart) / len(apart)
    return within - 2 * sum(kernel(x[i], y[j]) for i, j in pairs) / len(pairs)


def expected_kernel(variance: float) -> float:
    """Return E k(x, y) for x - y ~ N(0, variance I) in the plane, where |x - y|^2 / (2 variance) is exponential."""
    ratios = [2 * 2 * s / (2 * variance) for s in SCALES]
    return sum(float(r * math.exp(r) * exp1(r)) for r in ratios)


def test_is_the_double_sum() -> None:
    x, y = draws(7, 3, 0), 1 + 2 * draws(7, 3, 1)
    assert squared_discrepancy(x, y).item() == pytest.approx(plain(x, y), abs=1e-12)  # round-off of sums below 14


def test_diagonal_terms_are_excluded() -> None:
    x, y = draws(7, 3, 0), 1 + 2 * draws(7, 3, 1)
    sums = [sum(kernel(a, b) for a in first for b in second) for first, second in ((x, x), (y, y), (x, y))]
    biased = (sums[0] + sums[1] - 2 * sums[2]) / 49
    # pythae subtracts the vector of the diagonal, 7 for each entry, from every row of the matrix
    from_rows = (sums[0] + sums[1] - 2 * 49 * 7) / (7 * 6) - 2 * sums[2] / 49
    found = squared_discrepancy(x, y).item()
    assert abs(found - biased) > 0.1
    assert abs(found - from_rows) > 1


def test_is_unbiased_where_the_distributions_are_equal() -> None:
    values = torch.stack([squared_discrepancy(draws(8, 4, s), draws(8, 4, 1000 + s)) for s in range(600)])
    error = values.std().item() / 600**0.5
    assert abs(values.mean().item()) < 5 * error
    assert error < 0.02  # the sum with the diagonal is off by 2 / 8 of 7 less the mean kernel, some 0.6
    assert values.min() < 0


def test_is_unbiased_for_normal_distributions_in_the_plane() -> None:
    spread = 2.0
    expected = expected_kernel(2) + expected_kernel(2 * spread**2) - 2 * expected_kernel(1 + spread**2)
    values = torch.stack([squared_discrepancy(spread * draws(16, 2, s), draws(16, 2, 900 + s)) for s in range(500)])
    error = values.std().item() / 500**0.5
    assert abs(values.mean().item() - expected) < 5 * error
    assert error < expected / 15


def test_tends_to_the_closed_form_in_one_large_sample() -> None:
    expected = expected_kernel(2) + expected_kernel(18) - 2 * expected_kernel(10)
    # The estimate's standard deviation is about 2 / sqrt(800) times that of a mean kernel, below .7: five of these.
    assert squared_discrepancy(3 * draws(800, 2, 0), draws(800, 2, 1)).item() == pytest.approx(expected, abs=0.25)
    assert expected > 1


@settings(max_examples=15, deadline=None, derandomize=True)
@given(seed=st.integers(0, 1000), angle=st.floats(0, 6.0), shift=st.floats(-5, 5))
def test_invariances(seed: int, angle: float, shift: float) -> None:
    x, y = draws(9, 2, seed), draws(9, 2, seed + 1) + 0.5
    rotation = torch.tensor([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]]).double()
    before = squared_discrepancy(x, y).item()
    assert squared_discrepancy(y, x).item() == pytest.approx(before, abs=1e-12)
    assert squared_discrepancy(x.flip(0), y).item() == pytest.approx(before, abs=1e-12)
    # The rotation is rounded to float32, which turns and stretches by 1e-7.
    assert squared_discrepancy(x @ rotation + shift, y @ rotation + shift).item() == pytest.approx(before, abs=1e-5)


def test_gradients_are_finite_differences() -> None:
    x, y = draws(5, 3, 0).requires_grad_(), draws(5, 3, 1).requires_grad_()
    assert torch.autograd.gradcheck(squared_discrepancy, (x, y))


def test_descending_it_brings_codes_to_the_prior() -> None:
    prior, codes = draws(32, 2, 1), (3 + 0.1 * draws(32, 2, 0)).requires_grad_()
    assert squared_discrepancy(codes, draws(32, 2, 2)) > 3
    optimizer = torch.optim.Adam([codes], lr=0.1)
    for _ in range(100):
        optimizer.zero_grad()
        squared_discrepancy(codes, prior).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    # Two samples of 32 from one distribution differ by up to .2 or so; the codes fit one of them.
    assert squared_discrepancy(codes, draws(32, 2, 2)) < 0.5


def test_mixed_precision_changes_nothing() -> None:
    x, y = draws(16, 3, 0, torch.float32), draws(16, 3, 1, torch.float32)
    with torch.autocast("cpu", torch.bfloat16):
        mixed = squared_discrepancy(x, y)
    assert mixed.dtype == torch.float32
    assert torch.equal(mixed, squared_discrepancy(x, y))
    assert mixed == squared_discrepancy(x.double(), y.double()).float()


def test_prior_samples() -> None:
    codes = 1 + draws(6, 3, 0, torch.float32)
    found = discrepancy_from_prior(codes, torch.Generator().manual_seed(7))
    prior = draws(6, 3, 7, torch.float32)
    assert found.item() == pytest.approx(plain(codes.double(), prior.double()), abs=1e-6)


def test_a_single_code_has_no_pairs() -> None:
    assert discrepancy_from_prior(torch.ones(1, 3), torch.Generator()).item() == 0


@pytest.mark.parametrize(
    ("x", "y"),
    [
        (torch.zeros(1, 2), torch.zeros(1, 2)),
        (torch.zeros(4, 2), torch.zeros(5, 2)),
        (torch.zeros(4, 2), torch.zeros(4, 3)),
        (torch.zeros(4), torch.zeros(4)),
    ],
)
def test_rejects_other_shapes(x: Tensor, y: Tensor) -> None:
    with pytest.raises(ValueError, match=r"first and second.*\(B, D\)"):
        squared_discrepancy(x, y)
