"""InfoMEC."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.feature_selection import mutual_info_classif
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, mutual_info_score

from lr_lightning.metrics.core.chance_and_ceiling import with_levels
from lr_lightning.metrics.core.sample import Sampling, draw
from lr_lightning.metrics.infomec import InfoMEC, infomec
from lr_lightning.testing import MetricTester
from tests.metrics.cases import FIRST_ROWS, ideal_case, reference_case

NAN = float("nan")
TABLE = {
    "ident": (0.99, 1, 0.99),
    "perm": (0.99, 1, 0.99),
    "rot45": (0.33, 1, 0.34),
    # depends on the rotation: over fourteen of them .25-.50 and .29-.55; these are scikit-learn's of this one (below)
    "rotF": (0.250, 1, 0.318),
    "dup": (0.99, 1, 0.42),
    "dead": (0.99, 1, 0.99),
    "nuis": (0.84, 1, 0.98),
    "coll": (1, 0.50, NAN),
    "circle": (1, 1, 0.48),
    # modularity of noise depends on the draw: .69 with a deviation of .12 over sixty
    "noise": (0.637, 0, NAN),
}


def scikit_learn(codes: torch.Tensor, factors: torch.Tensor) -> NDArray[np.float64]:
    """Return the normalized information ``(D, K)``."""
    table, labels = codes.double().numpy(), factors.numpy()
    table = (table - table.mean(axis=0)) / table.std(axis=0)
    columns = [
        mutual_info_classif(table, column, discrete_features=False, n_neighbors=10, random_state=0)
        / mutual_info_score(column, column)
        for column in labels.T
    ]
    return np.stack(columns, axis=1)


@pytest.mark.filterwarnings("ignore:infomec_compactness is undefined")
@pytest.mark.parametrize("name", TABLE)
def test_ideal_cases(name: str) -> None:
    result = infomec(*ideal_case(name), sampling=FIRST_ROWS)
    for score, expected in zip(("modularity", "explicitness", "compactness"), TABLE[name], strict=True):
        assert result[score] == pytest.approx(expected, abs=0.03, nan_ok=True)


@pytest.mark.filterwarnings("ignore:infomec_compactness is undefined")
@pytest.mark.parametrize("name", ["rotF", "noise"])
def test_modularity_and_compactness_of_scikit_learn(name: str) -> None:
    codes, factors = ideal_case(name)
    information = scikit_learn(codes[:2000], factors[:2000])
    result = infomec(codes, factors, sampling=FIRST_ROWS)
    assert result.matrix is not None
    assert result.matrix.numpy() == pytest.approx(information, abs=1e-3)  # noise breaks ties of float32 otherwise
    share = (information.max(axis=1) / information.sum(axis=1)).mean()
    assert result["modularity"] == pytest.approx((share - 1 / 4) / (3 / 4), abs=2e-3)
    if name == "rotF":
        share = (information.max(axis=0) / information.sum(axis=0)).mean()
        assert result["compactness"] == pytest.approx((share - 1 / 4) / (3 / 4), abs=2e-3)


def test_explicitness_of_scikit_learn() -> None:
    """The entropy left with the code, over that left with a column of zeros; the last factor's values are uneven."""
    codes, factors, _ = reference_case("noise_and_leak")
    factors[:, 3] = factors[:, 3].clamp_max(2)
    result = infomec(codes, factors, sampling=FIRST_ROWS)
    table = codes[:2000].double().numpy()
    table = (table - table.mean(axis=0)) / table.std(axis=0)
    for k in range(4):
        entropies = []
        for features in (table, 0 * table):
            classifier = LogisticRegression(C=np.inf, class_weight="balanced", max_iter=1000)
            classifier.fit(features, factors[:2000, k])
            entropies.append(log_loss(factors[:2000, k], classifier.predict_proba(features)))
        expected = 1 - entropies[0] / entropies[1]
        assert result.per_factor["explicitness"][k].item() == pytest.approx(expected, abs=2e-3)


def test_the_regression_stops_where_told() -> None:
    codes, factors = ideal_case("ident")
    early = infomec(codes, factors, max_iter=2, sampling=FIRST_ROWS)["explicitness"]
    assert 0 < early < 0.9 < infomec(codes, factors, sampling=FIRST_ROWS)["explicitness"]


