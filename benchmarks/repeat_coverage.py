"""Coverage of the 95 % intervals of `num_repeats`: how often they contain the score of new rows, by simulation.

Many tables are drawn from one population of codes and factors. On each, a score is repeated; the simulation checks
whether its interval contains the mean score over all other tables. Factors have 3, 4 and 5 values; each has a latent
with noise and a part of another factor, and a fourth latent mixes two. "Noise" adds an uninformative latent. On the
full grid, of 3 x 4 x 5 x 25 combinations, the table is fixed and the draws of rows vary.

    OMP_NUM_THREADS=1 python benchmarks/repeat_coverage.py
    OMP_NUM_THREADS=1 python benchmarks/repeat_coverage.py --tables 400 --only "counting 1500" --values runs/coverage

Scores are saved in the folder given by `--values`; saved scores are not computed again.
"""

import argparse
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from measuring import Cell, Table, machine
from torch import Tensor

from lr_lightning.metrics import DCI, Explicitness, Modularity, MutualInformationGap, SeparatedAttributePredictability
from lr_lightning.metrics.base import DisentanglementMetric
from lr_lightning.metrics.core.repeats import Draws, repeated_mean
from lr_lightning.metrics.core.sample import Sampling, draw

FACTOR_SIZES = (3, 4, 5)
MIXING = ((1.0, 0.3, 0.0, 0.0), (0.5, 1.0, 0.0, 0.0), (0.0, 0.0, 1.0, 0.7))
NOISE = (0.3, 0.5, 0.4, 0.6)
REPEATS = (5, 20)
SCORED_ON_TEST = ("sap_tree", "explicitness_auc_test", "dci_lightgbm_informativeness_test")


@dataclass(frozen=True)
class Case:
    """A simulated case.

    Attributes:
        metrics: Creates the metrics.
        scores: Names of the scores.
        num_rows: Rows of each table.
        noise: Whether a latent of noise is added.
        full_grid: Whether the table is the whole population.
    """

    metrics: Callable[[], list[DisentanglementMetric]]
    scores: tuple[str, ...]
    num_rows: int = 1500
    noise: bool = False
    full_grid: bool = False


def _counting() -> list[DisentanglementMetric]:
    return [MutualInformationGap(), SeparatedAttributePredictability(predictor="r2"), Modularity()]


CASES = {
    **{f"counting {n}": Case(_counting, ("mig", "sap_r2", "modularity"), n) for n in (1500, 15_000, 60_000)},
    "dci 1500": Case(
        lambda: [DCI(estimator="lightgbm", num_trees=20)],
        ("dci_lightgbm_disentanglement", "dci_lightgbm_completeness", "dci_lightgbm_informativeness_test"),
    ),
    "held out 1500": Case(
        lambda: [SeparatedAttributePredictability(predictor="tree"), Explicitness()],
        ("sap_tree", "explicitness_auc_test"),
    ),
    "noise 1500": Case(_counting, ("mig", "modularity", "modularity_informative"), noise=True),
    "full grid 1500": Case(_counting, ("mig", "sap_r2", "modularity"), full_grid=True),
}


