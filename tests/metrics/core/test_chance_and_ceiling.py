"""Chance is what noise scores and a ceiling what a perfect code scores, for every metric, on the rows at hand."""

import math
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from lr_lightning.metrics.base import DisentanglementMetric
from lr_lightning.metrics.core import chance_and_ceiling_cache
from lr_lightning.metrics.core.chance_and_ceiling import ceilings, chance_of_noise, chance_of_shuffles, with_levels
from lr_lightning.metrics.core.permutation_null import permutation_null
from lr_lightning.metrics.core.reference_codes import noise_sample, perfect_samples, values_of_latents
from lr_lightning.metrics.core.sample import Sample, Sampling, draw
from lr_lightning.metrics.dci import DCI
from lr_lightning.metrics.infomec import InfoMEC
from lr_lightning.metrics.mutual_information_gap import MutualInformationGap, mutual_information_gap
from lr_lightning.metrics.registry import METRICS, make_metric, make_metrics
from lr_lightning.metrics.suite import DisentanglementSuite
from tests.metrics.cases import FIRST_ROWS, ideal_case, values_of

SUPERVISED = [name for name, metric in make_metrics(METRICS).items() if metric.needs_factors]
SIZES = (3, 4, 5)
NUM_ROWS, NUM_SEEDS = 300, 12
LEAN: dict[str, dict[str, Any]] = {
    "beta_vae_score": {"num_points_train": 400, "num_points_test": 400},
    "beta_vae_score_standardized": {"num_points_train": 400, "num_points_test": 400},
    "factor_vae_score": {"num_votes_train": 400, "num_votes_test": 400},
    "dci_lightgbm": {"num_trees": 5},
    "dci_gbt": {"num_trees": 5},
    "dci_forest": {"num_trees": 10},
    "sample_efficiency": {"train_sizes": (40, 150), "predictor": "logistic"},
    "fairness": {"predictor": "logistic"},
    "strong_generalisation": {"predictor": "logistic"},
}
UNDEFINED_FOR_NOISE = {"mig_sup", "modularity_informative"}  # of which no latent is informative
FALL_WITH_DEAD_LATENTS = {"mig_sup_all", "modularity"}


def make(name: str) -> DisentanglementMetric:
    return make_metric(name, **LEAN.get(name, {}))


def random_factors(seed: int) -> Tensor:
    """Return factors of which one combination never occurs, so that fairness always compares the same groups."""
    generator = torch.Generator().manual_seed(seed)
    factors = torch.stack([torch.randint(size, (NUM_ROWS,), generator=generator) for size in SIZES], dim=1)
    factors[(factors == 0).all(dim=1), 2] = 1
    return factors


