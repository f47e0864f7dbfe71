"""Binary images as bits, eight pixels per byte."""

from functools import cache
from math import prod

import numpy as np
import torch
from torch import Tensor


def pack_bits(images: Tensor) -> Tensor:
    """Pack binary images into bits; the first of eight pixels is the highest bit.

    Args:
        images: ``(N, ...)`` uint8 in {0, 255}, on the CPU.

    Returns:
        ``(N, ceil(P / 8))`` uint8, ``P`` the number of pixels of an image; bits after the last pixel are 0.

    Raises:
        ValueError: If a pixel has another value.
    """
    pixels = images.flatten(1)
    if pixels.add(1).gt(1).any():  # 255 + 1 is 0 in uint8
        value = int(pixels[(pixels != 0) & (pixels != 255)][0])
        raise ValueError(f"binary images must contain only 0 and 255, got a pixel of {value}")
    return torch.from_numpy(np.packbits(pixels.numpy(), axis=1))


def packed_size(image_shape: tuple[int, ...]) -> int:
    """Return the size in bytes of one packed image of ``image_shape``."""
    return -(-prod(image_shape) // 8)


def unpack_bits(packed: Tensor, image_shape: tuple[int, ...]) -> Tensor:
    """Invert :func:`pack_bits`, on the device of ``packed``.

    Args:
        packed: ``(N, ceil(P / 8))`` uint8.
        image_shape: Shape of one image, ``P`` pixels.

    Returns:
        Images ``(N, *image_shape)`` uint8 in {0, 255}.
    """
    # one table lookup of eight bytes per packed byte: 4 times as fast as shifts on the CPU
    pixels = _eight_pixels(packed.device).index_select(0, packed.flatten().int()).view(torch.uint8)
    pixels = pixels.view(len(packed), 8 * packed.shape[1])[:, : prod(image_shape)]
    return pixels.contiguous().view(len(packed), *image_shape)


@cache
def _eight_pixels(device: torch.device) -> Tensor:
    """Return the eight uint8 pixels of each byte value, viewed as one int64; (256,)."""
    bits = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1)  # (256, 8) in {0, 1}
    return torch.from_numpy(255 * bits).view(torch.int64)[:, 0].to(device)
