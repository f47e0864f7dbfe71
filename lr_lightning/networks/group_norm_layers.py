"""The convolutions of Leeb et al., with group norm and ELU, with pooling or bilinear upsampling."""

from torch import nn


def encoding_layer(inputs: int, outputs: int, kernel_size: int = 3, halve: bool = True) -> tuple[nn.Module, ...]:
    """Return a convolution, pooling if height and width are to be halved, group norm and ELU.

    Args:
        inputs: Channels that come in.
        outputs: Channels that come out, a multiple of 8.
        kernel_size: Side of the kernel, odd.
        halve: Whether height and width are halved.
    """
    convolution = nn.Conv2d(inputs, outputs, kernel_size, padding=kernel_size // 2)
    pooling = [nn.MaxPool2d(2)] if halve else []
    return convolution, *pooling, nn.GroupNorm(8, outputs), nn.ELU()


def decoding_layer(inputs: int, outputs: int, double: bool = True) -> tuple[nn.Module, ...]:
    """Return upsampling if height and width are to be doubled, a convolution, group norm and ELU.

    Args:
        inputs: Channels that come in.
        outputs: Channels that come out, a multiple of 8.
        double: Whether height and width are doubled.
    """
    upsampling = [upsample()] if double else []
    convolution = nn.Conv2d(inputs, outputs, kernel_size=3, padding=1)
    return *upsampling, convolution, nn.GroupNorm(8, outputs), nn.ELU()


def upsample() -> nn.Module:
    """Return a layer that doubles height and width, interpolating between pixels."""
    return nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False)
