"""Cheapest paths over codes."""

import numpy as np
import pytest
import torch
from scipy.sparse.csgraph import shortest_path
from torch import Tensor

from lr_lightning.assays.code_path import code_graph, code_path, random_pairs
from tests.assays.models import ConvVAE, responding_by


def ring(num_codes: int, dim: int = 5) -> Tensor:
    """Return codes on the unit circle of the first two of ``dim`` latents, in order."""
    angle = torch.arange(num_codes, dtype=torch.float64) * 2 * torch.pi / num_codes
    return torch.nn.functional.pad(torch.stack([angle.cos(), angle.sin()], dim=1), (0, dim - 2))


def onto_ring(codes: Tensor) -> Tensor:
    """Project onto the circle of :func:`ring`."""
    plane = codes[:, :2] / codes[:, :2].norm(dim=1, keepdim=True)
    return torch.nn.functional.pad(plane, (0, codes.shape[1] - 2))


def test_path_stays_on_the_ring() -> None:
    inside = torch.nn.functional.pad(torch.tensor([[0.0, 0.3], [0.3, 0.01], [-0.3, 0.01]]).double(), (0, 3))
    codes = torch.cat([ring(100), inside])  # three codes of the void would make a short cut
    graph = code_graph(responding_by(onto_ring, 5), codes, num_neighbors=6)
    path = code_path(graph, 0, 50)
    assert path.rows.max() < 100
    assert path.codes[[0, -1]].tolist() == codes[[0, 50]].tolist()
    # where nothing moves, hence length alone counts, the codes of the void are the shorter way
    blind = code_path(code_graph(responding_by(lambda z: z, 5), codes, num_neighbors=50), 0, 50)
    assert blind.rows.max() >= 100


def test_costs_are_integrals_of_the_squared_response() -> None:
    codes = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 2.0], [3.0, 3.0]]).double()
    graph = code_graph(responding_by(torch.zeros_like, 2), codes, num_neighbors=3, samples_per_edge=400, epsilon=0.5)
    assert graph.edges.tolist() == [[0, 1], [0, 2], [0, 3], [1, 2], [1, 3], [2, 3]]
    for (i, k), length, cost in zip(graph.edges.tolist(), graph.lengths, graph.costs, strict=True):
        a, b = codes[i].numpy(), codes[k].numpy()
        assert length.item() == pytest.approx(np.linalg.norm(b - a))
        mean_square = (a @ a + a @ b + b @ b) / 3  # of |a + t (b - a)|^2 over t in [0, 1]
        assert cost.item() == pytest.approx(length.item() * (mean_square + 0.5), rel=1e-4)


def test_one_sample_on_an_edge_lies_in_its_middle() -> None:
    seen: list[Tensor] = []

    def record(codes: Tensor) -> Tensor:
        seen.append(codes)
        return codes

    code_graph(responding_by(record, 1), torch.tensor([[0.0], [4.0]]), samples_per_edge=1)
    code_graph(responding_by(record, 1), torch.tensor([[0.0], [4.0]]), samples_per_edge=2)
    assert [codes.flatten().tolist() for codes in seen] == [[2], [1, 3]]


def test_finds_what_scipy_finds_over_all_pairs(vae: ConvVAE, codes: Tensor) -> None:
    graph = code_graph(vae, codes, num_neighbors=4)
    dense = np.zeros((40, 40))
    for (i, k), cost in zip(graph.edges.tolist(), graph.costs.tolist(), strict=True):
        dense[i, k] = dense[k, i] = cost
    totals = shortest_path(dense, method="FW")
    for start, end in ((0, 39), (39, 0), (5, 6)):
        path = code_path(graph, start, end)
        assert path.total_cost == pytest.approx(totals[start, end])
        steps = list(zip(path.rows.tolist(), path.rows.tolist()[1:], strict=False))
        assert sum(dense[step] for step in steps) == pytest.approx(path.total_cost)
        assert path.rows[[0, -1]].tolist() == [start, end]
    assert code_path(graph, 3, 3).rows.tolist() == [3]


