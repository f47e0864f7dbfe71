"""Modularity."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lr_lightning.metrics.core.chance_and_ceiling import with_levels
from lr_lightning.metrics.core.sample import Sampling, draw
from lr_lightning.metrics.modularity import Modularity, modularity_score
from lr_lightning.testing import MetricTester
from tests.metrics.cases import FIRST_ROWS, IDEAL_NAMES, REFERENCE_NAMES, ideal_case, reference_case, values_of


@pytest.mark.parametrize("name", REFERENCE_NAMES)
def test_as_the_reference(name: str) -> None:
    codes, factors, expected = reference_case(name)
    assert modularity_score(codes, factors, sampling=FIRST_ROWS).value == pytest.approx(
        expected["modularity"], abs=1e-6
    )


@pytest.mark.filterwarnings("ignore:modularity_informative is undefined:UserWarning")  # noise
@pytest.mark.parametrize(
    ("name", "expected", "tolerance"),
    [
        ("ident", 1, 0.03),
        ("perm", 1, 0.03),
        ("rot45", 0.67, 0.03),
        ("rotF", 0.84, 0.03),
        ("dup", 1, 0.03),
        ("circle", 1, 0.03),
        ("dead", 0.66, 0.03),
        ("coll", 0.61, 0.03),
        # Means and three standard deviations over 60 draws of the cases: what four latents of noise score is chance.
        ("nuis", 0.646, 3 * 0.025),
        ("noise", 0.292, 3 * 0.051),
    ],
)
def test_ideal_cases(name: str, expected: float, tolerance: float) -> None:
    assert modularity_score(*ideal_case(name), sampling=FIRST_ROWS).value == pytest.approx(expected, abs=tolerance)


@pytest.mark.parametrize(
    ("name", "expected"),
    list(zip(IDEAL_NAMES[:-1], [1, 1, 0.67, 0.84, 1, 1, 1, 1, 1], strict=True)),
)
def test_ideal_cases_over_informative_latents(name: str, expected: float) -> None:
    result = modularity_score(*ideal_case(name), sampling=FIRST_ROWS)
    assert result["informative"] == pytest.approx(expected, abs=0.03)


def test_scores_are_means_of_parts() -> None:
    result = modularity_score(*ideal_case("nuis"), sampling=FIRST_ROWS)
    parts, informative = result.per_latent["modularity"], result.per_latent["informative"].bool()
    assert informative.tolist() == [True] * 4 + [False] * 4
    assert result["modularity"] == pytest.approx(parts.mean().item(), abs=1e-12)
    assert result["modularity_informative"] == pytest.approx(parts[informative].mean().item(), abs=1e-12)


def test_noise_is_near_chance() -> None:
    """Forty latents of noise, so that the mean is known to .05 / sqrt(10) on either side; five standard errors."""
    codes = torch.randn(3000, 40, generator=torch.Generator().manual_seed(0))
    with pytest.warns(
        UserWarning, match="modularity_informative is undefined: .*information about a factor than chance"
    ):
        result = with_levels(modularity_score, draw(codes, ideal_case("noise")[1], FIRST_ROWS))
    assert result.value == pytest.approx(
        result.scores["modularity"].chance, abs=5 * 0.05 / math.sqrt(10) * math.sqrt(2)
    )
    assert 0.2 < result.value < 0.4
    assert math.isnan(result["modularity_informative"])


@settings(max_examples=10, deadline=None)
@given(st.permutations(range(4)), st.lists(st.sampled_from([-2.0, -1.0, 0.5, 8.0]), min_size=4, max_size=4))
def test_order_sign_and_scale_of_latents_do_not_matter(order: list[int], scale: list[float]) -> None:
    codes, factors, _ = reference_case("dct_rotation")
    expected = modularity_score(codes, factors, sampling=FIRST_ROWS).value
    result = modularity_score(codes[:, order] * torch.tensor(scale), factors, sampling=FIRST_ROWS)
    # a code on the edge of a bin falls to its other side with another sign
    assert result.value == pytest.approx(expected, abs=0.01)


def test_constant_latents_score_0_and_are_not_informative() -> None:
    codes, factors, _ = reference_case("ideal")
    more = torch.cat([codes, torch.full((3000, 4), 0.1)], dim=1)
    once, result = (modularity_score(each, factors, sampling=FIRST_ROWS) for each in (codes, more))
    assert result["modularity"] == pytest.approx(once["modularity"] / 2, abs=1e-12)
    assert result["modularity_informative"] == pytest.approx(once["modularity"], abs=1e-12)


def test_seed_changes_chance_only() -> None:
    codes, factors, _ = reference_case("noise_and_leak")
    first, same, other = (
        with_levels(modularity_score, draw(codes, factors, Sampling(2000, 1000, "first", seed))) for seed in (0, 0, 1)
    )
    assert first.scores == same.scores
    assert first.value == other.value
    assert first.scores["modularity"].chance != other.scores["modularity"].chance


def test_constant_factor_is_left_out_and_one_latent_is_enough() -> None:
    codes, factors, _ = reference_case("dct_rotation")
    constant = torch.cat([factors, torch.ones(3000, 1, dtype=torch.int64)], dim=1)
    with pytest.warns(UserWarning, match="factors 4 take one value only") as caught:
        result = modularity_score(codes[:, :1], constant, sampling=FIRST_ROWS)
    assert len(caught) == 1
    assert result.value == modularity_score(codes[:, :1], factors, sampling=FIRST_ROWS).value
    assert 0 < result.value < 1


@pytest.mark.parametrize("factor", [0, 1])
def test_less_than_two_factors_are_undefined(factor: int) -> None:
    codes, factors = ideal_case("ident")
    with pytest.warns(UserWarning, match="factors 0 take one value only|modularity is undefined") as caught:
        result = modularity_score(codes, factors[:, :1] * factor, sampling=FIRST_ROWS)
    assert str(caught[-1].message) == "modularity is undefined: it needs two factors that vary"
    assert len(caught) == 2 - factor
    assert np.isnan([score.value for score in result.scores.values()]).all()


def test_class() -> None:
    codes, factors = ideal_case("rotF")
    metric = Modularity(num_bins=15, binning="quantile", sampling=FIRST_ROWS)
    metric.update(codes, factors)
    expected = modularity_score(codes, factors, num_bins=15, binning="quantile", sampling=FIRST_ROWS)
    assert metric.compute() == values_of(expected)


class TestModularity(MetricTester):
    metric_class = Modularity
    arguments = {"num_bins": 7, "binning": "quantile"}
    invalid = [{"num_bins": 1}, {"binning": "log"}]
    invariances = ["permuted latents", "duplicated latents", "rescaled latents"]
    undefined_by_chance = ["modularity_informative"]
