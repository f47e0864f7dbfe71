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


@pytest.mark.parametrize("name", SUPERVISED)
def test_only_constant_factors_is_undefined(name: str) -> None:
    codes, factors = table()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = values(score(name, codes, torch.zeros_like(factors)))
    messages = [str(warning.message) for warning in caught]
    assert "factors 0, 1, 2 take one value only; they are left out and their parts are NaN" in messages
    assert any("undefined" in message for message in messages)
    assert math.isnan(next(iter(found.values())))


@pytest.mark.parametrize("name", METRICS)
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c, f: (c.masked_fill(c == c.max(), torch.nan), f), "codes must be finite, got 1 entries"),
        (lambda c, f: (c.masked_fill(c == c.max(), torch.inf), f), "codes must be finite"),
        (lambda c, f: (c[:1], f[:1]), "codes must have at least 2 rows, got 1"),
        (lambda c, f: (c[0], f), r"codes must have shape \(N, D\)"),
        (lambda c, f: (c, f[:-1]), r"factors must have shape \(N, K\) with N=240, got \(239, 3\)"),
        (lambda c, f: (c, f[:, 0]), r"factors must have shape \(N, K\)"),
        (lambda c, f: (c, f + 0.5), "factors must be whole numbers, .*got "),
        (lambda c, f: (c.long(), f), "codes must be floating point, got torch.int64"),
    ],
    ids=["nan", "inf", "one row", "1-d codes", "fewer factors", "1-d factors", "float factors", "integer codes"],
)
def test_wrong_input_is_refused(name: str, change: Callable[..., Table], message: str) -> None:
    codes, factors = change(*table())
    metric = make_metric(name, sampling=SPLIT)
    with pytest.raises(ValueError, match=message):
        metric.score(draw(codes, factors, SPLIT))


@pytest.mark.parametrize("name", METRICS)
def test_equal_seeds_give_equal_numbers_in_any_order_of_samples(name: str) -> None:
    codes, factors = table()
    sampling = Sampling(num_train=150, num_test=70, seed=7)
    order = torch.randperm(240, generator=torch.Generator().manual_seed(1))
    first = values(score(name, codes, factors, sampling))
    assert values(score(name, codes, factors, sampling)) == pytest.approx(first, rel=0, abs=0, nan_ok=True)
    shuffled = values(score(name, codes[order], factors[order], sampling))
    assert shuffled == pytest.approx(first, rel=0, abs=0, nan_ok=True)


@pytest.mark.parametrize("name", METRICS)
def test_order_of_latents_does_not_matter(name: str) -> None:
    codes, factors = table()
    order = [2, 0, 3, 1]
    first, other = score(name, codes, factors), score(name, codes[:, order], factors)
    # fits break ties by the order of columns, and draws of noise go with them
    assert values(other) == pytest.approx(values(first), rel=0.03, abs=0.03, nan_ok=True)


@pytest.mark.parametrize("name", METRICS)
def test_scores_are_named_for_their_metric_and_say_what_they_need(name: str) -> None:
    codes, factors = table()
    result = score(name, codes, factors)
    assert name.startswith(result.metric)
    for full_name, each in result.scores.items():
        assert full_name == result.metric or full_name.startswith(f"{result.metric}_")
        if each.ceiling is not None and not math.isnan(each.value) and each.higher_is_better:
            assert each.value <= each.ceiling + 0.05
    assert result.active is not None
    assert result.active.tolist() == [True] * 4
    assert result.num_train == (150 if name == "sample_efficiency" else 160)  # its largest size
    if result.matrix is not None:
        assert result.matrix_label
        assert result.matrix.shape == tuple(
            {"latent": 4, "factor": 3}.get(axis.split()[-1], -1) for axis in result.matrix_axes
        )
    for part in result.per_factor.values():
        assert len(part) == 3
    for part in result.per_latent.values():
        assert len(part) == 4


def test_names_of_scores_are_unique() -> None:
    codes, factors = table()
    names = [full_name for name in METRICS for full_name in score(name, codes, factors).scores]
    assert len(names) == len(set(names))


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
