"""Size and layers of the structural autoencoder's network."""

from collections.abc import Iterator
from typing import cast

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lr_lightning.networks import StructuralConv64
from lr_lightning.networks.grouped import GroupedDecoder
from lr_lightning.networks.structural_conv64 import StructuralTransform


def encode(parameters: Iterator[Tensor], images: Tensor) -> Tensor:
    """Twelve convolutions with group norm and ELU, five of them pooled, and three linear layers with ELU between."""
    x = images
    for pooled in (True, False, False, True, False, False, True, False, False, True, False, True):
        x = F.conv2d(x, next(parameters), next(parameters), padding="same")
        x = F.max_pool2d(x, 2) if pooled else x
        x = F.elu(F.group_norm(x, 8, next(parameters), next(parameters)))
    x = F.elu(F.linear(x.flatten(1), next(parameters), next(parameters)))
    x = F.elu(F.linear(x, next(parameters), next(parameters)))
    return F.linear(x, next(parameters), next(parameters))


def decode(decoder: GroupedDecoder, codes: Tensor, num_groups: int) -> Tensor:
    """Twelve convolutions, five of them after doubling; before each share of them an affine map of the channels."""
    x: Tensor = decoder.constant
    transforms, convolutions = decoder.injections.parameters(), decoder.stages.parameters()
    size, share = codes.shape[1] // num_groups, 12 // num_groups
    doubled = (False, True, False, True, False, False, True, False, False, True, False, True)
    for layer in range(12):
        if layer % share == 0:
            group = layer // share
            h = codes[:, group * size : (group + 1) * size]
            h = F.elu(F.linear(h, next(transforms), next(transforms)))
            h = F.elu(F.linear(h, next(transforms), next(transforms)))
            h = F.linear(h, next(transforms), next(transforms))
            x = torch.exp(h[:, 64:]).view(-1, 64, 1, 1) * x + h[:, :64].view(-1, 64, 1, 1)
        x = F.interpolate(x, scale_factor=2, mode="bilinear") if doubled[layer] else x
        x = F.conv2d(x, next(convolutions), next(convolutions), padding="same")
        if layer < 11:
            x = F.elu(F.group_norm(x, 8, next(convolutions), next(convolutions)))
    return x


@pytest.mark.parametrize(
    ("latent_dim", "num_groups", "channels", "variational"),
    [(12, 12, 3, False), (12, 6, 1, False), (24, 4, 3, True), (8, 2, 3, False)],
)
def test_number_of_parameters(latent_dim: int, num_groups: int, channels: int, variational: bool) -> None:
    inner = 11 * (9 * 64 * 64 + 3 * 64)  # kernel, bias and the two of the norm
    outputs = 2 * latent_dim if variational else latent_dim
    encoder = 25 * channels * 64 + 3 * 64 + inner + 257 * 256 + 257 * 128 + 129 * outputs
    transform = (latent_dim // num_groups + 1) * 64 + 65 * 128 + 129 * 128
    decoder = 64 * 4 + inner + (9 * 64 + 1) * channels + num_groups * transform
    network = StructuralConv64(latent_dim, num_groups, channels, variational)
    assert sum(p.numel() for p in network.encoder.parameters()) == encoder
    assert sum(p.numel() for p in network.decoder.parameters()) == decoder


@pytest.mark.parametrize("num_groups", [2, 3, 4, 6, 12])
def test_layers_are_those_documented(num_groups: int) -> None:
    generator = torch.Generator().manual_seed(0)
    network = StructuralConv64(12, num_groups)
    for parameter in network.parameters():  # the norms begin as the identity, which would hide their order
        torch.nn.init.normal_(parameter, std=0.1, generator=generator)
    images = torch.rand(2, 3, 64, 64, generator=generator)
    codes = torch.randn(2, 12, generator=generator)
    decoder = cast(GroupedDecoder, network.decoder)
    # The same operations in the same order: the default tolerance, ten float32 round-offs, is for other kernels.
    torch.testing.assert_close(network.encoder(images), encode(network.encoder.parameters(), images))
    torch.testing.assert_close(network.decoder(codes), decode(decoder, codes, num_groups))


def test_transform_scales_and_shifts_each_channel() -> None:
    transform = StructuralTransform(group_size=2, num_features=3)
    last = cast(nn.Linear, transform.network[-1])
    nn.init.zeros_(last.weight)
    last.bias.data = torch.tensor([1.0, 2.0, 3.0, 0.0, 2.0, -1.0])  # shifts, then logarithms of scales
    features = torch.randn(4, 3, 5, 6, generator=torch.Generator().manual_seed(0))
    expected = torch.stack([features[:, 0] + 1, features[:, 1] * 7.3890561 + 2, features[:, 2] * 0.36787944 + 3], dim=1)
    # Products and sums of a few float32 numbers of order 10.
    torch.testing.assert_close(transform(features, torch.zeros(4, 2)), expected, rtol=1e-6, atol=1e-5)


def test_transform_with_zero_parameters_is_the_identity() -> None:
    transform = StructuralTransform(group_size=2, num_features=3)
    for parameter in transform.parameters():
        nn.init.zeros_(parameter)
    features = torch.randn(4, 3, 5, 6, generator=torch.Generator().manual_seed(0))
    assert torch.equal(transform(features, torch.randn(4, 2)), features)


def test_transform_does_not_normalize_the_features() -> None:
    transform = StructuralTransform(group_size=2, num_features=3)
    features, latents = torch.zeros(1, 3, 5, 6), torch.ones(1, 2)
    shift = transform(features, latents)
    scale = transform(features + 1, latents) - shift
    # An affine map of the features: round-off of numbers of order 10.
    torch.testing.assert_close(transform(features + 10, latents), 10 * scale + shift, rtol=1e-5, atol=1e-5)