def test_discrete_latents_are_counted() -> None:
    """The second factor is whether a latent's value is odd, which no line on its axis tells."""
    grid = torch.cartesian_prod(torch.arange(3), torch.arange(4)).repeat(10, 1)
    factors = grid % torch.tensor([3, 2])
    codes = torch.stack([grid[:, 0] % 2, grid[:, 1], grid[:, 1], 0 * grid[:, 1]], dim=1).double()
    result = infomec(codes, factors, discrete_latents=True, sampling=Sampling(num_train=120, num_test=0))
    assert result.matrix is not None
    half = mutual_info_score(codes[:, 0], factors[:, 0]) / np.log(3)
    assert result.matrix.numpy() == pytest.approx(np.array([[half, 0], [0, 1], [0, 1], [0, 0]]), abs=1e-12)
    assert result.per_latent["counts"].tolist() == [1, 1, 1, 0]
    assert result["modularity"] == pytest.approx(1, abs=1e-12)
    # the first factor has one latent, the second two of three
    assert result["compactness"] == pytest.approx((1 + (1 / 2 - 1 / 3) / (2 / 3)) / 2, abs=1e-12)
    # one of three values is certain, the other two are as likely
    assert result.per_factor["explicitness"].numpy() == pytest.approx([1 - 2 / 3 * np.log(2) / np.log(3), 1], abs=1e-2)


def test_ties_are_broken() -> None:
    """Of equal codes, more than there are neighbors, the estimate of information would be 0."""
    codes, factors, _ = reference_case("ideal")
    assert len(np.unique(codes[:, 0])) == 4
    result = infomec(codes, factors, sampling=FIRST_ROWS)
    assert result.matrix is not None
    assert result.matrix.diagonal().numpy() == pytest.approx(1, abs=0.02)


def test_mask_leaves_out_what_shuffled_rows_say() -> None:
    codes, factors = ideal_case("nuis")
    plain = infomec(codes, factors, sampling=FIRST_ROWS)
    masked = infomec(codes, factors, mask_uninformative=True, sampling=FIRST_ROWS)
    assert plain.per_latent["counts"].tolist() == [1] * 8
    assert masked.per_latent["counts"].tolist() == [1] * 4 + [0] * 4
    assert plain.parameters["num_shuffles"] == masked.parameters["num_shuffles"] == 5
    assert plain["modularity"] < 0.9 < 0.98 < masked["modularity"]
    codes, factors = ideal_case("coll")
    lost = infomec(codes, factors, mask_uninformative=True, sampling=FIRST_ROWS)
    assert lost["compactness"] > 0.98
    assert lost.per_factor["compactness"].isnan().tolist() == [False, False, True, True]
    codes, factors = ideal_case("noise")
    with pytest.warns(UserWarning, match="infomec_modularity and infomec_compactness are undefined"):
        nothing = infomec(codes, factors, mask_uninformative=True, sampling=FIRST_ROWS)
    assert np.isnan(nothing["modularity"])
    assert np.isnan(nothing["compactness"])


def test_mask_applies_to_factors_and_to_the_scale_of_compactness() -> None:
    """Three latents carry two factors, the first of them twice; six latents of noise find a little in the others."""
    codes, factors = ideal_case("ident")
    noise = torch.randn(3000, 6, generator=torch.Generator().manual_seed(0))
    codes = torch.cat([codes[:, [0, 1, 0]], noise], dim=1)
    result = infomec(codes, factors, mask_uninformative=True, sampling=FIRST_ROWS)
    assert result.per_latent["counts"].tolist() == [1] * 3 + [0] * 6
    assert result.matrix is not None
    assert (result.matrix[:, 2:].sum(dim=0) > 0).all()
    expected = [(1 / 2 - 1 / 3) / (2 / 3), 1, NAN, NAN]
    assert result.per_factor["compactness"].numpy() == pytest.approx(expected, abs=0.03, nan_ok=True)


def test_a_value_absent_from_the_rows_to_train_on() -> None:
    codes, factors = ideal_case("ident")
    order = factors[:, 0].eq(0).long().argsort(stable=True)
    result = infomec(codes[order], factors[order], sampling=FIRST_ROWS)
    for name in result.scores:
        assert result[name] > 0.98


def test_latents_of_small_range_do_not_count() -> None:
    codes, factors = ideal_case("ident")
    codes = codes * torch.tensor([1.0, 0.06, 0.04, 0.0])
    result = infomec(codes, factors, sampling=FIRST_ROWS, mask_uninformative=True)
    assert result.per_latent["counts"].tolist() == [1, 1, 0, 0]
    wider = infomec(codes, factors, min_range=0.01, sampling=FIRST_ROWS, mask_uninformative=True)
    assert wider.per_latent["counts"].tolist() == [1, 1, 1, 0]


