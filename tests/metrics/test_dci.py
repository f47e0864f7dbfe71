"""Disentanglement, completeness and informativeness."""

from functools import partial
from typing import Literal

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import entropy
from sklearn.ensemble import RandomForestClassifier

from lr_lightning.metrics.core.chance_and_ceiling import with_levels
from lr_lightning.metrics.core.dci_estimators import EstimatorOptions, prepare
from lr_lightning.metrics.core.result import MetricResult
from lr_lightning.metrics.core.sample import Sampling, draw
from lr_lightning.metrics.dci import DCI, dci
from lr_lightning.testing import MetricTester
from tests.metrics.cases import FIRST_ROWS, IDEAL_NAMES, REFERENCE_NAMES, ideal_case, reference_case

NAMES = ("disentanglement", "completeness", "informativeness_train", "informativeness_test")
ESTIMATORS = ("lightgbm", "gbt", "forest", "lasso", "logistic")
SMALL = Sampling(num_train=200, num_test=100, order="first")


def values(result: MetricResult, variant: str) -> list[float]:
    """Return disentanglement, completeness and informativeness on the test."""
    return [result[f"{variant}_{name}"] for name in (*NAMES[:2], NAMES[3])]


def small_case(num_rows: int = 300, sizes: tuple[int, ...] = (3, 4)) -> tuple[torch.Tensor, torch.Tensor]:
    """Return codes of one latent a factor and one of noise, and the factors."""
    rng = np.random.default_rng(5)
    factors = np.stack([rng.integers(0, size, num_rows) for size in sizes], axis=1)
    codes = np.concatenate([factors, rng.normal(size=(num_rows, 1))], axis=1) + 0.01 * rng.normal(
        size=(num_rows, len(sizes) + 1)
    )
    return torch.from_numpy(codes).float(), torch.from_numpy(factors)


@pytest.mark.parametrize("name", REFERENCE_NAMES)
def test_boosted_trees_of_scikit_learn_as_the_reference(name: str) -> None:
    codes, factors, expected = reference_case(name)
    result = dci(codes, factors, estimator="gbt", sampling=FIRST_ROWS)
    for score in NAMES:
        assert result[f"gbt_{score}"] == pytest.approx(expected["dci_gbt"][score], abs=0.02)


@pytest.mark.parametrize("name", REFERENCE_NAMES)
def test_histograms_agree_with_the_reference(name: str) -> None:
    """Splits are the same with as many bins as rows; the reference draws among equal ones: .004 on the duplicated."""
    codes, factors, expected = reference_case(name)
    result = dci(codes, factors, sampling=FIRST_ROWS)
    for score in NAMES:
        assert result[f"lightgbm_{score}"] == pytest.approx(expected["dci_gbt"][score], abs=0.005)


def test_histograms_of_few_bins_agree_less_closely() -> None:
    codes, factors, expected = reference_case("noise_and_leak")
    result = dci(codes, factors, max_bins=255, sampling=FIRST_ROWS)
    for score in NAMES:
        assert result[f"lightgbm_{score}"] == pytest.approx(expected["dci_gbt"][score], abs=0.03)


BOOSTING = [
    (1, 1, 1),
    (1, 1, 1),
    (0.48, 0.48, 0.97),
    (
        0.21,
        0.21,
        0.79,
    ),  # published as .24, .25, .84 for another random rotation; scikit-learn's says .21, .21, .79 here
    (1, 0.67, 1),
    (1, 1, 1),
    (1, 1, 1),
    (0.42, 0.50, 0.58),
    (1, 0.72, 1),
    (0.01, 0.01, 0.17),
]
FOREST = [
    (0.82, 0.82, 1),
    (0.82, 0.82, 1),
    (0.40, 0.40, 1),  # published as .36; not reached by any of four other draws of the same case, all above .39
    (0.13, 0.13, 0.99),
    (0.79, 0.53, 1),
    (0.51, 0.46, 1),
    (0.51, 0.47, 1),
    (0.33, 0.41, 0.58),
    (0.70, 0.47, 1),
    (0, 0, 0.17),
]
LASSO = [
    (1, 1, 1),
    (1, 1, 1),
    (0.50, 0.50, 1),
    (0.13, 0.13, 1),
    (1, 1, 1),
    (1, 1, 1),
    (1, 1, 1),
    (0.96, 0.99, 0.50),
    (0.96, 0.65, 0.68),
]


