"""Cheapest paths between codes, through all latent dimensions, over a graph of nearest neighbors."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from lr_lightning.assays.checks import check_chunk_size, check_codes, own_generator
from lr_lightning.assays.passes import samples_per_pass
from lr_lightning.assays.protocol import Autoencoder, assay_mode
from lr_lightning.assays.response import mean_response
from lr_lightning.common.checks import check_at_least, check_non_negative
from lr_lightning.common.printed_result import PrintedResult

AVOIDED = 1e100
"""Stand-in for an infinite edge cost: a path takes such an edge only if there is no other way."""


@dataclass(frozen=True, eq=False, repr=False)
class CodeGraph(PrintedResult):
    """Graph that joins codes to their neighbors, as returned by :func:`code_graph`. All tensors are on the CPU.

    Attributes:
        codes: ``(N, D)`` float64 in latent units, the nodes.
        edges: ``(E, 2)`` int64, pairs of rows of ``codes``, the lower row first.
        lengths: ``(E,)`` float64 in latent units.
        costs: ``(E,)`` float64 in cubed latent units, cost of each edge in either direction; infinite where the model's
            responses are not finite.
        num_bridges: Number of these edges that were added to connect components of the nearest-neighbor graph.
    """

    codes: Tensor
    edges: Tensor
    lengths: Tensor
    costs: Tensor
    num_bridges: int


@dataclass(frozen=True, eq=False, repr=False)
class CodePath(PrintedResult):
    """Path over the nodes of a graph of codes, as returned by :func:`code_path`. All tensors are on the CPU.

    Attributes:
        rows: ``(P,)`` int64, rows of the graph's codes, including both ends.
        codes: ``(P, D)`` float64, those codes.
        total_cost: Sum of the edge costs, the minimum over all paths in the graph; infinite if every path crosses an
            edge with non-finite responses.
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
    r"""Connect codes to their nearest neighbors by edges that cost more if :math:`h` moves their points further.

    .. math:: c(i, k) = \|z_k - z_i\| \left(\frac{1}{S} \sum_{s=1}^S \|h(z_s) - z_s\|^2 + \varepsilon\right)

    with the response map :math:`h` and points :math:`z_s` at the fraction :math:`(s - 1/2) / S` of the edge. The first
    term integrates the squared displacement along the edge by the midpoint rule; the second is a price on length.
    Components that the nearest-neighbor graph leaves disconnected are joined by the shortest edges between them, so
    there is a path between any two codes.

    Cost: ``E * S`` decoded and as many encoded samples, ``chunk_size`` per pass; ``E`` is at most
    ``num_neighbors * N`` plus the bridges.

    Args:
        autoencoder: Model to probe; left unchanged, see :func:`assay_mode`.
        codes: Codes, shape ``(N, D)`` with ``N >= 2``, usually posterior means; not modified.
        num_neighbors: Neighbors of each code, at least 1; capped at ``N - 1``.
        samples_per_edge: Number of points ``S`` on each edge, at least 1.
        epsilon: Price :math:`\varepsilon` of length, in squared latent units; nonnegative.
        chunk_size: Samples per pass; 1024, or 32 on a CPU, if ``None``, fewer for large images.
        progress: Called with the number of points processed and their total.

    Returns:
        The connected graph. Edges with non-finite responses have infinite cost, with one warning.

    Raises:
        TypeError: If ``autoencoder`` is not an :class:`Autoencoder` or ``codes`` is not a tensor.
        ValueError: If ``codes`` has the wrong shape or dtype, non-finite entries or fewer than 2 rows, or an option is
            out of range.

    Example:
        >>> from lr_lightning.assays import wrap
        >>> thinning = wrap(encode=lambda x: x, decode=lambda z: z * torch.tensor([1.0, 0.5]), latent_dim=2)
        >>> corners = torch.tensor([[0.0, 3.0], [0.0, 0.0], [2.0, 0.0], [2.0, 3.0], [1.0, 4.0]])
        >>> graph = code_graph(thinning, corners, num_neighbors=4)
        >>> code_path(graph, 0, 3).rows.tolist()  # avoids (1, 4), where h moves points far
        [0, 1, 2, 3]
    """
    check_chunk_size(chunk_size)
    check_at_least("num_neighbors", num_neighbors, 1)
    check_at_least("samples_per_edge", samples_per_edge, 1)
    check_non_negative("epsilon", epsilon)
    with assay_mode(autoencoder):
        codes = check_codes("codes", codes, autoencoder.latent_dim, minimum=2)
        size = samples_per_pass(chunk_size, autoencoder, codes)
        nodes = codes.double().cpu().clone()
        edges, num_bridges = _edges(nodes, min(num_neighbors, len(nodes) - 1))
        squares = _squares_on_edges(autoencoder, nodes, edges, samples_per_edge, size, progress)
    lost = ~squares.isfinite()
    if lost.any():
        warnings.warn(
            f"responses on {int(lost.sum())} of {len(edges)} edges are not finite; paths avoid these edges",
            stacklevel=2,
        )
        squares = squares.masked_fill(lost, torch.inf)
    lengths = (nodes[edges[:, 1]] - nodes[edges[:, 0]]).norm(dim=1)
    return CodeGraph(nodes, edges, lengths, lengths * (squares + epsilon), num_bridges)


