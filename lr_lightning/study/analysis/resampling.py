"""Bootstrap resamples of the runs of a study, as weights of the runs."""

from typing import Literal, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lr_lightning.common.checks import check_at_least, check_choice

Floats: TypeAlias = NDArray[np.float64]
Unit: TypeAlias = Literal["runs", "cells", "seeds"]
UNITS: tuple[Unit, ...] = ("runs", "cells", "seeds")


def resample_weights(cells: pd.Index, unit: Unit, num_resamples: int, generator: np.random.Generator) -> Floats:
    """Draw resamples of runs.

    What varies from resample to resample decides what an interval is about:

    - ``"seeds"``: the runs of each cell are resampled separately. The same grid, trained again with other seeds.
    - ``"runs"``: all runs are resampled. Other runs of the same kind; too wide for a fixed grid, where part of the
      variation is by design, and too narrow for other settings, because runs of a cell resemble each other.
    - ``"cells"``: whole cells are resampled. Other settings from the same range, with other seeds.

    Of ``m`` units, ``m - 1`` are drawn, each with the weight ``m / (m - 1)``, so that the variance of a mean over the
    resamples has no bias; with ``m`` draws it would be too small by the factor ``(m - 1) / m``, a half for two seeds.

    Args:
        cells: Cell of each of the ``N`` runs.
        unit: What is resampled.
        num_resamples: Number of resamples ``B``.
        generator: Source of the draws.

    Returns:
        Weights ``(B, N)``, whose rows sum to ``N`` (for ``"cells"``, if all cells have as many runs). ``(0, N)`` if
        nothing can vary: a single run or cell, or, for ``"seeds"``, if fewer than half of the cells have two runs.

    Raises:
        ValueError: If ``unit`` is unknown or ``num_resamples`` is below 1.

    References:
        J. N. K. Rao and C. F. J. Wu, Resampling inference with complex survey data, JASA 83 (1988).
    """
    check_choice("unit", unit, UNITS)
    check_at_least("num_resamples", num_resamples, 1)
    codes, names = pd.factorize(cells)
    sizes = np.bincount(codes, minlength=len(names))
    if unit == "runs":
        return _weights(len(codes), num_resamples, generator)
    if unit == "cells":
        return _weights(len(names), num_resamples, generator)[:, codes]
    if 2 * (sizes > 1).sum() < len(sizes):
        return np.empty((0, len(codes)))
    weights = np.ones((num_resamples, len(codes)))
    for cell in np.flatnonzero(sizes > 1):
        weights[:, codes == cell] = _weights(sizes[cell], num_resamples, generator)
    return weights


def _weights(count: int, num_resamples: int, generator: np.random.Generator) -> Floats:
    if count < 2:
        return np.empty((0, count))
    draws = generator.multinomial(count - 1, np.full(count, 1 / count), size=num_resamples)
    return draws.astype(np.float64) * np.float64(count / (count - 1))


def check_level(level: float) -> None:
    """Raise ``ValueError`` if the coverage of an interval is not in (0, 1), such as 95 for 95 %."""
    if not 0 < level < 1:
        raise ValueError(f"level must be between 0 and 1, such as 0.95, got {level}")


def percentile_interval(resampled: Floats, level: float = 0.95) -> tuple[Floats, Floats]:
    """Return the lower and upper end of the percentile interval of each statistic.

    Args:
        resampled: Values of the statistics in each resample, shape ``(B, ...)``.
        level: Nominal coverage.

    Returns:
        Arrays of shape ``(...)``; NaN where the statistic is undefined in more than a tenth of the resamples, or there
        are none.
    """
    shape = resampled.shape[1:]
    if not len(resampled):
        return np.full(shape, np.nan), np.full(shape, np.nan)
    defined = np.isfinite(resampled).mean(axis=0) >= 0.9
    tails = ((1 - level) / 2, (1 + level) / 2)
    # a statistic that is never defined would warn; its quantiles are replaced anyway
    low, high = np.nanquantile(np.where(defined, resampled, 0.0), tails, axis=0)
    return np.where(defined, low, np.nan), np.where(defined, high, np.nan)