@pytest.mark.parametrize(("name", "expected"), list(zip(IDEAL_NAMES, BOOSTING, strict=True)))
def test_ideal_cases_of_boosting(name: str, expected: tuple[float, ...]) -> None:
    """1000 rows and 30 trees, as the published values."""
    codes, factors = ideal_case(name)
    result = dci(codes, factors, num_trees=30, sampling=Sampling(num_train=1000, num_test=1000, order="first"))
    assert values(result, "lightgbm") == pytest.approx(expected, abs=0.03)


@pytest.mark.parametrize("name", ["rotF", "dup", "circle", "noise"])
def test_ideal_cases_agree_with_scikit_learn(name: str) -> None:
    codes, factors = ideal_case(name)
    sampling = Sampling(num_train=1000, num_test=1000, order="first")
    histograms = dci(codes, factors, num_trees=30, sampling=sampling)
    exact = dci(codes, factors, estimator="gbt", num_trees=30, sampling=sampling)
    assert values(histograms, "lightgbm") == pytest.approx(values(exact, "gbt"), abs=0.02)


@pytest.mark.parametrize(("name", "expected"), list(zip(IDEAL_NAMES, FOREST, strict=True)))
def test_ideal_cases_of_a_forest_that_sees_few_latents(name: str, expected: tuple[float, ...]) -> None:
    codes, factors = ideal_case(name)
    result = dci(codes, factors, estimator="forest", max_features="sqrt", num_trees=40, sampling=FIRST_ROWS)
    assert values(result, "forest") == pytest.approx(expected, abs=0.03)


def test_a_forest_that_sees_all_latents_finds_the_right_ones() -> None:
    result = dci(*ideal_case("nuis"), estimator="forest", num_trees=20, sampling=FIRST_ROWS)
    assert values(result, "forest") == pytest.approx([1, 1, 1], abs=0.01)


@pytest.mark.parametrize(("name", "expected"), list(zip(IDEAL_NAMES, LASSO, strict=False)))
def test_ideal_cases_of_lasso(name: str, expected: tuple[float, ...]) -> None:
    result = dci(*ideal_case(name), estimator="lasso", sampling=FIRST_ROWS)
    assert values(result, "lasso") == pytest.approx(expected, abs=0.03)


def test_lasso_on_noise_is_a_draw() -> None:
    """.40 and .22 are published for one draw; other draws give anything from .2 to 1, and no information."""
    drawn = []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        factors, codes = rng.integers(0, 6, size=(3000, 4)), rng.normal(size=(3000, 4))
        result = dci(torch.from_numpy(codes), torch.from_numpy(factors), estimator="lasso", sampling=FIRST_ROWS)
        drawn.append(values(result, "lasso"))
    scores = np.array(drawn)
    assert np.ptp(scores[:, 0]) > 0.2
    assert np.ptp(scores[:, 1]) > 0.2
    assert abs(scores[:, 2]).max() < 0.01


def test_chance_of_lasso_is_what_noise_gives() -> None:
    metric = partial(dci, estimator="lasso")
    score = with_levels(metric, draw(*ideal_case("ident"), FIRST_ROWS), 10).scores["dci_lasso_disentanglement"]
    assert score.value > 0.99
    assert score.chance == pytest.approx(0.5, abs=0.2)


