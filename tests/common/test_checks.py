"""Errors are told on one line."""

from lr_lightning.common.checks import first_line, one_line

LONG = ValueError("wrong shape\n  expected (3,)\n\n  got (4,)")


def test_text_of_several_lines() -> None:
    assert one_line(LONG) == "wrong shape expected (3,) got (4,)"
    assert first_line(LONG) == "wrong shape"


def test_an_error_without_text_is_told_by_its_kind() -> None:
    assert one_line(TimeoutError()) == ""
    assert first_line(TimeoutError()) == "TimeoutError"
