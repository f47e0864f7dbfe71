"""Scores of response matrices without factors."""

import pytest
import torch

from lr_lightning.assays import (
    active_latents,
    activity,
    directedness,
    effective_dimension,
    independence,
    leak,
    response_scores,
)

CHAIN = torch.tensor([[1.0, 1.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.0]])


def test_known_values() -> None:
    scores = response_scores(CHAIN)
    assert scores.activity.tolist() == [1, 1, 0]
    assert scores.active.tolist() == [True, True, False]
    assert scores.leak[:2].tolist() == [0.5, 0]
    assert scores.leak[2].isnan()
    assert scores.independence.item() == pytest.approx(1 - 0.25)
    # M - M^T has entries 1 and -1; M + M^T has 2, 2 on the diagonal and 1, 1 off it
    assert scores.directedness.item() == pytest.approx((2 / 10) ** 0.5)
    assert scores.effective_dimension == 2


def test_threshold_decides_which_latents_count() -> None:
    matrix = torch.diag(torch.tensor([0.9, 0.6])) + torch.tensor([[0.0, 0.0], [0.6, 0.0]])
    assert active_latents(matrix, 0.7).tolist() == [True, False]
    assert independence(matrix, 0.7) == 1
    assert independence(matrix).item() == pytest.approx(1 - 0.25)


def test_directedness_runs_from_symmetric_to_one_way() -> None:
    assert directedness(torch.tensor([[1.0, 0.3], [0.3, 2.0]])) == 0
    assert directedness(torch.tensor([[0.0, 1.0], [0.0, 0.0]])) == 1


def test_effective_dimension_weighs_by_activity() -> None:
    matrix = torch.diag(torch.tensor([2.0, 1.0]))
    assert effective_dimension(matrix).item() == pytest.approx((4 + 1) ** 2 / (16 + 1))


def test_threshold_in_multiples_of_the_spread() -> None:
    matrix = torch.diag(torch.tensor([0.2, 0.1, 1e-3, 0.0]))
    spread = torch.tensor([0.3, 0.3, 1e-3, 0.0])
    # the third is transmitted perfectly, but is a three hundredth of the others; the fourth is constant
    assert active_latents(matrix, spread=spread).tolist() == [True, False, False, False]
    assert active_latents(1e-4 * matrix, spread=1e-4 * spread).tolist() == [True, False, False, False]
    assert active_latents(matrix[2:, 2:], spread=spread[2:]).tolist() == [True, False]
    assert not active_latents(torch.zeros(2, 2), spread=torch.zeros(2)).any()
    scores = response_scores(matrix, 0.3, spread)
    assert scores.active.tolist() == [True, True, False, False]
    assert scores.independence.item() == 1
    with pytest.warns(UserWarning, match=r"0.5 times its spread"):
        assert independence(torch.zeros(2, 2), spread=torch.ones(2)).isnan()
    for wrong in (torch.ones(3), torch.tensor([1.0, -1.0, 0.0, 0.0]), torch.full((4,), torch.nan)):
        with pytest.raises(ValueError, match=r"spread .*finite"):
            active_latents(matrix, spread=wrong)


def test_inactive_latents_are_left_out() -> None:
    matrix = torch.cat([CHAIN[:, :2], torch.full((3, 1), torch.nan)], dim=1)
    scores = response_scores(matrix)
    assert scores.active.tolist() == [True, True, False]
    assert scores.independence.item() == pytest.approx(1 - 0.25)
    assert scores.directedness.item() == pytest.approx((2 / 10) ** 0.5)
    assert scores.effective_dimension == 2


def test_undefined_scores_are_nan_with_a_warning() -> None:
    for score, name in (
        (independence, "independence"),
        (directedness, "directedness"),
        (effective_dimension, "effective dimension"),
    ):
        with pytest.warns(UserWarning, match=f"{name} is undefined"):
            assert score(torch.zeros(3, 3)).isnan()
    assert leak(torch.zeros(2, 2)).isnan().all()


def test_rejects() -> None:
    for score in (activity, leak, directedness):
        with pytest.raises(ValueError, match=r"matrix .*got \(2, 3\)"):
            score(torch.zeros(2, 3))
