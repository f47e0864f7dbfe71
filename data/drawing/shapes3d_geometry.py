"""The 3DShapes scene with its object, averaged over the rays of each pixel, before hues are applied."""

from math import ceil, floor
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from lr_lightning.data.drawing.shapes3d_scene import (
    FOCAL_LENGTH,
    LIGHT,
    SAMPLES,
    SIZE,
    Camera,
    Room,
    diffuse,
    spotlight,
)
from lr_lightning.data.drawing.shapes3d_solids import Solid

_HIGHLIGHT = 0.1408
# Width of the highlight's edge, in the cosine of the angle to the spotlight. The highlight ends where the surface faces
# away from the light; on round solids the originals soften this edge by interpolating the shading between mesh corners.
_SMOOTH_RAMP, _SHARP_RAMP = 0.0712, 1e-6


class Regions(NamedTuple):
    """Surfaces and light of the pixels, as means over the rays of each pixel; shapes ``(..., H, W)``.

    Attributes:
        cover: Fraction of the pixel covered by sky, lit floor, floor in shadow, wall and object, 5 maps in [0, 1].
        light: Cover times diffuse factor for the last four of these, 4 maps.
        highlight: Cover times highlight for the object, 1 map.
    """

    cover: Tensor
    light: Tensor
    highlight: Tensor


def trace_empty(room: Room) -> Regions:
    """Average the room without an object."""
    nothing = torch.zeros_like(room.lit)
    return _average(room, nothing > 0, nothing > 0, nothing, nothing)


def trace(room: Room, solid: Solid, size: float) -> Regions:
    """Average the room with a solid of size ``size`` in its middle."""
    center = torch.tensor([0.0, 0.0, solid.half_height * size])[:, None, None]
    eye = room.camera.position[:, None, None] - center
    distance = solid.distance(eye, room.rays, size)
    hit = distance.isfinite()

    points = eye + distance.where(hit, 0.0) * room.rays
    normals = solid.normal(points / size)
    light, intensity = spotlight(points + center)
    cosine = (normals * light).sum(dim=0)
    lit, _ = diffuse(-torch.tensordot(room.camera.forward, normals, 1), cosine, intensity)
    ramp = _SMOOTH_RAMP if solid.smooth else _SHARP_RAMP
    highlight = _HIGHLIGHT * intensity * (cosine / ramp + 0.5).clamp(0, 1)

    to_spot = torch.tensor(LIGHT)[:, None, None] - room.points
    shadow = room.floor & (solid.distance(room.points - center, to_spot, size) < 1)
    return _average(room, hit, shadow, lit, highlight)


def _average(room: Room, hit: Tensor, shadow: Tensor, lit: Tensor, highlight: Tensor) -> Regions:
    """Average over the rays of each pixel.

    Args:
        room: The empty room.
        hit: Whether a ray hits the object, ``(S, S)`` bool.
        shadow: Whether a ray meets the floor in the object's shadow, ``(S, S)`` bool.
        lit: Diffuse factor of the object, ``(S, S)``; only valid where ``hit``.
        highlight: Highlight of the object, ``(S, S)``; only valid where ``hit``.
    """
    shadow = shadow & ~hit
    sunny = room.floor & ~hit & ~shadow
    wall = room.wall & ~hit
    sky = ~(room.floor | room.wall) & ~hit
    cover = torch.stack([sky, sunny, shadow, wall, hit]).float()
    light = cover[1:] * torch.stack([room.lit, room.dark, room.lit, lit])
    return Regions(*(F.avg_pool2d(x[None], SAMPLES)[0] for x in (cover, light, cover[4:] * highlight)))


def touched_pixels(camera: Camera, solid: Solid, size: float) -> tuple[slice, slice]:
    """Return the rows and columns of a rectangle of pixels that contains the solid and its shadow."""
    x, y, z = torch.cartesian_prod(
        torch.tensor([-size, size]), torch.tensor([-size, size]), torch.tensor([0, 2 * solid.half_height * size])
    ).unbind(1)  # corners of the bounding box
    light_x, light_y, light_z = LIGHT
    stretch = light_z / (light_z - z)
    shadow = torch.stack([light_x + (x - light_x) * stretch, light_y + (y - light_y) * stretch, torch.zeros_like(z)])
    points = torch.cat([torch.stack([x, y, z]), shadow], dim=1) - camera.position[:, None]  # (3, 16)
    depth = camera.forward @ points
    columns = SIZE / 2 + FOCAL_LENGTH * (camera.right @ points) / depth
    rows = SIZE / 2 - FOCAL_LENGTH * points[2] / depth
    return _pixel_range(rows), _pixel_range(columns)


def _pixel_range(positions: Tensor) -> slice:
    return slice(max(floor(positions.min()), 0), min(ceil(positions.max()), SIZE))
