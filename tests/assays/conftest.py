"""Fixtures of the assays' tests."""

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from tests.assays.models import ConvVAE


@pytest.fixture
def vae() -> ConvVAE:
    """Untrained VAE with 3 latents in training mode, its batch norm frozen as in fine-tuning."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        vae = ConvVAE(3)
    vae.train()
    vae.encoder[1].eval()
    return vae


@pytest.fixture
def codes() -> Tensor:
    """Codes (40, 3) of a standard normal."""
    return torch.randn(40, 3, generator=torch.Generator().manual_seed(1))


@pytest.fixture(autouse=True)
def global_random_state_is_untouched() -> Iterator[None]:
    """Fail every test here whose assay draws from, or seeds, the global generator."""
    before = torch.get_rng_state()
    yield
    assert torch.equal(torch.get_rng_state(), before)