def code_table(num_rows: int, seed: int, noise: bool = False, full_grid: bool = False) -> tuple[Tensor, Tensor]:
    """Return codes ``(N, 4)``, or ``(N, 5)`` with noise, and factors ``(N, 3)``, or ``(N, 4)`` for a full grid."""
    random = np.random.default_rng([seed, num_rows])
    sizes = np.array(FACTOR_SIZES)
    if full_grid:
        grid = np.indices((*FACTOR_SIZES, num_rows // int(sizes.prod()))).reshape(4, -1).T
        factors = grid
    else:
        factors = random.integers(sizes, size=(num_rows, len(sizes)))
    standardized = (factors[:, :3] - (sizes - 1) / 2) / np.sqrt((sizes**2 - 1) / 12)
    codes = standardized @ np.array(MIXING) + random.normal(size=(num_rows, len(NOISE))) * NOISE
    if noise:
        codes = np.concatenate([codes, random.normal(size=(num_rows, 1))], axis=1)
    return torch.from_numpy(codes), torch.from_numpy(factors)


def simulated(case: Case, num_tables: int, num_repeats: int, same_draws: bool = False) -> dict[str, np.ndarray]:
    """Return each score ``(T, R)`` for every table and repeat, with the same or with different seeds for all tables."""
    metrics = case.metrics()
    values = {name: np.empty((num_tables, num_repeats)) for name in case.scores}
    for table in range(num_tables):
        codes, factors = code_table(case.num_rows, 0 if case.full_grid else table, case.noise, case.full_grid)
        for repeat in range(num_repeats):
            # Different seeds for each table: tables are sorted before rows are drawn, so a seed draws similar rows from
            # all of them.
            seed = repeat if same_draws and not case.full_grid else table * num_repeats + repeat
            sample = draw(codes, factors, Sampling(seed=1_000_003 * seed))
            found = {name: score.value for metric in metrics for name, score in metric.score(sample).scores.items()}
            for name, column in values.items():
                column[table, repeat] = found[name]
    return values


def coverage(values: np.ndarray, shared_variance: float) -> list[Cell]:
    """Return the true and stated errors of a mean over repeats, and how often the interval contains the true score.

    Args:
        values: A score ``(T, R)``.
        shared_variance: As in :func:`repeated_mean`; the last cell is the coverage without it, at 1.96 errors.
    """
    means = [repeated_mean(row, shared_variance) for row in values]
    centers = values.mean(axis=1)
    truths = (centers.sum() - centers) / (len(centers) - 1)  # the mean over all other tables
    held = np.mean([mean.low <= truth <= mean.high for mean, truth in zip(means, truths, strict=True)])
    independent = values.std(axis=1, ddof=1) / np.sqrt(values.shape[1])
    return [
        f"{centers.std(ddof=1):.4f}",
        f"{np.sqrt(np.mean([mean.standard_error**2 for mean in means])):.4f}",
        f"{100 * held:.0f} %",
        f"{100 * np.mean(np.abs(centers - truths) <= 1.96 * independent):.0f} %",
    ]


def rows_of(case: Case, values: dict[str, np.ndarray], repeats: Sequence[int] = REPEATS) -> list[list[Cell]]:
    """Return a row of the table for each score and number of repeats."""
    num_train, num_test = Sampling().sizes(case.num_rows)
    draws = Draws(case.num_rows, num_train, num_test, case.full_grid)
    kind = "full grid" if case.full_grid else "with noise" if case.noise else ""
    rows: list[list[Cell]] = []
    for name, column in values.items():
        shared = draws.shared_variance("test" if name in SCORED_ON_TEST else "train")
        for count in repeats:
            label = f"`{name}`" + f" ({kind})" * bool(kind)
            rows.append(
                [label, f"{case.num_rows:,}", str(count), str(len(column)), *coverage(column[:, :count], shared)]
            )
    return rows


def main() -> None:
    """Simulate and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", type=int, default=100, help="tables of each case (default: %(default)s)")
    parser.add_argument("--only", choices=CASES, nargs="+", default=list(CASES), help="cases (default: all)")
    parser.add_argument("--same_draws", action="store_true", help="use the same seeds for all tables")
    parser.add_argument("--values", type=Path, help="folder for the computed scores")
    options = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    table = Table(
        "Coverage of the intervals",
        ["score", "rows", "repeats", "tables", "true error", "stated error", "coverage", "coverage of ±1.96 s/√R"],
        [],
        note=f"On {machine()['processor']}.",
    )
    for name in options.only:
        case, kept = CASES[name], options.values and options.values / f"{name.replace(' ', '_')}.npz"
        if kept and kept.exists():
            with np.load(kept) as file:
                values = dict(file)
        else:
            values = simulated(case, options.tables, max(REPEATS), options.same_draws)
            if kept:
                kept.parent.mkdir(parents=True, exist_ok=True)
                np.savez(kept, **values)  # type: ignore[arg-type]
        table.rows += rows_of(case, values)
        print(table.markdown(), flush=True)


if __name__ == "__main__":
    main()
