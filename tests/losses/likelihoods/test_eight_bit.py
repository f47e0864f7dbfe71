"""Recognizes 8-bit images."""

import pytest
import torch

from lr_lightning.losses.likelihoods.eight_bit import is_eight_bit, levels

ALL_LEVELS = torch.arange(256, dtype=torch.uint8)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_each_level_is_found_again(dtype: torch.dtype) -> None:
    images = (ALL_LEVELS.float() / 255).to(dtype)
    assert torch.equal(levels(images), ALL_LEVELS.float())
    assert is_eight_bit(images)
    assert is_eight_bit(ALL_LEVELS.float().mul(1 / 255).to(dtype))


@pytest.mark.parametrize("value", [0.5, -1 / 255, 256 / 255, 3.0, float("nan")])
def test_other_values_are_no_eight_bit_images(value: float) -> None:
    assert not is_eight_bit(torch.cat([ALL_LEVELS.float() / 255, torch.tensor([value])]))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_random_numbers_are_no_eight_bit_images(dtype: torch.dtype) -> None:
    assert not is_eight_bit(torch.rand(200, generator=torch.Generator().manual_seed(0)).to(dtype))
