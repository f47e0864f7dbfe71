"""Passes through a model."""

import pytest
import torch
from torch import Tensor, nn
from typing_extensions import override

from lr_lightning.assays import wrap
from lr_lightning.assays.passes import in_passes, samples_per_pass
from lr_lightning.models import BetaVAE
from lr_lightning.networks import MLP


def test_progress_follows_each_pass() -> None:
    calls: list[tuple[int, int]] = []
    codes = torch.arange(40.0)[:, None]
    counts = [(len(chunk), len(calls)) for chunk in in_passes(codes, 15, lambda *call: calls.append(call))]
    assert counts == [(15, 0), (15, 1), (10, 2)]
    assert calls == [(15, 40), (30, 40), (40, 40)]


class Identity(nn.Module):
    """A module with a weight on a device."""

    def __init__(self, observation_shape: tuple[int, ...], device: str) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1, device=device))
        self.observation_shape = observation_shape

    @override
    def forward(self, x: Tensor) -> Tensor:
        return x


@pytest.mark.parametrize(
    ("shape", "sizes"),
    [
        ((3, 64, 64), (32, 1024, 64)),
        ((1, 64, 64), (32, 1024, 64)),
        ((3,), (32, 1024, 64)),
        ((), (32, 1024, 64)),
        ((3, 128, 128), (8, 256, 16)),
        ((3, 256, 256), (2, 64, 4)),
        ((3, 48, 80), (32, 1024, 64)),
        ((3, 2048, 2048), (1, 1, 1)),
    ],
)
def test_default_passes_are_small_on_a_cpu_and_for_large_images(
    shape: tuple[int, ...], sizes: tuple[int, int, int]
) -> None:
    codes = torch.zeros(1, 1)
    modules = [Identity(shape, device) for device in ("cpu", "meta")]  # meta: any other device
    on_cpu, elsewhere = (wrap(encode=module, decode=module, latent_dim=1) for module in modules)
    assert samples_per_pass(None, on_cpu, codes) == sizes[0]
    assert samples_per_pass(None, elsewhere, codes) == sizes[1]
    assert samples_per_pass(None, elsewhere, codes, largest=64) == sizes[2]
    assert samples_per_pass(5, elsewhere, codes) == 5


def test_size_of_a_models_observations_is_found() -> None:
    with torch.random.fork_rng():
        large = BetaVAE(MLP(2, (3, 128, 128), widths=(1,)))
    codes = torch.zeros(1, 2)
    assert samples_per_pass(None, large, codes) == 8
    assert samples_per_pass(None, wrap(encode=large.encode, decode=large.decode, latent_dim=2), codes) == 8
