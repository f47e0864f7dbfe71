"""How posteriors spread over bins, against sampling and closed forms."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy.stats import entropy, norm
from sklearn.metrics import mutual_info_score
from torch import Tensor

from lr_lightning.metrics.core.information import mutual_information
from lr_lightning.metrics.core.posterior_bins import binned_information, check_posterior_bins, joint_tables
from lr_lightning.metrics.core.reference_codes import shuffled_sample
from lr_lightning.metrics.core.sample import Sample, Sampling, draw
from tests.metrics.cases import FIRST_ROWS, ideal_case


def posterior_sample(num_samples: int = 2500, latent_dim: int = 2) -> Sample:
    """Return noisy means of two factors, more rows than are taken at once, with posteriors of many widths."""
    generator = torch.Generator().manual_seed(0)
    factors = torch.stack([torch.randint(size, (num_samples,), generator=generator) for size in (3, 5)], dim=1)
    means = factors[:, torch.arange(latent_dim) % 2] + 0.2 * torch.randn(num_samples, latent_dim, generator=generator)
    log_variances = torch.randn(num_samples, latent_dim, generator=generator) - 2
    return draw(means, factors, Sampling(num_samples, 0, "first"), log_variances)


def tables(sample: Sample, num_bins: int, bin_range: tuple[float, float] | None) -> list[list[np.ndarray]]:
    return list(joint_tables(sample, sample.factors, num_bins, bin_range))


def test_tables_are_those_of_scipy() -> None:
    """Row by row, with the distribution function of SciPy; 2,500 rows are more than one chunk and no multiple of it."""
    sample = posterior_sample()
    edges = np.linspace(-1, 4, 11)
    assert sample.log_variances is not None
    for j, by_factor in enumerate(tables(sample, 10, (-1, 4))):
        deviations = np.exp(sample.log_variances[:, j].astype(float) / 2)
        below = norm.cdf(edges, sample.codes[:, j, None].astype(float), deviations[:, None])
        below[:, 0], below[:, -1] = 0, 1
        masses = np.diff(below, axis=1)
        for k, table in enumerate(by_factor):
            expected = [masses[sample.factors[:, k] == value].sum(axis=0) for value in range((3, 5)[k])]
            assert table == pytest.approx(np.array(expected).T, abs=1e-9)


@pytest.mark.parametrize("bin_range", [None, (-1.0, 4.0), (0.5, 1.0)])
def test_soft_information_is_what_sampling_estimates(bin_range: tuple[float, float] | None) -> None:
    """Samples of the posteriors, counted in bins by NumPy, as the paper does it."""
    sample = posterior_sample()
    assert sample.log_variances is not None
    deviations = np.exp(sample.log_variances.astype(float) / 2)
    draws = 200
    noise = np.random.default_rng(0).normal(size=(draws, *sample.codes.shape))
    sampled = sample.codes + deviations * noise  # (draws, N, D)
    information, joint_entropy = binned_information(sample, 20, bin_range)
    for j in range(2):
        low, high = bin_range or (
            (sample.codes[:, j] - 3 * deviations[:, j]).min(),
            (sample.codes[:, j] + 3 * deviations[:, j]).max(),
        )
        bins = np.digitize(sampled[:, :, j].ravel(), np.linspace(low, high, 21)[1:-1])
        for k in range(2):
            factor = np.tile(sample.factors[:, k], draws)
            # half a million draws: standard errors of about 1 / sqrt(500,000) nats, and less bias
            assert information[j, k].item() == pytest.approx(mutual_info_score(factor, bins), abs=5 * 1.4e-3)
            counts = np.bincount(bins * 5 + factor)
            assert joint_entropy[j, k].item() == pytest.approx(entropy(counts), abs=5 * 1.4e-3)


def test_closed_form_of_two_normals() -> None:
    """A binary factor that moves a normal latent of one width: p(b | y) is a difference of distribution functions."""
    factor = torch.arange(1000)[:, None] % 2
    means = (2 * factor - 1).double()
    log_variances = torch.full_like(means, 2 * math.log(0.7))
    sample = draw(means, factor, Sampling(1000, 0), log_variances)
    edges = [-math.inf, *np.linspace(-4, 4, 101)[1:-1], math.inf]
    conditional = np.array(
        [[norm.cdf(high, mean, 0.7) - norm.cdf(low, mean, 0.7) for low, high in pairwise(edges)] for mean in (-1, 1)]
    )
    information, joint_entropy = binned_information(sample, 100, (-4, 4))
    expected = entropy(conditional.mean(axis=0)) - entropy(conditional, axis=1).mean()
    assert information.item() == pytest.approx(expected, abs=1e-12)
    assert joint_entropy.item() == pytest.approx(entropy(conditional.ravel() / 2), abs=1e-12)


@pytest.mark.parametrize("bin_range", [None, (-2.0, 2.0), (-0.5, 0.5)])
def test_narrow_posteriors_give_the_histogram(bin_range: tuple[float, float] | None) -> None:
    codes = torch.randn(1500, 3, generator=torch.Generator().manual_seed(0)).double()
    factors = (codes[:, :2] > 0.3).long()
    sampling = Sampling(1500, 0)
    plain = draw(codes, factors, sampling)
    for log_variance in (-60.0, -2000.0):  # the deviation of the latter is below all numbers
        narrow = draw(codes, factors, sampling, torch.full_like(codes, log_variance))
        for soft, hard in zip(tables(narrow, 20, bin_range), tables(plain, 20, bin_range), strict=True):
            for k in range(2):
                assert soft[k] == pytest.approx(hard[k], abs=1e-6)


def test_histogram_in_the_range_of_the_means_is_plain_mutual_information() -> None:
    sample = draw(*ideal_case("circle"), FIRST_ROWS)
    information, _ = binned_information(sample)
    assert information.numpy() == pytest.approx(mutual_information(sample).numpy(), abs=1e-12)


def test_what_lies_outside_counts_to_the_outer_bins() -> None:
    codes, factor = torch.tensor([[-9.0], [-0.6], [0.2], [7.0]]), torch.zeros(4, 1, dtype=torch.int64)
    sample = draw(codes, factor, Sampling(4, 0, "first"))
    assert tables(sample, 4, (-1, 1))[0][0][:, 0].tolist() == [2, 0, 1, 1]


@pytest.mark.parametrize(
    ("log_variance", "num_outcomes"),
    [(-3000.0, 3), (-80.0, 3), (3000.0, 6)],  # one bin; or all mass in the tails, which go to the two outer bins
)
def test_constant_latents_say_nothing(log_variance: float, num_outcomes: int) -> None:
    codes, factors = torch.full((60, 1), 0.3), torch.arange(60)[:, None] % 3
    sample = draw(codes, factors, Sampling(60, 0), torch.full_like(codes, log_variance))
    information, joint_entropy = binned_information(sample, bin_range=None if log_variance < 0 else (-1, 1))
    assert information.item() == 0
    assert joint_entropy.item() == pytest.approx(math.log(num_outcomes), abs=1e-9)


def test_code_on_an_edge_falls_half_to_either_side_however_narrow_its_posterior() -> None:
    codes, factor = torch.zeros(4, 1), torch.zeros(4, 1, dtype=torch.int64)
    sample = draw(codes, factor, Sampling(4, 0), torch.full_like(codes, -3000.0))
    assert tables(sample, 4, (-1, 1))[0][0][:, 0].tolist() == [0, 2, 2, 0]


def test_values_that_are_absent() -> None:
    """A value that no row to train on has, and one that only the last chunk has."""
    factor = torch.zeros(2100, 1, dtype=torch.int64)
    factor[1050:2000], factor[2050], factor[2090] = 1, 3, 2
    codes = factor.float()
    sample = draw(codes, factor, Sampling(2060, 40, "first"), torch.full_like(codes, -20.0))
    assert tables(sample, 20, None)[0][0].sum(axis=0) == pytest.approx([1050 + 59, 950, 0, 1])


def test_computed_once_and_next_to_nothing_for_shuffled_rows() -> None:
    sample = posterior_sample(500)
    assert binned_information(sample, 20) is binned_information(sample, 20)
    shuffled = binned_information(shuffled_sample(sample, 0), 20)
    assert shuffled.information.max() < 0.1 < binned_information(sample, 20).information.max()
    again = binned_information(shuffled_sample(posterior_sample(500), 0), 20)
    assert torch.equal(again.information, shuffled.information)


@pytest.mark.parametrize("bin_range", [(1.0, 1.0), (2.0, -2.0), (-math.inf, 0.0), (0.0, math.nan)])
def test_wrong_range(bin_range: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="bin_range must be two finite numbers, the lower one first"):
        check_posterior_bins(20, bin_range)
    with pytest.raises(ValueError, match="bin_range must be two finite numbers"):
        binned_information(posterior_sample(50), 20, bin_range)


def test_wrong_number_of_bins() -> None:
    with pytest.raises(ValueError, match=r"num_bins .*got 1"):
        binned_information(posterior_sample(50), 1)


def test_order_of_latents_does_not_matter() -> None:
    sample = posterior_sample(400, 3)
    means, log_variances = (torch.from_numpy(part) for part in (sample.codes, sample.log_variances))
    order = [2, 0, 1]
    moved = draw(means[:, order], torch.from_numpy(sample.factors), Sampling(400, 0, "first"), log_variances[:, order])
    expected: Tensor = binned_information(sample).information[order]
    assert torch.equal(binned_information(moved).information, expected)
