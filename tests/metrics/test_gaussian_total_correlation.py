"""Total correlation of the Gaussian with the covariance of the codes."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lr_lightning.metrics.core.sample import Sampling, draw
from lr_lightning.metrics.gaussian_total_correlation import GaussianTotalCorrelation, gaussian_total_correlation
from lr_lightning.metrics.mutual_information_gap import mutual_information_gap
from lr_lightning.testing import MetricTester
from tests.metrics.cases import FIRST_ROWS, IDEAL_NAMES, ideal_case, reference_case

ALL_ROWS = Sampling(num_train=1000, num_test=0)


@pytest.mark.parametrize("name", ["ideal", "noise_and_leak", "dct_rotation"])
def test_as_the_reference(name: str) -> None:
    codes, _, expected = reference_case(name)
    value = gaussian_total_correlation(codes, sampling=FIRST_ROWS).value
    assert value == pytest.approx(expected["gaussian_total_correlation"], abs=1e-6)


def test_copies_are_infinite_as_in_the_reference() -> None:
    codes, _, expected = reference_case("duplicated")
    assert expected["gaussian_total_correlation"] is None  # infinite
    with pytest.warns(UserWarning, match="is infinite: a latent is a linear function of others"):
        assert gaussian_total_correlation(codes, sampling=FIRST_ROWS).value == math.inf


@pytest.mark.parametrize(
    ("name", "expected"),
    list(zip(IDEAL_NAMES, [0.002, 0.003, 0.001, 0.002, 26.2, 0.007, 0.009, 0.003, 0.005, 0.001], strict=True)),
)
def test_ideal_cases(name: str, expected: float) -> None:
    codes, factors = ideal_case(name)
    result = gaussian_total_correlation(codes, factors, sampling=FIRST_ROWS)
    assert result.value == pytest.approx(expected, abs=0.035 if name == "dup" else 0.01)  # 26.2 is a rounded value


def test_closed_form_of_two_latents() -> None:
    """Two latents of correlation r have -log(1 - r^2) / 2 nats."""
    x = torch.randn(1000, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    codes = torch.stack([x[:, 0], 3 * x[:, 0] - x[:, 1] + 100], dim=1)
    r = np.corrcoef(codes.numpy().T)[0, 1]
    result = gaussian_total_correlation(codes, sampling=ALL_ROWS)
    assert result.value == pytest.approx(-math.log(1 - r**2) / 2, abs=1e-9)
    assert result.matrix is not None
    assert result.matrix[0, 1].item() == pytest.approx(r, abs=1e-12)
    assert result.matrix_axes == ("latent", "latent")
    expected = torch.from_numpy(codes.numpy().var(axis=0, ddof=1))
    assert torch.allclose(result.per_latent["variance"], expected, rtol=1e-9)


def test_linear_function_of_other_latents_is_infinite() -> None:
    """Three latents in five dimensions, with the round-off of a matrix product."""
    generator = torch.Generator().manual_seed(0)
    codes, mixing = (torch.randn(*shape, generator=generator, dtype=torch.float64) for shape in ((1000, 3), (3, 5)))
    with pytest.warns(UserWarning, match="is infinite"):
        assert gaussian_total_correlation(codes @ mixing, sampling=ALL_ROWS).value == math.inf


def test_near_copy_is_resolved_where_the_covariance_in_double_precision_is_singular() -> None:
    """With a part e of noise, correlation r has 1 - r^2 = e^2 / (1 + e^2)."""
    x = torch.randn(1000, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    q = torch.linalg.qr(x - x.mean(dim=0)).Q
    codes = torch.stack([q[:, 0], q[:, 0] + 1e-9 * q[:, 1]], dim=1)
    assert gaussian_total_correlation(codes, sampling=ALL_ROWS).value == pytest.approx(-math.log(1e-9), abs=1e-3)


@given(st.permutations(range(4)), st.lists(st.sampled_from([-2.0, -1.0, 0.5, 8.0]), min_size=4, max_size=4))
def test_order_sign_scale_and_offset_of_latents_do_not_matter(order: list[int], scale: list[float]) -> None:
    codes, _, _ = reference_case("noise_and_leak")
    codes = codes[:, :4].double()
    expected = gaussian_total_correlation(codes, sampling=FIRST_ROWS).value
    changed = codes[:, order] * torch.tensor(scale) + 7
    assert gaussian_total_correlation(changed, sampling=FIRST_ROWS).value == pytest.approx(expected, abs=1e-10)


def test_constant_latents_are_left_out() -> None:
    codes, _, expected = reference_case("noise_and_leak")
    constant = torch.full((3000, 1), 0.1, dtype=torch.float64)  # whose mean is rounded: less that, it would not be 0
    result = gaussian_total_correlation(torch.cat([codes, constant], dim=1), sampling=FIRST_ROWS)
    assert result.value == pytest.approx(expected["gaussian_total_correlation"], abs=1e-6)
    assert result.per_latent["variance"][-1] == 0
    assert result.matrix is not None
    assert result.matrix[-1].isnan().all()


def test_one_latent_has_no_correlation() -> None:
    value = gaussian_total_correlation(ideal_case("ident")[0][:, :1], sampling=FIRST_ROWS).value
    assert value == pytest.approx(0, abs=1e-12)


def test_only_constant_latents_is_undefined() -> None:
    with pytest.warns(UserWarning, match="is undefined: it needs a latent that varies"):
        assert math.isnan(gaussian_total_correlation(torch.full((30, 2), 0.1, dtype=torch.float64)).value)


def test_fewer_rows_than_latents_is_infinite() -> None:
    codes = torch.randn(5, 6, generator=torch.Generator().manual_seed(0))
    for latent_dim in (5, 6):
        with pytest.warns(UserWarning, match="no more rows than latents"):
            assert gaussian_total_correlation(codes[:, :latent_dim], sampling=Sampling(5, 0)).value == math.inf
    assert gaussian_total_correlation(codes[:, :4], sampling=Sampling(5, 0)).value < math.inf


def test_factors_may_be_missing_here_and_only_where_they_are_not_needed() -> None:
    codes, factors = ideal_case("rotF")
    without = draw(codes, None, FIRST_ROWS)
    assert without.factors.shape == (2000, 0)
    assert (
        gaussian_total_correlation(without).value == gaussian_total_correlation(draw(codes, factors, FIRST_ROWS)).value
    )
    assert draw(codes, None).codes.shape == (2000, 4)  # rows drawn at random
    with pytest.raises(ValueError, match="the sample has no factors"):
        mutual_information_gap(without)
    with pytest.raises(ValueError, match="a Sample has its factors"):
        gaussian_total_correlation(without, factors)


class TestGaussianTotalCorrelation(MetricTester):
    metric_class = GaussianTotalCorrelation
    invariances = ["permuted latents", "dead latents", "rescaled latents"]