def test_edges_join_nearest_neighbors() -> None:
    codes = torch.randn(30, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    graph = code_graph(responding_by(lambda z: z, 4), codes, num_neighbors=5)
    apart = torch.cdist(codes, codes).fill_diagonal_(torch.inf)
    expected = {tuple(sorted((i, int(k)))) for i in range(30) for k in apart[i].argsort()[:5]}
    assert set(map(tuple, graph.edges.tolist())) == expected
    assert graph.num_bridges == 0


def test_clusters_are_joined_by_the_shortest_bridges() -> None:
    line = torch.tensor([0.0, 1, 2, 3, 10, 11, 12, 13, 30, 31, 32, 33])[:, None]
    graph = code_graph(responding_by(lambda z: z, 1), line, num_neighbors=1)
    bridges = [edge for edge, length in zip(graph.edges.tolist(), graph.lengths, strict=True) if length > 1]
    assert bridges == [[3, 4], [7, 8]]
    assert graph.num_bridges >= 2
    assert code_path(graph, 0, 11).rows.tolist() == list(range(12))


def test_equal_codes_are_joined_at_no_cost() -> None:
    codes = torch.tensor([[0.0], [0.0], [1.0]])
    graph = code_graph(responding_by(lambda z: z, 1), codes, num_neighbors=1, epsilon=0)
    assert len(code_path(graph, 1, 2).rows) >= 2
    assert code_path(graph, 0, 1).rows.tolist() == [0, 1]


def test_paths_avoid_edges_without_finite_responses() -> None:
    codes = torch.tensor([[0.0, 0.0], [1.0, 0.0], [2.0, 0.0], [0.0, 3.0], [2.0, 3.0]])

    def hole(z: Tensor) -> Tensor:
        return torch.where((z - torch.tensor([1.0, 0.0])).norm(dim=1, keepdim=True) < 0.9, torch.nan, z)

    with pytest.warns(UserWarning, match="7 of 10 edges") as caught:
        graph = code_graph(responding_by(hole, 2), codes, num_neighbors=4)
    assert len(caught) == 1
    assert code_path(graph, 0, 2).rows.tolist() == [0, 3, 4, 2]
    assert code_path(graph, 0, 1).total_cost == torch.inf
    assert code_path(graph, 0, 1).rows[-1] == 1


def test_pairs_are_of_different_codes() -> None:
    codes = torch.arange(9.0)[:, None]
    pairs = random_pairs(codes, 3, torch.Generator().manual_seed(1))
    assert pairs.shape == (3, 2)
    assert len(set(pairs.flatten().tolist())) == 6
    assert torch.equal(pairs, random_pairs(codes, 3, torch.Generator().manual_seed(1)))
    assert not torch.equal(pairs, random_pairs(codes, 3, torch.Generator().manual_seed(2)))
    assert random_pairs(codes, 100).shape == (4, 2)
    assert random_pairs(torch.ones(6, 2), 3).shape == (0, 2)
    with pytest.raises(ValueError, match=r"num_pairs .*got 0"):
        random_pairs(codes, 0)


def test_the_graph_holds_a_copy_of_the_codes(vae: ConvVAE, codes: Tensor) -> None:
    codes = codes.double()  # the dtype of the graph, so that no conversion makes the copy
    before = codes.clone()
    code_graph(vae, codes).codes.zero_()
    assert torch.equal(codes, before)


def test_rejects(vae: ConvVAE, codes: Tensor) -> None:
    for name in ("num_neighbors", "samples_per_edge"):
        with pytest.raises(ValueError, match=rf"{name} .*got 0"):
            code_graph(vae, codes, **{name: 0})  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"epsilon .*got -1"):
        code_graph(vae, codes, epsilon=-1)
    with pytest.raises(ValueError, match=r"codes .*got 1"):
        code_graph(vae, codes[:1])
    graph = code_graph(vae, codes, num_neighbors=50)
    for start, end, name in ((-1, 0, "start"), (0, 40, "end")):
        with pytest.raises(ValueError, match=rf"{name} .*got {start if name == 'start' else end}"):
            code_path(graph, start, end)