def code_path(graph: CodeGraph, start: int, end: int) -> CodePath:
    """Find the cheapest path between two codes of a graph with Dijkstra's algorithm.

    Args:
        graph: Graph of codes.
        start: Row of the first code, in ``[0, N)``.
        end: Row of the last code, in ``[0, N)``.

    Raises:
        ValueError: If there is no such row.

    References:
        Leeb et al., Exploring the Latent Space of Autoencoders with Interventional Assays, NeurIPS 2022,
        arXiv:2106.16091, for the cost, which they use on a two-dimensional slice.
    """
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import dijkstra

    count = len(graph.codes)
    for name, row in (("start", start), ("end", end)):
        if not 0 <= row < count:
            raise ValueError(f"{name} must be a row of the {count} codes, got {row}")
    # SciPy treats infinite weights as missing edges, which may leave no path at all. With a huge finite weight there is
    # always a path, and it crosses such an edge only if it has to.
    weights = graph.costs.clamp_max(AVOIDED)
    ends = tuple(graph.edges.T.numpy())
    costs = csr_array((weights.numpy(), ends), shape=(count, count))  # zeros are stored, so free edges remain edges
    total, before = dijkstra(costs, directed=False, indices=start, return_predecessors=True)
    rows = [end]
    while rows[-1] != start:  # `before` leads from each node back towards the start
        rows.append(int(before[rows[-1]]))
    index = torch.tensor(rows[::-1])
    cost = float(total[end])
    return CodePath(index, graph.codes[index], cost if cost < AVOIDED else torch.inf)


def random_pairs(codes: Tensor, num_pairs: int, generator: torch.Generator | None = None) -> Tensor:
    """Draw pairs of codes to find paths between.

    Args:
        codes: Codes, shape ``(N, D)`` with ``N >= 2``; not modified.
        num_pairs: Number of pairs ``P``, at least 1.
        generator: Random generator for the draw, on the CPU; a new one with seed 0 if ``None``.

    Returns:
        Rows ``(P, 2)`` int64 on the CPU; each row of ``codes`` occurs at most once. There are fewer than ``P`` pairs if
        there are fewer than ``2 P`` codes, or some pairs are dropped because their codes are equal.

    Raises:
        TypeError: If ``codes`` is not a tensor.
        ValueError: If ``codes`` is not a finite floating-point matrix with at least 2 rows, ``num_pairs < 1`` or
            ``generator`` is not on the CPU.
    """
    codes = check_codes("codes", codes, None, minimum=2).cpu()
    check_at_least("num_pairs", num_pairs, 1)
    order = torch.randperm(len(codes), generator=own_generator(generator))
    pairs = order[: len(order) // 2 * 2].view(-1, 2)[:num_pairs]  # an odd code is left over
    return pairs[(codes[pairs[:, 0]] != codes[pairs[:, 1]]).any(dim=1)]


def _edges(nodes: Tensor, num_neighbors: int) -> tuple[Tensor, int]:
    """Return the edges (E, 2) of the connected nearest-neighbor graph, and how many of them are bridges."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components
    from sklearn.neighbors import NearestNeighbors

    # Without an argument, `kneighbors` does not count a node among its own neighbors, even if another one equals it.
    _, neighbors = NearestNeighbors(n_neighbors=num_neighbors).fit(nodes.numpy()).kneighbors()
    tails = torch.arange(len(nodes)).repeat_interleave(num_neighbors)
    edges = _distinct(torch.stack([tails, torch.from_numpy(neighbors).flatten().long()], dim=1))
    num_neighboring = len(edges)
    while True:  # each round at least halves the number of components
        ones = torch.ones(len(edges), dtype=torch.bool).numpy()
        graph = csr_array((ones, tuple(edges.T.numpy())), shape=(len(nodes), len(nodes)))
        num_parts, parts = connected_components(graph, directed=False)
        if num_parts == 1:
            return edges, len(edges) - num_neighboring
        edges = _distinct(torch.cat([edges, _bridges(nodes, torch.from_numpy(parts).long())]))


def _distinct(edges: Tensor) -> Tensor:
    """Return the edges without duplicates, the lower row of each first."""
    distinct: Tensor = torch.unique(edges.sort(dim=1).values, dim=0)
    return distinct


def _bridges(nodes: Tensor, parts: Tensor) -> Tensor:
    """Return for each component the shortest edge (2,) that leaves it (one round of Boruvka's algorithm).

    Args:
        nodes: Shape ``(N, D)``.
        parts: Component of each node, shape ``(N,)``.
    """
    lengths, heads = [], []
    for rows in torch.split(torch.arange(len(nodes)), 1024):  # bounds the memory for distances to 1024 N
        apart = torch.cdist(nodes[rows], nodes).masked_fill(parts[rows, None] == parts, torch.inf)
        shortest = apart.min(dim=1)  # from each node to the nearest one in another component
        lengths.append(shortest.values)
        heads.append(shortest.indices)
    length, head = torch.cat(lengths), torch.cat(heads)
    order = length.argsort(stable=True)  # the first node of a component in this order has its shortest edge
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
    """Return the squared displacement ``|h(z) - z|^2`` averaged over the points of each edge, (E,) float64."""
    fractions = (torch.arange(samples, dtype=torch.float64) + 0.5) / samples  # midpoint rule
    squares = []
    total = len(edges) * samples
    for points in torch.split(torch.arange(total), chunk_size):  # point p is sample p % samples of edge p // samples
        tail, head = nodes[edges[points // samples]].unbind(dim=1)  # each (n, D)
        codes = torch.lerp(tail, head, fractions[points % samples][:, None])
        moved = mean_response(autoencoder, codes)
        squares.append((moved.double() - codes.to(moved.device)).square().sum(dim=1).cpu())
        if progress is not None:
            progress(int(points[-1]) + 1, total)
    return torch.cat(squares).view(-1, samples).mean(dim=1)
