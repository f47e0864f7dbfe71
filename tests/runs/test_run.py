"""Results, models and evaluations of a run."""

import csv
import json
import math
from pathlib import Path
from typing import cast

import pandas as pd
import pytest
import torch

import lr_lightning as lr
from lr_lightning.assays import encode_means
from lr_lightning.assays.protocol import Autoencoder
from lr_lightning.data import FactorDataModule
from lr_lightning.models import BetaVAE, SeedEnsemble
from lr_lightning.runs.results import read_history, read_results, scalars_of, scores_of
from tests.runs.process_state import changes, process_state
from tests.runs.tiny import TINY

pytestmark = [pytest.mark.filterwarnings("ignore:independence is undefined")]  # barely trained


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> lr.Run:
    values = TINY | {"assays.disentanglement": {"class_path": "disentanglement"}}
    values |= {"assays.disentanglement.metrics": ["mig"], "assays.disentanglement.final_metrics": ["irs"]}
    return lr.fit("helix", values, folder=tmp_path_factory.mktemp("runs") / "run", quiet=True)


@pytest.fixture(scope="module")
def ensemble(tmp_path_factory: pytest.TempPathFactory) -> lr.Run:
    values = TINY | {"seeds": [3, 5], "assays.disentanglement": "disentanglement"}
    values |= {"assays.disentanglement.metrics": ["mig"], "assays.disentanglement.final_metrics": []}
    return lr.fit("helix", values, folder=tmp_path_factory.mktemp("runs") / "ensemble", quiet=True)


def test_results_of_training(run: lr.Run) -> None:
    record = json.loads((run.folder / "results.json").read_text())["fit"]["scalars"]
    assert run.scalars["val/loss"] == record["val/loss"]
    assert run.seed == 0
    assert run.config["model"]["init_args"]["beta"] == 0.05
    assert {score.row.name for score in run.scores} == {"mig", "irs_q99"}
    assert run.scores["mig"] == pytest.approx(run.scalars["metric/mig/score"], rel=1e-6)  # logged in float32
    assert {score.step for score in run.scores} == {8}
    with pytest.raises(KeyError, match=r"'mgi'.*mig, irs_q99"):
        run.scores["mgi"]


