"""How much of the variation of scores is due to the objective, the strength of its regularization, and the seed."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lr_lightning.study.analysis.resampling import Floats, check_level
from lr_lightning.study.analysis.runs import scores_of_runs

SOURCES = ("objective", "strength", "seed")


def variance_shares(table: pd.DataFrame, scores: Iterable[str] | None = None, *, level: float = 0.95) -> pd.DataFrame:
    r"""Divide the variance of each score over the runs of each data set among objective, strength and seed.

    The sums of squares of the nested layout of runs in cells in objectives, with :math:`a` objectives, :math:`c` cells
    and :math:`N` runs, divide the total:

    .. math:: SS_\text{total} = SS_\text{objective} + SS_\text{cell in objective} + SS_\text{seed}

    The plain shares are their ratios to the total. That of the objective is the :math:`R^2` of a prediction from the
    objective, and that of objective and strength together the :math:`R^2` of a prediction from both, as in the study.
    With many categories and few seeds plain shares are too large: a score that depends on nothing but the seed gives
    the cells a share of :math:`(c - 1) / (N - 1)`, a fifth for five seeds. The adjusted shares are corrected by the
    variance within cells, :math:`MS = SS_\text{seed} / (N - c)`:

    .. math:: \frac{SS_\text{objective} - (a - 1) MS}{SS_\text{total}}, \quad
        \frac{SS_\text{cell in objective} - (c - a) MS}{SS_\text{total}}, \quad \frac{(N - 1) MS}{SS_\text{total}}

    They sum to 1 as well, and may be slightly negative. The last is 1 less the usual adjusted :math:`R^2` of objective
    and strength. Objectives and strengths are those of the grid, not a sample of others: the share of the objective
    includes that some objectives have better strengths in the grid. Missing runs are allowed: with unequal numbers of
    runs, each run weighs the same.

    Everything that differs between cells of an objective counts as strength, also if the grid has several parameters.

    Args:
        table: Tidy table of a study.
        scores: Names of the scores; all if ``None``.
        level: Coverage of the intervals.

    Returns:
        Three rows for each data set and score, with the columns ``dataset``, ``score``, ``source`` (``"objective"``,
        ``"strength"``, ``"seed"``), ``share``, ``adjusted``, ``standard_error``, ``low``, ``high``, ``num_runs``,
        ``num_missing`` (runs without the score), ``num_objectives``, ``num_cells`` and ``num_seeds`` (of the runs that
        have the score). Errors and intervals are those of the adjusted share, by
        the jackknife over seeds and Student's t.

        NaN where undefined: all of a score without variation; the shares of strength and seed, and all that are
        adjusted, if no cell has two runs; errors for fewer than three seeds.

    Raises:
        ValueError: If ``level`` is not in (0, 1), or as :func:`scores_of_runs`.

    References:
        Locatello et al., Challenging Common Assumptions in the Unsupervised Learning of Disentangled Representations,
        ICML 2019, section 5.4. The correction is Kelley's epsilon squared.
    """
    check_level(level)
    runs = scores_of_runs(table, scores)
    parts = []
    for dataset, of_dataset in runs.groupby("dataset", sort=False, observed=True):
        layout = _layout(of_dataset)
        found = _shares(layout.sums.sum(axis=0), layout.objectives)
        error, low, high = _jackknife(layout, found.adjusted, level)
        for number, source in enumerate(SOURCES):
            part = {
                "dataset": dataset,
                "score": runs.columns,
                "source": source,
                "share": found.plain[number],
                "adjusted": found.adjusted[number],
                "standard_error": error[number],
                "low": low[number],
                "high": high[number],
                "num_runs": found.num_runs,
                "num_missing": len(of_dataset) - found.num_runs,
                "num_objectives": found.num_objectives,
                "num_cells": found.num_cells,
                "num_seeds": layout.num_seeds,
            }
            parts.append(pd.DataFrame(part))
    shares = pd.concat(parts)
    order = {name: number for number, name in enumerate(runs.columns)}
    place = pd.Series(shares["score"].map(order).to_numpy(), index=shares.index)
    datasets = shares["dataset"].map({name: number for number, name in enumerate(dict.fromkeys(shares["dataset"]))})
    return shares.iloc[np.lexsort((place.to_numpy(), datasets.to_numpy()))].reset_index(drop=True)


class _Layout(NamedTuple):
    """Runs by seed and cell.

    Attributes:
        sums: Number of runs, sum of scores and sum of squares ``(S, 3, C, K)`` for each seed, cell and score.
        objectives: Number of the objective of each cell ``(C,)``.
    """

    sums: Floats
    objectives: NDArray[np.int64]

    @property
    def num_seeds(self) -> NDArray[np.int64]:
        """Number of seeds with a run that has the score, ``(K,)``."""
        found: NDArray[np.int64] = (self.sums[:, 0].sum(axis=1) > 0).sum(axis=0)
        return found


class _Shares(NamedTuple):
    plain: Floats
    adjusted: Floats
    num_runs: NDArray[np.int64]
    num_objectives: NDArray[np.int64]
    num_cells: NDArray[np.int64]


def _layout(runs: pd.DataFrame) -> _Layout:
    seeds, cells = (pd.factorize(runs.index.get_level_values(level))[0] for level in ("seed", "cell"))
    objectives, _ = pd.factorize(runs.index.get_level_values("objective"))
    values = runs.to_numpy()
    known = np.isfinite(values)
    count = known.sum(axis=0)
    center = np.where(known, values, 0.0).sum(axis=0) / np.maximum(count, 1)
    spread = np.max(np.where(known, np.abs(values - center), 0.0), axis=0)
    # deviations are scaled, for scores of any unit; what rounding leaves of a constant score becomes exactly 0
    constant = spread <= 1e-12 * np.abs(center)
    scaled = np.where(known & ~constant, (values - center) / np.where(constant | (spread == 0), 1.0, spread), 0.0)
    sums = np.zeros((seeds.max() + 1, 3, cells.max() + 1, values.shape[1]))
    for number, addend in enumerate((known, scaled, scaled**2)):
        np.add.at(sums[:, number], (seeds, cells), addend)
    of_cells = np.zeros(cells.max() + 1, dtype=np.int64)
    of_cells[cells] = objectives
    return _Layout(sums, of_cells)


def _shares(sums: Floats, objectives: NDArray[np.int64]) -> _Shares:
    """Return the shares ``(3, K)`` from the sums ``(3, C, K)`` of cells."""
    of_objectives = np.zeros((3, objectives.max() + 1, sums.shape[2]))
    np.add.at(of_objectives.swapaxes(0, 1), objectives, sums.swapaxes(0, 1))
    count, total, squares = sums.sum(axis=1)
    correction = _ratio(total**2, count)
    all_squares = squares - correction
    between_cells, between_objectives = (
        np.nansum(_ratio(part[1] ** 2, part[0]), axis=0) - correction for part in (sums, of_objectives)
    )
    num_cells, num_objectives = (sums[0] > 0).sum(axis=0), (of_objectives[0] > 0).sum(axis=0)
    within = np.where(count > num_cells, all_squares - between_cells, np.nan)
    mean_square = _ratio(within, count - num_cells)
    parts = np.stack([between_objectives, between_cells - between_objectives + 0 * within, within])
    bias = np.stack([num_objectives - 1, num_cells - num_objectives, num_cells - 1]) * mean_square
    bias[2] *= -1
    varies = np.where(all_squares > 0, all_squares, np.nan)
    return _Shares(
        plain=parts / varies,
        adjusted=(parts - bias) / varies,
        num_runs=count.astype(np.int64),
        num_objectives=num_objectives,
        num_cells=num_cells,
    )


def _ratio(numerator: Floats, denominator: Floats) -> Floats:
    """Return the ratio, NaN where the denominator is 0."""
    ratio: Floats = numerator / np.where(denominator == 0, np.nan, denominator)
    return ratio


def _jackknife(layout: _Layout, estimate: Floats, level: float) -> tuple[Floats, Floats, Floats]:
    """Return standard errors and intervals ``(3, K)`` of the adjusted shares, leaving out one seed at a time."""
    from scipy.stats import t

    total, num_seeds = layout.sums.sum(axis=0), layout.num_seeds
    without = np.stack([_shares(total - of_seed, layout.objectives).adjusted for of_seed in layout.sums])
    # seeds without a run that has the score are no seeds of it: they would add degrees of freedom
    counts = (layout.sums[:, :1].sum(axis=2) > 0).astype(np.float64)  # (S, 1, K)
    number = np.where(num_seeds < 3, np.nan, num_seeds)
    deviations = (without - (without * counts).sum(axis=0) / number) * counts
    error = np.sqrt((number - 1) / number * (deviations**2).sum(axis=0))
    reach = t.ppf((1 + level) / 2, number - 1) * error
    return error, estimate - reach, estimate + reach
