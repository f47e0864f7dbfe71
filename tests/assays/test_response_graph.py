"""Graphs of response matrices."""

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given, settings

from lr_lightning.assays import response_matrix
from lr_lightning.assays.response_graph import response_graph
from tests.assays.models import responding_by

CIRCLES = torch.tensor(
    [
        [0.9, 0.2, 0.0, 0.0, 0.3],
        [0.2, 0.8, 0.0, 0.0, 0.0],
        [0.0, 0.0, 0.7, 0.15, 0.0],
        [0.0, 0.0, 0.09, 1.0, 0.0],
        [0.0, 0.9, 0.0, 0.0, 0.3],
    ]
)


def test_edges_nodes_and_groups() -> None:
    graph = response_graph(CIRCLES)
    assert graph.latents == (0, 1, 2, 3)
    assert graph.bidirectional == ((0, 1),)
    assert graph.directed == ((2, 3),)  # back it is .09
    assert graph.groups == ((0, 1), (2, 3))
    assert graph.activity.tolist() == pytest.approx([0.9, 0.8, 0.7, 1.0, 0.3])
    expected = torch.zeros(5, 5, dtype=torch.float64)
    expected[0, 1] = expected[1, 0] = 0.2
    expected[2, 3] = 0.15
    torch.testing.assert_close(graph.weights, expected, rtol=0, atol=1e-7)


def test_thresholds_decide_nodes_and_edges() -> None:
    graph = response_graph(CIRCLES, threshold=0.25, edge_threshold=0.16)
    assert graph.latents == (0, 1, 2, 3, 4)
    assert graph.bidirectional == ((0, 1),)
    assert graph.directed == ((0, 4), (4, 1))
    assert graph.groups == ((0, 1, 4), (2,), (3,))


def test_a_linear_map_drives_along_its_arrows() -> None:
    a = torch.tensor([[1.0, 0.0], [0.5, 1.0]])  # h_1 = .5 z_0 + z_1, hence M[0, 1] = .5 in the paper's convention
    codes = torch.randn(20_000, 2, generator=torch.Generator().manual_seed(0))
    matrix = response_matrix(responding_by(lambda z: z @ a.T, 2), codes, chunk_size=20_000).matrix
    graph = response_graph(matrix)
    assert graph.directed == ((0, 1),)
    assert graph.weights[0, 1].item() == pytest.approx(0.5, abs=0.02)
    assert graph.bidirectional == ()
    assert response_graph(matrix.T).directed == ((1, 0),)


@given(st.permutations(range(5)))
@settings(max_examples=20, deadline=None)
def test_renaming_latents_renames_the_graph(order: list[int]) -> None:
    graph = response_graph(CIRCLES)
    renamed = response_graph(CIRCLES[order][:, order])
    assert {(order[i], order[k]) for i, k in renamed.directed} == set(graph.directed)
    assert {frozenset((order[i], order[k])) for i, k in renamed.bidirectional} == {frozenset((0, 1))}
    assert {frozenset(order[latent] for latent in group) for group in renamed.groups} == set(
        map(frozenset, graph.groups)
    )


def test_thresholds_in_units_of_spread() -> None:
    matrix = torch.tensor([[0.1, 0.02, 0.0], [0.0, 1.0, 0.0], [0.02, 0.0, 0.03]])
    graph = response_graph(matrix, spread=torch.tensor([0.1, 1.0, 0.1]))
    assert graph.latents == (0, 1)
    assert graph.directed == graph.bidirectional == ()  # .02 of a spread of 1
    graph = response_graph(matrix, threshold=0.2, spread=torch.tensor([0.1, 1.0, 0.1]))
    assert graph.directed == ((2, 0),)
    assert graph.relative


def test_inactive_latents_are_no_nodes() -> None:
    matrix = CIRCLES.clone()
    matrix[:, 1] = torch.nan
    graph = response_graph(matrix)
    assert graph.latents == (0, 2, 3)
    assert graph.weights.isfinite().all()
    assert graph.bidirectional == ()
    empty = response_graph(torch.zeros(3, 3))
    assert (empty.latents, empty.directed, empty.groups) == ((), (), ())


def test_the_matrix_is_not_written_to() -> None:
    matrix = CIRCLES.double()
    graph = response_graph(matrix)
    graph.weights.zero_()
    graph.activity.zero_()
    assert torch.equal(matrix, CIRCLES.double())


def test_rejects() -> None:
    with pytest.raises(ValueError, match=r"matrix .*got \(2, 3\)"):
        response_graph(torch.zeros(2, 3))
    with pytest.raises(ValueError, match=r"edge_threshold .*got -1"):
        response_graph(torch.zeros(2, 2), edge_threshold=-1)
    with pytest.raises(ValueError, match=r"threshold .*got nan"):
        response_graph(torch.zeros(2, 2), threshold=torch.nan)
