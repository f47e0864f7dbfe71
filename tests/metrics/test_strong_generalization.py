"""Strong generalization."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lr_lightning.metrics.core.sample import Sampling
from lr_lightning.metrics.strong_generalization import StrongGeneralization, strong_generalization
from lr_lightning.testing import MetricTester
from tests.metrics.cases import FIRST_ROWS, IDEAL_NAMES, ideal_case

NAME = "strong_generalisation_logistic"
# A linear classifier reads a rotated code whatever another factor does; factors that are not encoded are guessed.
ACCURACY = dict.fromkeys(IDEAL_NAMES, 1.0) | {"coll": (1 + 1 + 1 / 6 + 1 / 6) / 4, "noise": 1 / 6}


@pytest.mark.parametrize(("name", "expected"), ACCURACY.items())
def test_ideal_cases(name: str, expected: float) -> None:
    result = strong_generalization(*ideal_case(name), predictor="logistic", sampling=FIRST_ROWS)
    # some 330 rows train: dimensions without a factor cost some accuracy, with the shift and without
    assert result[f"{NAME}_accuracy"] == pytest.approx(expected, abs=0.1)
    assert result[f"{NAME}_unshifted_accuracy"] == pytest.approx(result[f"{NAME}_accuracy"], abs=0.03)
    assert result[f"{NAME}_gap"] == pytest.approx(
        1 - result[f"{NAME}_accuracy"] / result[f"{NAME}_unshifted_accuracy"], abs=1e-12
    )


def test_trees_do_not_generalise_from_a_rotation() -> None:
    for name, low, high in (("ident", -0.01, 0.03), ("rotF", 0.1, 0.5)):
        result = strong_generalization(*ideal_case(name), num_interventions=1, sampling=FIRST_ROWS)
        assert low < result["strong_generalisation_lightgbm_gap"] < high
        assert not result.scores["strong_generalisation_lightgbm_gap"].higher_is_better


def test_a_code_that_means_the_reverse_elsewhere() -> None:
    """The second factor turns the sign of the first one's code: what is learned at one value is wrong at the other."""
    factors = torch.cartesian_prod(torch.arange(2), torch.arange(2)).repeat(100, 1)
    signs = 2 * factors - 1
    codes = torch.stack([signs[:, 0] * signs[:, 1], signs[:, 1]], dim=1).float()
    sampling = Sampling(num_train=200, num_test=200)
    result = strong_generalization(codes, factors, num_interventions=3, sampling=sampling)
    assert result.per_factor["accuracy"][0] == 0
    assert result.per_factor["unshifted_accuracy"].tolist() == [1, 1]
    accuracy = result.per_factor["accuracy"].mean().item()
    assert result["strong_generalisation_lightgbm_accuracy"] == accuracy
    assert result["strong_generalisation_lightgbm_gap"] == 1 - accuracy


def test_order_first_trains_and_tests_on_rows_apart() -> None:
    codes, factors = ideal_case("ident")
    codes[2000:] = codes[2000 + torch.randperm(1000, generator=torch.Generator().manual_seed(0))]
    result = strong_generalization(codes, factors, predictor="logistic", sampling=FIRST_ROWS)
    assert result[f"{NAME}_accuracy"] == pytest.approx(1 / 6, abs=0.05)


def test_other_factors_take_turns() -> None:
    """Fixing the third factor leaves half of the other values of the first latent without a guess; the second, none."""
    factors = torch.cartesian_prod(*[torch.arange(2)] * 3).repeat(50, 1)
    codes = torch.stack([factors[:, 0] + 2 * factors[:, 2], factors[:, 1]], dim=1).float()
    for seed in range(5):
        sampling = Sampling(num_train=200, num_test=200, seed=seed)
        result = strong_generalization(codes, factors, num_interventions=2, sampling=sampling)
        assert result.per_factor["accuracy"][0].item() == pytest.approx((0.5 + 1) / 2, abs=0.03)
        assert result.per_factor["accuracy"][1] == 1


@settings(max_examples=4, deadline=None)
@given(st.permutations(range(4)), st.lists(st.sampled_from([-4.0, 0.125, 2.0]), min_size=4, max_size=4))
def test_order_sign_and_scale_of_latents_do_not_matter(order: list[int], scale: list[float]) -> None:
    codes, factors = ideal_case("coll")
    expected = strong_generalization(codes, factors, predictor="logistic", sampling=FIRST_ROWS).value
    changed = strong_generalization(
        codes[:, order] * torch.tensor(scale), factors, predictor="logistic", sampling=FIRST_ROWS
    )
    assert changed.value == pytest.approx(expected, abs=5e-3)  # where the solver stops


def test_seed() -> None:
    codes, factors = ideal_case("rotF")
    values = [
        strong_generalization(
            codes, factors, predictor="logistic", sampling=Sampling(num_test=200, num_train=100, seed=s)
        ).value
        for s in (3, 3, 4)
    ]
    assert values[0] == values[1] != values[2]


def test_constant_factor() -> None:
    codes, factors = ideal_case("ident")
    factors = factors.clone()
    factors[:, 1] = 7
    with pytest.warns(UserWarning, match="factors 1 take one value only"):
        result = strong_generalization(codes, factors, predictor="logistic", sampling=FIRST_ROWS)
    assert result.value == pytest.approx(1, abs=0.08)
    assert result.per_factor["accuracy"].isnan().tolist() == [False, True, False, False]


def test_a_factor_without_a_value_to_fix_is_predicted_but_not_fixed() -> None:
    factors = torch.stack([torch.arange(60) % 3, torch.arange(60)], dim=1)
    sampling = Sampling(num_train=40, num_test=20, order="first")
    result = strong_generalization(factors.float(), factors, predictor="logistic", sampling=sampling)
    assert result.per_factor["accuracy"].isnan().tolist() == [True, False]
    assert result.per_factor["accuracy"][1] == 0  # the rows held out have values of their own


@pytest.mark.parametrize(
    ("case", "message"),
    [
        ("one factor", "two factors that vary"),
        ("no test", "raise num_test"),
        ("no groups", "two rows to train on that share a value"),
    ],
)
def test_undefined(case: str, message: str) -> None:
    codes, factors = ideal_case("ident")
    if case == "one factor":
        factors = factors[:, :1]
    elif case == "no groups":
        factors = torch.stack([torch.arange(3000), torch.arange(3000)], dim=1)
    num_test = 0 if case == "no test" else 1000
    with pytest.warns(UserWarning, match=f"strong_generalisation is undefined: .*{message}") as caught:
        result = strong_generalization(codes, factors, sampling=Sampling(num_train=2000, num_test=num_test))
    assert len(caught) == 1
    assert all(math.isnan(score.value) for score in result.scores.values())


class TestStrongGeneralization(MetricTester):
    metric_class = StrongGeneralization
    arguments = {"predictor": "logistic", "num_interventions": 1}
    invalid = [{"predictor": "svm"}, {"num_interventions": 0}]
    invariances = ["permuted latents", "dead latents"]
    tolerance = 0.03
    uninformative = ["strong_generalisation_logistic_gap"]
