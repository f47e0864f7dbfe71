"""Mean correlation coefficient."""

from functools import partial
from itertools import permutations
from typing import get_args

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr

from lr_lightning.metrics.core.chance_and_ceiling import with_levels
from lr_lightning.metrics.core.sample import Sampling, draw
from lr_lightning.metrics.mean_correlation_coefficient import (
    Correlation,
    MeanCorrelationCoefficient,
    mean_correlation_coefficient,
)
from lr_lightning.testing import MetricTester
from tests.metrics.cases import FIRST_ROWS, IDEAL_NAMES, ideal_case, reference_case


@pytest.mark.parametrize(
    ("name", "expected"),
    list(zip(IDEAL_NAMES, [1, 1, 0.71, 0.66, 1, 1, 1, 0.51, 0.72, 0.03], strict=True)),
)
def test_ideal_cases(name: str, expected: float) -> None:
    result = mean_correlation_coefficient(*ideal_case(name), sampling=FIRST_ROWS)
    assert result["mcc_pearson"] == pytest.approx(expected, abs=0.03)


def test_matrix_is_that_of_numpy_and_scipy() -> None:
    codes, factors, _ = reference_case("noise_and_leak")
    table = np.concatenate([codes[:2000].double().numpy(), factors[:2000].numpy()], axis=1)
    pearson = mean_correlation_coefficient(codes, factors, sampling=FIRST_ROWS)
    spearman = mean_correlation_coefficient(codes, factors, correlation="spearman", sampling=FIRST_ROWS)
    assert pearson.matrix is not None
    assert spearman.matrix is not None
    assert pearson.matrix.numpy() == pytest.approx(np.abs(np.corrcoef(table, rowvar=False)[:6, 6:]), abs=1e-9)
    assert spearman.matrix.numpy() == pytest.approx(np.abs(spearmanr(table).statistic[:6, 6:]), abs=1e-9)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 1000), st.integers(1, 5), st.integers(1, 4))
