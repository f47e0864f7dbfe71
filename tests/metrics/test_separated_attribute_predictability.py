"""Separated attribute predictability."""

from functools import partial
from typing import get_args

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.svm import LinearSVC

from lr_lightning.metrics.core.chance_and_ceiling import with_levels
from lr_lightning.metrics.core.sample import Sampling, draw
from lr_lightning.metrics.separated_attribute_predictability import (
    Predictor,
    SeparatedAttributePredictability,
    separated_attribute_predictability,
)
from lr_lightning.testing import MetricTester
from tests.metrics.cases import FIRST_ROWS, IDEAL_NAMES, REFERENCE_NAMES, ideal_case, reference_case


@pytest.mark.parametrize("name", REFERENCE_NAMES)
def test_as_the_reference(name: str) -> None:
    codes, factors, expected = reference_case(name)
    sample = draw(codes, factors, FIRST_ROWS)
    squared = separated_attribute_predictability(sample, predictor="r2")
    assert squared["sap_r2"] == pytest.approx(expected["sap_continuous"], abs=1e-6)
    linear = separated_attribute_predictability(sample)
    assert linear["sap_linear_svc"] == pytest.approx(expected["sap_linear_svc"], abs=0.01)


@pytest.mark.parametrize(
    ("predictor", "values"),
    [
        ("linear_svc", [0.16, 0.16, 0.02, 0.04, 0, 0.15, 0.16, 0.08, 0.19, 0.01]),
        ("r2", [0.999, 0.998, 0.03, 0.22, 0, 0.998, 0.997, 0.50, 0.34, 0]),
    ],
)
def test_ideal_cases(predictor: Predictor, values: list[float]) -> None:
    for name, expected in zip(IDEAL_NAMES, values, strict=True):
        result = separated_attribute_predictability(*ideal_case(name), predictor=predictor, sampling=FIRST_ROWS)
        assert result.value == pytest.approx(expected, abs=0.03), name


def test_a_tree_tells_all_values_of_a_perfect_code() -> None:
    """All six values from one latent, one in six from another; a linear classifier tells about two."""
    codes, factors = ideal_case("ident")
    tree = separated_attribute_predictability(codes, factors, predictor="tree", sampling=FIRST_ROWS)
    assert tree.matrix is not None
    assert tree.matrix.diagonal().tolist() == [1.0] * 4
    # largest of three accuracies of 1000 rows by chance: 1/6 + standard error .012 x about 3
    assert tree.value == pytest.approx(5 / 6, abs=0.04)
    linear = separated_attribute_predictability(codes, factors, sampling=FIRST_ROWS)
    assert linear.matrix is not None
    assert linear.matrix.diagonal().numpy() == pytest.approx(2 / 6, abs=0.04)


def test_matrix_is_that_of_scikit_learn() -> None:
    """The dual problem with random numbers, as disentanglement_lib has it, has the same optimum."""
    codes, factors = ideal_case("rotF")
    result = separated_attribute_predictability(codes, factors, sampling=FIRST_ROWS)
    column = codes[:, [1]].numpy()
    assert result.matrix is not None
    for k in range(4):
        classifier = LinearSVC(C=0.01, class_weight="balanced", dual=True, random_state=0, max_iter=10_000)
        classifier.fit(column[:2000], factors[:2000, k])
        assert result.matrix[1, k].item() == pytest.approx(
            classifier.score(column[2000:], factors[2000:, k]), abs=0.002
        )


def test_squared_correlations_are_those_of_numpy() -> None:
    codes, factors = ideal_case("rotF")
    result = separated_attribute_predictability(codes, factors, predictor="r2", sampling=FIRST_ROWS)
    table = np.concatenate([codes[:2000].double().numpy(), factors[:2000].numpy()], axis=1)
    assert result.matrix is not None
    assert result.matrix.numpy() == pytest.approx(np.corrcoef(table, rowvar=False)[:4, 4:] ** 2, abs=1e-9)


def test_variance_below_the_guard_counts_as_none() -> None:
    factors = torch.cartesian_prod(torch.arange(4), torch.arange(5))
    codes = factors.double() * torch.tensor([1e-7, 1.0])  # variances 1.3e-14 and 2.1
    result = separated_attribute_predictability(
        codes, factors, predictor="r2", sampling=Sampling(num_train=20, num_test=0)
    )
    assert result.per_factor["gap"].numpy() == pytest.approx([0, 1], abs=1e-12)


