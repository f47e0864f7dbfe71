"""Size and layers of the latent-response paper's network."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from lr_lightning.networks import Conv64Leeb


def encode(parameters: list[Tensor], images: Tensor) -> Tensor:
    """Five times convolution, pooling, group norm and ELU, then three linear layers with ELU between."""
    x, rest = images, iter(parameters)
    for _ in range(5):
        kernel, bias, weight, shift = (next(rest) for _ in range(4))
        x = F.max_pool2d(F.conv2d(x, kernel, bias, padding="same"), 2)
        x = F.elu(F.group_norm(x, 8, weight, shift))
    x = F.elu(F.linear(x.flatten(1), next(rest), next(rest)))
    x = F.elu(F.linear(x, next(rest), next(rest)))
    return F.linear(x, next(rest), next(rest))


def decode(parameters: list[Tensor], codes: Tensor) -> Tensor:
    """Three linear layers with ELU between, then five times doubling and convolution, norm and ELU after four."""
    x, rest = codes, iter(parameters)
    x = F.elu(F.linear(x, next(rest), next(rest)))
    x = F.elu(F.linear(x, next(rest), next(rest)))
    x = F.linear(x, next(rest), next(rest)).view(-1, 64, 2, 2)
    for layer in range(5):
        x = F.interpolate(x, scale_factor=2, mode="bilinear")
        x = F.conv2d(x, next(rest), next(rest), padding="same")
        if layer < 4:
            x = F.elu(F.group_norm(x, 8, next(rest), next(rest)))
    return x


def test_has_as_many_parameters_as_the_released_network() -> None:
    assert sum(p.numel() for p in Conv64Leeb(latent_dim=24, channels=3).parameters()) == 510_067


@pytest.mark.parametrize(("latent_dim", "channels", "variational"), [(12, 3, True), (10, 1, True), (7, 3, False)])
def test_other_sizes_change_the_outer_layers_only(latent_dim: int, channels: int, variational: bool) -> None:
    network = Conv64Leeb(latent_dim, channels, variational)
    outputs = 2 * latent_dim if variational else latent_dim
    codes = 129 * outputs + 128 * latent_dim  # last layer of the encoder with its bias, first of the decoder
    pixels = 25 * 64 * channels + (9 * 64 + 1) * channels  # first kernel, last kernel with its bias
    expected = 510_067 - (129 * 48 + 128 * 24) - (25 * 64 * 3 + (9 * 64 + 1) * 3) + codes + pixels
    assert sum(p.numel() for p in network.parameters()) == expected


def test_layers_are_those_of_the_paper() -> None:
    generator = torch.Generator().manual_seed(0)
    network = Conv64Leeb(latent_dim=4)
    for parameter in network.parameters():  # the norms begin as the identity, which would hide their order
        torch.nn.init.normal_(parameter, std=0.1, generator=generator)
    images = torch.rand(2, 3, 64, 64, generator=generator)
    codes = torch.randn(2, 4, generator=generator)
    # The same operations in the same order: the default tolerance, ten float32 round-offs, is for other kernels.
    torch.testing.assert_close(network.encoder(images), encode(list(network.encoder.parameters()), images))
    torch.testing.assert_close(network.decoder(codes), decode(list(network.decoder.parameters()), codes))


def test_log_std_output() -> None:
    network, images = Conv64Leeb(latent_dim=4), torch.rand(2, 3, 64, 64)
    means, log_variances = network.posterior_parameters(images)
    torch.testing.assert_close(torch.cat([means, log_variances / 2], dim=1), network.encoder(images))
