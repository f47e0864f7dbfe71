"""Size and layers of the 12,600-model study's network."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from lr_lightning.networks import Conv64Locatello


def pad_same(images: Tensor, kernel_size: int) -> Tensor:
    """Pad as TensorFlow's SAME does for stride 2: the odd pixel, if there is one, on the right and below."""
    height, width = images.shape[2:]
    total = [max((-(-side // 2) - 1) * 2 + kernel_size - side, 0) for side in (width, height)]
    return F.pad(images, [pad for each in total for pad in (each // 2, each - each // 2)])


def encode(parameters: list[Tensor], images: Tensor) -> Tensor:
    """Four convolutions of stride 2 with SAME padding and a linear layer, each with ReLU, and a linear layer."""
    x, rest = images, iter(parameters)
    for kernel_size in (4, 4, 2, 2):
        x = F.relu(F.conv2d(pad_same(x, kernel_size), next(rest), next(rest), stride=2))
    x = F.relu(F.linear(x.flatten(1), next(rest), next(rest)))
    return F.linear(x, next(rest), next(rest))


def conv_transpose_same(x: Tensor, kernel: Tensor, bias: Tensor) -> Tensor:
    """Return the gradient of a SAME convolution of stride 2, which is what TensorFlow calls its transpose."""
    inputs = torch.zeros(len(x), kernel.shape[1], 2 * x.shape[2], 2 * x.shape[3], requires_grad=True)
    outputs = F.conv2d(pad_same(inputs, kernel.shape[-1]), kernel, stride=2)
    [gradient] = torch.autograd.grad(outputs, inputs, x)
    return gradient + bias[:, None, None]


def decode(parameters: list[Tensor], codes: Tensor) -> Tensor:
    """Two linear layers and three transposed convolutions, each with ReLU, and one more of these."""
    x, rest = codes, iter(parameters)
    for _ in range(2):
        x = F.relu(F.linear(x, next(rest), next(rest)))
    x = x.view(-1, 64, 4, 4)
    for _ in range(3):
        x = F.relu(conv_transpose_same(x, next(rest), next(rest)))
    return conv_transpose_same(x, next(rest), next(rest))


def test_has_the_documented_number_of_parameters() -> None:
    assert sum(p.numel() for p in Conv64Locatello(latent_dim=10, channels=1).parameters()) == 690_517


@pytest.mark.parametrize(("latent_dim", "channels", "variational"), [(10, 3, True), (10, 1, True), (6, 3, False)])
def test_number_of_parameters(latent_dim: int, channels: int, variational: bool) -> None:
    outputs = 2 * latent_dim if variational else latent_dim
    convolutions = (16 * channels + 1) * 32 + (16 * 32 + 1) * 32 + (4 * 32 + 1) * 64 + (4 * 64 + 1) * 64
    encoder = convolutions + 1025 * 256 + 257 * outputs
    transposed = (16 * 64 + 1) * 64 + (16 * 64 + 1) * 32 + (16 * 32 + 1) * 32 + (16 * 32 + 1) * channels
    decoder = (latent_dim + 1) * 256 + 257 * 1024 + transposed
    network = Conv64Locatello(latent_dim, channels, variational)
    assert sum(p.numel() for p in network.encoder.parameters()) == encoder
    assert sum(p.numel() for p in network.decoder.parameters()) == decoder


def test_layers_are_those_of_the_study_with_its_padding() -> None:
    generator = torch.Generator().manual_seed(0)
    network = Conv64Locatello(latent_dim=4)
    for parameter in network.parameters():  # biases begin as 0, which would hide their place
        torch.nn.init.normal_(parameter, std=0.05, generator=generator)
    images = torch.rand(2, 3, 64, 64, generator=generator)
    codes = torch.randn(2, 4, generator=generator)
    # Sums of up to 1024 float32 terms in other orders, through six layers.
    torch.testing.assert_close(
        network.encoder(images), encode(list(network.encoder.parameters()), images), rtol=1e-4, atol=1e-5
    )
    torch.testing.assert_close(
        network.decoder(codes), decode(list(network.decoder.parameters()), codes), rtol=1e-4, atol=1e-5
    )


def test_weights_start_after_he() -> None:
    network = Conv64Locatello()
    assert not any(p.any() for name, p in network.named_parameters() if name.endswith("bias"))
    kernel = network.encoder[2].weight  # type: ignore[index]
    # Uniform with variance 2 / 512; the standard error of a variance over 16,384 draws is below 1 %.
    assert kernel.var().item() == pytest.approx(2 / (16 * 32), rel=0.05)


def test_log_variance_output() -> None:
    network, images = Conv64Locatello(latent_dim=4), torch.rand(2, 3, 64, 64)
    torch.testing.assert_close(torch.cat(network.posterior_parameters(images), dim=1), network.encoder(images))
