"""Interventional robustness score."""

from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lr_lightning.metrics.core.chance_and_ceiling import with_levels
from lr_lightning.metrics.core.sample import Sampling, draw
from lr_lightning.metrics.interventional_robustness_score import (
    InterventionalRobustnessScore,
    interventional_robustness_score,
)
from lr_lightning.testing import MetricTester
from tests.metrics.cases import FIRST_ROWS, IDEAL_NAMES, REFERENCE_NAMES, ideal_case, reference_case


@pytest.mark.parametrize("name", REFERENCE_NAMES)
def test_as_the_reference(name: str) -> None:
    codes, factors, expected = reference_case(name)
    result = interventional_robustness_score(codes, factors, sampling=FIRST_ROWS)
    assert result["irs_q99"] == pytest.approx(expected["irs_q99"], abs=1e-6)


@pytest.mark.parametrize(
    ("name", "expected"),
    list(zip(IDEAL_NAMES, [0.998, 0.998, 0.49, 0.45, 0.998, 0.997, 0.53, 0.997, 0.997, 0.35], strict=True)),
)
def test_ideal_cases(name: str, expected: float) -> None:
    result = interventional_robustness_score(*ideal_case(name), sampling=FIRST_ROWS)
    assert result.value == pytest.approx(expected, abs=0.03)


def test_matrix_by_hand() -> None:
    """Largest deviations of a latent from its mean with each value, over the largest from the mean of all."""
    codes = torch.tensor([[0.0], [1.0], [4.0], [7.0]])  # mean 3, largest deviation 4
    factors = torch.tensor([[0, 0], [0, 1], [1, 0], [1, 1]])
    sampling = Sampling(num_train=4, num_test=0)
    result = interventional_robustness_score(codes, factors, quantile=1.0, sampling=sampling)
    assert result.matrix is not None
    # with the first factor held: (1/2 + 3/2) / 2; with the second: (2 + 3) / 2
    assert result.matrix.numpy() == pytest.approx(np.array([[1 - 1 / 4, 1 - 2.5 / 4]]), abs=1e-12)
    assert result["irs_q100"] == pytest.approx(3 / 4, abs=1e-12)
    assert result.per_latent["factor"].tolist() == [0.0]
    assert result.per_latent["weight"].tolist() == [4.0]


def test_latents_weigh_by_their_largest_deviation() -> None:
    codes, factors = ideal_case("ident")
    codes = torch.cat([codes, 3 * torch.randn(3000, 1, generator=torch.Generator().manual_seed(0))], dim=1).double()
    result = interventional_robustness_score(codes, factors, sampling=FIRST_ROWS)
    centered = codes[:2000] - codes[:2000].mean(dim=0)
    weights = centered.abs().amax(dim=0)
    assert result.per_latent["weight"].numpy() == pytest.approx(weights.numpy(), abs=1e-9)
    expected = (result.per_latent["max"] * weights).sum() / weights.sum()
    assert result.value == pytest.approx(expected.item(), abs=1e-9)


def test_constant_latents_have_no_weight() -> None:
    codes, factors, _ = reference_case("noise_and_leak")
    expected = interventional_robustness_score(codes, factors, sampling=FIRST_ROWS).value
    dead = torch.cat([codes, torch.full((3000, 1), 0.1)], dim=1)
    result = interventional_robustness_score(dead, factors, sampling=FIRST_ROWS)
    assert result.value == pytest.approx(expected, abs=1e-12)
    assert result.per_latent["weight"][-1] == 0
    assert result.per_latent["max"].isnan().tolist() == [False] * 6 + [True]


def test_ceiling_of_a_factor_with_more_values_than_bins() -> None:
    """Eighty values in twenty bins: four in each, at most one and a half steps from their mean, of 39.5 steps."""
    factors = torch.cartesian_prod(torch.arange(80), torch.arange(20))
    sampling = Sampling(num_train=1600, num_test=0)
    sample = draw(factors.double(), factors, sampling)
    result = with_levels(interventional_robustness_score, sample, 1)
    assert result.per_latent["max"].numpy() == pytest.approx([1 - 1.5 / 39.5, 1], abs=1e-12)
    assert result.scores["irs_q99"].ceiling == pytest.approx(
        np.average([1 - 1.5 / 39.5, 1], weights=[39.5 / np.sqrt(80**2 - 1), 9.5 / np.sqrt(20**2 - 1)]), abs=1e-12
    )
    each = with_levels(partial(interventional_robustness_score, num_bins=None), sample, 1)
    assert each.value == pytest.approx(1, abs=1e-12)
    assert each.scores["irs_q99"].ceiling == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize(("name", "expected"), [("noise", 0.35), ("ident", 0)])
def test_chance_is_the_score_of_shuffled_rows(name: str, expected: float) -> None:
    """Evenly spread codes reach their largest deviation with every value, normal ones seldom."""
    result = with_levels(interventional_robustness_score, draw(*ideal_case(name), FIRST_ROWS))
    assert result.scores["irs_q99"].chance == pytest.approx(expected, abs=0.03)


def test_shuffles_come_from_the_seed() -> None:
    codes, factors = ideal_case("noise")
    first, again, other = (
        with_levels(interventional_robustness_score, draw(codes, factors, Sampling(3000, 0, seed=seed)))
        for seed in (0, 0, 1)
    )
    assert first.scores == again.scores
    assert first.scores["irs_q99"].chance != other.scores["irs_q99"].chance
    assert first.value == pytest.approx(other.value, abs=1e-5)  # all rows in either; float32


@settings(max_examples=8, deadline=None)
@given(st.permutations(range(6)), st.floats(0.1, 10), st.sampled_from([-1.0, 1.0]))
def test_order_sign_and_one_scale_of_latents_do_not_matter(order: list[int], scale: float, sign: float) -> None:
    codes, factors, _ = reference_case("noise_and_leak")
    expected = interventional_robustness_score(codes.double(), factors, sampling=FIRST_ROWS).value
    changed = sign * scale * codes.double()[:, order] + 3
    result = interventional_robustness_score(changed, factors, sampling=FIRST_ROWS)
    assert result.value == pytest.approx(expected, abs=1e-9)


def test_factors_with_one_value_are_left_out() -> None:
    codes, factors = ideal_case("ident")
    factors[:, 0] = 2
    with pytest.warns(UserWarning, match="factors 0 take one value only"):
        result = interventional_robustness_score(codes, factors, sampling=FIRST_ROWS)
    assert result.matrix is not None
    assert result.matrix.isnan().any(dim=0).tolist() == [True, False, False, False]
    assert 0.7 < result.value < 0.8  # three latents of four have their factor


def test_undefined_scores_are_nan_with_a_warning() -> None:
    codes, factors = ideal_case("ident")
    with pytest.warns(UserWarning, match="irs is undefined: it needs a latent and a factor that vary"):
        assert np.isnan(interventional_robustness_score(torch.ones(3000, 2), factors, sampling=FIRST_ROWS).value)
    with (
        pytest.warns(UserWarning, match="take one value only"),
        pytest.warns(UserWarning, match="irs is undefined"),
    ):
        assert np.isnan(interventional_robustness_score(codes, 0 * factors, sampling=FIRST_ROWS).value)


class TestInterventionalRobustnessScore(MetricTester):
    metric_class = InterventionalRobustnessScore
    arguments = {"quantile": 0.9, "num_bins": 3}
    invalid = [{"quantile": 0.0}, {"quantile": 1.1}, {"num_bins": 1}]
    invariances = ["permuted latents", "duplicated latents", "dead latents", "rescaled latents"]
