"""Fairness."""

import math
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from lr_lightning.metrics.core.chance_and_ceiling import with_levels
from lr_lightning.metrics.core.predictors import fitted
from lr_lightning.metrics.core.sample import Sampling, draw
from lr_lightning.metrics.fairness import Fairness, fairness
from lr_lightning.testing import MetricTester
from tests.metrics.cases import FIRST_ROWS, IDEAL_NAMES, ideal_case

NAME = "fairness_logistic"
ALL_ROWS = Sampling(num_train=210, num_test=0)


@pytest.fixture
def grid() -> Tensor:
    """All combinations of factors of five, six and seven values."""
    return torch.cartesian_prod(torch.arange(5), torch.arange(6), torch.arange(7))


def test_a_perfect_code_is_fair_to_interventions(grid: Tensor) -> None:
    for predictor in ("lightgbm", "logistic"):
        result = fairness(10 * grid.float(), grid, predictor=predictor, sampling=ALL_ROWS)
        assert {name: score.value for name, score in result.scores.items()} == {
            f"fairness_{predictor}_mean_unfairness": 0,
            f"fairness_{predictor}_max_unfairness": 0,
        }
        assert not result.scores[f"fairness_{predictor}_mean_unfairness"].higher_is_better
        assert result.per_factor["accuracy"].isnan().all()  # no row is held out


def test_interventions_as_over_the_whole_grid(grid: Tensor) -> None:
    """On the whole grid, groups of a sensitive value hold each combination of the others: what interventions sample."""
    codes = torch.stack([grid[:, 0] + grid[:, 1], grid[:, 0] - grid[:, 1] + grid[:, 2]], dim=1).float()
    sample = draw(codes, grid, ALL_ROWS)
    result = fairness(sample, predictor="logistic", num_points_per_value=4000)
    expected = np.full((3, 3), np.nan)
    for target in range(3):
        predicted = fitted(sample, "logistic", target, 210)(sample.test_pool[0])
        for sensitive in {0, 1, 2} - {target}:
            values = sample.test_pool[1][:, sensitive]
            shares = [np.bincount(predicted[values == v], minlength=7) / (values == v).sum() for v in np.unique(values)]
            distance = np.abs(np.stack(shares) - np.bincount(predicted, minlength=7) / 210).sum(axis=1) / 2
            expected[target, sensitive] = distance.mean()
    assert result.matrix is not None
    assert result.matrix_axes == ("target factor", "sensitive factor")
    np.testing.assert_allclose(result.matrix, expected, atol=0.03)  # five standard errors of 4000 points, about
    assert result[f"{NAME}_mean_unfairness"] == pytest.approx(np.nanmean(result.matrix.numpy()), abs=1e-12)
    assert result[f"{NAME}_max_unfairness"] == pytest.approx(np.nanmax(result.matrix.numpy()), abs=1e-12)
    np.testing.assert_allclose(result.per_factor["unfairness"], np.nanmean(result.matrix, axis=1), atol=1e-12)


def test_interventions_need_every_combination(grid: Tensor) -> None:
    missing = grid[1:]
    result = fairness(missing.float(), missing, predictor="logistic", sampling=Sampling(num_train=150, num_test=50))
    assert list(result.scores) == [f"{NAME}_conditioned_mean_unfairness", f"{NAME}_conditioned_max_unfairness"]
    assert result.parameters["groups"] == "conditioned"
    twice = torch.cat([missing, grid[1:2], grid[:1]])  # out of order, and one combination twice
    result = fairness(twice.float(), twice, predictor="logistic", sampling=ALL_ROWS)
    assert result.parameters["groups"] == "intervened"


def test_a_target_that_follows_the_sensitive_factor() -> None:
    """Groups of V values whose predictions never meet are 1 - 1/V from the average of all."""
    factor = torch.arange(4).repeat(100)
    codes, factors = 10 * factor[:, None].float(), torch.stack([factor, factor], dim=1)
    result = fairness(
        codes, factors, predictor="logistic", sampling=Sampling(num_train=200, num_test=200, order="first")
    )
    assert result[f"{NAME}_conditioned_mean_unfairness"] == pytest.approx(0.75, abs=1e-12)
    assert result[f"{NAME}_conditioned_max_unfairness"] == pytest.approx(0.75, abs=1e-12)
    assert result.per_factor["accuracy"].tolist() == [1, 1]


