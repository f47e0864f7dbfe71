"""The convolutional layers of Leeb et al., with group norm, ELU, and pooling or bilinear upsampling."""

from torch import nn


def encoding_layer(inputs: int, outputs: int, kernel_size: int = 3, halve: bool = True) -> tuple[nn.Module, ...]:
    """Return a convolution, optional pooling, group norm and ELU.

    Args:
        inputs: Number of input channels.
        outputs: Number of output channels, a multiple of 8.
        kernel_size: Side of the kernel, odd.
        halve: Whether to halve height and width by pooling.
    """
    convolution = nn.Conv2d(inputs, outputs, kernel_size, padding=kernel_size // 2)
    pooling = [nn.MaxPool2d(2)] if halve else []
    return convolution, *pooling, nn.GroupNorm(8, outputs), nn.ELU()


def decoding_layer(inputs: int, outputs: int, double: bool = True) -> tuple[nn.Module, ...]:
    """Return optional upsampling, a convolution, group norm and ELU.

    Args:
        inputs: Number of input channels.
        outputs: Number of output channels, a multiple of 8.
        double: Whether to double height and width by upsampling.
    """
    upsampling = [upsample()] if double else []
    convolution = nn.Conv2d(inputs, outputs, kernel_size=3, padding=1)
    return *upsampling, convolution, nn.GroupNorm(8, outputs), nn.ELU()


def upsample() -> nn.Module:
    """Return a layer that doubles height and width by bilinear interpolation."""
    return nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False)
