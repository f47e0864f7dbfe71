"""Distances from points to codes."""

import pytest
import torch
from sklearn.neighbors import NearestNeighbors

from lr_lightning.assays.memorization import memorization


@pytest.mark.parametrize("chunk_size", [7, 1024])
def test_agrees_with_nearest_neighbors_of_scikit_learn(chunk_size: int) -> None:
    generator = torch.Generator().manual_seed(0)
    codes, points = torch.randn(60, 4, generator=generator), torch.randn(11, 4, generator=generator)
    found = memorization(points, codes, chunk_size=chunk_size)
    tree = NearestNeighbors().fit(codes.double().numpy())
    distances, nearest = tree.kneighbors(points.double().numpy(), 1)
    torch.testing.assert_close(found.distances, torch.from_numpy(distances[:, 0]))
    assert found.nearest.tolist() == nearest[:, 0].tolist()
    others, _ = tree.kneighbors(None, 1)  # without themselves
    assert found.spacing == pytest.approx(torch.from_numpy(others).median().item())


def test_memorized_codes_have_distance_zero() -> None:
    codes = torch.tensor([[0.0, 0.0], [3.0, 4.0], [6.0, 8.0]])
    found = memorization(codes[[2, 0]], codes)
    assert found.distances.tolist() == [0, 0]
    assert found.nearest.tolist() == [2, 0]
    assert found.spacing == 5


def test_spacing_of_many_codes_is_that_of_a_sample() -> None:
    codes = torch.rand(5000, 2, generator=torch.Generator().manual_seed(0))
    distances, _ = NearestNeighbors().fit(codes.numpy()).kneighbors(None, 1)
    # standard error of the median of 1000 distances, Rayleigh distributed: about sigma / sqrt(1000)
    expected = float(torch.from_numpy(distances).median())
    assert memorization(codes[:1], codes).spacing == pytest.approx(expected, rel=0.15)


def test_no_points_and_a_single_code() -> None:
    found = memorization(torch.empty(0, 2), torch.zeros(3, 2))
    assert (found.distances.shape, found.nearest.shape, found.spacing) == ((0,), (0,), 0)
    with pytest.warns(UserWarning, match=r"spacing .*undefined"):
        assert memorization(torch.ones(1, 2), torch.zeros(1, 2)).distances.item() == pytest.approx(2**0.5)


def test_rejects() -> None:
    with pytest.raises(ValueError, match=r"points .*got \(4, 3\)"):
        memorization(torch.zeros(4, 3), torch.zeros(4, 2))
    with pytest.raises(ValueError, match=r"chunk_size .*got 0"):
        memorization(torch.zeros(4, 2), torch.zeros(4, 2), chunk_size=0)
