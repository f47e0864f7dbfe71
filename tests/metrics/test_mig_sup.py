"""MIG-sup."""

import math
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import entropy
from sklearn.metrics import mutual_info_score

from lr_lightning.metrics.core.aggregations import mig_sup_gap
from lr_lightning.metrics.core.chance_and_ceiling import with_levels
from lr_lightning.metrics.core.sample import Sampling, draw
from lr_lightning.metrics.mig_sup import MIGSup, mig_sup
from lr_lightning.testing import MetricTester
from tests.metrics.cases import FIRST_ROWS, IDEAL_NAMES, ideal_case, reference_case, values_of


@pytest.mark.parametrize(
    ("name", "expected"),
    list(zip(IDEAL_NAMES[:-1], [0.993, 0.992, 0, 0.10, 0.993, 0.993, 0.993, 0.993, 0.67], strict=True)),
)
def test_ideal_cases_over_informative_latents(name: str, expected: float) -> None:
    assert mig_sup(*ideal_case(name), sampling=FIRST_ROWS).value == pytest.approx(expected, abs=0.03)


@pytest.mark.filterwarnings("ignore:mig_sup is undefined. it needs a latent:UserWarning")  # noise
@pytest.mark.parametrize(
    ("name", "expected"),
    list(zip(IDEAL_NAMES, [0.993, 0.992, 0, 0.10, 0.993, 0.497, 0.497, 0.50, 0.67, 0], strict=True)),
)
def test_ideal_cases_over_all_latents(name: str, expected: float) -> None:
    assert mig_sup(*ideal_case(name), sampling=FIRST_ROWS)["all"] == pytest.approx(expected, abs=0.03)


def test_few_lines_of_scikit_learn() -> None:
    codes, factors, _ = reference_case("dct_rotation")
    result = mig_sup(codes, factors, num_bins=10, sampling=FIRST_ROWS)
    gaps = []
    for column in codes[:2000].T.numpy():
        bins = np.digitize(column, np.histogram(column, 10)[1][1:-1])
        shares = [mutual_info_score(factor, bins) / entropy(np.bincount(factor)) for factor in factors[:2000].T.numpy()]
        gaps.append(np.diff(np.sort(shares)[-2:]).item())
    assert result.per_latent["gap"].numpy() == pytest.approx(np.array(gaps), abs=1e-9)
    assert result["mig_sup_all"] == pytest.approx(np.mean(gaps), abs=1e-9)
    assert result.matrix is not None
    entropies = torch.tensor([entropy(np.bincount(factor)) for factor in factors[:2000].T.numpy()])
    assert mig_sup_gap(result.matrix, entropies).item() == pytest.approx(np.mean(gaps), abs=1e-9)


def test_informative_latents_are_named() -> None:
    result = with_levels(mig_sup, draw(*ideal_case("nuis"), FIRST_ROWS))
    assert result.per_latent["informative"].tolist() == [1] * 4 + [0] * 4
    assert result.scores["mig_sup_all"].chance == pytest.approx(0, abs=0.01)
    assert result.scores["mig_sup"].chance is None  # no latent of noise is informative
    for score in result.scores.values():
        assert score.ceiling == pytest.approx(0.993, abs=0.005)  # what the bias of 2,000 rows leaves


def test_ceiling_of_factors_with_more_values_than_bins() -> None:
    grid = torch.cartesian_prod(torch.arange(40), torch.arange(20))
    sample = draw(grid.float(), grid, Sampling(800, 0))
    result = with_levels(mig_sup, sample, 1)
    expected = (math.log(20) / math.log(40) + 1) / 2
    assert result.scores["mig_sup"].ceiling == result.value == pytest.approx(expected, abs=1e-12)
    quantile = with_levels(partial(mig_sup, binning="quantile"), sample, 1)
    assert quantile.scores["mig_sup"].ceiling == quantile.value == pytest.approx(expected, abs=1e-12)  # 40 values again


@settings(max_examples=10, deadline=None)
@given(st.permutations(range(4)), st.lists(st.sampled_from([-2.0, -1.0, 0.5, 8.0]), min_size=4, max_size=4))
def test_order_sign_and_scale_of_latents_do_not_matter(order: list[int], scale: list[float]) -> None:
    codes, factors, _ = reference_case("dct_rotation")
    expected = mig_sup(codes, factors, sampling=FIRST_ROWS)
    result = mig_sup(codes[:, order] * torch.tensor(scale), factors, sampling=FIRST_ROWS)
    # a code on the edge of a bin falls to its other side with another sign
    assert result["mig_sup"] == pytest.approx(expected["mig_sup"], abs=0.01)


def test_duplicates_do_not_matter() -> None:
    codes, factors, _ = reference_case("noise_and_leak")
    for name in ("mig_sup", "mig_sup_all"):
        once = mig_sup(codes, factors, sampling=FIRST_ROWS)[name]
        assert mig_sup(codes.repeat(1, 3), factors, sampling=FIRST_ROWS)[name] == pytest.approx(once, abs=1e-12)


def test_seed_changes_chance_only() -> None:
    codes, factors, _ = reference_case("noise_and_leak")
    first, same, other = (
        with_levels(mig_sup, draw(codes, factors, Sampling(2000, 1000, "first", seed))) for seed in (0, 0, 1)
    )
    assert first.scores == same.scores
    assert first.value == other.value
    assert first.scores["mig_sup_all"].chance != other.scores["mig_sup_all"].chance


def test_no_informative_latent_is_undefined() -> None:
    message = "mig_sup is undefined: .*information about a factor than chance"
    with pytest.warns(UserWarning, match=message) as caught:
        result = mig_sup(*ideal_case("noise"), sampling=FIRST_ROWS)
    assert len(caught) == 1
    assert math.isnan(result["mig_sup"])
    assert result["mig_sup_all"] == pytest.approx(0, abs=0.01)


@pytest.mark.parametrize("factor", [0, 1])
def test_less_than_two_factors_are_undefined(factor: int) -> None:
    codes, factors = ideal_case("ident")
    with pytest.warns(UserWarning, match="factors 0 take one value only|mig_sup is undefined") as caught:
        result = mig_sup(codes, factors[:, :1] * factor, sampling=FIRST_ROWS)
    assert str(caught[-1].message) == "mig_sup is undefined: it needs two factors that vary"
    assert len(caught) == 2 - factor
    assert np.isnan([score.value for score in result.scores.values()]).all()


def test_constant_factor_is_left_out_and_one_latent_is_enough() -> None:
    codes, factors, _ = reference_case("noise_and_leak")
    constant = torch.cat([factors, torch.ones(3000, 1, dtype=torch.int64)], dim=1)
    with pytest.warns(UserWarning, match="factors 4 take one value only") as caught:
        result = mig_sup(codes[:, :1], constant, sampling=FIRST_ROWS)
    assert len(caught) == 1
    assert result["mig_sup"] == mig_sup(codes[:, :1], factors, sampling=FIRST_ROWS)["mig_sup"] > 0.5


def test_class() -> None:
    codes, factors = ideal_case("rotF")
    metric = MIGSup(num_bins=15, binning="quantile", sampling=FIRST_ROWS)
    metric.update(codes, factors)
    assert metric.compute() == values_of(mig_sup(codes, factors, num_bins=15, binning="quantile", sampling=FIRST_ROWS))


class TestMIGSup(MetricTester):
    metric_class = MIGSup
    arguments = {"num_bins": 7, "binning": "quantile"}
    invalid = [{"num_bins": 1}, {"binning": "log"}]
    invariances = ["permuted latents", "duplicated latents", "rescaled latents"]
    undefined_by_chance = ["mig_sup"]
