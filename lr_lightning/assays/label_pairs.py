"""Pairs of samples with different values of one label, drawn from data that are no grid of factor combinations."""

from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

import torch
from torch import Tensor

from lr_lightning.assays.checks import own_generator
from lr_lightning.common.checks import check_at_least
from lr_lightning.common.printed_result import PrintedResult

Pairing: TypeAlias = Literal["matched", "marginal"]


@dataclass(frozen=True, eq=False, repr=False)
class LabelPairs(PrintedResult):
    """Bases and donors for :func:`paired_response_matrix`, as rows of a table of samples. All tensors on the CPU.

    Attributes:
        pairing: ``"matched"``, from :func:`matched_pairs`, or ``"marginal"``, from :func:`marginal_pairs`.
        bases: For each of ``K`` factors ``(T, B)`` int64: the bases of its ``T`` traversals; ``T = 0`` if there are no
            two samples to compare.
        donors: For each factor ``(T, B)`` int64: the donor of each base; its value of this factor is another one.
        num_groups: For each factor, the number of groups in the data from which traversals are drawn.
        num_rows: Number of samples.
    """

    pairing: Pairing
    bases: tuple[Tensor, ...]
    donors: tuple[Tensor, ...]
    num_groups: tuple[int, ...]
    num_rows: int

    @property
    def num_traversals(self) -> tuple[int, ...]:
        """Number of traversals ``T`` of each factor."""
        return tuple(len(rows) for rows in self.bases)

    @property
    def num_samples(self) -> int:
        """Interventions per traversal and latent ``B``."""
        return self.bases[0].shape[1]

    @property
    def num_pairs(self) -> tuple[int, ...]:
        """For each factor, the number of different pairs of a base and a donor; small groups repeat theirs."""
        keys = [base * self.num_rows + donor for base, donor in zip(self.bases, self.donors, strict=True)]
        return tuple(len(torch.unique(key)) for key in keys)


def matched_pairs(
    factors: Tensor, num_traversals: int = 50, num_samples: int = 32, generator: torch.Generator | None = None
) -> LabelPairs:
    """Draw pairs of samples that differ in one factor and agree in all others.

    Samples that agree in all other factors are a group if they have at least two values of the factor. Each traversal
    is a different group, drawn at random; if there are fewer than ``num_traversals``, each is used once. Within a
    traversal, bases are drawn without replacement if ``num_samples`` is at most the size of the group, otherwise with
    replacement. The donor is any other member of the group with another value, all equally likely.

    On a grid with one sample per combination, groups are the traversals of :func:`sample_traversals`, and pairs have
    the distribution of :func:`conditioned_response_matrix`. Otherwise, groups describe only the combinations for which
    both values exist.

    Time and memory grow like ``K * N log N`` and ``K * N``. Labels are compared exactly, not by a hash.

    Args:
        factors: Factor values ``(N, K)``, integers.
        num_traversals: Largest number of traversals per factor ``T``.
        num_samples: Interventions per traversal ``B``.
        generator: Random generator on the CPU; a new one with seed 0 if ``None``.

    Returns:
        The pairs; none for a factor without groups.

    Raises:
        TypeError: If ``factors`` is not a tensor.
        ValueError: If ``factors`` is not ``(N, K)`` with at least one row and column, is not integer, or a number is
            below 1.

    Example:
        >>> labels = torch.tensor([[0, 0], [1, 0], [1, 1]])
        >>> matched_pairs(labels).num_groups  # rows 0 and 1; rows 1 and 2
        (1, 1)
    """
    columns, generator = _check(factors, num_traversals, num_samples, generator)
    after = [torch.zeros_like(columns[0])]  # ranks of the rows by all columns after c, for c = K - 1, K - 2, ...
    for column in reversed(columns[1:]):
        after.append(_ranks(column, after[-1]))
    before = torch.zeros_like(columns[0])
    drawn, num_groups = [], []
    for column in columns:
        order = _Order.of(_ranks(before, after.pop()), column)
        groups = order.groups_with_two_values()
        chosen = groups[torch.randperm(len(groups), generator=generator)[:num_traversals]]
        drawn.append(order.draw(chosen, num_samples, generator))
        num_groups.append(len(groups))
        before = _ranks(before, column)
    return _pairs("matched", drawn, num_groups, len(factors))


def marginal_pairs(
    factors: Tensor, num_traversals: int = 50, num_samples: int = 32, generator: torch.Generator | None = None
) -> LabelPairs:
    """Draw pairs of samples that differ in one factor; all other factors may differ as well.

    As :func:`matched_pairs` with all samples as the only group, from which every traversal draws its own pairs.

    Args:
        factors: Factor values ``(N, K)``, integers.
        num_traversals: Traversals per factor ``T``.
        num_samples: Interventions per traversal ``B``.
        generator: Random generator on the CPU; a new one with seed 0 if ``None``.

    Returns:
        The pairs; none for a factor with a single value.

    Raises:
        TypeError: If ``factors`` is not a tensor.
        ValueError: As :func:`matched_pairs`.

    Example:
        >>> marginal_pairs(torch.tensor([[0, 5], [1, 5]]), num_traversals=4).num_traversals
        (4, 0)
    """
    columns, generator = _check(factors, num_traversals, num_samples, generator)
    drawn, num_groups = [], []
    for column in columns:
        order = _Order.of(torch.zeros_like(column), column)
        groups = order.groups_with_two_values()
        drawn.append(order.draw(groups.repeat(num_traversals), num_samples, generator))
        num_groups.append(len(groups))
    return _pairs("marginal", drawn, num_groups, len(factors))


