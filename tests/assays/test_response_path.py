"""Paths compared with straight lines."""

import numpy as np
import pytest
import torch
from torch import Tensor

from lr_lightning.assays import wrap
from lr_lightning.assays.code_path import code_graph, code_path
from lr_lightning.assays.response_path import compare_with_line, path_profile
from lr_lightning.assays.slice_path import slice_codes, slice_path
from tests.assays.models import ConvVAE, responding_by
from tests.assays.test_code_path import onto_ring, ring


def test_points_lie_at_equal_distances_along_the_corners() -> None:
    corners = torch.tensor([[0.0, 0.0], [3.0, 0.0], [3.0, 0.0], [3.0, 4.0]])
    profile = path_profile(responding_by(lambda z: z, 2), corners, num_points=8)
    expected = [[0, 0], [1, 0], [2, 0], [3, 0], [3, 1], [3, 2], [3, 3], [3, 4]]
    torch.testing.assert_close(profile.codes, torch.tensor(expected).double(), rtol=0, atol=1e-12)
    assert profile.positions.tolist() == list(range(8))
    assert profile.length == 7
    assert profile.codes[[0, -1]].tolist() == corners[[0, -1]].tolist()


def test_scores_of_a_map_to_the_origin() -> None:
    # |u| = |z| = t on the way from the origin to (3, 4): mean of t^2 and t over an even grid of [0, 5]
    profile = path_profile(responding_by(torch.zeros_like, 2), torch.tensor([[0.0, 0.0], [3.0, 4.0]]), num_points=101)
    t = np.linspace(0, 5, 101)
    np.testing.assert_allclose(profile.costs, t**2, atol=1e-5)
    assert profile.mean_cost == pytest.approx((t**2).mean())
    assert profile.reencoding_error == pytest.approx(t.mean())
    assert profile.observation_error == 0  # everything decodes to the origin
    assert profile.readout_smoothness is None


def test_observation_error() -> None:
    # decodes z to 2 z and encodes x to x / 4, so that the second decoding is half of the first
    model = wrap(encode=lambda x: x / 4, decode=lambda z: 2 * z, latent_dim=2)
    profile = path_profile(model, torch.tensor([[1.0, 1.0], [3.0, 3.0]]), num_points=3)
    assert profile.observation_error == pytest.approx((1 + 2 + 3) / 3)
    assert profile.reencoding_error == pytest.approx(2**0.5 * (0.5 + 1 + 1.5) / 3)
    assert profile.images.tolist() == [[2, 2], [4, 4], [6, 6]]


def test_agrees_with_a_few_lines(vae: ConvVAE, codes: Tensor) -> None:
    profile = path_profile(vae, codes[:2], num_points=20, num_images=4, readout=lambda x: x.flatten(1)[:, :5])
    vae.eval()
    with torch.no_grad():
        points = torch.stack([torch.lerp(codes[0], codes[1], n / 19) for n in range(20)])
        observations = vae.decode(points)
        moved = vae.encode(observations).mean
        errors = (vae.decode(moved) - observations).flatten(1).square().mean(dim=1).sqrt()
    squares = (moved - points).square().sum(dim=1).double()
    torch.testing.assert_close(profile.costs, squares, rtol=1e-4, atol=1e-6)
    assert profile.mean_cost == pytest.approx(squares.mean().item(), rel=1e-4)
    assert profile.reencoding_error == pytest.approx(squares.sqrt().mean().item(), rel=1e-4)
    assert profile.observation_error == pytest.approx(errors.mean().item(), rel=1e-4)
    torch.testing.assert_close(profile.images, observations[[0, 6, 13, 19]])
    steps = np.linalg.norm(np.diff(observations.flatten(1)[:, :5].double().numpy(), axis=0), axis=1)
    assert profile.readout_smoothness == pytest.approx(steps.sum() ** 2 / (19 * (steps**2).sum()), rel=1e-4)


def test_smoothness_runs_from_a_jump_to_equal_steps() -> None:
    model = responding_by(lambda z: z, 1)
    corners = torch.tensor([[0.0], [1.0]])
    for readout, expected in ((lambda x: 3 * x, 1), (lambda x: (x > 0.55).float(), 1 / 10)):
        profile = path_profile(model, corners, num_points=11, readout=readout)
        assert profile.readout_smoothness == pytest.approx(expected)
    with pytest.warns(UserWarning, match="smoothness of the readout is undefined"):
        constant = path_profile(model, corners, readout=torch.zeros_like).readout_smoothness
    assert constant is not None
    assert np.isnan(constant)


