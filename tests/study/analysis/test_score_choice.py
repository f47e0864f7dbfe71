"""Which scores need labels, and which are shown."""

import pytest

from lr_lightning.study.analysis.score_choice import main_scores, main_targets, needs_labels, usual_direction


@pytest.mark.parametrize(
    "name",
    [
        "mig",
        "dci_gbt_completeness",
        "sap_linear_svc",
        "irs_q99",
        "explicitness_auc_test",
        "infomec_modularity",
        "assay/conditioned_response/cds",
        "val/assay/conditioned_response/ccs",
        "assay/factor_topology/circles",
        "metric/dci/lightgbm_completeness",
        "val/metric/mig/score",
        "assay/not_installed/score",
        "not_installed",
    ],
)
def test_scores_that_need_labels(name: str) -> None:
    assert needs_labels(name)


@pytest.mark.parametrize(
    "name",
    [
        "gaussian_total_correlation",
        "elbo_decomposition_total_correlation",
        "active_units",
        "assay/response_matrix/independence",
        "val/assay/latent_statistics/kl",
        "test/reconstruction",
        "val/loss",
        "udr_lasso",
    ],
)
def test_scores_that_need_none(name: str) -> None:
    assert not needs_labels(name)


def test_main_scores() -> None:
    names = ["val/loss", "test/loss", "assay/response_matrix/seconds", "assay/mine/cds", "dci_gbt_completeness"]
    assert main_scores(names) == ["dci_gbt_completeness", "assay/mine/cds", "val/loss"]
    assert main_scores(["a", "b"]) == ["a", "b"]
    assert main_targets(names) == ["assay/mine/cds"]


@pytest.mark.parametrize(
    ("name", "better"),
    [
        ("val/loss", False),
        ("test/reconstruction", False),
        ("test/bits_per_dimension", False),
        ("assay/conditioned_response/cds_norm", True),
        ("val/assay/conditioned_response/ccs", True),
        ("assay/response_matrix/independence", True),
        ("test/kl", None),
        ("assay/response_matrix/directedness", None),
    ],
)
def test_usual_directions(name: str, better: bool | None) -> None:
    assert usual_direction(name) is better
