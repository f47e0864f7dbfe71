"""The empty room of 3DShapes: camera, walls, lights, and the surface hit by each ray of the camera."""

from math import pi
from typing import NamedTuple

import torch
from torch import Tensor

SIZE = 64
SAMPLES = 4  # rays per pixel and axis

# Fitted to original images. Lengths in units of half the room's width; x right, y into the image, z up; the object is
# at the origin. The room is [-1, 1] x [-1, 1] without a ceiling.
CAMERA_RADIUS = 0.7347  # of the circle on which the camera moves, looking horizontally at its axis
CAMERA_HEIGHT = 0.2222
FOCAL_LENGTH = 67.8599  # pixels
LIGHT = (-0.4332, 0.1460, 2.2052)  # a spot that shines straight down
WALL_HEIGHT = 0.5869
_SPOT_EXPONENT = 9.6709
_AMBIENT, _HEADLIGHT, _SPOT = 0.3539, 0.5964, 0.9938

# Texture: a mean, three waves that form a hexagon lattice, and on the wall one dark patch per tile.
_FLOOR_MEAN, _FLOOR_AMPLITUDE, _FLOOR_PERIODS, _FLOOR_PHASES = 0.9599, 0.0095, (0.074, 0.059), (0.1, -0.23, -0.2)
_WALL_MEAN, _WALL_AMPLITUDE, _WALL_PERIODS, _WALL_PHASES = 0.9767, 0.008, (0.1172, 0.03663), (-0.66, -0.7, 0.62)
_PATCH_DEPTH = 0.065
_PATCH_CORNERS = (  # in pixels of the image it was traced from: x 200 is the start of a tile, 640 are half the room's
    # width, and 376 the height of the wall
    (248, 113), (285, 113), (325, 140), (325, 205), (365, 240), (350, 262), (325, 235), (290, 225), (250, 212),
)  # fmt: skip
_TILE_START = -1 + 200 / 640


class Camera(NamedTuple):
    """A pinhole camera in the room.

    Attributes:
        position: ``(3,)`` float32.
        right: Horizontal unit vector to the right of the image, ``(3,)``.
        forward: Viewing direction, a horizontal unit vector ``(3,)``; the headlight shines along it.
    """

    position: Tensor
    right: Tensor
    forward: Tensor

    def rays(self) -> Tensor:
        """Return the directions of all rays, ``(3, SIZE * SAMPLES, SIZE * SAMPLES)``, of depth 1."""
        grid = ((torch.arange(SIZE * SAMPLES) + 0.5) / SAMPLES - SIZE / 2) / FOCAL_LENGTH
        x, y = grid[None, None, :], grid[None, :, None]
        up = torch.tensor([0.0, 0.0, 1.0])[:, None, None]
        return self.forward[:, None, None] + x * self.right[:, None, None] - y * up


class Room(NamedTuple):
    """The surfaces hit by the rays of one camera in the empty room; ``S`` is ``SIZE * SAMPLES``.

    Attributes:
        camera: The camera.
        rays: Ray directions ``(3, S, S)``.
        points: First intersections of the rays with the room, ``(3, S, S)``.
        floor: Whether a ray hits the floor, ``(S, S)`` bool.
        wall: Whether a ray hits a wall, ``(S, S)`` bool; a ray that hits neither shows the sky.
        lit: Diffuse factor of the surface in the spotlight, ``(S, S)``.
        dark: Diffuse factor of the surface in shadow, ``(S, S)``.
    """

    camera: Camera
    rays: Tensor
    points: Tensor
    floor: Tensor
    wall: Tensor
    lit: Tensor
    dark: Tensor

    def crop(self, rows: slice, columns: slice) -> "Room":
        """Keep the rays of a rectangle of pixels."""
        rows, columns = (slice(SAMPLES * x.start, SAMPLES * x.stop) for x in (rows, columns))
        return Room(self.camera, *(x[..., rows, columns] for x in self[1:]))


def camera_at(degrees: float) -> Camera:
    """Return the camera at an azimuth."""
    angle = torch.tensor(degrees * pi / 180, dtype=torch.float64)
    sin, cos, zero = angle.sin(), angle.cos(), torch.zeros_like(angle)
    position = torch.stack([CAMERA_RADIUS * sin, -CAMERA_RADIUS * cos, zero + CAMERA_HEIGHT])
    return Camera(position.float(), torch.stack([cos, sin, zero]).float(), torch.stack([-sin, cos, zero]).float())


