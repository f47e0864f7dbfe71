"""Mutual information gap."""

from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import mutual_info_score

from lr_lightning.metrics.core.chance_and_ceiling import with_levels
from lr_lightning.metrics.core.sample import Sampling, draw
from lr_lightning.metrics.mutual_information_gap import MutualInformationGap, mutual_information_gap
from lr_lightning.testing import MetricTester
from tests.metrics.cases import FIRST_ROWS, IDEAL_NAMES, REFERENCE_NAMES, ideal_case, reference_case


@pytest.mark.parametrize("name", REFERENCE_NAMES)
def test_as_the_reference(name: str) -> None:
    codes, factors, expected = reference_case(name)
    assert mutual_information_gap(codes, factors, sampling=FIRST_ROWS).value == pytest.approx(expected["mig"], abs=1e-6)


@pytest.mark.parametrize(
    ("name", "expected"),
    list(zip(IDEAL_NAMES, [0.993, 0.992, 0.01, 0.15, 0, 0.984, 0.985, 0.49, 0.13, 0], strict=True)),
)
def test_ideal_cases(name: str, expected: float) -> None:
    result = mutual_information_gap(*ideal_case(name), sampling=FIRST_ROWS)
    assert result.value == pytest.approx(expected, abs=0.03)


def test_matrix_is_that_of_scikit_learn() -> None:
    codes, factors = ideal_case("rotF")
    result = mutual_information_gap(codes, factors, sampling=FIRST_ROWS)
    column = codes[:2000, 1].double().numpy()
    width = (column.max() - column.min()) / 20
    bins = np.minimum((column - column.min()) // width, 19).astype(int)
    assert result.matrix is not None
    for k in range(4):
        expected = mutual_info_score(factors[:2000, k], bins)
        assert result.matrix[1, k].item() == pytest.approx(expected, abs=1e-9)


def test_ceiling_of_a_factor_with_more_values_than_bins() -> None:
    """An ordinal factor of 40 values in 20 bins keeps ln 20 of ln 40 nats."""
    factors = torch.cartesian_prod(torch.arange(40), torch.arange(20))
    sampling = Sampling(num_train=800, num_test=0)
    result = with_levels(mutual_information_gap, draw(factors.float(), factors, sampling), 1)
    ceiling = (np.log(20) / np.log(40) + 1) / 2
    assert result.scores["mig"].ceiling == pytest.approx(ceiling, abs=1e-12)
    assert result.value == pytest.approx(ceiling, abs=1e-12)


def test_quantile_bins_withstand_an_outlier() -> None:
    factors = torch.cartesian_prod(torch.arange(40), torch.arange(20))
    codes = factors.float()
    codes[0] = 1000.0
    sampling = Sampling(num_train=800, num_test=0)
    assert mutual_information_gap(codes, factors, sampling=sampling).value < 0.2
    quantile = with_levels(partial(mutual_information_gap, binning="quantile"), draw(codes, factors, sampling), 1)
    assert quantile.value > 0.8
    # 40 values share 20 bins of equal number in pairs, as they share those of equal width
    assert quantile.scores["mig"].ceiling == pytest.approx((np.log(20) / np.log(40) + 1) / 2, abs=1e-12)


def test_undefined_for_one_latent() -> None:
    codes, factors = ideal_case("ident")
    with pytest.warns(UserWarning, match="mig is undefined: it needs two latents"):
        assert np.isnan(mutual_information_gap(codes[:, :1], factors, sampling=FIRST_ROWS).value)


@given(st.permutations(range(4)), st.lists(st.sampled_from([-2.0, -1.0, 0.5, 8.0]), min_size=4, max_size=4))
def test_order_sign_and_scale_of_latents_do_not_matter(order: list[int], scale: list[float]) -> None:
    codes, factors, _ = reference_case("dct_rotation")
    expected = mutual_information_gap(codes, factors, sampling=FIRST_ROWS).value
    changed = codes[:, order] * torch.tensor(scale)
    # a code on the edge of a bin falls to its other side with another sign
    assert mutual_information_gap(changed, factors, sampling=FIRST_ROWS).value == pytest.approx(expected, abs=0.01)


@given(st.randoms(use_true_random=False))
def test_order_of_samples_does_not_matter(random: object) -> None:
    codes, factors, _ = reference_case("noise_and_leak")
    order = torch.randperm(len(codes), generator=torch.Generator().manual_seed(random.randint(0, 99)))  # type: ignore[attr-defined]
    sampling = Sampling(num_train=500, num_test=100, seed=3)
    first = mutual_information_gap(codes, factors, sampling=sampling)
    assert mutual_information_gap(codes[order], factors[order], sampling=sampling).value == first.value


class TestMutualInformationGap(MetricTester):
    metric_class = MutualInformationGap
    arguments = {"num_bins": 7, "binning": "quantile"}
    invalid = [{"num_bins": 1}, {"binning": "log"}]
    invariances = ["permuted latents", "dead latents", "rescaled latents"]
