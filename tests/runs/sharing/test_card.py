"""The model card."""

from dataclasses import replace
from typing import Any

import pytest

from lr_lightning.callbacks import LatentStatisticsAssay
from lr_lightning.runs.sharing.card import SharedModel, model_card
from lr_lightning.runs.sharing.onnx_files import OnnxFile
from lr_lightning.runs.sharing.shared_results import SharedWeights
from lr_lightning.testing.tiny_runs import tiny_model

CONFIG: dict[str, Any] = {
    "seed_everything": 4,
    "trainer": {"precision": "32-true"},
    "checkpoint": {"monitor": "val/loss"},
    "model": {
        "class_path": "lr_lightning.models.BetaVAE",
        "init_args": {
            "beta": 0.1,
            "network": {"class_path": "lr_lightning.networks.MLP", "init_args": {"latent_dim": 3, "widths": [16]}},
            "optimizer": {"class_path": "torch.optim.Adam", "init_args": {"lr": 0.01, "eps": 1e-8}},
        },
    },
    "data": {
        "class_path": "lr_lightning.data.FactorDataModule",
        "init_args": {
            "dataset": {"class_path": "lr_lightning.data.RenderedDSprites"},
            "batch_size": 8,
            "val_size": 12,
            "groups": {"class_path": "lr_lightning.data.FactorPairs", "init_args": {"num_changed": 1}},
        },
    },
}
DATA = {"name": "rendered_dsprites", "num_samples": 737280, "factors": {"shape": 3}, "sha256_of_64": "ab12"}
ROW = {"name": "mig", "metric": "mig", "variant": "score", "value": 0.5, "standard_error": None, "chance": 0.02}
ROW |= {"ceiling": 1.0, "higher_is_better": True, "num_train": 1, "num_test": 0, "seconds": 0.0, "seed": 4, "step": 60}


def record(**values: Any) -> dict[str, Any]:
    default = {"step": 60, "trained_steps": 60, "seconds": 12.4, "data": DATA, "git_commit": "0123abc", "scores": [ROW]}
    default |= {"scalars": {"val/kl": 3.25, "assay/latent_statistics/active_units": 2.0}, "num_evaluated": 12}
    return {**default, "num_available": 12, "cautions": [], "versions": {"torch": "2.9"}, "threads": [], **values}


@pytest.fixture
def shared() -> SharedModel:
    return SharedModel(
        name="mine",
        model=tiny_model(),
        weights=SharedWeights("last", 60, {}),
        config=CONFIG,
        results={"fit": record()},
        assays=[LatentStatisticsAssay()],
        license="CC-BY-4.0",
    )


def rows(text: str) -> dict[str, list[str]]:
    """Return the rows of all tables by their first cell."""
    lines = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    return {cells[0]: cells[1:] for cells in lines}


def test_it_states_what_the_records_hold(shared: SharedModel) -> None:
    text = model_card(shared)
    found = rows(text)
    assert text.startswith("# BetaVAE on rendered_dsprites\n")
    assert found["Objective"] == ["`BetaVAE(beta=0.1)`"]
    assert found["Network"] == ["`MLP(latent_dim=3, widths=[16])`"]
    assert found["Likelihood"] == ["`Bernoulli()`"]
    assert found["Latents"] == ["3"]
    numbers = sum(parameter.numel() for parameter in shared.model.parameters())
    assert found["Parameters"][0].startswith(f"{numbers:,} (0.0 MB")
    assert found["Factors"] == ["shape (3)"]
    assert "`ab12`" in found["Content"][0]
    assert found["Steps"] == ["60"]
    assert found["Batch size"] == ["8 groups"]
    assert found["Groups"][0].startswith("`FactorPairs(num_changed=1)`: Pairs that differ in exactly")
    assert found["Optimizer"] == ["`Adam(lr=0.01)`"]
    assert (found["Seed"], found["Precision"]) == (["4"], ["`32-true`"])
    assert found["Time"] == ["12 s, assays included"]
    assert found["Commit of lr-lightning"] == ["`0123abc`"]
    assert found["`mig`"] == ["0.500", "0.020", "1.000", "higher"]
    assert found["KL"] == ["3.25 nats per observation"]
    assert found["Active units"] == ["2, by the variance of their means"]
    assert "Weights: CC-BY-4.0." in text
    assert "On all 12 observations." in text
    assert 'lr.load_run("mine")' in text
    assert "Cautions" not in text
    assert "Initial weights" not in text
    assert not [line for line in text.splitlines() if line != line.rstrip()]
    assert text.endswith(".\n")


