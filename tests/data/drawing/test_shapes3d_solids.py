"""Solids of 3DShapes against membership tests of points along rays, and normals against gradients."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from lr_lightning.data.drawing.shapes3d_solids import SOLIDS, Solid


def cube(points: Tensor) -> Tensor:
    return points.abs().amax(dim=0)


def cylinder(points: Tensor) -> Tensor:
    return torch.maximum(points[:2].square().sum(dim=0).sqrt(), points[2].abs())


def sphere(points: Tensor) -> Tensor:
    return points.square().sum(dim=0).sqrt()


def capsule(points: Tensor) -> Tensor:
    return torch.stack([points[0], points[1], (points[2].abs() - 1).clamp_min(0)]).square().sum(dim=0).sqrt()


#: Functions of points ``(3, N)`` that are below 1 inside the solid of size 1, on its surface 1, outside larger.
GAUGES = (cube, cylinder, sphere, capsule)
by_solid = pytest.mark.parametrize(
    ("solid", "gauge"), list(zip(SOLIDS, GAUGES, strict=True)), ids=[gauge.__name__ for gauge in GAUGES]
)


def random_rays(num_rays: int) -> tuple[Tensor, Tensor]:
    """Origins and directions ``(3, N)``: from 4 away to a spot within 2.5 of the center, about half of them hits."""
    generator = torch.Generator().manual_seed(0)
    origins = torch.randn(3, num_rays, generator=generator)
    origins = 4 * origins / origins.square().sum(dim=0).sqrt()
    targets = 2.5 * (2 * torch.rand(3, num_rays, generator=generator) - 1)
    return origins, targets - origins


@by_solid
def test_distance_is_to_the_first_point_inside(solid: Solid, gauge: Callable[[Tensor], Tensor]) -> None:
    size = 0.5
    origins, directions = random_rays(2000)
    distance = solid.distance(size * origins, size * directions, size)
    hit = distance.isfinite()
    assert 200 < hit.sum() < 1800
    surface = (origins + distance * directions)[:, hit]
    # float32 near a tangent: the square root turns 1e-7 into 3e-4
    assert (gauge(surface) - 1).abs().max() < 1e-3

    times = torch.linspace(0, 2, 801)[:, None]
    inside = gauge(origins[:, None] + times * directions[:, None]) < 0.99  # (times, rays)
    assert not inside[:, ~hit].any()
    assert not (inside & (times < distance)).any()


@by_solid
def test_misses_what_lies_behind(solid: Solid, gauge: Callable[[Tensor], Tensor]) -> None:
    origins, directions = random_rays(100)
    assert solid.distance(origins, -directions, 1.0).isinf().all()


@by_solid
def test_normal_is_the_direction_outwards(solid: Solid, gauge: Callable[[Tensor], Tensor]) -> None:
    origins, directions = random_rays(500)
    distance = solid.distance(origins, directions, 1.0)
    hit = distance.isfinite()
    points = (origins + distance * directions)[:, hit].requires_grad_()
    [gradient] = torch.autograd.grad(gauge(points).sum(), points)
    expected = gradient / gradient.square().sum(dim=0).sqrt()
    torch.testing.assert_close(solid.normal(points.detach()), expected, rtol=0, atol=1e-3)  # as above


@pytest.mark.parametrize("solid", SOLIDS)
def test_stands_on_the_floor(solid: Solid) -> None:
    down, height = torch.tensor([[1e-3], [1e-3], [-1.0]]), torch.tensor([[0.0], [0.0], [9.0]])
    assert solid.distance(height, down, 1.0).item() == pytest.approx(9 - solid.half_height, abs=1e-4)
