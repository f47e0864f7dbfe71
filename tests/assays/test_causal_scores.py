"""Scores of conditioned response matrices."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from lr_lightning.assays import (
    ConditionedResponseMatrix,
    bootstrap_interval,
    causal_completeness_score,
    causal_disentanglement_score,
    owned_factors,
    permutation_null,
    reduce_traversals,
)

NAN_ROW = torch.full((1, 2), torch.nan)


def result_of(per_traversal: list[Tensor]) -> ConditionedResponseMatrix:
    """Wrap responses per traversal, one (T, D) per factor, as a result."""
    sizes = tuple(len(rows) for rows in per_traversal)
    matrix = reduce_traversals(per_traversal)
    return ConditionedResponseMatrix(matrix, tuple(per_traversal), sizes, 32, "paper", "mean", "diagonal")


@pytest.mark.parametrize(
    ("matrix", "disentanglement", "completeness"),
    [
        (torch.eye(3), 1, 1),
        (torch.ones(4, 5), 1 / 4, 1 / 5),
        (torch.tensor([[3.0, 0.0, 1.0], [1.0, 2.0, 0.0]]), (3 + 2 + 1) / 7, (3 + 2) / 7),
        (torch.cat([torch.eye(2), torch.eye(2)], dim=1), 1, 1 / 2),
    ],
)
def test_known_scores(matrix: Tensor, disentanglement: float, completeness: float) -> None:
    num_factors, dim = matrix.shape
    for score, expected, floor in (
        (causal_disentanglement_score, disentanglement, 1 / num_factors),
        (causal_completeness_score, completeness, 1 / dim),
    ):
        assert score(matrix).item() == pytest.approx(expected, abs=1e-12)
        assert score(100 * matrix).item() == pytest.approx(expected, abs=1e-12)
        assert score(matrix, normalized=True).item() == pytest.approx((expected - floor) / (1 - floor), abs=1e-12)


def test_column_normalized_weights() -> None:
    matrix = torch.tensor([[9.0, 1.0, 0.0], [0.0, 1.0, 0.0]])  # the last latent does not respond
    assert causal_disentanglement_score(matrix).item() == pytest.approx(10 / 11)
    by_latent = causal_disentanglement_score(matrix, weights="column-normalized")
    assert by_latent.item() == pytest.approx((1 + 0.5) / 2)
    complete = causal_completeness_score(matrix, weights="column-normalized")
    assert complete.item() == pytest.approx((1 + 0.5) / 2)


@given(seed=st.integers(0, 10_000), num_factors=st.integers(2, 6), dim=st.integers(2, 6))
def test_scores_lie_in_range_and_swap_under_transposition(seed: int, num_factors: int, dim: int) -> None:
    matrix = torch.rand(num_factors, dim, generator=torch.Generator().manual_seed(seed)).double()
    score = causal_disentanglement_score(matrix).item()
    assert 1 / num_factors - 1e-12 <= score <= 1 + 1e-12
    assert causal_completeness_score(matrix.T).item() == pytest.approx(score, abs=1e-12)


def test_factors_with_one_value_do_not_count() -> None:
    matrix = torch.tensor([[1.0, 1.0], [1.0, 1.0]])
    for score in (causal_disentanglement_score, causal_completeness_score, owned_factors):
        assert score(torch.cat([matrix, NAN_ROW])).equal(score(matrix))
    assert causal_disentanglement_score(torch.cat([matrix, NAN_ROW]), normalized=True) == 0


@pytest.mark.parametrize("matrix", [torch.zeros(2, 2), NAN_ROW, torch.tensor([[1.0, torch.nan], [1.0, 1.0]])])
def test_undefined_scores_are_nan_with_a_warning(matrix: Tensor) -> None:
    for score in (causal_disentanglement_score, causal_completeness_score):
        with pytest.warns(UserWarning, match="score undefined") as caught:
            assert score(matrix).isnan()
        assert len(caught) == 1


def test_one_factor_has_no_normalized_score() -> None:
    assert causal_disentanglement_score(torch.ones(1, 2)) == 1
    with pytest.warns(UserWarning, match="score undefined"):
        assert causal_disentanglement_score(torch.ones(1, 2), normalized=True).isnan()


def test_share_of_owned_factors() -> None:
    matrix = torch.tensor([[2.0, 1.0, 0.0, 0.001], [0.0, 0.5, 0.0, 0.0], [0.0, 0.0, 0.0, 0.002]])
    assert owned_factors(matrix).item() == pytest.approx(2 / 3)
    assert owned_factors(matrix, threshold=0.01).item() == pytest.approx(1 / 3)
    assert owned_factors(torch.zeros(2, 2)) == 0
    with pytest.warns(UserWarning, match="owned_factors"):
        assert owned_factors(NAN_ROW).isnan()


def test_rejects() -> None:
    with pytest.raises(ValueError, match=r"matrix .*got \(3,\)"):
        causal_disentanglement_score(torch.ones(3))
    with pytest.raises(ValueError, match=r"matrix .*got -1\.0"):
        causal_completeness_score(torch.tensor([[1.0, -1.0]]))
    with pytest.raises(ValueError, match=r"weights .*got 'latent'"):
        causal_disentanglement_score(torch.ones(2, 2), weights="latent")  # type: ignore[arg-type]
    result = result_of([torch.ones(2, 2)])
    with pytest.raises(ValueError, match=r"num_permutations .*got 0"):
        permutation_null(result, num_permutations=0)
    with pytest.raises(ValueError, match=r"level .*got 1"):
        bootstrap_interval(result, level=1, num_resamples=10)


@pytest.mark.parametrize("score", [causal_disentanglement_score, causal_completeness_score])
def test_permutation_null(score: Callable[[Tensor], Tensor]) -> None:
    generator = torch.Generator().manual_seed(0)
    rows = [torch.rand(20, 4, generator=generator).double() for _ in range(4)]
    structured = result_of([row + 3 * torch.eye(4)[c] for c, row in enumerate(rows)])
    null = permutation_null(structured, score, 99)
    assert null.score.equal(score(structured.matrix))
    assert null.p_value.item() == pytest.approx(1 / 100)
    assert null.null.max() < null.score
    if score is causal_disentanglement_score:  # shuffled labels make all factors alike, at the floor 1/K
        assert null.null.mean().item() == pytest.approx(1 / 4, abs=0.1)
    assert permutation_null(result_of(rows), score, 99).p_value > 0.01


def test_p_values_of_noise_are_uniform() -> None:
    generator = torch.Generator().manual_seed(0)
    p_values = torch.stack(
        [
            permutation_null(
                result_of([torch.rand(5, 3, generator=generator).double() for _ in range(3)]),
                num_permutations=19,
                generator=generator,
            ).p_value
            for _ in range(200)
        ]
    )
    # uniform on .05, .10, ..., 1: mean .525, standard deviation .288, standard error .0204; five of them
    assert p_values.mean().item() == pytest.approx(0.525, abs=0.102)


def test_coverage() -> None:
    truth = torch.eye(2).double() + 0.5
    generator, covered = torch.Generator().manual_seed(0), 0
    for _ in range(200):
        noisy = [row + 0.2 * torch.randn(30, 2, generator=generator).double() for row in truth]
        low, high = bootstrap_interval(result_of(noisy), level=0.8, num_resamples=100, generator=generator)
        covered += bool(low <= causal_disentanglement_score(truth) <= high)
    # binomial with p = .8: standard error of the share sqrt(.16 / 200) = .028; five of them
    assert covered / 200 == pytest.approx(0.8, abs=0.14)


@pytest.mark.parametrize("weight", [0.0, 0.1, 1.0])
def test_coverage_of_biased_scores(weight: float) -> None:
    truth = 1 + weight * torch.eye(3).double()  # with weight 0 no response depends on the factor
    expected = causal_disentanglement_score(truth)
    generator, covered, above = torch.Generator().manual_seed(0), 0, 0
    for _ in range(100):
        noisy = [row + 0.5 * torch.rand(10, 3, generator=generator).double() - 0.25 for row in truth]
        low, high = bootstrap_interval(result_of(noisy), num_resamples=60, generator=generator)
        covered += bool(low <= expected <= high)
        above += bool(causal_disentanglement_score(torch.stack([rows.mean(dim=0) for rows in noisy])) > expected)
    # intervals of the resamples' percentiles never cover it where the weight is 0, and every score is too large
    assert covered >= 85
    assert weight > 0 or above > 95


def test_interval_needs_two_traversals_and_respects_bounds() -> None:
    low, high = bootstrap_interval(result_of([torch.eye(5, 2), torch.ones(1, 2)]))
    assert low.isnan()
    assert high.isnan()
    almost = [torch.tensor([[1.0, 0.0], [1.0, 0.2], [1.0, 0.0]]), torch.tensor([[0.0, 1.0]] * 3)]
    low, high = bootstrap_interval(result_of(almost), generator=torch.Generator().manual_seed(0))
    assert low < 0.9
    assert high == 1


def test_equal_traversals_leave_no_interval() -> None:
    low, high = bootstrap_interval(result_of([torch.tensor([[2.0, 1.0]] * 5), torch.tensor([[0.0, 1.0]] * 3)]))
    assert low.item() == pytest.approx(3 / 4)
    assert high.item() == pytest.approx(3 / 4)


def test_the_reduction_of_the_result_is_kept() -> None:
    rows = [torch.tensor([[1.0, 3.0], [5.0, 1.0]]), torch.tensor([[0.0, 1.0], [0.0, 1.0]])]
    result = replace(result_of(rows), reduction="min")
    expected = causal_disentanglement_score(torch.tensor([[1.0, 1.0], [0.0, 1.0]]))
    assert permutation_null(result, num_permutations=1).score.equal(expected)


def test_undefined_scores_have_no_null_and_no_interval() -> None:
    with pytest.warns(UserWarning, match="score undefined") as caught:
        null = permutation_null(result_of([torch.zeros(3, 2)]), num_permutations=5)
    assert len(caught) == 1
    assert null.p_value.isnan()
    assert null.null.isnan().all()
    with pytest.warns(UserWarning, match="score undefined"):
        low, high = bootstrap_interval(result_of([torch.full((3, 2), torch.nan)]))
    assert low.isnan()
    assert high.isnan()
