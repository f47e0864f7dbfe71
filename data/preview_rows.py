"""Pick observations that show the effect of each factor."""

from typing import NamedTuple

import torch
from torch import Tensor

from lr_lightning.common.checks import check_at_least
from lr_lightning.data.dataset import FactorDataset


class FactorTraversal(NamedTuple):
    """Observations along one factor.

    Attributes:
        factor: Name of the factor.
        positions: Index of the factor's value in each observation, in increasing order, ``(V,)`` int64.
        indices: The observations, ``(V,)`` int64.
    """

    factor: str
    positions: Tensor
    indices: Tensor


def preview_rows(
    dataset: FactorDataset,
    num_values: int,
    generator: torch.Generator | None = None,
    *,
    fill: bool = False,
    start: int | None = None,
) -> list[FactorTraversal]:
    """Traverse each factor, starting from one observation.

    On a full grid, the other factors stay fixed. Otherwise, each value is shown by the first of the observations that
    share the most other factors with that one, and values without observations are skipped.

    Args:
        dataset: The data.
        num_values: Maximum number of values per factor, evenly spaced from the first to the last.
        generator: Random source of the observation, on the CPU.
        fill: Whether to take several observations of each value, the most similar first, if a factor has at most half
            as many values; only without a full grid.
        start: The observation; a random one if ``None``.

    Returns:
        One traversal per factor, in the order of the factors.

    Raises:
        ValueError: If ``num_values`` is below 2.
    """
    check_at_least("num_values", num_values, 2)
    space = dataset.factor_space
    number = torch.randint(len(dataset), (1,), generator=generator) if start is None else torch.tensor([start])
    factors = number if dataset.full_grid else torch.arange(len(dataset))
    factors = dataset.factors(factors).cpu()  # (1, K), or (N, K) to search in
    traversals = []
    for k, (name, size) in enumerate(zip(space.names, space.sizes, strict=True)):
        positions = torch.linspace(0, size - 1, min(size, num_values)).round().long()
        if dataset.full_grid:
            wanted = factors.repeat(len(positions), 1)
            wanted[:, k] = positions
            indices = space.indices(wanted)
        else:
            positions, indices = _nearest(factors, int(number), k, positions, num_values // size if fill else 1)
        traversals.append(FactorTraversal(name, positions, indices))
    return traversals


def samples_of_values(
    dataset: FactorDataset, factor: str, num_samples: int, generator: torch.Generator | None = None
) -> list[Tensor]:
    """Draw observations of each value of a factor, without replacement.

    Args:
        dataset: The data.
        factor: Name of the factor.
        num_samples: Number of observations per value; all of them if there are fewer.
        generator: Random source of the choice, on the CPU.

    Returns:
        For each value, indices of observations ``(S,)`` int64.

    Raises:
        KeyError: If there is no such factor.
        ValueError: If ``num_samples`` is below 1.
    """
    check_at_least("num_samples", num_samples, 1)
    position = dataset.factor_space.position(factor)
    order = torch.randperm(len(dataset), generator=generator)
    values = dataset.factors(order)[:, position].cpu()
    return [order[values == value][:num_samples] for value in range(dataset.factor_space.sizes[position])]


def _nearest(factors: Tensor, start: int, k: int, positions: Tensor, number: int) -> tuple[Tensor, Tensor]:
    """Return which of ``positions`` of factor ``k`` occur, and for each the observations most similar to ``start``.

    Each position is repeated for its observations: ``number`` of them or all that there are, but at least one.
    """
    # (N,); counts factor k too, which does not matter: candidates are only compared at one value of it
    agreement = (factors == factors[start]).sum(dim=1)
    chosen = []
    for value in positions.tolist():
        candidates = (factors[:, k] == value).nonzero()[:, 0]
        order = agreement[candidates].argsort(descending=True, stable=True)
        chosen.append(candidates[order[: max(1, number)]])
    counts = torch.tensor([len(indices) for indices in chosen])
    return positions.repeat_interleave(counts), torch.cat(chosen)
