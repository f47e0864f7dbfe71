"""Downscale arrays of images as disentanglement_lib does."""

from typing import Any

import numpy as np
from PIL import Image


def resize(images: np.ndarray[Any, Any], size: int) -> np.ndarray[Any, Any]:
    """Scale images to ``size`` x ``size`` pixels with Pillow's Lanczos filter.

    The filter is a windowed sinc with three lobes, widened by the scale factor to prevent aliasing. Rows are filtered
    first, then columns, with each result rounded to integers. disentanglement_lib scales Cars3D and SmallNORB this way.

    Args:
        images: ``(N, H, W)`` or ``(N, H, W, 3)`` uint8.
        size: Side of the scaled images.

    Returns:
        ``(N, size, size)`` or ``(N, size, size, 3)`` uint8.
    """
    out = np.empty((len(images), size, size, *images.shape[3:]), np.uint8)
    for i, image in enumerate(images):
        out[i] = Image.fromarray(image).resize((size, size), Image.Resampling.LANCZOS)
    return out
