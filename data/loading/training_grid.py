"""The part of a factor grid used in training, from which groups of related samples are drawn."""

from collections.abc import Sequence
from typing import NamedTuple, Self

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from lr_lightning.data.factor_space import FactorSpace
from lr_lightning.data.loading.correlation import FactorCorrelation, WeightedDraw, log_density


class TrainingGrid:
    """Combinations of factors with their density, for drawing samples and changing factors.

    Factors that correlations link are drawn jointly, from a table of all combinations of their values.

    Args:
        space: The factors.
        indices: Numbers of the combinations used in training, shape ``(N,)`` int64.
        correlations: Which factors are correlated.

    Attributes:
        changeable: Columns of the factors that have two values or more in training, in order.
    """

    def __init__(self, space: FactorSpace, indices: Tensor, correlations: Sequence[FactorCorrelation] = ()) -> None:
        factors = space.factors(indices)
        self.space = space
        self._draw = WeightedDraw(indices, log_density(correlations, space, factors))
        self._contained = torch.zeros(len(space), dtype=torch.bool)
        self._contained[indices] = True
        values = [column.bincount().nonzero().flatten() for column in factors.unbind(1)]
        self.changeable = [column for column, present in enumerate(values) if len(present) > 1]
        sets = _linked_columns(space, correlations)
        free = [columns for columns in sets if len(columns) == 1]
        linked = [[columns] for columns in sets if len(columns) > 1]
        self._tables = [_Table.of(part, values, space, correlations) for part in [free, *linked] if part]

    def sample(self, num_samples: int, generator: torch.Generator) -> Tensor:
        """Draw combinations with replacement, by their density; factor values ``(num_samples, K)`` int64."""
        return self.space.factors(self._draw(num_samples, generator))

    def change(self, factors: Tensor, changed: Tensor, generator: torch.Generator) -> Tensor:
        """Draw new values for some factors, by the density given the other factors.

        Values that never occur in training are not drawn, but held-out combinations may be.

        Args:
            factors: Factor values, shape ``(N, K)`` int64.
            changed: Which of them must change, shape ``(N, K)`` bool; changeable ones only.
            generator: Source of the draws.

        Returns:
            Factor values ``(N, K)`` int64 that differ from ``factors`` exactly where ``changed`` is true.
        """
        result = factors.clone()
        for columns, combinations, density in self._tables:
            differs = combinations != factors[:, columns][:, :, None]  # (N, S, M, C)
            fits = (differs == changed[:, columns][:, :, None]).all(dim=3)
            # Gumbel-max trick: the argmax of log densities plus Gumbel noise is a draw from the density
            noise = -torch.empty(fits.shape, dtype=torch.float64).exponential_(generator=generator).log()
            drawn = (density + noise).masked_fill_(~fits, -torch.inf).argmax(dim=2)  # (N, S)
            result[:, columns] = combinations[torch.arange(len(columns)), drawn]
        return result

    def contains(self, indices: Tensor) -> Tensor:
        """Return which combinations, given by number, are used in training; bool of the shape of ``indices``."""
        return self._contained[indices]


class _Table(NamedTuple):
    """Combinations of values, and their log density, of ``S`` sets of factors that are drawn independently.

    Attributes:
        columns: Factors of each set, shape ``(S, C)``.
        combinations: Their values, shape ``(S, M, C)``.
        density: Logarithms of the density, shape ``(S, M)``; minus infinity where a set has fewer than ``M``.
    """

    columns: Tensor
    combinations: Tensor
    density: Tensor

    @classmethod
    def of(
        cls,
        sets: list[list[int]],
        values: list[Tensor],
        space: FactorSpace,
        correlations: Sequence[FactorCorrelation],
    ) -> Self:
        """Return the table of ``sets`` of equally many columns, each factor with ``values``."""
        combinations, densities = [], []
        for columns in sets:
            grid = torch.cartesian_prod(*(values[column] for column in columns)).view(-1, len(columns))  # (M, C)
            factors = torch.zeros(len(grid), space.num_factors, dtype=torch.int64)
            factors[:, columns] = grid
            inside = [c for c in correlations if space.position(c.first) in columns]
            combinations.append(grid)
            densities.append(log_density(inside, space, factors))
        return cls(
            torch.tensor(sets),
            pad_sequence(combinations, batch_first=True),
            pad_sequence(densities, batch_first=True, padding_value=-torch.inf),
        )


def _linked_columns(space: FactorSpace, correlations: Sequence[FactorCorrelation]) -> list[list[int]]:
    """Return the columns of ``space`` in sets: the connected components of the correlations."""
    sets = [{column} for column in range(space.num_factors)]
    for correlation in correlations:
        linked = [part for part in sets if part & set(correlation.positions(space))]
        sets = [part for part in sets if part not in linked] + [set().union(*linked)]
    return [sorted(part) for part in sets]
