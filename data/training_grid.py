"""The part of a factor grid that training may show, from which groups of related samples are drawn."""

from collections.abc import Sequence

import torch
from torch import Tensor

from lr_lightning.data.correlation import FactorCorrelation, WeightedDraw, log_density
from lr_lightning.data.factor_space import FactorSpace


class TrainingGrid:
    """Combinations of factors with their density, to draw from and to change within.

    Factors that correlations link are drawn jointly, from a table of all combinations of their values.

    Args:
        space: The factors.
        indices: Numbers of the combinations that training may show, shape ``(N,)`` int64.
        correlations: Which factors go together.

    Attributes:
        changeable: Columns of the factors that have two values or more in training, in order.
    """

    def __init__(self, space: FactorSpace, indices: Tensor, correlations: Sequence[FactorCorrelation] = ()) -> None:
        factors = space.factors(indices)
        self.space = space
        self._draw = WeightedDraw(indices, log_density(correlations, space, factors))
        self._contained = torch.zeros(len(space), dtype=torch.bool)
        self._contained[indices] = True
        values = [torch.unique(column) for column in factors.unbind(1)]
        self.changeable = [column for column, present in enumerate(values) if len(present) > 1]
        # of each set of linked factors: its columns (C,), combinations (M, C) and their log density (M,)
        self._tables: list[tuple[Tensor, Tensor, Tensor]] = []
        for columns in _linked_columns(space, correlations):
            grid = torch.stack(torch.meshgrid([values[column] for column in columns], indexing="ij"), dim=-1)
            combinations = torch.zeros(grid[..., 0].numel(), space.num_factors, dtype=torch.int64)
            combinations[:, columns] = grid.flatten(0, -2)
            inside = [c for c in correlations if space.position(c.first) in columns]
            density = log_density(inside, space, combinations)
            self._tables.append((torch.tensor(columns), combinations[:, columns], density))

    def sample(self, num_samples: int, generator: torch.Generator) -> Tensor:
        """Draw combinations with replacement, by their density; factor values ``(num_samples, K)`` int64."""
        return self.space.factors(self._draw(num_samples, generator))

    def change(self, factors: Tensor, changed: Tensor, generator: torch.Generator) -> Tensor:
        """Draw other values for some factors, by the density given the factors that stay.

        Values that never occur in training are not drawn, combinations that it leaves out may be.

        Args:
            factors: Factor values, shape ``(N, K)`` int64.
            changed: Which of them must change, shape ``(N, K)`` bool; changeable ones only.
            generator: Source of the draws.

        Returns:
            Factor values ``(N, K)`` int64 that differ from ``factors`` exactly where ``changed`` says so.
        """
        result = factors.clone()
        for columns, combinations, density in self._tables:
            differs = combinations != factors[:, None, columns]  # (N, M, C)
            fits = (differs == changed[:, None, columns]).all(dim=2)  # (N, M)
            # the largest of log densities with Gumbel noise is a draw by density
            noise = -torch.empty(fits.shape, dtype=torch.float64).exponential_(generator=generator).log()
            drawn = (density + noise).masked_fill_(~fits, -torch.inf).argmax(dim=1)
            result[:, columns] = combinations[drawn]
        return result

    def contains(self, factors: Tensor) -> Tensor:
        """Tell which combinations ``(..., K)`` training may show; ``(...)`` bool."""
        return self._contained[self.space.indices(factors)]


def _linked_columns(space: FactorSpace, correlations: Sequence[FactorCorrelation]) -> list[list[int]]:
    """Return the columns of ``space`` in sets that no correlation leads out of."""
    sets = [{column} for column in range(space.num_factors)]
    for correlation in correlations:
        linked = [part for part in sets if part & set(correlation.positions(space))]
        sets = [part for part in sets if part not in linked] + [set().union(*linked)]
    return [sorted(part) for part in sets]
