"""Transfer of settings between data sets and scores."""

import numpy as np
import pandas as pd
import pytest

from lr_lightning.study.analysis.transfer import transfer, transfer_summary
from tests.study.analysis.tables import Run, study_table, with_runs_without_scores


def value(transfers: pd.DataFrame, source: str, target: str) -> pd.Series:
    ends = (transfers["source_dataset"] == source) & (transfers["target_dataset"] == target)
    return transfers[ends].iloc[0]


def without_noise(seeds: int = 4) -> pd.DataFrame:
    """Return a table in which the order of the twelve settings is the same on two data sets, and reversed on Cars."""
    datasets = ("Dots", "Faces", "Cars")
    table = study_table(lambda run: {"mig": 4.0 * run.objective + run.strength}, seeds=seeds, datasets=datasets)
    return table.assign(value=table["value"].where(table["dataset"] != "Cars", -table["value"]))


def test_settings_that_are_good_everywhere_and_elsewhere() -> None:
    transfers = transfer(without_noise(), ["mig"])
    assert value(transfers, "Dots", "Faces")["beats_random"] == pytest.approx(11.5 / 12)
    assert value(transfers, "Dots", "Cars")["beats_random"] == pytest.approx(0.5 / 12)
    assert value(transfers, "Cars", "Cars")["beats_random"] == pytest.approx(11.5 / 12)
    summary = transfer_summary(transfers).set_index("dataset")
    assert summary.loc["same", "beats_random"] == pytest.approx(11.5 / 12)
    assert summary.loc["other", "beats_random"] == pytest.approx((2 * 11.5 + 4 * 0.5) / 6 / 12)
    assert summary["num_pairs"].tolist() == [3, 6]


def test_noise_does_not_transfer() -> None:
    """Also not from a score to itself: a run is never judged by the seed that chose its setting."""
    scores = [f"s{number}" for number in range(25)]
    table = study_table(lambda run: {name: run.generator.normal() for name in scores}, seeds=3)
    transfers = transfer(table, scores)
    assert transfers["beats_random"].mean() == pytest.approx(0.5, abs=0.03)
    same = transfers[transfers["source_score"] == transfers["target_score"]]
    assert same["beats_random"].mean() == pytest.approx(0.5, abs=0.08)  # standard error .025


def test_expectation_is_that_of_random_draws() -> None:

    def draw(run: Run) -> dict[str, float]:
        return {"mig": run.objective + run.generator.normal(), "dci": run.strength + run.generator.normal()}

    table = study_table(draw, seeds=6, random_seed=2)
    found = transfer(table, ["mig", "dci"])
    found = found[(found["source_score"] == "mig") & (found["target_score"] == "dci")].iloc[0]
    mig, dci = (table[table["name"] == name]["value"].to_numpy().reshape(12, 6) for name in ("mig", "dci"))
    generator, wins = np.random.default_rng(0), []
    for _ in range(4000):
        seed, judged = generator.choice(6, 2, replace=False)
        chosen, random = dci[mig[:, seed].argmax(), judged], generator.choice(dci.ravel())
        wins.append((chosen > random) + (chosen == random) / 2)
    assert found["beats_random"] == pytest.approx(np.mean(wins), abs=4 * 0.5 / np.sqrt(4000))


def test_coverage_of_the_intervals() -> None:
    """Of the value for an infinite number of seeds, with 12 settings and 8 seeds."""
    generator = np.random.default_rng(3)
    cells = generator.normal(size=12)

    def draw(run: Run) -> dict[str, float]:
        return {"mig": cells[4 * run.objective + run.strength] + run.generator.normal()}

    found = pd.concat([transfer(study_table(draw, seeds=8, random_seed=k), ["mig"]) for k in range(80)])
    drawn = cells[:, None] + generator.normal(size=(12, 40_000))
    ranks = drawn.ravel().argsort().argsort().reshape(drawn.shape) / drawn.size
    endless = ranks.mean(axis=1)[drawn.argmax(axis=0)].mean()
    assert 0.78 <= ((found["low"] <= endless) & (endless <= found["high"])).mean() < 1


def test_missing_runs_and_settings() -> None:
    table = without_noise()
    best = (table["objective"] == "Objective2") & (table["strength"] == 3)
    dropped = transfer(table[~(best & (table["dataset"] == "Faces"))], ["mig"])
    row = value(dropped, "Dots", "Faces")
    assert (row["num_settings"], row["beats_random"]) == (11, pytest.approx(10.5 / 11))
    few = transfer(table[(table["seed"] == 0) | ~best | (table["dataset"] != "Faces")], ["mig"])
    # seed 0 chooses a setting with no other seed to judge; the others choose it, and judge it by seed 0
    assert value(few, "Dots", "Faces")["beats_random"] == pytest.approx((37 + 36) / 2 / 45, abs=0.2)
    assert value(transfer(without_noise(3), ["mig"]), "Dots", "Cars")[["low", "high"]].isna().all()
    single = transfer(without_noise(1), ["mig"])
    assert single["beats_random"].isna().all()


def test_objectives_without_strength_and_cells_that_look_alike() -> None:
    table = without_noise()
    table = table.assign(strength=table["strength"].where(table["objective"] != "Objective0"))
    with pytest.raises(ValueError, match=r"Objective0.*nan"):
        transfer(table, ["mig"])
    named = table.assign(**{"model.size": table["cell"].astype(str).str[-1]})
    assert value(transfer(named, ["mig"]), "Dots", "Faces")["num_settings"] == 12


@pytest.mark.parametrize("seeds", [3, 4])
def test_seeds_without_scores_are_no_degrees_of_freedom(seeds: int) -> None:
    table = study_table(lambda run: {"mig": run.strength + run.generator.normal()}, seeds=seeds)
    alone, among = transfer(table, ["mig"]), transfer(with_runs_without_scores(table, 2), ["mig"])
    pd.testing.assert_frame_equal(among.drop(columns="num_missing"), alone.drop(columns="num_missing"))
    assert (alone["num_missing"].item(), among["num_missing"].item()) == (0, 2 * 12 * seeds)
    assert alone["low"].isna().item() == (seeds == 3)
