"""Layers of the discriminator of latent codes."""

import pytest
import torch
from torch import nn

from lr_lightning.networks import Discriminator


def test_default_is_that_of_the_study() -> None:
    discriminator = Discriminator(10)
    layers = [layer for layer in discriminator.modules() if isinstance(layer, nn.Linear)]
    assert [(layer.in_features, layer.out_features) for layer in layers] == [
        (10, 1000),
        *[(1000, 1000)] * 5,
        (1000, 2),
    ]
    assert sum(parameter.numel() for parameter in discriminator.parameters()) == 11_000 + 5 * 1_001_000 + 2_002


def test_is_an_affine_map_of_leaky_units() -> None:
    discriminator = Discriminator(1, widths=(2,))
    first, second = (layer for layer in discriminator.modules() if isinstance(layer, nn.Linear))
    with torch.no_grad():
        first.weight.copy_(torch.tensor([[1.0], [-1.0]]))
        second.weight.copy_(torch.eye(2))
        first.bias.zero_()
        second.bias.copy_(torch.tensor([0.0, 5.0]))
    # Units of 3 and -3, of which the latter leaks a fifth; no unit behind the last map, where -0.6 would become -0.12.
    expected = torch.tensor([[3.0, 5 - 0.6], [-0.6, 5 + 3.0]])
    torch.testing.assert_close(discriminator(torch.tensor([[3.0], [-3.0]])), expected)


def test_converts_codes_to_the_dtype_of_the_weights() -> None:
    discriminator = Discriminator(3, widths=(4,)).bfloat16()
    assert discriminator(torch.ones(2, 3)).dtype == torch.bfloat16


@pytest.mark.parametrize(
    ("latent_dim", "widths", "message"),
    [(0, (4,), r"latent_dim.*\b0"), (2, (4, 0), r"widths.*\(4, 0\)")],
)
def test_rejects_sizes_that_are_not_positive(latent_dim: int, widths: tuple[int, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Discriminator(latent_dim, widths)
