"""The suite: what it shares, what it returns, and that metrics do not notice each other."""

import time
from typing import Any

import numpy as np
import pytest
import torch

from lr_lightning.metrics.core import information
from lr_lightning.metrics.core.sample import Sampling
from lr_lightning.metrics.dci import DCI
from lr_lightning.metrics.mutual_information_gap import MutualInformationGap, mutual_information_gap
from lr_lightning.metrics.registry import ALIASES, GROUPS, METRICS, make_metrics
from lr_lightning.metrics.suite import DisentanglementSuite
from tests.metrics.cases import FIRST_ROWS, batches, ideal_case, reference_case

CODES, FACTORS, EXPECTED = reference_case("noise_and_leak")


def test_one_row_a_score_in_the_order_asked_for() -> None:
    start = time.perf_counter()
    table = DisentanglementSuite(["modularity", "mig", "sap_r2"], FIRST_ROWS).run(CODES, FACTORS)
    elapsed = time.perf_counter() - start
    names = [row.name for row in table.rows]
    assert names[0] == "modularity"
    assert names.index("mig") < names.index("sap_r2")
    mig, sap = table.rows[names.index("mig")], table.rows[names.index("sap_r2")]
    assert (mig.metric, mig.variant, sap.metric, sap.variant) == ("mig", "score", "sap", "r2")
    assert (mig.num_train, mig.standard_error) == (2000, None)
    assert 0 < mig.chance < 0.01 < 0.95 < mig.ceiling < 1  # type: ignore[operator]
    assert (sap.num_train, sap.num_test, sap.higher_is_better) == (2000, 0, True)
    assert min(mig.seconds, mig.level_seconds) > 0
    seconds = {(row.metric, row.seconds, row.level_seconds) for row in table.rows}
    assert sum(value + level for _, value, level in seconds) <= elapsed
    assert mig.value == table["mig"] == pytest.approx(EXPECTED["mig"], abs=1e-6)
    assert sap.value == pytest.approx(EXPECTED["sap_continuous"], abs=1e-6)


def test_information_that_metrics_share_is_counted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    counted, plain = [], information.mutual_information_matrix

    def count(bins: Any, factors: Any, *others: Any) -> torch.Tensor:
        counted.append((bins, factors))
        return plain(bins, factors, *others)

    monkeypatch.setattr(information, "mutual_information_matrix", count)
    DisentanglementSuite(["mig", "dcimig", "med", "modularity"], FIRST_ROWS).run(CODES, FACTORS)
    first_bins, first_factors = counted[0]
    assert sum(bins is first_bins and factors is first_factors for bins, factors in counted) == 1
    # the value and five ways to shuffle, all of the same bins; the others are of informative latents
    assert sum(bins is first_bins for bins, _ in counted) == 6


def test_progress_is_told_before_each_metric() -> None:
    told: list[tuple[str, int, int]] = []
    DisentanglementSuite(["mig", "sap_r2"], FIRST_ROWS).run(CODES, FACTORS, progress=lambda *call: told.append(call))
    assert told == [("mig", 0, 2), ("sap_r2", 1, 2)]


def test_repeats_draw_rows_anew() -> None:
    sampling = Sampling(num_train=500, num_test=200, seed=1)
    [row] = DisentanglementSuite(["mig"], sampling, num_repeats=3).run(CODES, FACTORS).rows
    values = [
        mutual_information_gap(CODES, FACTORS, sampling=Sampling(500, 200, seed=1 + 1_000_003 * repeat)).value
        for repeat in range(3)
    ]
    assert row.value == pytest.approx(np.mean(values), abs=1e-12)
    # 500 of 3,000 rows in each: f / (1 - f) = 1 / 5
    assert row.standard_error == pytest.approx(np.std(values, ddof=1) * np.sqrt(1 / 3 + 1 / 5), abs=1e-12)
    assert row.standard_error is not None
    reach = 4.302653 * row.standard_error  # Student's t of two degrees
    assert (row.low, row.high) == pytest.approx((row.value - reach, row.value + reach), abs=1e-7)
    assert row.error_over == "rows"


