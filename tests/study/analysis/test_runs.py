"""The tidy table as one row per run."""

import numpy as np
import pandas as pd
import pytest

from lr_lightning.study.analysis.families import families
from lr_lightning.study.analysis.runs import directions, known_directions, scores_of_runs
from tests.study.analysis.tables import study_table


def small_table() -> pd.DataFrame:
    return study_table(lambda run: {"mig": run.objective + run.strength / 10 + run.seed / 100, "loss": -1.0 * run.seed})


def test_one_row_per_run_in_any_order_of_the_table() -> None:
    table = small_table()
    runs = scores_of_runs(table)
    assert runs.shape == (3 * 4 * 5, 2)
    for index, row in runs.iterrows():
        place = dict(zip(runs.index.names, index, strict=True))
        assert row["mig"] == int(place["objective"][-1]) + place["strength"] / 10 + place["seed"] / 100
        assert row["loss"] == -place["seed"]
    shuffled = scores_of_runs(table.sample(frac=1.0, random_state=0))
    pd.testing.assert_frame_equal(shuffled.sort_index(), runs.sort_index(), check_like=True)


def test_missing_and_infinite_scores_are_undefined_and_keep_their_run() -> None:
    table = small_table()
    table.loc[0, "value"], table.loc[2, "value"] = np.inf, np.nan  # two scores of two runs
    table = table.drop(index=4)  # a third run has no row for it
    runs = scores_of_runs(table, ["mig"])
    assert len(runs) == 60
    assert runs["mig"].isna().sum() == 3


def test_a_missing_strength_does_not_drop_runs() -> None:
    table = small_table().assign(strength=np.nan)
    assert len(scores_of_runs(table)) == 60


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda table: table.drop(columns="strength"), "strength"),
        (lambda table: table.iloc[:0], "no rows"),
        (lambda table: pd.concat([table, table.iloc[:1]]), r"Objective0 strength=0 Dots.*seed 0.*mig"),
    ],
)
def test_refused_tables(change: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        scores_of_runs(change(small_table()))  # type: ignore[operator]


def test_refused_scores() -> None:
    with pytest.raises(ValueError, match=r"'migs'.*mig\?"):
        scores_of_runs(small_table(), ["migs"])
    with pytest.raises(ValueError, match="scores"):
        scores_of_runs(small_table(), [])


def test_directions() -> None:
    table = study_table(lambda _: {"mig": 1.0, "loss": 1.0, "kl": 1.0}, objectives=1, strengths=1, seeds=1)
    assert directions(table) == {"mig": True, "loss": False, "kl": None}
    assert known_directions(table, ["kl", "mig"], {"kl": False}) == {"kl": False, "mig": True}
    with pytest.raises(ValueError, match=r"higher_is_better.*kl"):
        known_directions(table, ["kl"])


def test_families_are_named_by_what_varies_besides_the_strength() -> None:
    cells = pd.DataFrame(
        {
            "objective": ["BetaVAE", "BetaVAE", "BetaVAE", "BetaVAE", "VAE", "DIPVAE", "DIPVAE"],
            "dataset": ["A", "A", "B", "B", "A", "A", "A"],
            "model.beta": [1.0, 2.0, 1.0, 2.0, np.nan, np.nan, np.nan],
            "model.latent_dim": [12.0, 12.0, 24.0, 24.0, 12.0, np.nan, np.nan],
            "model.kind": [None, None, None, None, None, "i", "ii"],
            "data.dataset": ["A", "A", "B", "B", "A", "A", "A"],
            "strength": [1.0, 2.0, 1.0, 2.0, np.nan, 5.0, 5.0],
        }
    )
    beta = "BetaVAE latent_dim="
    expected = [f"{beta}12", f"{beta}12", f"{beta}24", f"{beta}24", "VAE", "DIPVAE kind=i", "DIPVAE kind=ii"]
    assert families(cells).tolist() == expected


def test_a_parameter_that_only_some_cells_of_a_data_set_have_makes_a_family() -> None:
    cells = pd.DataFrame(
        {
            "objective": "BetaVAE",
            "dataset": ["A", "A", "B", "B"],
            "model.beta": [1.0, 1.0, 1.0, 1.0],
            "model.free_bits": [np.nan, 0.5, np.nan, 0.5],
            "model.channels": [np.nan, np.nan, 3.0, 3.0],  # all of the second set
            "strength": 1.0,
        }
    )
    assert families(cells).tolist() == ["BetaVAE", "BetaVAE free_bits=0.5"] * 2
