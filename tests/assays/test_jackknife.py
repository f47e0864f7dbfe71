"""Jackknife errors."""

import torch

from lr_lightning.assays.jackknife import jackknife_error


def test_error_of_a_mean_is_its_standard_error() -> None:
    samples = torch.randn(50, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    without = (samples.sum(dim=0) - samples) / 49
    torch.testing.assert_close(jackknife_error(without), samples.std(dim=0) / 50**0.5)
    assert jackknife_error(without[:1]).isnan().all()
