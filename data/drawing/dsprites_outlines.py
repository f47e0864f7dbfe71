"""The outlines of the dSprites shapes, and their crossings with rows of pixels."""

from collections.abc import Sequence
from math import pi

import torch
from torch import Tensor

SIZE = 64
MAX_CROSSINGS = 4  # of a row and an outline: the heart has two lobes

# Fitted to images of the original set. In pixels at scale 1, x right and y down, relative to the shape's center.
_HALF_SIDE = 9.6  # of the square: 0.15 of the canvas
_SEMI_AXES = (12.8, 7.25)
_ELLIPSE_CORNERS = 32
_HEART_CORNERS = 100
_MARGIN = 16  # from the canvas edge to the nearest center


def _square() -> Tensor:
    return _HALF_SIDE * torch.tensor([[-1, -1], [1, -1], [1, 1], [-1, 1]], dtype=torch.float64)


def _ellipse() -> Tensor:
    t = 2 * pi * torch.arange(_ELLIPSE_CORNERS, dtype=torch.float64) / _ELLIPSE_CORNERS
    return torch.stack([_SEMI_AXES[0] * t.cos(), _SEMI_AXES[1] * t.sin()], dim=1)


def _heart() -> Tensor:
    t = 2 * pi * (torch.arange(_HEART_CORNERS, dtype=torch.float64) + 0.5) / _HEART_CORNERS
    height = 13 * t.cos() - 5 * (2 * t).cos() - 2 * (3 * t).cos() - (4 * t).cos()
    return torch.stack([9.6 * t.sin() ** 3, -0.665 * height - 1.45], dim=1)


def glyph_outlines(scales: Sequence[float], orientations: Sequence[float]) -> list[Tensor]:
    """Return the outlines of square, ellipse and heart at every scale and orientation.

    Args:
        scales: Sizes relative to the largest sprite.
        orientations: Angles in radians, counter-clockwise as seen on the screen.

    Returns:
        One tensor per shape, ``(scales * orientations, P, 2)`` float64: the ``P`` corners in pixels relative to the
        center, orientation fastest.
    """
    sizes, angles = torch.tensor(scales, dtype=torch.float64), torch.tensor(orientations, dtype=torch.float64)
    outlines = []
    for shape in (_square(), _ellipse(), _heart()):
        x, y = (sizes[:, None, None, None] * shape).unbind(-1)  # (scales, 1, P) each
        cos, sin = angles.cos()[:, None], angles.sin()[:, None]
        outlines.append(torch.stack([x * cos + y * sin, y * cos - x * sin], dim=-1).flatten(0, 1))
    return outlines


def pixel_offsets(positions: Sequence[float]) -> Tensor:
    """Return the distances of pixel centers from a shape's center, ``(positions, SIZE)`` float64, in pixels.

    Args:
        positions: Positions of the shape's center along an axis, from 0 to 1.
    """
    centers = _MARGIN + (SIZE - 2 * _MARGIN) * torch.tensor(positions, dtype=torch.float64)
    return torch.arange(SIZE) + 0.5 - centers[:, None]


def outline_crossings(outlines: Tensor, heights: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Find where horizontal lines cross closed polygons.

    Args:
        outlines: ``G`` polygons of ``P`` corners, ``(G, P, 2)`` float64.
        heights: y of the lines, ascending, ``(H,)`` float64.

    Returns:
        For each crossing, in no particular order: the index of its polygon and of its line, int64, and its x, float64.
        A corner on a line belongs to the edge below the line, so the number of crossings per line is even.
    """
    x0, y0 = outlines.flatten(0, 1).unbind(-1)  # (G * P,) edges
    x1, y1 = outlines.roll(-1, dims=1).flatten(0, 1).unbind(-1)
    # An edge crosses the lines from its upper end (included) to its lower end (excluded): ``count`` consecutive lines,
    # from ``first`` on. ``edge`` and ``line`` list all these pairs, by the position of each pair within its run.
    first = torch.searchsorted(heights, torch.minimum(y0, y1))
    count = torch.searchsorted(heights, torch.maximum(y0, y1)) - first
    edge = torch.repeat_interleave(count)
    line = torch.arange(len(edge)) - (count.cumsum(0) - count - first)[edge]
    x = ((x1 - x0)[edge] * (heights[line] - y0[edge])) / (y1 - y0)[edge] + x0[edge]
    return edge // outlines.shape[1], line, x
