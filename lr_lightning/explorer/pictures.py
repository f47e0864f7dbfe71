"""Observations as the page shows them: pictures, or lists of numbers."""

import base64
import io
from collections.abc import Sequence
from math import prod
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from lr_lightning.explorer.plain_values import plain_values


def is_drawable(shape: Sequence[int]) -> bool:
    """Return whether observations of this shape are images with 1 or 3 channels."""
    return len(shape) == 3 and shape[0] in (1, 3)


def original(observation: Tensor) -> str | list[Any]:
    """Return an observation as a PNG in a data URI; as a list of its values if it is no image with 1 or 3 channels.

    Args:
        observation: Shape ``(C, H, W)``, uint8 in 0..255 or float in ``[0, 1]``, or any other shape.
    """
    if not is_drawable(observation.shape):
        values: list[Any] = plain_values(observation.float().flatten())
        return values
    pixels = observation.detach().cpu()
    if pixels.dtype != torch.uint8:
        pixels = (pixels.float().clamp(0, 1) * 255).round().to(torch.uint8)
    array = pixels.permute(1, 2, 0).numpy()
    buffer = io.BytesIO()
    Image.fromarray(array[:, :, 0] if len(pixels) == 1 else array).save(buffer, format="png", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def described_observation(shape: Sequence[int]) -> dict[str, Any]:
    """Return the entry ``observation`` of the data object for observations of this shape."""
    if len(shape) == 3:
        return {"kind": "image", "shape": list(shape)}
    size = prod(shape)
    names = {"names": ["x", "y", "z"]} if size == 3 else {}
    return {"kind": "vector", "shape": [size], **names}
