"""Disentanglement scores in validation and in testing."""

import json
import math
import warnings
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.callbacks import ModelCheckpoint
from typing_extensions import override

from lr_lightning.callbacks import DisentanglementAssay, LatentStatisticsAssay
from lr_lightning.metrics.core import chance_and_ceiling_cache
from lr_lightning.metrics.core.chance_and_ceiling import chance_of_noise
from lr_lightning.metrics.core.sample import Sampling
from lr_lightning.metrics.mutual_information_gap import mutual_information_gap
from lr_lightning.metrics.score_table import ScoreRow
from lr_lightning.models import Autoencoder
from lr_lightning.networks import MLP
from lr_lightning.testing import AssayTester
from lr_lightning.testing.tiny_runs import tiny_data, tiny_model, tiny_trainer, weights
from tests.arrays import read_arrays
from tests.callbacks.assays.runs import assert_says
from tests.conftest import Bars

pytestmark = pytest.mark.filterwarnings("ignore:.* undefined")  # barely trained

CHEAP = ["mig", "sap_r2"]
DEAR = ["modularity"]


class TestDisentanglementAssay(AssayTester):
    """It passes the tests of all assays."""

    assay = DisentanglementAssay
    arguments = {"metrics": CHEAP, "final_metrics": []}
    invalid_arguments = (
        {"final_every_n_validations": -1},
        {"num_repeats": 0},
        {"num_train": 1},
        {"levels": "some"},
        {"codes": "modes"},
    )


class Remember(Callback):
    """Notes the metrics after each validation."""

    def __init__(self) -> None:
        self.seen: list[dict[str, float]] = []

    @override
    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not trainer.sanity_checking:
            found = {key: value.item() for key, value in trainer.callback_metrics.items() if key.startswith("metric/")}
            self.seen.append(found)


def train(folder: Path, *callbacks: Callback, **options: Any) -> Trainer:
    trainer = tiny_trainer(folder, *callbacks, num_sanity_val_steps=0, **options)
    trainer.fit(tiny_model(), datamodule=tiny_data(Bars(), val_size=40))
    return trainer


def test_scores_are_of_the_validation_pass(tmp_path: Path) -> None:
    assay, data, model = DisentanglementAssay(CHEAP, DEAR, seed=3), tiny_data(Bars(), val_size=40), tiny_model()
    trainer = tiny_trainer(tmp_path, assay, max_epochs=2)
    trainer.fit(model, datamodule=data)
    with torch.no_grad():
        codes = model.encode(Bars().images(data.val_indices).float() / 255).mean
    expected = mutual_information_gap(codes, Bars().factors(data.val_indices), sampling=Sampling(seed=3))
    assert assay.seed == 3
    assert trainer.callback_metrics["metric/mig/score"].item() == pytest.approx(expected.value, abs=1e-5)
    assert {
        "metric/sap/r2",
        "metric/modularity/score",
        "assay/disentanglement/seconds",
    } <= trainer.callback_metrics.keys()
    assert assay.table is not None
    assert assay.table["mig"] == pytest.approx(expected.value, abs=1e-5)


def test_expensive_metrics_run_at_the_end(tmp_path: Path) -> None:
    remember = Remember()
    train(tmp_path, DisentanglementAssay(CHEAP, DEAR), remember, max_epochs=3)
    assert ["metric/modularity/score" in seen for seen in remember.seen] == [False, False, True]
    assert len({seen["metric/mig/score"] for seen in remember.seen}) > 1


def test_last_scores_are_logged_in_between(tmp_path: Path) -> None:
    remember = Remember()
    assay = DisentanglementAssay(CHEAP, DEAR, every_n_validations=2, final_every_n_validations=3)
    train(tmp_path, assay, remember, max_epochs=5)
    mig = [seen["metric/mig/score"] for seen in remember.seen]
    modularity = [seen["metric/modularity/score"] for seen in remember.seen]
    # cheap: validations 0, 2, 4; expensive: 0, 3, 4
    assert [later == earlier for earlier, later in pairwise(mig)] == [True, False, True, False]
    assert [later == earlier for earlier, later in pairwise(modularity)] == [True, True, False, False]


