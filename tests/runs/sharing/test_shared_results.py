"""Which results of a run belong to the weights that are shared."""

import json
from pathlib import Path
from typing import Any

import pytest

from lr_lightning.runs.results import scores_of
from lr_lightning.runs.sharing.shared_results import SharedWeights, shared_results

ROW = {"metric": "m", "variant": "score", "standard_error": 0.1, "ceiling": 0.9, "chance": 0.2, "seconds": 0.0}
ROW |= {"higher_is_better": True, "num_train": 1, "num_test": 0}


def write_run(folder: Path, records: dict[str, Any], tables: dict[str, dict[str, float | None]]) -> Path:
    """Write the records and score tables of a run; tables by the end of their file names."""
    (folder / "assays").mkdir(parents=True)
    (folder / "results.json").write_text(json.dumps(records))
    for moment, values in tables.items():
        rows = [ROW | {"name": name, "variant": name, "value": value} for name, value in values.items()]
        (folder / "assays" / f"{moment}.json").write_text(json.dumps(rows))
    return folder


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run of 20 steps whose checkpoint of step 10 was tested."""
    common: dict[str, Any] = {"seed": 0, "config": {"secret": "/home/me"}, "cautions": ["Few latents."]}
    records = {
        "fit": common | {"step": 20, "scalars": {"val/loss": 1.0, "metric/m/a": 0.5}, "seconds": 9.0},
        "test": common | {"step": 10, "scalars": {"test/loss": 2.0, "metric/m/a": None}},
    }
    tables: dict[str, dict[str, float | None]] = {
        "disentanglement-step000010": {"a": 0.3, "b": 0.4},
        "disentanglement-step000020": {"a": 0.5},
        "disentanglement-test": {"a": None},
    }
    return write_run(tmp_path / "run", records, tables)


def names_and_values(record: dict[str, Any]) -> dict[str, float | None]:
    return {row["name"]: row["value"] for row in record["scores"]}


def test_weights_at_the_end_have_the_results_of_training(run: Path) -> None:
    shared = shared_results(run, SharedWeights("last", 20, {}))
    assert shared.keys() == {"fit"}  # the test was of other weights
    record = shared["fit"]
    assert record["scalars"] == {"val/loss": 1.0, "metric/m/a": 0.5}
    assert names_and_values(record) == {"a": 0.5}
    assert (record["step"], record["trained_steps"], record["seconds"]) == (20, 20, 9.0)
    assert record["cautions"] == ["Few latents."]
    assert "secret" not in json.dumps(shared)


def test_scores_of_an_earlier_validation_are_left_out(run: Path) -> None:
    """Training that did not end with a validation logs them again."""
    records = json.loads((run / "results.json").read_text())
    records["fit"]["scalars"]["metric/m/b"] = 0.4
    (run / "results.json").write_text(json.dumps(records))
    record = shared_results(run, SharedWeights("last", 20, {}))["fit"]
    assert names_and_values(record) == {"a": 0.5}
    assert record["scalars"] == {"val/loss": 1.0, "metric/m/a": 0.5}


def test_weights_of_an_earlier_step_have_what_was_measured_there(run: Path) -> None:
    shared = shared_results(run, SharedWeights("best", 10, {"val/loss": 0.8}))
    assert shared["fit"]["scalars"] == {"val/loss": 0.8}
    assert names_and_values(shared["fit"]) == {"a": 0.3, "b": 0.4}
    assert (shared["fit"]["step"], shared["fit"]["trained_steps"]) == (10, 20)
    assert shared["fit"]["cautions"] == []  # they are about the last validation
    assert shared["test"]["scalars"] == {"test/loss": 2.0, "metric/m/a": None}
    assert names_and_values(shared["test"]) == {"a": None}
    assert shared["test"]["cautions"] == ["Few latents."]


def test_they_are_read_back(run: Path, tmp_path: Path) -> None:
    shared = shared_results(run, SharedWeights("best", 10, {}))
    [first, second] = scores_of(tmp_path, "fit", json.loads(json.dumps(shared["fit"])))
    assert (first.seed, first.stage, first.step) == (0, "fit", 10)
    assert (first.row.value, first.row.chance, first.row.ceiling, first.row.standard_error) == (0.3, 0.2, 0.9, 0.1)
    assert second.row.name == "b"
    [tested] = scores_of(tmp_path, "test", json.loads(json.dumps(shared["test"])))
    assert tested.row.value != tested.row.value  # NaN


@pytest.mark.parametrize("scores", [3, [3], [{"step": 1}], [{"seed": 0, "step": 1, **ROW, "name": "a", "value": "x"}]])
def test_malformed_scores_are_one_sentence(tmp_path: Path, scores: Any) -> None:
    with pytest.raises(ValueError, match=r"results\.json.*malformed scores in test"):
        scores_of(tmp_path, "test", {"scores": scores})


def test_a_model_of_an_ensemble_has_its_own_results(tmp_path: Path) -> None:
    scalars = {f"seed_{seed}/val/loss": float(seed) for seed in (3, 5)} | {"val/loss": 4.0, "val/loss_sd": 1.4}
    scalars |= {f"seed_{seed}/metric/m/a": seed / 10 for seed in (3, 5)} | {"epoch": 1.0}
    records = {
        "fit": {"step": 20, "seed": 3, "scalars": scalars},
        "test": {"step": 20, "seed": 3, "scalars": {"test/loss": 9.0}},  # of seed_3.ckpt
    }
    tables: dict[str, dict[str, float | None]] = {
        f"seed_{seed}-disentanglement-step000020": {"a": seed / 10} for seed in (3, 5)
    }
    run = write_run(tmp_path / "run", records, tables)
    shared = shared_results(run, SharedWeights("seed_5", 20, {}, 5, (3, 5)))
    assert shared.keys() == {"fit"}
    assert shared["fit"]["scalars"] == {"val/loss": 5.0, "metric/m/a": 0.5, "epoch": 1.0}
    assert names_and_values(shared["fit"]) == {"a": 0.5}
    assert shared["fit"]["seed"] == shared["fit"]["scores"][0]["seed"] == 5
    other = shared_results(run, SharedWeights("seed_3", 20, {}, 3, (3, 5)))
    assert other["test"]["scalars"] == {"test/loss": 9.0}
    assert names_and_values(other["fit"]) == {"a": 0.3}


def test_a_run_that_has_not_ended_has_none(tmp_path: Path) -> None:
    assert shared_results(tmp_path, SharedWeights("best", 10, {"val/loss": 0.8})) == {}
