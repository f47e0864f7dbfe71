"""Results, and their means over repeats."""

import math

import pytest
import torch

from lr_lightning.metrics.core.result import MetricResult, Score, mean_over_repeats


def result(value: float, ceiling: float | None = 1.0, chance: float | None = None) -> MetricResult:
    scores = {"dci_gbt_completeness": Score(value, ceiling, chance), "dci": Score(-value, higher_is_better=False)}
    return MetricResult(metric="dci", scores=scores, num_train=10, matrix=torch.full((1, 1), value))


def test_scores_by_their_last_words_where_these_are_unique() -> None:
    names = ("dci_gbt_completeness", "dci_gbt_informativeness_test", "dci_lasso_informativeness_test")
    found = MetricResult("dci", {name: Score(float(place)) for place, name in enumerate(names)}, num_train=2)
    assert found["completeness"] == 0
    assert found["gbt_informativeness_test"] == 1
    for name in ("informativeness_test", "pleteness", "informativeness"):
        with pytest.raises(KeyError, match="or more than one; there are dci_gbt_completeness"):
            found[name]


def test_scores_by_name() -> None:
    one = result(0.25)
    assert one.value == 0.25
    assert one["dci_gbt_completeness"] == one["gbt_completeness"] == 0.25
    assert one["dci"] == -0.25
    with pytest.raises(KeyError, match="dci has no score 'mig' or more than one; there are dci_gbt_completeness, dci"):
        one["mig"]


def test_mean_and_standard_error_over_repeats() -> None:
    results = [result(value, ceiling, 0.1) for value, ceiling in ((0.2, 0.9), (0.4, 1.0), (0.9, 1.1))]
    mean = mean_over_repeats(results)
    score = mean.scores["dci_gbt_completeness"]
    # deviations -.3, -.1, .4: variance (.09 + .01 + .16) / 2 = .13
    assert score.value == pytest.approx(0.5, abs=1e-12)
    assert score.standard_error == pytest.approx(math.sqrt(0.13 / 3), abs=1e-12)
    assert score.ceiling == pytest.approx(1.0, abs=1e-12)
    assert score.chance == pytest.approx(0.1, abs=1e-12)
    assert not mean.scores["dci"].higher_is_better
    assert mean.scores["dci"].value == pytest.approx(-0.5, abs=1e-12)
    assert mean.matrix is results[0].matrix


def test_one_repeat_has_no_standard_error() -> None:
    one = result(0.3)
    assert mean_over_repeats([one]) is one
    assert one.scores["dci"].standard_error is None


def test_what_one_repeat_does_not_know_is_not_known() -> None:
    mean = mean_over_repeats([result(0.2, chance=0.1), result(0.4), result(0.3, chance=0.1)])
    assert mean.scores["dci_gbt_completeness"].chance is None


def test_an_undefined_repeat_makes_the_mean_undefined() -> None:
    score = mean_over_repeats([result(0.2), result(math.nan)]).scores["dci_gbt_completeness"]
    assert math.isnan(score.value)
    assert score.standard_error is not None
    assert math.isnan(score.standard_error)


def test_repeats_of_an_infinite_score_have_no_standard_error() -> None:
    result = MetricResult("a", {"a": Score(float("inf"))}, num_train=2)
    score = mean_over_repeats([result, result]).scores["a"]
    assert score.value == float("inf")
    assert score.standard_error is not None
    assert math.isnan(score.standard_error)
