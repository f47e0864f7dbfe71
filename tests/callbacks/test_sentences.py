"""Numbers as text."""

import math

import pytest

from lr_lightning.callbacks.sentences import number


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.123456, "0.123"),
        (-12345.6, "-12,346"),
        (5.0, "5"),
        (1e12, "1e+12"),
        (math.inf, "inf"),
        (math.nan, "undefined"),
    ],
)
def test_numbers(value: float, text: str) -> None:
    assert number(value) == text
