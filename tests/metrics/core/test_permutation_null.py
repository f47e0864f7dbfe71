"""What any metric gives for codes that know nothing of the factors."""

import math
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import torch

from lr_lightning.metrics.core.permutation_null import permutation_null
from lr_lightning.metrics.core.reference_codes import shuffled_sample
from lr_lightning.metrics.core.result import MetricResult, Score
from lr_lightning.metrics.core.sample import Sample, Sampling, draw
from lr_lightning.metrics.kl_per_latent import kl_per_latent
from lr_lightning.metrics.mutual_information_gap import mutual_information_gap
from tests.metrics.cases import FIRST_ROWS, ideal_case

Value = Callable[[Sample], float]


def metric(value: Value, higher_is_better: bool = True) -> Callable[[Sample], MetricResult]:
    """Return a metric of one score."""

    def score(sample: Sample) -> MetricResult:
        scores = {"m": Score(value(sample), higher_is_better=higher_is_better)}
        return MetricResult("m", scores, num_train=len(sample.codes))

    return score


def agreement(codes: np.ndarray, factors: np.ndarray) -> float:
    return float(np.corrcoef(codes[:, 0], factors[:, 0])[0, 1])


def test_information_beyond_chance() -> None:
    sample = draw(*ideal_case("ident"), FIRST_ROWS)
    null = permutation_null(mutual_information_gap, sample, num_permutations=19)["mig"]
    assert null.score == mutual_information_gap(sample).value
    assert null.null.shape == (19,)
    assert null.null.dtype == torch.float64
    assert null.null.max() < 0.01 < null.score
    assert null.p_value == 1 / 20


def test_noise_is_like_its_null() -> None:
    sample = draw(*ideal_case("noise"), FIRST_ROWS)

    def mean_information(sample: Sample) -> float:
        result = mutual_information_gap(sample)
        assert result.matrix is not None
        return float(result.matrix.mean())

    null = permutation_null(metric(mean_information), sample, num_permutations=39)["m"]
    assert null.p_value > 0.05
    assert null.null.mean().item() == pytest.approx(mean_information(shuffled_sample(sample, 0)), rel=0.1)


@pytest.mark.parametrize(
    "value",
    [
        lambda s: agreement(s.codes, s.factors),
        lambda s: agreement(s.test_codes, s.test_factors),
        lambda s: agreement(*s.pool),
        lambda s: agreement(*s.test_pool),
    ],
    ids=["train", "test", "pool", "test pool"],
)
@pytest.mark.parametrize("order", ["first", "random"])
def test_all_rows_are_paired_anew(value: Value, order: str) -> None:
    sample = draw(*ideal_case("ident"), Sampling(500, 200, order=order))  # type: ignore[arg-type]
    null = permutation_null(metric(value), sample, num_permutations=30)["m"]
    assert null.score > 0.999
    assert abs(null.null).max() < 0.35  # the deviation is 1 / sqrt(200) or less
    assert len(set(null.null.tolist())) == 30


@pytest.mark.parametrize("order", ["first", "random"])
def test_codes_log_variances_and_marginals_stay(order: str) -> None:
    codes, factors = ideal_case("ident")
    sample = draw(codes, factors, Sampling(500, 200, order=order), -codes.abs())  # type: ignore[arg-type]

    def untouched(sample: Sample) -> float:
        sums = [sample.factors.sum(), sample.test_factors.sum(), sample.pool[1].sum(), sample.test_pool[1].sum()]
        return kl_per_latent(sample).value + float(np.dot(sums, [1, 10, 100, 1000]))

    null = permutation_null(metric(untouched), sample, num_permutations=3)["m"]
    assert null.null.tolist() == [null.score] * 3


def test_one_table_stays_one() -> None:
    """Train rows and pool are the same rows if the first are taken; both pools are the whole table if not."""
    first = draw(*ideal_case("ident"), FIRST_ROWS)
    whole = draw(*ideal_case("ident"), Sampling(500, 200))
    same_rows = metric(lambda s: float((s.factors == s.pool[1]).mean()))
    assert permutation_null(same_rows, first, num_permutations=2)["m"].null.tolist() == [1, 1]
    same_pools = metric(lambda s: float((s.pool[1] == s.test_pool[1]).mean()))
    assert permutation_null(same_pools, whole, num_permutations=2)["m"].null.tolist() == [1, 1]


def test_direction_of_the_score_and_the_undefined() -> None:
    sample = draw(*ideal_case("ident"), FIRST_ROWS)
    measured = sample.factors

    def lower(sample: Sample) -> float:
        return -agreement(sample.codes, sample.factors)

    assert permutation_null(metric(lower, higher_is_better=False), sample, 9)["m"].p_value == 0.1
    assert permutation_null(metric(lower), sample, 9)["m"].p_value == 1.0
    undefined = permutation_null(metric(lambda _: math.nan), sample, 9)["m"]
    assert math.isnan(undefined.p_value)
    only_measured = permutation_null(metric(lambda s: 1.0 if s.factors is measured else math.nan), sample, 9)["m"]
    assert only_measured.p_value == 1.0


def test_seed_decides() -> None:
    codes, factors = ideal_case("noise")

    def null(seed: int) -> list[float]:
        sample = draw(codes, factors, Sampling(300, 0, "first", seed))
        return permutation_null(mutual_information_gap, sample, 5)["mig"].null.tolist()

    assert null(1) == null(1) != null(2)


def test_parameters_are_set_beforehand_and_warnings_given_once() -> None:
    codes, factors = ideal_case("ident")
    constant = torch.cat([factors, torch.zeros(3000, 1, dtype=torch.int64)], dim=1)
    few_bins = partial(mutual_information_gap, num_bins=3)
    with pytest.warns(UserWarning, match="factors 4 take one value only") as caught:
        null = permutation_null(few_bins, draw(codes, constant, FIRST_ROWS), 5)["mig"]
    assert len(caught) == 1
    assert null.score < 0.7


def test_wrong_use_is_told() -> None:
    codes, factors = ideal_case("ident")
    with pytest.raises(ValueError, match=r"num_permutations .*got 0"):
        permutation_null(mutual_information_gap, draw(codes, factors), 0)
    with pytest.raises(ValueError, match="the sample has no factors to permute"):
        permutation_null(mutual_information_gap, draw(codes, None))
