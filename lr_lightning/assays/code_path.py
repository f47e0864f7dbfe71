"""The cheapest way between two codes over a graph of neighbouring codes, in as many dimensions as there are latents."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from lr_lightning.assays.checks import check_chunk_size, check_codes, own_generator, samples_per_pass
from lr_lightning.assays.protocol import Autoencoder, assay_mode, device_of
from lr_lightning.assays.response import mean_response

AVOIDED = 1e100
"""Cost of an edge that a path takes only if there is no other."""


@dataclass(frozen=True, eq=False)
class CodeGraph:
    """Codes joined to their neighbours; made by :func:`code_graph`. All tensors are on the CPU.

    Attributes:
        codes: ``(N, D)`` float64 in latent units, the nodes.
        edges: ``(E, 2)`` int64, pairs of rows of ``codes``, the smaller first.
        lengths: ``(E,)`` float64 in latent units.
        costs: ``(E,)`` float64 in cubed latent units, cost of each edge in either direction; infinite where the model's
            responses are not finite.
        num_bridges: Number of edges, among them, that join what neighbours alone left apart.
    """

    codes: Tensor
    edges: Tensor
    lengths: Tensor
    costs: Tensor
    num_bridges: int


@dataclass(frozen=True, eq=False)
class CodePath:
    """Path over the nodes of a graph of codes; made by :func:`code_path`. All tensors are on the CPU.

    Attributes:
        rows: ``(P,)`` int64, rows of the graph's codes, both ends included.
        codes: ``(P, D)`` float64, these codes.
        total_cost: Sum of the costs of the edges, the smallest of all paths over the graph; infinite if it cannot do
            without an edge on which the model's responses are not finite.
    """

    rows: Tensor
    codes: Tensor
    total_cost: float


def code_graph(
    autoencoder: Autoencoder,
    codes: Tensor,
    *,
    num_neighbors: int = 10,
    samples_per_edge: int = 3,
    epsilon: float = 0.01,
    chunk_size: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> CodeGraph:
    r"""Join codes to their nearest neighbours, at a cost that grows with how far decoding and encoding moves the edge.

    .. math:: c(i, k) = \|z_k - z_i\| \left(\frac{1}{S} \sum_{s=1}^S \|h(z_s) - z_s\|^2 + \varepsilon\right)

    with the response map :math:`h` and points :math:`z_s` at :math:`(s - 1/2) / S` of the edge: the integral of the
    squared response by the midpoint rule, and a price of length. Parts that no neighbours join are joined by the
    shortest edges between them, so that there is a path between any two codes.

    Costs ``E * S`` decoded and as many encoded samples, ``E`` up to ``num_neighbors * N``, ``chunk_size`` a pass.

    Args:
        autoencoder: Model under study; left as it was, see :func:`assay_mode`.
        codes: Codes, shape ``(N, D)`` with ``N >= 2``, usually posterior means; not written to.
        num_neighbors: Neighbours of each code, at least 1; at most all others are taken.
        samples_per_edge: Number of points ``S`` on each edge, at least 1.
        epsilon: Price :math:`\varepsilon` of length, in squared latent units; not negative.
        chunk_size: Samples per pass; 1024, or 32 on a CPU, if ``None``.
        progress: Called with the number of points on edges that are done and that of all.

    Returns:
        The graph, connected. Edges on which the model's responses are not finite cost infinitely much, and one warning.

    Raises:
        TypeError: If ``autoencoder`` or ``codes`` is of another kind.
        ValueError: If ``codes`` has another shape, is not floating point or not finite or has fewer than 2 rows, or an
            option is out of range.

    Example:
        >>> from lr_lightning.assays import wrap
        >>> thinning = wrap(encode=lambda x: x, decode=lambda z: z * torch.tensor([1.0, 0.5]), latent_dim=2)
        >>> corners = torch.tensor([[0.0, 3.0], [0.0, 0.0], [2.0, 0.0], [2.0, 3.0], [1.0, 4.0]])
        >>> graph = code_graph(thinning, corners, num_neighbors=4)
        >>> code_path(graph, 0, 3).rows.tolist()  # not by (1, 4), where the response is large
        [0, 1, 2, 3]
    """
    check_chunk_size(chunk_size)
    for name, value in (("num_neighbors", num_neighbors), ("samples_per_edge", samples_per_edge)):
        if value < 1:
            raise ValueError(f"{name} must be at least 1, got {value}")
    if not 0 <= epsilon < float("inf"):
        raise ValueError(f"epsilon must not be negative, got {epsilon}")
    with assay_mode(autoencoder):
        codes = check_codes("codes", codes, autoencoder.latent_dim, minimum=2)
        size = samples_per_pass(chunk_size, device_of(autoencoder, codes))
        nodes = codes.double().cpu().clone()
        edges, num_bridges = _edges(nodes, min(num_neighbors, len(nodes) - 1))
        squares = _squares_on_edges(autoencoder, nodes, edges, samples_per_edge, size, progress)
    lost = ~squares.isfinite()
    if lost.any():
        warnings.warn(f"responses on {int(lost.sum())} of {len(edges)} edges are not finite: avoided", stacklevel=2)
        squares = squares.masked_fill(lost, torch.inf)
    lengths = (nodes[edges[:, 1]] - nodes[edges[:, 0]]).norm(dim=1)
    return CodeGraph(nodes, edges, lengths, lengths * (squares + epsilon), num_bridges)


def code_path(graph: CodeGraph, start: int, end: int) -> CodePath:
    """Find the cheapest path between two codes of a graph, by Dijkstra's algorithm.

    Args:
        graph: Graph of codes.
        start: Row of the code at the start, in ``[0, N)``.
        end: Row of the code at the end, in ``[0, N)``.

    Raises:
        ValueError: If there is no such row.

    References:
        Leeb et al., Exploring the Latent Space of Autoencoders with Interventional Assays, NeurIPS 2022,
        arXiv:2106.16091, for the cost; there on a two-dimensional slice.
    """
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import dijkstra

    count = len(graph.codes)
    for name, row in (("start", start), ("end", end)):
        if not 0 <= row < count:
            raise ValueError(f"{name} must be a row of the {count} codes, got {row}")
    weights = graph.costs.clamp_max(AVOIDED)  # an infinite one could not be walked at all
    ends = tuple(graph.edges.T.numpy())
    costs = csr_array((weights.numpy(), ends), shape=(count, count))
    total, before = dijkstra(costs, directed=False, indices=start, return_predecessors=True)
    rows = [end]
    while rows[-1] != start:
        rows.append(int(before[rows[-1]]))
    index = torch.tensor(rows[::-1])
    cost = float(total[end])
    return CodePath(index, graph.codes[index], cost if cost < AVOIDED else torch.inf)


def random_pairs(codes: Tensor, num_pairs: int, generator: torch.Generator | None = None) -> Tensor:
    """Draw pairs of codes to look for paths between.

    Args:
        codes: Codes, shape ``(N, D)`` with ``N >= 2``; not written to.
        num_pairs: Number of pairs ``P``, at least 1.
        generator: Source of the draw, on the CPU; a new one with seed 0 if ``None``.

    Returns:
        Rows ``(P, 2)`` int64 on the CPU; each row of ``codes`` occurs at most once. There are fewer pairs if there are
        fewer than ``2 P`` codes, and without those whose codes are equal.

    Raises:
        TypeError: If ``codes`` is no tensor.
        ValueError: If ``codes`` is no finite floating-point matrix with at least 2 rows, ``num_pairs < 1`` or
            ``generator`` is not on the CPU.
    """
    codes = check_codes("codes", codes, None, minimum=2).cpu()
    if num_pairs < 1:
        raise ValueError(f"num_pairs must be at least 1, got {num_pairs}")
    order = torch.randperm(len(codes), generator=own_generator(generator))
    pairs = order[: len(order) // 2 * 2].view(-1, 2)[:num_pairs]
    return pairs[(codes[pairs[:, 0]] != codes[pairs[:, 1]]).any(dim=1)]


def _edges(nodes: Tensor, num_neighbors: int) -> tuple[Tensor, int]:
    """Return the edges (E, 2) of the connected graph of neighbours, and how many of them are bridges."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components
    from sklearn.neighbors import NearestNeighbors

    _, neighbors = NearestNeighbors(n_neighbors=num_neighbors).fit(nodes.numpy()).kneighbors()  # itself not among them
    tails = torch.arange(len(nodes)).repeat_interleave(num_neighbors)
    edges = _distinct(torch.stack([tails, torch.from_numpy(neighbors).flatten().long()], dim=1))
    num_neighboring = len(edges)
    while True:
        ones = torch.ones(len(edges), dtype=torch.bool).numpy()
        graph = csr_array((ones, tuple(edges.T.numpy())), shape=(len(nodes), len(nodes)))
        num_parts, parts = connected_components(graph, directed=False)
        if num_parts == 1:
            return edges, len(edges) - num_neighboring
        edges = _distinct(torch.cat([edges, _bridges(nodes, torch.from_numpy(parts).long())]))


