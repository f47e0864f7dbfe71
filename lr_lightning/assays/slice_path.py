"""The cheapest path across a two-dimensional slice, through regions where decoding and encoding moves codes little."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from lr_lightning.assays.checks import check_code, check_codes, check_latent_pair
from lr_lightning.common.checks import check_non_negative
from lr_lightning.common.printed_result import PrintedResult

if TYPE_CHECKING:
    from scipy.sparse import csr_array

NEIGHBORS = ((-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1))


@dataclass(frozen=True, eq=False, repr=False)
class SlicePath(PrintedResult):
    """Path over the nodes of a grid, as returned by :func:`slice_path`. All tensors are on the CPU.

    Attributes:
        nodes: ``(P, 2)`` int64, rows and columns of the nodes, including both ends.
        points: ``(P, 2)`` float64, values of the two latents at the nodes, in latent units.
        costs: ``(P,)`` float64, cost of entering each node; 0 for the start.
    """

    nodes: Tensor
    points: Tensor
    costs: Tensor

    @property
    def total_cost(self) -> float:
        """Sum of the costs, the minimum over all paths on the grid."""
        return float(self.costs.sum())


def slice_path(
    magnitude: Tensor,
    first_values: Tensor,
    second_values: Tensor,
    start: Tensor | Sequence[float],
    end: Tensor | Sequence[float],
    *,
    epsilon: float = 0.01,
) -> SlicePath:
    r"""Find the cheapest path between two points of a slice, on a grid whose nodes have 8 neighbors.

    .. math:: c(p \to q) = \|u(q)\|^2 + \varepsilon \|q - p\|

    where :math:`u` is the response minus the code. The path follows the learned manifold, where decoding and encoding
    moves codes little, and avoids voids. The small price on length keeps it from wandering where :math:`u \approx 0`.

    Cost is paid per node, so the same path costs more on a finer grid, and :math:`\|u\|^2` gains weight relative to
    length. Directions other than the eight become staircases. See :func:`code_path` for paths that leave the slice.

    Args:
        magnitude: :math:`\|u\|` at the nodes, in latent units, shape ``(A, B)``; the first latent runs along the rows.
            Typically from :func:`response_map`, along with the values.
        first_values: Values of the first latent, increasing, shape ``(A,)``.
        second_values: Values of the second latent, increasing, shape ``(B,)``.
        start: Values of the two latents at the start, which is moved to the nearest node.
        end: Values of the two latents at the end, which is moved to the nearest node.
        epsilon: Price :math:`\varepsilon` of length, in latent units; nonnegative.

    Returns:
        The path. It has a single node if both ends have the same nearest node.

    Raises:
        ValueError: If ``magnitude`` is not a finite, nonnegative matrix, the values do not match its shape or do not
            increase, an end is outside the window, or ``epsilon`` is negative.

    References:
        Leeb et al., Exploring the Latent Space of Autoencoders with Interventional Assays, NeurIPS 2022,
        arXiv:2106.16091.

    Example:
        >>> wall = torch.tensor([[0.0, 9.0, 0.0], [0.0, 9.0, 0.0], [0.0, 0.0, 0.0]])
        >>> slice_path(wall, torch.arange(3.0), torch.arange(3.0), (0, 0), (0, 2)).nodes.tolist()
        [[0, 0], [1, 0], [2, 1], [1, 2], [0, 2]]
    """
    from scipy.sparse.csgraph import dijkstra

    values = _checked_values(magnitude, first_values, second_values)
    check_non_negative("epsilon", epsilon)
    squares = magnitude.detach().double().cpu().square()
    source, target = (_nearest_node(name, point, values) for name, point in (("start", start), ("end", end)))
    _, before = dijkstra(_grid(squares, values, epsilon), indices=source, return_predecessors=True)
    flat = [target]
    while flat[-1] != source:
        flat.append(int(before[flat[-1]]))
    index = torch.tensor(flat[::-1])
    nodes = torch.stack([index // len(values[1]), index % len(values[1])], dim=1)
    points = torch.stack([axis[nodes[:, latent]] for latent, axis in enumerate(values)], dim=1)
    costs = torch.zeros(len(nodes), dtype=torch.float64)
    costs[1:] = squares.flatten()[index[1:]] + epsilon * points.diff(dim=0).norm(dim=1)
    return SlicePath(nodes, points, costs)


def slice_codes(base: Tensor, points: Tensor, latents: tuple[int, int]) -> Tensor:
    """Embed points of a slice in the full latent space.

    Args:
        base: Code that provides the other latents, shape ``(D,)``; not modified.
        points: Values of the two latents, shape ``(P, 2)``.
        latents: The two latents.

    Returns:
        Codes ``(P, D)``, in the dtype and on the device of ``base``.

    Raises:
        ValueError: If a shape is wrong, entries are not finite, or ``latents`` are not two different ones of ``D``.

    Example:
        >>> slice_codes(torch.zeros(3), torch.tensor([[1.0, 2.0]]), (2, 0))
        tensor([[2., 0., 1.]])
    """
    base = check_code("base", base)
    points = check_codes("points", points, 2)
    check_latent_pair(latents, len(base))
    codes = base.repeat(len(points), 1)
    codes[:, list(latents)] = points.to(codes)
    return codes


def _checked_values(magnitude: Tensor, first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """Return the values along both axes in float64, after checking them and the map."""
    if magnitude.ndim != 2 or magnitude.shape != (first.numel(), second.numel()) or not magnitude.numel():
        raise ValueError(
            f"magnitude must have shape (A, B) with A={first.numel()} values of the first and B={second.numel()} of "
            f"the second latent, got {tuple(magnitude.shape)}"
        )
    if not magnitude.isfinite().all() or (magnitude < 0).any():
        raise ValueError(f"magnitude must be finite and not negative, got entries from {magnitude.min()}")
    axes = (first.detach().double().cpu().flatten(), second.detach().double().cpu().flatten())
    for name, axis in zip(("first_values", "second_values"), axes, strict=True):
        if not axis.isfinite().all() or (axis.diff() <= 0).any():
            raise ValueError(f"{name} must be finite and increasing, got {axis.tolist()}")
    return axes


def _nearest_node(name: str, point: Tensor | Sequence[float], values: tuple[Tensor, Tensor]) -> int:
    """Return the index of the node nearest to ``point``, which may be up to half a cell outside the outermost nodes."""
    point = torch.as_tensor(point, dtype=torch.float64).cpu()
    if point.shape != (2,):
        raise ValueError(f"{name} must be two values, got shape {tuple(point.shape)}")
    numbers = []
    for value, axis in zip(point, values, strict=True):
        margin = float(axis.diff().max()) / 2 if len(axis) > 1 else 0.0
        if not axis[0] - margin <= value <= axis[-1] + margin:
            raise ValueError(f"{name} must be inside the window, got {point.tolist()}")
        numbers.append(int((axis - value).abs().argmin()))
    return numbers[0] * len(values[1]) + numbers[1]


def _grid(squares: Tensor, values: tuple[Tensor, Tensor], epsilon: float) -> "csr_array":
    """Return the grid as a graph: entry ``[p, q]`` is the cost of entering node ``q`` from ``p``.

    Node ``row * columns + column`` is at this row and column of ``squares``.
    """
    from scipy.sparse import csr_array

    rows, columns = squares.shape
    row, column = (
        index.flatten() for index in torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
    )
    tails, heads, costs = [], [], []
    for down, right in NEIGHBORS:
        # All edges in one of the eight directions at once, except from nodes whose neighbor would be outside the grid.
        inside = (row + down >= 0) & (row + down < rows) & (column + right >= 0) & (column + right < columns)
        r, c = row[inside], column[inside]
        step = torch.hypot(values[0][r + down] - values[0][r], values[1][c + right] - values[1][c])
        tails.append(r * columns + c)
        heads.append((r + down) * columns + c + right)
        costs.append(squares[r + down, c + right] + epsilon * step)
    edges = (torch.cat(tails).numpy(), torch.cat(heads).numpy())
    return csr_array((torch.cat(costs).numpy(), edges), shape=(rows * columns, rows * columns))