def test_path_around_a_void() -> None:
    def moved(z: Tensor) -> Tensor:  # points of a void of radius 1 are sent away from it, in a third latent
        return z + torch.tensor([0.0, 0.0, 1.0]) * (-(z[:, :2].square().sum(dim=1, keepdim=True)) / 0.5).exp()

    model = responding_by(moved, 3)
    values = torch.linspace(-2, 2, 41, dtype=torch.float64)
    first, second = torch.meshgrid(values, values, indexing="ij")
    grid = slice_codes(torch.zeros(3).double(), torch.stack([first.flatten(), second.flatten()], dim=1), (0, 1))
    magnitude = (moved(grid) - grid).norm(dim=1).view(41, 41)
    found = slice_path(magnitude, values, values, (-1.5, -0.5), (1.5, 0.4))
    comparison = compare_with_line(model, slice_codes(torch.zeros(3).double(), found.points, (0, 1)))
    assert comparison.path.mean_cost < 0.1 * comparison.line.mean_cost
    assert comparison.path.reencoding_error < comparison.line.reencoding_error
    assert comparison.path.length > comparison.line.length
    assert comparison.line.length == pytest.approx((3**2 + 0.9**2) ** 0.5)
    assert len(comparison.path.codes) == len(comparison.line.codes) == 64


def test_on_a_ring_the_path_costs_next_to_nothing() -> None:
    model = responding_by(onto_ring, 5)
    codes = ring(101)
    path = code_path(code_graph(model, codes, num_neighbors=2), 0, 50)
    # the decoded point jumps in the middle of the line, and turns evenly on the path
    comparison = compare_with_line(model, path.codes, readout=lambda x: x[:, :2])
    assert comparison.path.mean_cost < 1e-4
    assert comparison.line.mean_cost > 0.2
    # the path is half of a polygon with 101 corners
    assert comparison.path.length == pytest.approx(50 * 2 * np.sin(np.pi / 101), rel=1e-6)
    assert comparison.line.length == pytest.approx(2, abs=0.01)
    assert comparison.path.readout_smoothness == pytest.approx(1, abs=1e-3)
    assert comparison.line.readout_smoothness is not None
    assert comparison.line.readout_smoothness < 0.5


def test_undefined_scores() -> None:
    with pytest.warns(UserWarning, match="responses on the path are not finite") as caught:
        profile = path_profile(responding_by(lambda z: z / 0, 1), torch.tensor([[1.0], [2.0]]))
    assert len(caught) == 1
    assert not np.isfinite(profile.mean_cost)


def test_rejects(vae: ConvVAE, codes: Tensor) -> None:
    for name in ("num_points", "num_images"):
        with pytest.raises(ValueError, match=rf"{name} .*got 1"):
            path_profile(vae, codes, **{name: 1})  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"path .*got 1"):
        path_profile(vae, codes[:1])
    with pytest.raises(ValueError, match="path"):
        path_profile(vae, codes[[0, 0]])
    with pytest.raises(ValueError, match="path"):
        compare_with_line(vae, codes[[0, 1, 0]])
    with pytest.raises(ValueError, match=r"readout .*got \(2, 1, 8, 8\)"):
        path_profile(vae, codes, readout=lambda x: x[:2], chunk_size=64)


def test_rejects_one_dimensional_readouts() -> None:
    with pytest.raises(ValueError, match=r"readout .*got \(5,\)"):
        path_profile(responding_by(lambda z: z, 2), torch.eye(2), num_points=5, readout=lambda x: x.flatten(1)[:, 0])


def test_undefined_smoothness() -> None:
    with pytest.warns(UserWarning, match="readout is not finite") as caught:
        profile = path_profile(responding_by(lambda z: z, 2), torch.eye(2), readout=lambda x: x.flatten(1) * torch.nan)
    assert len(caught) == 1
    assert profile.readout_smoothness is not None
    assert np.isnan(profile.readout_smoothness)
    with pytest.warns(UserWarning, match="responses on the path are not finite") as caught:
        path_profile(responding_by(lambda z: z * torch.nan, 2), torch.eye(2), readout=lambda x: x.flatten(1))
    assert len(caught) == 1
