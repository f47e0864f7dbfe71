"""DCIMIG."""

import math
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import entropy
from sklearn.metrics import mutual_info_score

from lr_lightning.metrics.core.chance_and_ceiling import with_levels
from lr_lightning.metrics.core.sample import Sampling, draw
from lr_lightning.metrics.dcimig import DCIMIG, dcimig
from lr_lightning.testing import MetricTester
from tests.metrics.cases import FIRST_ROWS, IDEAL_NAMES, ideal_case, reference_case


@pytest.mark.parametrize(
    ("name", "expected"),
    list(zip(IDEAL_NAMES, [0.993, 0.992, 0, 0.08, 0.993, 0.992, 0.992, 0.50, 0.74, 0], strict=True)),
)
def test_ideal_cases(name: str, expected: float) -> None:
    result = with_levels(dcimig, draw(*ideal_case(name), FIRST_ROWS))
    assert result.value == pytest.approx(expected, abs=0.03)
    assert result.scores["dcimig"].chance == pytest.approx(0, abs=0.01)


@pytest.mark.parametrize("name", ["noise_and_leak", "dct_rotation"])
def test_few_lines_of_scikit_learn(name: str) -> None:
    codes, factors, _ = reference_case(name)
    result = dcimig(codes, factors, sampling=FIRST_ROWS)
    owned: dict[int, float] = {}
    for column in codes[:2000].T.numpy():
        bins = np.digitize(column, np.histogram(column, 20)[1][1:-1])
        information = [mutual_info_score(factor, bins) for factor in factors[:2000].T.numpy()]
        best = int(np.argmax(information))
        owned[best] = max(owned.get(best, 0), np.diff(np.sort(information)[-2:]).item())
    entropies = [entropy(np.bincount(factor)) for factor in factors[:2000].T.numpy()]
    assert result.value == pytest.approx(sum(owned.values()) / sum(entropies), abs=1e-9)


def test_parts() -> None:
    """Latents 0 and 1 carry factor 1, the first with noise; none carries factor 0, and latent 2 nothing."""
    factors = torch.cartesian_prod(torch.arange(3), torch.arange(4)).repeat(40, 1)
    noise = torch.randn(480, 1, generator=torch.Generator().manual_seed(0))
    codes = torch.cat([factors[:, 1:] + noise, factors[:, 1:], torch.zeros(480, 1)], dim=1)
    result = dcimig(codes, factors, sampling=Sampling(480, 0))
    assert result.per_factor["latent"].nan_to_num(-1).tolist() == [-1, 1]
    assert result.per_factor["gap"].numpy() == pytest.approx(np.array([0, math.log(4)]), abs=1e-12)
    assert result.per_latent["gap"][2] == 0
    assert result.value == pytest.approx(math.log(4) / math.log(12), abs=1e-12)


def test_ceiling_of_factors_with_more_values_than_bins() -> None:
    grid = torch.cartesian_prod(torch.arange(40), torch.arange(20))
    sample = draw(grid.float(), grid, Sampling(800, 0))
    result = with_levels(dcimig, sample, 1)
    expected = 2 * math.log(20) / math.log(800)
    assert result.scores["dcimig"].ceiling == pytest.approx(expected, abs=1e-12)
    assert result.value == pytest.approx(expected, abs=1e-12)
    quantile = with_levels(partial(dcimig, binning="quantile"), sample, 1)
    assert quantile.scores["dcimig"].ceiling == quantile.value == pytest.approx(expected, abs=1e-12)  # 40 values again


@settings(max_examples=10, deadline=None)
@given(st.permutations(range(4)), st.lists(st.sampled_from([-2.0, -1.0, 0.5, 8.0]), min_size=4, max_size=4))
def test_order_sign_and_scale_of_latents_do_not_matter(order: list[int], scale: list[float]) -> None:
    codes, factors, _ = reference_case("dct_rotation")
    expected = dcimig(codes, factors, sampling=FIRST_ROWS).value
    result = dcimig(codes[:, order] * torch.tensor(scale), factors, sampling=FIRST_ROWS)
    # a code on the edge of a bin falls to its other side with another sign
    assert result.value == pytest.approx(expected, abs=0.01)


def test_duplicates_and_dead_latents_do_not_matter() -> None:
    codes, factors, _ = reference_case("noise_and_leak")
    once = dcimig(codes, factors, sampling=FIRST_ROWS).value
    more = torch.cat([codes, codes, torch.full((3000, 2), 0.1)], dim=1)
    assert dcimig(more, factors, sampling=FIRST_ROWS).value == pytest.approx(once, abs=1e-12)


def test_constant_factor_is_left_out_and_one_latent_is_enough() -> None:
    codes, factors, _ = reference_case("noise_and_leak")
    constant = torch.cat([torch.ones(3000, 1, dtype=torch.int64), factors], dim=1)
    with pytest.warns(UserWarning, match="factors 0 take one value only") as caught:
        result = dcimig(codes[:, :1], constant, sampling=FIRST_ROWS)
    assert len(caught) == 1
    assert result.scores["dcimig"][:2] == dcimig(codes[:, :1], factors, sampling=FIRST_ROWS).scores["dcimig"][:2]
    assert result.value > 0.1
    assert result.per_factor["gap"][0].isnan()
    assert result.per_factor["latent"][0].isnan()


@pytest.mark.parametrize("factor", [0, 1])
def test_less_than_two_factors_are_undefined(factor: int) -> None:
    codes, factors = ideal_case("ident")
    with pytest.warns(UserWarning, match="factors 0 take one value only|dcimig is undefined") as caught:
        result = dcimig(codes, factors[:, :1] * factor, sampling=FIRST_ROWS)
    assert str(caught[-1].message) == "dcimig is undefined: it needs two factors that vary"
    assert len(caught) == 2 - factor
    assert math.isnan(result.value)
    assert result.per_latent["gap"].isnan().all()


def test_class() -> None:
    codes, factors = ideal_case("rotF")
    metric = DCIMIG(num_bins=15, binning="quantile", sampling=FIRST_ROWS)
    metric.update(codes, factors)
    assert metric.compute() == dcimig(codes, factors, num_bins=15, binning="quantile", sampling=FIRST_ROWS).value


class TestDCIMIG(MetricTester):
    metric_class = DCIMIG
    arguments = {"num_bins": 7, "binning": "quantile"}
    invalid = [{"num_bins": 1}, {"binning": "log"}]
    invariances = ["permuted latents", "duplicated latents", "dead latents", "rescaled latents"]
