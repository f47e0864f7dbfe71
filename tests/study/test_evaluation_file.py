"""The file with the scores of a run."""

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from lr_lightning.metrics.score_table import ScoreRow
from lr_lightning.study.evaluation_file import EvaluationRecord, read_evaluation, score_columns, write_evaluation

ROWS = (
    ScoreRow("mig", "mig", "score", 0.25, None, 1.0, 0.125, True, 10, 5, 1.5),
    ScoreRow("dci_gbt", "dci", "gbt", math.nan, 0.5, None, math.inf, False, 10, 5, 1.5, error_over="rows"),
)
RECORD = EvaluationRecord(
    "c", 3, 100, 1.5, 0.5, 2, "32-true", {"torch": "2"}, {"test/loss": math.nan}, {"val/loss": 1.0}, score_columns(ROWS)
)


def test_columns_are_the_fields_of_rows() -> None:
    columns = score_columns(ROWS)
    assert tuple(columns) == ScoreRow._fields
    assert [ScoreRow(*row) for row in zip(*columns.values(), strict=True)] == list(ROWS)
    assert score_columns([]) == {}


def test_a_record_is_read_as_it_was_written_but_for_what_is_not_finite(tmp_path: Path) -> None:
    write_evaluation(tmp_path / "evaluations" / "e.json", RECORD)
    read = read_evaluation(tmp_path / "evaluations" / "e.json")
    assert read.scores["value"] == [0.25, None]
    assert read.scores["chance"] == [0.125, None]
    assert read.scores["error_over"] == [None, "rows"]
    assert read.scalars == {"test/loss": None}
    assert replace(read, scalars={}, scores={}) == replace(RECORD, scalars={}, scores={})
    with pytest.raises(FileNotFoundError):
        read_evaluation(tmp_path / "absent.json")


@pytest.mark.parametrize("text", ["", "[]", '{"format": 2}', '{"format": 1, "cell": "c"}', '{"cell": "c"}'])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "e.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"e\.json"):
        read_evaluation(path)


def test_the_file_is_plain_json(tmp_path: Path) -> None:
    write_evaluation(tmp_path / "e.json", RECORD)
    values = json.loads((tmp_path / "e.json").read_text(), parse_constant=pytest.fail)
    assert values["format"] == 1
    assert values["scores"]["name"] == ["mig", "dci_gbt"]
