"""Maximum mean discrepancy: closed forms, independent sums, null distribution and standard error."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import exp1
from torch import Tensor

from lr_lightning.assays.maximum_mean_discrepancy import maximum_mean_discrepancy


def draws(count: int, dim: int, seed: int) -> Tensor:
    return torch.randn(count, dim, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def expected_kernel(variance: float, constant: float) -> float:
    """Return E[C / (C + |d|^2)] for d ~ N(0, variance I) in the plane, where |d|^2 / (2 variance) is exponential."""
    ratio = constant / (2 * variance)
    return float(ratio * math.exp(ratio) * exp1(ratio))


def plain(x: Tensor, y: Tensor, constant: float) -> float:
    total = 0.0
    for i in range(len(x)):
        for j in range(len(x)):
            if i != j:
                for a, b, sign in ((x, x, 1), (y, y, 1), (x, y, -1), (y, x, -1)):
                    total += sign * constant / (constant + float((a[i] - b[j]).square().sum()))
    return total / (len(x) * (len(x) - 1))


def test_is_the_double_sum() -> None:
    x, y = draws(12, 3, 0), draws(12, 3, 1) + 1
    found = maximum_mean_discrepancy(x, y, num_permutations=0)
    assert found.squared.item() == pytest.approx(plain(x, y, 3.0), abs=1e-12)
    assert maximum_mean_discrepancy(x, y, constant=0.7).squared.item() == pytest.approx(plain(x, y, 0.7), abs=1e-12)
    assert found.p_value.isnan()


def test_standard_error_is_the_jackknife() -> None:
    x, y = draws(12, 3, 0), draws(12, 3, 1) * 2 + 1
    rest = [torch.arange(12) != i for i in range(12)]
    without = torch.tensor([plain(x[kept], y[kept], 3.0) for kept in rest], dtype=torch.float64)
    expected = (11 / 12 * (without - without.mean()).square().sum()).sqrt()
    found = maximum_mean_discrepancy(x, y, num_permutations=0).standard_error
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=0)


@pytest.mark.parametrize("paired", [False, True])
def test_closed_form_for_normal_distributions_in_the_plane(paired: bool) -> None:
    spread, constant = 2.0, 2.0
    x = draws(3000, 2, 0)
    y = spread * (x if paired else draws(3000, 2, 1))
    expected = (
        expected_kernel(2, constant)
        + expected_kernel(2 * spread**2, constant)
        - 2 * expected_kernel(1 + spread**2, constant)
    )
    found = maximum_mean_discrepancy(x, y, num_permutations=50)
    assert abs(found.squared.item() - expected) < 5 * found.standard_error.item()
    assert found.standard_error.item() < expected / 5
    assert found.p_value.item() == pytest.approx(1 / 51)


def test_is_exactly_zero_for_a_sample_and_itself() -> None:
    x = draws(50, 4, 0)
    found = maximum_mean_discrepancy(x, x)
    assert found.squared.item() == 0
    assert found.standard_error.item() == 0
    assert found.p_value.item() == 1


def test_equal_distributions() -> None:
    runs = [maximum_mean_discrepancy(draws(40, 2, s), draws(40, 2, 1000 + s), num_permutations=99) for s in range(200)]
    values = torch.stack([run.squared for run in runs])
    assert abs(values.mean().item()) < 5 * values.std().item() / 200**0.5
    p_values = torch.stack([run.p_value for run in runs])
    # uniform p-values: a share of .1 below .1, give or take 4 standard deviations sqrt(.1 * .9 / 200) = .021
    assert 0.1 - 4 * 0.021 < (p_values <= 0.1).double().mean().item() < 0.1 + 4 * 0.021
    null = torch.cat([run.null for run in runs])
    assert null.std().item() == pytest.approx(values.std().item(), rel=0.25)


def test_standard_error_is_the_spread_over_repetitions() -> None:
    runs = [
        maximum_mean_discrepancy(draws(60, 2, s), 1 + draws(60, 2, 500 + s), num_permutations=0) for s in range(100)
    ]
    spread = torch.stack([run.squared for run in runs]).std().item()
    mean_error = torch.stack([run.standard_error for run in runs]).mean().item()
    assert mean_error == pytest.approx(spread, rel=0.35)  # the spread of 100 runs is known to 7 %; five of these


@settings(max_examples=10, deadline=None, derandomize=True)
@given(seed=st.integers(0, 1000), angle=st.floats(0, 6.0), shift=st.floats(-5, 5))
def test_invariances(seed: int, angle: float, shift: float) -> None:
    x, y = draws(15, 2, seed), draws(15, 2, seed + 1) + 0.5
    rotation = torch.tensor(
        [[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]], dtype=torch.float64
    )
    before = maximum_mean_discrepancy(x, y, num_permutations=0)
    after = maximum_mean_discrepancy(x @ rotation + shift, y @ rotation + shift, num_permutations=0)
    assert after.squared.item() == pytest.approx(before.squared.item(), abs=1e-12)
    assert after.standard_error.item() == pytest.approx(before.standard_error.item(), abs=1e-12)


def test_chunks_and_progress() -> None:
    x, y, seen = draws(30, 3, 0).float(), draws(30, 3, 1).float(), []
    before = x.clone()
    whole = maximum_mean_discrepancy(x, y)
    parts = maximum_mean_discrepancy(x, y, chunk_size=13, progress=lambda done, total: seen.append((done, total)))
    torch.testing.assert_close(parts.squared, whole.squared, rtol=0, atol=1e-14)
    torch.testing.assert_close(parts.null, whole.null, rtol=0, atol=1e-14)
    torch.testing.assert_close(parts.standard_error, whole.standard_error, rtol=0, atol=1e-14)
    assert seen == [(13, 30), (26, 30), (30, 30)]
    assert torch.equal(x, before)


@pytest.mark.parametrize(
    ("x", "y", "options", "message"),
    [
        (torch.zeros(2, 1), torch.zeros(2, 1), {}, "first .*got 2"),
        (torch.zeros(4, 1), torch.zeros(5, 1), {}, "second .*got 5 and 4"),
        (torch.zeros(4, 1), torch.zeros(4, 2), {}, "second .*shape"),
        (torch.zeros(4, 1), torch.full((4, 1), torch.nan), {}, "second .*finite"),
        (torch.zeros(4, 1), torch.zeros(4, 1), {"constant": 0.0}, "constant"),
        (torch.zeros(4, 1), torch.zeros(4, 1), {"constant": math.nan}, "constant .*finite"),
        (torch.zeros(4, 1), torch.zeros(4, 1), {"constant": math.inf}, "constant .*finite"),
        (torch.tensor(1.0), torch.zeros(4, 1), {}, r"first .*got \(\)"),
        (torch.zeros(4, 1), torch.zeros(4, 1), {"num_permutations": -1}, "num_permutations .*got -1"),
        (torch.zeros(4, 1), torch.zeros(4, 1), {"chunk_size": 0}, "chunk_size"),
    ],
)
def test_rejects(x: Tensor, y: Tensor, options: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        maximum_mean_discrepancy(x, y, **options)  # type: ignore[arg-type]


def test_biased_is_the_mean_of_all_pairs_with_its_jackknife() -> None:
    x, y = draws(12, 3, 0), draws(12, 3, 1) * 2 + 1

    def mean_of_all_pairs(kept: Tensor) -> float:
        kernels = [3 / (3 + torch.cdist(a, b).square()) for a, b in ((x, x), (y, y), (x, y))]
        own_first, own_second, across = (kernel[kept][:, kept].mean() for kernel in kernels)
        return float(own_first + own_second - 2 * across)

    found = maximum_mean_discrepancy(x, y, biased=True)
    assert found.biased
    assert found.squared.item() == pytest.approx(mean_of_all_pairs(torch.arange(12)), abs=1e-12)
    without = torch.tensor([mean_of_all_pairs(torch.arange(12) != i) for i in range(12)], dtype=torch.float64)
    expected = (11 / 12 * (without - without.mean()).square().sum()).sqrt()
    torch.testing.assert_close(found.standard_error, expected, rtol=1e-9, atol=0)
    unbiased = maximum_mean_discrepancy(x, y)
    assert found.p_value == unbiased.p_value  # the same terms are added to the estimate and to its null
    assert found.squared > unbiased.squared
