"""Score of the paper on beta-VAE."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from lr_lightning.metrics.beta_vae_score import BetaVAEScore, beta_vae_score
from lr_lightning.metrics.core.sample import Sampling, draw
from lr_lightning.testing import MetricTester
from tests.metrics.cases import FIRST_ROWS, IDEAL_NAMES, ideal_case

# Two factors of "coll" are not encoded and look alike, so that half of their points are guessed: 1/2 + 1/4.
EXPECTED = dict(zip(IDEAL_NAMES, [1, 1, 0.47, 0.93, 1, 1, 1, 0.75, 1, 0.26], strict=True))


@pytest.mark.parametrize(("name", "expected"), EXPECTED.items())
def test_ideal_cases(name: str, expected: float) -> None:
    result = beta_vae_score(*ideal_case(name), sampling=FIRST_ROWS)
    assert result.value == pytest.approx(expected, abs=0.05)
    assert result["train"] > expected - 0.05


def points_one_by_one(codes: np.ndarray, factors: np.ndarray, num: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Make points as the definition says, pair by pair."""
    random = np.random.default_rng(seed)
    points, labels = [], []
    for _ in range(num):
        k = int(random.integers(factors.shape[1]))
        first = random.integers(len(codes), size=64)
        second = [random.choice(np.flatnonzero(factors[:, k] == factors[row, k])) for row in first]
        points.append(np.abs(codes[first] - codes[second]).mean(axis=0))
        labels.append(k)
    return np.array(points), np.array(labels)


def test_as_the_definition_pair_by_pair() -> None:
    codes, factors = ideal_case("rotF")
    table, labels = codes[:2000].double().numpy(), factors[:2000].numpy()
    classifier = LogisticRegression().fit(*points_one_by_one(table, labels, 600, 0))
    expected = classifier.score(*points_one_by_one(table, labels, 600, 1))
    sampling = Sampling(num_train=2000, num_test=1000, order="first")
    result = beta_vae_score(codes, factors, num_points_train=600, sampling=sampling)
    assert result.value == pytest.approx(expected, abs=0.06)  # five standard errors of 600 points at .93


def test_points_of_one_pair_carry_less() -> None:
    few = beta_vae_score(*ideal_case("rotF"), batch_size=2, sampling=FIRST_ROWS)
    assert few.value < 0.7 < beta_vae_score(*ideal_case("rotF"), sampling=FIRST_ROWS).value


def test_accuracy_of_each_factor() -> None:
    result = beta_vae_score(*ideal_case("coll"), sampling=FIRST_ROWS)
    accuracy = result.per_factor["accuracy"]
    assert accuracy[:2].tolist() == [1, 1]
    assert accuracy[2:].sum().item() == pytest.approx(1, abs=0.1)


def test_penalty_does_not_hear_small_latents_unless_standardised() -> None:
    codes, factors = ideal_case("rotF")
    small = codes * 1e-3
    assert beta_vae_score(small, factors, sampling=FIRST_ROWS).value < 0.8
    result = beta_vae_score(small, factors, standardize=True, sampling=FIRST_ROWS)
    assert list(result.scores) == ["beta_vae_score_standardized", "beta_vae_score_standardized_train"]
    assert result.value == pytest.approx(0.93, abs=0.05)


@settings(max_examples=5, deadline=None)
@given(st.lists(st.sampled_from([-4.0, -1.0, 0.125, 2.0]), min_size=4, max_size=4))
def test_scale_and_sign_do_not_matter_if_standardised(scale: list[float]) -> None:
    codes, factors = ideal_case("rotF")
    expected = beta_vae_score(codes, factors, standardize=True, sampling=FIRST_ROWS).value
    changed = beta_vae_score(codes * torch.tensor(scale), factors, standardize=True, sampling=FIRST_ROWS)
    assert changed.value == expected  # powers of two leave no round-off


@settings(max_examples=5, deadline=None)
@given(st.permutations(range(4)))
def test_order_of_latents_does_not_matter(order: list[int]) -> None:
    codes, factors = ideal_case("rotF")
    expected = beta_vae_score(codes, factors, sampling=FIRST_ROWS).value
    assert beta_vae_score(codes[:, order], factors, sampling=FIRST_ROWS).value == pytest.approx(expected, abs=2e-3)


def test_order_of_rows_does_not_matter() -> None:
    codes, factors = ideal_case("rotF")
    order = torch.randperm(len(codes), generator=torch.Generator().manual_seed(0))
    expected = beta_vae_score(codes, factors, num_points_train=500)
    assert beta_vae_score(codes[order], factors[order], num_points_train=500).scores == expected.scores


def test_seed() -> None:
    codes, factors = ideal_case("rotF")
    values = [beta_vae_score(codes, factors, num_points_train=500, sampling=Sampling(seed=s)).value for s in (3, 3, 4)]
    assert values[0] == values[1] != values[2]


def test_order_first_tests_on_other_rows() -> None:
    """Codes that mean nothing in the rows held out are at chance there only."""
    codes, factors = ideal_case("ident")
    codes[2000:] = codes[2000 + torch.randperm(1000, generator=torch.Generator().manual_seed(0))]
    result = beta_vae_score(codes, factors, sampling=FIRST_ROWS)
    assert result["train"] == 1
    assert result.value < 0.5


def test_dead_and_constant() -> None:
    codes, factors = ideal_case("ident")
    codes, factors = torch.cat([codes, torch.zeros(3000, 1)], dim=1), factors.clone()
    factors[:, 1] = 7
    for standardize in (False, True):
        with pytest.warns(UserWarning, match="factors 1 take one value only"):
            result = beta_vae_score(codes, factors, standardize=standardize, sampling=FIRST_ROWS)
        assert result.value == 1
        assert result.per_factor["accuracy"].isnan().tolist() == [False, True, False, False]


@pytest.mark.parametrize("columns", [[0], [0, 0]])
def test_one_varying_factor_is_undefined(columns: list[int]) -> None:
    codes, factors = ideal_case("ident")
    factors = factors[:, columns] * torch.tensor([1, 0])[: len(columns)]
    sample = draw(codes, factors)
    sample.shared("warned of constant factors", lambda: True)
    with pytest.warns(UserWarning, match="beta_vae_score is undefined: it needs two factors"):
        result = beta_vae_score(sample)
    assert np.isnan([score.value for score in result.scores.values()]).all()


def test_no_rows_to_test_on() -> None:
    codes, factors = ideal_case("ident")
    with pytest.warns(UserWarning, match="raise num_test"):
        result = beta_vae_score(codes, factors, sampling=Sampling(num_train=2000, num_test=0, order="first"))
    assert np.isnan(result.value)
    assert result["train"] == 1


class TestBetaVAEScore(MetricTester):
    metric_class = BetaVAEScore
    arguments = {"batch_size": 8, "num_points_train": 500, "num_points_test": 300}
    invalid = [{"batch_size": 0}, {"num_points_train": 99}, {"num_points_test": 0}]
    invariances = ["permuted latents", "dead latents"]
    tolerance = 0.03


class TestStandardized(TestBetaVAEScore):
    arguments = {
        "batch_size": 8,
        "num_points_train": 500,
        "num_points_test": 300,
        "standardize": True,
    }
    invariances = ["permuted latents", "dead latents", "rescaled latents"]
