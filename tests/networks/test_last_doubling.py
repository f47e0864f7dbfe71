"""The last layer of decoders computes a transposed convolution in every form."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lr_lightning.networks import Conv64Burgess, Conv64Locatello
from lr_lightning.networks.last_doubling import LastDoubling


@pytest.mark.parametrize("outputs", [1, 3, 6, 8])
@pytest.mark.parametrize("size", [(1, 1), (4, 7)])
def test_evaluation_equals_the_transposed_convolution(outputs: int, size: tuple[int, int]) -> None:
    generator = torch.Generator().manual_seed(0)
    layer = LastDoubling(5, outputs).double()
    reference = nn.ConvTranspose2d(5, outputs, kernel_size=4, stride=2, padding=1).double()
    reference.load_state_dict(layer.state_dict())
    features = torch.randn(3, 5, *size, generator=generator, dtype=torch.float64)
    with torch.no_grad():
        found = layer(features)
    expected = reference(features)
    # float64 round-off of sums of 20 products of order 1
    torch.testing.assert_close(found, expected.detach(), rtol=0, atol=20 * 2**-52)
    assert found.is_contiguous()
    assert torch.equal(layer(features), expected)


def test_evaluation_makes_a_convolution_and_training_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    shuffled: list[int] = []
    shuffle = F.pixel_shuffle

    def counted(images: Tensor, factor: int) -> Tensor:
        shuffled.append(len(images))
        return shuffle(images, factor)

    monkeypatch.setattr(F, "pixel_shuffle", counted)
    layer, features = LastDoubling(5, 3), torch.zeros(2, 5, 4, 4)
    layer(features)
    assert shuffled == []
    with torch.no_grad():
        layer(features)
        LastDoubling(5, 8)(features)
    assert shuffled == [2]


@pytest.mark.parametrize("network_class", [Conv64Burgess, Conv64Locatello])
def test_gradients_and_evaluation_see_the_same_decoder(network_class: type[Conv64Burgess | Conv64Locatello]) -> None:
    network = network_class(latent_dim=3, channels=1).eval()
    codes = torch.randn(40, 3, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        found = network.decode(codes)
    # float32 round-off of sums of at most 1024 products of order 1: 1024 * 2**-24
    torch.testing.assert_close(found, network.decode(codes).detach(), rtol=0, atol=6e-5)