class _Order(NamedTuple):
    """Samples sorted by group and, within a group, by their value of one factor.

    Attributes:
        rows: ``(N,)``, the samples in this order.
        starts: ``(G,)``, position of the first member of each group.
        sizes: ``(G,)``, number of its members.
        block_starts: ``(N,)``, position of the first member of the same group with the same value.
        block_sizes: ``(N,)``, number of members of the same group with the same value.
    """

    rows: Tensor
    starts: Tensor
    sizes: Tensor
    block_starts: Tensor
    block_sizes: Tensor

    @classmethod
    def of(cls, groups: Tensor, values: Tensor) -> "_Order":
        """Sort samples by their groups (N,) and values (N,)."""
        blocks, rows = torch.sort(_ranks(groups, values), stable=True)
        _, block_sizes = torch.unique_consecutive(blocks, return_counts=True)
        _, sizes = torch.unique_consecutive(groups[rows], return_counts=True)
        block_starts = block_sizes.cumsum(0) - block_sizes
        return cls(rows, sizes.cumsum(0) - sizes, sizes, block_starts[blocks], block_sizes[blocks])

    def groups_with_two_values(self) -> Tensor:
        """Return the groups (G',) whose members differ in their value."""
        return (self.block_sizes[self.starts] < self.sizes).nonzero()[:, 0]

    def draw(self, groups: Tensor, num_samples: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Draw bases and donors (T, B) from each of ``groups`` (T,)."""
        starts, sizes = self.starts[groups, None], self.sizes[groups, None]
        bases = starts + _draw_members(sizes, num_samples, generator)
        # From the end of the base's block on, cyclically: every member with another value is equally likely.
        block_sizes = self.block_sizes[bases]
        steps = block_sizes + _draw_below(sizes - block_sizes, generator)
        donors = starts + (self.block_starts[bases] - starts + steps) % sizes
        return self.rows[bases], self.rows[donors]


def _draw_members(sizes: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
    """Draw ``num_samples`` of the numbers below each of ``sizes`` (T, 1): different ones where there are as many."""
    repeated = _draw_below(sizes.expand(-1, num_samples), generator)
    if not (sizes >= num_samples).any():
        return repeated
    different = torch.full_like(repeated, -1)
    for step in range(num_samples):  # Bentley and Floyd's algorithm, on all rows at once
        last = sizes[:, 0] - num_samples + step
        number = _draw_below(last + 1, generator)
        taken = (different == number[:, None]).any(dim=1)
        different[:, step] = torch.where(taken, last, number)
    return torch.where(sizes >= num_samples, different, repeated)


def _draw_below(limits: Tensor, generator: torch.Generator) -> Tensor:
    """Draw an integer from 0 to ``limit - 1`` for each of ``limits``."""
    return (torch.rand(limits.shape, generator=generator, dtype=torch.float64) * limits).long()


def _ranks(first: Tensor, second: Tensor) -> Tensor:
    """Return the rank (N,) of each row of two columns of numbers from 0 to N - 1; equal rows have equal ranks."""
    _, ranks = torch.unique(first * (int(second.max()) + 1) + second, return_inverse=True)
    return ranks  # type: ignore[no-any-return]


def _check(
    factors: Tensor, num_traversals: int, num_samples: int, generator: torch.Generator | None
) -> tuple[list[Tensor], torch.Generator]:
    """Return the columns of ``factors`` with values replaced by their ranks, and the generator."""
    if not isinstance(factors, Tensor):
        raise TypeError(f"factors must be a torch.Tensor, got {type(factors).__name__}")
    if factors.ndim != 2 or not factors.numel():
        raise ValueError(f"factors must have shape (N, K) with N, K >= 1, got {tuple(factors.shape)}")
    if factors.is_floating_point() or factors.is_complex():
        raise ValueError(f"factors must be integers, got {factors.dtype}")
    check_at_least("num_traversals", num_traversals, 1)
    check_at_least("num_samples", num_samples, 1)
    columns = [torch.unique(column, return_inverse=True)[1] for column in factors.cpu().unbind(dim=1)]
    return columns, own_generator(generator)


def _pairs(pairing: Pairing, drawn: list[tuple[Tensor, Tensor]], num_groups: list[int], num_rows: int) -> LabelPairs:
    bases, donors = zip(*drawn, strict=True)
    return LabelPairs(pairing, bases, donors, tuple(num_groups), num_rows)
