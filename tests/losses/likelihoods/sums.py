"""Sums of float32 losses."""

import torch
from torch import Tensor


def assert_equal_sums(actual: Tensor, expected: Tensor) -> None:
    """A sum of 48 float32 terms is off by at most 48 half round-offs of its size, 48 * 6e-8 = 3e-6 of it."""
    torch.testing.assert_close(actual.double(), expected, rtol=3e-6, atol=1e-6)
