"""What the divergence from the prior is made of."""

import math
import warnings

import numpy as np
import pytest
import torch
from scipy.stats import norm
from torch import Tensor

from lr_lightning.metrics.core.result import MetricResult
from lr_lightning.metrics.core.sample import Sampling, draw
from lr_lightning.metrics.elbo_decomposition import ELBODecomposition, elbo_decomposition, split_divergence
from lr_lightning.metrics.kl_per_latent import kl_per_latent
from lr_lightning.testing import MetricTester
from tests.metrics.cases import FIRST_ROWS, IDEAL_NAMES, ideal_case

INFORMATION, CORRELATION, DIMENSION_WISE = (
    f"elbo_decomposition_{part}" for part in ("index_code_mutual_information", "total_correlation", "dimension_wise_kl")
)


def decompose(means: Tensor, log_variance: float, num_samples: int = 2000, seed: int = 0) -> MetricResult:
    """Split on all rows, with one variance for all posteriors."""
    sampling = Sampling(len(means), 0, seed=seed)
    log_variances = torch.full_like(means, log_variance)
    return elbo_decomposition(means, log_variances=log_variances, num_samples=num_samples, sampling=sampling)


def lattice(num_values: int) -> Tensor:
    """Return the quantiles of a standard Gaussian, each pair of them once: a Gaussian in two dimensions (N, 2)."""
    levels = (torch.arange(num_values, dtype=torch.float64) + 0.5) / num_values
    values = torch.special.ndtri(levels)
    return torch.cartesian_prod(values / values.std(correction=0), values / values.std(correction=0))


def test_closed_form_of_a_gaussian_aggregate() -> None:
    """Means of covariance C and posteriors of variance s: the aggregate is Gaussian with covariance A = C + s I.

    Information is log det(A / s) / 2; total correlation and divergences from the prior are those of Gaussians.
    """
    mixing = torch.tensor([[0.8, 0.0], [0.5, 0.3]], dtype=torch.float64)
    means, variance = lattice(60) @ mixing.T, 0.25
    aggregate = mixing @ mixing.T + variance * torch.eye(2)
    result = decompose(means, math.log(variance), num_samples=8000)
    diagonal = aggregate.diagonal()
    # standard errors are below 1 / sqrt(8000) = .011 nats; a lattice in place of a density costs below .01
    tolerance = 0.04
    assert result[INFORMATION] == pytest.approx((aggregate / variance).logdet().item() / 2, abs=tolerance)
    assert result[CORRELATION] == pytest.approx((diagonal.log().sum() - aggregate.logdet()).item() / 2, abs=tolerance)
    expected = (diagonal - diagonal.log() - 1) / 2
    assert torch.allclose(result.per_latent["dimension_wise_kl"], expected, atol=tolerance)
    assert result[DIMENSION_WISE] == pytest.approx(result.per_latent["dimension_wise_kl"].sum().item(), abs=1e-12)


@pytest.mark.parametrize("name", IDEAL_NAMES)
def test_parts_add_up_to_the_divergence(name: str) -> None:
    codes, factors = ideal_case(name)
    codes, factors = codes[:1200], factors[:1200]  # so that none knows the row
    log_variances = torch.randn(codes.shape, generator=torch.Generator().manual_seed(0)) - 2
    sample = draw(codes, factors, Sampling(1200, 0, order="first"), log_variances)
    result = elbo_decomposition(sample, num_samples=4000)
    total = sum(score.value for score in result.scores.values())
    # a sample's log-ratio varies by (mean * deviation)^2 + variance^2 / 2 and the like, here below 3 per latent:
    # four standard errors
    assert total == pytest.approx(kl_per_latent(sample).value, abs=4 * math.sqrt(3 * codes.shape[1] / 4000))
    assert torch.equal(result.per_latent["kl"], kl_per_latent(sample).per_latent["kl"])


def test_posteriors_far_apart_name_the_row() -> None:
    means = torch.arange(50.0)[:, None] * 100
    with pytest.warns(UserWarning, match=r"total_correlation is undefined: with 50 rows .* log N = 3.91"):
        result = decompose(means, 0.0)
    assert result[INFORMATION] == pytest.approx(math.log(50), abs=1e-9)
    assert result.scores[INFORMATION].ceiling == pytest.approx(math.log(50), abs=1e-12)
    assert math.isnan(result[CORRELATION])


def test_copies_of_such_a_latent_correlate_by_all_they_know() -> None:
    """q(z) of two copies knows the row once, the product of marginals twice."""
    means = (torch.arange(50.0)[:, None] * 100).expand(-1, 2)
    sample = draw(means, None, Sampling(50, 0), torch.zeros_like(means))
    information, total_correlation, _ = split_divergence(sample, 2000)
    assert (information, total_correlation) == pytest.approx((math.log(50), math.log(50)), abs=1e-9)


