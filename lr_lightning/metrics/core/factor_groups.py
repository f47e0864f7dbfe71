"""Rows of a code table that share the value of one factor, drawn many at a time."""

import warnings
from dataclasses import dataclass

import numpy as np

from lr_lightning.metrics.core.sample import Integers, Sample


@dataclass(frozen=True, eq=False)
class FactorGroups:
    """Rows sorted by the value of each factor, so that draws among those that share a value need no search.

    A value that one row alone has is never drawn: that row has no partner but itself.

    Attributes:
        factors: Factor values ``(N, K)``, numbered from 0.
        order: For each factor all rows ``(K, N)``: value by value, those without a partner last.
        start: Where in ``order`` the rows of each value begin, ``(K, V)`` with ``V`` the largest number of values.
        count: How many rows have each value, ``(K, V)``.
        num_shared: How many rows of each factor have a partner, ``(K,)``.
        position: Where in ``order`` each row lies, ``(K, N)``.
    """

    factors: Integers
    order: Integers
    start: Integers
    count: Integers
    num_shared: Integers
    position: Integers

    def draw_rows(self, kept: Integers, size: int, random: np.random.Generator) -> Integers:
        """Return ``size`` rows for each factor of ``kept`` (P,), with replacement among those with a partner."""
        limits = self.num_shared[kept][:, None]
        return self.order[kept[:, None], random.integers(0, limits, size=(len(kept), size))]

    def draw_group(self, rows: Integers, kept: Integers, random: np.random.Generator) -> Integers:
        """Return for each of ``rows`` (P, B) one drawn among those with its value of the factor of ``kept`` (P,)."""
        factor = kept[:, None]
        value = self.factors[rows, factor]
        drawn: Integers = self.order[factor, self.start[factor, value] + random.integers(0, self.count[factor, value])]
        return drawn

    def draw_partners(self, rows: Integers, kept: Integers, random: np.random.Generator) -> Integers:
        """Return the same as :meth:`draw_group`, but no row is its own partner."""
        factor = kept[:, None]
        value = self.factors[rows, factor]
        start = self.start[factor, value]
        drawn = random.integers(0, self.count[factor, value] - 1)
        partners: Integers = self.order[factor, start + drawn + (start + drawn >= self.position[factor, rows])]
        return partners


def group_rows(factors: Integers) -> FactorGroups:
    """Return the rows of a table of factor values ``(N, K)``, numbered from 0, grouped by the value of each factor."""
    num_values = int(factors.max(initial=0)) + 1
    orders, starts, counts = [], [], []
    for column in factors.T:
        count = np.bincount(column, minlength=num_values)
        orders.append(np.lexsort([column, count[column] < 2]))
        shared = np.where(count > 1, count, 0)
        starts.append(np.cumsum(shared) - shared)  # of values that are drawn; the others are never asked for
        counts.append(count)
    count = np.stack(counts)
    num_shared = np.where(count > 1, count, 0).sum(axis=1)
    order = np.stack(orders)
    return FactorGroups(factors, order, np.stack(starts), count, num_shared, np.argsort(order, axis=1))


def factor_groups(sample: Sample) -> tuple[FactorGroups, FactorGroups]:
    """Return the groups of the rows to train on and of those to test on, computed once per sample."""
    train = sample.shared("factor groups", lambda: group_rows(sample.pool[1]))
    if sample.test_pool[1] is sample.pool[1]:
        return train, train
    return train, sample.shared("factor groups of the test rows", lambda: group_rows(sample.test_pool[1]))


def factors_with_groups(sample: Sample) -> list[int]:
    """Return the varying factors with a value that two rows to train on share, and two to test on if there are any.

    Warns, once for each set of rows, of varying factors that have none.
    """
    train, test = factor_groups(sample)
    has_test = len(test.factors) > 0
    kept = [k for k in sample.varying_factors if train.num_shared[k] and (test.num_shared[k] or not has_test)]
    lonely = sorted(set(sample.varying_factors) - set(kept))
    if lonely:
        sample.shared("warned of factors without groups", lambda: _warn(lonely))
    return kept


def _warn(lonely: list[int]) -> bool:
    names = ", ".join(map(str, lonely))
    warnings.warn(
        f"no two rows share a value of factors {names}; scores of pairs and batches leave them out", stacklevel=5
    )
    return True
