"""Checks of arguments, and the text of exceptions."""

import math

import pytest

from lr_lightning.common.checks import (
    check_at_least,
    check_choice,
    first_line,
    one_line,
)

LONG = ValueError("wrong shape\n  expected (3,)\n\n  got (4,)")


def test_choices() -> None:
    check_choice("binning", "b", ("a", "b"))
    with pytest.raises(ValueError, match=r"binning.*a, b.*'c'"):
        check_choice("binning", "c", ("a", "b"))


@pytest.mark.parametrize("value", [1, 1.999, math.nan])
def test_minimum(value: float) -> None:
    check_at_least("num_bins", 2, 2)
    with pytest.raises(ValueError, match=f"num_bins.*2.*{value}"):
        check_at_least("num_bins", value, 2)


def test_text_with_line_breaks() -> None:
    assert one_line(LONG) == "wrong shape expected (3,) got (4,)"
    assert first_line(LONG) == "wrong shape"


def test_errors_without_text() -> None:
    assert one_line(TimeoutError()) == ""
    assert first_line(TimeoutError()) == "TimeoutError"
