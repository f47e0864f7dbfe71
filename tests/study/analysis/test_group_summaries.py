"""Scores of objectives and strengths, and scores that are missing."""

import numpy as np
import pytest
from scipy.stats import ttest_1samp

from lr_lightning.study.analysis.group_summaries import scores_by_objective, scores_by_strength
from lr_lightning.study.analysis.missing_scores import missing_scores
from tests.study.analysis.tables import study_table


def test_objectives_with_missing_scores() -> None:
    table = study_table(lambda run: {"mig": 10 * run.objective + run.strength}, seeds=2)
    table.loc[[0, 1], "value"] = np.nan
    summary = scores_by_objective(table).set_index("objective")
    first, second = summary.loc["Objective0"], summary.loc["Objective1"]
    assert (first["num_runs"], first["num_missing"], first["minimum"]) == (6, 2, 1.0)
    assert (second["num_runs"], second["num_missing"]) == (8, 0)
    assert second[["mean", "median", "lower", "upper", "maximum"]].tolist() == [11.5, 11.5, 10.75, 12.25, 13.0]
    assert second["sd"] == pytest.approx(np.std([10, 10, 11, 11, 12, 12, 13, 13], ddof=1))


def test_strengths_have_intervals_over_seeds() -> None:
    values = [0.1, 0.4, 0.3]
    table = study_table(lambda run: {"mig": run.strength + values[run.seed]}, seeds=3)
    summary = scores_by_strength(table, level=0.9)
    assert len(summary) == 12
    row = summary[(summary["objective"] == "Objective1") & (summary["strength"] == 2)].iloc[0]
    expected = ttest_1samp([2 + value for value in values], 0).confidence_interval(0.9)
    assert (row["low"], row["high"]) == pytest.approx((expected.low, expected.high))
    single = scores_by_strength(table[table["seed"] == 0])
    assert single[["sd", "low", "high"]].isna().all(axis=None)


def test_missing_scores() -> None:
    table = study_table(lambda run: {"mig": float(run.seed), "kl": 1.5}, datasets=("Dots", "Cars"))
    table.loc[(table["dataset"] == "Cars") & (table["name"] == "mig"), "value"] = np.nan
    table = table.drop(index=0)
    found = missing_scores(table).set_index(["dataset", "score"])
    assert found.loc[("Dots", "mig")].tolist() == [59, 1, False]
    assert found.loc[("Cars", "mig")].tolist() == [0, 60, False]
    assert found.loc[("Cars", "kl")].tolist() == [60, 0, True]
