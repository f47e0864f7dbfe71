"""Numbering of the rows of the W&B history."""

import pytest

from lr_lightning.loggers.wandb_rows import WandbRows


@pytest.mark.parametrize(
    ("steps", "rows"),
    [
        ([0, 4, 4, 9], [0, 4, 4, 9]),
        ([4, 9, 4, 4, 14], [4, 9, 10, 10, 14]),  # a test of an earlier checkpoint
        ([4, 9, 4, 4, 10, 11, 12], [4, 9, 10, 10, 11, 12, 13]),
        ([4, None, None, 4, 9], [4, 5, 6, 7, 9]),
    ],
)
def test_rows_follow_steps_and_only_increase(steps: list[int | None], rows: list[int]) -> None:
    counted = WandbRows()
    assert [counted.row_of(step) for step in steps] == rows


def test_rows_of_other_code_are_skipped() -> None:
    rows = WandbRows()
    assert rows.row_of(4) == 4
    assert rows.row_of(4, at_least=4) == 4
    assert rows.row_of(4, at_least=6) == 6
    assert rows.row_of(4, at_least=6) == 6
    assert rows.row_of(9, at_least=6) == 9


def test_rows_continue_after_existing_ones() -> None:
    rows = WandbRows()
    rows.row_of(4)
    rows.skip_to(3)
    assert rows.row_of(4) == 4
    rows.skip_to(9)
    assert [rows.row_of(4), rows.row_of(4), rows.row_of(20)] == [10, 10, 20]
