"""Robust mutual information gap."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lr_lightning.metrics.core.sample import Sampling, draw
from lr_lightning.metrics.mutual_information_gap import mutual_information_gap
from lr_lightning.metrics.robust_mutual_information_gap import RobustMutualInformationGap, robust_mutual_information_gap
from lr_lightning.testing import MetricTester
from tests.metrics.cases import FIRST_ROWS, IDEAL_NAMES, REFERENCE_NAMES, ideal_case, reference_case


@pytest.mark.parametrize(
    ("name", "expected"),
    list(zip(IDEAL_NAMES, [1.78, 1.78, 0.02, 0.27, 0, 1.76, 1.76, 0.88, 0.23, 0], strict=True)),
)
def test_ideal_cases(name: str, expected: float) -> None:
    result = robust_mutual_information_gap(*ideal_case(name), sampling=FIRST_ROWS)
    assert result.value == pytest.approx(expected, abs=0.03)
    kept = result.per_factor["kept_in_bins"] * result.per_factor["entropy"]
    assert kept.numpy() == pytest.approx(math.log(6), abs=0.002)


@pytest.mark.parametrize("name", REFERENCE_NAMES)
def test_without_variances_it_is_the_mutual_information_gap(name: str) -> None:
    codes, factors, expected = reference_case(name)
    result = robust_mutual_information_gap(codes, factors, sampling=FIRST_ROWS)
    assert result["rmig_normalized"] == pytest.approx(expected["mig"], abs=1e-6)
    plain = mutual_information_gap(codes, factors, sampling=FIRST_ROWS)
    entropies = plain.per_factor["entropy"]
    assert result["rmig"] == pytest.approx((plain.per_factor["gap"] * entropies).mean().item(), abs=1e-9)
    assert torch.equal(result.per_factor["kept_in_bins"], plain.per_factor["kept_in_bins"])


def test_a_wider_posterior_says_less() -> None:
    codes, factors = ideal_case("ident")
    values = [
        robust_mutual_information_gap(
            codes, factors, log_variances=torch.full_like(codes, log_variance), sampling=FIRST_ROWS
        )["normalized"]
        for log_variance in (-20.0, -4.0, -2.0, 0.0, 4.0)
    ]
    assert values == sorted(values, reverse=True)
    assert values[0] > 0.98
    assert values[-1] < 0.05


def test_the_quantisation_of_the_paper() -> None:
    codes, factors = ideal_case("perm")  # the widest latent leaves the range
    log_variances = torch.full_like(codes, -4.0)
    result = robust_mutual_information_gap(
        codes, factors, log_variances=log_variances, num_bins=100, bin_range=(-4, 4), sampling=FIRST_ROWS
    )
    assert 0.5 < result["normalized"] < 1
    assert result.parameters == {"num_bins": 100, "bin_range": (-4, 4), "log_variances": True}


@settings(max_examples=5, deadline=None)
@given(st.permutations(range(4)), st.lists(st.sampled_from([-2.0, -1.0, 0.5, 8.0]), min_size=4, max_size=4))
def test_order_sign_and_scale_of_latents_do_not_matter(order: list[int], scale: list[float]) -> None:
    """With their variances; masses, unlike counts, do not jump where a code lies on an edge."""
    codes, factors, _ = reference_case("dct_rotation")
    log_variances = codes[:, [1, 2, 3, 0]].clamp(-3, 0) - 1
    expected = robust_mutual_information_gap(codes, factors, log_variances=log_variances, sampling=FIRST_ROWS)
    factor = torch.tensor(scale)
    changed = robust_mutual_information_gap(
        codes[:, order] * factor,
        factors,
        log_variances=log_variances[:, order] + 2 * factor.abs().log(),
        sampling=FIRST_ROWS,
    )
    assert changed["rmig"] == pytest.approx(expected["rmig"], abs=1e-5)  # float32 log-variances


def test_constant_factor_is_left_out() -> None:
    codes, factors, _ = reference_case("noise_and_leak")
    constant = torch.cat([factors, torch.ones(3000, 1, dtype=torch.int64)], dim=1)
    with pytest.warns(UserWarning, match="factors 4 take one value only") as caught:
        result = robust_mutual_information_gap(codes, constant, sampling=FIRST_ROWS)
    assert len(caught) == 1
    expected = robust_mutual_information_gap(codes, factors, sampling=FIRST_ROWS)
    for name in ("rmig", "rmig_normalized"):
        assert result[name] == pytest.approx(expected[name], abs=1e-12)
    for part in result.per_factor.values():
        assert part[4].item() == 0 or part[4].isnan()


def test_one_latent_is_undefined() -> None:
    codes, factors = ideal_case("ident")
    with pytest.warns(UserWarning, match="rmig is undefined: it needs two latents and a factor that varies") as caught:
        result = robust_mutual_information_gap(codes[:, :1], factors, sampling=FIRST_ROWS)
    assert len(caught) == 1
    assert np.isnan([score.value for score in result.scores.values()]).all()


def test_no_varying_factor_is_undefined() -> None:
    codes, factors = ideal_case("ident")
    with pytest.warns(UserWarning, match="factors 0, 1, 2, 3 take one value only|rmig is undefined") as caught:
        result = robust_mutual_information_gap(codes, torch.zeros_like(factors), sampling=FIRST_ROWS)
    assert [str(warning.message).split(" ")[0] for warning in caught] == ["factors", "rmig"]
    assert np.isnan([score.value for score in result.scores.values()]).all()


def test_a_sample_has_its_variances_already() -> None:
    sample = draw(*ideal_case("ident"), Sampling(100, 0))
    with pytest.raises(ValueError, match="a Sample has its factors, log_variances and sampling already"):
        robust_mutual_information_gap(sample, log_variances=torch.zeros(100, 4))


class TestRobustMutualInformationGap(MetricTester):
    metric_class = RobustMutualInformationGap
    arguments = {"num_bins": 7, "bin_range": (-3.0, 4.0)}
    invalid = [{"num_bins": 1}, {"bin_range": (1.0, 1.0)}]
    invariances = ["permuted latents", "dead latents"]
