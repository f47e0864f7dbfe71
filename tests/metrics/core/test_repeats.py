"""Errors of means over repeats, against scores whose errors are known in closed form."""

import math
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from typing_extensions import override

from lr_lightning.metrics.base import DisentanglementMetric
from lr_lightning.metrics.core.repeats import Draws, ScoredOn, is_full_grid, repeated_mean
from lr_lightning.metrics.core.result import MetricResult, Score
from lr_lightning.metrics.core.sample import Sample, Sampling

NUM_ROWS, NUM_TRAIN, NUM_TEST, NUM_REPEATS, NUM_TABLES = 60, 36, 15, 6, 400


class MeanCode(DisentanglementMetric):
    """The mean of the first latent over the rows trained on, and over those held out."""

    metric = "mean_code"
    needs_factors = False

    @override
    def score(self, sample: Sample) -> MetricResult:
        scores = {
            "mean_code_train": Score(float(sample.codes.mean())),
            "mean_code_test": Score(float(sample.test_codes.mean()), scored_on="test"),
        }
        return MetricResult("mean_code", scores, len(sample.codes), len(sample.test_codes))


def test_errors_of_a_mean_over_rows() -> None:
    """All is known: sigma² / N comes from the table, which all repeats share, and the rest from the draws."""
    generator = torch.Generator().manual_seed(0)
    found: dict[str, list[Score]] = {"mean_code_train": [], "mean_code_test": []}
    for seed in range(NUM_TABLES):
        metric = MeanCode(sampling=Sampling(NUM_TRAIN, NUM_TEST, seed=seed), num_repeats=NUM_REPEATS)
        metric.update(torch.randn(NUM_ROWS, 1, generator=generator, dtype=torch.float64))
        for name, score in metric.result().scores.items():
            found[name].append(score)
    for scores, num_drawn in zip(found.values(), (NUM_TRAIN, NUM_TEST), strict=True):
        true = 1 / NUM_ROWS + (1 / num_drawn - 1 / NUM_ROWS) / NUM_REPEATS
        stated = np.mean([score.standard_error**2 for score in scores])  # type: ignore[operator]
        # four deviations: of a mean of 400 variances of 5 degrees, sqrt(2 / 2000), and of one of 399, sqrt(2 / 399)
        assert stated == pytest.approx(true, rel=0.13)
        assert np.var([score.value for score in scores]) == pytest.approx(true, rel=0.29)
        covered = np.mean([score.low < 0 < score.high for score in scores])  # type: ignore[operator]
        assert covered == pytest.approx(0.95, abs=0.044)  # four of sqrt(.95 * .05 / 400)


def test_interval_is_that_of_students_t() -> None:
    mean = repeated_mean([0.2, 0.4, 0.6])
    assert mean.value == pytest.approx(0.4, abs=1e-15)
    assert mean.standard_error == pytest.approx(0.2 / math.sqrt(3), abs=1e-12)
    assert mean.high - mean.value == pytest.approx(4.3026527299 * mean.standard_error, abs=1e-9)
    assert mean.value - mean.low == pytest.approx(mean.high - mean.value, abs=1e-12)


def test_rows_held_out_as_nadeau_and_bengio() -> None:
    """Their corrected variance is (1 / R + n_test / n_train) s² where the two are all rows."""
    draws = Draws(num_rows=1500, num_train=1200, num_test=300, full_grid=False)
    values = [0.1, 0.5, 0.4, 0.8]
    error = repeated_mean(values, draws.shared_variance("test")).standard_error
    assert error == pytest.approx(math.sqrt((1 / 4 + 300 / 1200) * np.var(values, ddof=1)), abs=1e-12)


@pytest.mark.parametrize(
    ("draws", "scored_on", "expected"),
    [
        (Draws(60_000, 10_000, 5_000, False), "train", 1 / 5),
        (Draws(60_000, 10_000, 5_000, False), "test", 1 / 11),
        (Draws(1500, 1000, 500, False), "train", 2.0),
        (Draws(1500, 1500, 0, False), "train", math.inf),
        (Draws(1500, 1000, 0, False), "test", 2.0),
        (Draws(1500, 1500, 0, True), "train", 0.0),
    ],
)
def test_shared_variance(draws: Draws, scored_on: ScoredOn, expected: float) -> None:
    assert draws.shared_variance(scored_on) == pytest.approx(expected, abs=1e-12)
    assert draws.error_over == ("draws" if draws.full_grid else "rows")


@pytest.mark.parametrize(
    ("values", "shared_variance"), [([1.0, math.nan], 0.0), ([math.inf, 1.0], 2.0), ([1.0, 1.0], math.inf)]
)
def test_errors_that_cannot_be_known_are_nan(values: Sequence[float], shared_variance: float) -> None:
    assert all(map(math.isnan, repeated_mean(values, shared_variance)[1:]))


def test_full_grids_hold_each_combination_once() -> None:
    grid = torch.cartesian_prod(torch.arange(3), torch.tensor([0, 7]), torch.arange(4)).numpy()
    assert is_full_grid(grid[::-1])
    assert is_full_grid(np.insert(grid, 1, 5, axis=1))  # a factor of one value
    assert not is_full_grid(grid[1:])
    assert not is_full_grid(np.concatenate([grid[1:], grid[1:2]]))
    assert not is_full_grid(np.concatenate([grid, grid]))
    assert not is_full_grid(grid[:, :0])
