"""Size and layers of the network for 32 x 32 images."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from lr_lightning.networks import Conv32


def encode(parameters: list[Tensor], images: Tensor) -> Tensor:
    """Three strided convolutions and two linear layers, each with ReLU, and a linear layer."""
    x, rest = images, iter(parameters)
    for _ in range(3):
        x = F.relu(F.conv2d(x, next(rest), next(rest), stride=2, padding=1))
    x = x.flatten(1)
    for _ in range(2):
        x = F.relu(F.linear(x, next(rest), next(rest)))
    return F.linear(x, next(rest), next(rest))


def decode(parameters: list[Tensor], codes: Tensor) -> Tensor:
    """Three linear layers and two strided transposed convolutions, each with ReLU, and one more of these."""
    x, rest = codes, iter(parameters)
    for _ in range(3):
        x = F.relu(F.linear(x, next(rest), next(rest)))
    x = x.view(-1, 32, 4, 4)
    for _ in range(2):
        x = F.relu(F.conv_transpose2d(x, next(rest), next(rest), stride=2, padding=1))
    return F.conv_transpose2d(x, next(rest), next(rest), stride=2, padding=1)


@pytest.mark.parametrize("variational", [True, False])
@pytest.mark.parametrize("channels", [1, 3])
def test_maps_images_to_codes_and_back(channels: int, variational: bool) -> None:
    network, images = Conv32(5, channels, variational), torch.rand(2, channels, 32, 32)
    assert network.codes(images).shape == (2, 10 if variational else 5)
    assert network.decode(torch.zeros(2, 5)).shape == images.shape
    with pytest.raises(ValueError, match=rf"Conv32.*\({channels}, 32, 32\)"):
        network.codes(torch.rand(2, channels, 28, 28))


@pytest.mark.parametrize(("latent_dim", "channels", "variational"), [(10, 1, True), (6, 3, False)])
def test_number_of_parameters(latent_dim: int, channels: int, variational: bool) -> None:
    inner = 2 * (32 * 32 * 16 + 32)  # two inner convolutions, as many transposed
    outputs = 2 * latent_dim if variational else latent_dim
    encoder = (16 * channels + 1) * 32 + inner + 513 * 256 + 257 * 256 + 257 * outputs
    decoder = (latent_dim + 1) * 256 + 257 * 256 + 257 * 512 + inner + (16 * 32 + 1) * channels
    network = Conv32(latent_dim, channels, variational)
    assert sum(p.numel() for p in network.encoder.parameters()) == encoder
    assert sum(p.numel() for p in network.decoder.parameters()) == decoder


def test_layers_are_those_documented() -> None:
    generator = torch.Generator().manual_seed(0)
    network = Conv32(latent_dim=4)
    images = torch.rand(2, 1, 32, 32, generator=generator)
    codes = torch.randn(2, 4, generator=generator)
    # The same operations in the same order: the default tolerance, ten float32 round-offs, is for other kernels.
    torch.testing.assert_close(network.encoder(images), encode(list(network.encoder.parameters()), images))
    torch.testing.assert_close(network.decoder(codes), decode(list(network.decoder.parameters()), codes))
    assert not any(p.any() for name, p in network.named_parameters() if name.endswith("bias"))  # after He


@pytest.mark.parametrize(
    ("latent_dim", "channels", "message"),
    [(0, 1, r"latent_dim.*\b0"), (1, 0, r"channels.*0")],
)
def test_rejects_no_latents_and_no_channels(latent_dim: int, channels: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Conv32(latent_dim, channels)
