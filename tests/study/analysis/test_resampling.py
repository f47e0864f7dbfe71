"""Bootstrap resamples of runs."""

from collections.abc import Callable
from functools import partial

import numpy as np
import pandas as pd
import pytest

from lr_lightning.study.analysis.group_summaries import scores_by_strength
from lr_lightning.study.analysis.model_selection import model_selection
from lr_lightning.study.analysis.rank_correlation import rank_correlations
from lr_lightning.study.analysis.resampling import Unit, percentile_interval, resample_weights
from lr_lightning.study.analysis.transfer import transfer
from lr_lightning.study.analysis.variance_shares import variance_shares
from tests.study.analysis.tables import study_table


def draw(cells: list[int], unit: Unit, num_resamples: int = 4000) -> np.typing.NDArray[np.float64]:
    return resample_weights(pd.Index(cells), unit, num_resamples, np.random.default_rng(0))


def test_resamples_vary_as_means_do() -> None:
    """The variance of a mean over resamples has no bias, even with two runs in each cell."""
    cells = [0, 0, 1, 1, 2, 2]
    values = np.array([0.0, 1.0, 4.0, 7.0, 10.0, 10.0])
    variances = {unit: (draw(cells, unit) @ values / 6).var() for unit in ("runs", "cells", "seeds")}
    means, within = values.reshape(3, 2).mean(axis=1), values.reshape(3, 2).var(axis=1, ddof=1)
    expected = {"runs": values.var(ddof=1) / 6, "cells": means.var(ddof=1) / 3, "seeds": (within / 2).mean() / 3}
    for unit, variance in variances.items():
        assert variance == pytest.approx(expected[unit], rel=0.1)  # standard error of a variance: 1 / sqrt(2000)


def test_what_stays_together() -> None:
    cells = [0, 0, 0, 1, 1, 1]
    by_seeds, by_cells = draw(cells, "seeds", 50), draw(cells, "cells", 50)
    assert np.allclose(by_seeds.reshape(50, 2, 3).sum(axis=2), 3)
    assert (by_cells.reshape(50, 2, 3) == by_cells.reshape(50, 2, 3)[:, :, :1]).all()
    assert np.allclose(draw(cells, "runs", 50).sum(axis=1), 6)


def test_nothing_can_vary() -> None:
    assert draw([0], "runs").shape == (0, 1)
    assert draw([0, 0], "cells").shape == (0, 2)
    assert draw([0, 1, 2, 2], "seeds").shape == (0, 4)  # one of three cells has two runs
    single = draw([0, 0, 1], "seeds", 5)
    assert (single[:, 2] == 1).all()
    assert set(single[:, 0]) == {0.0, 2.0}


def test_refused_arguments() -> None:
    with pytest.raises(ValueError, match=r"unit.*models"):
        draw([0, 1], "models")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"num_resamples.*0"):
        draw([0, 1], "runs", 0)


def test_intervals() -> None:
    samples = np.stack([np.arange(101.0), np.full(101, np.nan), np.r_[np.full(5, np.nan), np.arange(96.0)]], axis=1)
    low, high = percentile_interval(samples, 0.9)
    assert low[0] == pytest.approx(5)
    assert high[0] == pytest.approx(95)
    assert np.isnan([low[1], high[1]]).all()
    assert high[2] == pytest.approx(0.95 * 95)  # a few undefined resamples are left out
    samples[:11, 2] = np.nan
    assert np.isnan(percentile_interval(samples)[0][2])
    assert np.isnan(percentile_interval(np.empty((0, 2)))[0]).all()


def test_levels_are_fractions() -> None:
    table = study_table(lambda run: {"mig": run.generator.normal()}, datasets=("Dots",))
    analyses: list[Callable[..., object]] = [rank_correlations, variance_shares, scores_by_strength]
    analyses += [partial(transfer, scores=["mig"]), partial(model_selection, selectors=["mig"], targets=["mig"])]
    for analysis in analyses:
        with pytest.raises(ValueError, match=r"level.*95"):
            analysis(table, level=95)