def _distinct(edges: Tensor) -> Tensor:
    """Return edges with the smaller row first, each of them once."""
    distinct: Tensor = torch.unique(edges.sort(dim=1).values, dim=0)
    return distinct


def _bridges(nodes: Tensor, parts: Tensor) -> Tensor:
    """Return for each part the shortest edge (2,) that leaves it (one round of Boruvka's algorithm)."""
    lengths, heads = [], []
    for rows in torch.split(torch.arange(len(nodes)), 1024):
        apart = torch.cdist(nodes[rows], nodes).masked_fill(parts[rows, None] == parts, torch.inf)
        shortest = apart.min(dim=1)
        lengths.append(shortest.values)
        heads.append(shortest.indices)
    length, head = torch.cat(lengths), torch.cat(heads)
    order = length.argsort(stable=True)  # the first of each part is its shortest
    first: list[Tensor] = [order[parts[order] == part][0] for part in range(int(parts.max()) + 1)]
    tail = torch.stack(first)
    return torch.stack([tail, head[tail]], dim=1)


def _squares_on_edges(
    autoencoder: Autoencoder,
    nodes: Tensor,
    edges: Tensor,
    samples: int,
    chunk_size: int,
    progress: Callable[[int, int], None] | None,
) -> Tensor:
    """Return the mean over points of each edge of the squared response, (E,) float64."""
    fractions = (torch.arange(samples, dtype=torch.float64) + 0.5) / samples
    squares = []
    total = len(edges) * samples
    for points in torch.split(torch.arange(total), chunk_size):
        tail, head = nodes[edges[points // samples]].unbind(dim=1)  # each (n, D)
        codes = torch.lerp(tail, head, fractions[points % samples][:, None])
        moved = mean_response(autoencoder, codes)
        squares.append((moved.double() - codes.to(moved.device)).square().sum(dim=1).cpu())
        if progress is not None:
            progress(int(points[-1]) + 1, total)
    return torch.cat(squares).view(-1, samples).mean(dim=1)
