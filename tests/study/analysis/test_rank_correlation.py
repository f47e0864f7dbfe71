"""Rank correlation between scores."""

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy.stats import spearmanr

from lr_lightning.study.analysis.rank_correlation import rank_correlations
from lr_lightning.study.analysis.resampling import UNITS, Unit
from tests.study.analysis.tables import Run, of_values, study_table, with_runs_without_scores


def pair(correlations: pd.DataFrame, one: str, other: str) -> pd.Series:
    found = correlations[(correlations["score"] == one) & (correlations["other"] == other)]
    assert len(found) == 1
    return found.iloc[0]


def copula(correlation: float, count: int, generator: np.random.Generator) -> NDArray[np.float64]:
    """Return scores (count, 2) with a Gaussian copula and margins that are not normal."""
    normal = generator.multivariate_normal([0, 0], [[1, correlation], [correlation, 1]], size=count)
    return np.stack([np.exp(normal[:, 0]), normal[:, 1] ** 3], axis=1)


@pytest.mark.parametrize("correlation", [-0.9, 0.0, 0.6])
def test_planted_correlation(correlation: float) -> None:
    r"""For a Gaussian copula it is :math:`\frac{6}{\pi} \arcsin \frac{r}{2}`."""
    values = copula(correlation, 4000, np.random.default_rng(1))
    row = pair(rank_correlations(of_values(values, ["a", "b"]), num_resamples=20), "a", "b")
    planted = 6 / np.pi * np.arcsin(correlation / 2)
    assert row["correlation"] == pytest.approx(planted, abs=4 / np.sqrt(4000))
    assert row["low"] < row["correlation"] < row["high"]


def test_missing_scores_and_ties_as_scipy() -> None:
    generator = np.random.default_rng(2)
    values = generator.normal(size=(40, 4)) @ generator.normal(size=(4, 4))
    values = values.round(0)  # ties
    values[::7, 1] = np.nan
    values[5:15, 2] = np.nan
    correlations = rank_correlations(of_values(values, list("abcd")), num_resamples=1)
    reference = spearmanr(values, nan_policy="omit").statistic
    for one, other in [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]:
        row = pair(correlations, "abcd"[one], "abcd"[other])
        assert row["correlation"] == pytest.approx(reference[one, other])
        assert row["num_runs"] == np.isfinite(values[:, [one, other]]).all(axis=1).sum()


def test_undefined_correlations() -> None:
    values = np.random.default_rng(3).normal(size=(10, 4))
    values[:, 1] = 0.1 + 0.2  # constant
    values[2:, 2] = np.nan  # two runs
    values[:3, 3] = np.nan
    correlations = rank_correlations(of_values(values, list("abcd")), num_resamples=20)
    assert np.isfinite(pair(correlations, "a", "d")[["correlation", "low", "high"]].astype(float)).all()
    for one, other, num_runs in (("a", "b", 10), ("a", "c", 2), ("c", "d", 0)):
        row = pair(correlations, one, other)
        assert np.isnan(row[["correlation", "low", "high"]].astype(float)).all()
        assert row["num_runs"] == num_runs


def test_data_sets_apart_and_one_seed() -> None:
    sign = iter([1.0] * 12 + [-1.0] * 12)

    def draw(run: Run) -> dict[str, float]:
        value = run.generator.normal()
        return {"a": value, "b": next(sign) * value}

    table = study_table(draw, seeds=1, datasets=("Dots", "Cars"))
    found = rank_correlations(table, num_resamples=100).set_index("dataset")["correlation"]
    assert found.to_dict() == pytest.approx({"Dots": 1.0, "Cars": -1.0})
    by_seeds = rank_correlations(table, unit="seeds", num_resamples=100)
    assert by_seeds["low"].isna().all()  # with one run per cell, nothing is known of other seeds


@pytest.mark.parametrize("unit", UNITS)
def test_runs_without_scores_do_not_count_as_units(unit: Unit) -> None:
    values = np.random.default_rng(6).normal(size=(12, 2))
    table = of_values(values, ["a", "b"], cells=12 if unit == "seeds" else 4)
    alone, among = (
        rank_correlations(each, unit=unit, num_resamples=50) for each in (table, with_runs_without_scores(table, 3))
    )
    pd.testing.assert_frame_equal(among.drop(columns="num_missing"), alone.drop(columns="num_missing"))
    assert (alone["num_missing"].item(), among["num_missing"].item()) == (0, 36)
    assert alone["low"].isna().item() == (unit == "seeds")  # each cell has one run with scores


@pytest.mark.parametrize(("count", "bounds"), [(20, (0.93, 0.99)), (100, (0.90, 0.97))])
def test_coverage_of_the_intervals(count: int, bounds: tuple[float, float]) -> None:
    generator = np.random.default_rng(4)
    planted = 6 / np.pi * np.arcsin(0.618 / 2)  # a rank correlation of .6
    values = np.stack([copula(0.618, count, generator) for _ in range(300)])
    found = rank_correlations(of_values(values, ["a", "b"]), num_resamples=150)
    covered = (found["low"] <= planted) & (planted <= found["high"])
    assert bounds[0] <= covered.mean() <= bounds[1]  # standard error .01 to .015


def test_whole_cells_are_needed_for_other_settings() -> None:
    """If settings are draws too, resampled runs give intervals that are too narrow, resampled cells do not."""
    generator = np.random.default_rng(5)
    planted = 6 / np.pi * np.arcsin(0.5 / 2)
    covariance = [[1, 0.5], [0.5, 1]]
    cells = generator.multivariate_normal([0, 0], covariance, size=(100, 30)).repeat(6, axis=1)
    values = cells + 0.3 * generator.multivariate_normal([0, 0], covariance, size=(100, 180))
    table, coverage = of_values(values, ["a", "b"], cells=30), {}
    for unit in UNITS:
        found = rank_correlations(table, unit=unit, num_resamples=80)
        coverage[unit] = ((found["low"] <= planted) & (planted <= found["high"])).mean()
    assert coverage["cells"] > 0.85
    assert max(coverage["runs"], coverage["seeds"]) < 0.77