def spotlight(points: Tensor) -> tuple[Tensor, Tensor]:
    """Return the unit vectors from ``points`` (3, ...) to the spotlight, and its intensity there ``(...)``."""
    light = torch.tensor(LIGHT).view(3, *[1] * (points.ndim - 1)) - points
    light = light / light.square().sum(dim=0).sqrt()  # norm(dim=0) takes 50 times as long on a CPU
    return light, light[2].clamp_min(1e-6) ** _SPOT_EXPONENT


def diffuse(facing: Tensor, cosine: Tensor, intensity: Tensor) -> tuple[Tensor, Tensor]:
    """Return the diffuse factors ``(...)`` of a surface, lit and in shadow.

    Args:
        facing: Cosine between the normal and the direction back along the camera's axis.
        cosine: Cosine between the normal and the direction to the spotlight.
        intensity: Intensity of the spotlight.
    """
    dark = _AMBIENT + _HEADLIGHT * facing.clamp_min(0)
    return dark + _SPOT * cosine.clamp_min(0) * intensity, dark


def build_room(degrees: float) -> Room:
    """Trace the rays of the camera at an azimuth into the empty room."""
    camera = camera_at(degrees)
    rays = camera.rays()
    side = rays[0].sign()  # the side wall that a ray approaches; no ray runs back towards the wall at y = -1
    distances = torch.stack(
        [
            torch.where(rays[2] < 0, -CAMERA_HEIGHT / rays[2], torch.inf),
            (1 - camera.position[1]) / rays[1],
            (side - camera.position[0]) / rays[0],
        ]
    )
    distance, surface = distances.min(dim=0)  # the room is convex: a ray hits the nearest plane
    points = camera.position[:, None, None] + distance * rays
    floor, back = surface == 0, surface == 1
    wall = ~floor & (points[2] <= WALL_HEIGHT)

    light, intensity = spotlight(points)
    # Inward normals are axis-aligned, so each scalar product is a component: z (floor), -y (back wall) or -side * x.
    cosine = torch.where(floor, light[2], torch.where(back, -light[1], -side * light[0]))
    facing = torch.where(floor, 0.0, torch.where(back, camera.forward[1], side * camera.forward[0]))
    lit, dark = diffuse(facing, cosine, intensity)
    along = torch.where(back, points[0], -side * points[1])
    texture = torch.where(floor, _floor_texture(points[0], points[1]), _wall_texture(along, points[2]))
    return Room(camera, rays, points, floor, wall, lit * texture, dark * texture)


def _hexagons(u: Tensor, v: Tensor, periods: tuple[float, float], phases: tuple[float, float, float]) -> Tensor:
    """Sum three waves of unit amplitude whose crests form a hexagonal lattice."""
    u, v = 2 * pi * u / periods[0], 2 * pi * v / periods[1]
    return (u - v / 2 - phases[0]).cos() + (v - phases[1]).cos() + (u + v / 2 - phases[2]).cos()


def _floor_texture(x: Tensor, y: Tensor) -> Tensor:
    return _FLOOR_MEAN + _FLOOR_AMPLITUDE * _hexagons(x, y, _FLOOR_PERIODS, _FLOOR_PHASES)


def _wall_texture(along: Tensor, height: Tensor) -> Tensor:
    texture = _WALL_MEAN + _WALL_AMPLITUDE * _hexagons(along, height, _WALL_PERIODS, _WALL_PHASES)
    in_tile = (along - _TILE_START).remainder(WALL_HEIGHT)  # tiles are as wide as the wall is high
    return texture - _PATCH_DEPTH * _in_patch(in_tile, height)


def _in_patch(x: Tensor, y: Tensor) -> Tensor:
    """Return whether points of a tile lie in its dark patch, by the even-odd rule; bool."""
    corners = [((px - 200) / 640, WALL_HEIGHT * (1 - py / 376)) for px, py in _PATCH_CORNERS]
    inside = torch.zeros_like(x, dtype=torch.bool)
    for (x0, y0), (x1, y1) in zip(corners, corners[1:] + corners[:1], strict=True):
        if y0 != y1:
            inside ^= ((y0 > y) != (y1 > y)) & (x < (x1 - x0) * (y - y0) / (y1 - y0) + x0)
    return inside