def test_files(tmp_path: Path) -> None:
    train(tmp_path, DisentanglementAssay(["mig", "dcimig", "sap_r2"], []), max_epochs=1)
    figures = sorted(path.name for path in (tmp_path / "figures").iterdir())
    assert figures == ["metric-mig-matrix-step000004.png", "metric-sap_r2-matrix-step000004.png"]
    arrays = read_arrays(tmp_path / "assays" / "disentanglement-step000004.npz")
    assert arrays["mig"].shape == (3, 3)
    rows = json.loads((tmp_path / "assays" / "disentanglement-step000004.json").read_text())
    assert {"mig", "dcimig", "sap_r2"} <= {row["name"] for row in rows}


def test_factor_names_and_logged_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    axes, tables = {}, {}
    monkeypatch.setattr(
        "lr_lightning.callbacks.assay.save_figure", lambda _, key, figure: axes.update({key: figure.axes[0]})
    )
    monkeypatch.setattr("lr_lightning.callbacks.assay.save_table", lambda _, key, *table: tables.update({key: table}))
    train(tmp_path, DisentanglementAssay(["mig", "kl_per_latent"], []), max_epochs=1)
    labels = axes["metric/mig/matrix"].get_xticklabels()
    assert [label.get_text() for label in labels] == ["colour", "row", "column"]
    columns, rows = tables["metric/scores"]
    assert columns == [name for name in ScoreRow._fields if name != "higher_is_better"]
    first = dict(zip(columns, rows[0], strict=True))
    assert (first["name"], first["variant"], first["num_train"]) == ("mig", "score", 27)
    assert 0 < first["chance"] < 0.2 < first["ceiling"] <= 1
    assert math.isnan(first["standard_error"])
    assert math.isnan(first["low"])
    assert first["error_over"] == ""
    # the divergence is known: log-variances reach the metrics
    assert all(not math.isnan(row[columns.index("value")]) for row in rows)


def test_a_subset_of_factors_is_unnamed(tmp_path: Path) -> None:
    class TwoFactors(Callback):
        def on_validation_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, *arguments: Any) -> None:
            outputs["factors"] = outputs["factors"][:, 1:]

    train(tmp_path, TwoFactors(), DisentanglementAssay(["mig"], []), max_epochs=1)
    arrays = read_arrays(tmp_path / "assays" / "disentanglement-step000004.npz")
    assert arrays["mig"].shape == (3, 2)


@pytest.mark.filterwarnings("ignore:Be aware that when using `ckpt_path`")  # the run resumed writes none
def test_a_resumed_run_keeps_schedule_and_scores(tmp_path: Path) -> None:
    """Expensive metrics, due at validations 0 and 3, keep their scores where training goes on at validation 2."""

    def assay() -> DisentanglementAssay:
        return DisentanglementAssay(CHEAP, DEAR, every_n_validations=2, final_every_n_validations=3)

    first, second = Remember(), Remember()
    options: dict[str, Any] = {"max_epochs": 5, "logger": False, "enable_checkpointing": True}
    keep = ModelCheckpoint(tmp_path, "{epoch}", save_top_k=-1, every_n_epochs=1, save_on_train_epoch_end=True)
    train(tmp_path / "whole", assay(), first, keep, **options)
    trainer = tiny_trainer(tmp_path / "resumed", assay(), second, num_sanity_val_steps=0, max_epochs=5)
    checkpoint = tmp_path / "epoch=1.ckpt"
    trainer.fit(tiny_model(), datamodule=tiny_data(Bars(), val_size=40), ckpt_path=checkpoint, weights_only=False)
    assert len(second.seen) == 3
    for resumed, whole in zip(second.seen, first.seen[2:], strict=True):
        assert resumed == pytest.approx(whole, rel=0, abs=0, nan_ok=True)


def test_levels(tmp_path: Path) -> None:
    metrics = ["mig", "dci_lasso"]

    def known(assay: DisentanglementAssay) -> list[bool]:
        assert assay.table is not None
        rows = {row.name: row for row in assay.table.rows}
        return [rows[name].ceiling is not None for name in ("mig", "dci_lasso_informativeness_test")]

    for options, expected in (
        ({}, [True, False]),
        ({"levels": "all"}, [True, True]),
        ({"levels": "none"}, [False] * 2),
    ):
        assay = DisentanglementAssay(metrics, [], **options)  # type: ignore[arg-type]
        train(tmp_path / str(options), assay, max_epochs=1)
        assert known(assay) == expected
    assay = DisentanglementAssay(metrics, [])
    tiny_trainer(tmp_path, assay).test(tiny_model(), datamodule=tiny_data(Bars()), verbose=False)
    assert known(assay) == [True, True]


