"""Explicitness."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from lr_lightning.metrics.core.sample import Sampling
from lr_lightning.metrics.explicitness import Explicitness, area_under_curve, explicitness
from lr_lightning.testing import MetricTester
from tests.metrics.cases import FIRST_ROWS, IDEAL_NAMES, REFERENCE_NAMES, ideal_case, reference_case


@pytest.mark.parametrize("name", REFERENCE_NAMES)
def test_as_the_reference(name: str) -> None:
    codes, factors, expected = reference_case(name)
    result = explicitness(codes, factors, sampling=FIRST_ROWS)
    for score in ("explicitness_auc_test", "explicitness_auc_train"):
        assert result[score] == pytest.approx(expected[score], abs=2e-3)


@pytest.mark.parametrize(("name", "expected"), list(zip(IDEAL_NAMES, [1, 1, 1, 1, 1, 1, 1, 0.75, 1, 0.5], strict=True)))
def test_ideal_cases(name: str, expected: float) -> None:
    assert explicitness(*ideal_case(name), sampling=FIRST_ROWS).value == pytest.approx(expected, abs=0.03)


def test_as_scikit_learn() -> None:
    codes, factors, _ = reference_case("noise_and_leak")
    result = explicitness(codes, factors, sampling=FIRST_ROWS)
    table = codes.double().numpy()
    table = (table - table[:2000].mean(axis=0)) / table[:2000].std(axis=0)
    for k in range(4):
        probabilities = LogisticRegression().fit(table[:2000], factors[:2000, k]).predict_proba(table)
        for rows, name in ((slice(2000), "auc_train"), (slice(2000, 3000), "auc_test")):
            expected = roc_auc_score(factors[rows, k], probabilities[rows], multi_class="ovr")
            assert result.per_factor[name][k].item() == pytest.approx(expected, abs=1e-9)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=2, max_size=30))
def test_area_counts_pairs(rows: list[tuple[int, bool]]) -> None:
    scores, values = np.array([[score] for score, _ in rows]), np.array([0 if positive else 1 for _, positive in rows])
    positive, negative = scores[values == 0, 0], scores[values == 1, 0]
    area = area_under_curve(scores, values)
    if len(positive) and len(negative):
        difference = positive[:, None] - negative
        assert area == pytest.approx(((difference > 0) + 0.5 * (difference == 0)).mean(), abs=1e-12)
    else:
        assert np.isnan(area)


@settings(max_examples=5, deadline=None)
@given(st.permutations(range(4)), st.lists(st.sampled_from([-2.0, 0.5, 100.0]), min_size=4, max_size=4))
def test_order_sign_scale_and_offset_of_latents_do_not_matter(order: list[int], scale: list[float]) -> None:
    codes, factors, _ = reference_case("dct_rotation")
    expected = explicitness(codes, factors, sampling=FIRST_ROWS).value
    changed = codes[:, order] * torch.tensor(scale) + 3
    # the solver stops at a gradient of 1e-4, wherever it comes from
    assert explicitness(changed, factors, sampling=FIRST_ROWS).value == pytest.approx(expected, abs=1e-3)


def test_dead_and_duplicated_latents_change_nothing() -> None:
    codes, factors = ideal_case("coll")
    changed = torch.cat([codes, torch.full((3000, 1), 1e6), codes], dim=1)
    expected = explicitness(codes, factors, sampling=FIRST_ROWS).value
    # twice each latent halves the penalty
    assert explicitness(changed, factors, sampling=FIRST_ROWS).value == pytest.approx(expected, abs=2e-3)


def test_a_value_absent_from_the_rows_to_train_on_counts_half() -> None:
    codes, factors = ideal_case("ident")
    order = factors[:, 0].eq(5).long().argsort(stable=True)  # the last 500 or so
    codes, factors = codes[order].double(), factors[order]
    result = explicitness(codes, factors, sampling=FIRST_ROWS)
    table = (codes - codes[:2000].mean(dim=0)) / codes[:2000].std(dim=0, correction=0)
    probabilities = LogisticRegression().fit(table[:2000], factors[:2000, 0]).predict_proba(table[2000:])
    areas = [roc_auc_score(factors[2000:, 0] == value, probabilities[:, value]) for value in range(5)]
    assert result.per_factor["auc_test"][0].item() == pytest.approx((sum(areas) + 0.5) / 6, abs=1e-6)


def test_a_value_absent_from_the_test_is_not_averaged_over() -> None:
    codes, factors = ideal_case("ident")
    factors[2000:, 0] = factors[2000:, 0].clamp_max(4)
    absent = explicitness(codes, factors, sampling=FIRST_ROWS)
    assert absent.per_factor["auc_test"][0].item() > 0.9


def test_a_factor_with_two_values() -> None:
    codes, factors = ideal_case("ident")
    result = explicitness(codes, factors.clamp_max(1), sampling=FIRST_ROWS)
    assert result.per_factor["auc_test"].numpy() == pytest.approx(1, abs=1e-3)


def test_one_latent_and_one_factor() -> None:
    codes, factors = ideal_case("ident")
    assert explicitness(codes[:, :1], factors[:, :1], sampling=FIRST_ROWS).value > 0.95


def test_more_values_than_one_in_two_rows() -> None:
    factors = torch.cartesian_prod(torch.arange(30), torch.arange(2))
    result = explicitness(factors.double(), factors, sampling=Sampling(num_train=40, num_test=20))
    assert 0 < result.value <= 1


def test_undefined_scores_are_nan_with_a_warning() -> None:
    codes, factors = ideal_case("ident")
    with pytest.warns(UserWarning, match="raise num_test"):
        result = explicitness(codes, factors, sampling=Sampling(num_train=2000, num_test=0))
    assert np.isnan(result["auc_test"])
    assert result["auc_train"] > 0.95
    with (
        pytest.warns(UserWarning, match="take one value only"),
        pytest.warns(UserWarning, match="explicitness is undefined: it needs a factor that varies"),
    ):
        assert np.isnan(explicitness(codes, 0 * factors, sampling=FIRST_ROWS)["auc_train"])


def test_factors_with_one_value_are_left_out() -> None:
    codes, factors = ideal_case("coll")
    factors[:, 2:] = 1
    with pytest.warns(UserWarning, match="factors 2, 3 take one value only"):
        result = explicitness(codes, factors, sampling=FIRST_ROWS)
    assert result.per_factor["auc_test"].isnan().tolist() == [False, False, True, True]
    assert result.value > 0.95


class TestExplicitness(MetricTester):
    metric_class = Explicitness
    invariances = ["permuted latents", "dead latents", "rescaled latents"]
    tolerance = 1e-3
