"""Data sets say what they are."""

import torch

from lr_lightning.data.factor_space import FactorSpace
from lr_lightning.data.storage.tensor_dataset import TensorFactorDataset
from lr_lightning.testing.bars import Bars


def test_name_size_shape_and_factors() -> None:
    text = repr(Bars())
    for part in ("Bars", "bars", "48 observations", "3 x 8 x 8", "colour 3", "row 4", "column 4", "every combination"):
        assert part in text


def test_no_or_many_factors() -> None:
    images = torch.zeros(2, 1, 4, 4, dtype=torch.uint8)
    plain = TensorFactorDataset("plain", images, torch.zeros(2, 0, dtype=torch.int64), FactorSpace([], []))
    assert "no factors" in repr(plain)
    assert "every combination" not in repr(plain)
    names = [f"attribute_{number}" for number in range(40)]
    many = TensorFactorDataset("many", images, torch.zeros(2, 40, dtype=torch.int64), FactorSpace(names, [2] * 40))
    assert "28 more" in repr(many)
    assert "attribute_12" not in repr(many)
