"""Initial weights for networks with ReLU."""

from torch import nn


def initialize_for_relu(network: nn.Module) -> None:
    """Draw the weights of all convolutions and linear layers after He et al., and set their biases to 0, in place.

    They keep the size of activations from layer to layer, but for transposed convolutions of stride 2, between which
    activations halve: a unit there sees a quarter of the inputs that PyTorch counts. With PyTorch's own initial weights
    all shrink: a beta-VAE then starts with a decoder that hardly answers to its latents, and may stay at the mean image
    for thousands of steps, or for ever.

    Args:
        network: Network whose non-linearities are ReLU.

    References:
        He et al., Delving Deep into Rectifiers, 2015, arXiv:1502.01852.
    """
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            nn.init.kaiming_uniform_(layer.weight, nonlinearity="relu")
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
