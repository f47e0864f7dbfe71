"""Shares of variance of objective, strength and seed."""

import numpy as np
import pandas as pd
import pytest

from lr_lightning.study.analysis.variance_shares import SOURCES, variance_shares
from tests.study.analysis.tables import Run, of_values, study_table, with_runs_without_scores

OBJECTIVES = np.array([-1.0, 0.0, 1.0])
STRENGTHS = np.array([[0.3, -0.3, 0.9, -0.9], [1.2, -1.2, 0.0, 0.0], [0.5, -0.5, 0.5, -0.5]])


def planted() -> dict[str, float]:
    """Return the shares of the table below for an infinite number of seeds."""
    parts = {"objective": OBJECTIVES.var(), "strength": STRENGTHS.var(), "seed": 1.0}
    return {source: part / sum(parts.values()) for source, part in parts.items()}


def planted_table(seeds: int, random_seed: int, num_scores: int = 1) -> pd.DataFrame:
    def draw(run: Run) -> dict[str, float]:
        mean = OBJECTIVES[run.objective] + STRENGTHS[run.objective, run.strength]
        return {f"s{number}": mean + run.generator.normal() for number in range(num_scores)}

    return study_table(draw, seeds=seeds, random_seed=random_seed)


def test_planted_shares() -> None:
    shares = variance_shares(planted_table(400, 0)).set_index("source")
    for source, share in planted().items():
        assert shares.loc[source, "share"] == pytest.approx(share, abs=0.03)


def test_few_seeds_bias_plain_shares_but_not_adjusted_ones() -> None:
    """Many scores are as many independent studies; four seeds, and one score in ten missing."""
    table = planted_table(4, 1, num_scores=300)
    missing = np.random.default_rng(1).random(len(table)) < 0.1
    shares = variance_shares(table[~missing])
    means = shares.groupby("source")[["share", "adjusted"]].mean()
    covered: dict[str, list[bool]] = {source: [] for source in SOURCES}
    for row in shares.itertuples():
        covered[row.source].append(row.low <= planted()[row.source] <= row.high)
    for source, share in planted().items():
        assert means.loc[source, "adjusted"] == pytest.approx(share, abs=0.02)
        assert 0.9 <= np.mean(covered[source]) <= 0.995
    assert means.loc["seed", "share"] < planted()["seed"] - 0.05
    assert means.loc["strength", "share"] > planted()["strength"] + 0.04


def test_shares_of_noise() -> None:
    """A score that depends on the seed alone gives the cells a plain share of (c - 1) / (N - 1)."""
    table = study_table(lambda run: {f"s{k}": run.generator.normal() for k in range(200)}, seeds=5)
    means = variance_shares(table).groupby("source")[["share", "adjusted"]].mean()
    assert means.loc["objective", "share"] == pytest.approx(2 / 59, abs=0.01)
    assert means.loc["objective", "share"] + means.loc["strength", "share"] == pytest.approx(11 / 59, abs=0.015)
    assert means["adjusted"].to_dict() == pytest.approx({"objective": 0, "strength": 0, "seed": 1}, abs=0.015)


def test_shares_are_those_of_a_regression_on_dummies() -> None:
    """With unequal numbers of runs, as predictions by least squares give them."""
    table = planted_table(5, 3).drop(index=[0, 1, 2, 7, 20, 21]).reset_index(drop=True)
    table["value"] = 1000 + 1e-3 * table["value"]  # neither offset nor scale matters
    values = table["value"].to_numpy()
    squares = []
    for column in ("objective", "cell"):
        dummies = pd.get_dummies(table[column].astype(str)).to_numpy(dtype=float)
        residuals = values - dummies @ np.linalg.lstsq(dummies, values, rcond=None)[0]
        squares.append(1 - residuals.var() / values.var())
    shares = variance_shares(table).set_index("source")
    assert shares["share"].tolist() == pytest.approx([squares[0], squares[1] - squares[0], 1 - squares[1]])
    assert shares["adjusted"].sum() == pytest.approx(1)
    adjusted = 1 - (1 - squares[1]) * (len(values) - 1) / (len(values) - 12)
    assert shares.loc["seed", "adjusted"] == pytest.approx(1 - adjusted)


def test_undefined_shares() -> None:
    values = np.random.default_rng(4).normal(size=(12, 3))
    values[:, 1] = 0.1  # constant
    values[:, 2] = np.nan
    shares = variance_shares(of_values(values, list("abc"), cells=4)).set_index(["score", "source"])
    assert np.isfinite(shares.loc["a"].drop(columns="dataset").astype(float)).all(axis=None)
    for name in "bc":
        assert shares.loc[name, ["share", "adjusted", "standard_error", "low"]].isna().all(axis=None)
    assert shares.loc[("c", "seed"), "num_runs"] == 0


def test_one_seed_does_not_tell_strength_from_seed() -> None:
    shares = variance_shares(planted_table(1, 5)).set_index("source")
    assert shares.loc["objective", "share"] > 0
    assert shares["adjusted"].isna().all()
    assert shares.loc[["strength", "seed"], "share"].isna().all()
    assert variance_shares(planted_table(2, 5))["standard_error"].isna().all()


def test_each_data_set_has_its_own_shares() -> None:
    table = pd.concat([planted_table(5, 6), planted_table(5, 7).assign(dataset="Cars")], ignore_index=True)
    both = variance_shares(table).groupby("dataset", sort=False)["share"].apply(list)
    alone = variance_shares(planted_table(5, 7))["share"]
    assert both["Cars"] == pytest.approx(alone.tolist())
    assert both["Dots"] != pytest.approx(alone.tolist())


@pytest.mark.parametrize("seeds", [2, 3])
def test_seeds_without_scores_are_no_degrees_of_freedom(seeds: int) -> None:
    table = planted_table(seeds, 8, num_scores=2)
    alone, among = variance_shares(table), variance_shares(with_runs_without_scores(table, 4))
    pd.testing.assert_frame_equal(among.drop(columns="num_missing"), alone.drop(columns="num_missing"))
    assert alone["low"].isna().all() == (seeds == 2)
    assert among["num_missing"].tolist() == [4 * 12 * seeds] * 6


def test_standard_error_is_that_of_the_jackknife() -> None:
    """Computed from the estimates without each seed, for scores that different seeds lack."""
    table = planted_table(5, 9, num_scores=2)
    table = table[(table["name"] == "s0") | (table["seed"] != 2)]
    shares = variance_shares(table).set_index(["score", "source"])
    for name, seeds in (("s0", range(5)), ("s1", (0, 1, 3, 4))):
        rows = table[table["name"] == name]
        without = [variance_shares(rows[rows["seed"] != seed])["adjusted"].to_numpy() for seed in seeds]
        expected = np.sqrt((len(seeds) - 1) * np.var(without, axis=0))
        assert shares.loc[name, "standard_error"].tolist() == pytest.approx(expected.tolist())
        assert (shares.loc[name, "num_seeds"] == len(seeds)).all()