@pytest.mark.parametrize(
    ("name", "expected"), [("ident", (1, 1, 1)), ("rot45", (0.5, 0.5, 1)), ("noise", (0, 0, 1 / 6))]
)
def test_ideal_cases_of_logistic_regression(name: str, expected: tuple[float, ...]) -> None:
    result = dci(*ideal_case(name), estimator="logistic", sampling=FIRST_ROWS)
    assert values(result, "logistic") == pytest.approx(expected, abs=0.05)


def test_permutation_importance_sees_no_factor_that_cannot_be_predicted() -> None:
    codes, factors = ideal_case("coll")
    share = dci(codes, factors, sampling=FIRST_ROWS)
    fall = dci(codes, factors, importance="permutation", sampling=FIRST_ROWS)
    assert share["lightgbm_disentanglement"] < 0.45
    assert fall["lightgbm_permutation_disentanglement"] > 0.9
    assert fall["lightgbm_permutation_informativeness_test"] == share["lightgbm_informativeness_test"]
    assert fall.matrix is not None
    # shuffling a latent that alone tells six values leaves a sixth of them right; those of lost factors stay near 0
    assert fall.matrix[:2, :2].diagonal().tolist() == pytest.approx([5 / 6, 5 / 6], abs=0.05)
    assert fall.matrix[:, 2:].max() < 0.05


def test_matrix_parts_and_scores_fit_together() -> None:
    codes, factors = ideal_case("rotF")
    result = dci(codes, factors, estimator="forest", num_trees=10, sampling=FIRST_ROWS)
    assert result.matrix is not None
    matrix = result.matrix.numpy()
    per_latent = 1 - entropy(matrix.T + 1e-11, base=4)
    per_factor = 1 - entropy(matrix + 1e-11, base=4)
    np.testing.assert_allclose(result.per_latent["disentanglement"], per_latent, atol=1e-9)
    np.testing.assert_allclose(result.per_factor["completeness"], per_factor, atol=1e-9)
    expected = (per_latent * matrix.sum(axis=1)).sum() / matrix.sum()
    assert result["forest_disentanglement"] == pytest.approx(expected, abs=1e-9)
    forest = RandomForestClassifier(10, max_features=None, random_state=0).fit(codes[:2000], factors[:2000, 1])
    np.testing.assert_allclose(matrix[:, 1], forest.feature_importances_, atol=0.05)  # of another seed
    accuracy = float((forest.predict(codes[2000:]) == factors[2000:, 1].numpy()).mean())
    assert result.per_factor["informativeness_test"][1].item() == pytest.approx(accuracy, abs=0.03)


def test_chance_of_informativeness_is_the_share_of_the_most_frequent_value() -> None:
    codes, factors = small_case()
    factors[:, 0] = (torch.arange(300) % 10 == 0).long()
    sample = draw(codes, factors[:, :1].repeat(1, 2), SMALL)
    score = with_levels(partial(dci, num_trees=2), sample).scores
    # two steps from the prior, noise is not learned by heart either
    assert score["dci_lightgbm_informativeness_test"].chance == pytest.approx(0.9, abs=0.03)
    assert score["dci_lightgbm_informativeness_train"].chance == pytest.approx(0.9, abs=0.03)
    # two steps from the prior, that value is still foretold everywhere
    assert score["dci_lightgbm_informativeness_test"].value == pytest.approx(0.9, abs=0.03)


@settings(max_examples=8, deadline=None)
@given(st.permutations(range(3)), st.lists(st.sampled_from([-2.0, -1.0, 0.5, 8.0]), min_size=3, max_size=3))
def test_order_sign_and_scale_of_latents_do_not_matter(order: list[int], scale: list[float]) -> None:
    codes, factors = small_case()
    expected = dci(codes, factors, num_trees=5, sampling=SMALL)
    changed = dci(codes[:, order] * torch.tensor(scale), factors, num_trees=5, sampling=SMALL)
    assert values(changed, "lightgbm") == pytest.approx(values(expected, "lightgbm"), abs=1e-6)


