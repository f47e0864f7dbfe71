"""The tables of docs/which_score.md."""

from pathlib import Path

import pytest
from which_score_page import CHANCE, PAGE, SCORES, quickstart_seeds


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "quickstart_seeds.csv"
    values = {"Ada-GVAE": (0.5, 0.7), "β-VAE": (0.1, 0.5)}
    rows = [
        f"{label},{seed},{name},{value},{0.25 if name == 'mig' else ''}"
        for label, pair in values.items()
        for seed, value in enumerate(pair)
        for name in (*SCORES, *CHANCE.values())
    ]
    path.write_text("\n".join(["label,seed,name,value,chance", *rows]))
    return path


def test_distances_and_ordered_pairs(table: Path) -> None:
    found = quickstart_seeds(table)
    # means .6 and .3, variances .02 and .08; of four pairs, three are ordered and one is a tie
    assert found.rows[0] == ["MIG", "0.60 ± 0.14", "0.30 ± 0.28", "0.25", "+1.3", "0.88"]
    assert found.rows[1][3] == ""
    [cds] = [row for row in found.rows if row[0] == "CDS"]
    assert cds[3] == "0.45"  # the mean of .5, .7, .1 and .5
    assert len(found.rows) == len(SCORES)


def test_a_score_that_never_varies_has_no_distance(table: Path) -> None:
    text = table.read_text().replace("0.7", "0.5").replace("0.1", "0.5")
    table.write_text(text)
    assert quickstart_seeds(table).rows[0][4:] == ["", "0.50"]


def test_the_page_shows_the_numbers_of_the_files() -> None:
    text = PAGE.path.read_text()
    assert PAGE.with_tables(text) == text, "run python benchmarks/which_score_page.py"
