"""Pooled moments."""

from functools import reduce

import torch

from lr_lightning.assays.moments import Moments


def test_pooled_parts_are_the_whole() -> None:
    samples = torch.randn(2, 50, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64) + 100
    whole = Moments.of(samples)
    pooled = reduce(Moments.pool, map(Moments.of, torch.split(samples, [20, 1, 29], dim=1)))
    for one, other in zip(pooled, whole, strict=True):
        torch.testing.assert_close(one, other)
    torch.testing.assert_close(whole.standard_error, samples.std(dim=1) / 50**0.5)
    assert Moments.of(samples[:, :1]).standard_error.isnan().all()
