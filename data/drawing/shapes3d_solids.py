"""The four solids of 3DShapes: where rays enter them, and the surface normals there.

The size is half the side of the cube, the radius of the other solids, and half the height of the cylinder and of the
cylindrical part of the capsule. Coordinates are relative to the solid's center. Rays are given as origins and
directions ``(3, ...)`` that broadcast; distances are in units of the direction's length, ``inf`` if a ray misses.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor


class Solid(NamedTuple):
    """One kind of object.

    Attributes:
        size: Size at scale 1, in units of half the room's width.
        half_height: In units of the size; also the height of the center, since solids stand on the floor.
        smooth: Whether the edge of its highlight is soft, as in the interpolated shading of a fine mesh.
        distance: Function of ``origin``, ``direction`` and size that returns the distance ``(...)`` along each ray to
            where it enters the solid.
        normal: Function that returns outward normals ``(3, ...)`` at surface points ``(3, ...)`` of the solid of size
            1; meaningless off the surface.
    """

    size: float
    half_height: float
    smooth: bool
    distance: Callable[[Tensor, Tensor, float], Tensor]
    normal: Callable[[Tensor], Tensor]


def _ahead(distance: Tensor, valid: Tensor) -> Tensor:
    """Keep the distances of valid hits in front of the origin."""
    return torch.where(valid & (distance > 0), distance, torch.inf)


def _enter_quadric(a: Tensor, b: Tensor, c: Tensor) -> Tensor:
    """Return the smaller root of ``a t^2 + 2 b t + c``, NaN if there is no real root."""
    return (-b - (b * b - a * c).sqrt()) / a


def _cube_distance(origin: Tensor, direction: Tensor, size: float) -> Tensor:
    # Slab method: along each axis, a ray is between the two faces from middle - half to middle + half.
    middle, half = -origin / direction, size / direction.abs()
    enter, leave = (middle - half).amax(dim=0), (middle + half).amin(dim=0)
    return _ahead(enter, enter < leave)


def _cube_normal(points: Tensor) -> Tensor:
    distance = points.abs()
    return torch.where(distance == distance.amax(dim=0), points.sign(), 0.0)


def _sphere_distance(origin: Tensor, direction: Tensor, size: float) -> Tensor:
    a = direction.square().sum(dim=0)
    b = (origin * direction).sum(dim=0)
    distance = _enter_quadric(a, b, origin.square().sum(dim=0) - size**2)
    return _ahead(distance, ~distance.isnan())


def _sphere_normal(points: Tensor) -> Tensor:
    return points


def _tube_distance(origin: Tensor, direction: Tensor, size: float) -> Tensor:
    """Return the distance to the open cylinder with ``|z| <= size``."""
    a = direction[:2].square().sum(dim=0)
    b = (origin[:2] * direction[:2]).sum(dim=0)
    distance = _enter_quadric(a, b, origin[:2].square().sum(dim=0) - size**2)
    return _ahead(distance, (origin[2] + distance * direction[2]).abs() <= size)


def _cylinder_distance(origin: Tensor, direction: Tensor, size: float) -> Tensor:
    cap = (-direction[2].sign() * size - origin[2]) / direction[2]  # distance to the lid on the side the ray comes from
    radius = torch.hypot(origin[0] + cap * direction[0], origin[1] + cap * direction[1])
    return torch.minimum(_tube_distance(origin, direction, size), _ahead(cap, radius <= size))


def _cylinder_normal(points: Tensor) -> Tensor:
    x, y, z = points
    on_cap = z.abs() > torch.hypot(x, y)  # radius and half height are equal
    return torch.where(on_cap, _cube_normal(points), torch.stack([x, y, torch.zeros_like(z)]))


def _capsule_distance(origin: Tensor, direction: Tensor, size: float) -> Tensor:
    distance = _tube_distance(origin, direction, size)
    for end in (-1, 1):
        from_end = torch.stack([origin[0], origin[1], origin[2] - end * size])
        distance = torch.minimum(distance, _sphere_distance(from_end, direction, size))
    return distance


def _capsule_normal(points: Tensor) -> Tensor:
    x, y, z = points
    return torch.stack([x, y, z - z.clamp(-1, 1)])


#: In the order of the factor ``shape``: cube, cylinder, sphere, capsule.
SOLIDS = (
    Solid(0.1040, 1, False, _cube_distance, _cube_normal),
    Solid(0.1112, 1, False, _cylinder_distance, _cylinder_normal),
    Solid(0.1257, 1, True, _sphere_distance, _sphere_normal),
    Solid(0.0962, 2, True, _capsule_distance, _capsule_normal),
)
