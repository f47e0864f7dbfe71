"""Attractors of maps with known attractors."""

import numpy as np
import pytest
import torch
from scipy.sparse.csgraph import connected_components
from torch import Tensor

from lr_lightning.assays.attractors import find_attractors
from tests.assays.models import ConvVAE, responding_by


def normal(num_samples: int, dim: int, seed: int = 0) -> Tensor:
    return torch.randn(num_samples, dim, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("dim", [1, 3])
def test_the_sign_map_has_an_attractor_in_each_orthant(dim: int) -> None:
    starts = normal(4000, dim)
    found = find_attractors(responding_by(torch.sign, dim), starts)
    share = 1 / 2**dim
    assert found.positions.shape == (2**dim, dim)
    assert len({tuple(row) for row in found.positions.sign().tolist()}) == 2**dim
    assert torch.equal(found.positions.abs(), torch.ones(2**dim, dim, dtype=torch.float64))
    assert (found.shares - share).abs().max() < 5 * (share * (1 - share) / 4000) ** 0.5  # standard error x 5
    torch.testing.assert_close(found.shares_error, (found.shares * (1 - found.shares) / 4000).sqrt())
    assert found.shares.sum() == 1
    assert (found.shares.diff() <= 0).all()
    assert torch.equal(found.positions[found.labels], starts.sign().double())
    assert found.num_steps.tolist() == [2] * 4000  # one to get there, one to see that it stays
    assert (found.not_converged, found.diverged) == (0, 0)
    assert found.effective_number == pytest.approx(2**dim, rel=0.01)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_contraction_has_its_fixed_point(dtype: torch.dtype) -> None:
    center = torch.tensor([5.0, -3.0], dtype=dtype)
    found = find_attractors(responding_by(lambda z: center + 0.8 * (z - center), 2), normal(50, 2).to(dtype))
    # |h(z) - z| < 1e-5 |z| leaves at most 1e-5 |z| / (1 - .8) between z and the fixed point
    torch.testing.assert_close(found.positions, center.double()[None], rtol=0, atol=5e-5 * 34**0.5)
    assert found.shares.tolist() == [1]
    assert found.spreads.item() < 5e-5 * 34**0.5
    assert found.effective_number == 1


def test_an_attractor_at_the_origin_is_reached() -> None:
    for h in (torch.zeros_like, lambda z: 0.5 * z):
        found = find_attractors(responding_by(h, 2), normal(20, 2))
        assert found.shares.tolist() == [1]
        assert found.positions.norm() < 1e-6


def test_basins_follow_the_boundary_between_them() -> None:
    # dz = z - z^3 has attractors -1 and 1, and a repelling fixed point at 0
    starts = torch.tensor([[-1.4], [-0.2], [-0.1], [0.3], [0.0]])
    found = find_attractors(responding_by(lambda z: z + 0.5 * (z - z**3), 1), starts)
    assert found.labels.tolist() == [0, 0, 0, 1, 2]
    assert found.shares.tolist() == pytest.approx([0.6, 0.2, 0.2])
    torch.testing.assert_close(found.positions.flatten(), torch.tensor([-1.0, 1, 0]).double(), rtol=0, atol=1e-5)


def test_circle_of_fixed_points() -> None:
    circle = responding_by(lambda z: z / z.norm(dim=1, keepdim=True), 2)
    found = find_attractors(circle, normal(2000, 2), radius=0.1)
    assert found.shares.tolist() == [1]
    assert found.spreads.item() == pytest.approx(1, abs=0.01)
    assert found.positions.norm().item() == pytest.approx(1)  # an end point, not their mean
    assert len(find_attractors(circle, normal(20, 2), radius=1e-6).shares) == 20


def test_cycles_and_escapes_do_not_converge() -> None:
    starts = torch.tensor([[1.0], [-2.0], [0.5]])
    found = find_attractors(responding_by(torch.neg, 1), starts, max_steps=7)
    assert found.not_converged == 1
    assert found.labels.tolist() == [-1, -1, -1]
    assert found.num_steps.tolist() == [7, 7, 7]
    assert found.positions.shape == (0, 1)
    assert np.isnan(found.effective_number)
    escape = find_attractors(responding_by(lambda z: torch.where(z.abs() > 1, 1e20 * z, 1.0), 1), starts)
    assert escape.diverged == pytest.approx(1 / 3)
    assert escape.labels.tolist() == [0, -1, 0]
    assert escape.shares.tolist() == pytest.approx([2 / 3])
    assert escape.num_steps[1] == 2  # 2e20, and what float32 does not hold
    assert escape.effective_number == pytest.approx(1)  # of those that converged


def test_single_linkage() -> None:
    starts = normal(300, 2, seed=3)
    found = find_attractors(responding_by(lambda z: z, 2), starts, radius=0.15)
    apart = torch.cdist(starts.double(), starts.double())
    count, expected = connected_components((apart < 0.15).numpy())
    assert count > 10
    assert len(found.shares) == count
    assert len(set(zip(found.labels.tolist(), expected.tolist(), strict=True))) == count
    torch.testing.assert_close(found.shares * 300, torch.bincount(found.labels).double())
    members = starts.double()[found.labels == 0]
    assert found.spreads[0].item() == pytest.approx((members - members.mean(dim=0)).norm(dim=1).square().mean().sqrt())


def test_equal_basins_are_numbered_by_their_first_starts() -> None:
    starts = torch.tensor([3.0, -8, 5, 0, -2, 9, 1])[:, None]
    assert find_attractors(responding_by(lambda z: z, 1), starts).labels.tolist() == list(range(7))


def test_only_codes_that_move_are_decoded(vae: ConvVAE, codes: Tensor) -> None:
    calls: list[tuple[int, int]] = []
    found = find_attractors(vae, codes, max_steps=50, progress=lambda *call: calls.append(call))
    assert calls[-1] == (40, 40)
    assert found.num_steps.min() < found.num_steps.max()
    assert vae.decoded == vae.encoded == found.num_steps.sum()


def test_starts_at_one_place_are_one_attractor() -> None:
    same = torch.full((5, 2), 3.0)
    for starts in (same, same[:1], torch.zeros(1, 2)):
        assert find_attractors(responding_by(lambda z: z, 2), starts).shares.tolist() == [1]


@pytest.mark.parametrize("name", ["tolerance", "max_steps", "radius"])
def test_rejects(vae: ConvVAE, codes: Tensor, name: str) -> None:
    with pytest.raises(ValueError, match=rf"{name} .*got 0"):
        find_attractors(vae, codes, **{name: 0})  # type: ignore[arg-type]
