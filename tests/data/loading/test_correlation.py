"""Density of correlated factors, and draws in proportion to weights."""

import math

import pytest
import torch
from scipy.stats import chisquare, norm

from lr_lightning.data import FactorCorrelation, FactorSpace
from lr_lightning.data.loading.correlation import WeightedDraw, log_density

SPACE = FactorSpace(["shape", "size", "hue", "nothing"], [3, 5, 4, 1])
ALL = SPACE.factors(torch.arange(60))


def test_density_is_a_gaussian_around_the_line_between_the_extremes() -> None:
    found = log_density([FactorCorrelation("shape", "size", 0.3)], SPACE, ALL)
    # c1 in 0, 1/2, 1 and c2 in 0, 1/4, ..., 1; the constant of the Gaussian is left out
    expected = norm.logpdf(ALL[:, 0] / 2 - ALL[:, 1] / 4, scale=0.3) - norm.logpdf(0, scale=0.3)
    assert found.dtype == torch.float64
    assert found.tolist() == pytest.approx(expected.tolist(), abs=1e-6)  # c1 and c2 are float32 in scipy's


def test_factors_may_be_exchanged() -> None:
    pair = [[FactorCorrelation(*names, 0.3)] for names in (("shape", "size"), ("size", "shape"))]
    assert torch.equal(log_density(pair[0], SPACE, ALL), log_density(pair[1], SPACE, ALL))


def test_densities_of_several_correlations_multiply() -> None:
    first, second = FactorCorrelation("shape", "size", 0.3), FactorCorrelation("size", "hue", 0.1)
    apart = log_density([first], SPACE, ALL) + log_density([second], SPACE, ALL)
    torch.testing.assert_close(log_density([first, second], SPACE, ALL), apart)


def test_density_is_uniform_without_correlations_and_with_infinite_sigma() -> None:
    assert log_density([], SPACE, ALL).tolist() == [0] * 60
    assert log_density([FactorCorrelation("shape", "hue", math.inf)], SPACE, ALL).abs().max() == 0


def test_takes_factors_of_any_shape() -> None:
    correlations = [FactorCorrelation("shape", "size", 0.3)]
    assert torch.equal(
        log_density(correlations, SPACE, ALL.view(5, 12, 4)), log_density(correlations, SPACE, ALL).view(5, 12)
    )


@pytest.mark.parametrize("sigma", [0.0, -1.0, math.nan])
def test_rejects_a_sigma_that_is_not_positive(sigma: float) -> None:
    with pytest.raises(ValueError, match=f"sigma must be positive, got {sigma}"):
        FactorCorrelation("shape", "size", sigma)


def test_rejects_a_factor_with_itself() -> None:
    with pytest.raises(ValueError, match="a correlation needs two different factors, got 'hue' twice"):
        FactorCorrelation("hue", "hue", 1.0)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("sizes", "correlations: there is no factor 'sizes'; did you mean 'size'\\? The factors are shape, size, hue"),
        ("zzz", "correlations: there is no factor 'zzz'. The factors are shape"),
        ("nothing", "correlations: nothing has a single value"),
    ],
)
def test_rejects_factors_that_cannot_be_correlated(name: str, message: str) -> None:
    for names in ((name, "hue"), ("hue", name)):
        with pytest.raises(ValueError, match=message):
            FactorCorrelation(*names, 0.2).positions(SPACE)


def test_positions_are_the_columns_of_the_factors() -> None:
    assert FactorCorrelation("hue", "shape", 0.2).positions(SPACE) == (2, 0)


def test_draws_follow_the_weights() -> None:
    weights = torch.tensor([1.0, 0.0, 3.0, 0.5, 2.0, 0.0])
    samples = torch.tensor([10, 11, 12, 13, 14, 15])
    drawn = WeightedDraw(samples, weights.double().log())(6500, torch.Generator().manual_seed(0))
    counts = (drawn - 10).bincount(minlength=6)
    assert counts[weights == 0].sum() == 0
    # significance 0.001: a correct sampler fails one seed in a thousand, and this seed is fixed
    assert chisquare(counts[weights > 0].numpy(), weights[weights > 0].numpy() * 1000).pvalue > 1e-3


def test_weights_far_below_the_smallest_number_still_count_against_each_other() -> None:
    draw = WeightedDraw(torch.arange(3), torch.tensor([-4000.0, -4000.0, -9000.0], dtype=torch.float64))
    counts = draw(1000, torch.Generator().manual_seed(0)).bincount(minlength=3)
    assert counts[2] == 0
    assert chisquare(counts[:2].numpy()).pvalue > 1e-3
