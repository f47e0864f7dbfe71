"""The tables of docs/studies/small_dsprites.md."""

from pathlib import Path

import pandas as pd
import pytest
from small_dsprites_page import ACTIVE, PAGE, TARGETS, TITLES, WITHOUT_LABELS, agreement, scores, selection, shares

SETTINGS = {("VAE", 1.0): 0.125, ("VAE", 2.0): 0.25, ("TC", 1.0): 0.5, ("TC", 2.0): 0.625}
NUM_ACTIVE = {"VAE": 3, "TC": 2}
SEEDS = range(5)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """A study whose scores grow with the setting, and with the seed except for the KL divergence."""
    rows = [
        {
            "dataset": "RenderedDSprites",
            "objective": objective,
            "cell": f"{objective}{strength}",
            "label": f"{objective} {strength}",
            "strength": strength,
            "seed": seed,
            "name": name,
            "value": NUM_ACTIVE[objective] if name == ACTIVE else level + (-seed if name == "test/kl" else seed) / 64,
            "higher_is_better": True if name in TARGETS else None,
        }
        for (objective, strength), level in SETTINGS.items()
        for seed in SEEDS
        for name in TITLES
    ]
    path = tmp_path / "small_dsprites.csv.gz"
    pd.DataFrame(rows).to_csv(path, index=False)
    return path


def test_scores_of_settings(table: Path) -> None:
    found = scores(table)
    assert [row[0] for row in found.rows] == ["VAE 1.0", "VAE 2.0", "TC 1.0", "TC 2.0"]
    assert found.rows[0][1:3] == ["5", "0.16 ± 0.02"]  # 8/64 to 12/64, whose deviation is .0247


def test_shares_of_variance(table: Path) -> None:
    # sums of squares .7031, .0781 and .0098; mean square of seeds .0098 / 16
    found = shares(table)
    assert found.columns == ["score", "objective", "strength", "seed"]
    [mig] = [row for row in found.rows if row[0] == "MIG"]
    assert [str(cell)[:4] for cell in mig[1:]] == ["0.89", "0.10", "0.01"]


def test_agreement_over_all_runs_and_inside_settings(table: Path) -> None:
    found = {row[0]: row[1:] for row in agreement(table).rows}
    assert str(found["DCI"][0]).startswith("1.00")
    assert found["MIG"][0] == found["CDS"][2] == ""
    assert found["DCI"][3] == "1.00"
    assert found["KL divergence"][3] == "-1.00"
    assert str(found["KL divergence"][0]).startswith("0.88")  # 1 - 6 * 4 * 40 / (20 * 399)
    # rank correlations of 20 values with 16 degrees of freedom: the t test gives .47 for normal ones
    [chances] = [cells[3:] for title, cells in found.items() if "know nothing" in str(title)]
    assert 0.37 < float(str(chances[0]).removeprefix("± ")) < 0.53
    assert found["active latents"][4] == ""  # the same in each group
    assert found["DCI"][4] == "1.00"
    assert found["KL divergence"][4] == "0.52"  # 1 - 640 / (2 * 660), with the ties between both objectives
    assert float(str(chances[1]).removeprefix("± ")) < float(str(chances[0]).removeprefix("± "))  # fewer groups


def test_selection_from_chance_to_the_best(table: Path) -> None:
    found = {(row[0], row[1]): row[2:] for row in selection(table).rows}
    assert str(found["CDS", "highest"][0]).startswith("1.00")
    assert ("CDS", "lowest") not in found
    assert ("reconstruction", "highest") not in found
    assert {("KL divergence", "highest"), ("KL divergence", "lowest")} <= found.keys()
    # the two best runs are as far above the mean as the two worst are below, and the lowest reconstruction is the worst
    assert str(found["reconstruction", "lowest"][0]).startswith("-1.00")
    assert float(str(found["reconstruction", "lowest"][3])) == pytest.approx(0.05)  # ranks 0 and 1 of 20
    assert {title for title, _ in found} == {*WITHOUT_LABELS.values(), "CDS", "CCS"}


def test_the_page_shows_the_numbers_of_the_file() -> None:
    text = PAGE.path.read_text()
    assert PAGE.with_tables(text) == text, "run python benchmarks/small_dsprites_page.py"
