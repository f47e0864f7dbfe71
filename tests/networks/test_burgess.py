"""Size and layers of the networks of Burgess et al. for 32 x 32 and 64 x 64 images."""

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from lr_lightning.networks import Conv32, Conv64Burgess

Burgess = type[Conv32] | type[Conv64Burgess]

pytestmark = pytest.mark.parametrize(("network_class", "num_convolutions"), [(Conv32, 3), (Conv64Burgess, 4)])


def encode(parameters: Iterator[Tensor], images: Tensor, num_convolutions: int) -> Tensor:
    """Strided convolutions and two linear layers, each with ReLU, and a linear layer."""
    x, rest = images, parameters
    for _ in range(num_convolutions):
        x = F.relu(F.conv2d(x, next(rest), next(rest), stride=2, padding=1))
    x = x.flatten(1)
    for _ in range(2):
        x = F.relu(F.linear(x, next(rest), next(rest)))
    return F.linear(x, next(rest), next(rest))


def decode(parameters: Iterator[Tensor], codes: Tensor, num_convolutions: int) -> Tensor:
    """Three linear layers and strided transposed convolutions, each with ReLU except the last."""
    x, rest = codes, parameters
    for _ in range(3):
        x = F.relu(F.linear(x, next(rest), next(rest)))
    x = x.view(-1, 32, 4, 4)
    for _ in range(num_convolutions - 1):
        x = F.relu(F.conv_transpose2d(x, next(rest), next(rest), stride=2, padding=1))
    return F.conv_transpose2d(x, next(rest), next(rest), stride=2, padding=1)


@pytest.mark.parametrize("variational", [True, False])
@pytest.mark.parametrize("channels", [1, 3])
def test_shapes(network_class: Burgess, num_convolutions: int, channels: int, variational: bool) -> None:
    side = 4 * 2**num_convolutions
    network, images = network_class(5, channels, variational), torch.rand(2, channels, side, side)
    assert network.codes(images).shape == (2, 10 if variational else 5)
    assert network.decode(torch.zeros(2, 5)).shape == images.shape
    with pytest.raises(ValueError, match=rf"{network_class.__name__}.*\({channels}, {side}, {side}\)"):
        network.codes(torch.rand(2, channels, 28, 28))


@pytest.mark.parametrize(("latent_dim", "channels", "variational"), [(10, 3, True), (10, 1, True), (6, 3, False)])
def test_number_of_parameters(
    network_class: Burgess, num_convolutions: int, latent_dim: int, channels: int, variational: bool
) -> None:
    inner = (num_convolutions - 1) * (32 * 32 * 16 + 32)  # as many convolutions as transposed ones
    outputs = 2 * latent_dim if variational else latent_dim
    encoder = (16 * channels + 1) * 32 + inner + 513 * 256 + 257 * 256 + 257 * outputs
    decoder = (latent_dim + 1) * 256 + 257 * 256 + 257 * 512 + inner + (16 * 32 + 1) * channels
    network = network_class(latent_dim, channels, variational)
    assert sum(p.numel() for p in network.encoder.parameters()) == encoder
    assert sum(p.numel() for p in network.decoder.parameters()) == decoder


def test_layers(network_class: Burgess, num_convolutions: int) -> None:
    generator = torch.Generator().manual_seed(0)
    network = network_class(latent_dim=4)
    images = torch.rand(2, *network.observation_shape, generator=generator)
    codes = torch.randn(2, 4, generator=generator)
    # The same operations in the same order: the default tolerance, ten float32 round-offs, is for other kernels.
    expected = encode(iter(network.encoder.parameters()), images, num_convolutions)
    torch.testing.assert_close(network.encoder(images), expected)
    torch.testing.assert_close(torch.cat(network.posterior_parameters(images), dim=1), expected)
    expected = decode(iter(network.decoder.parameters()), codes, num_convolutions)
    torch.testing.assert_close(network.decoder(codes), expected)
    assert not any(p.any() for name, p in network.named_parameters() if name.endswith("bias"))  # He initialization


@pytest.mark.parametrize(("latent_dim", "channels", "message"), [(0, 1, r"latent_dim.*\b0"), (1, 0, r"channels.*0")])
def test_rejects(network_class: Burgess, num_convolutions: int, latent_dim: int, channels: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        network_class(latent_dim, channels)
