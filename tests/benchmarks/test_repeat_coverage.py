"""The simulation of intervals, on values with known errors."""

import numpy as np
from repeat_coverage import CASES, code_table, coverage, rows_of

from lr_lightning.metrics.core.repeats import is_full_grid


def test_coverage_with_known_shared_variance() -> None:
    """Table effects have twice the variance between repeats, as for draws of two thirds of the rows."""
    random = np.random.default_rng(0)
    values = np.sqrt(2) * random.normal(size=(2000, 1)) + random.normal(size=(2000, 5))
    true, stated, held, independent = coverage(values, shared_variance=2.0)
    assert true == f"{values.mean(axis=1).std(ddof=1):.4f}"
    assert abs(float(str(stated)) - np.sqrt(2.2)) < 0.06  # four deviations of sqrt(2.2 / (2 * 2000 * 4)) * sqrt(2.2)
    assert abs(float(str(held).split()[0]) - 95) < 3
    assert float(str(independent).split()[0]) < 50


def test_tables_are_samples_or_the_whole_population() -> None:
    codes, factors = code_table(1500, seed=1, noise=True)
    assert codes.shape == (1500, 5)
    assert not is_full_grid(factors.numpy())
    assert is_full_grid(code_table(1500, seed=0, full_grid=True)[1].numpy())


def test_a_row_for_each_score_and_number_of_repeats() -> None:
    values = {"mig": np.random.default_rng(0).normal(size=(10, 20))}
    rows = rows_of(CASES["noise 1500"], values)
    assert [row[:4] for row in rows] == [["`mig` (with noise)", "1,500", repeats, "10"] for repeats in ("5", "20")]