@pytest.mark.filterwarnings("ignore:infomec_compactness is undefined")
def test_chance_is_that_of_shuffled_rows() -> None:
    result = with_levels(infomec, draw(*ideal_case("noise"), FIRST_ROWS))
    for name in ("infomec_modularity", "infomec_compactness"):
        chance = result.scores[name].chance
        assert chance is not None
        # over forty codes of noise .69 and .68 with deviations of .14; a mean of five of as many scatters by .07
        assert chance == pytest.approx(0.68, abs=3 * 0.07)
    # told on the rows that it was fitted to: five weights a value, of which each explains a half in nats of 2,000 rows
    assert 0 < result.scores["infomec_explicitness"].chance < 0.02  # type: ignore[operator]


@pytest.mark.parametrize("mask_uninformative", [False, True])
def test_random_numbers_come_from_the_seed(mask_uninformative: bool) -> None:
    codes, factors = ideal_case("rotF")
    first, again, other = (
        infomec(codes, factors, mask_uninformative=mask_uninformative, sampling=Sampling(800, 0, seed=seed))
        for seed in (0, 0, 1)
    )
    assert first.scores == again.scores
    assert first.value != other.value


@settings(max_examples=5, deadline=None)
@given(st.permutations(range(6)), st.sampled_from([-3.0, 0.5, 100.0]), st.floats(-5, 5))
def test_order_one_scale_and_offset_of_latents_do_not_matter(order: list[int], scale: float, offset: float) -> None:
    codes, factors, _ = reference_case("noise_and_leak")
    expected = infomec(codes, factors, sampling=FIRST_ROWS)
    result = infomec(codes.double()[:, order] * scale + offset, factors, sampling=FIRST_ROWS)
    for name in expected.scores:
        assert result[name] == pytest.approx(expected[name], abs=2e-3)


def test_dead_and_duplicated_latents() -> None:
    codes, factors = ideal_case("ident")
    codes = torch.cat([codes, codes[:, :1], torch.full((3000, 1), 0.1)], dim=1)
    result = infomec(codes, factors, sampling=FIRST_ROWS)
    assert result.per_latent["counts"].tolist() == [1] * 5 + [0]
    assert result["modularity"] > 0.98
    # the first factor has two of five latents
    assert result.per_factor["compactness"][0].item() == pytest.approx((1 / 2 - 1 / 5) / (4 / 5), abs=0.02)


@pytest.mark.filterwarnings("ignore:infomec_compactness is undefined")  # too few neighbors
def test_more_values_than_one_in_two_rows() -> None:
    factors = torch.cartesian_prod(torch.arange(30), torch.arange(2))
    result = infomec(factors.double(), factors, sampling=Sampling(num_train=40, num_test=20))
    assert 0 < result["explicitness"] <= 1


def test_undefined_scores_are_nan_with_a_warning() -> None:
    codes, factors = ideal_case("ident")
    with pytest.warns(UserWarning, match="infomec_compactness is undefined"):
        result = infomec(codes[:, :1], factors, sampling=FIRST_ROWS, mask_uninformative=True)
    assert result["modularity"] > 0.98
    with pytest.warns(UserWarning, match="infomec_modularity is undefined"):
        result = infomec(codes, factors[:, :1], sampling=FIRST_ROWS)
    assert result["compactness"] > 0.9
    with pytest.warns(UserWarning, match="infomec_modularity and infomec_compactness are undefined"):
        result = infomec(torch.zeros(3000, 2), factors, sampling=FIRST_ROWS)
    assert result["explicitness"] == pytest.approx(0, abs=1e-2)
    with (
        pytest.warns(UserWarning, match="take one value only"),
        pytest.warns(
            UserWarning, match="infomec_modularity, infomec_explicitness and infomec_compactness are undefined"
        ),
    ):
        infomec(codes, 0 * factors, sampling=FIRST_ROWS)


@pytest.mark.parametrize("mask_uninformative", [False, True])
def test_factors_with_one_value_are_left_out(mask_uninformative: bool) -> None:
    codes, factors = ideal_case("ident")
    factors[:, 2] = 0
    with pytest.warns(UserWarning, match="factors 2 take one value only"):
        result = infomec(codes[:, [0, 1, 3]], factors, mask_uninformative=mask_uninformative, sampling=FIRST_ROWS)
    for name in result.scores:
        assert result[name] > 0.98
    assert result.per_factor["explicitness"].isnan().tolist() == [False, False, True, False]


class TestInfoMEC(MetricTester):
    metric_class = InfoMEC
    arguments = {"num_neighbors": 4, "min_range": 0.1, "max_iter": 7}
    invalid = [{"num_neighbors": 0}, {"min_range": -0.1}, {"max_iter": 0}]
    invariances = ["permuted latents", "rescaled latents"]
    tolerance = 0.03
