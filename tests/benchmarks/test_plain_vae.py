"""The plain networks of the benchmarks equal those of the package."""

import math
from pathlib import Path

import pytest
import torch
from plain_vae import PlainVAE, as_float, burgess_layers, helix_layers, open_images
from torch import nn

from lr_lightning.models import BetaVAE
from lr_lightning.networks import MLP, Conv64Burgess
from lr_lightning.networks.base import AutoencoderNetwork


@pytest.mark.parametrize(
    ("layers", "network", "shape"),
    [
        (burgess_layers(10, 1), Conv64Burgess(10, 1), (1, 64, 64)),
        (helix_layers(), MLP(2, (3,), widths=(32, 32, 32, 32)), (3,)),
    ],
)
def test_same_functions_of_the_same_weights(
    layers: tuple[nn.Module, nn.Module], network: AutoencoderNetwork, shape: tuple[int, ...]
) -> None:
    observations = torch.rand(3, *shape)
    for plain, ours, inputs in zip(
        layers, (network.encoder, network.decoder), (observations, torch.randn(3, network.latent_dim)), strict=True
    ):
        for own, other in zip(plain.parameters(), ours.parameters(), strict=True):
            own.data.copy_(other)
        # different orders of summation in float32: a few round-offs of values near 1
        torch.testing.assert_close(plain(inputs).flatten(1), ours(inputs).flatten(1), rtol=1e-4, atol=1e-5)


def test_same_loss() -> None:
    network = Conv64Burgess(10, 1)
    plain = PlainVAE(network.encoder, network.decoder, beta=4.0, images=True)
    images = torch.rand(5, 1, 64, 64)
    with torch.no_grad():  # a posterior without noise
        network.encoder[-1].weight[10:] = 0  # type: ignore[index]
        network.encoder[-1].bias[10:] = -60  # type: ignore[index]
    ours = BetaVAE(network, beta=4.0).objective(images, torch.Generator().manual_seed(0)).loss
    torch.testing.assert_close(plain(images), ours, rtol=1e-5, atol=0)  # sums of 4096 terms in float32


def test_noise_has_the_posterior_standard_deviation() -> None:
    class Constant(nn.Module):
        def forward(self, observations: torch.Tensor) -> torch.Tensor:
            return torch.tensor([0.0, 2 * math.log(3)]).repeat(len(observations), 1)  # mean 0, deviation 3

    size = 20_000
    with torch.random.fork_rng():
        torch.manual_seed(0)
        loss = PlainVAE(Constant(), nn.Identity(), beta=0.0, images=False)(torch.zeros(size, 1))
    # half the mean square of codes; its relative standard error is sqrt(2 / size) = 1 %
    torch.testing.assert_close(loss, torch.tensor(4.5), rtol=0.05, atol=0)


def test_images_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "images"
    pixels = torch.randint(256, (3, 1, 64, 64), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    path.write_bytes(pixels.numpy().tobytes())
    assert torch.equal(open_images(str(path)), pixels)
    assert torch.equal(as_float(pixels), pixels / 255)
    assert as_float(points := torch.randn(2, 3)) is points