def test_later_runs_in_a_process_know_the_levels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of the same factors and sizes, with the same values."""
    chance_and_ceiling_cache.cache_of_the_process.cache_clear()
    measured: list[str] = []

    def counted(*arguments: Any, **options: Any) -> dict[str, float]:
        measured.append("chance")
        return chance_of_noise(*arguments, **options)

    monkeypatch.setattr(chance_and_ceiling_cache, "chance_of_noise", counted)
    tables = []
    for number in range(2):
        assay = DisentanglementAssay(["dci_lasso"], [])
        tiny_trainer(tmp_path / str(number), assay).test(tiny_model(), datamodule=tiny_data(Bars()), verbose=False)
        assert assay.table is not None
        tables.append([(row.name, row.value, row.chance, row.ceiling) for row in assay.table.rows])
    assert measured == ["chance"]
    assert str(tables[0]) == str(tables[1])
    assert any(chance is not None for *_, chance, _ in tables[0])


@pytest.mark.parametrize(
    ("metrics", "final_metrics", "labels"),
    [
        (["mig", "sap_r2"], [], ["MIG", "sap_r2"]),
        (
            ["mig_sup"],
            ["mig", "modularity", "irs"],
            ["MIG", "mig_sup", "mig_sup_all", "modularity", "modularity_informative", "irs_q99"],
        ),
        (["sap"], ["fast"], ["MIG", "sap_linear_svc", "sap_r2", "sap_tree"]),  # others of the group are not listed
        (["dci"], [], ["DCI disentanglement", "DCI completeness", "DCI informativeness"]),
        (["lr_lightning.metrics.DCIMIG"], [], ["dcimig"]),
        (["fast"], [], ["MIG"]),
    ],
)
def test_the_summary_lists_what_was_asked_for(
    tmp_path: Path, metrics: list[str], final_metrics: list[str], labels: list[str]
) -> None:
    assay = DisentanglementAssay(metrics, final_metrics)
    tiny_trainer(tmp_path, assay).test(tiny_model(), datamodule=tiny_data(Bars()), verbose=False)
    rows = dict(assay.summary_rows({}))
    assert list(rows) == [*labels, "All scores"]
    assert assay.table is not None
    for name in set(labels) & set(assay.table.to_pandas().index):
        assert rows[name].startswith(f"{assay.table[name]:.3f}")
    assert rows["All scores"].startswith(str(len(assay.table.rows)))


def test_every_metric_runs_in_a_test(tmp_path: Path) -> None:
    trainer = tiny_trainer(tmp_path, DisentanglementAssay(CHEAP, DEAR))
    [scalars] = trainer.test(tiny_model(), datamodule=tiny_data(Bars()), verbose=False)
    assert {"metric/mig/score", "metric/modularity/score"} <= scalars.keys()


@pytest.mark.parametrize(("output", "value"), [("codes", torch.nan), ("log_variances", -torch.inf)])
def test_codes_that_are_not_finite_give_nan(tmp_path: Path, output: str, value: float) -> None:
    """From the second validation on, and with more rows to train on than are looked at then."""

    class Broken(Callback):
        def on_validation_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, *arguments: Any) -> None:
            if trainer.current_epoch:
                outputs[output][0, 0] = value

    assay, remember = DisentanglementAssay(CHEAP, DEAR, num_train=70, num_test=10), Remember()
    trainer = tiny_trainer(tmp_path, Broken(), assay, remember, num_sanity_val_steps=0, max_epochs=2)
    with pytest.warns(UserWarning, match="the codes are not finite: all disentanglement scores are NaN"):
        trainer.fit(tiny_model(), datamodule=tiny_data(Bars(num_columns=8), val_size=80))
    assert trainer.current_epoch == 2
    first, second = remember.seen
    assert not any(math.isnan(score) for score in first.values())
    assert {"metric/mig/score", "metric/sap/r2", "metric/modularity/score"} <= second.keys()
    assert all(math.isnan(score) for score in second.values())
    # nor is the table that of the validation before
    assert assay.table is not None
    assert {f"metric/{row.metric}/{row.variant}" for row in assay.table.rows} == second.keys()
    assert all(math.isnan(row.value) and row.ceiling is None and not row.num_train for row in assay.table.rows)


def test_data_without_factors(tmp_path: Path) -> None:
    class WithoutFactors(Callback):
        def on_validation_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, *arguments: Any) -> None:
            outputs["factors"] = None

    trainer = train(tmp_path, WithoutFactors(), DisentanglementAssay(["mig", "active_units"], []), max_epochs=1)
    found = {key for key in trainer.callback_metrics if key.startswith("metric/")}
    assert found == {"metric/active_units/score"}


def test_training_does_not_notice_it(tmp_path: Path) -> None:
    alone, watched = tiny_model(), tiny_model()
    tiny_trainer(tmp_path / "a").fit(alone, datamodule=tiny_data(Bars()))
    callbacks = [LatentStatisticsAssay(), DisentanglementAssay(["fast", "dci_lightgbm", "sap_linear_svc"], [])]
    tiny_trainer(tmp_path / "b", *callbacks).fit(watched, datamodule=tiny_data(Bars()))
    assert torch.equal(weights(alone), weights(watched))


def test_metrics_by_their_import_path(tmp_path: Path) -> None:
    paths = ["lr_lightning.metrics.MED"], ["lr_lightning.metrics.DCIMIG"]
    trainer = train(tmp_path, DisentanglementAssay(*paths), max_epochs=1)
    assert {"metric/med/disentanglement", "metric/dcimig/score"} <= trainer.callback_metrics.keys()


def test_suggests_the_nearest_metric() -> None:
    with pytest.raises(ValueError, match=r"mgi.*mig"):
        DisentanglementAssay(["mgi"])


def test_repeats_and_rows_reach_the_suite(tmp_path: Path) -> None:
    assay = DisentanglementAssay(CHEAP, [], num_train=20, num_test=10, num_repeats=2, seed=5)
    train(tmp_path, assay, max_epochs=1)
    assert assay.table is not None
    assert all(row.standard_error is not None and row.num_train == 20 for row in assay.table.rows)
    assert all(row.low <= row.value <= row.high for row in assay.table.rows)  # type: ignore[operator]
    assert len({row.error_over for row in assay.table.rows}) == 1
    [written] = (tmp_path / "assays").glob("disentanglement-*.json")
    assert {"low", "high", "error_over"} <= json.loads(written.read_text())[0].keys()


def test_samples_of_posteriors(tmp_path: Path) -> None:
    tables = {}
    for name, options in {"mean": {}, "sample": {"codes": "sample"}, "small batches": {"codes": "sample"}}.items():
        assay = DisentanglementAssay(["mig", "active_units"], [], levels="none", **options)  # type: ignore[arg-type]
        data = tiny_data(Bars(), eval_batch_size=3 if name == "small batches" else 24)
        tiny_trainer(tmp_path / name, assay).test(tiny_model(), datamodule=data, verbose=False)
        assert assay.table is not None
        tables[name] = assay.table
        [written] = (tmp_path / name / "assays").glob("disentanglement-*.json")
        kinds = [row["codes"] for row in json.loads(written.read_text())]
        assert kinds == ["sample" if options else "mean", "mean"]
    assert tables["sample"]["mig"] != tables["mean"]["mig"]
    assert tables["small batches"]["mig"] == pytest.approx(tables["sample"]["mig"], abs=1e-9)
    assert tables["sample"]["active_units"] == tables["mean"]["active_units"]


def test_deterministic_codes_are_not_sampled(tmp_path: Path) -> None:
    model = Autoencoder(MLP(2, (3, 8, 8), variational=False))
    trainer = tiny_trainer(tmp_path, DisentanglementAssay(["mig"], [], codes="sample"))
    with pytest.raises(ValueError, match="codes='sample' needs log-variances"):
        trainer.fit(model, datamodule=tiny_data(Bars()))
    assert trainer.global_step == 0


def test_constant_factors_are_left_out(tmp_path: Path) -> None:
    """The data set says so: nothing to warn of at each validation."""
    data = tiny_data(Bars(num_columns=1), val_size=8, batch_size=4, batches_per_epoch=1)
    trainer = tiny_trainer(tmp_path, DisentanglementAssay(["mig"], []), max_epochs=1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", module="pytorch_lightning")
        trainer.fit(tiny_model(), datamodule=data)
    arrays = read_arrays(tmp_path / "assays" / "disentanglement-step000001.npz")
    assert arrays["mig"].shape == (3, 2)


@pytest.mark.parametrize(
    ("scalars", "parts"),
    [({"mig/score": 0.25, "infomec/modularity": math.nan}, ["MIG 0.25; "]), ({"active_units/score": 3.0}, [])],
)
def test_interpretations(scalars: dict[str, float], parts: list[str]) -> None:
    assert_says(DisentanglementAssay(), scalars, parts)
