"""Explicitness and size, by loss-capacity curves."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LinearRegression

from lr_lightning.metrics.core.sample import Sampling
from lr_lightning.metrics.dci_es import DCIES, dci_es
from lr_lightning.testing import MetricTester
from tests.metrics.cases import FIRST_ROWS, IDEAL_NAMES, ideal_case

PROBES = ("random_fourier_features", "mlp", "forest")
SMALL = Sampling(num_train=400, num_test=200, order="first")


@pytest.mark.parametrize("name", IDEAL_NAMES)
def test_ideal_cases(name: str) -> None:
    """Whatever is read linearly is explicit, rotated or not; a factor that is lost or only noise counts 0."""
    codes, factors = ideal_case(name)
    result = dci_es(codes, factors, sampling=FIRST_ROWS)
    explicit = result["random_fourier_features_explicitness"]
    if name == "circle":  # its index jumps from 5 to 0, so that lines read two thirds of its variance
        assert 0.7 < explicit < 0.9
    else:
        assert explicit == pytest.approx({"coll": 0.5, "noise": 0.0}.get(name, 1.0), abs=0.01)
    assert result["random_fourier_features_size"] == 4 / codes.shape[1]


@pytest.mark.parametrize(("name", "expected"), [("ident", 1), ("rotF", 1), ("noise", 0)])
def test_perceptrons_agree(name: str, expected: float) -> None:
    result = dci_es(*ideal_case(name), probe="mlp", capacities=(0, 8), sampling=SMALL)
    assert result["mlp_explicitness"] == pytest.approx(expected, abs=0.02)


def test_a_forest_finds_rotations_less_explicit() -> None:
    scores = [
        dci_es(*ideal_case(name), probe="forest", sampling=SMALL)["forest_explicitness"]
        for name in ("ident", "rotF", "noise")
    ]
    assert 1 > scores[0] > scores[1] + 0.02
    assert scores[2] == pytest.approx(0, abs=0.02)


def test_least_capacity_is_linear_regression_and_area_is_by_trapezoids() -> None:
    codes, factors = ideal_case("circle")
    result = dci_es(codes, factors, capacities=(0, 3, 63), sampling=FIRST_ROWS)
    train, test, y = codes[:2000].numpy(), codes[2000:].numpy(), factors.double().numpy()
    residual = y[2000:] - LinearRegression().fit(train, y[:2000]).predict(test)
    linear = (residual**2).mean(axis=0) / ((y[2000:] - y[:2000].mean(axis=0)) ** 2).mean(axis=0)
    curve = [result.per_factor[f"loss_at_{capacity}"].numpy() for capacity in (0, 3, 63)]
    np.testing.assert_allclose(curve[0], linear, atol=1e-3)  # but for the weight of the ridge, 1e-4
    # logarithms of 1, 4 and 64 lie 1 : 2 apart
    mean = ((curve[0] + curve[1]) / 2 + 2 * (curve[1] + curve[2]) / 2) / 3
    np.testing.assert_allclose(result.per_factor["explicitness"], 1 - mean, atol=1e-12)
    np.testing.assert_allclose(result.per_factor["relative_explicitness"], 1 - 2 * (mean - curve[2]), atol=1e-12)


def test_axis_of_a_forest_is_its_depth() -> None:
    result = dci_es(*ideal_case("ident"), probe="forest", capacities=(1, 2, 4), sampling=SMALL)
    curve = [result.per_factor[f"loss_at_{depth}"].numpy() for depth in (1, 2, 4)]
    mean = ((curve[0] + curve[1]) / 2 + 2 * (curve[1] + curve[2]) / 2) / 3
    np.testing.assert_allclose(result.per_factor["explicitness"], 1 - mean, atol=1e-12)


@pytest.mark.parametrize("deviation", [0.5, 1e4])
def test_curves_never_rise_and_start_at_most_at_the_constant(deviation: float) -> None:
    """1023 cosines of 100 rows fit noise: their own loss is above that of lines, or even of the constant."""
    codes, factors = ideal_case("ident")
    codes = codes + deviation * torch.randn(codes.shape, generator=torch.Generator().manual_seed(0))
    result = dci_es(codes, factors, sampling=Sampling(num_train=100, num_test=200))
    curve = torch.stack([result.per_factor[f"loss_at_{c}"] for c in (0, 3, 15, 63, 255, 1023)])
    assert (curve.diff(dim=0) <= 0).all()
    assert (curve <= 1).all()
    assert result["random_fourier_features_explicitness"] >= 0


@settings(max_examples=10, deadline=None)
@given(st.permutations(range(4)), st.lists(st.sampled_from([-2.0, -1.0, 0.5, 8.0]), min_size=4, max_size=4))
def test_order_sign_and_scale_of_latents_hardly_matter(order: list[int], scale: list[float]) -> None:
    """The cosines that are drawn are others for other signs and orders, so that curves agree but roughly."""
    codes, factors = ideal_case("rotF")
    changed = dci_es(codes[:, order] * torch.tensor(scale), factors, capacities=(0, 15), sampling=SMALL)
    expected = dci_es(codes, factors, capacities=(0, 15), sampling=SMALL)
    name = "random_fourier_features_explicitness"
    assert changed[name] == pytest.approx(expected[name], abs=1e-3)


@pytest.mark.parametrize("probe", PROBES)
def test_equal_seeds_give_equal_numbers(probe: str) -> None:
    codes, factors = ideal_case("circle")

    def run(seed: int) -> float:
        sampling = Sampling(num_train=200, num_test=100, seed=seed)
        return dci_es(codes, factors, probe=probe, capacities=(1, 4), sampling=sampling).value  # type: ignore[arg-type]

    assert run(1) == run(1)
    assert run(1) != run(2)


@pytest.mark.parametrize("probe", PROBES)
def test_dead_and_duplicated_latents_and_values_that_a_split_lacks(probe: str) -> None:
    codes, factors = ideal_case("ident")
    codes, factors = codes[:600], factors[:600].clone()
    factors[:400, 0].clamp_(max=4)
    factors[400:, 1].clamp_(max=4)
    codes = torch.cat([codes, codes, torch.full((600, 1), 7.0)], dim=1)
    result = dci_es(codes, factors, probe=probe, capacities=(1, 8), sampling=SMALL)  # type: ignore[arg-type]
    assert 0.5 < result.value <= 1


def test_constant_factor_is_left_out() -> None:
    codes, factors = ideal_case("ident")
    factors[:, 1] = 3
    with pytest.warns(UserWarning, match="factors 1 take one value only") as caught:
        result = dci_es(codes, factors, sampling=SMALL)
    assert len(caught) == 1
    assert result.value > 0.99
    assert result["random_fourier_features_size"] == 3 / 4
    for part in result.per_factor.values():
        assert part.isnan().tolist() == [False, True, False, False]


def test_no_factor_varies() -> None:
    codes, factors = ideal_case("ident")
    with (
        pytest.warns(UserWarning, match="take one value only"),
        pytest.warns(UserWarning, match="it needs a factor that varies"),
    ):
        result = dci_es(codes, torch.zeros_like(factors), sampling=SMALL)
    assert all(np.isnan(score.value) for score in result.scores.values())


def test_no_rows_held_out() -> None:
    codes, factors = ideal_case("ident")
    with pytest.warns(UserWarning, match="it needs rows held out; raise num_test") as caught:
        result = dci_es(codes, factors, sampling=Sampling(num_train=200, num_test=0))
    assert len(caught) == 1
    assert np.isnan(result.value)
    assert result["random_fourier_features_size"] == 1


@pytest.mark.parametrize("probe", PROBES)
def test_no_latent_varies(probe: str) -> None:
    _, factors = ideal_case("ident")
    result = dci_es(torch.ones(3000, 1), factors[:, :1], probe=probe, capacities=(1, 2), sampling=SMALL)  # type: ignore[arg-type]
    assert result.value == pytest.approx(0, abs=0.01)  # the bias of a perceptron is only descended to


class TestDCIES(MetricTester):
    uninformative = ["dci_es_random_fourier_features_size", "dci_es_mlp_size", "dci_es_forest_size"]
    metric_class = DCIES
    arguments = {"capacities": (0, 3, 15)}
    invalid = [{"probe": "tree"}, {"capacities": (3,)}, {"capacities": (3, 3)}, {"capacities": (-1, 3)}]
    invariances = ["rescaled latents"]


class TestPerceptrons(TestDCIES):
    arguments = {"probe": "mlp", "capacities": (0, 3)}


class TestForests(TestDCIES):
    invalid = [{"probe": "forest", "capacities": (0, 3)}]
    arguments = {"probe": "forest", "capacities": (1, 2, 4)}