def test_the_license_of_known_data_is_stated(shared: SharedModel) -> None:
    [license_] = rows(model_card(shared))["License of the data"]
    assert license_
    unknown = {"fit": record(data=DATA | {"name": "mine"})}
    assert "License of the data" not in rows(model_card(replace(shared, results=unknown)))


def test_weights_of_an_earlier_step_say_so(shared: SharedModel) -> None:
    results = {"fit": record(trained_steps=90)}
    best = replace(shared, weights=SharedWeights("best", 60, {}), results=results)
    assert rows(model_card(best))["Steps"] == ["60 of 90: the weights of `best.ckpt`, selected by `val/loss`"]
    last = replace(shared, weights=SharedWeights("last", 60, {}), results=results)
    assert rows(model_card(last))["Steps"] == ["60 of 90: the weights of `last.ckpt`"]


def test_a_test_on_a_part_or_on_other_data_is_stated_with_its_cautions(shared: SharedModel) -> None:
    test = record(scalars={"test/kl": 4.0}, num_evaluated=5, data=DATA | {"name": "other"}, cautions=["Codes | fade."])
    text = model_card(replace(shared, results={"fit": record(), "test": test}))
    assert "### On the test set\n\nOn 5 randomly drawn ones of 12 observations." in text
    assert "another data set than those of training, other." in text
    assert "- Codes | fade." in text
    assert "4.00 nats" in text
    assert "3.25 nats" in text


def test_each_evaluation_has_its_table(shared: SharedModel) -> None:
    later = record(scalars={"val/kl": 7.0}, scores=[])
    text = model_card(replace(shared, results={"fit": record(), "validate": later}))
    during, after = text.split("### During training")[1].split("### On the validation set")
    assert "3.25 nats" in during
    assert "`mig`" in during
    assert "7.00 nats" in after
    assert "`mig`" not in after


def test_without_records_nothing_is_claimed(shared: SharedModel) -> None:
    text = model_card(replace(shared, results={}))
    assert "No scores of these weights were recorded." in text
    assert text.startswith("# BetaVAE\n")
    assert rows(text).keys() & {"Time", "Versions", "Content", "`mig`"} == set()


def test_notes_initial_weights_and_ensembles(shared: SharedModel) -> None:
    weights = SharedWeights("seed_4", 60, {}, 4, (3, 4))
    text = model_card(replace(shared, notes="Read *this*.\n", started_from="runs/best.ckpt", weights=weights))
    assert "\n\nRead *this*.\n\n" in text
    assert rows(text)["Initial weights"] == ["`runs/best.ckpt`"]
    assert rows(text)["Time"] == ["12 s (2 models trained together), assays included"]


def test_onnx_files_and_how_to_run_them(shared: SharedModel) -> None:
    encoder = OnnxFile("encoder.onnx", "observation", {"observation": (3, 8, 8), "code": (3,)}, {"code": 1.26e-6})
    decoder = OnnxFile("decoder.onnx", "code", {"code": (3,), "observation": (3, 8, 8)}, {"observation": 3e-8})
    text = model_card(replace(shared, onnx=[encoder, decoder]))
    assert 'onnxruntime.InferenceSession("mine/decoder.onnx")' in text
    assert '[code] = encoder.run(None, {"observation": observations})  # float32 (N, 3, 8, 8)' in text
    assert rows(text)["`encoder.onnx`"] == ["`code`", "(N, 3)", "1.3e-06"]
    assert rows(text)["`decoder.onnx`"] == ["`observation`", "(N, 3, 8, 8)", "3.0e-08"]
    variational = replace(encoder, differences={"code": 1e-6, "log_variance": 2e-6})
    wide = replace(variational, shapes={**encoder.shapes, "log_variance": (3,)})
    assert "\ncode, log_variance = encoder.run(" in model_card(replace(shared, onnx=[wide, decoder]))
    assert "onnx" not in model_card(shared)


def test_the_origin_of_an_imported_model(shared: SharedModel) -> None:
    origin: dict[str, Any] = {
        "url": "https://example.org/vae",
        "license": "Apache-2.0",
        "file": "a.pt",
        "sha256": "cd34",
    }
    origin |= {"notes": ["Trained for long."], "step": 60, "scores": []}
    text = model_card(replace(shared, results={"import": origin}))
    assert rows(text)["Project"] == ["https://example.org/vae"]
    assert rows(text)["License of the project"] == ["Apache-2.0"]
    assert rows(text)["File"] == ["`a.pt`, SHA-256 `cd34`"]
    assert "- Trained for long." in text
    assert "Origin" not in model_card(shared)
