"""Pairs and triplets of samples that share factors, for training under weak supervision."""

from abc import abstractmethod
from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor
from typing_extensions import override

from lr_lightning.common.checks import check_at_least
from lr_lightning.data.dataset import FactorDataset
from lr_lightning.data.factor_space import factor_position
from lr_lightning.data.loading.correlation import FactorCorrelation
from lr_lightning.data.loading.groups import Draw, PairBatch, SampleGroups, TripletBatch
from lr_lightning.data.loading.training_grid import TrainingGrid

_MAX_REDRAWS = 1000


class FactorGroups(SampleGroups):
    """Groups drawn from a full factor grid: an anchor, and others that differ from it in some factors.

    Anchors are drawn with replacement from the training combinations, by their density. Factors that change get new
    values, by the density given the other factors. If the result is held out from training (or used for validation),
    the whole group is redrawn, including the anchor.
    """

    @override
    def check_data(self, dataset: FactorDataset, has_augmentations: bool) -> None:
        if not dataset.full_grid:
            missing = "is missing combinations" if dataset.factor_space.names else "has no factors"
            raise ValueError(
                f"groups: {type(self).__name__} requires a full factor grid; {dataset.name} {missing}; use "
                "AugmentedPairs, which needs none"
            )

    @override
    def draw_from(self, dataset: FactorDataset, indices: Tensor, correlations: Sequence[FactorCorrelation]) -> Draw:
        grid = TrainingGrid(dataset.factor_space, indices, correlations)
        self.check(grid)
        return partial(self.draw, grid)

    @abstractmethod
    def check(self, grid: TrainingGrid) -> None:
        """Raise ``ValueError`` if no group can be drawn from ``grid``."""

    @abstractmethod
    def changes(self, grid: TrainingGrid, num_groups: int, generator: torch.Generator) -> list[Tensor]:
        """Draw which factors differ from the anchor's, ``(num_groups, K)`` bool for each other member."""

    def draw(self, grid: TrainingGrid, num_groups: int, generator: torch.Generator) -> Tensor:
        """Return the sample numbers of groups, ``(num_groups, members)`` int64, the anchors first.

        Raises:
            ValueError: If no groups within ``grid`` are found.
        """
        groups = self._propose(grid, num_groups, generator)
        for _ in range(_MAX_REDRAWS):
            outside = ~grid.contains(groups).all(dim=1)
            if not outside.any():
                return groups
            groups[outside] = self._propose(grid, int(outside.sum()), generator)
        raise ValueError(
            f"{type(self).__name__} cannot form groups: held_out and val_size exclude nearly all of them; hold out "
            "less, lower val_size or change other factors"
        )

    def _propose(self, grid: TrainingGrid, num_groups: int, generator: torch.Generator) -> Tensor:
        """Draw groups that may lie outside ``grid``; sample numbers ``(num_groups, members)`` int64."""
        anchors = grid.sample(num_groups, generator)
        changes = self.changes(grid, num_groups, generator)
        others = [grid.change(anchors, changed, generator) for changed in changes]
        return grid.space.indices(torch.stack([anchors, *others], dim=1))


class FactorPairs(FactorGroups):
    """Pairs that differ in exactly ``num_changed`` factors, or in those named.

    The released code of the paper differs: it lets one factor change instead of ``num_changed`` in half of the pairs,
    and new values may be the old ones.

    Args:
        num_changed: Number of factors that differ, fewer than can change in training; for each pair drawn uniformly
            from 1 up to that if ``None``. Which factors differ is drawn uniformly.
        changed: Names of the factors that differ in every pair; use instead of ``num_changed``.

    Raises:
        ValueError: If ``num_changed`` is below 1, both arguments are given, or ``changed`` is empty.

    References:
        Locatello et al., Weakly-Supervised Disentanglement Without Compromises, ICML 2020, arXiv:2002.02886.
    """

    batch_type = PairBatch

    def __init__(self, num_changed: int | None = None, changed: Sequence[str] | None = None) -> None:
        if num_changed is not None:
            check_at_least("num_changed", num_changed, 1)
        if num_changed is not None and changed is not None:
            raise ValueError(f"give num_changed or changed, not both, got {num_changed} and {list(changed)}")
        if changed is not None and not changed:
            raise ValueError("changed must name a factor, got none")
        self.num_changed = num_changed
        self.changed = changed

    @override
    def check(self, grid: TrainingGrid) -> None:
        for name in self.changed or ():
            if factor_position("changed", grid.space, name) not in grid.changeable:
                raise ValueError(f"changed: {name} has a single value in training, so it cannot change")
        wanted = self.num_changed or len(set(self.changed or ())) or 1
        if wanted >= len(grid.changeable):
            raise ValueError(
                f"pairs must share a factor: of the {len(grid.changeable)} that can change in training at most "
                f"{len(grid.changeable) - 1} may, got {wanted}"
            )

    @override
    def changes(self, grid: TrainingGrid, num_groups: int, generator: torch.Generator) -> list[Tensor]:
        if self.changed is not None:
            row = torch.zeros(grid.space.num_factors, dtype=torch.bool)
            row[[grid.space.position(name) for name in self.changed]] = True
            return [row.expand(num_groups, -1)]
        if self.num_changed is None:
            counts = torch.randint(1, len(grid.changeable), (num_groups,), generator=generator)
        else:
            counts = torch.tensor(self.num_changed).expand(num_groups)
        return [_choose(grid, counts, generator)]


class FactorTriplets(FactorGroups):
    """Triplets in which the positive differs from the anchor in fewer factors than the negative.

    Both are drawn independently, like the second member of :class:`FactorPairs`: of ``K`` factors the positive shares
    ``K - positive_changed`` with the anchor, the negative ``K - negative_changed``.

    Args:
        positive_changed: Factors in which the positive differs from the anchor.
        negative_changed: Factors in which the negative does, at most those that can change in training.

    Raises:
        ValueError: If ``positive_changed`` is below 1 or not below ``negative_changed``.
    """

    batch_type = TripletBatch

    def __init__(self, positive_changed: int = 1, negative_changed: int = 2) -> None:
        if not 1 <= positive_changed < negative_changed:
            raise ValueError(
                "positive_changed must be at least 1 and below negative_changed, "
                f"got {positive_changed} and {negative_changed}"
            )
        self.positive_changed = positive_changed
        self.negative_changed = negative_changed

    @override
    def check(self, grid: TrainingGrid) -> None:
        if self.negative_changed > len(grid.changeable):
            raise ValueError(
                f"negative_changed must be at most {len(grid.changeable)}, the factors that can change in training, "
                f"got {self.negative_changed}"
            )

    @override
    def changes(self, grid: TrainingGrid, num_groups: int, generator: torch.Generator) -> list[Tensor]:
        counts = (self.positive_changed, self.negative_changed)
        return [_choose(grid, torch.tensor(count).expand(num_groups), generator) for count in counts]


def _choose(grid: TrainingGrid, counts: Tensor, generator: torch.Generator) -> Tensor:
    """Choose ``counts`` (N,) changeable factors uniformly; ``(N, K)`` bool."""
    ranks = torch.rand(len(counts), len(grid.changeable), generator=generator).argsort(dim=1).argsort(dim=1)
    chosen = torch.zeros(len(counts), grid.space.num_factors, dtype=torch.bool)
    chosen[:, grid.changeable] = ranks < counts[:, None]
    return chosen
