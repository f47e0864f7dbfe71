"""The tables of docs/studies/quickstart.md."""

from pathlib import Path

import pytest
from quickstart_page import CONDITIONED, PAGE, SCORES, scores_of_cells

VALUES = {
    f"{CONDITIONED}/cds": (0.25, 0.75),
    f"{CONDITIONED}/cds_chance": (0.25, 0.25),
    f"{CONDITIONED}/ccs": (0.5, 0.5),
    f"{CONDITIONED}/owned_factors": (1.0, 5 / 6),
    "factor_vae_score_train": (1.0, 0.75),
    "mig": (0.5, 0.25),
    "dci_lightgbm_disentanglement": (0.5, 0.5),
    "test/reconstruction": (3600.0, 3700.0),
    "other": (0.0, 0.0),
}


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "quickstart_recipes.csv"
    rows = [f"VAE,{seed},{name},{values[seed]}" for name, values in VALUES.items() for seed in (1, 0)]
    rows += [f"alone,7,{name},{values[0]}" for name, values in VALUES.items()]
    path.write_text("\n".join(["label,seed,name,value", *rows]))
    return path


def test_means_and_deviations_over_seeds(table: Path) -> None:
    found = scores_of_cells(table)
    assert found.columns == ["recipe", "seeds", *SCORES, "factors owned, of 6"]
    deviations = ["0.500 ± 0.354", "0.250 ± 0.000", "0.500 ± 0.000", "0.875 ± 0.177", "0.375 ± 0.177", "0.500 ± 0.000"]
    assert found.rows[0] == ["VAE", "0, 1", *deviations, "3650 ± 71", "5, 6"]


def test_a_single_seed_has_no_deviation(table: Path) -> None:
    row = scores_of_cells(table).rows[1]
    assert row == ["alone", "7", "0.250", "0.250", "0.500", "1.000", "0.500", "0.500", "3600", "6"]


def test_the_page_shows_the_numbers_of_the_files() -> None:
    text = PAGE.path.read_text()
    assert PAGE.with_tables(text) == text, "run python benchmarks/quickstart_page.py"
