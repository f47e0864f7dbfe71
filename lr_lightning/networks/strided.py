"""Convolutions that halve an image and transposed ones that double it, each before a ReLU."""

from torch import nn


def halve(inputs: int, outputs: int, kernel_size: int = 4) -> tuple[nn.Module, nn.Module]:
    """Return a convolution that halves height and width, and a ReLU.

    Args:
        inputs: Channels that come in.
        outputs: Channels that come out.
        kernel_size: Side of the kernel, even.
    """
    return nn.Conv2d(inputs, outputs, kernel_size, stride=2, padding=kernel_size // 2 - 1), nn.ReLU()


def double(inputs: int, outputs: int) -> tuple[nn.Module, nn.Module]:
    """Return a transposed convolution that doubles height and width, and a ReLU.

    Args:
        inputs: Channels that come in.
        outputs: Channels that come out.
    """
    return nn.ConvTranspose2d(inputs, outputs, kernel_size=4, stride=2, padding=1), nn.ReLU()
