"""Packages of the export to ONNX."""

import pytest

from lr_lightning.onnx import packages
from tests.extras import needs


@needs(*packages.PACKAGES)
def test_none_is_missing() -> None:
    assert packages.missing_packages("a test") is None


def test_the_missing_ones_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "PACKAGES", ("torch", "no_such_package"))
    assert packages.missing_packages("a test") == "a test needs no_such_package: pip install 'lr-lightning[explore]'"
