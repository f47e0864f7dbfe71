"""What holds for every metric: wrong and degenerate input, seeds, order of latents and of samples."""

import json
import math
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from lr_lightning.metrics.core.result import MetricResult
from lr_lightning.metrics.core.sample import Sampling, draw
from lr_lightning.metrics.registry import GROUPS, METRICS, make_metric, make_metrics
from lr_lightning.metrics.suite import DisentanglementSuite

SPLIT = Sampling(num_train=160, num_test=80, order="first")
SUPERVISED = [name for name, metric in make_metrics(METRICS).items() if metric.needs_factors]
Table = tuple[Tensor, Tensor]


def table() -> Table:
    """Return noisy codes (240, 4) of three factors (240, 3) and a latent of noise."""
    generator = torch.Generator().manual_seed(0)
    factors = torch.stack([torch.randint(size, (240,), generator=generator) for size in (3, 4, 5)], dim=1)
    noise = torch.randn(240, 4, generator=generator)
    return torch.cat([factors.float(), torch.zeros(240, 1)], dim=1) + 0.3 * noise, factors


def score(name: str, codes: Tensor, factors: Tensor, sampling: Sampling = SPLIT) -> MetricResult:
    log_variances = torch.full_like(codes, -3.0) if codes.is_floating_point() and codes.ndim == 2 else None
    options = {"train_sizes": (40, 150)} if name == "sample_efficiency" else {}
    return make_metric(name, **options).score(draw(codes, factors, sampling, log_variances))


def values(result: MetricResult) -> dict[str, float]:
    return {name: score.value for name, score in result.scores.items()}


def dead(codes: Tensor, factors: Tensor) -> Table:
    return torch.cat([codes, torch.full((len(codes), 2), 0.5)], dim=1), factors


def duplicated(codes: Tensor, factors: Tensor) -> Table:
    return torch.cat([codes, codes], dim=1), factors


def one_latent(codes: Tensor, factors: Tensor) -> Table:
    return codes[:, :1], factors


def one_factor(codes: Tensor, factors: Tensor) -> Table:
    return codes, factors[:, :1]


def absent_from_train(codes: Tensor, factors: Tensor) -> Table:
    return codes, torch.where((factors == 2) & (torch.arange(240) < 160)[:, None], 1, factors)


def absent_from_test(codes: Tensor, factors: Tensor) -> Table:
    return codes, torch.where((factors == 2) & (torch.arange(240) >= 160)[:, None], 1, factors)


def large(codes: Tensor, factors: Tensor) -> Table:
    return 1e6 * codes, factors


DCI_ESTIMATORS = ("lightgbm", "gbt", "forest", "lasso", "logistic")
UNDEFINED: dict[Callable[..., Table], set[str]] = {
    one_latent: {
        *("mig", "rmig", "rmig_normalized", "jemmig", "jemmig_normalized", "sap_r2", "sap_tree"),
        *("sap_linear_svc", "sap_linear_svc_standardized"),
        *(f"dci_{estimator}_completeness" for estimator in DCI_ESTIMATORS),
        *("med_completeness", "infomec_compactness", "pairwise_mutual_information"),
    },
    one_factor: {
        *("beta_vae_score_standardized", "beta_vae_score_standardized_train"),
        *("beta_vae_score", "beta_vae_score_train", "factor_vae_score", "factor_vae_score_train"),
        *("mig_sup", "mig_sup_all", "dcimig", "modularity", "modularity_informative"),
        *(f"dci_{estimator}_disentanglement" for estimator in DCI_ESTIMATORS),
        *("med_disentanglement", "infomec_modularity"),
        *("fairness_lightgbm_mean_unfairness", "fairness_lightgbm_max_unfairness"),
        *(f"strong_generalisation_lightgbm_{name}" for name in ("accuracy", "unshifted_accuracy", "gap")),
    },
    large: {"elbo_decomposition_total_correlation"},  # each code tells its row, so that their number limits it
}
"""Scores that are NaN in each case, most of which need two latents or two factors; all others have a value."""


@pytest.mark.parametrize("name", METRICS)
@pytest.mark.parametrize(
    "change", [dead, duplicated, one_latent, one_factor, absent_from_train, absent_from_test, large]
)
def test_degenerate_input_has_a_value_or_a_warned_nan(name: str, change: Callable[..., Table]) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = values(score(name, *change(*table())))
    undefined = {key for key, value in found.items() if math.isnan(value)}
    assert undefined == {key for key in found if key in UNDEFINED.get(change, set())}
    assert bool(caught) or not undefined
    assert all(warning.category is UserWarning for warning in caught), [str(w.message) for w in caught]


@pytest.mark.parametrize("name", SUPERVISED)
def test_constant_factor_is_left_out_with_a_warning(name: str) -> None:
    codes, factors = table()
    constant = torch.cat([factors, torch.zeros(240, 1, dtype=torch.int64)], dim=1)
    with pytest.warns(UserWarning, match="factors 3 take one value only"):
        with_constant = values(score(name, codes, constant))
    without = values(score(name, codes, factors))
    assert not any(math.isnan(value) for value in with_constant.values())
    if not name.startswith(("sample_efficiency", "strong", "beta", "factor")):  # whose draws change
        assert with_constant == pytest.approx(without, abs=1e-6)


@pytest.mark.parametrize("name", METRICS)
def test_order_of_latents_does_not_matter(name: str) -> None:
    codes, factors = table()
    order = [2, 0, 3, 1]
    first, other = score(name, codes, factors), score(name, codes[:, order], factors)
    # fits break ties by the order of columns, and draws of noise go with them
    assert values(other) == pytest.approx(values(first), rel=0.03, abs=0.03, nan_ok=True)


def test_names_of_scores_are_unique() -> None:
    codes, factors = table()
    results = {name: score(name, codes, factors) for name in METRICS}
    names = [full_name for result in results.values() for full_name in result.scores]
    assert len(names) == len(set(names))
    assert all(name.startswith(result.metric) for name, result in results.items())
    # for sample efficiency, the largest of its sizes
    assert {result.num_train for name, result in results.items() if name != "sample_efficiency"} == {160}


def test_same_numbers_in_another_process_and_with_other_metrics(tmp_path: Path) -> None:
    codes, factors = table()
    names = [name for name in GROUPS["default"] if name not in GROUPS["unsupervised"]]
    script = (
        "import json, sys; from tests.metrics.test_all_metrics import table\n"
        "from lr_lightning.metrics.suite import DisentanglementSuite\n"
        "suite = DisentanglementSuite(sys.argv[2].split(','))\n"
        "open(sys.argv[1], 'w').write(json.dumps(suite.run(*table()).scores))"
    )
    arguments = [str(tmp_path / "scores.json"), ",".join(reversed(names))]
    subprocess.run([sys.executable, "-c", script, *arguments], check=True, cwd=Path(__file__).parents[2], timeout=120)
    elsewhere = json.loads((tmp_path / "scores.json").read_text())
    for name in names:
        alone = DisentanglementSuite([name]).run(codes, factors).scores
        assert {key: elsewhere[key] for key in alone} == pytest.approx(alone, rel=0, abs=0, nan_ok=True)
