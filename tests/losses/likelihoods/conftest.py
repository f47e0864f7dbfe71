"""Images and outputs of a decoder."""

import pytest
import torch
from torch import Tensor


@pytest.fixture
def raw() -> Tensor:
    """What a decoder gives for 5 images (3, 4, 4)."""
    return 3 * torch.randn(5, 3, 4, 4, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def gray() -> Tensor:
    """Five images (3, 4, 4) with values between 0 and 1, both included."""
    images = torch.rand(5, 3, 4, 4, generator=torch.Generator().manual_seed(1))
    images[:, 0, 0] = torch.tensor([0.0, 1.0, 0.0, 1.0])
    return images
