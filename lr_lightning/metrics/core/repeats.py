"""Standard error of a mean over repeats that all draw their rows from one table."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

ScoredOn: TypeAlias = Literal["train", "test"]
ErrorOver: TypeAlias = Literal["rows", "draws"]

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Draws:
    """What the repeats of a metric draw, each without replacement, from the same table.

    Attributes:
        num_rows: Rows of the table ``N``.
        num_train: Rows that each repeat trains on.
        num_test: Rows that each repeat holds out.
        full_grid: Whether the table is the whole population, see :func:`is_full_grid`.
    """

    num_rows: int
    num_train: int
    num_test: int
    full_grid: bool

    @property
    def error_over(self) -> ErrorOver:
        """What the error of a mean is over: other ``"draws"`` from the whole population, or new ``"rows"``."""
        return "draws" if self.full_grid else "rows"

    def shared_variance(self, scored_on: ScoredOn) -> float:
        r"""Return the variance that the repeats have in common, over that between them.

        With a share :math:`f` of the rows in each repeat it is :math:`f / (1 - f)`: infinite if each has all rows, and
        0 for a whole population, which does not vary.
        """
        if self.full_grid:
            return 0.0
        num_drawn = self.num_test if scored_on == "test" and self.num_test else self.num_train
        return num_drawn / (self.num_rows - num_drawn) if num_drawn < self.num_rows else math.inf


class RepeatedMean(NamedTuple):
    """A mean over repeats.

    Attributes:
        value: The mean.
        standard_error: Its standard error.
        low: Lower end of its 95 % interval.
        high: Upper end.
    """

    value: float
    standard_error: float
    low: float
    high: float


def repeated_mean(values: Sequence[float], shared_variance: float = 0.0) -> RepeatedMean:
    r"""Return the mean of ``values`` with its standard error and interval.

    .. math:: \mathrm{se}^2 = s^2 \left(\frac{1}{R} + \frac{f}{1 - f}\right)

    where :math:`s^2` is the variance of the :math:`R` values, and :math:`f` the share of the rows that each repeat
    draws. Repeats that share rows agree better with one another than with what new rows would give: of a mean over
    rows, :math:`s^2` estimates :math:`(1 - f) \sigma^2 / n`, and the repeats have :math:`f \sigma^2 / n` in common. The
    interval takes Student's t with :math:`R - 1` degrees of freedom, since :math:`s^2` is all that is estimated.

    This is exact where a score is a mean over rows, and close where it is almost one. What depends on pairs of rows, as
    the information of a latent of noise does, or on how a fit turns out, is shared less than :math:`f`: errors of such
    scores come out too large rather than too small (``benchmarks/repeat_coverage.py``).

    Args:
        values: A score in each of two repeats or more.
        shared_variance: :math:`f / (1 - f)`, see :meth:`Draws.shared_variance`; 0 for values that share nothing.

    Returns:
        The mean; error and ends of the interval are NaN if a value is not finite or ``shared_variance`` is infinite.

    References:
        Nadeau and Bengio, Inference for the Generalization Error, Machine Learning 52, 2003, for rows held out:
        :math:`f / (1 - f)` is their ratio of rows held out to rows trained on where the two are all rows.

    Example:
        >>> mean = repeated_mean([0.2, 0.4, 0.6], shared_variance=2.0)
        >>> round(mean.value, 3), round(mean.standard_error, 3), round(mean.low, 2), round(mean.high, 2)
        (0.4, 0.306, -0.91, 1.71)
    """
    from scipy.special import stdtrit

    value = float(np.mean(values))
    if not np.isfinite(values).all() or math.isinf(shared_variance):
        return RepeatedMean(value, math.nan, math.nan, math.nan)
    count = len(values)
    error = float(np.std(values, ddof=1)) * math.sqrt(1 / count + shared_variance)
    reach = float(stdtrit(count - 1, (1 + CONFIDENCE) / 2)) * error
    return RepeatedMean(value, error, value - reach, value + reach)


def is_full_grid(factors: NDArray[np.integer]) -> bool:
    """Return whether ``factors`` (N, K) hold each combination of the values of the factors exactly once.

    Such a table is the whole population: no other rows exist.
    """
    if not factors.shape[1]:
        return False
    columns = [np.unique(column, return_inverse=True) for column in factors.T]
    sizes = [len(values) for values, _ in columns]
    if math.prod(sizes) != len(factors):
        return False
    combinations = np.ravel_multi_index([inverse for _, inverse in columns], sizes)
    return bool((np.bincount(combinations, minlength=len(factors)) == 1).all())
