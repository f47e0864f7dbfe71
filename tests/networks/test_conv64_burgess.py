"""Size and layers of the network of Burgess et al."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from lr_lightning.networks import Conv64Burgess


def encode(parameters: list[Tensor], images: Tensor) -> Tensor:
    """Four strided convolutions and two linear layers, each with ReLU, and a linear layer."""
    x, rest = images, iter(parameters)
    for _ in range(4):
        x = F.relu(F.conv2d(x, next(rest), next(rest), stride=2, padding=1))
    x = x.flatten(1)
    for _ in range(2):
        x = F.relu(F.linear(x, next(rest), next(rest)))
    return F.linear(x, next(rest), next(rest))


def decode(parameters: list[Tensor], codes: Tensor) -> Tensor:
    """Three linear layers and three strided transposed convolutions, each with ReLU, and one more of these."""
    x, rest = codes, iter(parameters)
    for _ in range(3):
        x = F.relu(F.linear(x, next(rest), next(rest)))
    x = x.view(-1, 32, 4, 4)
    for _ in range(3):
        x = F.relu(F.conv_transpose2d(x, next(rest), next(rest), stride=2, padding=1))
    return F.conv_transpose2d(x, next(rest), next(rest), stride=2, padding=1)


@pytest.mark.parametrize(("latent_dim", "channels", "variational"), [(10, 3, True), (10, 1, True), (6, 3, False)])
def test_number_of_parameters(latent_dim: int, channels: int, variational: bool) -> None:
    inner = 3 * (32 * 32 * 16 + 32)  # three inner convolutions, as many transposed
    outputs = 2 * latent_dim if variational else latent_dim
    encoder = (16 * channels + 1) * 32 + inner + 513 * 256 + 257 * 256 + 257 * outputs
    decoder = (latent_dim + 1) * 256 + 257 * 256 + 257 * 512 + inner + (16 * 32 + 1) * channels
    network = Conv64Burgess(latent_dim, channels, variational)
    assert sum(p.numel() for p in network.encoder.parameters()) == encoder
    assert sum(p.numel() for p in network.decoder.parameters()) == decoder


def test_layers_are_those_of_the_paper() -> None:
    generator = torch.Generator().manual_seed(0)
    network = Conv64Burgess(latent_dim=4)
    images = torch.rand(2, 3, 64, 64, generator=generator)
    codes = torch.randn(2, 4, generator=generator)
    # The same operations in the same order: the default tolerance, ten float32 round-offs, is for other kernels.
    torch.testing.assert_close(network.encoder(images), encode(list(network.encoder.parameters()), images))
    torch.testing.assert_close(network.decoder(codes), decode(list(network.decoder.parameters()), codes))


def test_log_variance_output() -> None:
    network, images = Conv64Burgess(latent_dim=4), torch.rand(2, 3, 64, 64)
    torch.testing.assert_close(torch.cat(network.posterior_parameters(images), dim=1), network.encoder(images))