@pytest.mark.parametrize("name", IDEAL_NAMES)
def test_ideal_cases(name: str) -> None:
    """Linear classifiers read all codes but two without error, so that independent factors give what chance gives."""
    result = with_levels(partial(fairness, predictor="logistic"), draw(*ideal_case(name), FIRST_ROWS), 2)
    mean = result.scores[f"{NAME}_conditioned_mean_unfairness"]
    assert mean.chance is not None
    assert mean.chance == pytest.approx(mean.ceiling, abs=0.02)
    if name == "coll":  # guesses of the two factors that are not encoded follow the others
        assert mean.value > mean.chance + 0.05
    else:
        assert mean.value == pytest.approx(mean.chance, abs=0.02)


def test_rotations_are_unfair_to_trees(grid: Tensor) -> None:
    values = (grid - grid.float().mean(dim=0)) / grid.float().std(dim=0)
    rotation = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(0)))[0]
    sampling = Sampling(num_train=100, num_test=0)
    unfairness = [fairness(codes, grid, sampling=sampling).value for codes in (values, values @ rotation)]
    assert unfairness[0] == pytest.approx(0, abs=0.01)
    assert unfairness[1] > 0.03


@settings(max_examples=4, deadline=None)
@given(st.permutations(range(2)), st.permutations(range(3)))
def test_order_of_latents_and_factors_does_not_matter(latents: list[int], order: list[int]) -> None:
    factors = torch.cartesian_prod(torch.arange(5), torch.arange(6), torch.arange(7))[:-1]
    codes = torch.stack([factors[:, 0] + factors[:, 1], factors[:, 0] - factors[:, 1] + factors[:, 2]], dim=1).float()
    shuffle = torch.randperm(209, generator=torch.Generator().manual_seed(0))
    codes, factors, sampling = codes[shuffle], factors[shuffle], Sampling(num_train=109, num_test=100, order="first")
    expected = fairness(codes, factors, predictor="logistic", sampling=sampling).matrix
    changed = fairness(codes[:, latents], factors[:, order], predictor="logistic", sampling=sampling).matrix
    assert expected is not None
    assert changed is not None
    torch.testing.assert_close(
        changed, expected[order][:, order], equal_nan=True, atol=0.02, rtol=0
    )  # a prediction or two


def test_seed(grid: Tensor) -> None:
    codes = (grid @ torch.tensor([[1, 0], [1, 1], [0, 1]])).float()
    values = [
        fairness(codes, grid, predictor="logistic", sampling=Sampling(num_train=210, num_test=0, seed=s)).value
        for s in (3, 3, 4)
    ]
    assert values[0] == values[1] != values[2]


def test_constant_factor(grid: Tensor) -> None:
    factors = torch.cat([grid, torch.full((210, 1), 9)], dim=1)
    with pytest.warns(UserWarning, match="factors 3 take one value only"):
        result = fairness(10 * grid.float(), factors, predictor="logistic", sampling=ALL_ROWS)
    assert result.value == 0
    assert result.parameters["groups"] == "intervened"
    assert result.matrix is not None
    assert result.matrix.isnan().sum() == 4 + 6  # the diagonal, and the row and column of the constant factor


@pytest.mark.parametrize(("columns", "message"), [([0], "two factors that vary"), ([0, 1], "raise num_test")])
def test_undefined(grid: Tensor, columns: list[int], message: str) -> None:
    factors = grid[:200, columns]
    sample = draw(grid[:200].float(), factors, Sampling(num_train=200, num_test=0, order="first"))
    with pytest.warns(UserWarning, match=f"fairness is undefined: .*{message}") as caught:
        result = fairness(sample)
    assert len(caught) == 1
    assert all(math.isnan(score.value) for score in result.scores.values())


def test_repeats_over_a_sample_are_all_conditioned(grid: Tensor) -> None:
    """Rows held out of a small table hold each combination in one repeat and not in another."""
    few = grid[(grid[:, :2] < 2).all(dim=1)][:, :2].repeat(4, 1)
    samples = [draw(few.float(), few, Sampling(8, 8, seed=seed)).as_repeat() for seed in range(5)]
    kinds = {fairness(sample, predictor="logistic").parameters["groups"] for sample in samples}
    assert kinds == {"conditioned"}


class TestFairness(MetricTester):
    uninformative = ["fairness_logistic_conditioned_mean_unfairness", "fairness_logistic_conditioned_max_unfairness"]
    metric_class = Fairness
    arguments = {"predictor": "logistic", "num_points_per_value": 7}
    invalid = [{"predictor": "svm"}, {"num_points_per_value": 0}]
    invariances = ["permuted latents", "dead latents"]
    tolerance = 0.03
