"""Files that define classes of users."""

import inspect
from pathlib import Path

import pytest
from torchvision.transforms import v2

from lr_lightning.data.storage.source_files import source_files
from lr_lightning.testing.bars import Bars


class Both(Bars, v2.Transform):  # type: ignore[misc]
    """A class with bases of this package and of torchvision."""


def test_are_those_of_a_class_and_its_bases() -> None:
    found = source_files(Both, "dataset")
    assert found[:2] == [Path(__file__), Path(inspect.getfile(Bars))]
    assert Path(inspect.getfile(v2.Transform)) not in found
    assert source_files(v2.Resize, "transforms") == []


def test_a_class_without_a_file_is_refused() -> None:
    with pytest.raises(ValueError, match=r"transforms: Made .*file"):
        source_files(type("Made", (), {"__module__": "nowhere"}), "transforms")
