"""Weight initialization for ReLU networks."""

from torch import nn


def initialize_for_relu(network: nn.Module) -> None:
    """Initialize all convolutions and linear layers with the method of He et al. and zero biases, in place.

    This preserves the scale of activations from layer to layer, except in transposed convolutions of stride 2, which
    halve it, because a unit has a quarter of the inputs that PyTorch assumes. With PyTorch's default initialization,
    all layers shrink activations: a beta-VAE then starts with a decoder that barely responds to its latents, and may
    output the mean image for thousands of steps or forever.

    Args:
        network: Network whose activations are ReLU.

    References:
        He et al., Delving Deep into Rectifiers, 2015, arXiv:1502.01852.
    """
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            nn.init.kaiming_uniform_(layer.weight, nonlinearity="relu")
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