def test_independent_latents_are_not_called_dependent_where_rows_are_too_few() -> None:
    """Their true total correlation is 0; what 2,000 rows add to it is next to nothing as long as a score is given."""
    generator = torch.Generator().manual_seed(0)
    readings = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for deviation in (0.9, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.01):
            means = math.sqrt(1 - deviation**2) * torch.randn(2000, 5, generator=generator).double()
            sample = draw(means, None, Sampling(2000, 0), torch.full_like(means, 2 * math.log(deviation)))
            score = elbo_decomposition(sample, num_samples=500).scores[CORRELATION]
            readings.append((split_divergence(sample, 500)[1], score.value))
            # latents that are independent already score as those whose rows are shuffled apart
            expected = None if math.isnan(score.value) else pytest.approx(score.value, abs=0.05 + 0.1 * score.value)
            assert score.ceiling == expected
    assert max(plain for plain, _ in readings) > 5  # of narrow posteriors
    given = [score for _, score in readings if not math.isnan(score)]
    assert len(given) >= 3
    assert max(given) < 1.5


def test_collapsed_posterior_is_all_zero_at_the_prior() -> None:
    result = decompose(torch.zeros(40, 3), 0.0)
    assert [score.value for score in result.scores.values()] == pytest.approx([0, 0, 0], abs=1e-12)


def test_density_of_each_sample_is_that_of_the_mixture() -> None:
    """Against a mixture spelled out, with rows of unlike variances and samples in more than one chunk."""
    rng = np.random.default_rng(0)
    means, log_variances = rng.normal(size=(2, 30, 2))
    deviations = np.exp(log_variances / 2)
    rows = rng.integers(30, size=50_000)
    samples = means[rows] + deviations[rows] * rng.normal(size=(50_000, 2))
    densities = norm.pdf(samples[:, None], means, deviations)  # (S, N, D)
    own = densities[np.arange(50_000), rows].prod(axis=1)
    joint, marginals = densities.prod(axis=2).mean(axis=1), densities.mean(axis=1)
    expected = {
        INFORMATION: np.log(own / joint).mean(),
        CORRELATION: np.log(joint / marginals.prod(axis=1)).mean(),
        DIMENSION_WISE: np.log(marginals / norm.pdf(samples)).sum(axis=1).mean(),
    }
    result = elbo_decomposition(
        torch.from_numpy(means),
        log_variances=torch.from_numpy(log_variances),
        num_samples=20_000,
        sampling=Sampling(30, 0, order="first"),
    )
    for name, value in expected.items():
        assert result[name] == pytest.approx(value, abs=0.04)  # four standard errors


def test_same_seed_same_numbers() -> None:
    codes, _ = ideal_case("noise")
    values = [decompose(codes[:200], -2.0, 300, seed).value for seed in (1, 1, 2)]
    assert values[0] == values[1] != values[2]


def test_more_and_fewer_samples_than_rows() -> None:
    codes, _ = ideal_case("noise")
    assert decompose(codes[:100], -2.0, 1).parameters["num_samples"] == 1
    few, many = (decompose(codes[:100], -2.0, n)[CORRELATION] for n in (100, 1050))
    assert few == pytest.approx(many, abs=0.3)


def test_order_and_sign_of_latents_do_not_matter() -> None:
    codes, _ = ideal_case("rotF")
    first = decompose(codes[:300], -2.0)
    other = decompose(-codes[:300, [2, 0, 3, 1]], -2.0)
    for name, score in first.scores.items():
        assert other[name] == pytest.approx(score.value, abs=0.15)


def test_without_log_variances_is_undefined() -> None:
    with pytest.warns(UserWarning, match="elbo_decomposition is undefined: it needs log_variances"):
        result = elbo_decomposition(ideal_case("ident")[0], sampling=FIRST_ROWS)
    assert all(math.isnan(score.value) for score in result.scores.values())


def test_variances_beyond_double_precision_are_undefined() -> None:
    with pytest.warns(UserWarning, match="it needs log_variances between -60 and 60"):
        result = decompose(torch.zeros(40, 2), -80.0)
    assert all(math.isnan(score.value) for score in result.scores.values())
    assert result.per_latent["kl"].tolist() == pytest.approx([39.5, 39.5], abs=1e-6)


class TestELBODecomposition(MetricTester):
    metric_class = ELBODecomposition
    arguments = {"num_samples": 50}
    invalid = [{"num_samples": 0}]
    tolerance = 0.3
