"""Convolutions that halve an image and transposed convolutions that double it, each followed by a ReLU.

The ReLU overwrites the convolution's output, which no gradient needs; with a separate tensor, an encoder takes a tenth
longer on a CPU.
"""

from torch import nn

from lr_lightning.networks.doubling_convolution import DoublingConvolution


def halve(inputs: int, outputs: int, kernel_size: int = 4) -> tuple[nn.Module, nn.Module]:
    """Return a convolution that halves height and width, and a ReLU.

    Args:
        inputs: Number of input channels.
        outputs: Number of output channels.
        kernel_size: Side of the kernel, even.
    """
    return nn.Conv2d(inputs, outputs, kernel_size, stride=2, padding=kernel_size // 2 - 1), nn.ReLU(inplace=True)


def double(inputs: int, outputs: int) -> tuple[nn.Module, nn.Module]:
    """Return a transposed convolution that doubles height and width, and a ReLU.

    Args:
        inputs: Number of input channels.
        outputs: Number of output channels.
    """
    return DoublingConvolution(inputs, outputs), nn.ReLU(inplace=True)
