"""Sample efficiency."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from lr_lightning.metrics.core.sample import Sampling, draw
from lr_lightning.metrics.sample_efficiency import SampleEfficiency, sample_efficiency
from lr_lightning.testing import MetricTester
from tests.metrics.cases import FIRST_ROWS, IDEAL_NAMES, ideal_case

# A perfect code is read without error, a factor that is not encoded by one guess in six; the penalty of the regression
# costs a little. Rotations are nothing to a linear classifier.
ACCURACY = dict.fromkeys(IDEAL_NAMES, 1.0) | {"coll": (1 + 1 + 1 / 6 + 1 / 6) / 4, "noise": 1 / 6}


@pytest.mark.parametrize(("name", "expected"), ACCURACY.items())
def test_ideal_cases(name: str, expected: float) -> None:
    result = sample_efficiency(*ideal_case(name), train_sizes=(100, 2000), predictor="logistic", sampling=FIRST_ROWS)
    assert result["sample_efficiency_logistic_accuracy_2000"] == pytest.approx(expected, abs=0.03)
    assert result["logistic_accuracy_100"] <= result["logistic_accuracy_2000"]


def test_trees_learn_soon_what_a_single_latent_tells() -> None:
    ratios = {
        name: sample_efficiency(*ideal_case(name), train_sizes=(100, 500), sampling=FIRST_ROWS).value
        for name in ("ident", "rotF", "noise")
    }
    assert ratios["ident"] == pytest.approx(1, abs=0.03)
    assert ratios["rotF"] < 0.85
    assert ratios["noise"] == pytest.approx(1, abs=0.1)  # nothing is learned soon


def test_as_computed_by_hand() -> None:
    codes, factors = ideal_case("coll")
    result = sample_efficiency(codes, factors, train_sizes=(50, 400), predictor="logistic", sampling=FIRST_ROWS)
    scaler = StandardScaler().fit(codes[:2000])
    accuracies = np.empty((2, 4))
    for row, size in zip(accuracies, (50, 400), strict=True):
        for k in range(4):
            model = LogisticRegression(max_iter=1000).fit(scaler.transform(codes[:size]), factors[:size, k])
            row[k] = model.score(scaler.transform(codes[2000:]), factors[2000:, k])
    assert list(result.scores) == [
        f"sample_efficiency_logistic_{s}" for s in ("50_over_400", "accuracy_50", "accuracy_400")
    ]
    means = accuracies.mean(axis=1)
    assert [score.value for score in result.scores.values()] == pytest.approx([means[0] / means[1], *means], abs=2e-3)
    np.testing.assert_allclose(result.per_factor["accuracy_50"], accuracies[0], atol=3e-3)
    majority = [(factors[2000:, k] == factors[:2000, k].mode().values).double().mean().item() for k in range(4)]
    assert result.per_factor["majority_share"].numpy() == pytest.approx(majority, abs=1e-12)


def test_sizes_in_any_order() -> None:
    arguments = {"predictor": "logistic", "sampling": FIRST_ROWS}
    first = sample_efficiency(*ideal_case("coll"), train_sizes=(200, 50, 50), **arguments)  # type: ignore[arg-type]
    assert first.scores == sample_efficiency(*ideal_case("coll"), train_sizes=(50, 200), **arguments).scores  # type: ignore[arg-type]


@settings(max_examples=4, deadline=None)
@given(st.permutations(range(4)), st.lists(st.sampled_from([-4.0, 0.125, 2.0]), min_size=4, max_size=4))
def test_order_sign_and_scale_of_latents_do_not_matter(order: list[int], scale: list[float]) -> None:
    codes, factors = ideal_case("rotF")
    arguments = {"train_sizes": (50, 200), "predictor": "logistic", "sampling": FIRST_ROWS}
    expected = sample_efficiency(codes, factors, **arguments).value  # type: ignore[arg-type]
    changed = sample_efficiency(codes[:, order] * torch.tensor(scale), factors, **arguments)  # type: ignore[arg-type]
    assert changed.value == pytest.approx(expected, abs=2e-3)  # where the solver stops


def test_seed() -> None:
    codes, factors = ideal_case("rotF")
    values = [
        sample_efficiency(
            codes, factors, train_sizes=(20, 50), sampling=Sampling(num_train=50, num_test=300, seed=s)
        ).value
        for s in (3, 3, 4)
    ]
    assert values[0] == values[1] != values[2]


def test_sizes_above_the_rows_to_train_on() -> None:
    sampling = Sampling(num_train=200, num_test=100)
    with pytest.warns(UserWarning, match="train_sizes 1000, 10000 exceed the 200 rows to train on"):
        result = sample_efficiency(*ideal_case("ident"), predictor="logistic", sampling=sampling)
    assert math.isnan(result.value)
    assert math.isnan(result["logistic_accuracy_1000"])
    assert result["logistic_accuracy_100"] > 0.5


def test_constant_factor() -> None:
    codes, factors = ideal_case("ident")
    factors = factors.clone()
    factors[:, 1] = 7
    with pytest.warns(UserWarning, match="factors 1 take one value only"):
        result = sample_efficiency(codes, factors, train_sizes=(100, 2000), predictor="logistic", sampling=FIRST_ROWS)
    assert result["logistic_accuracy_2000"] == pytest.approx(1, abs=0.03)
    assert result.per_factor["accuracy_2000"].isnan().tolist() == [False, True, False, False]


def test_a_value_that_training_never_saw_is_missed() -> None:
    codes, factors = ideal_case("ident")
    factors = factors.clone()
    factors[2500:, 0] = 6
    result = sample_efficiency(codes, factors, train_sizes=(100, 2000), predictor="logistic", sampling=FIRST_ROWS)
    assert result.per_factor["accuracy_2000"][0].item() == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize(("num_test", "message"), [(0, "raise num_test"), (1000, "needs a factor that varies")])
def test_undefined(num_test: int, message: str) -> None:
    codes, factors = ideal_case("ident")
    if num_test:
        factors = torch.zeros_like(factors)
    sample = draw(codes, factors, Sampling(num_train=2000, num_test=num_test))
    sample.shared("warned of constant factors", lambda: True)
    with pytest.warns(UserWarning, match=f"sample_efficiency is undefined: .*{message}") as caught:
        result = sample_efficiency(sample)
    assert len(caught) == 1
    assert all(math.isnan(score.value) for score in result.scores.values())


class TestSampleEfficiency(MetricTester):
    metric_class = SampleEfficiency
    arguments = {"train_sizes": (40, 150), "predictor": "logistic"}
    invalid = [{"train_sizes": (40,)}, {"train_sizes": (40, 40)}, {"train_sizes": (1, 40)}, {"predictor": "svm"}]
    invariances = ["permuted latents", "dead latents"]
    tolerance = 0.03
    uninformative = ["sample_efficiency_logistic_40_over_150"]
