"""Residual blocks of torchvision with group norm that halve or double an image."""

from collections.abc import Sequence
from itertools import pairwise

from torch import nn

NUM_GROUPS = 8
"""Number of groups of all group norms; numbers of channels are multiples of it."""


def halving_stages(channels: Sequence[int], blocks_per_stage: int) -> list[nn.Module]:
    """Return one stage for each of ``channels`` but the first: a block that halves the image, and further blocks.

    Odd sides are rounded up.

    Args:
        channels: Number of channels of the input, followed by those after each stage.
        blocks_per_stage: Number of blocks per stage.
    """
    return [
        nn.Sequential(
            residual_block(inputs, outputs, stride=2),
            *(residual_block(outputs, outputs) for _ in range(blocks_per_stage - 1)),
        )
        for inputs, outputs in pairwise(channels)
    ]


def doubling_stages(
    channels: Sequence[int], sizes: Sequence[tuple[int, int]], blocks_per_stage: int
) -> list[nn.Module]:
    """Return the mirror image of :func:`halving_stages`: blocks, then upsampling and a block with other channels.

    Args:
        channels: Number of channels of the input, followed by those after each stage.
        sizes: Height and width after each stage.
        blocks_per_stage: Number of blocks per stage.
    """
    return [
        nn.Sequential(
            *(residual_block(inputs, inputs) for _ in range(blocks_per_stage - 1)),
            upsample(size),
            residual_block(inputs, outputs),
        )
        for (inputs, outputs), size in zip(pairwise(channels), sizes, strict=True)
    ]


def upsample(size: tuple[int, int]) -> nn.Module:
    """Return a layer that repeats each pixel up to an image of ``size``, half of which is its input's, rounded up.

    Followed by a convolution, this leaves no checkerboard, unlike transposed convolutions. Unlike that of bilinear
    interpolation, its gradient is deterministic on GPUs.

    Args:
        size: Height and width of the output. If one is odd, the last row or column is not repeated.

    References:
        Odena et al., Deconvolution and Checkerboard Artifacts, Distill 2016, doi:10.23915/distill.00003.
    """
    return nn.Upsample(size, mode="nearest")


def residual_block(inputs: int, outputs: int, stride: int = 1) -> nn.Module:
    """Return torchvision's block of two 3 x 3 convolutions and a shortcut, with group norm.

    Where the shape changes, the shortcut is pooling, if it halves the image, a 1 x 1 convolution and a group norm;
    otherwise the identity.

    Args:
        inputs: Number of input channels.
        outputs: Number of output channels, a multiple of :data:`NUM_GROUPS`.
        stride: 2 to halve height and width.

    References:
        He et al., Deep Residual Learning for Image Recognition, CVPR 2016, arXiv:1512.03385.
        He et al., Bag of Tricks for Image Classification, CVPR 2019, arXiv:1812.01187, ResNet-D (pooled shortcut).
        Wu and He, Group Normalization, ECCV 2018, arXiv:1803.08494.
    """
    from torchvision.models.resnet import BasicBlock  # late: as slow to import as all other networks together

    shortcut = None
    if inputs != outputs or stride != 1:
        # Not a strided convolution: that would skip three quarters of the pixels. With 5 or 12 inputs, say, its
        # gradient in oneDNN also writes out of bounds (torch 2.14, AVX-512), which crashes the process.
        pooling = [nn.AvgPool2d(stride, ceil_mode=True)] if stride != 1 else []
        shortcut = nn.Sequential(*pooling, nn.Conv2d(inputs, outputs, kernel_size=1, bias=False), _norm(outputs))
    block: nn.Module = BasicBlock(inputs, outputs, stride, shortcut, norm_layer=_norm)
    return block


def _norm(channels: int) -> nn.Module:
    return nn.GroupNorm(NUM_GROUPS, channels)
