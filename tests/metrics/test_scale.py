"""Which scores depend on the scale of the codes, as docs/scores.md and the docstrings say; all others do not."""

import math
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from lr_lightning.metrics.core.sample import Sampling, draw
from lr_lightning.metrics.registry import METRICS, make_metric
from tests.metrics.cases import values_of

DEPEND_ON_SCALE = {
    *("beta_vae_score", "beta_vae_score_train"),  # penalised weights
    *("factor_vae_score", "factor_vae_score_train"),  # pruned latents
    "sap_linear_svc",  # penalised weights
    "gaussian_wasserstein_correlation",  # squared latent units
    "active_units",  # a threshold in squared latent units
    *("omes", "omes_overlap", "omes_multiple_encoding"),  # latents of small scale are left out
    *("omes_max", "omes_max_overlap", "omes_max_multiple_encoding"),
    *("nk", "nk_accuracy"),  # a learning rate
    *("kl_per_latent_total", "kl_per_latent_mean", "elbo_decomposition_dimension_wise_kl"),  # a prior of unit scale
}
DEPEND_ON_SCALES_OF_LATENTS_TO_EACH_OTHER = {
    "irs_q99",  # latents weigh by their largest deviation
    *("infomec_modularity", "infomec_compactness"),  # latents of small range do not count
    "gaussian_wasserstein_correlation_normalized",  # over the trace
}
LEAN: dict[str, dict[str, Any]] = {
    "beta_vae_score": {"num_points_train": 400, "num_points_test": 400},
    "dci_lightgbm": {"num_trees": 3},
    "dci_gbt": {"num_trees": 3},
    "dci_forest": {"num_trees": 5},
    "nk": {"max_epochs": 5, "batch_size": 64},
    "sample_efficiency": {"train_sizes": (40, 150), "predictor": "logistic"},
    "fairness": {"predictor": "logistic"},
    "strong_generalisation": {"predictor": "logistic"},
}
ROWS = Sampling(200, 100, "first")  # a random draw goes by an order of the rows that uneven scales change


def codes_and_factors() -> tuple[Tensor, Tensor]:
    """Return noisy codes of three factors, correlated a little."""
    generator = torch.Generator().manual_seed(0)
    factors = torch.stack([torch.randint(size, (300,), generator=generator) for size in (3, 4, 5)], dim=1)
    values = (factors - factors.double().mean(dim=0)) / factors.double().std(dim=0)
    values = values + 0.3 * torch.randn(300, 3, generator=generator) + 0.3 * values.roll(1, dims=1)
    return values, factors


@pytest.mark.parametrize("name", METRICS)
def test_only_the_scores_that_are_named_depend_on_scale(name: str) -> None:
    metric = make_metric(name, **LEAN.get(name, {}))
    codes, factors = codes_and_factors()

    def scores(scales: list[float]) -> dict[str, float]:
        factor = torch.tensor(scales, dtype=torch.float64)
        log_variances = torch.full_like(codes, -3.0) + 2 * factor.log()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # all latents are pruned
            return values_of(metric.score(draw(codes * factor, factors, ROWS, log_variances)))

    plain, small, uneven = scores([1.0, 1.0, 1.0]), scores([0.01] * 3), scores([1.0, 1.0, 0.01])
    changed = {key for key, value in plain.items() if not math.isclose(small[key], value, abs_tol=1e-6)}
    assert changed == plain.keys() & DEPEND_ON_SCALE
    changed = {key for key, value in plain.items() if not math.isclose(uneven[key], value, abs_tol=1e-6)}
    assert changed <= DEPEND_ON_SCALE | DEPEND_ON_SCALES_OF_LATENTS_TO_EACH_OTHER
    assert changed >= plain.keys() & DEPEND_ON_SCALES_OF_LATENTS_TO_EACH_OTHER


def test_the_documentation_names_them() -> None:
    text = Path(__file__).parents[2].joinpath("docs", "scores.md").read_text()
    section = text.split("## Scale of the codes")[1].split("\n## ")[0]
    for name in DEPEND_ON_SCALE | DEPEND_ON_SCALES_OF_LATENTS_TO_EACH_OTHER:
        assert f"`{name.removesuffix('_train')}`" in section


def test_a_small_perfect_code_is_heard_only_if_standardised() -> None:
    _, factors = codes_and_factors()
    perfect = (factors - factors.double().mean(dim=0)) / factors.double().std(dim=0)
    for name in ("sap_linear_svc", "beta_vae_score"):
        values = {}
        for scale in (1.0, 0.1, 0.01):
            sample, options = draw(scale * perfect, factors, ROWS), LEAN.get(name, {})
            values[scale] = tuple(
                make_metric(each, **options).score(sample).value for each in (name, f"{name}_standardized")
            )
        raw, standardized = zip(*values.values(), strict=True)
        assert raw[2] < raw[0] - 0.2
        assert max(standardized) - min(standardized) < 1e-9
        assert standardized[0] >= raw[0] - 0.02
