"""The pairs of latents that respond to each other most strongly."""

from itertools import combinations

from torch import Tensor

from lr_lightning.assays.checks import check_active
from lr_lightning.common.checks import check_at_least


def strongest_pairs(matrix: Tensor, num_pairs: int = 1, active: Tensor | None = None) -> list[tuple[int, int]]:
    r"""Return the pairs of latents with the strongest responses to each other, strongest first.

    .. math:: s_{ij} = \sqrt{M_{ij}^2 + M_{ji}^2}

    Pairs of equal strength, such as latents that do not respond to each other at all, are sorted by
    :math:`M_{ii}^2 + M_{jj}^2`, largest first.

    Args:
        matrix: Shape ``(D, D)``, rows intervened, columns responding; NaN (inactive latents) counts as 0.
        num_pairs: Number of pairs, at least 1.
        active: ``(D,)`` bool. Pairs of two active latents come first, then pairs with one, then pairs with none. All
            latents count as active if ``None``.

    Returns:
        Pairs ``(i, j)`` with ``i < j``: ``num_pairs`` of them, or all pairs if there are fewer.

    Raises:
        ValueError: If ``matrix`` is not square with at least 2 rows, ``num_pairs`` is below 1, or ``active``
            is not a boolean mask of ``D`` latents.

    Example:
        >>> import torch
        >>> strongest_pairs(torch.tensor([[1.0, 0.1, 0.3], [0.0, 1.0, 0.0], [0.2, 0.0, 1.0]]), 2)
        [(0, 2), (0, 1)]
    """
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or len(matrix) < 2:
        raise ValueError(f"matrix must have shape (D, D) with D of at least 2, got {tuple(matrix.shape)}")
    check_at_least("num_pairs", num_pairs, 1)
    dim = len(matrix)
    if active is not None:
        check_active(active, dim)
    squares = matrix.detach().double().cpu().nan_to_num(nan=0.0).square()
    strength, activity = (squares + squares.T).tolist(), squares.diagonal().tolist()
    mask = [True] * dim if active is None else active.tolist()

    def rank(pair: tuple[int, int]) -> tuple[int, float, float]:
        first, second = pair
        return mask[first] + mask[second], strength[first][second], activity[first] + activity[second]

    return sorted(combinations(range(dim), 2), key=rank, reverse=True)[:num_pairs]