def test_history(tmp_path: Path) -> None:
    values = {key: value for key, value in TINY.items() if key != "trainer.logger"} | {"wandb.mode": "disabled"}
    run = lr.fit("helix", values | {"assays.response_matrix": "response_matrix"}, folder=tmp_path / "run", quiet=True)
    history = run.history
    with (run.folder / "metrics.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert history.index.name == "step"
    assert history.index.is_unique
    assert history.index.tolist() == sorted({int(row["step"]) for row in rows})
    for key in ("val/loss", "train/loss", "assay/response_matrix/independence"):
        logged = {int(row["step"]): float(row[key]) for row in rows if row[key]}
        assert logged, key
        curve = history[key]
        assert {step: value for step, value in curve.items() if step in logged} == pytest.approx(logged, nan_ok=True)
        assert curve.drop(index=list(logged)).isna().all()


def test_history_joins_values_of_a_step_and_takes_the_last(tmp_path: Path) -> None:
    (tmp_path / "metrics.csv").write_text("a,b,step\n1,,3\n,5,3\n2,,3\n,7,9\nnan,,9\n")
    history = read_history(tmp_path)
    assert history.loc[3].tolist() == [2, 5]
    assert history.loc[9, "b"] == 7
    assert math.isnan(history.loc[9, "a"])
    with pytest.raises(FileNotFoundError, match=r"demo.*metrics\.csv"):
        _ = lr.load_run("demo").history


def test_undefined_scalars_are_nan() -> None:
    found = scalars_of({"scalars": {"a": None, "b": 2}})
    assert math.isnan(found["a"])
    assert found["b"] == 2.0
    assert scalars_of({}) == {}


def test_tables(run: lr.Run, ensemble: lr.Run) -> None:
    frame = run.scores.to_pandas()
    assert isinstance(frame, pd.DataFrame)
    assert frame.set_index("name").loc["mig", "value"] == run.scores["mig"]
    assert (frame.seed.tolist(), frame.stage.tolist()) == ([0, 0], ["fit", "fit"])
    assert frame.standard_error.isna().all()
    assert frame.ceiling.dtype == float
    assert f"{run.scores['mig']:.3f}" in repr(run.scores)
    assert f"{run.scores['mig']:.3f}" in run.scores._repr_html_()
    both = ensemble.scores.to_pandas()
    assert both.seed.tolist() == [3, 5]
    for seed in (3, 5):
        logged = ensemble.scalars[f"seed_{seed}/metric/mig/score"]
        assert both.set_index("seed").loc[seed, "value"] == pytest.approx(logged, rel=1e-6)
        assert f"seed_{seed}/mig" in repr(ensemble.scores)
    with pytest.raises(KeyError, match="'mig' has 2 values"):
        ensemble.scores["mig"]
    assert repr(lr.Scores()) == "no scores"
    assert len(lr.Scores().to_pandas()) == 0


def test_a_score_of_an_earlier_validation_is_kept(tmp_path: Path) -> None:
    row: dict[str, object] = {
        "metric": "m",
        "variant": "score",
        "standard_error": None,
        "ceiling": None,
        "chance": None,
    }
    row |= {"higher_is_better": True, "num_train": 1, "num_test": 0, "seconds": 0.0}
    (tmp_path / "assays").mkdir()
    tables: dict[str, dict[str, float | None]] = {
        "step000010": {"a": 1.0, "b": 2.0},
        "step000020": {"a": None},
        "step000030": {"a": 9.0},
        "test": {"a": 5},
    }
    for moment, values in tables.items():
        text = json.dumps([row | {"name": name, "variant": name, "value": value} for name, value in values.items()])
        (tmp_path / "assays" / f"disentanglement-{moment}.json").write_text(text)
    record = {"step": 20, "seed": 0, "scalars": {"metric/m/a": None, "metric/m/b": 2.0}}
    found = scores_of(tmp_path, "fit", record)  # the table of step 30 is that of a killed start
    assert {score.row.name: score.step for score in found} == {"a": 20, "b": 10}
    assert math.isnan(found["a"])
    assert found["b"] == 2.0
    assert scores_of(tmp_path, "test", record)["a"] == 5.0
    assert len(scores_of(tmp_path, "test", record | {"scalars": {"metric/m/c": 1.0}})) == 0  # of an earlier test


def test_model_and_data(run: lr.Run) -> None:
    before = process_state()
    model, data = run.model(), cast(FactorDataModule, run.data())
    assert changes(before) == []
    assert isinstance(model, BetaVAE)
    assert not model.training
    checkpoint = torch.load(run.checkpoint("best"), weights_only=True)
    assert model.steps_trained == checkpoint["global_step"] > 0
    best = checkpoint["state_dict"]
    assert all(torch.equal(value, best[name]) for name, value in model.state_dict().items())
    assert len(data.train_indices) == 128
    batch = next(iter(data.val_dataloader()))
    with torch.no_grad():
        assert model.encode(batch[0]).mean.shape == (256, 2)
    moved = run.model(run.checkpoint("last"))
    last = torch.load(run.checkpoint("last"), weights_only=True)["state_dict"]
    assert all(torch.equal(value, last[name]) for name, value in moved.state_dict().items())
    with pytest.raises(FileNotFoundError, match=r"'lst'.*best, last"):
        run.model("lst")


def test_random_observations_are_encoded_without_writing(run: lr.Run, ensemble: lr.Run) -> None:
    before = {path: path.stat().st_mtime_ns for path in run.folder.rglob("*")}
    found, again, other = run.encode(9), run.encode(9), run.encode(9, seed=1)
    assert {path: path.stat().st_mtime_ns for path in run.folder.rglob("*")} == before
    assert found.indices is not None
    assert again.indices is not None
    assert other.indices is not None
    assert found.indices.equal(again.indices)
    assert not found.indices.equal(other.indices)
    assert (found.indices.diff() > 0).all()
    dataset = cast(FactorDataModule, run.data()).dataset
    expected = encode_means(cast(Autoencoder, run.model()), dataset.images(found.indices))
    assert found.codes.allclose(expected, atol=1e-6)
    with pytest.raises(ValueError, match="seed_5"):
        ensemble.encode(9)
    assert ensemble.encode(9, "seed_5").indices is not None


def test_an_ensemble_and_its_models(ensemble: lr.Run) -> None:
    whole, one = ensemble.model(), ensemble.model("seed_5")
    assert isinstance(whole, SeedEnsemble)
    assert isinstance(one, BetaVAE)
    for own, member in zip(one.parameters(), whole.members[1].parameters(), strict=True):
        assert torch.equal(own, member)
    with pytest.raises(ValueError, match=r"2 models.*'seed_3', 'seed_5'"):
        ensemble.codes()
    codes = ensemble.codes("seed_5")
    assert codes.indices is not None
    with torch.no_grad():
        data = cast(FactorDataModule, ensemble.data())
        again = one.encode(data.dataset.images(codes.indices[:7])).mean
    torch.testing.assert_close(codes.codes[:7], again)
    assert codes.factors is not None
    assert codes.codes.shape == (1152, 2)


def test_evaluations_are_returned_and_included(run: lr.Run, capsys: pytest.CaptureFixture[str]) -> None:
    run = lr.load_run(run.folder)
    trained = run.scalars
    found = run.test("last", metrics=["mig"], assays={"response_matrix": {"num_samples": 8}}, quiet=True)
    assert capsys.readouterr().out == ""
    assert {key.partition("/")[0] for key in found.scalars} == {"test", "metric", "assay"}
    assert found.scores["mig"] == run.scores["mig"] == pytest.approx(found.scalars["metric/mig/score"], rel=1e-6)
    assert "metric/irs/q99" not in found.scalars
    assert run.scalars["metric/irs/q99"] == trained["metric/irs/q99"]
    assert run.scalars["test/loss"] == found.scalars["test/loss"]
    assert run.config["assays"].keys() == {"disentanglement"}
    sampled = run.test("last", metrics=["mig"], assays=[], codes="sample", quiet=True)
    assert sampled.scores["mig"] != found.scores["mig"]
    assert not any(key.startswith("assay/response") for key in sampled.scalars)
    assert len(run.test("last", metrics=[], quiet=True).scores) == 0
    run.validate("best", metrics=["mig"], quiet=True)
    assert list(read_results(run.folder)) == ["fit", "test", "validate"]  # in the order in which they ran
    for options, message in (({"metrics": ["mgi"]}, "mgi"), ({"assays": ["response_matrx"]}, "response_matrix")):
        with pytest.raises(ValueError, match=message):
            run.test(**options, quiet=True)  # type: ignore[arg-type]


def test_a_report(run: lr.Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = process_state()
    page = run.assay(tmp_path / "report", assays=["latent_statistics"], quiet=True)
    assert capsys.readouterr() == ("", "")
    assert page == tmp_path / "report" / "index.html"
    assert "latent_statistics" in page.read_text()
    assert changes(before) == []
    with pytest.raises(FileExistsError, match="report"):
        run.assay(tmp_path / "report", assays=["latent_statistics"])
    with pytest.raises(ValueError, match=r"split.*'train'"):
        run.assay(tmp_path / "other", split="train")  # type: ignore[arg-type]


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"config\.yaml"):
        lr.load_run(tmp_path)