def grid_factors(_: int) -> Tensor:
    """Return each combination of values five times, the factors on which fairness intervenes."""
    return torch.cartesian_prod(*map(torch.arange, SIZES)).repeat(NUM_ROWS // math.prod(SIZES), 1)


def noise(seed: int, make_factors: Callable[[int], Tensor] = random_factors) -> Sample:
    codes = torch.randn(NUM_ROWS, 4, generator=torch.Generator().manual_seed(1000 + seed))
    return draw(codes, make_factors(seed), Sampling(seed=seed))


def perfect(seed: int, num_dead: int) -> Sample:
    """Return a code with one latent a factor, in another order and with other signs, and dead latents."""
    factors = random_factors(seed)
    values = (factors - factors.double().mean(dim=0)) / factors.double().std(dim=0, correction=0)
    codes = torch.cat([-values[:, [2, 0, 1]], torch.zeros(NUM_ROWS, num_dead)], dim=1)
    return draw(codes, factors, Sampling(seed=seed))


def chance_of(metric: DisentanglementMetric, sample: Sample) -> dict[str, float]:
    measure = chance_of_noise if metric.refits else chance_of_shuffles
    return measure(metric.score, sample, metric.num_chance_draws)


@pytest.mark.parametrize(
    ("name", "make_factors"), [*((name, random_factors) for name in SUPERVISED), ("fairness", grid_factors)]
)
def test_noise_scores_what_chance_says(name: str, make_factors: Callable[[int], Tensor]) -> None:
    metric = make(name)
    values: dict[str, list[float]] = {}
    chances: dict[str, list[float]] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # noise is undefined here and there
        for seed in range(NUM_SEEDS):
            sample = noise(seed, make_factors)
            for found, scores in ((values, values_of(metric.score(sample))), (chances, chance_of(metric, sample))):
                for key, value in scores.items():
                    found.setdefault(key, []).append(value)
    for key, of_noise in values.items():
        assert len(of_noise) == NUM_SEEDS
        if key in UNDEFINED_FOR_NOISE:
            assert np.isnan(of_noise).all()
            assert np.isnan(chances[key]).all()
            continue
        # standard error of the difference of means, with as much scatter in each of the draws that chance averages
        error = float(np.nanstd(of_noise, ddof=1)) * math.sqrt((1 + 1 / metric.num_chance_draws) / NUM_SEEDS)
        assert np.nanmean(chances[key]) == pytest.approx(np.nanmean(of_noise), abs=4 * error + 1e-9), key


@pytest.mark.parametrize("name", SUPERVISED)
def test_a_perfect_code_reaches_its_ceiling_and_never_exceeds_it(name: str) -> None:
    metric = make(name)
    # predictors and the features they draw see latents in another order: some rows at thresholds fall otherwise
    tolerance = 0.03 if metric.refits else 1e-6
    for seed in range(2):
        for num_dead in (0, 2):
            sample = perfect(seed, num_dead)
            result, ceiling = metric.score(sample), ceilings(metric.score, sample, try_without_spare=not metric.refits)
            for key, score in result.scores.items():
                beyond = (score.value - ceiling[key]) * (1 if score.higher_is_better else -1)
                assert beyond <= tolerance, key
                if num_dead == 0 or key not in FALL_WITH_DEAD_LATENTS:
                    assert beyond >= -tolerance, key


@pytest.mark.parametrize("name", ["gaussian_total_correlation", "gaussian_wasserstein_correlation"])
def test_independent_latents_reach_the_ceiling_of_correlations(name: str) -> None:
    """Squared correlations have the mean 1 / N; both scores are sums of them, which scatter as a chi-square."""
    values, levels = [], list[float]()
    for seed in range(NUM_SEEDS):
        score = next(iter(make(name).score(noise(seed)).scores.values()))
        values.append(score.value)
        levels.append(score.ceiling or 0.0)
    error = float(np.std(values, ddof=1)) * math.sqrt(2 / NUM_SEEDS)
    assert min(levels) > 0
    assert np.mean(levels) == pytest.approx(np.mean(values), abs=4 * error)


def test_levels_known_to_be_wrong_once() -> None:
    """What stood in the table where noise and perfect codes score otherwise."""
    generator = torch.Generator().manual_seed(0)
    factors = torch.stack([torch.randint(size, (1000,), generator=generator) for size in (4, 10, 24)], dim=1)
    metrics = {
        "explicitness": make_metric("explicitness"),
        "med": make_metric("med"),
        "jemmig": make_metric("jemmig"),
        "mig": make_metric("mig"),
        "dci": DCI(estimator="gbt", num_trees=5),
    }
    table = DisentanglementSuite(metrics).run(factors.double() - 2, factors)
    rows = {row.name: row for row in table.rows}
    assert rows["explicitness_auc_test"].ceiling < 0.99  # type: ignore[operator]
    assert rows["explicitness_auc_train"].chance > 0.55  # type: ignore[operator]
    assert rows["med_completeness"].ceiling < 0.9  # type: ignore[operator]
    kept = table.results["mig"].per_factor["kept_in_bins"].mean().item()
    assert 0.5 < rows["mig"].ceiling < kept - 0.02  # type: ignore[operator]
    assert rows["jemmig"].ceiling > 0.1  # type: ignore[operator]
    assert rows["dci_gbt_informativeness_train"].chance > rows["dci_gbt_informativeness_test"].chance + 0.1  # type: ignore[operator]
    for row in rows.values():
        assert row.value == pytest.approx(row.ceiling, abs=0.01), row.name


def test_a_row_is_not_its_own_partner() -> None:
    """Where three rows share a value on average, a third of the pairs would be of one row and give it away."""
    generator = torch.Generator().manual_seed(0)
    factors = torch.stack([torch.randint(size, (600,), generator=generator) for size in (4, 24, 180)], dim=1)
    sample = draw(torch.randn(600, 10, generator=generator), factors)
    metric = make_metric("beta_vae_score", num_points_train=3000, num_points_test=2000)
    score = metric.score(sample).scores["beta_vae_score"]
    assert score.value < 0.6  # .8 with itself among the partners
    assert score.value == pytest.approx(chance_of(metric, sample)["beta_vae_score"], abs=0.1)


def test_shuffles_keep_the_distribution_of_the_codes() -> None:
    """One latent with an outlier and one that is dead: few bins are filled, and information is less biased."""
    codes, factors = ideal_case("noise")
    codes = codes.clone()
    codes[0, 0], codes[:, 1] = 1e3, 0.5
    sample = draw(codes, factors, FIRST_ROWS)
    null = permutation_null(make_metric("med").score, sample, 20)["med_completeness"].null
    chance = with_levels(make_metric("med").score, sample, 20).scores["med_completeness"].chance
    error = null.std().item() * math.sqrt(2 / 20)
    assert chance == pytest.approx(null.mean().item(), abs=4 * error)
    plain = with_levels(make_metric("med").score, draw(*ideal_case("noise"), FIRST_ROWS), 5)
    assert chance > plain.scores["med_completeness"].chance + 0.1  # type: ignore[operator]


def test_noise_takes_as_many_values_as_the_code_does() -> None:
    codes, factors = ideal_case("ident")
    codes = torch.stack([codes[:, 0], codes[:, 1].round(), torch.ones(3000)], dim=1)
    sample = draw(codes, factors, Sampling(seed=5))
    num_values = len(np.unique(codes[:, 1]))
    assert values_of_latents(sample) == (None, num_values, 1)
    of_noise = noise_sample(sample, 0)
    assert [len(np.unique(column)) for column in of_noise.pool[0].T] == [3000, num_values, 1]
    assert noise_sample(sample, 0) is of_noise is not noise_sample(sample, 1)
    # rows drawn for training are those of the pool, as in the sample itself
    np.testing.assert_array_equal(of_noise.codes, of_noise.pool[0][sample.rows[0]])
    np.testing.assert_array_equal(of_noise.factors, of_noise.pool[1][sample.rows[0]])
    np.testing.assert_array_equal(sample.codes, sample.pool[0][sample.rows[0]])
    np.testing.assert_array_equal(sample.test_factors, sample.test_pool[1][sample.rows[1]])
    # one-hot latents of noise would tell everything were they all different
    metric = InfoMEC(discrete_latents=True)
    discrete = draw(codes[:, 1:2].repeat(1, 2), factors, FIRST_ROWS)
    assert chance_of(metric, discrete)["infomec_explicitness"] < 0.05


def test_perfect_codes_fit_the_number_of_latents() -> None:
    factors = random_factors(0)
    few, even, many = (draw(torch.rand(NUM_ROWS, d), factors, Sampling(seed=1)) for d in (2, 3, 5))
    assert [each.codes.shape[1] for each in perfect_samples(many)] == [5, 3]
    [whole] = perfect_samples(even)
    assert whole.codes.std(axis=0) == pytest.approx([1, 1, 1], abs=1e-12)
    [part] = perfect_samples(few)
    # the factors with most values
    np.testing.assert_allclose(part.codes, whole.codes[:, 1:])
    assert part.active.tolist() == [True, True]


def test_computed_once_per_factors_sizes_and_parameters(monkeypatch: pytest.MonkeyPatch) -> None:
    measured: list[str] = []

    def noted(kind: str, measure: Callable[..., dict[str, float]]) -> Callable[..., dict[str, float]]:
        def measure_and_note(*arguments: object, **options: object) -> dict[str, float]:
            measured.append(kind)
            return measure(*arguments, **options)

        return measure_and_note

    for kind in ("ceilings", "chance_of_noise", "chance_of_shuffles"):
        monkeypatch.setattr(chance_and_ceiling_cache, kind, noted(kind, getattr(chance_and_ceiling_cache, kind)))
    cache = chance_and_ceiling_cache.LevelCache()

    def run(codes: Tensor, seed: int = 0, **metrics: DisentanglementMetric) -> None:
        measured.clear()
        DisentanglementSuite(metrics, Sampling(seed=seed), level_cache=cache).run(codes, random_factors(3))

    first, second = torch.randn(2, NUM_ROWS, 4, generator=torch.Generator().manual_seed(0))
    dear, cheap = DCI(estimator="lasso"), MutualInformationGap()
    run(first, dear=dear, cheap=cheap)
    assert measured == ["ceilings", "chance_of_noise", "ceilings", "chance_of_shuffles"]
    run(second, dear=dear, cheap=cheap)
    assert measured == ["chance_of_shuffles"]  # of the codes at hand
    run(second, dear=DCI(estimator="lasso", penalty=0.1))
    assert measured == ["ceilings", "chance_of_noise"]
    run(second, seed=1, dear=dear)
    assert measured == ["ceilings", "chance_of_noise"]
    run(second[:, :3], dear=dear)
    assert measured == ["ceilings", "chance_of_noise"]
    with_dead_latent = torch.cat([second[:, :3], torch.zeros(NUM_ROWS, 1)], dim=1)
    run(with_dead_latent, dear=dear)
    assert measured == ["chance_of_noise"]
    run(2 * with_dead_latent, dear=dear)
    assert measured == []


def test_the_latest_used_levels_are_kept() -> None:
    cache, measured = chance_and_ceiling_cache.LevelCache(size=2), list[str]()

    def once(key: str) -> None:
        def measure() -> dict[str, float]:
            measured.append(key)
            return {key: 1.0}

        assert cache._once(key, measure) == {key: 1.0}

    for key in "abacb":
        once(key)
    assert measured == ["a", "b", "c", "b"]


def test_levels_on_request() -> None:
    codes, factors = ideal_case("ident")
    choices: dict[str, list[bool]] = {"all": [True, True], "cheap": [True, False], "none": [False, False]}
    for choice, expected in choices.items():
        suite = DisentanglementSuite(["mig", "explicitness"], FIRST_ROWS, levels=choice)  # type: ignore[arg-type]
        mig, explicitness, *_ = suite.run(codes, factors).rows
        for row, known in zip((mig, explicitness), expected, strict=True):
            assert (row.chance is not None) == (row.ceiling is not None) == known
    with pytest.raises(ValueError, match=r"levels .*'some'"):
        DisentanglementSuite(["mig"], levels="some")  # type: ignore[arg-type]


def test_levels_of_active_latents_are_those_without_the_others() -> None:
    codes, factors = ideal_case("dead")
    rows = {
        row.name: row
        for row in DisentanglementSuite(["modularity"], FIRST_ROWS, truncated=True).run(codes, factors).rows
    }
    expected = with_levels(make_metric("modularity").score, draw(codes[:, :4], factors, FIRST_ROWS))
    assert rows["modularity_active"].ceiling == pytest.approx(expected.scores["modularity"].ceiling, abs=1e-9)
    assert rows["modularity_active"].chance == pytest.approx(expected.scores["modularity"].chance, abs=0.1)
    assert rows["modularity"].ceiling == pytest.approx(rows["modularity_active"].ceiling, abs=1e-9)


def test_result_of_a_metric_has_its_levels() -> None:
    codes, factors = ideal_case("ident")
    metric = MutualInformationGap(sampling=FIRST_ROWS)
    metric.update(codes, factors)
    expected = with_levels(mutual_information_gap, draw(codes, factors, FIRST_ROWS)).scores
    assert metric.result().scores == expected
    with pytest.raises(ValueError, match=r"num_draws .*got 0"):
        with_levels(partial(mutual_information_gap), draw(codes, factors, FIRST_ROWS), 0)
