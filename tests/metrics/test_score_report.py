"""The table in the terminal."""

import io
import math

import pytest
from rich.console import Console

from lr_lightning.metrics.core.repeats import ErrorOver
from lr_lightning.metrics.score_report import score_report
from lr_lightning.metrics.score_table import ScoreRow

LONG = "gaussian_wasserstein_correlation_normalized"
ROWS = [
    ScoreRow("dci_gbt_disentanglement", "dci", "gbt_disentanglement", 0.4567, None, 1.0, None, True, 10, 5, 12.0),
    ScoreRow("dci_gbt_completeness", "dci", "gbt_completeness", math.nan, None, 1.0, None, True, 10, 5, 12.0),
    ScoreRow(LONG, "gaussian_wasserstein_correlation", "normalized", 12345.6, None, 0.0, 0.25, False, 10, 0, 0.5),
]


def printed(rows: list[ScoreRow], width: int) -> str:
    file = io.StringIO()
    Console(file=file, width=width).print(score_report(rows, "Scores of [file]"))
    return file.getvalue()


@pytest.mark.parametrize("width", [60, 80, 160])
def test_no_number_is_cut_at_any_width(width: int) -> None:
    text = printed([row._replace(standard_error=0.0123) for row in ROWS], width)
    assert "…" not in text
    for number in ("0.457", "0.012", "nan", "1.235e+04", "0.250", "12.00"):
        assert number in text


def test_a_metric_has_one_time_for_all_its_scores_and_empty_columns_are_left_out() -> None:
    text = printed(ROWS, 100)
    assert text.count("12.00") == 1
    assert "0.50" in text
    assert "s.e." not in text
    assert "Scores of [file]" in text
    first, _, last = (line.split() for line in text.splitlines() if "high" in line or "low" in line)
    assert first == ["dci_gbt_disentanglement", "0.457", "high", "1.000", "12.00"]
    assert last == [LONG, "1.235e+04", "low", "0.000", "0.250", "0.50"]


@pytest.mark.parametrize(("over", "words"), [("rows", "new rows"), ("draws", "whole population")])
def test_what_errors_are_over_and_how_far_intervals_reach(over: ErrorOver, words: str) -> None:
    row = ROWS[0]._replace(standard_error=0.01, low=0.4289, high=0.4845, error_over=over)
    text = " ".join(printed([row, ROWS[1]], 80).split())
    assert words in text
    assert "± 2.78 s.e." in text


def test_errors_that_are_not_known_have_no_interval() -> None:
    row = ROWS[0]._replace(standard_error=math.nan, low=math.nan, high=math.nan, error_over="rows")
    text = printed([row], 80)
    assert "new rows" in text
    assert "95 %" not in text


def test_names_break_between_words() -> None:
    text = printed(ROWS, 70)
    words = set("_".join(row.name for row in ROWS).split("_"))
    names = [line[: line.find("  ")].strip() for line in text.splitlines()[3:] if line.strip("─ ")]
    assert len(names) > len(ROWS)  # at least one is broken
    assert set("_".join(names).replace("__", "_").split("_")) <= words