def test_assignment_is_the_best_of_all(seed: int, latent_dim: int, num_factors: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    codes = torch.randn(12, latent_dim, generator=generator)
    factors = torch.stack([torch.arange(12).roll(k) // (k + 1) for k in range(num_factors)], dim=1)
    result = mean_correlation_coefficient(codes, factors, sampling=Sampling(num_train=12, num_test=0))
    assert result.matrix is not None
    padded = torch.cat([result.matrix, torch.zeros(num_factors, num_factors)])  # factors may stay without a latent
    best = max(
        padded[list(rows), list(range(num_factors))].mean().item()
        for rows in permutations(range(len(padded)), num_factors)
    )
    assert result.value == pytest.approx(best, abs=1e-12)


@pytest.mark.parametrize("correlation", get_args(Correlation))
def test_factors_without_a_latent_left_count_zero(correlation: Correlation) -> None:
    factors = torch.cartesian_prod(torch.arange(4), torch.arange(5), torch.arange(3))
    codes = factors[:, [2, 0]].float()
    sampling = Sampling(num_train=60, num_test=0)
    metric = partial(mean_correlation_coefficient, correlation=correlation)
    result = with_levels(metric, draw(codes, factors, sampling), 1)
    assert result.value == pytest.approx(2 / 3, abs=1e-12)
    assert result.scores[f"mcc_{correlation}"].ceiling == pytest.approx(2 / 3, abs=1e-12)
    assert result.per_factor["correlation"].numpy() == pytest.approx([1, 0, 1], abs=1e-12)
    assert result.per_factor["latent"].numpy() == pytest.approx([1, np.nan, 0], nan_ok=True)


def test_constant_latents_correlate_with_nothing() -> None:
    codes, factors = ideal_case("ident")
    codes = torch.cat([torch.full((3000, 3), 0.1), codes[:, :2]], dim=1)
    result = mean_correlation_coefficient(codes, factors, sampling=FIRST_ROWS)
    assert result.matrix is not None
    assert result.matrix[:3].numpy() == pytest.approx(0, abs=1e-12)
    assert result.value == pytest.approx(0.5, abs=1e-3)


def test_ranks_know_monotone_changes_only() -> None:
    factors = torch.cartesian_prod(torch.arange(5), torch.arange(6))
    codes = factors.double().exp()
    sampling = Sampling(num_train=30, num_test=0)
    assert mean_correlation_coefficient(codes, factors, correlation="spearman", sampling=sampling).value == (
        pytest.approx(1, abs=1e-12)
    )
    assert mean_correlation_coefficient(codes, factors, sampling=sampling).value < 0.95


def test_noise_breaks_ties_of_ranks() -> None:
    """Without ties on one side of ``V`` equal shares, ranks correlate by the square root of ``1 - 1 / V^2``."""
    codes, factors = ideal_case("ident")
    result = mean_correlation_coefficient(codes, factors, correlation="spearman", sampling=FIRST_ROWS)
    assert result.value == pytest.approx(np.sqrt(1 - 1 / 36), abs=1e-3)  # shares of 2000 rows differ by some percent


def test_chance_is_the_score_of_shuffled_rows() -> None:
    """Each correlation has mean ``sqrt(2 / (pi N))``, .018; the best of the assignments is above."""
    result = with_levels(mean_correlation_coefficient, draw(*ideal_case("ident"), FIRST_ROWS))
    chance = result.scores["mcc_pearson"].chance
    assert chance is not None
    assert 0.018 < chance < 0.06


def test_shuffles_come_from_the_seed() -> None:
    codes, factors = ideal_case("rotF")
    first, again, other = (
        with_levels(mean_correlation_coefficient, draw(codes, factors, Sampling(3000, 0, seed=seed)))
        for seed in (0, 0, 1)
    )
    assert first.scores == again.scores
    assert first.scores["mcc_pearson"].chance != other.scores["mcc_pearson"].chance
    assert first.value == pytest.approx(other.value, abs=1e-12)  # all rows in either


@settings(max_examples=10, deadline=None)
@given(
    st.permutations(range(6)), st.lists(st.sampled_from([-2.0, 0.5, 100.0]), min_size=6, max_size=6), st.floats(-5, 5)
)
def test_order_sign_scale_and_offset_of_latents_do_not_matter(
    order: list[int], scale: list[float], offset: float
) -> None:
    codes, factors, _ = reference_case("noise_and_leak")
    for correlation in get_args(Correlation):
        expected = mean_correlation_coefficient(codes, factors, correlation=correlation, sampling=FIRST_ROWS).value
        changed = codes.double()[:, order] * torch.tensor(scale) + offset
        result = mean_correlation_coefficient(changed, factors, correlation=correlation, sampling=FIRST_ROWS)
        assert result.value == pytest.approx(expected, abs=1e-9)


def test_factors_with_one_value_are_left_out() -> None:
    codes, factors = ideal_case("ident")
    factors[:, 3] = 0
    with pytest.warns(UserWarning, match="factors 3 take one value only"):
        result = mean_correlation_coefficient(codes, factors, sampling=FIRST_ROWS)
    assert result.value == pytest.approx(1, abs=1e-3)
    assert result.per_factor["correlation"].isnan().tolist() == [False, False, False, True]


def test_undefined_scores_are_nan_with_a_warning() -> None:
    codes, factors = ideal_case("ident")
    with (
        pytest.warns(UserWarning, match="take one value only"),
        pytest.warns(UserWarning, match="mcc is undefined: it needs a factor that varies"),
    ):
        assert np.isnan(mean_correlation_coefficient(codes, 0 * factors, sampling=FIRST_ROWS).value)


class TestMeanCorrelationCoefficient(MetricTester):
    metric_class = MeanCorrelationCoefficient
    arguments = {"correlation": "pearson"}
    invalid = [{"correlation": "kendall"}]
    invariances = ["permuted latents", "duplicated latents", "dead latents", "rescaled latents"]


class TestSpearman(TestMeanCorrelationCoefficient):
    arguments = {"correlation": "spearman"}