def test_duplicated_latents_share_importance_equally() -> None:
    codes, factors = small_case()
    result = dci(torch.cat([codes, -3 * codes], dim=1), factors, num_trees=10, sampling=SMALL)
    assert result.matrix is not None
    torch.testing.assert_close(result.matrix[:3], result.matrix[3:], rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("importance", ["impurity", "permutation"])
def test_the_number_of_threads_does_not_matter(importance: Literal["impurity", "permutation"]) -> None:
    """With as many threads as values, each grows the trees of one; nothing is found to split in some of them."""
    codes, factors = small_case(sizes=(3, 4, 5))
    codes[:, 0] = factors[:, 0]
    threads, found = torch.get_num_threads(), []
    try:
        for number in (1, 2, 5):
            torch.set_num_threads(number)
            found.append(dci(codes, factors, num_trees=40, importance=importance, sampling=SMALL))
    finally:
        torch.set_num_threads(threads)
    for other in found[1:]:
        assert found[0].matrix is not None
        assert other.matrix is not None
        assert torch.equal(found[0].matrix, other.matrix)
        assert found[0].scores == other.scores


def test_predictions_for_the_rows_fitted_to() -> None:
    codes, factors = (table.numpy() for table in small_case())
    for k, num_values in ((0, 3), (1, 4)):
        fit = prepare("lightgbm", codes, EstimatorOptions(num_trees=20, max_bins=255, max_features=None, penalty=1.0))
        fitted = fit(factors[:, k], 0)
        assert (fitted.fitted == fitted.predict(codes)).all()
        assert (fitted.fitted == factors[:, k]).mean() > 0.95
        assert len(np.unique(fitted.fitted)) == num_values


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_equal_seeds_give_equal_numbers(estimator: str) -> None:
    codes, factors, _ = reference_case("dct_rotation")

    def run(seed: int) -> MetricResult:
        sampling = Sampling(num_train=150, num_test=100, seed=seed)
        return dci(codes, factors, estimator=estimator, num_trees=3, importance="permutation", sampling=sampling)  # type: ignore[arg-type]

    first, again, other = run(1), run(1), run(2)
    assert first.matrix is not None
    assert again.matrix is not None
    assert other.matrix is not None
    assert torch.equal(first.matrix, again.matrix)
    assert not torch.equal(first.matrix, other.matrix)


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("importance", ["impurity", "permutation"])
def test_dead_latents_and_values_that_a_split_lacks(estimator: str, importance: str) -> None:
    codes, factors = small_case()
    codes[:, 2] = 7.0
    factors[:200, 0] = factors[:200, 0].clamp(max=1)  # the value 2 is held out only
    factors[200:, 1] = factors[200:, 1].clamp(max=2)  # the value 3 trains only
    result = dci(codes, factors, estimator=estimator, importance=importance, num_trees=5, sampling=SMALL)  # type: ignore[arg-type]
    assert all(np.isfinite(score.value) for score in result.scores.values())
    assert result.matrix is not None
    assert result.matrix[2].tolist() == [0, 0]


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_constant_factor_is_left_out(estimator: str) -> None:
    codes, factors = small_case()
    with_constant = torch.cat([factors[:, :1], torch.zeros(300, 1).long(), factors[:, 1:]], dim=1)
    expected = dci(codes, factors, estimator=estimator, num_trees=5, sampling=SMALL)  # type: ignore[arg-type]
    with pytest.warns(UserWarning, match="factors 1 take one value only") as caught:
        result = dci(codes, with_constant, estimator=estimator, num_trees=5, sampling=SMALL)  # type: ignore[arg-type]
    assert len(caught) == 1
    assert values(result, estimator) == pytest.approx(values(expected, estimator), abs=0.05)
    assert result.matrix is not None
    assert result.matrix.isnan().any(dim=0).tolist() == [False, True, False]
    for part in result.per_factor.values():
        assert part.isnan().tolist() == [False, True, False]


def test_no_factor_varies() -> None:
    codes, factors = small_case()
    with (
        pytest.warns(UserWarning, match="take one value only"),
        pytest.warns(UserWarning, match="it needs a factor that varies"),
    ):
        result = dci(codes, torch.zeros_like(factors), sampling=SMALL)
    assert all(np.isnan(score.value) for score in result.scores.values())


def test_one_factor_and_one_latent() -> None:
    codes, factors = small_case()
    with pytest.warns(UserWarning, match="dci disentanglement is undefined: it needs two factors") as caught:
        result = dci(codes, factors[:, :1], num_trees=5, sampling=SMALL)
    assert len(caught) == 1
    assert np.isnan(result["lightgbm_disentanglement"])
    assert result["lightgbm_completeness"] > 0.9
    with pytest.warns(UserWarning, match="dci completeness is undefined: it needs two latents"):
        result = dci(codes[:, :1], factors, num_trees=5, sampling=SMALL)
    assert np.isnan(result["lightgbm_completeness"])
    assert result["lightgbm_informativeness_test"] > 0.5


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_no_latent_varies(estimator: str) -> None:
    _, factors = small_case()
    with pytest.warns(UserWarning, match="they need a latent with importance") as caught:
        result = dci(torch.ones(300, 3), factors, estimator=estimator, num_trees=5, sampling=SMALL)  # type: ignore[arg-type]
    assert len(caught) == 1
    assert np.isnan(result[f"{estimator}_disentanglement"])
    assert result[f"{estimator}_informativeness_test"] < 0.5


def test_no_rows_held_out() -> None:
    codes, factors = small_case()
    sampling = Sampling(num_train=200, num_test=0)
    with pytest.warns(UserWarning, match="it needs rows held out; raise num_test"):
        result = dci(codes, factors, num_trees=5, sampling=sampling)
    assert np.isnan(result["lightgbm_informativeness_test"])
    assert result["lightgbm_completeness"] > 0.9
    with pytest.warns(UserWarning, match="permutation importances: it needs rows held out") as caught:
        result = dci(codes, factors, num_trees=5, importance="permutation", sampling=sampling)
    assert len(caught) == 1
    assert np.isnan(result["lightgbm_permutation_completeness"])


def test_r_squared_of_a_factor_that_is_constant_in_the_test_is_left_out() -> None:
    codes, factors = small_case()
    factors[200:, 0] = 1
    result = dci(codes, factors, estimator="lasso", importance="permutation", sampling=SMALL)
    assert result.per_factor["informativeness_test"].isnan().tolist() == [True, False]
    assert result["lasso_permutation_informativeness_test"] == result.per_factor["informativeness_test"][1].item()


class TestDCI(MetricTester):
    metric_class = DCI
    arguments = {"num_trees": 5, "max_bins": 31}
    invalid = [
        {"estimator": "svm"},
        {"importance": "gini"},
        {"num_trees": 0},
        {"max_bins": 1},
        {"penalty": 0.0},
        {"num_permutations": 0},
        {"max_features": "log2"},
    ]
    invariances = ["permuted latents", "rescaled latents"]
    tolerance = 0.03


class TestDCIWithGBT(TestDCI):
    arguments = {"estimator": "gbt", "num_trees": 5}


class TestDCIWithForest(TestDCI):
    arguments = {"estimator": "forest", "num_trees": 10, "max_features": "sqrt"}
    invariances = ["rescaled latents"]


class TestDCIWithLasso(TestDCI):
    arguments = {"estimator": "lasso", "penalty": 0.02}


class TestDCIWithLogistic(TestDCI):
    arguments = {"estimator": "logistic", "penalty": 0.01}


class TestDCIByPermutation(TestDCI):
    arguments = {"num_trees": 5, "importance": "permutation", "num_permutations": 2}
    invariances = ["rescaled latents"]  # which latent is shuffled how depends on their order