def test_what_is_held_out_decides_the_error_of_scores_on_it() -> None:
    sampling = Sampling(num_train=2000, num_test=300)
    rows = DisentanglementSuite(["sap_tree", "sap_r2"], sampling, num_repeats=2).run(CODES, FACTORS).rows
    for row, odds in zip(rows, (300 / 2700, 2000 / 1000), strict=True):
        values = [
            DisentanglementSuite([row.name], Sampling(2000, 300, seed=seed)).run(CODES, FACTORS)[row.name]
            for seed in (0, 1_000_003)
        ]
        assert row.standard_error == pytest.approx(np.std(values, ddof=1) * np.sqrt(1 / 2 + odds), abs=1e-12)


def test_truncated_scores_look_at_active_latents_alone() -> None:
    """Dead latents of six values' noise cost MIG-sup over all latents half of its value, and nothing when truncated."""
    codes, factors = ideal_case("dead")
    table = DisentanglementSuite(["mig_sup"], FIRST_ROWS, truncated=True).run(codes, factors)
    assert table["mig_sup_all"] == pytest.approx(0.497, abs=0.03)
    assert table["mig_sup_all_active"] == pytest.approx(0.993, abs=0.03)
    assert len({row.name for row in table.rows}) == len(table.rows)


def test_own_metrics_by_names_of_choice() -> None:
    metrics = {"coarse": MutualInformationGap(num_bins=5), "fine": MutualInformationGap(num_bins=50)}
    table = DisentanglementSuite(metrics, FIRST_ROWS).run(CODES, FACTORS)
    assert set(table.results) == {"coarse", "fine"}
    for name, num_bins in (("coarse", 5), ("fine", 50)):
        expected = mutual_information_gap(CODES, FACTORS, num_bins=num_bins, sampling=FIRST_ROWS)
        assert table.results[name].value == table[name] == expected.value
    assert [(row.name, row.metric, row.variant) for row in table.rows] == [
        ("coarse", "coarse", "score"),
        ("fine", "fine", "score"),
    ]
    forms = {"forest_of_2": DCI(estimator="forest", num_trees=2), "dci_lasso": DCI(estimator="lasso")}
    names = list(DisentanglementSuite(forms, FIRST_ROWS, truncated=True).run(CODES, FACTORS).scores)
    assert names[0].startswith("forest_of_2_forest_")
    assert {"dci_lasso_completeness", "dci_lasso_completeness_active"} <= set(names)
    assert len(names) == len(set(names))


def test_tables_of_parts_are_put_in_order() -> None:
    whole = DisentanglementSuite(["mig", "dci_lasso", "sap_r2"], FIRST_ROWS).run(CODES, FACTORS)
    assert {(row.num_train, row.num_test) for row in whole.rows if row.metric == "dci"} == {(2000, 1000)}
    first, second = (
        DisentanglementSuite(names, FIRST_ROWS).run(CODES, FACTORS) for names in (["mig", "sap_r2"], ["dci_lasso"])
    )
    ordered = first.merged([second]).ordered(["mig", "dci_lasso", "sap_r2"])
    assert list(ordered.scores.items()) == list(whole.scores.items())
    assert list(ordered.results) == list(whole.results)
    with pytest.raises(KeyError, match="irs"):
        first.ordered(["mig", "irs"])


def test_as_a_torchmetric_it_returns_all_scores_by_name() -> None:
    suite = DisentanglementSuite(["mig", "sap_r2"], FIRST_ROWS)
    for codes, factors in batches(CODES, FACTORS, 999):
        suite.update(codes, factors)
    assert {name: value.item() for name, value in suite.compute().items()} == suite.table().scores  # type: ignore[union-attr]
    assert suite.table()["mig"] == pytest.approx(EXPECTED["mig"], abs=1e-6)