def test_ceiling_is_the_score_of_a_perfect_code_beside_a_constant() -> None:
    """Also with more values than one in two rows, where the scale of the code may matter; it does with this seed."""
    rng = torch.Generator().manual_seed(2)
    factors = torch.stack([torch.randint(high, (1030,), generator=rng) for high in (40, 3)], dim=1)
    few = Sampling(num_train=30, num_test=1000, order="first")
    own = factors[:, [0]].double()
    own = (own - own[:30].mean()) / own[:30].std(correction=0)
    perfect = torch.cat([own, torch.zeros_like(own)], dim=1)
    for predictor in get_args(Predictor):
        metric = partial(separated_attribute_predictability, predictor=predictor)
        result = with_levels(metric, draw(perfect, factors[:, [0]], few), 1)
        assert result.value == pytest.approx(result.scores[f"sap_{predictor}"].ceiling, abs=1e-12)
        noise = torch.randn(1030, 2, generator=rng)
        others = with_levels(metric, draw(noise, factors[:, [0]], few), 1)
        assert others.scores[f"sap_{predictor}"].ceiling == pytest.approx(result.value, abs=1e-12)


@settings(max_examples=5, deadline=None)
@given(st.permutations(range(4)), st.lists(st.sampled_from([-1.0, 1.0]), min_size=4, max_size=4))
def test_order_and_sign_of_latents_do_not_matter(order: list[int], sign: list[float]) -> None:
    codes, factors, _ = reference_case("dct_rotation")
    changed = codes[:, order] * torch.tensor(sign)
    for predictor in get_args(Predictor):
        expected = separated_attribute_predictability(codes, factors, predictor=predictor, sampling=FIRST_ROWS).value
        result = separated_attribute_predictability(changed, factors, predictor=predictor, sampling=FIRST_ROWS)
        assert result.value == pytest.approx(expected, abs=0.004)  # rows on a threshold of the tree fall to either side


@pytest.mark.parametrize("predictor", get_args(Predictor))
def test_dead_latents_and_huge_codes_have_a_score(predictor: Predictor) -> None:
    codes, factors = ideal_case("ident")
    codes = torch.cat([codes, torch.full((3000, 2), 7.0)], dim=1)
    result = separated_attribute_predictability(codes, factors, predictor=predictor, sampling=FIRST_ROWS)
    assert result.matrix is not None
    assert result.value > 0.1
    assert result.matrix[4].equal(result.matrix[5])
    huge = separated_attribute_predictability(codes * 1e30, factors, predictor=predictor, sampling=FIRST_ROWS)
    assert huge.value == pytest.approx(result.value, abs=0.03)


@pytest.mark.parametrize("predictor", get_args(Predictor))
def test_factors_with_one_value_are_left_out(predictor: Predictor) -> None:
    codes, factors = ideal_case("ident")
    factors[:, 1] = 3
    with pytest.warns(UserWarning, match="factors 1 take one value only"):
        result = separated_attribute_predictability(codes, factors, predictor=predictor, sampling=FIRST_ROWS)
    assert result.per_factor["gap"].isnan().tolist() == [False, True, False, False]
    assert result.value == pytest.approx(result.per_factor["gap"].nanmean().item(), abs=1e-12)


def test_undefined_scores_are_nan_with_a_warning() -> None:
    codes, factors = ideal_case("ident")
    with pytest.warns(UserWarning, match="sap is undefined"):
        assert np.isnan(separated_attribute_predictability(codes[:, :1], factors, sampling=FIRST_ROWS).value)
    with pytest.warns(UserWarning, match="raise num_test"):
        no_test = separated_attribute_predictability(codes, factors, sampling=Sampling(num_train=2000, num_test=0))
    assert np.isnan(no_test.value)
    with (
        pytest.warns(UserWarning, match="take one value only"),
        pytest.warns(UserWarning, match="sap is undefined"),
    ):
        assert np.isnan(separated_attribute_predictability(codes, 0 * factors, sampling=FIRST_ROWS).value)


@pytest.mark.parametrize("predictor", get_args(Predictor))
def test_values_absent_from_a_split(predictor: Predictor) -> None:
    codes, factors = ideal_case("ident")
    only_in_test, only_in_train = factors.clone(), factors.clone()
    only_in_test[:2000, 0] = only_in_test[:2000, 0].clamp_max(4)
    only_in_train[2000:, 0] = only_in_train[2000:, 0].clamp_max(4)
    for changed in (only_in_test, only_in_train):
        result = separated_attribute_predictability(codes, changed, predictor=predictor, sampling=FIRST_ROWS)
        assert 0 < result.value < 1


class TestSeparatedAttributePredictability(MetricTester):
    metric_class = SeparatedAttributePredictability
    arguments = {"predictor": "linear_svc"}
    invalid = [{"predictor": "svm"}]
    invariances = ["permuted latents", "dead latents"]


class TestStandardized(TestSeparatedAttributePredictability):
    arguments = {"predictor": "linear_svc", "standardize": True}
    invariances = ["permuted latents", "dead latents", "rescaled latents"]


class TestR2(TestSeparatedAttributePredictability):
    arguments = {"predictor": "r2"}
    invariances = ["permuted latents", "dead latents", "rescaled latents"]


class TestTree(TestSeparatedAttributePredictability):
    arguments = {"predictor": "tree"}
    invariances = ["permuted latents", "rescaled latents"]
