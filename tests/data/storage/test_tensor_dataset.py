"""Data set from two tensors."""

import pytest
import torch

from lr_lightning.data.dataset import FactorDataset
from lr_lightning.data.factor_space import FactorSpace
from lr_lightning.data.storage.tensor_dataset import TensorFactorDataset

SPACE = FactorSpace(["label"], [3])


def test_gathers_both_and_moves_both() -> None:
    dataset = TensorFactorDataset("mine", torch.arange(10.0).view(5, 2), torch.tensor([[0], [2], [1], [2], [0]]), SPACE)
    assert isinstance(dataset, FactorDataset)
    assert (len(dataset), dataset.image_shape, dataset.full_grid) == (5, (2,), False)
    assert dataset.images(torch.tensor([3, 0])).tolist() == [[6.0, 7.0], [0.0, 1.0]]
    assert dataset.factors(torch.tensor([3, 0])).tolist() == [[2], [0]]
    assert dataset.to("meta") is dataset
    assert {x(torch.tensor([1])).device.type for x in (dataset.images, dataset.factors)} == {"meta"}


def test_rejects_factors_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match="mine must have as many observations as factors, got 5 and 4"):
        TensorFactorDataset("mine", torch.zeros(5, 2), torch.zeros(4, 1, dtype=torch.int64), SPACE)
    with pytest.raises(IndexError, match=r"factor 'label' must lie in \[0, 3\), got 3 to 3"):
        TensorFactorDataset("mine", torch.zeros(1, 2), torch.tensor([[3]]), SPACE)
