"""Networks are evaluated in passes on a CPU, with the same results, and trained on whole batches."""

import pytest
import torch
from torch import Tensor, nn
from typing_extensions import override

from lr_lightning.networks import MLP, AutoencoderNetwork, Conv64Burgess
from lr_lightning.networks.passes import evaluate_in_passes


class Counting(nn.Module):
    """Records the size of each batch, and normalizes with its statistics in training mode."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes: list[int] = []
        self.norm = nn.BatchNorm2d(1)

    @override
    def forward(self, images: Tensor) -> Tensor:
        self.sizes.append(len(images))
        normalized: Tensor = self.norm(images)
        return normalized


@pytest.fixture
def images() -> Tensor:
    return torch.rand(70, 1, 8, 8, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def counting() -> Counting:
    return Counting().eval()


def test_evaluation_makes_passes_of_32_in_order(counting: Counting, images: Tensor) -> None:
    with torch.no_grad():
        found = evaluate_in_passes(counting, images, (1, 8, 8))
    assert counting.sizes == [32, 32, 6]
    torch.testing.assert_close(found, images / (1 + counting.norm.eps) ** 0.5)


def test_passes_of_large_images_are_smaller(counting: Counting, images: Tensor) -> None:
    with torch.inference_mode():
        evaluate_in_passes(counting, images[:5], (3, 256, 256))
    assert counting.sizes == [2, 2, 1]


def test_batch_statistics_and_gradients_see_the_whole_batch(counting: Counting, images: Tensor) -> None:
    evaluate_in_passes(counting, images, (1, 8, 8))
    with torch.no_grad():
        found = evaluate_in_passes(counting.train(), images, (1, 8, 8))
    assert counting.sizes == [70, 70]
    torch.testing.assert_close(found.mean(), torch.tensor(0.0), rtol=0, atol=1e-6)


def test_observations_that_are_no_images_are_evaluated_at_once(counting: Counting, images: Tensor) -> None:
    with torch.no_grad():
        evaluate_in_passes(counting, images, (64,))
    assert counting.sizes == [70]


@pytest.mark.parametrize("network", [Conv64Burgess(4, 1), MLP(4, (1, 6, 6), widths=(8,))], ids=["conv", "mlp"])
def test_networks_compute_the_same_in_passes_and_at_once(network: AutoencoderNetwork) -> None:
    network.eval()
    generator = torch.Generator().manual_seed(1)
    images = torch.rand(70, *network.observation_shape, generator=generator)
    codes = torch.randn(70, 4, generator=generator)
    with torch.no_grad():
        # float32 round-off of sums of at most 1024 products of order 1: 1024 * 2**-24 is 6e-5
        torch.testing.assert_close(network.codes(images), network.encoder(images), rtol=0, atol=6e-5)
        torch.testing.assert_close(network.decode(codes), network.decoder(codes), rtol=0, atol=6e-5)
