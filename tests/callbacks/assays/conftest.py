"""Fixtures of the tests of assays."""

import pytest
import torch
from torch import Tensor


@pytest.fixture
def codes() -> Tensor:
    """Return 30 codes of two latents from the standard normal."""
    return torch.randn(30, 2, generator=torch.Generator().manual_seed(0))
