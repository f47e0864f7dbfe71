"""Initial weights for ReLU preserve the scale of activations."""

import torch
from torch import nn

from lr_lightning.networks import Conv64Burgess
from lr_lightning.networks.initialization import initialize_for_relu


def test_activations_keep_their_scale() -> None:
    torch.manual_seed(0)
    layers = [module for _ in range(20) for module in (nn.Linear(512, 512), nn.ReLU())]
    network, inputs = nn.Sequential(*layers), torch.randn(256, 512)
    initialize_for_relu(network)
    # The mean square is kept in expectation; over 20 layers of width 512 its logarithm strays by about
    # sqrt(20 * 5 / 512) = .44 (He et al.: variance of a squared ReLU unit over its squared mean is 5).
    ratio = network(inputs).square().mean() * 2 / inputs.square().mean()
    assert abs(ratio.log()) < 5 * 0.44
    assert all(not layer.bias.any() for layer in layers if isinstance(layer, nn.Linear))


def test_transposed_convolutions_halve_activations() -> None:
    torch.manual_seed(0)
    layer = nn.ConvTranspose2d(64, 64, kernel_size=4, stride=2, padding=1)
    initialize_for_relu(layer)
    features = torch.randn(16, 64, 16, 16).relu()  # mean square 1/2
    with torch.no_grad():
        ratio = layer(features).square().mean() / (2 * features.square().mean())
    # Inside, a pixel of 32 * 32 has 64 * 4 inputs and weights of variance 2 / (64 * 16): a quarter in the square. The
    # 120 at the sides have half of the inputs, and the 4 corners a quarter.
    expected = 0.25 * (900 + 120 / 2 + 4 / 4) / 1024
    # Units have the mean .4, so that a third of the square is that of 64 * 4 sums of weights: a standard error of
    # sqrt(2 / 256) / 3 = .03 of it.
    assert abs(ratio / expected - 1) < 5 * 0.03


def test_untrained_burgess_decoder_responds_to_its_latents() -> None:
    torch.manual_seed(0)
    network = Conv64Burgess(latent_dim=10, channels=3)
    with torch.no_grad():
        spread = network.decoder(torch.randn(64, 10)).std(dim=0).mean()
    assert spread > 0.03  # logits; .0002 with PyTorch's own initial weights, .12 with these
