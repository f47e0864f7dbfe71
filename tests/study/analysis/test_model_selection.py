"""How good the runs are that a score picks."""

import math

import numpy as np
import pandas as pd
import pytest

from lr_lightning.study.analysis.model_selection import model_selection
from tests.study.analysis.tables import of_values, study_table


def row(selection: pd.DataFrame, share: float = math.nan, picks: str = "highest") -> pd.Series:
    wanted = selection["share"].isna() if math.isnan(share) else selection["share"] == share
    found = selection[wanted & (selection["picks"] == picks)]
    assert len(found) == 1
    return found.iloc[0]


def test_picks_of_ten_runs() -> None:
    values = np.array(
        [[9, 0.5], [8, 0.9], [7, 0.1], [6, 0.2], [5, 0.3], [4, 0.4], [3, 0.6], [2, 0.7], [1, 0.8], [0, 0]]
    )
    selection = model_selection(of_values(values, ["pick", "mig"]), ["pick"], ["mig"], shares=(0.11, 1.0))
    single, two, everything = row(selection), row(selection, 0.11), row(selection, 1.0)
    assert (single["num_chosen"], single["chosen"], single["best"]) == (1, 0.5, 0.9)
    assert single[["best_low", "best_high"]].isna().all()
    assert single["random"] == pytest.approx(values[:, 1].mean())
    assert single["recovered"] == pytest.approx((0.5 - 0.45) / (0.9 - 0.45))
    assert single["beats_random"] == pytest.approx(0.55)  # five are worse, and one is itself
    assert (two["num_chosen"], two["chosen"], two["best"]) == (2, pytest.approx(0.7), pytest.approx(0.85))
    assert everything["chosen"] == pytest.approx(0.45)
    assert everything["beats_random"] == pytest.approx(0.5)
    assert math.isnan(everything["recovered"])  # all are picked: nothing to gain


def test_ties_are_picked_with_equal_probability() -> None:
    values = np.array([[2.0, 1.0], [1.0, 5.0], [1.0, 7.0], [1.0, 9.0]])
    selection = model_selection(of_values(values, ["pick", "mig"]), ["pick"], ["mig"], shares=(0.5,))
    assert row(selection, 0.5)["chosen"] == pytest.approx((1 + 7) / 2)
    values[0, 0] = 1.0
    constant = model_selection(of_values(values, ["pick", "mig"]), ["pick"], ["mig"])
    assert row(constant)["recovered"] == pytest.approx(0)
    assert row(constant)["beats_random"] == pytest.approx(0.5)
    assert math.isnan(row(constant)["correlation"])


def test_directions_of_selector_and_target() -> None:
    values = np.arange(10.0)[:, None] * [1, -1, 1]
    table = of_values(values, ["mig", "loss", "kl"])
    assert row(model_selection(table, ["loss"], ["mig"]), picks="lowest")["recovered"] == 1
    both_ways = model_selection(table, ["kl"], ["mig"])
    assert row(both_ways)["recovered"] == 1
    assert row(both_ways, picks="lowest")["recovered"] < 0
    assert row(both_ways, picks="lowest")["correlation"] == pytest.approx(-1)
    by_mig = row(model_selection(table, ["mig"], ["loss"]))
    assert (by_mig["chosen"], by_mig["random"], by_mig["best"], by_mig["beats_random"]) == (-9, -4.5, -9, 0.95)
    with pytest.raises(ValueError, match=r"higher_is_better.*kl"):
        model_selection(table, ["mig"], ["kl"])
    given = model_selection(table, ["kl"], ["mig"], higher_is_better={"kl": False})
    assert set(given["picks"]) == {"lowest"}


def test_expected_gain_of_a_planted_correlation() -> None:
    """The mean of the target over the top tenth of a normal selector is r times the mean of its own top tenth."""
    generator, correlation = np.random.default_rng(0), 0.6
    values = generator.multivariate_normal([0, 0], [[1, correlation], [correlation, 1]], size=20_000)
    found = row(model_selection(of_values(values, ["pick", "mig"]), ["pick"], ["mig"], num_resamples=10), 0.1)
    tail = 1.755  # mean of a standard normal variable above its 90 % quantile
    assert found["best"] == pytest.approx(tail, abs=0.05)
    assert found["chosen"] == pytest.approx(correlation * tail, abs=0.08)
    assert found["recovered"] == pytest.approx(correlation, abs=0.04)


def test_coverage_over_other_seeds() -> None:
    """Of the value for an infinite number of seeds, in a fixed grid of 12 cells with eight seeds."""
    generator = np.random.default_rng(1)
    cells = generator.normal(size=(12, 2)) @ [[1, 0.8], [0, 0.6]]

    def studies(num: int, seeds: int) -> np.typing.NDArray[np.float64]:
        return cells.repeat(seeds, axis=0) + generator.normal(size=(num, 12 * seeds, 2))

    endless = row(
        model_selection(of_values(studies(1, 1000)[0], ["pick", "mig"], 12), ["pick"], ["mig"], num_resamples=1), 0.1
    )
    table = of_values(studies(80, 8), ["pick", "mig"], 12)
    found = model_selection(table, ["pick"], ["mig"], num_resamples=60)
    found = found[found["share"] == 0.1]
    for name, least in (("chosen", 0.86), ("beats_random", 0.83), ("recovered", 0.83)):
        covered = (found[f"{name}_low"] <= endless[name]) & (endless[name] <= found[f"{name}_high"])
        assert least <= covered.mean() <= 0.99


def test_missing_scores_leave_candidates_out() -> None:
    values = np.arange(20.0).reshape(10, 2)
    values[9, 0] = np.nan  # the best run by the target has no other score
    found = row(model_selection(of_values(values, ["pick", "mig"]), ["pick"], ["mig"]))
    assert (found["num_runs"], found["num_missing"], found["best"]) == (9, 1, 17)
    values[:, 0] = np.nan
    nothing = row(model_selection(of_values(values, ["pick", "mig"]), ["pick"], ["mig"]))
    assert (nothing["num_runs"], nothing["num_missing"]) == (0, 10)
    assert nothing.index.tolist() == found.index.tolist()
    assert nothing[["chosen", "recovered_low", "beats_random_high", "correlation"]].isna().all()


def test_one_seed_has_no_intervals() -> None:
    table = study_table(lambda run: {"pick": run.generator.normal(), "mig": run.generator.normal()}, seeds=1)
    found = row(model_selection(table, ["pick"], ["mig"]))
    assert np.isfinite(found["chosen"])
    assert np.isnan([found["chosen_low"], found["recovered_high"]]).all()


@pytest.mark.parametrize("share", [0.0, 1.5])
def test_refused_shares(share: float) -> None:
    with pytest.raises(ValueError, match=f"shares.*{share}"):
        model_selection(of_values(np.zeros((4, 2)), ["pick", "mig"]), ["pick"], ["mig"], shares=(share,))