def test_without_factors_only_what_needs_none() -> None:
    table = DisentanglementSuite(["unsupervised"], FIRST_ROWS).run(CODES, None, torch.full_like(CODES, -2.0))
    expected = EXPECTED["gaussian_total_correlation"]
    assert table["gaussian_total_correlation"] == pytest.approx(expected, abs=1e-6)
    assert [row.higher_is_better for row in table.rows if row.name == "gaussian_total_correlation"] == [False]
    with pytest.raises(ValueError, match="factors are missing, which mig need"):
        DisentanglementSuite(["mig", "active_units"]).run(CODES, None)


def test_names_and_groups() -> None:
    assert list(make_metrics(["sap", "mig", "sap_r2"])) == ["sap_linear_svc", "sap_r2", "sap_tree", "mig"]
    assert all(name in METRICS for group in GROUPS.values() for name in group)
    assert set(GROUPS["all"]) - set(GROUPS["default"]) == {
        *("dci_gbt", "dci_forest", "dci_logistic", "dci_es", "nk", "sample_efficiency", "fairness"),
        "strong_generalisation",
        *("beta_vae_score_standardized", "sap_linear_svc_standardized"),
    }
    names = ["modularity_explicitness", "sap_score", "beta_vae_sklearn", "factor_vae_metric", "unsupervised_metrics"]
    assert list(make_metrics(names)) == [
        *("modularity", "explicitness", "sap_linear_svc", "beta_vae_score", "factor_vae_score"),
        *("gaussian_total_correlation", "gaussian_wasserstein_correlation", "pairwise_mutual_information"),
    ]
    assert all(name in METRICS for names in ALIASES.values() for name in names)
    assert not ALIASES.keys() & {*METRICS, *GROUPS}
    for name in ("mgi", "mig "):
        with pytest.raises(ValueError, match=rf"there is no metric '{name}'; did you mean mig\?"):
            DisentanglementSuite([name])
    with pytest.raises(ValueError, match=r"'qqqqqq'.*beta_vae_score.*, fast"):
        DisentanglementSuite(["qqqqqq"])
    with pytest.raises(ValueError, match="metrics is empty"):
        DisentanglementSuite([])
    with pytest.raises(ValueError, match="must be a list of names, got the single string 'mig'"):
        DisentanglementSuite("mig")


def test_samples_are_scored_by_all_but_metrics_of_whole_posteriors() -> None:
    generator = torch.Generator().manual_seed(0)
    factors = torch.randint(6, (3000, 3), generator=generator)
    means, log_variances = factors.float(), torch.full((3000, 3), -1.0)
    log_variances[:, 2] = 2.0
    metrics = ["mig", "rmig", "kl_per_latent", "active_units"]
    tables = {
        kind: DisentanglementSuite(metrics, Sampling(codes=kind), levels="none").run(means, factors, log_variances)
        for kind in ("mean", "sample")
    }
    assert {row.name: row.codes for row in tables["sample"].rows if row.name in ("mig", "rmig")} == {
        "mig": "sample",
        "rmig": "mean",
    }
    assert {row.codes for row in tables["mean"].rows} == {"mean"}
    for name, value in tables["mean"].scores.items():
        assert (tables["sample"][name] == value) == (name != "mig")
    # independently: the information in 20 bins of means with Gaussian noise of known variance
    noise = torch.randn(means.shape, generator=generator) * (log_variances / 2).exp()
    expected = mutual_information_gap(means + noise, factors, sampling=Sampling(2000, 0)).value
    assert tables["sample"]["mig"] == pytest.approx(expected, abs=0.03)
    assert tables["mean"]["mig"] > expected + 0.2


def test_repeats_draw_new_samples() -> None:
    factors = torch.cartesian_prod(torch.arange(8), torch.arange(8))
    suite = DisentanglementSuite(["mig"], Sampling(64, 0, codes="sample"), num_repeats=3, levels="none")
    score = suite.run(factors.float(), factors, torch.zeros(64, 2)).results["mig"].scores["mig"]
    assert score.error_over == "draws"
    assert score.standard_error > 0  # type: ignore[operator]  # all rows each time: only the noise differs
