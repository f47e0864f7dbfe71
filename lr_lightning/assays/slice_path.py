"""The cheapest way across a two-dimensional slice of a latent space, where decoding and encoding moves codes least."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from lr_lightning.assays.checks import check_codes

if TYPE_CHECKING:
    from scipy.sparse import csr_array

NEIGHBORS = ((-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1))


@dataclass(frozen=True, eq=False)
class SlicePath:
    """Path over the nodes of a grid; made by :func:`slice_path`. All tensors are on the CPU.

    Attributes:
        nodes: ``(P, 2)`` int64, rows and columns of the nodes, both ends included.
        points: ``(P, 2)`` float64, their values of the two latents, in latent units.
        costs: ``(P,)`` float64, cost of entering each node; 0 for the start, which is not entered.
    """

    nodes: Tensor
    points: Tensor
    costs: Tensor

    @property
    def total_cost(self) -> float:
        """Sum of the costs, the smallest of all paths over the grid."""
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
    r"""Find the cheapest path between two points of a slice, from node to neighbouring node (8 of them).

    .. math:: c(p \to q) = \|u(q)\|^2 + \varepsilon \|q - p\|

    where :math:`u` is the response minus the code. The path keeps to the learned manifold, where decoding and encoding
    moves codes little, and goes around voids. The small price of length keeps it from wandering where
    :math:`u \approx 0`.

    A cost is paid per node: on a finer grid the same way costs more, and with it the weight of :math:`\|u\|^2` against
    that of length grows. Directions other than the eight come out as stairs. See :func:`code_path` for paths that leave
    the slice.

    Args:
        magnitude: :math:`\|u\|` at the nodes, in latent units, shape ``(A, B)``: rows for the first latent. With the
            values, a result of :func:`response_map` for instance.
        first_values: Values of the first latent, increasing, shape ``(A,)``.
        second_values: Values of the second latent, increasing, shape ``(B,)``.
        start: The two values at the start, moved to the nearest node.
        end: The two values at the end, moved to the nearest node.
        epsilon: Price :math:`\varepsilon` of length, in latent units; not negative.

    Returns:
        The path; of a single node if both ends are nearest to the same.

    Raises:
        ValueError: If ``magnitude`` is not a finite matrix without negative entries, the values are not as many or not
            increasing, an end is no point of the window, or ``epsilon`` is negative.

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
    if not 0 <= epsilon < float("inf"):
        raise ValueError(f"epsilon must not be negative, got {epsilon}")
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


def slice_codes(points: Tensor, base: Tensor, latents: tuple[int, int]) -> Tensor:
    """Put points of a slice into the whole latent space.

    Args:
        points: Values of the two latents, shape ``(P, 2)``.
        base: Code at which the other latents stand, shape ``(D,)``; not written to.
        latents: The two latents.

    Returns:
        Codes ``(P, D)``, in the dtype and on the device of ``base``.

    Raises:
        ValueError: If a shape is wrong, entries are not finite, or ``latents`` are not two different ones of ``D``.

    Example:
        >>> slice_codes(torch.tensor([[1.0, 2.0]]), torch.zeros(3), (2, 0))
        tensor([[2., 0., 1.]])
    """
    if base.ndim != 1:
        raise ValueError(f"base must be one code of shape (D,), got {tuple(base.shape)}")
    base = check_codes("base", base[None], None)[0]
    points = check_codes("points", points, 2)
    first, second = latents
    if first == second or not all(0 <= latent < len(base) for latent in latents):
        raise ValueError(f"latents must be two different ones of 0..{len(base) - 1}, got {latents}")
    codes = base.repeat(len(points), 1)
    codes[:, [first, second]] = points.to(codes)
    return codes


def _checked_values(magnitude: Tensor, first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """Return the values along both axes in float64, or say what is wrong with the map."""
    if magnitude.ndim != 2 or magnitude.shape != (first.numel(), second.numel()) or not magnitude.numel():
        raise ValueError(
            "magnitude must have a row for each value of the first and a column for each of the second latent, "
            f"got {tuple(magnitude.shape)} for {first.numel()} and {second.numel()}"
        )
    if not magnitude.isfinite().all() or (magnitude < 0).any():
        raise ValueError("magnitude must be finite and not negative")
    axes = (first.detach().double().cpu().flatten(), second.detach().double().cpu().flatten())
    for name, axis in zip(("first_values", "second_values"), axes, strict=True):
        if not axis.isfinite().all() or (axis.diff() <= 0).any():
            raise ValueError(f"{name} must be finite and increasing")
    return axes


def _nearest_node(name: str, point: Tensor | Sequence[float], values: tuple[Tensor, Tensor]) -> int:
    """Return the number of the node nearest to ``point``, which may lie half a cell outside of the outermost."""
    point = torch.as_tensor(point, dtype=torch.float64).cpu()
    if point.shape != (2,):
        raise ValueError(f"{name} must be two values, got shape {tuple(point.shape)}")
    numbers = []
    for value, axis in zip(point, values, strict=True):
        margin = float(axis.diff().max()) / 2 if len(axis) > 1 else 0.0
        if not axis[0] - margin <= value <= axis[-1] + margin:
            raise ValueError(f"{name} must lie in the window, got {point.tolist()}")
        numbers.append(int((axis - value).abs().argmin()))
    return numbers[0] * len(values[1]) + numbers[1]


def _grid(squares: Tensor, values: tuple[Tensor, Tensor], epsilon: float) -> "csr_array":
    """Return the graph of the grid: entry ``[p, q]`` is the cost of entering node ``q`` from ``p``."""
    from scipy.sparse import csr_array

    rows, columns = squares.shape
    row, column = (
        index.flatten() for index in torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
    )
    tails, heads, costs = [], [], []
    for down, right in NEIGHBORS:
        inside = (row + down >= 0) & (row + down < rows) & (column + right >= 0) & (column + right < columns)
        r, c = row[inside], column[inside]
        step = torch.hypot(values[0][r + down] - values[0][r], values[1][c + right] - values[1][c])
        tails.append(r * columns + c)
        heads.append((r + down) * columns + c + right)
        costs.append(squares[r + down, c + right] + epsilon * step)
    edges = (torch.cat(tails).numpy(), torch.cat(heads).numpy())
    return csr_array((torch.cat(costs).numpy(), edges), shape=(rows * columns, rows * columns))
