"""The table of settings, as text."""

import io
import math
from collections.abc import Sequence

import pytest
from rich.console import Console

from lr_lightning.commands.study.setting_table import fitting_parts, setting_table
from lr_lightning.study.setting_summary import SeedMean, SettingRow, SettingSummary

MIG, CDS, LOSS = "mig", "assay/conditioned_response/cds", "test/loss"
SUMMARY = SettingSummary(
    ["objective", "beta"],
    [SettingRow("a", ("BetaVAE[x]", "4"), 3), SettingRow("b", ("FactorVAE", ""), 2), SettingRow("c", ("AE", ""), 0)],
    {
        ("a", MIG): SeedMean(0.3126, 0.0451, 3),
        ("b", MIG): SeedMean(0.5, math.nan, 1),
        ("a", LOSS): SeedMean(-1234.56, 0.9, 3),
        ("b", LOSS): SeedMean(12.34, 0.0, 2),
        ("a", CDS): SeedMean(45.678, 0.25, 3),
    },
)


def console(width: int) -> Console:
    return Console(file=io.StringIO(), width=width)


def lines(scores: Sequence[str], width: int = 120) -> list[list[str]]:
    """Return the words of each line."""
    terminal = console(width)
    with terminal.capture() as captured:
        terminal.print(setting_table(SUMMARY, scores, 3))
    return [line.split() for line in captured.get().splitlines() if set(line) - set(" ─")]


def test_rows_have_values_seeds_and_means() -> None:
    heading, *rows = lines([MIG])
    assert heading == ["objective", "beta", "seeds", "mig"]
    assert rows == [
        ["BetaVAE[x]", "4", "3", "0.313", "±", "0.045"],
        ["FactorVAE", "2", "of", "3", "0.500", "(n=1)"],  # one of the two is undefined, and one has no interval
        ["AE", "0", "of", "3"],
    ]


def test_decimals_follow_the_largest_mean_of_a_column() -> None:
    *_, first, second, _ = lines([LOSS, CDS])
    assert first[3:] == ["-1,235", "±", "1", "45.68", "±", "0.25"]
    assert second[4:] == ["12", "±", "0", "-"]


def test_long_names_are_broken_where_words_end() -> None:
    assert lines(["dci_lightgbm_disentanglement", CDS])[:2] == [
        ["dci_lightgbm_", "conditioned_"],
        ["objective", "beta", "seeds", "disentanglement", "response/cds"],
    ]


@pytest.mark.parametrize(
    ("width", "parts"),
    [(200, [[MIG, LOSS, CDS]]), (60, [[MIG, LOSS], [CDS]]), (48, [[MIG], [LOSS], [CDS]]), (5, [[MIG], [LOSS], [CDS]])],
)
def test_scores_are_split_into_tables_that_fit(width: int, parts: list[list[str]]) -> None:
    assert list(fitting_parts(SUMMARY, [MIG, LOSS, CDS], 3, console(width))) == parts
    for part in parts if width > 5 else []:
        shown = lines(part, width)
        assert len(shown) == len(lines(part, 1000))
        assert not any("…" in word for line in shown for word in line)
