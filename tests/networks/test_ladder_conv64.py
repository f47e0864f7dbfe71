"""Size and layers of the variational ladder autoencoder's network."""

from typing import cast

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lr_lightning.networks import LadderConv64
from lr_lightning.networks.grouped import GroupedDecoder
from lr_lightning.networks.ladder_conv64 import GenerativeRung, LadderEncoder


def make(num_groups: int) -> LadderConv64:
    """Return a network with random parameters; the norms begin as the identity, which would hide their order."""
    network, generator = LadderConv64(12, num_groups), torch.Generator().manual_seed(0)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.1, generator=generator)
    return network


def encode(encoder: LadderEncoder, images: Tensor, num_groups: int) -> Tensor:
    """Twelve convolutions; after each share of them, three linear layers on the maxima give one group's parameters."""
    x, convolutions, rungs = images, encoder.stages.parameters(), encoder.rungs.parameters()
    means: list[Tensor] = []
    log_stds: list[Tensor] = []
    for layer, pooled in enumerate((1, 0, 0, 1, 0, 0, 1, 0, 0, 1, 0, 1)):
        x = F.conv2d(x, next(convolutions), next(convolutions), padding="same")
        x = F.max_pool2d(x, 2) if pooled else x
        x = F.elu(F.group_norm(x, 8, next(convolutions), next(convolutions)))
        if (layer + 1) % (12 // num_groups) == 0:
            h = x.amax(dim=(2, 3))
            h = F.elu(F.linear(h, next(rungs), next(rungs)))
            h = F.elu(F.linear(h, next(rungs), next(rungs)))
            h = F.linear(h, next(rungs), next(rungs))
            means.insert(0, h[:, : 12 // num_groups])  # the deepest is the first group
            log_stds.insert(0, h[:, 12 // num_groups :])
    return torch.cat(means + log_stds, dim=1)


def decode(decoder: GroupedDecoder, codes: Tensor, num_groups: int) -> Tensor:
    """Twelve convolutions, five of them after doubling; before each share of them 16 more channels."""
    x = decoder.constant.expand(len(codes), 64, 2, 2)
    rungs, convolutions = decoder.injections.parameters(), decoder.stages.parameters()
    groups = iter(codes.chunk(num_groups, dim=1))
    for layer, doubled in enumerate((0, 1, 0, 1, 0, 0, 1, 0, 0, 1, 0, 1)):
        if layer % (12 // num_groups) == 0:
            h = F.elu(F.linear(next(groups), next(rungs), next(rungs)))
            h = F.elu(F.linear(h, next(rungs), next(rungs)))
            h = F.linear(h, next(rungs), next(rungs))
            x = torch.cat([x, h.view(-1, 16, 1, 1).repeat(1, 1, x.shape[2], x.shape[3])], dim=1)
        x = F.interpolate(x, scale_factor=2, mode="bilinear") if doubled else x
        x = F.conv2d(x, next(convolutions), next(convolutions), padding="same")
        if layer < 11:
            x = F.elu(F.group_norm(x, 8, next(convolutions), next(convolutions)))
    return x


@pytest.mark.parametrize(
    ("latent_dim", "num_groups", "channels", "variational"), [(12, 4, 3, True), (12, 12, 1, True), (8, 2, 3, False)]
)
def test_number_of_parameters(latent_dim: int, num_groups: int, channels: int, variational: bool) -> None:
    inner = 11 * (9 * 64 * 64 + 3 * 64)  # kernel, bias and the two of the norm
    size = latent_dim // num_groups
    inference = num_groups * (65 * 128 + 129 * 64 + 65 * (2 * size if variational else size))
    generative = num_groups * ((size + 1) * 64 + 65 * 128 + 129 * 16)
    added = 9 * 16 * ((num_groups - 1) * 64 + (channels if num_groups == 12 else 64))
    network = LadderConv64(latent_dim, num_groups, channels, variational)
    decoder = 64 * 4 + inner + (9 * 64 + 1) * channels + generative + added
    assert sum(p.numel() for p in network.encoder.parameters()) == 25 * channels * 64 + 3 * 64 + inner + inference
    assert sum(p.numel() for p in network.decoder.parameters()) == decoder


@pytest.mark.parametrize("num_groups", [2, 3, 4, 6, 12])
def test_layers_are_those_documented(num_groups: int) -> None:
    network, generator = make(num_groups), torch.Generator().manual_seed(1)
    images = torch.rand(2, 3, 64, 64, generator=generator)
    codes = torch.randn(2, 12, generator=generator)
    encoder, decoder = cast(LadderEncoder, network.encoder), cast(GroupedDecoder, network.decoder)
    # The same operations in the same order: the default tolerance, ten float32 round-offs, is for other kernels.
    torch.testing.assert_close(encoder(images), encode(encoder, images, num_groups))
    torch.testing.assert_close(decoder(codes), decode(decoder, codes, num_groups))


def test_only_deeper_groups_depend_on_deeper_layers() -> None:
    network = make(4)
    images = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    before = torch.stack(network.posterior_parameters(images)).view(2, 2, 4, 3)  # (2, B, groups, latents)
    stage = cast(LadderEncoder, network.encoder).stages[2]
    for parameter in stage.parameters():
        nn.init.normal_(parameter, generator=torch.Generator().manual_seed(2))
    after = torch.stack(network.posterior_parameters(images)).view(2, 2, 4, 3)
    # The third of four stages feeds the two deepest groups, 0 and 1.
    assert [(before[:, :, group] == after[:, :, group]).all().item() for group in range(4)] == [
        False,
        False,
        True,
        True,
    ]
    assert (before[:, :, :2] != after[:, :, :2]).all()


def test_generative_rung() -> None:
    features = torch.randn(2, 5, 3, 4, generator=torch.Generator().manual_seed(0))
    result = GenerativeRung(group_size=2)(features, torch.tensor([[1.0, 2.0], [-1.0, 0.5]]))
    assert result.shape == (2, 21, 3, 4)
    assert torch.equal(result[:, :5], features)
    assert (result[:, 5:] == result[:, 5:, :1, :1]).all()
    assert (result[0, 5:, 0, 0] != result[1, 5:, 0, 0]).all()
