"""Cheapest paths over a slice."""

import heapq
import math

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given, settings
from torch import Tensor

from lr_lightning.assays.slice_path import slice_codes, slice_path


def cheapest_by_hand(magnitude: Tensor, values: Tensor, start: tuple[int, int], end: tuple[int, int]) -> float:
    """Return the cost of the cheapest path with epsilon = .01, by Dijkstra's algorithm in a few lines."""
    queue, done = [(0.0, start)], set()
    while True:
        cost, (i, j) = heapq.heappop(queue)
        if (i, j) == end:
            return cost
        if (i, j) in done:
            continue
        done.add((i, j))
        for k in range(max(i - 1, 0), min(i + 2, magnitude.shape[0])):
            for m in range(max(j - 1, 0), min(j + 2, magnitude.shape[1])):
                step = math.dist((values[i], values[j]), (values[k], values[m]))
                heapq.heappush(queue, (cost + float(magnitude[k, m]) ** 2 + 0.01 * step, (k, m)))


def digital_line(start: tuple[int, int], end: tuple[int, int]) -> list[tuple[int, int]]:
    """Return the nodes of a straight line from node to neighboring node."""
    steps = max(abs(end[0] - start[0]), abs(end[1] - start[1]))
    return [
        (round(start[0] + (end[0] - start[0]) * n / steps), round(start[1] + (end[1] - start[1]) * n / steps))
        for n in range(steps + 1)
    ]


@given(st.integers(0, 10_000))
@settings(max_examples=15, deadline=None)
def test_is_the_cheapest_path_over_any_map(seed: int) -> None:
    magnitude = torch.rand(7, 7, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    values = torch.linspace(-2, 2, 7, dtype=torch.float64)
    path = slice_path(magnitude, values, values, (-2, -2), (2, 1.9))
    assert path.total_cost == pytest.approx(cheapest_by_hand(magnitude, values, (0, 0), (6, 6)))
    line = digital_line((0, 0), (6, 6))
    assert path.total_cost <= sum(float(magnitude[node]) ** 2 for node in line[1:]) + 0.01 * 4 * 2**0.5 + 1e-12


def test_goes_around_a_void() -> None:
    values = torch.linspace(-2, 2, 41, dtype=torch.float64)
    first, second = torch.meshgrid(values, values, indexing="ij")
    magnitude = (-(first.square() + second.square()) / 0.5).exp()  # a void at the origin
    path = slice_path(magnitude, values, values, (-1.5, 0), (1.5, 0))
    torch.testing.assert_close(path.points[[0, -1]], torch.tensor([[-1.5, 0], [1.5, 0]]).double(), rtol=0, atol=1e-12)
    assert path.points.norm(dim=1).min() > 0.9
    assert (path.nodes.diff(dim=0).abs().amax(dim=1) == 1).all()  # neighbors
    line = digital_line((5, 20), (35, 20))
    assert path.total_cost < 0.3 * (sum(float(magnitude[node]) ** 2 for node in line[1:]) + 0.01 * 3)
    torch.testing.assert_close(
        path.costs[1:],
        magnitude[tuple(path.nodes[1:].T)].square() + 0.01 * path.points.diff(dim=0).norm(dim=1),
    )
    assert path.costs[0] == 0


def test_rows_are_the_first_latent() -> None:
    wall = torch.zeros(5, 4)
    wall[2, :3] = 10  # to be passed at the last value of the second latent only
    path = slice_path(wall, torch.arange(5.0), torch.arange(4.0) * 10, (0, 0), (4, 0))
    passed = path.nodes[:, 0] == 2
    assert path.nodes[passed].tolist() == [[2, 3]]
    assert path.points[passed].tolist() == [[2, 30]]


def test_shortest_path_where_nothing_moves() -> None:
    values = torch.linspace(0, 1, 5)
    path = slice_path(torch.zeros(5, 5), values, values, (0, 0), (1, 1))
    assert path.nodes.tolist() == [[n, n] for n in range(5)]
    assert path.total_cost == pytest.approx(0.01 * 2**0.5)
    assert slice_path(torch.zeros(5, 5), values, values, (0, 0), (1, 0), epsilon=0).total_cost == 0
    assert slice_path(torch.ones(5, 5), values, values, (0.1, 0), (0, 0)).nodes.tolist() == [[0, 0]]


def test_slice_codes() -> None:
    base = torch.tensor([7.0, 8.0, 9.0], dtype=torch.float64)
    codes = slice_codes(base, torch.tensor([[1.0, 2.0], [3.0, 4.0]]), (2, 0))
    assert codes.tolist() == [[2, 8, 1], [4, 8, 3]]
    assert codes.dtype == torch.float64
    assert base.tolist() == [7, 8, 9]


def test_rejects() -> None:
    values = torch.arange(3.0)

    def path(magnitude: Tensor, first: Tensor = values, **options: object) -> None:
        ends = {"start": (0, 0), "end": (2, 2)} | options
        slice_path(magnitude, first, values, **ends)  # type: ignore[arg-type]

    flat = torch.zeros(3, 3)
    for bad in (torch.zeros(3, 2), torch.zeros(9)):
        with pytest.raises(ValueError, match="magnitude"):
            path(bad)
    for bad in (flat - 1, flat * torch.nan):
        with pytest.raises(ValueError, match=r"magnitude .*finite"):
            path(bad)
    with pytest.raises(ValueError, match=r"first_values .*finite"):
        path(flat, values.flip(0))
    with pytest.raises(ValueError, match=r"end .*got \[2\.0, 2\.6"):
        path(flat, end=(2, 2.6))
    with pytest.raises(ValueError, match=r"start .*got shape \(3,\)"):
        path(flat, start=(0, 0, 0))
    with pytest.raises(ValueError, match=r"epsilon .*got -1"):
        path(flat, epsilon=-1)
    for latents in ((0, 0), (0, 3), (-1, 0)):
        with pytest.raises(ValueError, match="latents"):
            slice_codes(torch.zeros(3), torch.zeros(1, 2), latents)
    with pytest.raises(ValueError, match=r"points .*shape"):
        slice_codes(torch.zeros(3), torch.zeros(1, 3), (0, 1))
