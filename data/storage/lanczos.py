"""Scale whole arrays of images down, as the literature does."""

from typing import Any

import numpy as np
from PIL import Image


def resize(images: np.ndarray[Any, Any], size: int) -> np.ndarray[Any, Any]:
    """Scale images to ``size`` x ``size`` pixels with Pillow's Lanczos filter.

    The filter is the windowed sinc with three lobes, widened by the scale so that it does not alias; rows are filtered
    first, then columns, each rounded to whole levels. disentanglement_lib scales Cars3D and SmallNORB with it.

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
