"""Codes of observations in which one ground-truth factor varies and the others are fixed."""

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from lr_lightning.assays.checks import check_codes, own_generator
from lr_lightning.assays.encoding import encode_means
from lr_lightning.assays.protocol import Autoencoder
from lr_lightning.common.checks import check_at_least


class FactorGrid(Protocol):
    """The interface of a factor space for traversals: its numbered combinations."""

    @property
    def names(self) -> Sequence[str]:
        """Factor names, in order."""
        ...

    def __len__(self) -> int: ...

    def traversals(self, factor: str, num_traversals: int, generator: torch.Generator | None = None, /) -> Tensor:
        """Return the factor values ``(T, V, K)`` along traversals of one factor."""
        ...

    def indices(self, factors: Tensor, /) -> Tensor:
        """Return the indices ``(...)`` of the combinations ``(..., K)``."""
        ...


class GridDataset(Protocol):
    """The interface of a data set for traversals: observation ``i`` shows combination ``i`` of its factors."""

    @property
    def factor_space(self) -> FactorGrid:
        """The factors."""
        ...

    @property
    def full_grid(self) -> bool:
        """Whether every combination occurs exactly once, in the factor space's order."""
        ...

    def images(self, indices: Tensor, /) -> Tensor:
        """Return the observations at ``indices`` (N,): uint8 images, or float32 data."""
        ...


def sample_traversals(
    dataset: GridDataset,
    autoencoder: Autoencoder,
    num_traversals: int = 50,
    generator: torch.Generator | None = None,
    *,
    chunk_size: int | None = None,
) -> list[Tensor]:
    """Draw traversals of every factor and encode them to posterior means.

    Each traversal fixes the other factors at a random combination. An observation that occurs in several traversals is
    encoded only once.

    Args:
        dataset: Data set with all combinations of its factors.
        autoencoder: Model to probe; left unchanged, see :func:`assay_mode`.
        num_traversals: Traversals per factor ``T``.
        generator: Random generator for the fixed combinations, on the CPU; a new one with seed 0 if ``None``.
        chunk_size: Observations per pass; 1024, or 32 on a CPU, if ``None``, fewer for large images.

    Returns:
        One tensor ``(T, V, D)`` per factor, in the order of the factor space, ``V`` the factor's number of values.

    Raises:
        ValueError: If the data set is not a full grid, or ``num_traversals < 1``.
    """
    if not dataset.full_grid:
        raise ValueError("dataset must have full_grid, that is, one observation of each combination of factors")
    groups = _draw_groups(dataset.factor_space, num_traversals, generator)
    shown, position = torch.unique(torch.cat([group.flatten() for group in groups]), return_inverse=True)
    parts = [
        encode_means(autoencoder, dataset.images(indices), chunk_size=chunk_size)
        for indices in torch.split(shown, 4096)  # bounds the memory for observations
    ]
    codes = torch.cat(parts)
    rows = torch.split(position.to(codes.device), [group.numel() for group in groups])
    return [codes[row].view(*group.shape, -1) for row, group in zip(rows, groups, strict=True)]


def traversals_from_codes(
    codes: Tensor, factor_space: FactorGrid, num_traversals: int = 50, generator: torch.Generator | None = None
) -> list[Tensor]:
    """Draw traversals of every factor from a table of all codes, without encoding anything.

    Given a generator in the same state, the traversals are the same as those of :func:`sample_traversals`.

    Args:
        codes: Posterior means of the entire data set, shape ``(N, D)``; row ``i`` is combination ``i``.
        factor_space: The factors, with ``N`` combinations in total.
        num_traversals: Traversals per factor ``T``.
        generator: Random generator for the fixed combinations, on the CPU; a new one with seed 0 if ``None``.

    Returns:
        One tensor ``(T, V, D)`` per factor, in the order of the factor space, on the device of ``codes``.

    Raises:
        ValueError: If there is not exactly one code for each combination, or ``num_traversals < 1``.
    """
    codes = check_codes("codes", codes, None)
    if len(codes) != len(factor_space):
        raise ValueError(f"codes must have a row for each of {len(factor_space)} factor combinations, got {len(codes)}")
    groups = _draw_groups(factor_space, num_traversals, generator)
    return [codes[group.to(codes.device)] for group in groups]


def _draw_groups(space: FactorGrid, num_traversals: int, generator: torch.Generator | None) -> list[Tensor]:
    """Return for each factor the combination indices (T, V) of its traversals."""
    check_at_least("num_traversals", num_traversals, 1)
    generator = own_generator(generator)
    return [space.indices(space.traversals(name, num_traversals, generator)) for name in space.names]
