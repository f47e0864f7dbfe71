"""Codes of observations in which one ground-truth factor varies and the others are fixed."""

from collections.abc import Sequence
from typing import Literal, Protocol, TypeAlias

import torch
from torch import Tensor

from lr_lightning.assays.checks import check_codes, check_log_variances, own_generator
from lr_lightning.assays.encoding import encode_means, encode_posteriors
from lr_lightning.assays.protocol import Autoencoder
from lr_lightning.common.checks import check_at_least, check_choice

Codes: TypeAlias = Literal["mean", "sample"]


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
    autoencoder: Autoencoder,
    dataset: GridDataset,
    num_traversals: int = 50,
    generator: torch.Generator | None = None,
    *,
    codes: Codes = "mean",
    chunk_size: int | None = None,
) -> list[Tensor]:
    """Draw traversals of every factor and encode them.

    Each traversal fixes the other factors at a random combination. An observation that occurs in several traversals is
    encoded only once.

    Args:
        autoencoder: Model to probe; left unchanged, see :func:`assay_mode`.
        dataset: Data set with all combinations of its factors.
        num_traversals: Traversals per factor ``T``.
        generator: Random generator for the fixed combinations, and then for posterior samples, on the CPU; a new one
            with seed 0 if ``None``.
        codes: ``"mean"`` for posterior means, ``"sample"`` for one sample from the posterior of each member.
        chunk_size: Observations per pass; 1024, or 32 on a CPU, if ``None``, fewer for large images.

    Returns:
        One tensor ``(T, V, D)`` per factor, in the order of the factor space, ``V`` the factor's number of values.

    Raises:
        ValueError: If the data set is not a full grid, ``num_traversals < 1``, ``codes`` is unknown, or posteriors of a
            deterministic autoencoder are to be sampled.
    """
    check_choice("codes", codes, ("mean", "sample"))
    if not dataset.full_grid:
        raise ValueError("dataset must have full_grid, that is, one observation of each combination of factors")
    generator = own_generator(generator)
    groups = _draw_groups(dataset.factor_space, num_traversals, generator)
    shown, position = torch.unique(torch.cat([group.flatten() for group in groups]), return_inverse=True)
    observations = (dataset.images(indices) for indices in torch.split(shown, 4096))  # bounds the memory they take
    if codes == "mean":
        means = torch.cat([encode_means(autoencoder, block, chunk_size=chunk_size) for block in observations])
        log_variances = None
    else:
        parts = [encode_posteriors(autoencoder, block, chunk_size=chunk_size) for block in observations]
        means, log_variances = (torch.cat(columns) for columns in zip(*parts, strict=True))
    split = torch.split(position, [group.numel() for group in groups])
    rows = [row.view(group.shape) for row, group in zip(split, groups, strict=True)]
    return _looked_up(means, log_variances, rows, generator)


def traversals_from_codes(
    codes: Tensor,
    factor_space: FactorGrid,
    num_traversals: int = 50,
    generator: torch.Generator | None = None,
    *,
    log_variances: Tensor | None = None,
) -> list[Tensor]:
    """Draw traversals of every factor from a table of all codes, without encoding anything.

    Given a generator in the same state, the traversals are the same as those of :func:`sample_traversals`.

    Args:
        codes: Posterior means of the entire data set, shape ``(N, D)``; row ``i`` is combination ``i``.
        factor_space: The factors, with ``N`` combinations in total.
        num_traversals: Traversals per factor ``T``.
        generator: Random generator for the fixed combinations, and then for posterior samples, on the CPU; a new one
            with seed 0 if ``None``.
        log_variances: Log-variances of the posteriors, shape ``(N, D)``, to draw one sample from the posterior of each
            member; ``None`` for posterior means.

    Returns:
        One tensor ``(T, V, D)`` per factor, in the order of the factor space, on the device of ``codes``.

    Raises:
        ValueError: If there is not exactly one code for each combination, or ``num_traversals < 1``.
    """
    codes = check_codes("codes", codes, None)
    if len(codes) != len(factor_space):
        raise ValueError(
            f"codes must have a row for each of {len(factor_space)} factor combinations, got {len(codes)}; for data "
            "that are no grid, use matched_pairs and paired_response_matrix"
        )
    if log_variances is not None:
        log_variances = check_log_variances(log_variances, codes)
    generator = own_generator(generator)
    return _looked_up(codes, log_variances, _draw_groups(factor_space, num_traversals, generator), generator)


def _looked_up(
    means: Tensor, log_variances: Tensor | None, groups: Sequence[Tensor], generator: torch.Generator
) -> list[Tensor]:
    """Return the codes (T, V, D) of groups of rows (T, V): means, or a sample for each member of each traversal."""
    traversals = []
    for group in groups:
        codes = means[group.to(means.device)]
        if log_variances is not None:
            noise = torch.randn(codes.shape, generator=generator).to(codes)
            codes = codes + (0.5 * log_variances[group.to(log_variances.device)]).exp().to(codes) * noise
        traversals.append(codes)
    return traversals


def _draw_groups(space: FactorGrid, num_traversals: int, generator: torch.Generator) -> list[Tensor]:
    """Return for each factor the combination indices (T, V) of its traversals."""
    check_at_least("num_traversals", num_traversals, 1)
    return [space.indices(space.traversals(name, num_traversals, generator)) for name in space.names]
